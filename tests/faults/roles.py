"""What forked processes do; each of these is called in a process of its own (`zygote`)."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, text

from flowrun.clock import FixedClock, SystemClock
from flowrun.config import load_texts
from flowrun.engine import tick
from flowrun.engine.calls import Call
from flowrun.engine.live import apply_flow
from flowrun.engine.rules import Rules, rules_of
from flowrun.engine.runner import Runner
from flowrun.flow.codec import dumps
from flowrun.flow.model import Flow, SourceSpec
from flowrun.sources.carrier import Carrier
from flowrun.sources.interface import Ability, Done, NotDone, Order, Outcome
from flowrun.store import lock as locking
from flowrun.store import migrations, postgresql
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author, applied
from flowrun.testing.memory import Memory, MemorySource
from tests.acceptance.limits import full
from tests.faults import mutants
from tests.faults.grounds import add, foreign
from tests.faults.points import Points

_compiled: dict[tuple[int, str, bool], Rules] = {}


def remembered(revision: int, flow: Flow, *, live: bool = False) -> Rules:
    """`rules_of`, once for each flow in this process."""
    key = revision, dumps(flow), live
    if key not in _compiled:
        _compiled[key] = rules_of(revision, flow, live=live)
    return _compiled[key]


def warm(url: str, now: int) -> None:
    """Compile what runs of such stores need, in this process, and keep it for those that are forked from it."""
    module: Any = tick
    module.rules_of = remembered
    with open_store(url, FixedClock(now)) as store:
        Runner(store).until_idle()


def run(url: str, now: int, size: int | None = None, die_at: int | None = None, mutant: str | None = None) -> None:
    """Run until idle at that instant, and die at that point; without one, say which points were crossed."""
    mutants.become(mutant)
    with open_store(url, FixedClock(now)) as store:
        points = Points(store, die_at)
        _runner(store, size).until_idle()
        print(json.dumps(points.crossed))


def share(url: str, size: int, mutant: str | None = None) -> None:
    """Run until idle by the machine's clock, beside others; say how many deals it looked at."""
    mutants.become(mutant)
    with open_store(url) as store:
        print(json.dumps(_runner(store, size).until_idle().looked))


def _runner(store: Store, size: int | None = None) -> Runner:
    return Runner(store, size=size, warn=_warn, trouble=lambda _about, message: _warn(message))


def _warn(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def stop(url: str, now: int, at: int, size: int | None = None, mutant: str | None = None) -> None:
    """Run until idle, and stop (SIGSTOP) at that point; whoever continues it has it go on."""
    mutants.become(mutant)
    locking.introduce("flowrun run", _warn)
    with open_store(url, FixedClock(now)) as store:
        Points(store, at, signal.SIGSTOP)
        _runner(store, size).until_idle()


def stop_amid(url: str, now: int, at: int, silence: float, size: int, mutant: str | None = None) -> None:
    """Run until SIGTERM, and stop (SIGSTOP) at that point, in a session that the server ends after so many seconds."""
    mutants.become(mutant)
    postgresql.SILENCE = silence
    with open_store(url, FixedClock(now)) as store:
        Points(store, at, signal.SIGSTOP)
        _until_asked(_runner(store, size))


def wait(url: str, now: int, patience: float, size: int | None = None) -> None:
    """Run until idle, waiting no longer than that (seconds) for another writer, and telling at once whom for."""
    locking.PATIENCE, locking.CALM = patience, 0.05
    locking.introduce("flowrun run", _warn)
    with open_store(url, FixedClock(now)) as store:
        _runner(store, size).until_idle()


def fill(url: str, now: int, pages: int, size: int | None = None, mutant: str | None = None) -> None:
    """Run until idle on an SQLite database that can't have more than so many pages."""
    mutants.become(mutant)

    @event.listens_for(Engine, "connect")
    def _limit(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    with open_store(url, FixedClock(now)) as store:
        _runner(store, size).until_idle()


def run_out(url: str, now: int, room: int, size: int | None = None, mutant: str | None = None) -> None:
    """Run until idle on a disk on which no file grows beyond so many bytes."""
    mutants.become(mutant)
    full(room)()
    with open_store(url, FixedClock(now)) as store:
        _runner(store, size).until_idle()


class SteppingClock:
    """The machine's clock, that is put off by the next of some steps (ms) every so many seconds, and then right."""

    def __init__(self, steps: Sequence[int], every: float) -> None:
        self._steps = steps
        self._every = every
        self._began = time.monotonic()

    def now(self) -> int:
        """The instant that it shows."""
        at = int((time.monotonic() - self._began) / self._every)
        return SystemClock().now() + (self._steps[at] if at < len(self._steps) else 0)


def watch(url: str, steps: Sequence[int] = (), every: float = 0.1, mutant: str | None = None) -> None:
    """Run until SIGTERM, by a clock that is put off by these steps; say how many deals it looked at."""
    mutants.become(mutant)
    with open_store(url, SteppingClock(steps, every)) as store:
        _until_asked(_runner(store))


def _until_asked(runner: Runner) -> None:
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGTERM, ask)
    runner.stopped = lambda: asked
    print(json.dumps(runner.forever().looked))


def write(url: str, writer: int, writes: int, seed: int) -> None:
    """Write deals as other programs do, and commit late: new ones, and changes that let a tunnel fire.

    `stamped` is what such programs keep for those who poll: the time at which they began, by their own clock.
    """
    chance = random.Random(seed)
    engine = foreign(url)
    done = 0
    while done < writes:
        rows = min(chance.choice((1, 1, 1, 5, 20)), writes - done)
        stamped = SystemClock().now()
        time.sleep(chance.choice((0.0, 0.0, 0.004)))
        with engine.begin() as connection:
            for number in range(done, done + rows):
                row = {"id": f"w{writer}-{number // 2}", "stage": "sales.new", "note": None, "stamped": stamped}
                statement = _CHANGE if number % 2 else _NEW
                connection.execute(statement, row)
            time.sleep(chance.choice((0.0, 0.0, 0.002)))
        done += rows
    engine.dispose()


_NEW = text("INSERT INTO deals (id, stage, note, stamped) VALUES (:id, :stage, :note, :stamped)")
_CHANGE = text("UPDATE deals SET note = 'go', stamped = :stamped WHERE id = :id")


def poll(url: str, every: float) -> None:
    """See by a watermark over `stamped` what is new, until SIGTERM, and say how often each deal was seen."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGTERM, ask)
    engine, mark, seen = foreign(url), -1, []
    while True:
        last = asked
        with engine.begin() as connection:
            rows = connection.execute(_SINCE, {"mark": mark}).all()
        seen += [(row.id, row.stamped) for row in rows]
        mark = max([mark, *(row.stamped for row in rows)])
        if last:
            break
        time.sleep(every)
    print(json.dumps(seen))


_SINCE = text("SELECT id, stamped FROM deals WHERE stamped > :mark ORDER BY stamped")


def upgrade(url: str, version: str) -> None:
    """Be a newer flowrun that is started on the store: bring its tables to a version that this one doesn't know."""
    with open_store(url) as store, store.write(alone=True) as transaction:
        execute = transaction.connection.exec_driver_sql
        execute("ALTER TABLE queue ADD COLUMN urgency INTEGER")
        execute(f"UPDATE alembic_version SET version_num = '{version}'")


def run_newer(url: str, version: str, now: int, size: int | None = None) -> None:
    """Be the newer flowrun's runner."""
    migrations.HEAD = version
    run(url, now, size)


def run_slowly(url: str, now: int, size: int, pause: float, mutant: str | None = None) -> None:
    """Run until idle, with a pause (seconds) after each tick."""
    mutants.become(mutant)
    with open_store(url, FixedClock(now)) as store:
        runner = _runner(store, size)
        runner.report = lambda _tick, _totals: time.sleep(pause)
        runner.until_idle()


def upgrade_and_die(url: str, now: int, die_at: int) -> None:
    """Bring the store's tables up to date, and die at that statement of it, if there are as many."""
    left = die_at

    @event.listens_for(Engine, "before_cursor_execute")
    def _step(*_: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    open_store(url, FixedClock(now)).close()


_ELSEWHERE = """\
flowrun: 1
project: elsewhere
pipelines: {sales: {stages: [new, {id: won, outcome: won}]}}
tunnels: {win: {from: sales.new, to: sales.won, action: move}}
"""


def elsewhere(store: Store) -> None:
    """Deals that live elsewhere, each with a firing on its way."""
    loaded = load_texts({"flow.yaml": _ELSEWHERE.encode()})
    assert loaded.flow is not None
    with store.write() as transaction:
        apply_flow(transaction, replace(loaded.flow, source=SourceSpec("memory")), {}, Author())
    add(store, [{"id": f"d{n}", "stage": "sales.new"} for n in range(3)])
    Runner(store).until_idle()


class _Ledger(MemorySource):
    """A place that does what it is told as often as it is told: a file with a line for each call."""

    def __init__(self, file: Path, name: str) -> None:
        super().__init__(Memory(), Ability())
        self._file, self._name = file, name

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        with self._file.open("a") as file:
            file.writelines(f"{self._name} {order.id}\n" for order in orders)
        return [Done(order.id) for order in orders]

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        made = self._file.read_text() if self._file.exists() else ""
        return [Done(order.id) if f" {order.id}\n" in made else NotDone() for order in orders]


class _Stops(Carrier):
    """Stops as soon as it has taken calls."""

    def _mine(self, claimed: Sequence[Call]) -> Sequence[Call]:
        if claimed:
            os.kill(os.getpid(), signal.SIGSTOP)
        return super()._mine(claimed)


def carry(url: str, now: int, ledger: str, name: str, stops: bool = False, mutant: str | None = None) -> None:
    """Carry out what is due; or stop (SIGSTOP) as soon as it is taken, and go on when somebody says so."""
    mutants.become(mutant)
    with open_store(url, FixedClock(now)) as store, store.connect() as connection:
        with store.read(connection):
            revision = applied(connection)
        source = _Ledger(Path(ledger), name)
        kind = _Stops if stops else Carrier
        carrier = kind(store, connection, revision.number, revision.flow, source, name, chance=lambda: 0.0)
        while carrier.carry().carried:
            pass
