"""Modes: `shadow` journals only, `off` sleeps, and coming back from them is going live."""

from __future__ import annotations

import pytest

from flowrun.engine.status import status
from tests.unit.engine.kit import SALES, World, world


def tunnel(mode: str, rest: str = "") -> str:
    return f'm: {{from: sales.new, to: sales.docs, action: move, mode: "{mode}"{rest}}}'


def test_a_shadow_journals_once_per_entry_and_does_nothing() -> None:
    w = world(tunnel("shadow"), deals=["a"]).run().set("a", title="x").run()
    assert (w.results(), w.stage("a"), w.journal()[0].target) == ([("m", "a", "shadow")], "sales.new", None)
    assert w.move("a", "sales.won").move("a", "sales.new").run().results() == [("m", "a", "shadow")] * 2


def test_a_shadow_waits_for_its_time_and_its_condition() -> None:
    w = world(tunnel("shadow", ", after: 1h, when: deal.paid"), deals=["a"]).later("2h").run()
    assert w.journal() == []
    assert w.set("a", paid=True).run().results() == [("m", "a", "shadow")]


def test_a_shadow_holds_nothing_and_stands_before_the_moves() -> None:
    w = world(tunnel("shadow") + "\nn: {from: sales.new, to: sales.lost, action: move}", deals=["a"]).run()
    assert w.results() == [("m", "a", "shadow"), ("n", "a", "fired")]


def test_a_shadow_trips_no_breaker_and_pauses_not() -> None:
    w = world(tunnel("shadow", ", breaker: {firings: 1, per: 1h}"), deals=["a", "b"]).run()
    assert (len(w.journal()), status(w.store).tunnels[0].state) == (2, "live")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("unless_exists: {same: [account], in: sales}, action: copy", "shadow exists"),
        ("watch: false, when: not deal.paid, action: copy", "shadow judged"),
    ],
)
def test_a_shadow_says_why_it_would_not_fire(what: str, reason: str) -> None:
    w = world(f"s: {{from: sales.new, to: care.kickoff, {what}, mode: shadow}}")
    w.add("there", "sales.docs", account="x").add("a", account="x", paid=True).run()
    assert w.results() == [("s", "a", reason)]


def shadowed_origin() -> World:
    rest = SALES.replace("{id: won, outcome: won}", "{id: won, outcome: won, requires: [account]}")
    return world("o: {from: care.live, to: sales.won, action: move, which: origin, mode: shadow}", rest=rest)


def test_a_shadow_judges_the_origin() -> None:
    w = shadowed_origin().add("lone", "care.live").add("a")
    w.sql("INSERT INTO deals (id, stage, origin) VALUES ('copy', 'care.live', 'a')")
    assert w.run().results() == [("o", "lone", "shadow origin")]
    assert w.set("a", account="x").run().results() == [("o", "lone", "shadow origin"), ("o", "copy", "shadow")]


def test_a_shadow_says_which_budget_it_would_meet() -> None:
    w = world(
        """
        c: {from: sales.new, to: care.kickoff, action: copy}
        s: {from: sales.new, to: care.setup, action: copy, mode: shadow}
        """,
        rest=SALES + "limits: {max_copies: 1}",
        deals=["a"],
    ).run()
    assert w.results() == [("c", "a", "fired"), ("s", "a", "shadow copies")]


def test_what_was_only_shadowed_does_not_count_as_fired() -> None:
    w = (
        world(tunnel("shadow", ", once: deal"), deals=["a"])
        .run()
        .later("1h")
        .apply(tunnel("live", ", once: deal"))
        .run()
    )
    assert w.fired() == []
    assert w.later("1h").move("a", "sales.won").move("a", "sales.new").run().fired() == [("m", "a")]


def test_from_shadow_to_live_with_existing_the_same_entry_may_fire() -> None:
    w = world(tunnel("shadow"), deals=["a"]).run().later("1h").apply(tunnel("live", ", existing: include")).run()
    assert w.results() == [("m", "a", "shadow"), ("m", "a", "fired")]


@pytest.mark.parametrize("mode", ["off", "shadow"])
def test_coming_back_is_going_live_at_that_instant(mode: str) -> None:
    w = (
        world(tunnel("live", ", when: deal.paid"), deals=["a"])
        .run()
        .later("1h")
        .apply(tunnel(mode, ", when: deal.paid"))
    )
    w.later("1h").apply(tunnel("live", ", when: deal.paid")).set("a", paid=True).run()
    assert w.fired() == []
    assert w.later("1h").add("b", paid=True).run().fired() == [("m", "b")]


def test_off_does_nothing_and_holds_nothing() -> None:
    w = world(tunnel("off") + "\nn: {from: sales.new, to: sales.lost, action: move}", deals=["a"]).run()
    assert w.results() == [("n", "a", "fired")]


def test_from_live_to_shadow_what_has_fired_is_not_journalled_again() -> None:
    copying = "m: {{from: sales.new, to: care.kickoff, action: copy, mode: {}}}"
    w = world(copying.format("live"), deals=["a"]).run().later("1h").apply(copying.format("shadow")).run()
    assert w.results() == [("m", "a", "fired")]
