"""The page's own files: how much they weigh, and that no word is missing. These need no browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import flowrun

STATIC = Path(flowrun.__file__).parent / "studio" / "static"
LANGUAGES = ("en", "ru")
FORMS = {"en": 2, "ru": 3}
"""How many forms a counted thing has, where it has several."""
MOST = 150_000
"""Bytes."""


def flat(group: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The words by their full keys."""
    for key, value in group.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)


def words(language: str) -> dict[str, str]:
    return dict(flat(json.loads((STATIC / "words" / f"{language}.json").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_light(language: str) -> None:
    """All that a browser loads to show it, as it lies on the disk: uncompressed, with its remarks."""
    others = {f"{one}.json" for one in LANGUAGES if one != language}
    files = [path for path in STATIC.rglob("*") if path.is_file() and path.name not in others]
    assert sum(path.stat().st_size for path in files) < MOST


def test_both_languages_say_the_same_things() -> None:
    english, russian = map(words, LANGUAGES)
    assert list(english) == list(russian)
    for key, value in english.items():
        for language, said in (("en", value), ("ru", russian[key])):
            forms = said.split("|")
            assert len(forms) in {1, FORMS[language]}, key
            names = [set(re.findall(r"\{(\w+)\}", form)) for form in forms]
            assert all(one == set(re.findall(r"\{(\w+)\}", value)) for one in names), key


def test_every_word_that_is_used_is_there() -> None:
    known = set(words("en"))
    used: set[str] = set()
    begun: set[str] = set()
    for path in [*STATIC.rglob("*.js"), STATIC / "index.html"]:
        text = path.read_text(encoding="utf-8")
        for call in re.findall(r"\bt\(((?:[^()`]|`[^`]*`|\([^()]*\))*)\)", text):
            first = call.split(", {")[0]
            plain = re.sub(r"`[^`]*`", "", first)
            used |= set(re.findall(r'"([a-z][\w.-]*)"', plain if "?" not in plain else plain.split("?", 1)[1]))
            begun |= set(re.findall(r"`([\w.]+\.)\$\{", first))
        used |= set(re.findall(r'data-t(?:-label)?="([^"]+)"', text))
        begun |= {f"{one}." for one in re.findall(r'\bterm\("(\w+)"', text)}
        used |= {
            f"key.{one}" for one in re.findall(r'form\.(?:line|pick|choose|several|tick|condition)\("([\w.]+)"', text)
        }
    assert sorted(used - known) == []
    assert [one for one in sorted(begun) if not any(key.startswith(one) for key in known)] == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in [*STATIC.rglob("*.js"), *STATIC.rglob("*.css"), STATIC / "index.html"]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "//" not in re.sub(r"(?m)^\s*//.*$|\s// .*$", "", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            path
        )
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son\w+=", text if path.suffix == ".html" else ""), path
