"""The preview: how many deals each tunnel of a flow would take at once, with nothing written."""

from __future__ import annotations

import pytest

from flowrun.engine.preview import would_fire
from tests.unit.engine.kit import SALES, World, flow_of, world

MOVE = "m: {from: sales.new, to: sales.docs, action: move, when: deal.paid}"


def preview(w: World, tunnels: str, rest: str = SALES) -> dict[str, int]:
    with w.store.read() as connection:
        return would_fire(connection, flow_of(tunnels, rest=rest), w.now)


def stock() -> World:
    return world(MOVE).add("a").add("b", paid=True).add("c", "sales.docs", paid=True).run().later("1h")


@pytest.mark.parametrize(
    ("tunnels", "now"),
    [
        (MOVE, {"m": 0}),
        (MOVE.replace("deal.paid", "not deal.paid"), {"m": 1}),
        (MOVE.replace("when: deal.paid", "after: 2h"), {"m": 0}),
        ("n: {from: sales.new, to: sales.won, action: move}", {"n": 0}),
        ("n: {from: sales.new, to: sales.won, action: move, existing: include}", {"n": 1}),
        ("n: {from: sales.*, to: care.setup, action: copy, existing: include}", {"n": 3}),
        ('n: {from: sales.*, to: care.setup, action: copy, existing: include, mode: "off"}', {"n": 0}),
        (
            MOVE.replace("deal.paid", "not deal.paid")
            + "\n"
            + MOVE.replace("m:", "o:", 1)[:-1]
            + ", existing: include}",
            {"m": 1, "o": 0},
        ),
    ],
)
def test_what_it_says_is_what_fires(tunnels: str, now: dict[str, int]) -> None:
    w = stock()
    assert preview(w, tunnels) == now
    before = len(w.fired())
    w.apply(tunnels).run()
    fired = [tunnel for tunnel, _ in w.fired()[before:]]
    assert {tunnel: fired.count(tunnel) for tunnel in now} == now


def test_a_renamed_tunnel_is_the_same_tunnel() -> None:
    copying = "{from: sales.new, to: care.kickoff, action: copy, when: deal.paid, once: deal}"
    w = world(f"old: {copying}").add("a", paid=True).add("b").run().later("1h")
    w.move("a", "sales.won").move("a", "sales.new").set("b", paid=True)
    moved = SALES + "moved: [{from: tunnels.old, to: tunnels.new}]"
    assert preview(w, f"new: {copying}", moved) == {"new": 1}
    assert w.apply(f"new: {copying}", rest=moved).run().fired() == [("new", "a"), ("new", "b")]


def test_a_paused_tunnel_takes_none_under_any_id() -> None:
    w = stock().pause("m")
    eager = "{from: sales.new, to: sales.docs, action: move}"
    assert preview(w, f"m: {eager}") == {"m": 0}
    assert preview(w, f"n: {eager}", SALES + "moved: [{from: tunnels.m, to: tunnels.n}]") == {"n": 0}
