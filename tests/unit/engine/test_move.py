"""Moves: the same deal in another stage, at most once per entry; and what starts an entry."""

from __future__ import annotations

from tests.unit.engine.kit import world

TWO = """
first: {from: sales.new, to: sales.docs, action: move}
second: {from: sales.new, to: sales.lost, action: move}
"""


def test_a_move_starts_an_entry() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, set: {title: moved}}").add("a").later("1h").run()
    deal = w.deal("a")
    assert (deal.stage, deal.entry, deal.entered_at, deal.updated_at) == ("sales.docs", 2, w.now, w.now)
    assert (deal.title, deal.created_at) == ("moved", w.instant("2026-03-02T10:00"))
    assert [(row.entry, row.target) for row in w.journal()] == [(1, "a")]


def test_the_first_move_in_file_order_wins_and_is_the_only_one() -> None:
    assert world(TWO, deals=["a"]).run().fired() == [("first", "a")]


def test_waits_of_an_entry_end_with_it() -> None:
    w = world("m: {from: sales.new, to: sales.lost, action: move, after: 1h}").add("a").later("30m")
    w.move("a", "sales.docs").move("a", "sales.new").later("45m").run()
    assert w.fired() == []
    assert w.later("15m").run().fired() == [("m", "a")]
    assert w.deal("a").entry == 4


def test_a_move_that_fires_ends_the_waits_of_the_others() -> None:
    w = (
        world("""
    slow: {from: sales.new, to: sales.lost, action: move, after: 1h}
    quick: {from: sales.new, to: sales.docs, action: move}
    next: {from: sales.docs, to: sales.won, action: move, after: 3h}
    """)
        .add("a")
        .run()
    )
    assert (w.fired(), w.queued()) == ([("quick", "a")], {"a": "2026-03-02T13:00"})


def test_the_stage_that_a_deal_has_already_starts_no_entry() -> None:
    w = world("m: {from: sales.new, to: sales.lost, action: move, after: 1h}").add("a").later("30m")
    assert w.move("a", "sales.new").deal("a").entry == 1
    assert w.later("30m").run().fired() == [("m", "a")]


def test_a_stage_left_again_before_the_runner_looks_fires_nothing() -> None:
    w = world("c: {from: sales.docs, to: care.kickoff, action: copy}").add("a")
    w.move("a", "sales.docs").move("a", "sales.won").run()
    assert w.journal() == []


def test_a_condition_true_only_in_between_fires_nothing() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, when: deal.paid}").add("a")
    w.set("a", paid=True).set("a", paid=False).run()
    assert w.journal() == []


def test_a_chain_goes_through_at_one_instant() -> None:
    w = (
        world("""
    one: {from: sales.new, to: sales.docs, action: move}
    two: {from: sales.docs, to: sales.won, action: move}
    """)
        .add("a")
        .run()
    )
    assert w.fired() == [("one", "a"), ("two", "a")]
    assert {row.fired_at for row in w.journal()} == {w.now}


def test_a_deleted_deal_waits_for_nothing() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, after: 1h}").add("a").delete("a")
    assert w.later("2h").run().journal() == []
    assert w.queued() == {}


def test_a_deal_made_again_under_an_old_id_goes_on_with_the_numbers() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy}").add("a").run().delete("a").add("a").run()
    assert [(row.deal, row.entry) for row in w.journal()] == [("a", 1), ("a", 2)]
    assert len(w.copies("a")) == 2


def test_a_wildcard_and_what_is_taken_out_of_it() -> None:
    w = world("m: {from: sales.*, except: [sales.won], to: sales.lost, action: move}")
    w.add("a", "sales.new").add("b", "sales.docs").add("c", "sales.won").run()
    assert w.fired() == [("m", "a"), ("m", "b")]
