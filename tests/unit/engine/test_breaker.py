"""Breakers: the firing that would be one too many trips the tunnel; it and all later ones wait for `resume`."""

from __future__ import annotations

import pytest

from flowrun.engine.status import status
from tests.unit.engine.kit import World, world

TWO_AN_HOUR = "m: {from: sales.new, to: sales.docs, action: move, breaker: {firings: 2, per: 1h}}"


def state(w: World) -> str:
    return status(w.store).tunnels[0].state


@pytest.mark.parametrize("size", [1, 2, 10_000])
def test_the_firing_that_would_be_one_more_trips_it(size: int) -> None:
    w = world(TWO_AN_HOUR, size=size, deals=["a", "b"]).run()
    assert (len(w.fired()), state(w)) == (2, "live")
    w.add("c").add("d").run()
    assert (len(w.fired()), state(w)) == (2, "tripped")
    assert (w.stage("c"), w.stage("d")) == ("sales.new", "sales.new")


def test_resume_starts_the_count_anew() -> None:
    w = world(TWO_AN_HOUR, deals=["a", "b", "c", "d", "e"]).run().resume("m").run()
    assert ([deal for _, deal in w.fired()], state(w)) == (["a", "b", "c", "d"], "tripped")
    assert len(w.resume("m").run().fired()) == 5


def test_time_alone_resumes_nothing() -> None:
    w = world(TWO_AN_HOUR, deals=["a", "b", "c"]).run().later("3h").run()
    assert (len(w.fired()), state(w)) == (2, "tripped")


def test_the_window_rolls() -> None:
    w = world(TWO_AN_HOUR, deals=["a"]).run().later("30m").add("b").run().later("30m").add("c").run()
    assert (len(w.fired()), state(w)) == (3, "live")
    assert state(w.later("29m").add("d").run()) == "tripped"


def test_what_is_settled_without_firing_does_not_count() -> None:
    w = world("""
    c:
      from: sales.new
      to: care.kickoff
      action: copy
      unless_exists: {same: [account]}
      breaker: {firings: 1, per: 1h}
    """)
    w.add("a", account="x").add("b", account="x").add("c", account="x").run()
    assert [result for _, _, result in w.results()] == ["fired", "exists exists", "exists exists"]
    assert state(w) == "live"
