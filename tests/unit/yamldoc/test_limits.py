"""The limits of the format: each just reached, just passed, and under files made to hurt."""

from __future__ import annotations

import tracemalloc

import pytest

from flowrun.yamldoc import read_document
from tests.calls import calls

MIB = 1 << 20


def codes(text: str) -> list[str]:
    return [finding.code for finding in read_document(text.encode(), "a.yaml").findings]


def test_depth() -> None:
    assert codes("[" * 40 + "]" * 40) == []
    assert codes("[" * 41 + "]" * 41) == ["FR128"]


def test_depth_through_aliases() -> None:
    assert codes("a: &a " + "[" * 37 + "]" * 37 + "\nb: [[*a]]\n") == []
    assert codes("a: &a " + "[" * 37 + "]" * 37 + "\nb: [[[*a]]]\n") == ["FR128"]


def test_depth_through_aliases_of_aliases() -> None:
    nest = "- &a [[[[[[[[[[x]]]]]]]]]]\n- &b [[[[[[[[[[*a]]]]]]]]]]\n- &c [[[[[[[[[[*b]]]]]]]]]]\n"
    assert codes(nest + "- [[[[[[[[[*c]]]]]]]]]\n") == []
    assert codes(nest + "- [[[[[[[[[[*c]]]]]]]]]]\n") == ["FR128"]


def test_aliases() -> None:
    assert codes("- &a 1\n" + "- *a\n" * 100) == []
    assert codes("- &a 1\n" + "- *a\n" * 101) == ["FR126"]


def test_nodes() -> None:
    assert codes("- 1\n" * 99_999) == []
    assert codes("- 1\n" * 100_000) == ["FR127"]


def test_keys_are_nodes() -> None:
    pairs = "".join(f"k{number}: 1\n" for number in range(50_000))
    assert codes(pairs.removesuffix("k49999: 1\n") + "last:\n  - \n") == ["FR127"]
    assert codes(pairs.removesuffix("k49999: 1\n")) == []


def test_nodes_through_aliases() -> None:
    # One outer list; the anchored list has 1,000 nodes, and so has each of its 98 aliases; 999 more fill it up.
    text = "- &a [" + "1," * 999 + "]\n" + "- *a\n" * 98
    assert codes(text + "- 1\n" * 999) == []
    assert codes(text + "- 1\n" * 1000) == ["FR127"]


def test_nodes_through_aliases_of_aliases() -> None:
    text = "a: &a [" + "1," * 9 + "]\nb: &b [" + "*a," * 9 + "]\nc: &c [" + "*b," * 9 + "]\nd: &d [" + "*c," * 9 + "]\n"
    assert codes(text) == []
    assert codes(text + "e: [" + "*d," * 20 + "]\n") == ["FR127"]


def test_findings() -> None:
    assert codes("- !a\n" * 1000) == ["FR121"] * 1000
    assert codes("- !a\n" * 5000) == ["FR121"] * 1000


HOSTILE = {
    "open lists": "[" * MIB,
    "open mappings": "{" * MIB,
    "open mappings with keys": "{a: " * (MIB // 4),
    "lists in lists on a line": "- " * (MIB // 2),
    "explicit keys in keys": "? " * (MIB // 2),
    "explicit keys": "? \n" * (MIB // 3),
    "empty items": "- \n" * (MIB // 3),
    "a long word": "a" * MIB,
    "a long value": "a: " + "b" * (MIB - 3),
    "many digits": "a: " + "9" * (MIB - 3),
    "words": "a: " + "b " * (MIB // 2 - 2),
    "a long folded value": "a: " + "b\n  " * (MIB // 4 - 1),
    "an open quote": 'a: "' + "x" * (MIB - 4),
    "escapes": 'a: "' + "\\x41" * (MIB // 4 - 2) + '"',
    "NUL escapes": 'a: "' + "\\0" * (MIB // 2 - 3) + '"',
    "line breaks": "a:" + "\n" * (MIB - 2),
    "a tall text": "a: |\n" + "  x\n" * (MIB // 4 - 2),
    "colons": "a" + ":" * (MIB - 1),
    "duplicate keys": "a: 1\n" * (MIB // 5),
    "flow pairs": "[" + "a: b, " * (MIB // 6 - 1) + "]",
    "commas": "[" + "," * (MIB - 1),
    "anchors": "- &a x\n" * (MIB // 7),
    "a long anchor": "&" + "a" * (MIB - 1),
    "tags": "- !a b\n" * (MIB // 7),
    "tag directives": "".join(f"%TAG !a{number}! b\n" for number in range(MIB // 20)),
    "documents": "---\n" * (MIB // 4),
    "comments": "#a\n" * (MIB // 3),
    "merge keys": "a: &a {x: 1}\n" + "b:\n  <<: [" + "*a," * 90 + "]\n",
    "a bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "a wide indent": "".join(" " * depth + "a:\n" for depth in range(1400)),
    "control characters": "\x01" * MIB,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_answered_in_time(text: str) -> None:
    data = text.encode()
    assert len(data) <= MIB
    assert calls(lambda: read_document(data, "a.yaml")) < 5 * MIB  # the dearest, comments, makes four a character


@pytest.mark.parametrize("name", ["merge keys", "a bomb"])
def test_a_hostile_file_is_answered_in_little_memory(name: str) -> None:
    data = HOSTILE[name].encode()
    tracemalloc.start()
    try:
        read_document(data, "a.yaml")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200 * MIB
