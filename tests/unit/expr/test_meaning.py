"""What conditions and templates mean, sentence by sentence of format.md; each case in Python and on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

from flowrun.expr import parse_condition, parse_template
from flowrun.expr.evaluate import Context, Overflow, holds, render
from flowrun.expr.sql import Sql, condition, rendered
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal
from flowrun.expr.values import decode
from tests.postgres import Databases
from tests.property import expressions

CONTEXT = Context(expressions.TODAY, expressions.ZONE)
DEAL: dict[str, Value] = {
    "title": "Acme",
    "stage": "sales.won",
    "pipeline": "sales",
    "entered_at": 1_772_755_199_999,
    "seats": 7,
    "count": -3,
    "amount": Decimal("1200.50"),
    "price": Decimal("-0.05"),
    "rate": Decimal("0.125000"),
    "paid": True,
    "account": "Жук%",
    "currency": "EUR",
    "renewal_on": date(2026, 3, 6),
    "call_at": 1_772_755_199_999,
    "tags": ("vip", "Ж"),
}
"""Everything else of it is empty: whole, signed, contract, old_currency, due_on, labels."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[sa.Connection]:
    if request.param == "sqlite":
        connection = expressions.connect([DEAL])
        yield connection
        connection.close()
        connection.engine.dispose()
        return
    databases: Databases = request.getfixturevalue("fast_postgres_server")
    with databases.fresh() as database, expressions.connect_postgres(database.url, [DEAL]) as connection:
        yield connection


def run(store: sa.Connection, made: Sql) -> object:
    overflow = sa.false() if made.overflow is None else made.overflow
    value, overflowed = store.execute(sa.select(made.value, overflow).select_from(expressions.TABLE)).one()
    return "overflow" if overflowed else value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Literals, variables
        ("true", True),
        ("True and not False", True),
        ("None == none", True),
        ("deal.amount >= 1200.5", True),
        ("deal.amount == 1200.50", True),
        ("deal.amount < vars.big", True),
        (r"'\u0416ук%' == deal.account", True),
        (r"'a\nb' == 'a" + "\r\n" + "b'", True),
        ("'Жу' 'к%' == deal.account", True),
        ("deal.seats == 9223372036854775807", False),
        # Operators and chains
        ("not deal.paid or deal.seats == 7", True),
        ("1 < deal.seats <= 7", True),
        ("1 < deal.seats < 7", False),
        ("not (1 < deal.seats < 7)", True),
        ("deal.paid if deal.seats > 100 else deal.seats > 1", True),
        ("deal.seats in [1, 7]", True),
        ("deal.amount in [1200.5, none]", True),
        ("deal.seats not in []", True),
        ("deal.seats in []", False),
        ("'ук' in deal.account", True),
        ("'УК' in deal.account", False),
        ("'%' in deal.account", True),
        ("'k' in deal.account", False),
        ("'vip' in deal.tags", True),
        ("'vi' in deal.tags", False),
        ("deal.tags == ['Ж', 'vip', 'vip']", True),
        ("'x' in deal.tags + ['x']", True),
        ("(deal.tags - ['vip', 'Ж']) is none", True),
        ("deal.stage == 'sales.won' and deal.pipeline == 'sales'", True),
        ("deal.currency == 'EUR'", True),
        # Numbers
        ("deal.amount * deal.seats == 8403.5", True),
        ("deal.seats + 0.25 == 7.25", True),
        ("-deal.count == 3", True),
        ("-deal.count|abs == 3", True),
        ("-2|abs == 2", True),
        ("2 - 3 - 4 == -5", True),
        ("2 * (3 + 4) == 14", True),
        ("2.5|round(0) == 2 and 3.5|round(0) == 4 and -2.5|round(0) == -2", True),
        ("deal.rate|round(2) == 0.12", True),
        ("deal.amount > 999999999999999999", False),
        ("deal.seats > 0.1 * 60", True),
        # Dates
        ("deal.renewal_on == today()", True),
        ("deal.renewal_on + days(deal.seats) == date(2026, 3, 13)", True),
        ("today() - days(6) == date(2026, 2, 28)", True),
        ("deal.call_at|date == date(2026, 3, 6)", True),
        ("deal.call_at + minutes(60) == deal.call_at + hours(1)", True),
        ("deal.call_at + hours(1) > deal.call_at - minutes(1)", True),
        # Filters and tests
        ("deal.account|lower == 'жук%' and deal.account|upper == 'ЖУК%'", True),
        ("'straße'|upper == 'STRAßE' and 'İ'|lower == 'i'", True),
        ("'\t a\u00a0b \u3000'|trim == 'a\u00a0b'", True),
        ("deal.account|length == 4 and '😀'|length == 1", True),
        ("deal.tags|length == 2", True),
        ("deal.account is startingwith('Жу') and deal.account is endingwith('%')", True),
        ("deal.account is startingwith('жу') or deal.account is endingwith('xЖук%')", False),
        ("deal.account is not none", True),
        ("true if deal.contract is none else false", True),
        ("'10' < '9' and 'Z' < 'a' and '\uffff' < '😀'", True),
        # Empty
        ("deal.whole < 1 or deal.whole >= 1 or 1 > deal.whole", False),
        ("not (deal.whole < 1)", True),
        ("not (deal.whole + 1 < 1)", True),
        ("deal.whole == none and deal.whole != 1 and none != 1", True),
        ("deal.contract == '' and deal.contract == vars.nothing", True),
        ("deal.contract == deal.old_currency", True),
        ("deal.signed or not deal.signed", True),
        ("deal.signed", False),
        ("deal.signed == false", False),
        ("deal.signed != false", True),
        ("deal.signed == none", True),
        ("(deal.whole + 1) is none and deal.contract|upper is none", True),
        ("deal.contract|length == 0 and deal.labels|length == 0", True),
        ("deal.contract|default('x') == 'x' and deal.whole|default(5) == 5", True),
        ("deal.contract ~ 'a' == 'a' and (deal.contract ~ '') is none", True),
        ("deal.contract in [none, 'x']", True),
        ("deal.contract in ['x']", False),
        ("deal.contract not in ['x']", True),
        ("deal.contract not in ['x', none]", False),
        ("deal.contract in deal.account or 'x' in deal.contract or 'x' in deal.labels", False),
        ("deal.contract not in deal.account and 'x' not in deal.contract", True),
        ("deal.contract is startingwith('x')", False),
        ("deal.contract is not startingwith('x')", True),
        ("'   '|trim is none", True),
        ("(deal.signed if true else none) is none", True),
        # Overflow is strict
        ("deal.seats * 999999999999999999 > 1", "overflow"),
        ("true or deal.seats * 999999999999999999 > 1", "overflow"),
        ("(deal.seats * 999999999999999999 if false else 1) == 1", "overflow"),
        ("deal.seats * 142857142857142857 > 1", True),
        ("deal.amount * 1000000000000.0000 > 1", "overflow"),
        ("(deal.whole + deal.seats * 999999999999999999) is none", "overflow"),
        ("deal.renewal_on + days(deal.seats * 1000000) > today()", "overflow"),
        ("(deal.due_on + days(deal.seats * 1000000)) is none", True),
        ("deal.call_at + hours(deal.seats * 100000000) > deal.call_at", "overflow"),
    ],
)
def test_condition(store: sa.Connection, text: str, expected: object) -> None:
    expression, problems = parse_condition(text, expressions.NAMES)
    assert expression is not None, problems
    try:
        in_python: object = holds(expression, DEAL, CONTEXT)
    except Overflow:
        in_python = "overflow"
    assert in_python == expected
    assert run(store, condition(expression, expressions.scope())) == expected


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("Onboarding: {{ deal.title }}", TEXT, "Onboarding: Acme"),
        ("{{ deal.amount }}", TEXT, "1200.50"),
        ("{{ deal.price }}/{{ deal.seats }}/{{ deal.rate|round(2) }}", TEXT, "-0.05/7/0.12"),
        ("{{ deal.paid }} {{ deal.signed }}.", TEXT, "true ."),
        ("{{ deal.paid and deal.signed }}", TEXT, "false"),
        ("{{ deal.renewal_on }}, {{ deal.call_at }}", TEXT, "2026-03-06, 2026-03-06T02:59:59.999"),
        ("{{ deal.tags }}", TEXT, "vip, Ж"),
        ("{{ deal.contract }}{{ none }}", TEXT, None),
        ("{{ '{{' }} {{ '}}' }} {{ '{%' }}", TEXT, "{{ }} {%"),
        ("{{ deal.title }}\n", TEXT, "Acme\n"),
        ("{ {{deal.seats}} }} %}", TEXT, "{ 7 }} %}"),
        ("{{ deal.title ~ '}}' }}", TEXT, "Acme}}"),
        ("{{ deal.amount * 0.125 }}", decimal(2), Decimal("150.06")),
        ("{{ deal.rate }}", decimal(2), Decimal("0.12")),
        ("{{ deal.seats }}", decimal(2), Decimal("7.00")),
        ("\n  {{ deal.seats + 1 }}\n", INTEGER, 8),
        ("{{ deal.amount|round(0) }}", INTEGER, 1200),
        ("{{ deal.signed }}", BOOLEAN, None),
        ("{{ deal.paid and deal.signed }}", BOOLEAN, False),
        ("{{ today() + days(90) }}", DATE, date(2026, 6, 4)),
        ("{{ deal.call_at + hours(1) }}", DATETIME, 1_772_758_799_999),
        ("{{ deal.tags + ['a'] - ['vip'] }}", TAGS, ("a", "Ж")),
        ("{{ ['b', 'a', 'b'] }}", TAGS, ("a", "b")),
        ("{{ 'USD' if deal.paid else deal.currency }}", expressions.CURRENCY, "USD"),
        ("{{ none }}", decimal(2), None),
        ("{{ deal.seats * 1000000000000000 }}", decimal(4), "overflow"),
    ],
)
def test_template(store: sa.Connection, text: str, target: Type, expected: object) -> None:
    template, problems = parse_template(text, expressions.NAMES, target)
    assert template is not None, problems
    try:
        in_python: object = render(template, DEAL, CONTEXT)
    except Overflow:
        in_python = "overflow"
    assert in_python == expected
    stored = run(store, rendered(template, expressions.scope()))
    assert stored == "overflow" or isinstance(stored, str | int | None)
    assert (stored if stored == "overflow" else decode(stored, target)) == expected
