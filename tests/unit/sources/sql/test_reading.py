"""Values as databases have them: read exactly, or told to be unreadable with the row and the column."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal, enum
from flowrun.flow.model import Field, Flow, Pipeline, Stage
from flowrun.sources.interface import Bad, Change, Gone, Record
from tests.unit.sources.sql.grounds import Ground, opened

HOUR = 3_600_000
NOON = 1_782_900_000_000
"""2026-07-01T10:00Z, noon in Berlin."""


def read(ground: Ground, column: str, literal: str, type_: Type) -> Change:
    """What is read of a column of that declaration with that value, in a project that lives in Berlin."""
    flow = Flow(
        project="reading",
        timezone="Europe/Berlin",
        fields={"f": Field("f", type_)},
        pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"),))},
    )
    text = "VARCHAR(20)" if ground.name == "mysql" else "text"
    ground.run(f"CREATE TABLE deals (id int PRIMARY KEY, stage {text}, f {column})")
    ground.run(f"INSERT INTO deals VALUES (1, 'sales.new', {literal})")
    with closing(opened(ground, flow, "table: deals\nstage: stage\ncolumns: {f: f}\nnotice: compare\n")) as source:
        (change,) = source.read(["1"])
        (page,) = source.everything()
        assert list(page.changes) == [change]
    return change


CASES: list[tuple[str, str, str, Type, Value | str]] = [
    ("postgresql", "char(5)", "'ab'", TEXT, "ab"),
    ("postgresql", "text", "' a '", TEXT, " a "),
    ("postgresql", "text", "''", TEXT, None),
    ("postgresql", "int", "NULL", INTEGER, None),
    ("postgresql", "numeric(12,4)", "12.3400", decimal(2), Decimal("12.34")),
    ("postgresql", "numeric(12,4)", "12.3456", decimal(2), "4 decimal places"),
    ("postgresql", "numeric", "'NaN'", decimal(2), "NaN is no number"),
    ("postgresql", "double precision", "0.1 + 0.2", decimal(2), Decimal("0.30")),
    ("postgresql", "double precision", "0.125", decimal(2), "3 decimal places"),
    ("postgresql", "numeric(4,1)", "7.0", INTEGER, 7),
    ("postgresql", "boolean", "true", BOOLEAN, True),
    ("postgresql", "smallint", "2", BOOLEAN, "no boolean"),
    ("postgresql", "date", "'2026-02-28'", DATE, date(2026, 2, 28)),
    ("postgresql", "date", "'infinity'", DATE, "no date"),
    ("postgresql", "timestamptz", "'2026-07-01 12:00:00+02'", DATETIME, NOON),
    ("postgresql", "timestamptz", "'infinity'", DATETIME, "no date and time"),
    ("postgresql", "timestamptz", "'12026-07-01'", DATETIME, "no date and time"),
    ("postgresql", "timestamp", "'2026-07-01 12:00:00'", DATETIME, NOON),
    ("postgresql", "date", "'2026-07-01'", DATETIME, NOON - 12 * HOUR),
    ("postgresql", "timestamptz", "'2026-06-30 22:00:00+00'", DATE, date(2026, 7, 1)),
    ("postgresql", "timestamptz", "'2026-07-01 12:00:00+02'", DATE, "no date"),
    ("postgresql", "jsonb", '\'["b", "a"]\'', TAGS, ("a", "b")),
    ("postgresql", "text[]", "'{b,a}'", TAGS, ("a", "b")),
    ("postgresql", "text", "'b, a'", TAGS, ("a", "b")),
    ("postgresql", "bytea", "'\\x00'", TEXT, "bytes"),
    ("postgresql", "uuid", "'8b0b0bc5-52c2-4bd2-bdde-b6a1cbf55a04'", TEXT, "8b0b0bc5-52c2-4bd2-bdde-b6a1cbf55a04"),
    ("mysql", "TINYINT(1)", "1", BOOLEAN, True),
    ("mysql", "BIT(1)", "b'1'", BOOLEAN, True),
    ("mysql", "ENUM('web', 'ads')", "'ads'", enum("web", "ads"), "ads"),
    ("mysql", "ENUM('web', 'tv')", "'tv'", enum("web", "ads"), "is none of web, ads"),
    ("mysql", "SET('a', 'b')", "'b,a'", TAGS, ("a", "b")),
    ("mysql", "DATETIME", "'2026-07-01 12:00:00'", DATETIME, NOON),
    ("mysql", "TIMESTAMP", "'2026-07-01 10:00:00'", DATETIME, NOON),
    ("mysql", "DATE", "'2026-02-28'", DATE, date(2026, 2, 28)),
    ("mysql", "DECIMAL(12,2)", "12.30", decimal(2), Decimal("12.30")),
    ("mysql", "JSON", "'[\"a\"]'", TAGS, ("a",)),
    ("sqlite", "BOOLEAN", "1", BOOLEAN, True),
    ("sqlite", "INTEGER", "'seven'", INTEGER, "no integer"),
    ("sqlite", "TIMESTAMP", "'2026-07-01 12:00:00'", DATETIME, NOON),
    ("sqlite", "TIMESTAMP", "'2026-07-01T10:00:00Z'", DATETIME, NOON),
    ("sqlite", "INTEGER", "1782900000", DATETIME, "a view can convert it"),
    ("sqlite", "REAL", "12.3", decimal(2), Decimal("12.30")),
    ("sqlite", "DATE", "'2026-02-30'", DATE, "no day"),
]


@pytest.mark.parametrize(("ground", "column", "literal", "type_", "expected"), CASES, indirect=["ground"])
def test_a_value_is_read_exactly_or_not_at_all(
    ground: Ground, column: str, literal: str, type_: Type, expected: Any
) -> None:
    change = read(ground, column, literal, type_)
    if isinstance(expected, str) and isinstance(change, Bad):
        assert expected in change.reason
        assert change.reason.startswith("column 'f': ")
        assert (change.id, change.where) == ("1", "deals, id 1")
    else:
        assert change == Record("1", "sales.new", {"f": expected})


@pytest.mark.parametrize("ground", ["mysql"], indirect=True)
def test_a_day_that_is_none_is_empty(ground: Ground) -> None:
    ground.run("SET sql_mode = ''")
    assert read(ground, "DATETIME", "'0000-00-00 00:00:00'", DATETIME) == Record("1", "sales.new", {"f": None})


def test_stages_that_are_not_named_are_bad_and_those_ignored_are_gone(ground: Ground) -> None:
    flow = Flow(project="stages", pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"),))})
    ground.run(
        "CREATE TABLE deals (id int PRIMARY KEY, stage int, gone int, since "
        + ("DATETIME" if ground.name == "mysql" else "timestamp")
        + ")"
    )
    ground.run(
        "INSERT INTO deals VALUES (1, 10, 0, '2026-01-02 03:04:05'), (2, 11, NULL, NULL), (3, 12, NULL, NULL), "
        "(4, 10, 1, NULL), (5, NULL, NULL, NULL)"
    )
    keys = "table: deals\nstage: stage\nstages: {10: sales.new}\nignore: [11]\ndeleted: gone\nnotice: compare\n"
    with closing(opened(ground, flow, keys + "columns: {since: entered_at}\n")) as source:
        one, two, three, four, five = source.read(["1", "2", "3", "4", "5"])
    assert one == Record("1", "sales.new", {}, entered_at=1_767_323_045_000)
    assert (two, four) == (Gone("2"), Gone("4"))
    assert isinstance(three, Bad)
    assert "'12' is none of `stages` and `ignore`" in three.reason
    assert isinstance(five, Bad)
    assert "no stage is given" in five.reason
