"""Applying a revision whose fields are others: what becomes of the values that deals hold, and who is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from flowrun.engine.deploy import difference
from flowrun.engine.holdings import losses
from flowrun.errors import WorkFailed
from flowrun.expr.types import Value
from flowrun.plan import Loses, Loss, Rail, Refusal
from flowrun.store import columns, revisions
from tests.unit.engine.kit import World, flow_of, world

STAGES = "pipelines: {sales: {stages: [new, docs, {id: won, outcome: won}]}}\n"


def rest(x: str, more: str = "") -> str:
    """The flow's other parts, where the field `x` is that (nothing: there is none)."""
    return STAGES + (f"fields: {{x: {x}, other: integer}}\n" if x else "fields: {other: integer}\n") + more


def held(x: str, *values: Value) -> World:
    """A world in which deals d0, d1, … hold these values of `x`."""
    w = world(rest=rest(x))
    for at, value in enumerate(values):
        w.add(f"d{at}", x=value) if value is not None else w.add(f"d{at}")
    return w.later("1h")


def values(w: World, field: str = "x") -> list[Value]:
    return [deal.fields[field] for deal in w.deals()]


def lost(w: World, after: str) -> tuple[Loss, ...]:
    """What `diff` says would be lost."""
    with w.store.read() as connection:
        return losses(connection, revisions.applied(connection).flow, flow_of("", rest=after))


def back(w: World, after: str) -> Mapping[str, int]:
    """How many deals `diff` says get values back, by field."""
    return difference(w.store, flow_of("", rest=after)).impact.returning


def indexes(w: World) -> list[str]:
    """The engine's own, as they were made."""
    with w.store.read() as connection:
        made = "SELECT sql FROM sqlite_master WHERE type = 'index' AND name LIKE 'engine_%'"
        return [text.replace('"', "") for text in connection.exec_driver_sql(made).scalars()]


RENAMED = STAGES + "fields: {y: integer, other: integer}\nmoved: [{from: fields.x, to: fields.y}]\n"


def test_a_renamed_field_keeps_its_values_and_nobody_is_changed_by_it() -> None:
    w = held("integer", 1, None)
    before = [deal.updated_at for deal in w.deals()]
    assert values(w.apply("", rest=RENAMED), "y") == [1, None]
    assert [deal.updated_at for deal in w.deals()] == before
    assert "x" not in w.deals()[0].fields


def test_nobody_is_looked_at_for_a_new_name_alone() -> None:
    text = "m: {from: sales.new, to: sales.docs, action: move, when: deal.x > 5}"
    w = world(text, rest=rest("integer"), deals=["a"]).run().later("1h")
    assert w.apply(text.replace("deal.x", "deal.y"), rest=RENAMED).queued() == {}
    assert w.set("a", y=7).run().fired() == [("m", "a")]


@pytest.mark.sqlite
def test_indexes_are_those_of_the_columns_that_the_fields_have_now() -> None:
    guard = "c: {from: sales.new, to: sales.docs, action: copy, unless_exists: {same: [%s]}}"
    w = world(guard % "x", rest=rest("text")).apply(guard % "y", rest=RENAMED)
    assert indexes(w) == ["CREATE INDEX engine_same_y ON deals (y, stage)"]
    w.apply(guard % "y", rest=RENAMED.replace("y: integer", "y: text"))
    assert indexes(w) == ["CREATE INDEX engine_same_y ON deals (y, stage)"]


def test_a_renamed_field_may_have_another_type_at_once() -> None:
    w = held("text", "12", "twelve")
    assert lost(w, RENAMED) == (Loss(Loses.TYPE, "x", 2, 1, "text → integer"),)
    assert values(w.apply("", rest=RENAMED), "y") == [12, None]
    assert values(w.apply("", rest=rest("text", "moved: [{from: fields.y, to: fields.x}]\n"))) == ["12", "twelve"]


def test_a_removed_field_comes_back_with_its_values() -> None:
    w = held("{type: decimal, places: 2}", Decimal("1.50"), None).apply("", rest=rest(""))
    assert w.add("later").deals()[0].fields == {"other": None}
    assert values(w.apply("", rest=rest("{type: decimal, places: 2}"))) == [Decimal("1.50"), None, None]


def test_how_many_get_their_values_back_is_said() -> None:
    w = held("{type: integer, default: 1}", 5, 1, None, 7)
    assert back(w, rest("integer")) == {}
    w.apply("", rest=rest(""))
    assert (back(w, rest("")), back(w, rest("text")), back(w, rest("boolean"))) == ({}, {"x": 4}, {})
    assert back(w, rest("{type: integer, default: 7}")) == {"x": 3}
    assert back(w, RENAMED) == {}
    w.sql("ALTER TABLE deals RENAME COLUMN _was_integer_x_1 TO x")
    assert back(w, rest("text")) == {"x": 4}
    assert [value is not None for value in values(w.apply("", rest=rest("text")))] == [True] * 4


def test_it_comes_back_rounded_and_filled_as_it_is_then() -> None:
    w = held("{type: decimal, places: 2}", Decimal("1.50"), Decimal("2.50"), None).apply("", rest=rest(""))
    w.apply("", rest=rest("{type: decimal, places: 0, default: 7}"))
    assert values(w) == [Decimal(2), Decimal(2), Decimal(7)]


def test_it_comes_back_as_another_type_and_then_as_its_own() -> None:
    w = held("text", "12", "twelve").apply("", rest=rest("")).apply("", rest=rest("integer"))
    assert values(w) == [12, None]
    assert values(w.apply("", rest=rest("text"))) == ["12", "twelve"]


def test_what_someone_has_set_since_counts_more_than_what_was_there_before() -> None:
    w = held("text", "12", "twelve", "x").apply("", rest=rest("{type: integer, default: 3}")).add("d3", x=4)
    assert values(w) == [12, 3, 3, 4]
    w.set("d0", x=13).set("d1", x=5)
    assert lost(w, rest("text")) == (Loss(Loses.TYPE, "x", 4, 0, "integer → text"),)
    assert values(w.apply("", rest=rest("text"))) == ["13", "5", "x", "4"]


def test_the_latest_values_come_back_not_those_that_once_were_of_the_type() -> None:
    decimal = "{type: decimal, places: 0}"
    w = held("integer", 5, 6).apply("", rest=rest(decimal)).set("d0", x=Decimal(7))
    w.apply("", rest=rest("")).apply("", rest=rest("integer"))
    assert values(w) == [7, 6]


def test_a_column_that_another_program_made_is_left_to_it() -> None:
    w = held("integer", 1)
    w.sql("ALTER TABLE deals ADD COLUMN note TEXT")
    w.sql("UPDATE deals SET note = 'mine'")
    after = rest("integer").replace("other: integer", "note: integer")
    assert values(w.apply("", rest=after), "note") == [None]
    with w.store.read() as connection:
        assert {"note", "_former_note_1"} <= columns.present(connection)


@pytest.mark.parametrize("name", ["note", "NOTE"])
def test_a_field_is_refused_where_another_programs_column_holds_values(name: str) -> None:
    w = held("integer", 1, 2, 3)
    w.sql(f"ALTER TABLE deals ADD COLUMN {name} TEXT")
    if w.store.engine.dialect.name == "postgresql":
        name = name.lower()  # as it is there, where nobody put it in quotes
    base, after = rest("integer"), rest("integer").replace("other: integer", "note: integer")
    assert (lost(w, base), lost(w, after)) == ((), ())
    w.sql(f"UPDATE deals SET {name} = seq WHERE seq < 3")
    assert (lost(w, base), lost(w, after)) == ((), (Loss(Loses.FOREIGN, name, 2, 2),))
    found = difference(w.store, flow_of("", rest=after), allowed=dict.fromkeys(Rail)).refusals
    assert found == (
        Refusal(
            Rail.REMOVE_FIELD,
            f"the column {name} of deals is another program's, and 2 deals hold a value in it",
            f"name the field otherwise, or rename that column: ALTER TABLE deals RENAME COLUMN {name} TO …",
            None,
        ),
    )
    renamed = after.replace("x: integer, note", "note") + "moved: [{from: fields.x, to: fields.note}]\n"
    assert lost(w, renamed) == (Loss(Loses.FOREIGN, name, 2, 2),)
    w.sql(f"UPDATE deals SET {name} = NULL")
    assert values(w.apply("", rest=after), "note") == [None, None, None]


def test_a_column_that_an_older_flowrun_left_comes_back_too() -> None:
    w = held("{type: decimal, places: 2}", Decimal("1.50")).apply("", rest=rest(""))
    w.sql("ALTER TABLE deals RENAME COLUMN _was_decimal2_x_1 TO x")
    assert values(w.apply("", rest=rest("{type: decimal, places: 3}"))) == [Decimal("1.500")]


def test_a_new_default_fills_what_is_empty_and_its_deals_are_looked_at() -> None:
    text = "m: {from: sales.new, to: sales.docs, action: move, when: deal.x > 5}"
    w = world(text, rest=rest("integer")).add("a").add("b", x=1).run().later("1h")
    w.apply(text, rest=rest("{type: integer, default: 6}")).run()
    assert values(w) == [6, 1]
    assert w.fired() == [("m", "a")]


def test_a_changed_default_is_what_other_programs_inserts_get() -> None:
    w = held("{type: integer, default: 6}", None, 1).apply("", rest=rest("{type: integer, default: 8}")).add("d2")
    assert values(w) == [6, 1, 8]
    assert values(w.apply("", rest=rest("integer")).add("d3")) == [6, 1, 8, None]


@pytest.mark.parametrize("after", ["{type: integer, default: 7}", "text", "{type: text, default: a}"])
@pytest.mark.sqlite
def test_views_triggers_and_indexes_of_others_stay_with_a_field_that_becomes_another(after: str) -> None:
    w = held("integer", 5)
    made = [
        "CREATE VIEW one AS SELECT x FROM deals",
        "CREATE VIEW above AS SELECT x FROM one",
        "CREATE TRIGGER heard AFTER UPDATE OF x ON deals BEGIN UPDATE flowrun SET environment = NEW.x; END",
        "CREATE TRIGGER told INSTEAD OF INSERT ON above BEGIN SELECT 1; END",
        "CREATE INDEX plain ON deals (x)",
        "CREATE INDEX partial ON deals (other) WHERE x > 3",
    ]
    for statement in made:
        w.sql(statement)
    assert difference(w.store, flow_of("", rest=rest(after))).impact.total == 1
    w.apply("", rest=rest(after))
    with w.store.read() as connection:
        names = "('one', 'above', 'heard', 'told', 'plain', 'partial')"
        found = connection.exec_driver_sql(f"SELECT sql FROM sqlite_master WHERE name IN {names}").scalars().all()
        assert sorted(found) == sorted(made)
        assert [str(x) for x in connection.exec_driver_sql("SELECT x FROM above").scalars()] == ["5"]
        assert connection.exec_driver_sql("SELECT environment FROM flowrun").scalar_one() is None


@pytest.mark.sqlite
def test_an_index_of_another_program_that_would_not_be_unique_any_more_is_told() -> None:
    w = held("text", "1", "1.0")
    w.sql("CREATE UNIQUE INDEX mine ON deals (x)")
    with pytest.raises(WorkFailed, match="the index mine of another program can't stay on the new x: UNIQUE"):
        w.apply("", rest=rest("decimal"))
    with w.store.read() as connection:
        assert connection.exec_driver_sql("SELECT x FROM deals").scalars().all() == ["1", "1.0"]


def test_an_enums_removed_value_is_emptied_or_the_default() -> None:
    three = "{type: enum, values: [a, b, c]}"
    w = held(three, "a", "b", None)
    assert lost(w, rest("{type: enum, values: [c, a]}")) == (Loss(Loses.VALUE, "x", 1, 1, "b"),)
    assert values(w.apply("", rest=rest("{type: enum, values: [c, a]}"))) == ["a", None, None]
    w = held(three, "a", "b", None).apply("", rest=rest("{type: enum, values: [c, a], default: c}"))
    assert values(w) == ["a", "c", "c"]


def test_places_round_half_to_even_and_what_no_longer_fits_is_emptied() -> None:
    w = held("{type: decimal, places: 2}", Decimal("0.25"), Decimal("0.35"), Decimal("-0.25"), Decimal("0.40"), None)
    assert lost(w, rest("{type: decimal, places: 1}")) == (Loss(Loses.PLACES, "x", 3, 0, "2 → 1"),)
    w.apply("", rest=rest("{type: decimal, places: 1}"))
    assert values(w) == [Decimal("0.2"), Decimal("0.4"), Decimal("-0.2"), Decimal("0.4"), None]
    w = held("{type: decimal, places: 2}", Decimal("9999999999999999.99"), Decimal("1.25"))
    assert lost(w, rest("{type: decimal, places: 4}")) == (Loss(Loses.PLACES, "x", 1, 1, "2 → 4"),)
    assert values(w.apply("", rest=rest("{type: decimal, places: 4}"))) == [None, Decimal("1.2500")]


@pytest.mark.parametrize(
    ("before", "after", "given", "become"),
    [
        ("text", "integer", ["12", " 12", "1.0", None], [12, None, None, None]),
        ("text", "{type: decimal, places: 1}", ["1.5", "1.55", "-2"], [Decimal("1.5"), None, Decimal("-2.0")]),
        ("text", "boolean", ["true", "yes"], [True, None]),
        ("text", "date", ["2026-03-06", "6.3.2026"], [date(2026, 3, 6), None]),
        ("text", "datetime", ["1970-01-01T00:00:01Z", "soon"], [1000, None]),
        ("text", "tags", ["b, a"], [("a", "b")]),
        ("text", "{type: enum, values: [a, b]}", ["a", "c"], ["a", None]),
        ("{type: enum, values: [a, '7']}", "integer", ["a", "7"], [None, 7]),
        ("integer", "{type: decimal, places: 1}", [7, 10**18], [Decimal("7.0"), None]),
        ("{type: decimal, places: 1}", "integer", [Decimal("7.0"), Decimal("7.5")], [7, None]),
        ("{type: decimal, places: 1}", "text", [Decimal("7.0")], ["7.0"]),
        ("boolean", "text", [False, None], ["false", None]),
        ("tags", "text", [("a", "b")], ["a, b"]),
        ("date", "text", [date(2026, 3, 6)], ["2026-03-06"]),
        ("date", "integer", [date(2026, 3, 6)], [None]),
        ("boolean", "integer", [True], [None]),
    ],
)
def test_another_type_keeps_what_is_exactly_the_same(
    before: str, after: str, given: list[Value], become: list[Value]
) -> None:
    w = held(before, *given)
    counted = lost(w, rest(after))
    assert values(w.apply("", rest=rest(after))) == become
    some = sum(value is not None for value in given)
    emptied = sum(value is None for value in become) - (len(given) - some)
    assert [(loss.how, loss.deals, loss.emptied) for loss in counted] == [(Loses.TYPE, some, emptied)]


def test_deals_are_looked_at_where_a_tunnel_reads_a_field_of_another_type() -> None:
    text = "m: {from: sales.new, to: sales.docs, action: move, when: deal.x is none}"
    w = world(text, rest=rest("text")).add("a", x="1").add("b", x="one").run().later("1h")
    assert w.fired() == []
    assert w.apply(text, rest=rest("integer")).run().fired() == [("m", "b")]


def test_a_removed_field_is_counted_but_for_its_default() -> None:
    w = held("{type: integer, default: 6}", None, 1, 2)
    assert lost(w, rest("")) == (Loss(Loses.FIELD, "x", 2, 2),)
