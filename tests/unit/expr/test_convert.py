"""What is left of a value whose field becomes another type; `test_fields` of the engine has more, in a store."""

from __future__ import annotations

from decimal import Decimal

import pytest

from flowrun.calendars.zones import zone
from flowrun.expr.convert import converted, keeps_all
from flowrun.expr.types import BOOLEAN, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal, enum

BERLIN = zone("Europe/Berlin")
WINTER = 1_767_225_600_000
"""2026-01-01T01:00 in Berlin."""


@pytest.mark.parametrize(
    ("value", "old", "new", "becomes"),
    [
        (None, TEXT, INTEGER, None),
        ("2026-01-01T01:00", TEXT, DATETIME, WINTER),
        (WINTER, DATETIME, TEXT, "2026-01-01T01:00"),
        (Decimal("-2.50"), decimal(2), decimal(0), Decimal(-2)),
        (Decimal("-3.50"), decimal(2), decimal(0), Decimal(-4)),
        (Decimal("999999999999.999999"), decimal(6), decimal(5), Decimal("1000000000000.00000")),
        (Decimal("9999999999999.99999"), decimal(5), decimal(6), None),
        (-(10**12), INTEGER, decimal(6), None),
        (-(10**12) + 1, INTEGER, decimal(6), Decimal("-999999999999.000000")),
        (Decimal("5.00"), decimal(2), INTEGER, 5),
        ("a", enum("a", "b"), enum("b"), None),
        ("b", enum("a", "b"), enum("b"), "b"),
        (("a", "b"), TAGS, TEXT, "a, b"),
        (5, INTEGER, BOOLEAN, None),
    ],
)
def test_it_keeps_what_is_exact(value: Value, old: Type, new: Type, becomes: Value) -> None:
    found = converted(value, old, new, BERLIN)
    assert (found, type(found)) == (becomes, type(becomes))


@pytest.mark.parametrize(
    ("old", "new", "all_"),
    [
        (TEXT, TEXT, True),
        (TEXT, enum("a"), False),
        (enum("a", "b"), enum("b", "c", "a"), True),
        (enum("a", "b"), enum("b", "c"), False),
        (enum(), enum("a"), False),
        (decimal(2), decimal(2), True),
        (decimal(2), decimal(3), False),
    ],
)
def test_it_knows_where_nothing_has_to_be_converted(old: Type, new: Type, all_: bool) -> None:
    assert keeps_all(old, new) is all_
