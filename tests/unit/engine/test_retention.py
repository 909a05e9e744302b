"""Old history goes; whatever keeps a tunnel from firing twice stays."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from flowrun.calendars.durations import parse_duration
from flowrun.engine import retention
from flowrun.engine.retention import Doomed
from flowrun.store.tables import activity, existing, revisions
from tests.unit.engine.kit import SALES, World, world

ROUND = """
there:
  from: sales.new
  to: sales.docs
  action: move
back:
  from: sales.docs
  to: sales.new
  action: move
  after: 1d
copy:
  from: sales.new
  to: care.kickoff
  action: copy
"""


def prune(w: World, age: str = "1d") -> Doomed:
    """Prune, having heard beforehand exactly what goes."""
    told = retention.doomed(w.store, parse_duration(age))
    gone = retention.prune(w.store, parse_duration(age))
    assert told == gone
    return gone


def rows(w: World, deal: str = "d") -> list[tuple[int, str]]:
    return [(row.entry, row.tunnel) for row in w.journal() if row.deal == deal]


def numbers(w: World) -> list[int]:
    with w.store.read() as connection:
        return list(connection.execute(select(revisions.c.number)).scalars())


def test_entries_that_are_over_and_old_go_but_for_the_last_row() -> None:
    w = world(ROUND, deals=["d"]).run().later("1d").run().later("1d").run()
    again = [(3, "copy"), (3, "there"), (4, "back"), (5, "copy"), (5, "there")]
    assert rows(w) == [(1, "copy"), (1, "there"), (2, "back"), *again]
    w.later("10d")
    assert w.deal("d").entry == 6
    assert prune(w).firings == 7
    assert rows(w) == [(5, "there")]
    assert prune(w) == Doomed(w.now - 86_400_000, "UTC")


def test_what_is_younger_stays() -> None:
    w = world(ROUND, deals=["d"]).run().later("1d").run()
    before = rows(w)
    assert not prune(w, "2d")
    assert rows(w) == before


def test_the_present_entry_stays_whole_and_nothing_fires_again() -> None:
    w = world(
        ROUND.replace("there:\n", "there:\n  mode: off\n")
        + "two:\n  from: sales.new\n  to: care.setup\n  action: copy\n"
    )
    w.add("d").run().later("300d")
    assert not prune(w)
    w.set("d", amount=None, account="touched").run()
    assert rows(w) == [(1, "copy"), (1, "two")]


def test_once_per_deal_is_remembered() -> None:
    once = ROUND.replace("action: copy\n", "action: copy\n  once: deal\n")
    w = world(once, deals=["d"]).run().later("1d").run().later("1d").run().later("10d")
    assert prune(w)
    assert (1, "copy") in rows(w)
    w.move("d", "sales.new").run()
    assert len(w.copies("d")) == 1


def test_once_per_deal_is_remembered_of_a_tunnel_that_is_gone_for_a_while() -> None:
    once = ROUND.replace("action: copy\n", "action: copy\n  once: deal\n")
    w = world(ROUND, deals=["d"]).run().apply(once).later("1d").run()
    w.apply(ROUND.partition("copy:")[0]).later("1d").run().later("10d")
    w.apply(ROUND.partition("back:")[0]).later("10d")
    assert prune(w)
    assert prune(w).firings == 0
    w.apply(once).move("d", "care.setup").move("d", "sales.new").run()
    assert len(w.copies("d")) == 1


def test_a_renamed_tunnel_takes_its_memory_along() -> None:
    once = ROUND.replace("action: copy\n", "action: copy\n  once: deal\n")
    moved = SALES + "moved: [{from: tunnels.copy, to: tunnels.kopie}]\n"
    w = world(once, deals=["d"]).run().later("1d").run()
    w.apply(ROUND.replace("copy:", "kopie:"), rest=moved).later("1d").later("10d")
    prune(w)
    w.apply(once.replace("copy:", "kopie:"), rest=moved).move("d", "care.setup").move("d", "sales.new").run()
    assert len(w.copies("d")) == 1


def test_a_deal_that_is_made_again_goes_on_counting() -> None:
    w = world(ROUND, deals=["d"]).run().later("1d").run().move("d", "care.setup").delete("d").later("10d")
    assert rows(w) == [(1, "copy"), (1, "there"), (2, "back"), (3, "copy"), (3, "there")]
    assert prune(w).firings == 4
    assert rows(w) == [(3, "there")]
    w.add("d").run()
    assert rows(w) == [(3, "there"), (4, "copy"), (4, "there")]
    assert len(w.copies("d")) == 3


def test_a_window_longer_than_the_retention_wins() -> None:
    rest = SALES + "limits: {max_copies: 2, per: 30d}\n"
    w = world(ROUND, rest=rest, deals=["d"]).run().later("1d").run().later("10d")
    assert not prune(w).firings
    w.later("30d")
    assert prune(w).firings


def test_breakers_keep_their_window_and_no_more() -> None:
    w = world("t:\n  from: sales.new\n  to: sales.docs\n  action: move\n  breaker: {firings: 2, per: 3d}\n")
    w.add("a").run().later("2d").add("b").run().later("1d")
    assert prune(w, "1h").activity == 1
    w.add("c").run()
    assert w.stage("c") == "sales.docs"
    w.add("e").run()
    assert w.stage("e") == "sales.new"
    with w.store.read() as connection:
        assert connection.execute(select(func.count()).select_from(activity)).scalar_one() == 2


def test_revisions_go_that_nobody_tells_of() -> None:
    w = world(ROUND, deals=["d"]).later("1h").run()
    for name in ("a", "b"):
        w.apply(ROUND + f"{name}:\n  from: care.setup\n  to: care.live\n  action: move\n").later("1h")
    w.later("1m")
    assert numbers(w) == [1, 2, 3]
    assert not prune(w, "2h").revisions
    assert prune(w, "1h").revisions == 1
    assert numbers(w) == [1, 3]


def test_the_walk_over_a_long_journal_is_in_short_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    w = world(ROUND, deals=["d", "e", "f"]).run().later("1d").run().later("10d")
    total = len(w.journal())
    assert prune(w).firings == total - 3


def test_who_is_an_existing_deal_of_a_merged_stage_is_known_as_long_as_the_entry_lasts() -> None:
    merged = SALES.replace("[new, docs,", "[new,") + "moved: [{from: sales.docs, to: sales.new}]\n"
    text = "m: {from: sales.new, to: sales.won, action: move, when: deal.paid}"
    w = world(text).later("1h").add("a", "sales.docs").add("b", "sales.docs").later("1h").apply(text, rest=merged)
    w.later("10d").move("b", "sales.lost")
    prune(w)
    with w.store.read() as connection:
        assert connection.execute(select(existing.c.deal, existing.c.tunnel)).all() == [(1, "m")]
    assert w.set("a", paid=True).run().fired() == []
