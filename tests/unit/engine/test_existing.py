"""`existing` and live dates: which deals a tunnel takes that stood there before it."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import world

SKIP = "m: {from: sales.new, to: sales.docs, action: move}"
INCLUDE = "m: {from: sales.new, to: sales.docs, action: move, existing: include}"


@pytest.mark.parametrize(("text", "fired"), [(SKIP, ["new"]), (INCLUDE, ["old", "new"])])
def test_deals_that_stand_there_already(text: str, fired: list[str]) -> None:
    w = world(deals=["old"]).later("1h").apply(text).later("1h").add("new").run()
    assert [deal for _, deal in w.fired()] == fired


def test_an_entry_at_the_very_instant_counts_as_new() -> None:
    assert world(deals=["a"]).apply(SKIP).run().fired() == [("m", "a")]


def test_what_counts_is_the_entry_not_the_creation() -> None:
    w = world().add("a", "sales.docs").later("1h").apply(SKIP).later("1h").move("a", "sales.new").run()
    assert w.fired() == [("m", "a")]


def test_include_later_takes_all_who_stand_there() -> None:
    w = world(deals=["a"]).later("1h").apply(SKIP).run().later("1h").apply(INCLUDE).run()
    assert w.fired() == [("m", "a")]


def test_a_new_stage_in_from_has_a_live_date_of_its_own() -> None:
    both = "m: {from: [sales.new, sales.won], to: sales.docs, action: move, when: deal.paid}"
    w = world(SKIP[:-1] + ", when: deal.paid}").add("a").add("b", "sales.won").later("1h").apply(both)
    w.set("a", paid=True).set("b", paid=True).run()
    assert w.fired() == [("m", "a")]
    assert w.later("1h").move("b", "sales.lost").move("b", "sales.won").run().fired() == [("m", "a"), ("m", "b")]
