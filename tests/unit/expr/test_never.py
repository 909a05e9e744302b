"""Conditions that contradict themselves, and many that only look so."""

from __future__ import annotations

import pytest

from flowrun.expr import parse_condition
from flowrun.expr.never import contradiction
from tests.unit.expr.names import NAMES


def found(text: str) -> tuple[str, str] | None:
    expression, problems = parse_condition(text, NAMES)
    assert expression is not None, problems
    result = contradiction(expression)
    return None if result is None else (text[result[0] : result[1]], result[2])


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("false", "false", "'false' never holds"),
        ("deal.paid and 1 == 2", "1 == 2", "'1 == 2' never holds"),
        ("deal.seats in []", "deal.seats in []", "'deal.seats in []' never holds"),
        ("5 < deal.seats < 4", "5 < deal.seats < 4", "'5 < deal.seats < 4' never holds"),
        (
            "deal.seats == 1 and deal.seats == 2",
            "deal.seats == 2",
            "'deal.seats == 2' never holds together with 'deal.seats == 1'",
        ),
        (
            "deal.seats > 5 and deal.paid and 3 > deal.seats",
            "3 > deal.seats",
            "'3 > deal.seats' never holds together with 'deal.seats > 5'",
        ),
        (
            "deal.seats > 5 and deal.seats < 6",
            "deal.seats < 6",
            "'deal.seats < 6' never holds together with 'deal.seats > 5'",
        ),
        (
            "deal.amount > 5 and deal.amount < 5.01",
            "deal.amount < 5.01",
            "'deal.amount < 5.01' never holds together with 'deal.amount > 5'",
        ),
        (
            "deal.account is none and deal.account > 'a'",
            "deal.account > 'a'",
            "'deal.account > 'a'' never holds together with 'deal.account is none'",
        ),
        ("deal.paid and not deal.paid", "deal.paid", "'not deal.paid' never holds together with 'deal.paid'"),
        ("not (deal.paid or not deal.paid)", "deal.paid", "'deal.paid' never holds together with 'not deal.paid'"),
        (
            "deal.stage == 'sales.won' and deal.stage in ['sales.new']",
            "deal.stage in ['sales.new']",
            "'deal.stage in ['sales.new']' never holds together with 'deal.stage == 'sales.won''",
        ),
        (
            "deal.channel not in ['mail', none] and deal.channel != 'phone'",
            "deal.channel != 'phone'",
            "'deal.channel != 'phone'' never holds together with 'deal.channel not in ['mail', none]'",
        ),
        (
            "deal.renewal_on > date(2026, 1, 1) and deal.renewal_on < date(2026, 1, 2)",
            "deal.renewal_on < date(2026, 1, 2)",
            "'deal.renewal_on < date(2026, 1, 2)' never holds together with 'deal.renewal_on > date(2026, 1, 1)'",
        ),
        ("(deal.seats in [] or 1 == 2) and deal.paid", "deal.seats in []", "'deal.seats in []' never holds"),
        (
            "deal.amount == vars.big and deal.amount == 5",
            "deal.amount == 5",
            "'deal.amount == 5' never holds together with 'deal.amount == vars.big'",
        ),
        ("deal.seats > vars.nothing", "deal.seats > vars.nothing", "'deal.seats > vars.nothing' never holds"),
    ],
)
def test_contradictions(text: str, place: str, reason: str) -> None:
    assert found(text) == (place, reason)


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "deal.seats == 1 or deal.seats == 2",
        "deal.amount > 5 and deal.amount < 5.02",
        "not (deal.seats < 5) and deal.seats is none",
        "not (deal.seats > 5) and not (deal.seats < 5)",
        "deal.channel not in ['mail'] and deal.channel != 'phone'",
        "deal.account > 'a' and deal.account < 'b'",
        "deal.account >= 'a' and deal.account <= 'a'",
        "deal.tags == ['a'] or deal.tags != ['a']",
        "today() != today() and deal.paid",
        "not (5 < deal.seats < 4)",
        "deal.seats == deal.amount and deal.seats == 1",
        "not (deal.seats > vars.nothing)",
        "deal.paid != true and deal.paid != false",
    ],
)
def test_what_may_hold_is_left_alone(text: str) -> None:
    assert found(text) is None
