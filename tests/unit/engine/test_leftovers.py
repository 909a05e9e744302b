"""`prune --fields`: the values of removed and converted fields, named, counted and dropped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowrun.engine.leftovers import Leftover, drop, leftovers
from flowrun.errors import WorkFailed
from flowrun.expr.types import Kind
from flowrun.render.ink import plain
from flowrun.render.prune import leftovers_text
from flowrun.store import columns
from tests.unit.engine.kit import World, world

FIELDS = "pipelines: {sales: {stages: [new]}}\nfields: {x: text, other: integer}\n"
INTEGER = FIELDS.replace("x: text", "x: integer")
WITHOUT = FIELDS.replace("x: text, ", "")


def three() -> World:
    """A world in which `x` was a text under revision 1, an integer under 2, and is gone."""
    w = world(rest=FIELDS).add("a", x="1").add("b", x="one").add("c")
    return w.apply("", rest=INTEGER).apply("", rest=WITHOUT)


def names(w: World) -> set[str]:
    with w.store.read() as connection:
        return set(columns.present(connection))


TEXT_X = Leftover("x", Kind.TEXT, 1, "_was_text_x_1", 2)
INTEGER_X = Leftover("x", Kind.INTEGER, 2, "_was_integer_x_2", 1)


def test_it_names_them_and_drops_them_for_good() -> None:
    w = three()
    assert leftovers(w.store) == (TEXT_X, INTEGER_X)
    assert drop(w.store, leftovers(w.store)) == (TEXT_X, INTEGER_X)
    assert (leftovers(w.store), names(w)) == ((), {"other"})
    assert [deal.fields["x"] for deal in w.apply("", rest=FIELDS).deals()] == [None, None, None]


def test_what_is_in_use_again_by_then_stays() -> None:
    w = three()
    seen = leftovers(w.store)
    w.apply("", rest=FIELDS)
    assert drop(w.store, seen) == (INTEGER_X,)
    assert [deal.fields["x"] for deal in w.deals()] == ["1", "one", None]


def test_what_older_versions_left_under_its_own_name_is_one_of_them_but_not_what_others_made() -> None:
    w = three()
    w.sql("ALTER TABLE deals RENAME COLUMN _was_integer_x_2 TO x")
    w.sql("ALTER TABLE deals ADD COLUMN mine TEXT")
    assert drop(w.store, leftovers(w.store)) == (TEXT_X, Leftover("x", Kind.INTEGER, 2, "x", 1))
    assert names(w) == {"other", "mine"}


@pytest.mark.sqlite
def test_indexes_of_others_go_with_the_column() -> None:
    w = three()
    w.sql("CREATE INDEX mine ON deals (_was_text_x_1)")
    w.sql("CREATE INDEX another ON deals (other) WHERE lower(_was_text_x_1) = 'one'")
    w.sql("CREATE INDEX elsewhere ON deals (other)")
    found = replace(TEXT_X, indexes=("another", "mine"))
    assert drop(w.store, leftovers(w.store)) == (found, INTEGER_X)
    assert names(w) == {"other"}
    assert plain(leftovers_text([found], done=False)).splitlines()[1:] == [
        "  x (text, revision 1): 2 deals hold a value; the indexes another, mine go with it"
    ]
    assert plain(leftovers_text([replace(found, indexes=("mine",))], done=True)).splitlines()[1:] == [
        "  x (text, revision 1): 2 deals held a value; the index mine went with it"
    ]
    with w.store.read() as connection:
        mine = "SELECT name FROM sqlite_master WHERE name IN ('mine', 'another', 'elsewhere')"
        assert connection.exec_driver_sql(mine).scalars().all() == ["elsewhere"]


@pytest.mark.sqlite
def test_views_and_triggers_in_the_way_are_told_and_nothing_is_dropped() -> None:
    w = world(rest=FIELDS).add("a", x="1")
    w.sql("CREATE VIEW mine AS SELECT x FROM deals")
    w.apply("", rest=WITHOUT)
    seen = (replace(TEXT_X, deals=1),)
    says = "the view mine names _was_text_x_1, which goes$"
    with pytest.raises(WorkFailed, match=says) as caught:
        leftovers(w.store)
    assert caught.value.help == "drop or change it first"
    with pytest.raises(WorkFailed, match=says):
        drop(w.store, seen)
    assert names(w) == {"other", "_was_text_x_1"}
    w.sql("DROP VIEW mine")
    w.sql("CREATE TRIGGER his AFTER UPDATE OF _was_text_x_1 ON deals BEGIN SELECT 1; END")
    with pytest.raises(WorkFailed, match="the trigger his names _was_text_x_1, which goes"):
        leftovers(w.store)
    w.sql("DROP TRIGGER his")
    assert drop(w.store, leftovers(w.store)) == seen


def test_what_names_another_table_or_a_longer_name_is_not_in_the_way() -> None:
    w = three()
    w.sql("ALTER TABLE deals RENAME COLUMN _was_integer_x_2 TO x")
    w.sql("CREATE VIEW others AS SELECT 1 AS x")
    w.sql("CREATE VIEW longer AS SELECT 1 AS _was_text_x_12, 2 AS x_1 FROM deals")
    assert len(drop(w.store, leftovers(w.store))) == 2


@pytest.mark.sqlite
def test_applying_says_which_view_is_in_the_way() -> None:
    w = world(rest=FIELDS).add("a", x="1")
    w.sql("CREATE VIEW mine AS SELECT x FROM deals")
    w.sql("CREATE VIEW above AS SELECT x FROM mine")
    with pytest.raises(WorkFailed, match="the table 'deals' can't be changed: error in view above") as caught:
        w.apply("", rest=WITHOUT)
    assert "drop or change it first" in (caught.value.help or "")
    assert names(w) == {"x", "other"}
