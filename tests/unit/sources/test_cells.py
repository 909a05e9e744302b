"""Cells: what is taken, what it means, and what is refused rather than guessed."""

from __future__ import annotations

import pytest

from flowrun.expr.values import BadValue
from flowrun.sources.cells import Cells, Stored, date_format_problem
from tests.unit.store.example import NOON, flow, instant

FLOW = flow()


def _read(name: str, cell: str, decimal: str = ".", date_format: str | None = None) -> Stored:
    return Cells(FLOW, decimal, date_format).reader(name)(cell)


@pytest.mark.parametrize(
    ("name", "cell", "stored"),
    [
        ("title", "  two words \u00a0", "two words"),
        ("title", " ", None),
        ("account", "007", "007"),
        ("account", "two\nlines", "two\nlines"),
        ("seats", " 7 ", 7),
        ("seats", "-7", -7),
        ("seats", "007", 7),
        ("amount", "1200.5", 120050),
        ("amount", "-0.05", -5),
        ("amount", "12", 1200),
        ("source", " web", "web"),
        ("source", "", None),
        ("currency", "", "EUR"),
        ("currency", "USD", "USD"),
        ("paid", "TRUE", 1),
        ("paid", "yes", 1),
        ("paid", "1", 1),
        ("paid", "No", 0),
        ("paid", "", 0),
        ("closes", "2026-12-31", "2026-12-31"),
        ("call_at", "2026-03-06T13:00", NOON),
        ("call_at", "2026-03-06 13:00", NOON),
        ("call_at", "2026-03-06T12:00Z", NOON),
        ("call_at", "2026-03-06", instant("2026-03-05T23:00Z")),
        ("tags", " b , a,,b ", '["a","b"]'),
        ("tags", ",", None),
    ],
)
def test_what_cells_mean(name: str, cell: str, stored: Stored) -> None:
    assert _read(name, cell) == stored


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("title", "a\0b", "NUL"),
        ("title", "x" * 1_000_001, "1,000,001 characters"),
        ("seats", "7.0", "no integer"),
        ("seats", "1,000", "has thousands separators; take them out"),
        ("seats", "1 000", "has thousands separators"),
        ("seats", "9223372036854775808", "beyond 64 bits"),
        ("amount", "1,200.50", "has thousands separators"),
        ("amount", "1.200.500", "has thousands separators"),
        ("amount", "1\u202f200", "has thousands separators"),
        ("amount", "1'200", "has thousands separators"),
        ("amount", "1.234", "3 decimal places; at most 2"),
        ("amount", "12,50", "no decimal"),
        ("amount", "$12", "no decimal"),
        ("amount", "1e3", "no decimal"),
        ("amount", "NaN", "no decimal"),
        ("amount", "12345678901234567", "too large"),
        ("source", "wbe", "none of web, ads, partner; did you mean 'web'"),
        ("source", "Web", "none of"),
        ("paid", "maybe", "no boolean; expected true or false, yes or no, 1 or 0"),
        ("closes", "31.12.2026", "no date"),
        ("closes", "2026-02-30", "no day 2026-02-30"),
        ("call_at", "2026-02-30", "no day 2026-02-30"),
        ("call_at", "soon", "no date and time"),
        ("call_at", "2026-03-06T25:00", "no time"),
    ],
)
def test_what_is_refused(name: str, cell: str, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        _read(name, cell)


def test_what_was_refused_once_is_refused_again() -> None:
    read = Cells(FLOW).reader("amount")
    for _ in range(2):
        with pytest.raises(BadValue, match="thousands"):
            read("1,200.50")
        assert read("5") == 500


@pytest.mark.parametrize(("cell", "stored"), [("12,5", 1250), ("-0,05", -5), ("12", 1200), ("+12,00", 1200)])
def test_a_decimal_comma(cell: str, stored: int) -> None:
    assert _read("amount", cell, decimal=",") == stored


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1.200,50", "thousands separators"),
        ("1.200", "thousands separators"),
        ("12.5", "a comma, for example 1200,50"),
        ("12,505", "3 decimal places"),
    ],
)
def test_a_point_where_the_decimal_sign_is_a_comma(cell: str, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        _read("amount", cell, decimal=",")


@pytest.mark.parametrize(
    ("name", "format_", "cell", "stored"),
    [
        ("closes", "%m/%d/%Y", "3/6/2026", "2026-03-06"),
        ("closes", "%d.%m.%y", "06.03.26", "2026-03-06"),
        ("closes", "%d %b %Y", "6 Mar 2026", "2026-03-06"),
        ("closes", "%m/%d/%Y", "3/6/2026 00:00", "2026-03-06"),
        ("closes", "%m/%d/%Y %H:%M", "3/6/2026 0:00", "2026-03-06"),
        ("call_at", "%m/%d/%Y", "3/6/2026", instant("2026-03-05T23:00Z")),
        ("call_at", "%m/%d/%Y", "3/6/2026 13:00", NOON),
        ("call_at", "%m/%d/%Y", "3/6/2026 13:00:01", NOON + 1000),
        ("call_at", "%d.%m.%Y %H:%M", "06.03.2026 13:00", NOON),
        ("call_at", "%Y-%m-%dT%H:%M%z", "2026-03-06T14:00+0200", NOON),
    ],
)
def test_date_formats(name: str, format_: str, cell: str, stored: Stored) -> None:
    assert _read(name, cell, date_format=format_) == stored


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("closes", "2026-03-06", "no date written as %m/%d/%Y"),
        ("closes", "30/3/2026", "no date written as"),
        ("closes", "2/30/2026", "no date written as"),
        ("closes", "3/6/2026 13:00", "has a time of day"),
        ("call_at", "3/6/2026 25:00", "no date written as"),
    ],
)
def test_dates_in_another_format_are_refused(name: str, cell: str, message: str) -> None:
    with pytest.raises(BadValue, match=message):
        _read(name, cell, date_format="%m/%d/%Y")


@pytest.mark.parametrize(
    ("format_", "problem"),
    [
        ("%d.%m.%Y", None),
        ("%Y-%m-%d %H:%M:%S", None),
        ("%y%m%d", None),
        ("%d.%m", "says no year"),
        ("%%Y.%m.%d", "says no year"),
        ("%m/%Y", "does not say year, month and day"),
        ("dd.mm.yyyy", "says no year"),
        ("%Y-%m-%d %Q", "is no date format"),
        ("", "says no year"),
    ],
)
def test_formats_must_say_a_whole_date(format_: str, problem: str | None) -> None:
    found = date_format_problem(format_)
    assert (found is None) if problem is None else (found is not None and problem in found)


def test_entered_at_is_never_in_the_future() -> None:
    read = Cells(FLOW).entered_at(NOON)
    assert read("") is None
    assert read("2026-03-06T12:00Z") == NOON
    with pytest.raises(BadValue, match=r"2026-03-06T12:00:00\.001Z is in the future"):
        read("2026-03-06T12:00:00.001Z")
