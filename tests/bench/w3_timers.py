"""W3: a million deals that wait for time, a thousand of them due each second, beside the same work as hand-written SQL.

    python tests/bench/w3_timers.py --waiting 1000000

Seconds are taken in turn by a tick of flowrun and by hand, on one store, so both find the same. Then nine times as many
deals are put beside them that wait for data only, and the same is measured again: what they cost is nothing, if all is
well. `--large` is a million waiting deals and ten million in all; without it, a hundred thousand and a million.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, event

sys.path.insert(0, str(Path(__file__).parents[2]))

from flowrun.clock import VirtualClock
from flowrun.engine.tick import Ticker
from flowrun.store.connection import Store, open_store
from tests.bench.hands import Hand, hand
from tests.bench.processes import apply, cpu_of
from tests.bench.results import Result, add_option, record
from tests.bench.servers import DATABASES, Place, places

DUE = 1_000
"""Deals that are due each second."""
_APPLIED, _APPLIED_TEXT = 2_556_144_000_000, "2051-01-01T00:00Z"
_DAY = 86_400_000
_START = _APPLIED + 10 * _DAY

FLOW = """\
flowrun: 1
project: timers
fields: {amount: {type: decimal, places: 2}, account: text, phoned: boolean}
pipelines:
  sales: {stages: [new, waiting, called, {id: won, outcome: won}, {id: lost, outcome: lost}]}
tunnels:
  call: {from: sales.waiting, to: sales.called, action: move, after: 1d, when: deal.amount > 10}
  lose: {from: sales.waiting, to: sales.lost, action: move, after: 30d}
  win: {from: sales.new, to: sales.won, action: move, when: deal.phoned and deal.amount > 10}
"""


def _fill(one: Hand, waiting: int) -> None:
    one.begin()
    one.run(
        "INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, amount, account) "
        "SELECT 'd' || i, 'Deal ' || i, 'ann', 'sales.waiting', 1, at, at, at, 2000000, 'account ' || i % 5000 "
        "FROM (SELECT i, :first + (i * 7919 % :waiting) / :due * 1000 AS at "
        f"FROM {one.numbers(0, waiting - 1)}) AS made",
        first=_START - _DAY,
        waiting=waiting,
        due=DUE,
    )
    one.run("INSERT INTO queue (deal, wake_at, round) SELECT seq, entered_at + :day, 0 FROM deals", day=_DAY)
    one.commit()
    one.settle()


def _fill_idle(one: Hand, first: int, last: int) -> None:
    one.begin()
    one.run(
        "INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, amount, account) "
        "SELECT 'd' || i, 'Deal ' || i, 'ann', 'sales.new', 1, :at, :at, :at, 2000000, 'account ' || i % 5000 "
        f"FROM {one.numbers(first, last - 1)}",
        at=_START - _DAY,
    )
    one.commit()
    one.settle()


@dataclass(slots=True)
class Cost:
    """Of each tick: seconds on the clock, and of processor time (the database's own process included)."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Meter:
    """Takes the time of pieces of work, of this process and of its session on the server (`pid`; None: no server)."""

    pid: int | None
    cost: Cost = field(default_factory=Cost)

    def take(self, work: Callable[[], int]) -> None:
        """Do that, which must be done for all that are due."""
        cpu, started = self._cpu(), time.perf_counter()
        done = work()
        self.cost.wall.append(time.perf_counter() - started)
        self.cost.cpu.append(self._cpu() - cpu)
        if done != DUE:
            raise SystemExit(f"{done} deals were due instead of {DUE}")

    def _cpu(self) -> float:
        return time.process_time() + (0.0 if self.pid is None else cpu_of(self.pid))


@dataclass(slots=True)
class Engine:
    """flowrun's tick, in this process."""

    store: Store
    clock: VirtualClock
    connection: Connection
    ticker: Ticker

    def tick(self) -> int:
        """One, with room for all that are due; how many deals it looked at."""
        with self.store.write(self.connection) as transaction:
            tick = self.ticker.tick(transaction, DUE)
        with self.store.glance(self.connection):
            self.ticker.rest()
        return 0 if tick is None else tick.looked

    def statements(self) -> int:
        """How many statements a tick takes."""
        seen: list[str] = []

        def note(_c: Connection, _cursor: object, text: str, *_: Any) -> None:
            seen.append(text)

        event.listen(self.store.engine, "before_cursor_execute", note)
        self.tick()
        event.remove(self.store.engine, "before_cursor_execute", note)
        return len(seen)


_BY_HAND = (
    """
    INSERT INTO firings (deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at, fired_at,
                         revision)
    SELECT d.id, d.entry, 'call', 0, 'move', d.stage, 'sales.called', 'fired', d.id, d.entered_at + 86400000, :now, 1
    FROM due JOIN deals d ON d.seq = due.seq
    WHERE d.stage = 'sales.waiting' AND d.entered_at + 86400000 <= :now AND d.amount > 1000
      AND NOT EXISTS (SELECT 1 FROM firings f WHERE f.deal = d.id AND f.entry = d.entry AND f.tunnel = 'call')
    ORDER BY due.seq
    """,
    """
    UPDATE deals SET stage = 'sales.called', entry = entry + 1, entered_at = :now, updated_at = :now,
                     _hops = coalesce(_hops, '') || :padded
    WHERE seq IN (SELECT seq FROM due) AND stage = 'sales.waiting' AND entered_at + 86400000 <= :now AND amount > 1000
    """,
    "DELETE FROM queue WHERE deal IN (SELECT seq FROM due)",
    "UPDATE tunnels SET fired = fired + :done, last_fired_at = :now WHERE id = 'call'",
)


def by_hand(one: Hand, now: int) -> int:
    """The same for those that are due, as a careful person would write it; how many there were."""
    one.begin()
    if one.sqlite:
        one.run("DELETE FROM due")
    one.run("INSERT INTO due SELECT deal FROM queue WHERE wake_at <= :now ORDER BY wake_at, deal", now=now)
    journal, moves, unqueue, count = _BY_HAND
    done = one.run(journal, now=now).rowcount
    one.run(moves, now=now, padded=f"{now:015}")
    one.run(unqueue)
    one.run(count, done=done, now=now)
    one.commit()
    return int(done)


def _prepare(one: Hand) -> None:
    """The working table, and on PostgreSQL plans that don't pass over all deals for want of its size."""
    one.run("CREATE TEMP TABLE due (seq BIGINT PRIMARY KEY)" + ("" if one.sqlite else " ON COMMIT DELETE ROWS"))
    if not one.sqlite:
        for text in ("enable_mergejoin = off", "seq_page_cost = 50", "random_page_cost = 1.1", "jit = off"):
            one.run(f"SET {text}")


def _measured(engine: Engine, one: Hand, pids: tuple[int | None, int | None], rounds: int) -> tuple[Cost, Cost]:
    """flowrun's cost, and that of the hand-written SQL."""
    mine, theirs = Meter(pids[0]), Meter(pids[1])
    for number in range(rounds + 2):
        for meter, work in ((mine, engine.tick), (theirs, lambda: by_hand(one, engine.clock.now()))):
            meter.take(work)
            engine.clock.instant += 1_000
        if number == 1:  # two to warm up
            mine.cost, theirs.cost = Cost(), Cost()
    return mine.cost, theirs.cost


def measure(place: Place, database: str, folder: Path, options: argparse.Namespace) -> None:
    """All of W3 on that database."""
    apply(place, folder, FLOW, now=_APPLIED_TEXT)
    waiting, rounds = options.waiting, options.rounds
    with ExitStack() as stack:
        one = stack.enter_context(hand(place))
        _fill(one, waiting)
        _prepare(one)
        clock = VirtualClock(_START)
        store = stack.enter_context(open_store(place.url, clock))
        connection = stack.enter_context(store.connect())
        store.database.tune(connection)
        engine = Engine(store, clock, connection, Ticker(connection, check=store.check_version))
        pids = None if one.sqlite else one.one("SELECT pg_backend_pid()"), None
        if not one.sqlite:
            pids = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), pids[0]
            connection.commit()
        mine, theirs = _measured(engine, one, pids, rounds)
        _fill_idle(one, waiting, waiting * 10)
        mine_beside, theirs_beside = _measured(engine, one, pids, rounds)
        statements = engine.statements()
    for cost, control, size in ((mine, theirs, waiting), (mine_beside, theirs_beside, waiting * 10)):
        wall, by = median(cost.wall) * 1000, median(control.wall) * 1000
        record(
            options.results,
            Result(
                "W3", f"a tick for {DUE:,} deals that are due, beside hand-written SQL", database,
                f"{waiting:,} waiting, {size:,} deals", wall, by, "ms", wall / by, "≤ 2",
                note=f"{statements} statements; processor time {_mean(cost.cpu):.1f} ms, by hand "
                f"{_mean(control.cpu):.1f} ms",
            ),
        )  # fmt: skip
    before, after = median(mine.wall) * 1000, median(mine_beside.wall) * 1000
    by_before, by_after = median(theirs.wall) * 1000, median(theirs_beside.wall) * 1000
    record(
        options.results,
        Result(
            "W3", "the same tick beside ten times as many deals (control: beside as many as wait)", database,
            f"{waiting:,} → {waiting * 10:,} deals", after, before, "ms", after / before, "≤ 1.2",
            note=f"the hand-written SQL: {by_after / by_before:.2f}",
        ),
    )  # fmt: skip


def _mean(seconds: list[float]) -> float:
    return sum(seconds) / len(seconds) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=100_000, help="deals that wait for time")
    parser.add_argument("--rounds", type=int, default=20, help="ticks that are timed, and as many by hand, each time")
    parser.add_argument("--large", action="store_true", help="a million waiting deals")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    add_option(parser)
    options = parser.parse_args()
    if options.large:
        options.waiting = 1_000_000
    with tempfile.TemporaryDirectory() as name:
        for database in options.databases:
            with places(database, Path(name)) as of, of.fresh() as place:
                measure(place, database, Path(name), options)


if __name__ == "__main__":
    main()
