"""The permanent differential test: conditions and templates give the same answers in Python, on SQLite and PostgreSQL.

Random well-typed expressions run over nasty deals, each in all three; an answer is a value or an overflow. The figures
are printed (`pytest -s`), and a run that is all of one answer fails: it would have tested nothing. PostgreSQL is asked
many expressions at once. `FLOWRUN_TEST_TIMES=10` runs ten times as many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flowrun.expr import Expression, Template, parse_condition, parse_template
from flowrun.expr.evaluate import Context, Overflow, holds, render
from flowrun.expr.sql import Sql, condition, rendered
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal
from flowrun.expr.values import encode
from tests.postgres import Databases
from tests.property import expressions

POOL = 800
PER_EXPRESSION = 40
TIMES = int(os.environ.get("FLOWRUN_TEST_TIMES", "1"))
CONDITIONS = 700 * TIMES
TEMPLATES = 400 * TIMES
AT_ONCE = 8
"""More expressions in a statement take PostgreSQL longer to plan than the ways that are saved."""
CONTEXT = Context(expressions.TODAY, expressions.ZONE)
DEALS = expressions.deals(POOL)
SCOPE = expressions.scope()
OVERFLOW = "overflow"


@pytest.fixture(scope="module")
def store() -> Iterator[sa.Connection]:
    connection = expressions.connect(DEALS)
    yield connection
    connection.close()
    connection.engine.dispose()


@pytest.fixture(scope="module")
def postgres(fast_postgres_server: Databases) -> Iterator[sa.Connection]:
    with fast_postgres_server.fresh() as database, expressions.connect_postgres(database.url, DEALS) as connection:
        connection.exec_driver_sql("SET jit = off")
        yield connection


def answers(store: sa.Connection, made: Sequence[Sql], first: int) -> list[list[object]]:
    """What the database answers for `PER_EXPRESSION` deals, by expression."""
    number = expressions.TABLE.c["_n"]
    columns = [column for one in made for column in (one.value, sa.false() if one.overflow is None else one.overflow)]
    statement = sa.select(*columns).where(number.between(first, first + PER_EXPRESSION - 1)).order_by(number)
    rows = store.execute(statement).all()
    assert len(rows) == PER_EXPRESSION
    assert all(overflow in {0, 1} for row in rows for overflow in row[1::2]), "overflow is two-valued"
    return [[OVERFLOW if row[at + 1] else row[at] for row in rows] for at in range(0, len(columns), 2)]


class Asked:
    """Expressions that PostgreSQL is asked together, with the answers that Python gave."""

    def __init__(self, store: sa.Connection) -> None:
        self._store = store
        self._waiting: dict[int, list[tuple[object, Sql, list[object]]]] = {}

    def ask(self, text: object, made: Sql, first: int, wanted: list[object]) -> None:
        waiting = self._waiting.setdefault(first, [])
        waiting.append((text, made, wanted))
        if len(waiting) == AT_ONCE:
            self.answer(first)

    def answer(self, first: int) -> None:
        waiting = self._waiting.pop(first)
        for (text, _, wanted), found in zip(
            waiting, answers(self._store, [made for _, made, _ in waiting], first), strict=True
        ):
            assert_same(text, first, wanted, found, "PostgreSQL")

    def rest(self) -> None:
        for first in list(self._waiting):
            self.answer(first)


FIRSTS = st.sampled_from(range(0, POOL, PER_EXPRESSION))


def expected_holds(expression: Expression, deal: dict[str, Value]) -> object:
    try:
        return holds(expression, deal, CONTEXT)
    except Overflow:
        return OVERFLOW


def expected_value(template: Template, deal: dict[str, Value]) -> object:
    try:
        return encode(render(template, deal, CONTEXT), template.target)
    except Overflow:
        return OVERFLOW


def assert_same(text: object, first: int, wanted: list[object], found: list[object], where: str) -> None:
    for at, (python, database) in enumerate(zip(wanted, found, strict=True)):
        assert python == database, f"{text}: {python!r} in Python, {database!r} on {where}, of {DEALS[first + at]}"


@st.composite
def templates(draw: st.DrawFn) -> tuple[str, Type]:
    target, strategy = draw(
        st.sampled_from(
            [
                (decimal(2), expressions.numbers(3)),
                (decimal(6), expressions.whole(3)),
                (INTEGER, expressions.whole(3)),
                (BOOLEAN, expressions.booleans(3)),
                (DATE, expressions.dates(3)),
                (DATETIME, expressions.instants(3)),
                (TAGS, expressions.sets(3)),
                (expressions.CURRENCY, expressions.enums(3)),
                (TEXT, expressions.texts(3)),
                (TEXT, None),
            ]
        )
    )
    if strategy is not None:
        return f"{{{{ {draw(strategy)} }}}}", target
    kinds = [expressions.numbers, expressions.texts, expressions.dates, expressions.instants, expressions.sets]
    parts = draw(st.lists(st.sampled_from([*kinds, expressions.booleans]), min_size=1, max_size=3))
    pieces = [f"{{{{ {draw(kind(2))} }}}}" for kind in parts]
    return draw(st.sampled_from(["", "Ж: ", "a"])) + draw(st.sampled_from(["", " / "])).join(pieces), target


def counted(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def test_conditions_agree(store: sa.Connection, postgres: sa.Connection) -> None:
    figures: Counter[object] = Counter()
    seen: set[str] = set()
    asked = Asked(postgres)

    @counted(CONDITIONS)
    @given(expressions.booleans(4), FIRSTS)
    def agree(text: str, first: int) -> None:
        expression, problems = parse_condition(text, expressions.NAMES)
        assert {problem.code for problem in problems} <= {"FR202", "FR216", "FR219"}, (text, problems)
        if expression is None:
            return
        wanted = [expected_holds(expression, deal) for deal in DEALS[first : first + PER_EXPRESSION]]
        made = condition(expression, SCOPE)
        (found,) = answers(store, [made], first)
        assert_same(text, first, wanted, found, "SQLite")
        asked.ask(text, made, first, wanted)
        if text not in seen:
            seen.add(text)
            figures.update(wanted)

    agree()
    asked.rest()
    pairs = figures.total()
    shares = {answer: figures[answer] / pairs for answer in (True, False, OVERFLOW)}
    print(
        f"\nconditions: {len(seen)} × {PER_EXPRESSION} = {pairs:,} pairs; true {shares[True]:.0%}, "
        f"false {shares[False]:.0%}, overflow {shares[OVERFLOW]:.1%}"
    )
    assert pairs >= 20_000
    assert min(shares[True], shares[False]) > 0.2
    assert 0.005 < shares[OVERFLOW] < 0.5


def test_templates_agree(store: sa.Connection, postgres: sa.Connection) -> None:
    figures: Counter[object] = Counter()
    seen: set[tuple[str, Type]] = set()
    asked = Asked(postgres)

    @counted(TEMPLATES)
    @given(templates(), FIRSTS)
    def agree(drawn: tuple[str, Type], first: int) -> None:
        template, problems = parse_template(drawn[0], expressions.NAMES, drawn[1])
        assert {problem.code for problem in problems} <= {"FR202", "FR216", "FR219"}, (drawn, problems)
        if template is None:
            return
        wanted = [expected_value(template, deal) for deal in DEALS[first : first + PER_EXPRESSION]]
        made = rendered(template, SCOPE)
        (found,) = answers(store, [made], first)
        assert_same(drawn, first, wanted, found, "SQLite")
        asked.ask(drawn, made, first, wanted)
        if drawn not in seen:
            seen.add(drawn)
            figures.update(
                "empty" if answer is None else OVERFLOW if answer == OVERFLOW else "value" for answer in wanted
            )

    agree()
    asked.rest()
    pairs = figures.total()
    shares = {answer: figures[answer] / pairs for answer in ("value", "empty", OVERFLOW)}
    print(
        f"\ntemplates: {len(seen)} × {PER_EXPRESSION} = {pairs:,} pairs; value {shares['value']:.0%}, "
        f"empty {shares['empty']:.0%}, overflow {shares[OVERFLOW]:.1%}"
    )
    assert pairs >= 10_000
    assert min(shares.values()) > 0.01
