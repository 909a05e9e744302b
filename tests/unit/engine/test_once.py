"""`once`: per entry, or once in the deal's life."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import world


@pytest.mark.parametrize(("once", "times"), [("entry", 2), ("deal", 1)])
def test_a_second_entry(once: str, times: int) -> None:
    w = world(f"c: {{from: sales.new, to: care.kickoff, action: copy, once: {once}}}").add("a").run()
    w.move("a", "sales.docs").move("a", "sales.new").run()
    assert len(w.copies("a")) == times


def test_a_second_look_at_one_entry_fires_nothing() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy, when: deal.amount > 1}").add("a", amount=2).run()
    assert w.set("a", amount=3).run().fired() == [("c", "a")]


def test_what_was_only_parked_or_declined_does_not_count_as_fired() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy, once: deal, watch: false, when: deal.paid}")
    w.add("a").run().move("a", "sales.docs").set("a", paid=True).move("a", "sales.new").run()
    assert w.results() == [("c", "a", "declined judged"), ("c", "a", "fired")]


def test_a_deal_that_has_had_its_once_is_not_judged_again() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy, once: deal, watch: false}").add("a").run()
    w.move("a", "sales.docs").move("a", "sales.new").run()
    assert w.results() == [("c", "a", "fired")]


def test_a_clock_that_steps_back_makes_no_second_firing() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy, once: deal}").add("a").later("-2h")
    w.run().later("2h").run()
    w.move("a", "sales.docs").later("-1h").move("a", "sales.new").later("5h").run()
    assert w.fired() == [("c", "a")]
