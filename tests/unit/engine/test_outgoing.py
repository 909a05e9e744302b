"""Firings of deals that live elsewhere: first an intent, then what the source says of it."""

from __future__ import annotations

from tests.unit.engine.elsewhere import claim, world_away

MOVE = "m: {from: sales.new, to: sales.docs, action: move, set: {owner: ann}}"
COPY = "c: {from: sales.new, to: care.kickoff, action: copy, set: {title: 'For {{ deal.id }}'}}"
BOTH = f"{MOVE}\n{COPY}"


def test_what_fires_is_pending_until_the_source_has_done_it() -> None:
    w = world_away(MOVE, deals=["a"]).run()
    assert w.results() == [("m", "a", "pending")]
    assert (w.stage("a"), w.deal("a").entry, w.journal()[0].target) == ("sales.new", 1, None)
    (call,) = claim(w).to_perform
    assert (call.target, call.from_stage, call.to_stage, call.content) == (
        "a",
        "sales.new",
        "sales.docs",
        {"owner": "ann"},
    )
    w.later("30s")
    assert claim(w).to_find == ()
