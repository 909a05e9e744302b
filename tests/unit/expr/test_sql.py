"""The SQL of expressions: bare columns for indexes, bound parameters, two values, and depth that SQLite bears."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from flowrun.expr import parse_condition
from flowrun.expr.evaluate import Context, Overflow, holds
from flowrun.expr.sql import condition, literal
from flowrun.expr.types import BOOLEAN, DATE, TAGS, TEXT, Type, Value, decimal
from tests.postgres import Databases
from tests.property import expressions

DEALS = expressions.deals(60)


@pytest.fixture(scope="module")
def store() -> Iterator[sa.Connection]:
    connection = expressions.connect(DEALS)
    for name in ("amount", "account", "renewal_on", "seats", "paid"):
        connection.execute(sa.text(f"CREATE INDEX by_{name} ON deals ({name})"))
    yield connection
    connection.close()
    connection.engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest) -> Iterator[sa.Connection]:
    """The deals on either database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("store")
        return
    databases: Databases = request.getfixturevalue("fast_postgres_server")
    with databases.fresh() as database, expressions.connect_postgres(database.url, DEALS) as connection:
        yield connection


def made(text: str) -> sa.ColumnElement[Any]:
    expression, problems = parse_condition(text, expressions.NAMES)
    assert expression is not None, problems
    return condition(expression, expressions.scope()).value


def compiled(store: sa.Connection, text: str) -> str:
    return " ".join(str(made(text).compile(dialect=store.dialect)).split())


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("deal.amount >= vars.big", "deals.amount >= ? AND deals.amount IS NOT NULL"),
        ("not deal.amount >= 5", "deals.amount < ? OR deals.amount IS NULL"),
        ("deal.account == 'x'", "deals.account = ? AND deals.account IS NOT NULL"),
        ("deal.account != 'x'", "deals.account != ? OR deals.account IS NULL"),
        ("deal.account == none", "deals.account IS NULL"),
        ("deal.account == deal.contract", "deals.account IS deals.contract"),
        (
            "not (deal.paid or deal.seats in [1, none])",
            "deals.paid IS NOT 1 AND (deals.seats NOT IN (?)) AND deals.seats IS NOT NULL",
        ),
        (
            "deal.renewal_on <= today() - days(30)",
            "deals.renewal_on <= fr_shift_days(?, ?, ?) AND deals.renewal_on IS NOT NULL",
        ),
        ("deal.whole == 1.5 * 2", "deals.whole = ? AND deals.whole IS NOT NULL"),
    ],
)
def test_not_is_pushed_to_bare_columns(store: sa.Connection, text: str, sql: str) -> None:
    assert compiled(store, text) == sql


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("deal.amount >= vars.big and deal.currency == 'EUR'", "by_amount"),
        ("not (deal.seats > 5 or deal.seats == none)", "by_seats"),
        ("deal.account in ['a', 'b']", "by_account"),
        ("deal.renewal_on <= today() - days(30)", "by_renewal_on"),
        ("deal.paid", "by_paid"),
    ],
)
def test_an_index_serves(store: sa.Connection, text: str, index: str) -> None:
    statement = sa.select(expressions.TABLE.c["_n"]).where(made(text))
    query = statement.compile(store, compile_kwargs={"render_postcompile": True})
    parameters = tuple(query.construct_params()[name] for name in query.positiontup or ())
    driver = store.connection.driver_connection
    assert driver is not None
    plan = driver.execute("EXPLAIN QUERY PLAN " + str(query), parameters).fetchall()
    assert index in str(plan)


@pytest.mark.parametrize("text", ["'; DROP TABLE deals; --", ":x %(y)s ?", '"'])
def test_texts_are_parameters(either: sa.Connection, text: str) -> None:
    quoted = text.replace("'", r"\'")
    for template in (
        "deal.account == '{}'",
        "'{}' in deal.tags",
        "deal.account ~ '{}' == 'x'",
        "deal.account in ['{}']",
    ):
        assert text not in compiled(either, template.format(quoted))
        either.execute(sa.select(made(template.format(quoted))))


@pytest.mark.parametrize(
    "text",
    ["deal.amount > 5", "deal.account|lower == 'x'", "'x' in deal.tags", "deal.paid", "deal.account in deal.contract"],
)
def test_a_condition_is_never_null(either: sa.Connection, text: str) -> None:
    value = made(text)
    counts = [
        either.execute(sa.select(sa.func.count()).where(where)).scalar_one()
        for where in (value, sa.not_(value), value.is_(None))
    ]
    assert counts[0] + counts[1] == len(DEALS)
    assert counts[2] == 0


@pytest.mark.parametrize(
    ("value", "kind", "stored"),
    [("x", TEXT, "x"), (None, DATE, None), (True, BOOLEAN, 1), (("a", "Ж"), TAGS, '["a","Ж"]'), (5, decimal(2), 500)],
)
def test_literal(either: sa.Connection, value: Value, kind: Type, stored: object) -> None:
    assert either.scalar(sa.select(literal(value, kind))) == stored


def _alternating(levels: int) -> str:
    return "".join(f"(deal.paid {word} " for word in ("and", "or") * (levels // 2)) + "deal.signed" + ")" * levels


DEEP: dict[str, Callable[[int], str]] = {
    "brackets": lambda n: "(" * n + "deal.paid" + ")" * n,
    "and or": _alternating,
    "left": lambda n: "(" * n + "deal.paid" + " or deal.signed) and deal.paid".replace(" and deal.paid", "") * n,
    "not": lambda n: "not " * n + "deal.paid",
    "sum": lambda n: "(deal.seats + " * (n - 1) + "deal.seats" + ")" * (n - 1) + " > 1",
    "difference": lambda n: "(1 - " * (n // 2) + "deal.seats" + ")" * (n // 2) + " > 1",
    "ladder": lambda n: "1 if deal.paid else ".replace("1", "deal.signed") * n + "deal.paid",
    "if": lambda n: "(deal.paid if " * (n // 6) + "deal.paid" + " else deal.signed)" * (n // 6),
    "equal": lambda n: "(deal.signed == " * (n // 5) + "deal.paid" + ")" * (n // 5),
    "chained": lambda n: "(deal.signed == " * (n // 8) + "deal.paid" + " == deal.signed)" * (n // 8),
    "filters": lambda n: "'a' == deal.account" + "|lower" * (n // 3),
    "joined": lambda n: "'a' == " + "('a' ~ " * (n // 8) + "deal.account" + ")" * (n // 8),
    "default": lambda n: "'a' == " + "deal.account|default(" * (n // 5) + "'a'" + ")" * (n // 5),
    "days": lambda n: "today() < deal.due_on" + " + days(1)" * (n // 3),
    "tags": lambda n: "'a' in " + "deal.tags" + " + ['x']" * (n // 4),
}


@pytest.mark.parametrize("shape", DEEP)
def test_depth_that_the_checker_lets_through_is_borne(either: sa.Connection, shape: str) -> None:
    text = DEEP[shape](40)
    expression, problems = parse_condition(text, expressions.NAMES)
    assert expression is not None, (text, problems)
    sql = condition(expression, expressions.scope())
    overflow = sa.false() if sql.overflow is None else sql.overflow
    inside = sa.case(
        (expressions.TABLE.c.stage == "sales.won", sa.case((overflow, None), else_=sql.value)), else_=False
    )
    rows = either.execute(sa.select(sa.func.coalesce(inside, None), sql.value, overflow)).all()
    for row, deal in zip(rows, DEALS, strict=True):
        try:
            expected: object = holds(expression, deal, Context(expressions.TODAY, expressions.ZONE))
        except Overflow:
            expected = "overflow"
        assert ("overflow" if row[2] else row[1]) == expected


@pytest.mark.parametrize("operator", [" and ", " or "])
def test_a_long_chain_is_no_deep_tree(either: sa.Connection, operator: str) -> None:
    terms = ["deal.paid", "deal.seats+1>0", "deal.account~'a'=='b'", "not deal.signed"] * 60
    expression, problems = parse_condition(operator.join(terms)[:4000].rpartition(operator)[0], expressions.NAMES)
    assert expression is not None, problems
    sql = condition(expression, expressions.scope())
    assert sql.overflow is not None
    either.execute(sa.select(sql.value, sql.overflow)).all()


def test_hostile_joins_and_lists_compile(either: sa.Connection) -> None:
    for text in ("deal.account == " + "~".join(["deal.title", "'a'"] * 250), "deal.seats in [" + "1," * 499 + "2]"):
        expression, problems = parse_condition(text, expressions.NAMES)
        assert expression is not None, problems
        either.execute(sa.select(condition(expression, expressions.scope()).value)).all()
