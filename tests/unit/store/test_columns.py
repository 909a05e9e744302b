"""Values that become those of another type, in SQL: as `expr.convert` says it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import create_engine

from flowrun.calendars.zones import zone
from flowrun.expr.convert import converted
from flowrun.expr.types import INTEGER, Type, decimal, enum
from flowrun.expr.values import decode, encode
from flowrun.flow.model import Field
from flowrun.store.columns import succession

LARGEST = 10**18 - 1
NUMBERS = sorted(
    {sign * number for number in (*range(260), 499, 500, 501, 10**15, 10**16, LARGEST) for sign in (1, -1)}
    | {sign * (LARGEST // 10**power + more) for power in range(4) for more in (-1, 0, 1) for sign in (1, -1)} - {10**18}
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (decimal(2), decimal(3)),
        (decimal(0), decimal(2)),
        (decimal(3), decimal(2)),
        (decimal(3), decimal(0)),
        (decimal(2), INTEGER),
        (decimal(0), INTEGER),
        (INTEGER, decimal(0)),
        (INTEGER, decimal(2)),
    ],
    ids=str,
)
def test_numbers(old: Type, new: Type) -> None:
    assert in_sql(old, new, [None, *NUMBERS]) == in_python(old, new, [None, *NUMBERS])


def test_integers_beyond_the_digits_of_a_decimal_are_lost() -> None:
    most = [2**63 - 1, -(2**63), 10**18, -(10**18)]
    assert in_sql(INTEGER, decimal(0), most) == in_python(INTEGER, decimal(0), most) == [None] * 4


def test_values_of_an_enum() -> None:
    old, new, values = enum("a", "b", "it's"), enum("it's", "c", "a"), [None, "a", "b", "it's"]
    assert in_sql(old, new, values) == in_python(old, new, values) == [None, "a", None, "it's"]


def test_what_was_written_past_the_triggers_is_no_value() -> None:
    assert in_sql(decimal(2), decimal(3), ["x", 1.5]) == [None, None]
    assert in_sql(decimal(2), decimal(1), ["x", 1.5]) == [None, None]
    assert in_sql(decimal(2), INTEGER, ["x", 1.5]) == [None, None]


def in_sql(old: Type, new: Type, stored: Sequence[object]) -> list[object]:
    """What becomes of them in a database that has no functions of flowrun."""
    value = succession(Field("f", old), Field("f", new), "f", None, "UTC")
    with create_engine("sqlite://").connect() as connection:
        connection.exec_driver_sql("CREATE TABLE deals (at INTEGER, f)")
        connection.exec_driver_sql("INSERT INTO deals VALUES (?, ?)", list(enumerate(stored)))
        return list(connection.exec_driver_sql(f"SELECT {value} FROM deals ORDER BY at").scalars())


def in_python(old: Type, new: Type, stored: Sequence[int | str | None]) -> list[object]:
    return [encode(converted(decode(one, old), old, new, zone("UTC")), new) for one in stored]
