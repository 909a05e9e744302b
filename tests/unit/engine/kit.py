"""A small kit for tests of the engine: YAML in, a store in memory with a clock that stands where it is put, facts out.

Deals are written with plain SQL, as a foreign program would write them, so that every test goes through the triggers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, text

from flowrun.calendars.durations import parse_duration
from flowrun.calendars.zones import zone
from flowrun.clock import FixedClock
from flowrun.config import load_texts
from flowrun.engine import operate
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.engine.tick import Tick, Ticker
from flowrun.expr.types import Value
from flowrun.flow.model import Flow
from flowrun.store import deals, journal
from flowrun.store.connection import Store, memory_store
from flowrun.store.deals import Deal
from flowrun.store.journal import Firing
from flowrun.store.revisions import Author
from flowrun.store.tables import deals_table, queue

SALES = """
pipelines:
  sales:
    stages: [new, docs, {id: won, outcome: won}, {id: lost, outcome: lost}]
  care:
    stages: [kickoff, setup, {id: live, outcome: won}]
fields:
  account: text
  amount: decimal
  paid: {type: boolean, default: false}
  source: {type: enum, values: [web, ads]}
  day: date
  call_at: datetime
  labels: tags
"""
START = "2026-03-02T10:00"
"""A Monday, far from any change of the clocks."""


def flow_of(tunnels: str, *, rest: str = SALES, zone_name: str = "UTC") -> Flow:
    """The flow of the usual pipelines with these tunnels (the YAML under `tunnels:`)."""
    body = textwrap.indent(textwrap.dedent(tunnels).strip("\n"), "  ") or "  {}"
    source = f"flowrun: 1\nproject: test\ntimezone: {zone_name}\n{rest}\ntunnels:\n{body}\n"
    loaded = load_texts({"flow.yaml": source.encode()})
    assert loaded.flow is not None, loaded.findings
    return loaded.flow


@dataclass(slots=True)
class World:
    """A store in memory, the applied flow, and the hand on the clock."""

    store: Store
    flow: Flow
    size: int | None = None
    ticks: list[Tick] = field(default_factory=list)

    # The clock

    @property
    def now(self) -> int:
        return self.store.clock.now()

    def at(self, local: str) -> World:
        """Put the clock there: local time of the flow's zone."""
        self.store.clock = FixedClock(self.instant(local))
        return self

    def later(self, duration: str) -> World:
        """Put the clock forward (wall-clock days first, as in `after`)."""
        self.store.clock = FixedClock(zone(self.flow.timezone).shift(self.now, parse_duration(duration, signed=True)))
        return self

    def instant(self, local: str) -> int:
        return zone(self.flow.timezone).instant(datetime.fromisoformat(local))

    def local(self, instant: int | None) -> str | None:
        """An instant as local time of the flow's zone."""
        return None if instant is None else zone(self.flow.timezone).text(instant)

    # What others do

    def apply(self, tunnels: str, *, rest: str = SALES) -> World:
        """Apply another text for the tunnels."""
        return self.apply_flow(flow_of(tunnels, rest=rest, zone_name=self.flow.timezone))

    def apply_flow(self, flow: Flow) -> World:
        self.flow = flow
        with self.store.write(alone=True) as transaction:
            apply_flow(transaction, flow, {}, Author())
        return self

    def sql(self, statement: str, **values: object) -> None:
        with self.store.write() as transaction:
            transaction.connection.execute(text(statement), values)

    def add(self, id_: str, stage: str = "sales.new", **values: Value) -> World:
        names = {"id": id_, "stage": stage, **self._stored(values)}
        self.sql(f"INSERT INTO deals ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})", **names)
        return self

    def set(self, id_: str, **values: Value) -> World:
        given = ", ".join(f"{name} = :{name}" for name in values)
        self.sql(f"UPDATE deals SET {given} WHERE id = :id_", id_=id_, **self._stored(values))
        return self

    def move(self, id_: str, stage: str) -> World:
        self.sql("UPDATE deals SET stage = :stage WHERE id = :id_", id_=id_, stage=stage)
        return self

    def delete(self, id_: str) -> World:
        self.sql("DELETE FROM deals WHERE id = :id_", id_=id_)
        return self

    def pause(self, tunnel: str) -> World:
        with self.store.write() as transaction:
            operate.pause(transaction, tunnel)
        return self

    def resume(self, tunnel: str) -> World:
        with self.store.write() as transaction:
            operate.resume(transaction, tunnel)
        return self

    def retry(self, deal: str | None = None) -> World:
        with self.store.write() as transaction:
            operate.retry(transaction, deal)
        return self

    def _stored(self, values: dict[str, Value]) -> dict[str, object]:
        return dict(deals._encoded(self.flow, values))

    # The runner

    def run(self, local: str | None = None) -> World:
        """Run until idle, first putting the clock there if it is given."""
        if local is not None:
            self.at(local)
        Runner(self.store, size=self.size, report=lambda tick, _totals: self.ticks.append(tick)).until_idle()
        return self

    @contextmanager
    def ticking(self) -> Iterator[Callable[[], Tick | None]]:
        """A function that does one tick of up to 10,000 deals."""
        with self.store.connect() as connection:
            ticker = Ticker(connection)

            def tick() -> Tick | None:
                with self.store.write(connection) as transaction:
                    return ticker.tick(transaction, self.size or 10_000)

            yield tick

    # Facts

    def deal(self, id_: str) -> Deal:
        with self.store.read() as connection:
            found = deals.find(connection, self.flow, id_)
        assert found is not None, id_
        return found

    def deals(self) -> list[Deal]:
        with self.store.read() as connection:
            return list(deals.listing(connection, self.flow, deals.Selection()))

    def stage(self, id_: str) -> str:
        return self.deal(id_).stage

    def copies(self, origin: str) -> list[Deal]:
        return [deal for deal in self.deals() if deal.origin == origin]

    def journal(self) -> list[Firing]:
        with self.store.read() as connection:
            return list(journal.firings(connection))

    def results(self) -> list[tuple[str, str, str]]:
        """Tunnel, deal and result of every row, with the reason where there is one."""
        return [
            (row.tunnel, row.deal, row.result if row.reason is None else f"{row.result} {row.reason}")
            for row in self.journal()
        ]

    def fired(self) -> list[tuple[str, str]]:
        """Tunnel and deal of every firing, in order."""
        return [(row.tunnel, row.deal) for row in self.journal() if row.result == "fired"]

    def queued(self) -> dict[str, str | None]:
        """Which deals are queued, for when (local time)."""
        table = deals_table(None)
        rows = select(table.c.id, queue.c.wake_at).join(queue, queue.c.deal == table.c.seq).order_by(table.c.seq)
        with self.store.read() as connection:
            return {id_: self.local(wake_at) for id_, wake_at in connection.execute(rows)}


def world(
    tunnels: str = "",
    *,
    rest: str = SALES,
    zone_name: str = "UTC",
    at: str = START,
    size: int | None = None,
    deals: Sequence[str] = (),
) -> World:
    """A world with these tunnels applied at that local time; `deals` then enter `sales.new`."""
    flow = flow_of(tunnels, rest=rest, zone_name=zone_name)
    made = World(memory_store(FixedClock(0)), flow, size)
    made.at(at).apply_flow(flow)
    for id_ in deals:
        made.add(id_)
    return made
