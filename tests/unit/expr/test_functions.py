"""The functions whose meaning is more than a line: simple case mapping, rounding, white space, the table itself."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from flowrun.expr.functions import (
    FILTERS,
    FUNCTIONS,
    REGISTERED,
    TESTS,
    WHITESPACE,
    lower,
    round_half_even,
    shift_days,
    upper,
)
from tests.property.expressions import TODAY


@pytest.mark.parametrize(
    ("text", "expected"),
    # Simple_Uppercase_Mapping of UnicodeData.txt; those with a longer mapping in SpecialCasing.txt first.
    [
        ("ß", "ß"),
        ("ŉ", "ŉ"),
        ("ǰ", "ǰ"),
        ("ﬁ", "ﬁ"),
        ("\u1f80", "\u1f88"),
        ("\u1f88", "\u1f88"),
        ("\u1fb3", "\u1fbc"),
        ("\u1fb2", "\u1fb2"),
        ("\u0390", "\u0390"),
        ("ı", "I"),
        ("ſ", "S"),
        ("ǆ", "Ǆ"),
        ("ǅ", "Ǆ"),
        ("µ", "\u039c"),
        ("\u0345", "\u0399"),
        ("ÿж𐐨", "ŸЖ𐐀"),
    ],
)
def test_upper_maps_character_to_character(text: str, expected: str) -> None:
    assert upper(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("İ", "i"), ("ΑΣ", "ας"[:1] + "σ"), ("ẞ", "ß"), ("Ω", "ω"), ("\u1f88", "\u1f80"), ("Ǆǅ", "ǆǆ"), ("Ж𐐀", "ж𐐨")],
)
def test_lower_maps_character_to_character(text: str, expected: str) -> None:
    assert lower(text) == expected


def test_case_never_changes_the_number_of_characters() -> None:
    everything = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)
    assert len(lower(everything)) == len(upper(everything)) == len(everything)


def test_white_space_is_unicodes() -> None:
    # PropList.txt, White_Space: all of Zs, Zl, Zp and six control characters.
    separators = {
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Zs", "Zl", "Zp"}
    }
    assert set(WHITESPACE) == separators | set("\t\n\v\f\r\x85")


@pytest.mark.parametrize(
    ("number", "digits", "expected"),
    [
        (25, 1, 2),
        (35, 1, 4),
        (-25, 1, -2),
        (-35, 1, -4),
        (250001, 5, 3),
        (-26, 1, -3),
        (5, 1, 0),
        (-5, 1, 0),
        (15, 1, 2),
        (7, 0, 7),
    ],
)
def test_rounding_is_half_to_even(number: int, digits: int, expected: int) -> None:
    assert round_half_even(number, digits) == expected


def test_days_beyond_the_calendar_are_none() -> None:
    assert shift_days(TODAY, 10**30) is None
    assert shift_days(TODAY, -(10**6)) is None


@pytest.mark.parametrize("argument", [None, 1.5e300, float("-inf"), 2**63 - 1])
def test_registered_functions_bear_what_an_overflow_made(argument: object) -> None:
    functions = {name: function for name, _, function in REGISTERED}
    functions["fr_round"](argument, 2)
    functions["fr_shift_days"]("2026-03-06", argument, 1)
    functions["fr_shift_days"](None, argument, -1)
    functions["fr_number_text"](argument, 2)


def test_registered_functions_take_as_many_arguments_as_they_say() -> None:
    for name, arguments, function in REGISTERED:
        assert name.startswith("fr_")
        function(*["[]" if "tags" in name else None] * arguments)


def test_every_function_is_documented_and_whole() -> None:
    for table in (FUNCTIONS, FILTERS, TESTS):
        for name, function in table.items():
            assert name == function.name
            assert name in function.signature
            assert function.doc.endswith(".")
            assert (function.python is None) is (function.sql is None) is (table is FUNCTIONS)
