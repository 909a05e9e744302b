"""The clock steps, by an hour and by thirty days, both ways: it is followed, and said; nothing fires twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from flowrun.calendars.durations import DAY, HOUR
from flowrun.clock import VirtualClock
from flowrun.engine import operate
from flowrun.engine.runner import Runner
from flowrun.store import journal
from flowrun.store.connection import Store, open_store
from flowrun.store.tables import tunnels
from tests.faults import mutants
from tests.faults.grounds import BOTH, Ground, add, make, query
from tests.faults.roles import remembered
from tests.faults.zygote import Zygote

pytestmark = pytest.mark.parametrize("ground", BOTH, indirect=True, scope="session")

NOON = 2_209_032_000_000
"""2040-01-01, 12:00, a Sunday."""

FLOW = """\
flowrun: 1
project: clocks
fields: {note: text}
calendars: {office: {hours: {mon-fri: "09:00-17:00"}}}
pipelines:
  sales: {stages: [new, next, {id: won, outcome: won}]}
  work: {stages: [todo, {id: done, outcome: won}]}
tunnels:
  copy: {from: sales.new, to: work.todo, action: copy, when: "deal.note == 'go'", breaker: {firings: 3, per: 1h}}
  wait: {from: sales.new, to: sales.next, action: move, after: 2h}
  open: {from: work.todo, to: work.done, action: move, window: office}
"""

STEPS = [HOUR, -HOUR, 30 * DAY, -30 * DAY]


@pytest.fixture(scope="module")
def before(ground: Ground) -> str:
    """A store in which the flow went live long ago: a deal of before would be an existing one."""
    return make(ground, FLOW, NOON - 40 * DAY)


@pytest.fixture
def w(ground: Ground, before: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A copy of that store, at noon."""
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered)
    url = ground.copy(before)
    with open_store(url, VirtualClock(NOON)) as store:
        yield World(store)
    ground.drop(url)


class World:
    """A store by a clock that can be put anywhere, and its runner."""

    def __init__(self, store: Store) -> None:
        assert isinstance(store.clock, VirtualClock)
        self.store, self.clock = store, store.clock
        self.warned: list[str] = []
        self.runner = Runner(store, trouble=lambda _about, message: self.warned.append(message))

    def run(self) -> None:
        """Run until idle; a run knows of the one before by what the store has."""
        self.runner.until_idle()

    def step(self, by: int) -> None:
        self.clock.instant += by

    def sql(self, statement: str) -> None:
        with self.store.write() as transaction:
            transaction.connection.execute(text(statement))

    def fired(self) -> list[tuple[str, str, int]]:
        """Tunnel, deal and instant, in the order of the journal."""
        with self.store.read() as connection:
            rows = [row for row in journal.firings(connection) if row.result == "fired"]
        return [(row.tunnel, row.deal, row.fired_at - NOON) for row in rows]

    def copies(self) -> list[tuple[str, str, int]]:
        """Those of the tunnel that fires at once."""
        return [row for row in self.fired() if row[0] == "copy"]


@pytest.mark.parametrize("by", STEPS)
def test_a_clock_that_steps_is_followed_and_nothing_fires_twice(w: World, by: int) -> None:
    add(w.store, [{"id": "d1", "stage": "sales.new", "note": "go"}])
    w.run()
    w.step(by)
    add(w.store, [{"id": "d2", "stage": "sales.new", "note": "go"}])
    w.sql("UPDATE deals SET note = 'gone' WHERE id = 'd1'")
    w.sql("UPDATE deals SET note = 'go' WHERE id = 'd1'")
    w.run()
    assert sorted(w.copies()) == [("copy", "d1", 0), ("copy", "d2", by)]
    back = [f"the clock stepped back by {-by / 1000:.1f} s; following it"] if by < 0 else []
    assert w.warned == back
    w.step(-by)
    w.run()
    assert len(w.copies()) == 2, "what has fired has fired"


@pytest.mark.parametrize("by", STEPS)
def test_timers_and_windows_go_by_the_clock_as_it_is(w: World, by: int) -> None:
    add(w.store, [{"id": "d1", "stage": "sales.new", "note": "go"}])
    w.run()
    w.step(by)
    w.run()
    waits = [row for row in w.fired() if row[0] == "wait"]
    assert waits == ([("wait", "d1", by)] if by > 2 * HOUR else [])
    w.step(-by)
    for _ in range(30):
        w.step(HOUR)
        w.run()
    waits = [row for row in w.fired() if row[0] == "wait"]
    assert waits == [("wait", "d1", max(2 * HOUR, by))]
    (opened,) = [at for tunnel, _, at in w.fired() if tunnel == "open"]
    assert opened == (by if by == 30 * DAY else 21 * HOUR), "Monday at nine, or the Tuesday that it was taken for"


@pytest.mark.parametrize("by", STEPS)
def test_a_breaker_counts_sanely(w: World, by: int) -> None:
    for number in range(8):
        add(w.store, [{"id": f"d{number}", "stage": "sales.new", "note": "go"}])
        w.run()
        if number == 1:
            w.step(by)
    copies = [row[:2] for row in w.fired() if row[0] == "copy"]
    assert len(copies) == (5 if by > 0 else 3), "three within an hour, and the two before the clock was put forth"
    with w.store.write() as transaction:
        assert transaction.connection.execute(tunnels.select().where(tunnels.c.tripped_at.is_not(None))).all()
        operate.resume(transaction, "copy")
    w.run()
    copies = [row[:2] for row in w.fired() if row[0] == "copy"]
    assert len(copies) == len(set(copies)) >= 6, "it goes on, whatever instants it counted before"


def test_a_clock_that_is_not_followed_back_is_found(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VirtualClock, "now", VirtualClock.now)  # put back when this is over
    mutants.become("a clock that steps back is not followed")
    with pytest.raises(AssertionError, match="d2"):
        test_a_clock_that_steps_is_followed_and_nothing_fires_twice(w, -HOUR)


def test_a_runner_goes_on_while_its_clock_steps(ground: Ground, zygote: Zygote) -> None:
    url = make(ground, FLOW.replace(", breaker: {firings: 3, per: 1h}", ""), 0)
    steps = [0, HOUR, -HOUR, 0, 30 * DAY, -30 * DAY]
    runner = zygote.start("watch", url=url, steps=steps, every=0.2)
    with open_store(url) as store:
        for number in range(130):
            time.sleep(0.01)
            add(store, [{"id": f"d{number}", "stage": "sales.new", "note": "go"}])
    give_up = time.monotonic() + 20
    while query(url, "SELECT count(*) FROM firings WHERE tunnel = 'copy'") != [(130,)]:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    os.kill(runner, signal.SIGTERM)
    ended = zygote.wait(runner).fine()
    assert ended.err.count("the clock stepped back by ") == 2
    assert query(url, "SELECT count(*), count(DISTINCT origin) FROM deals WHERE origin IS NOT NULL") == [(130, 130)]
    assert query(url, "SELECT deal FROM firings GROUP BY deal, entry, tunnel HAVING count(*) > 1") == []
