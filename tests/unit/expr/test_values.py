"""Values as text, in the store, and as JSON."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal, enum
from flowrun.expr.values import BadValue, decode, encode, from_json, read, scaled, tags, to_json, unscaled, write
from tests.property.expressions import ZONE

COLOUR = enum("red", "green", "blue")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("", TEXT, None),
        ("", INTEGER, None),
        (" a ", TEXT, " a "),
        ("007", INTEGER, 7),
        ("-9223372036854775808", INTEGER, -(2**63)),
        ("9223372036854775807", INTEGER, 2**63 - 1),
        ("0" * 5000 + "1", INTEGER, 1),
        ("1200.5", decimal(2), Decimal("1200.50")),
        ("-0.05", decimal(2), Decimal("-0.05")),
        ("-0", decimal(2), Decimal("0.00")),
        ("+3", decimal(0), Decimal(3)),
        ("0" * 5000 + "1.5", decimal(2), Decimal("1.50")),
        ("9999999999999999.99", decimal(2), Decimal("9999999999999999.99")),
        ("true", BOOLEAN, True),
        ("false", BOOLEAN, False),
        ("2026-12-31", DATE, date(2026, 12, 31)),
        ("1970-01-01T03:00", DATETIME, 0),
        ("1970-01-01T03:00:01.5", DATETIME, 1500),
        ("1970-01-01T00:00:00.123999Z", DATETIME, 123),
        ("1970-01-01T00:00+01:00", DATETIME, -3_600_000),
        ("1970-01-01T00:00-0130", DATETIME, 5_400_000),
        ("9999-12-31T23:59:59.999Z", DATETIME, 253_402_300_799_999),
        ("red", COLOUR, "red"),
        ("b, a,,b ", TAGS, ("a", "b")),
        (",", TAGS, None),
    ],
)
def test_read(text: str, kind: Type, value: Value) -> None:
    found = read(text, kind, ZONE)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("1.0", INTEGER, "'1.0' is no integer; expected digits only, for example 1200"),
        ("1 000", INTEGER, "'1 000' is no integer; expected digits only, for example 1200"),
        ("٣", INTEGER, "'٣' is no integer; expected digits only, for example 1200"),
        ("9223372036854775808", INTEGER, "9223372036854775808 is beyond 64 bits"),
        ("9" * 5000, INTEGER, "9" * 37 + "… is beyond 64 bits"),
        ("1,5", decimal(2), "'1,5' is no decimal; expected digits and a point, for example 1200.50"),
        ("1e5", decimal(2), "'1e5' is no decimal; expected digits and a point, for example 1200.50"),
        ("NaN", decimal(2), "'NaN' is no decimal; expected digits and a point, for example 1200.50"),
        ("1.505", decimal(2), "1.505 has 3 decimal places; at most 2 are allowed"),
        (
            "12345678901234567",
            decimal(2),
            "12345678901234567 is too large; at most 18 digits, 2 of them after the point",
        ),
        ("True", BOOLEAN, "'True' is no boolean; expected true or false"),
        ("yes", BOOLEAN, "'yes' is no boolean; expected true or false"),
        ("31.12.2026", DATE, "'31.12.2026' is no date; expected for example 2026-12-31"),
        ("20261231", DATE, "'20261231' is no date; expected for example 2026-12-31"),
        ("2026-02-30", DATE, "there is no day 2026-02-30"),
        ("2026-01-02", DATETIME, "'2026-01-02' is no date and time; expected for example 2026-12-31T16:00"),
        ("2026-01-02T25:00", DATETIME, "there is no time 2026-01-02T25:00"),
        ("2026-01-02T00:00+25:00", DATETIME, "there is no time 2026-01-02T00:00+25:00"),
        ("0001-01-01T00:00", DATETIME, "there is no time 0001-01-01T00:00"),
        ("0001-01-01T00:00+01:00", DATETIME, "there is no time 0001-01-01T00:00+01:00"),
        ("gren", COLOUR, "'gren' is none of red, green, blue; did you mean 'green'?"),
        ("x", COLOUR, "'x' is none of red, green, blue"),
    ],
)
def test_read_says_what_is_wrong(text: str, kind: Type, message: str) -> None:
    with pytest.raises(BadValue) as caught:
        read(text, kind, ZONE)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "kind", "text", "stored", "json"),
    [
        ("Ж", TEXT, "Ж", "Ж", "Ж"),
        (-5, INTEGER, "-5", -5, -5),
        (Decimal("-0.05"), decimal(2), "-0.05", -5, "-0.05"),
        (Decimal(7), decimal(2), "7.00", 700, "7.00"),
        (Decimal(7), decimal(0), "7", 7, "7"),
        (False, BOOLEAN, "false", 0, False),
        (date(987, 1, 2), DATE, "0987-01-02", "0987-01-02", "0987-01-02"),
        (0, DATETIME, "1970-01-01T03:00", 0, "1970-01-01T00:00:00.000Z"),
        ("red", COLOUR, "red", "red", "red"),
        (("a", '"Ж\n'), TAGS, 'a, "Ж\n', '["\\"Ж\\n","a"]', ["a", '"Ж\n']),
        (None, decimal(2), "", None, None),
        (None, TAGS, "", None, None),
    ],
)
def test_write_encode_and_json(value: Value, kind: Type, text: str, stored: object, json: object) -> None:
    assert write(value, kind, ZONE) == text
    assert encode(value, kind) == stored
    assert type(encode(value, kind)) is type(stored)
    assert to_json(value, kind) == json
    expected = tuple(sorted(value)) if isinstance(value, tuple) else value
    assert decode(encode(value, kind), kind) == expected
    assert from_json(to_json(value, kind), kind) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, INTEGER),
        (1.5, decimal(2)),
        (True, decimal(2)),
        ("true", BOOLEAN),
        (5, TEXT),
        (["a", 1], TAGS),
        ("2026-01-01T00:00", DATETIME),
        (2**63, INTEGER),
        ("x", COLOUR),
        ({}, TEXT),
    ],
)
def test_from_json_takes_what_to_json_gives_and_nothing_else(value: object, kind: Type) -> None:
    with pytest.raises(BadValue):
        from_json(value, kind)


def test_there_is_one_empty() -> None:
    assert tags(["", ""]) is None
    assert encode("", TEXT) is None
    assert encode((), TAGS) is None
    assert decode("", TEXT) is None
    assert decode("[]", TAGS) is None
    assert from_json("", TEXT) is None


def test_a_decimal_that_does_not_fit_its_type_is_a_defect() -> None:
    with pytest.raises(ValueError, match="more than 2 places"):
        encode(Decimal("0.125"), decimal(2))


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(0, 6))
def test_decimals_are_exact(number: int, places: int) -> None:
    value = unscaled(number, places)
    assert scaled(value, places) == number
    kind = decimal(places)
    assert read(write(value, kind, ZONE), kind, ZONE) == value
    assert decode(encode(value, kind), kind) == value
