"""What `explain` says of a deal is what the next tick does with it, over random flows and histories.

The deals are taken one by one. Before each, `explain` foretells which tunnels fire, settle, park or shadow; the
journal then has exactly these rows. Where nothing is awake any more, no tunnel of any deal would do anything, and what
waits for time is queued for that time.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import Connection, select

from flowrun.engine.explain import Explanation, Outlook, explain
from flowrun.engine.tick import Ticker
from flowrun.store import revisions
from flowrun.store.tables import deals_table, firings, queue
from tests.property.histories import Event, histories
from tests.property.test_engine import Played, played_by_reference, remembered_rules

EXAMPLES = int(os.environ.get("FLOWRUN_EXAMPLES", "20"))
FORETOLD = {
    Outlook.FIRES: {"fired"},
    Outlook.SETTLES: {"exists", "declined"},
    Outlook.PARKS: {"parked"},
    Outlook.SHADOWS: {"shadow"},
}
FIGURES: Counter[str] = Counter()

Rows = dict[tuple[str, bool], tuple[Any, ...]]


def _rows(connection: Connection, deal: str) -> Rows:
    """The deal's rows by tunnel and entry, shadows apart."""
    found = connection.execute(select(firings).where(firings.c.deal == deal))
    return {(f"{row.entry} {row.tunnel}", bool(row.shadow)): tuple(row) for row in found}


def _told(connection: Connection, deal: str, now: int) -> Explanation:
    revision = revisions.current(connection)
    assert revision is not None
    found = explain(connection, revision, deal, now)
    for one in found.tunnels:
        FIGURES[f"{one.verdict} {one.reason}"] += 1
        silent = {Outlook.FIRES, Outlook.FIRED, Outlook.SHADOW}
        assert one.verdict in silent or one.reason is not None, f"{one.tunnel.id} {one.verdict} for no reason"
    return found


class Looked(Played):
    """A store whose deals are taken one by one, each explained before."""

    def __init__(self) -> None:
        super().__init__(1)

    def play(self, event: Event, at: int) -> None:
        if event.what != "run":
            super().play(event, at)
            return
        super().play(Event("nothing"), at)
        with self.store.connect() as connection:
            ticker = Ticker(connection)
            while self._take_one(ticker, connection):
                pass
        self._at_rest()

    def _take_one(self, ticker: Ticker, connection: Connection) -> bool:
        now, table = self.store.clock.now(), deals_table(None)
        first = (
            select(table.c.id, table.c.entry)
            .join(queue, queue.c.deal == table.c.seq)
            .where(queue.c.wake_at <= now)
            .order_by(queue.c.wake_at, queue.c.round, queue.c.deal)
            .limit(1)
        )
        with self.store.read(connection):
            row = connection.execute(first).one_or_none()
            if row is None:
                return False
            told = _told(connection, row.id, now)
            before = _rows(connection, row.id)
        with self.store.write(connection) as transaction:
            ticker.tick(transaction, 1)
        with self.store.read(connection):
            after = _rows(connection, row.id)
        done = {key: one for key, one in after.items() if before.get(key) != one}
        results = {key[0].partition(" ")[2]: one[firings.c.keys().index("result")] for key, one in done.items()}
        said = {one.tunnel.id: one.verdict for one in told.tunnels if one.verdict in FORETOLD}
        assert said.keys() == results.keys(), f"{row.id}: said {said}, was {results}"
        for tunnel, result in results.items():
            assert result in FORETOLD[said[tunnel]], f"{row.id} {tunnel}: said {said[tunnel]}, was {result}"
        reasons = {key[0].partition(" ")[2]: one[firings.c.keys().index("reason")] for key, one in done.items()}
        for one in told.tunnels:
            if one.verdict in {Outlook.SETTLES, Outlook.PARKS}:
                assert one.reason == reasons[one.tunnel.id]
        return True

    def _at_rest(self) -> None:
        now, table = self.store.clock.now(), deals_table(None)
        queued = select(table.c.id, queue.c.wake_at).outerjoin(queue, queue.c.deal == table.c.seq)
        with self.store.read() as connection:
            for deal, wake_at in connection.execute(queued).all():
                told = _told(connection, deal, now)
                busy = [one.tunnel.id for one in told.tunnels if one.verdict in FORETOLD]
                assert not busy, f"{deal} is idle, and yet {busy} would act"
                waits = [one.next_at for one in told.tunnels if one.next_at is not None]
                assert not waits or wake_at is not None
                assert wake_at is None or not waits or wake_at <= min(waits), f"{deal} sleeps beyond {waits}"


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 40,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(histories())
def foretell(happened: list[Event]) -> None:
    done, _, _ = played_by_reference(happened)
    looked = Looked()
    try:
        for event, at in done:
            looked.play(event, at)
    finally:
        looked.close()


def test_what_is_said_is_what_the_next_tick_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered_rules)
    FIGURES.clear()
    foretell()
    print("\n" + ", ".join(f"{what}: {count}" for what, count in FIGURES.most_common()))
