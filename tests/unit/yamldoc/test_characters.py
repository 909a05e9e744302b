"""Which characters are refused, and how they are named."""

from __future__ import annotations

import sys

import pytest
import yaml

from flowrun.yamldoc import read_document
from flowrun.yamldoc.characters import NOT_IN_A_FILE, character_name, is_bidi_or_zero_width, is_control


@pytest.mark.parametrize("char", "\x00\t\n\r\x1b\x7f\x85\x9f\u2028\u2029")
def test_control_characters(char: str) -> None:
    assert is_control(char)
    assert not is_bidi_or_zero_width(char)


@pytest.mark.parametrize(
    "char", "\xad\u061c\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\u034f\U000e0041"
)
def test_bidi_and_zero_width_characters(char: str) -> None:
    assert is_bidi_or_zero_width(char)
    assert not is_control(char)


@pytest.mark.parametrize("char", "aЖ😀 é\u0301\xa0中")
def test_other_characters(char: str) -> None:
    assert not is_control(char)
    assert not is_bidi_or_zero_width(char)


def test_names() -> None:
    assert character_name("\x00") == "U+0000 (NUL)"
    assert character_name("\u202e") == "U+202E (right-to-left override)"
    assert character_name("\U0001f600") == "U+1F600 (grinning face)"
    assert character_name("\x01") == "U+0001"


def test_what_a_file_may_hold_the_parsers_read() -> None:
    # All of them, in chunks: a character that a parser refuses would be a message that nobody wrote.
    allowed = "".join(char for char in map(chr, range(sys.maxunicode + 1)) if not NOT_IN_A_FILE.search(char))
    allowed = allowed.translate({ord(char): None for char in "\t\n\r'"})
    for start in range(0, len(allowed), 100_000):
        chunk = f"'{allowed[start : start + 100_000]}'"
        assert read_document(chunk.encode(), "a.yaml").findings == ()
        yaml.reader.Reader(chunk)
