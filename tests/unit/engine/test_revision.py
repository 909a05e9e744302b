"""Applying another revision: what waiting deals, live dates and the ledger do then."""

from __future__ import annotations

from tests.unit.engine.kit import SALES, world

HOUR = "m: {from: sales.new, to: sales.docs, action: move, after: 1h}"


def test_waiting_deals_follow_the_new_text() -> None:
    w = world(HOUR, deals=["a"]).run()
    assert w.apply(HOUR.replace("1h", "3h")).run().queued() == {"a": "2026-03-02T13:00"}
    assert w.later("30m").apply(HOUR.replace("1h", "10m")).run().fired() == [("m", "a")]


def test_a_new_condition_is_the_one_that_counts() -> None:
    w = world(HOUR, deals=["a"]).run().apply(HOUR.replace("1h", "1h, when: deal.paid"))
    assert w.later("2h").run().fired() == []
    assert w.apply(HOUR).run().fired() == [("m", "a")]


def test_a_variable_that_a_condition_uses_is_part_of_its_text() -> None:
    tunnel = "m: {from: sales.new, to: sales.docs, action: move, when: deal.amount >= vars.big}"
    rest = SALES + "vars: {big: {type: integer, default: 100}}"
    w = world(tunnel, rest=rest).add("a", amount=50).run()
    assert w.fired() == []
    assert w.apply(tunnel, rest=rest.replace("100", "10")).run().fired() == [("m", "a")]


def test_a_default_that_fills_what_is_required_is_too() -> None:
    tunnel = "c: {from: sales.new, to: care.setup, action: copy, fields: none}"
    rest = SALES.replace("kickoff, setup", "kickoff, {id: setup, requires: [account]}")
    w = world(tunnel, rest=rest, deals=["a"]).run()
    assert w.fired() == []
    assert w.apply(tunnel, rest=rest.replace("account: text", "account: {type: text, default: x}")).run().fired() == [
        ("c", "a")
    ]


def test_a_change_elsewhere_neither_queues_nor_redates() -> None:
    w = world(HOUR + "\nn: {from: sales.docs, to: sales.won, action: move, when: deal.paid}", deals=["a"]).run()
    w.add("b", "sales.docs").run().later("10m")
    w.apply(HOUR + "\nn: {from: sales.docs, to: sales.won, action: move, when: not deal.paid, description: new}")
    assert w.queued() == {"a": "2026-03-02T11:00", "b": "2026-03-02T10:10"}


def test_a_description_is_no_change() -> None:
    w = world(HOUR, deals=["a"]).run().later("10m").apply(HOUR.replace("after", "description: words, after"))
    assert w.queued() == {"a": "2026-03-02T11:00"}


def test_a_tunnel_keeps_its_live_date() -> None:
    w = world(HOUR, deals=["a"]).later("30m").apply(HOUR.replace("1h", "2h")).later("2h").run()
    assert w.fired() == [("m", "a")]


def test_pausing_and_resuming_keep_it_too() -> None:
    w = world(HOUR).pause("m").add("a").later("2h").run().resume("m").run()
    assert w.fired() == [("m", "a")]


def test_a_tunnel_removed_and_declared_again_is_new() -> None:
    w = world(HOUR, deals=["a"]).later("10m").apply("").later("10m").apply(HOUR).later("2h").run()
    assert w.fired() == []


def test_but_what_it_fired_under_that_id_counts_for_once() -> None:
    once = "c: {from: sales.new, to: care.kickoff, action: copy, once: deal}"
    w = world(once, deals=["a"]).run().later("1h").apply("").later("1h").apply(once)
    w.move("a", "sales.won").move("a", "sales.new").run()
    assert w.fired() == [("c", "a")]


def test_a_tunnel_renamed_by_moved_is_the_same_tunnel() -> None:
    turns = "set: {owner: {rotate: [x, y]}}"
    old = f"old: {{from: sales.new, to: care.kickoff, action: copy, when: deal.paid, once: deal, {turns}}}"
    w = world(old).add("a", paid=True).add("b").run().later("1h")
    w.apply(old.replace("old:", "new:"), rest=SALES + "moved: [{from: tunnels.old, to: tunnels.new}]")
    w.move("a", "sales.won").move("a", "sales.new").set("b", paid=True).run()
    assert w.fired() == [("new", "a"), ("new", "b")]
    assert [deal.owner for deal in w.deals() if deal.origin] == ["x", "y"]


def test_a_paused_tunnel_stays_paused_under_its_new_id() -> None:
    w = (
        world(HOUR)
        .pause("m")
        .later("1h")
        .apply(HOUR.replace("m: {", "n: {"), rest=SALES + "moved: [{from: tunnels.m, to: tunnels.n}]")
    )
    assert w.add("a").later("2h").run().fired() == []
    assert w.resume("n").run().fired() == [("n", "a")]


def test_firings_name_the_revision_that_they_obeyed() -> None:
    w = world(HOUR, deals=["a"]).later("1h").run().apply(HOUR.replace("1h", "2h")).add("b").later("2h").run()
    assert [(row.deal, row.revision) for row in w.journal()] == [("a", 1), ("b", 2)]


def test_a_runner_takes_up_a_revision_between_two_ticks() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, when: deal.paid}", deals=["a"])
    with w.ticking() as tick:
        tick()
        w.apply("m: {from: sales.new, to: sales.docs, action: move}")
        tick()
    assert [(row.deal, row.revision) for row in w.journal()] == [("a", 2)]
