"""What forked processes do; each of these is called in a process of its own (`zygote`)."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, event

from flowrun.clock import FixedClock, SystemClock
from flowrun.engine import tick
from flowrun.engine.rules import Rules, rules_of
from flowrun.engine.runner import Runner
from flowrun.flow.codec import dumps
from flowrun.flow.model import Flow
from flowrun.store import lock as locking
from flowrun.store.connection import Store, open_store
from tests.acceptance.limits import full
from tests.faults import mutants
from tests.faults.points import Points

_compiled: dict[tuple[int, str], Rules] = {}


def _remembered(revision: int, flow: Flow) -> Rules:
    key = revision, dumps(flow)
    if key not in _compiled:
        _compiled[key] = rules_of(revision, flow)
    return _compiled[key]


def warm(url: str, now: int) -> None:
    """Compile what runs of such stores need, in this process, and keep it for those that are forked from it."""
    module: Any = tick
    module.rules_of = _remembered
    with open_store(url, FixedClock(now)) as store:
        Runner(store).until_idle()


def run(url: str, now: int, size: int | None = None, die_at: int | None = None, mutant: str | None = None) -> None:
    """Run until idle at that instant, and die at that point; without one, say which points were crossed."""
    mutants.become(mutant)
    with open_store(url, FixedClock(now)) as store:
        points = Points(store, die_at)
        _runner(store, size).until_idle()
        print(json.dumps(points.crossed))


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
    """Run until SIGTERM, by a clock that is put off by these steps."""
    mutants.become(mutant)
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    signal.signal(signal.SIGTERM, ask)
    with open_store(url, SteppingClock(steps, every)) as store:
        runner = _runner(store)
        runner.stopped = lambda: asked
        runner.forever()
