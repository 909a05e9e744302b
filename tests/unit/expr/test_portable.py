"""The portable elements mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from flowrun.expr import portable
from flowrun.store.upsert import upsert
from tests.postgres import Databases

NOTHING = sa.literal(None, sa.BigInteger())


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[sa.Connection]:
    if request.param == "sqlite":
        engine = sa.create_engine("sqlite://")
        with engine.connect() as connection:
            yield connection
        engine.dispose()
        return
    databases: Databases = request.getfixturevalue("fast_postgres_server")
    with databases.fresh() as fresh:
        engine = sa.create_engine(fresh.url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
        with engine.connect() as connection:
            yield connection


def text(value: str | None) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.Text())


def number(value: int | None) -> sa.ColumnElement[Any]:
    return sa.literal(value, sa.BigInteger())


@pytest.mark.parametrize(
    ("element", "wanted"),
    [
        (portable.position(text("aЖb"), text("b")), 3),
        (portable.position(text("a"), text("b")), 0),
        (portable.position(text(None), text("b")), None),
        (portable.trimmed(text(" \u00a0a b "), text(" \u00a0")), "a b"),
        (portable.ending(text("aЖb"), sa.literal(2, sa.Integer())), "Жb"),
        (portable.ending(text("ab"), sa.literal(5, sa.Integer())), "ab"),
        (portable.last(text("aЖb"), 2), "Жb"),
        (portable.first_of_last(text("abcdef"), 4, 2), "cd"),
        (portable.padded(number(42), 15), "0" * 13 + "42"),
        (portable.magnitude(number(-5)), 5),
        (portable.magnitude(number(None)), None),
        (portable.larger(number(1), number(2)), 2),
        (portable.larger(number(1), NOTHING), None),
        (portable.larger(NOTHING, number(1)), None),
        (portable.smaller(number(1), number(2)), 1),
        (portable.smaller(number(1), NOTHING), None),
        (portable.tag_count(text('["a","b"]')), 2),
        (portable.tag_count(text(None)), None),
        (sa.cast(portable.has_tag(text('["a","Ж"]'), text("Ж")), sa.Integer()), 1),
        (sa.cast(portable.has_tag(text('["a"]'), text("b")), sa.Integer()), 0),
        (sa.cast(portable.has_tag(text(None), text("b")), sa.Integer()), 0),
        (sa.cast(portable.has_tag(text('["a"]'), text(None)), sa.Integer()), 0),
        (portable.as_number(number(1) == number(1)), 1),
        (portable.as_number(portable.is_truth(number(1), True)), 1),
        (portable.as_number(portable.is_truth(number(0), False)), 1),
        (portable.as_number(portable.is_truth(NOTHING, True)), 0),
        (portable.as_number(portable.is_truth(NOTHING, True, wanted=False)), 1),
        (portable.as_number(text("B") < portable.by_code_point(text("a"))), 1),
        (portable.as_number(text("é") < portable.by_code_point(text("z"))), 0),
        (portable.either(text("x"), text("x")), "x"),
        (portable.json_item(text('["a",5,true]'), 0, sa.Text()), "a"),
        (portable.json_item(text('["a",5,true]'), 1, sa.BigInteger()), 5),
        (portable.json_member(text('{"a":"5","b":5,"c":null}'), "a", sa.Text()), "5"),
        (portable.json_member(text('{"a":"5","b":5,"c":null}'), "b", sa.BigInteger()), 5),
        (portable.json_member(text('{"a":"5","b":5,"c":null}'), "c", sa.BigInteger()), None),
        (portable.json_member(text('{"a":"5","b":5,"c":null}'), "d", sa.Text()), None),
    ],
)
def test_the_same_answer(database: sa.Connection, element: sa.ColumnElement[Any], wanted: object) -> None:
    assert database.scalar(sa.select(element)) == wanted


def test_exact_numbers_never_fail(database: sa.Connection) -> None:
    product = portable.exact(number(2**62)) * portable.exact(number(2**62))
    assert database.scalar(sa.select(portable.as_number(product > number(2**62)))) == 1


@pytest.mark.parametrize("values", [('a\n"\\\x01Ж', 5), (2**63 - 1,), ("",)])
def test_a_list_is_read_back(database: sa.Connection, values: tuple[str | int, ...]) -> None:
    parts = [text(value) if isinstance(value, str) else number(value) for value in values]
    made = portable.json_list(*parts)
    assert tuple(json.loads(str(database.scalar(sa.select(made))))) == values
    for at, (part, value) in enumerate(zip(parts, values, strict=True)):
        assert database.scalar(sa.select(portable.json_item(made, at, part.type))) == value


def test_the_true_of_a_list_is_no_value_of_a_column(database: sa.Connection) -> None:
    made = portable.json_list(portable.json_true(), text("x"))
    assert json.loads(str(database.scalar(sa.select(made)))) == [True, "x"]
    assert database.scalar(sa.select(portable.json_item(made, 0, sa.Text()) == "true")) in {None, 0}


def test_numbers_of_a_list(database: sa.Connection) -> None:
    assert database.scalars(portable.numbers_of(text("[3,1,2]"))).all() == [3, 1, 2]
    assert database.scalar(sa.select(portable.as_number(number(3).in_(portable.numbers_of(text("[1,3]")))))) == 1


def test_upsert(database: sa.Connection) -> None:
    table = sa.Table(
        "upserted",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        prefixes=["TEMPORARY"],
    )
    table.create(database)
    statement = upsert(table)
    statement = statement.on_conflict_do_update(
        index_elements=["id"], set_={"n": statement.excluded.n}, where=statement.excluded.n < table.c.n
    )
    database.execute(statement, [{"id": 1, "n": 5}, {"id": 1, "n": 3}, {"id": 1, "n": 4}])
    database.execute(upsert(table).values(id=1, n=0).on_conflict_do_nothing())
    database.execute(
        upsert(table)
        .from_select(["id", "n"], sa.select(table.c.id, table.c.n).where(table.c.id > 0))
        .on_conflict_do_nothing()
    )
    assert database.execute(sa.select(table)).all() == [(1, 3)]
    table.drop(database)
