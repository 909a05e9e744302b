"""The parts of a condition and their values, as a reader of `explain` sees them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from flowrun.calendars.zones import zone
from flowrun.expr import Names, parse_condition
from flowrun.expr.evaluate import Context
from flowrun.expr.parts import evaluated
from flowrun.expr.types import BOOLEAN, DATE, INTEGER, TAGS, TEXT, Value, decimal

NAMES = Names(
    {"amount": decimal(2), "seats": INTEGER, "paid": BOOLEAN, "day": DATE, "labels": TAGS, "title": TEXT},
    {"big": (decimal(2), Decimal("100.00")), "few": (INTEGER, 2)},
)
DEAL: dict[str, Value] = {"amount": Decimal("50.00"), "seats": 3, "labels": ("vip",), "title": ""}


def parts(text: str, deal: dict[str, Value] | None = None) -> list[tuple[int, str, Value]]:
    expression, problems = parse_condition(text, NAMES)
    assert expression is not None, problems
    whole = evaluated(expression, DEAL if deal is None else deal, Context(date(2026, 3, 2), zone("UTC")))
    found = list(whole.walk())
    assert all(text[part.start : part.end] == part.text for _, part in found)
    return [(depth, part.text, "overflow" if part.overflows else part.value) for depth, part in found]


def test_literals_and_lists_are_left_out() -> None:
    assert parts("deal.seats in [1, 2, 3]") == [(0, "deal.seats in [1, 2, 3]", True), (1, "deal.seats", 3)]


def test_a_number_with_more_places_is_that_number() -> None:
    assert parts("deal.amount + deal.seats > 52.5") == [
        (0, "deal.amount + deal.seats > 52.5", True),
        (1, "deal.amount + deal.seats", Decimal("53.00")),
        (2, "deal.amount", Decimal("50.00")),
        (2, "deal.seats", 3),
    ]


def test_what_variables_make_up_is_one_part() -> None:
    assert parts("deal.amount < vars.big * 2")[1:] == [
        (1, "deal.amount", Decimal("50.00")),
        (1, "vars.big * 2", Decimal("200.00")),
    ]


def test_parts_stand_in_the_order_of_the_text() -> None:
    texts = [text for depth, text, _ in parts("(deal.seats if deal.paid else vars.few) > 1") if depth]
    assert texts == ["deal.seats if deal.paid else vars.few", "deal.seats", "deal.paid", "vars.few"]


def test_an_empty_value_is_none_and_an_empty_boolean_does_not_hold() -> None:
    assert parts("deal.paid") == [(0, "deal.paid", None)]
    assert parts("deal.title is none and not deal.paid") == [
        (0, "deal.title is none and not deal.paid", True),
        (1, "deal.title is none", True),
        (2, "deal.title", None),
        (1, "not deal.paid", True),
        (2, "deal.paid", None),
    ]


def test_today_is_a_part() -> None:
    assert parts("deal.day <= today()", {"day": date(2026, 3, 1)})[1:] == [
        (1, "deal.day", date(2026, 3, 1)),
        (1, "today()", date(2026, 3, 2)),
    ]


def test_only_the_parts_that_overflow_do() -> None:
    found = parts("deal.seats > 1 or deal.amount * deal.amount > 1", DEAL | {"amount": Decimal("9999999999999999.00")})
    assert [(text, value) for _, text, value in found if value == "overflow"] == [
        ("deal.seats > 1 or deal.amount * deal.amount > 1", "overflow"),
        ("deal.amount * deal.amount > 1", "overflow"),
        ("deal.amount * deal.amount", "overflow"),
    ]


@pytest.mark.parametrize(("text", "value"), [("deal.seats - deal.seats == 0", True), ("1 < deal.seats < 3", False)])
def test_a_chain_is_one_part(text: str, value: bool) -> None:
    assert parts(text)[0] == (0, text, value)
