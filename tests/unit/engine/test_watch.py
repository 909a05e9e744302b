"""`watch`: judged whenever something changes, or (false) once, when the deal is first found due."""

from __future__ import annotations

from datetime import date

from tests.unit.engine.kit import SALES, world

ONCE = "m: {from: sales.new, to: sales.docs, action: move, watch: false, when: deal.paid}"


def test_a_watching_tunnel_fires_when_the_field_becomes_right() -> None:
    w = world(ONCE.replace("watch: false, ", "")).add("a").run().later("1h").set("a", paid=True).run()
    assert w.fired() == [("m", "a")]


def test_a_one_shot_is_judged_once() -> None:
    w = world(ONCE).add("a").run().later("1h").set("a", paid=True).run()
    assert w.results() == [("m", "a", "declined judged")]


def test_it_is_judged_when_due_on_the_values_it_has_then() -> None:
    w = world(ONCE.replace("when:", "after: 1h, when:")).add("a").add("b", paid=True).run()
    assert w.journal() == []
    w.later("30m").set("a", paid=True).set("b", paid=False).later("30m").run()
    assert w.results() == [("m", "a", "fired"), ("m", "b", "declined judged")]


def test_requires_are_part_of_the_judgement() -> None:
    rest = SALES.replace("[new, docs,", "[new, {id: docs, requires: [account]},")
    w = world(ONCE, rest=rest).add("a", paid=True).run()
    assert w.results() == [("m", "a", "declined judged")]


def test_another_entry_is_judged_anew() -> None:
    w = world(ONCE).add("a").run().set("a", paid=True).move("a", "sales.won").move("a", "sales.new").run()
    assert [result for _, _, result in w.results()] == ["declined judged", "fired"]


def test_another_due_instant_is_judged_anew() -> None:
    w = world(ONCE.replace("when:", "at: {field: day}, when:")).add("a", day=date(2026, 3, 1)).run()
    w.set("a", paid=True).run()
    assert w.results() == [("m", "a", "declined judged")]
    w.set("a", day=date(2026, 3, 5)).run()
    assert w.queued() == {"a": "2026-03-05T00:00"}
    assert w.run("2026-03-05T00:00").results() == [("m", "a", "fired")]


def test_a_new_condition_is_not() -> None:
    w = world(ONCE).add("a").run().later("1h").apply(ONCE.replace("deal.paid", "not deal.paid")).run()
    assert w.results() == [("m", "a", "declined judged")]


def test_moves_after_a_declined_one_go_on_and_those_after_the_fired_one_are_not_judged() -> None:
    w = (
        world(f"""
    {ONCE}
    n: {{from: sales.new, to: sales.won, action: move}}
    o: {{from: sales.new, to: sales.lost, action: move, watch: false, when: deal.paid}}
    """)
        .add("a")
        .run()
    )
    assert w.results() == [("m", "a", "declined judged"), ("n", "a", "fired")]
