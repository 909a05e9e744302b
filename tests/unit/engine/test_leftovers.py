"""`prune --fields`: the values of removed and converted fields, named, counted and dropped."""

from __future__ import annotations

import pytest

from flowrun.engine.leftovers import Leftover, drop, leftovers
from flowrun.errors import WorkFailed
from flowrun.expr.types import Kind
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


def test_indexes_of_others_go_with_the_column() -> None:
    w = three()
    w.sql("CREATE INDEX mine ON deals (_was_text_x_1)")
    drop(w.store, leftovers(w.store))
    assert names(w) == {"other"}


def test_a_view_in_the_way_is_told_and_nothing_is_dropped() -> None:
    w = three()
    w.sql("CREATE VIEW mine AS SELECT _was_text_x_1 FROM deals")
    with pytest.raises(WorkFailed, match="the table 'deals' can't be changed: error in view mine"):
        drop(w.store, leftovers(w.store))
    assert leftovers(w.store) == (TEXT_X, INTEGER_X)
