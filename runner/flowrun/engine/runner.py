"""The runner: ticks until no deal is awake, or for ever, and sleeps in between.

Batches grow while much is due (throughput) and shrink when the lock is held for long (latency). Between ticks it looks
at the store's change counter (on PostgreSQL, which has none, at the queue), every millisecond or two while busy,
backing off to 20 ms; it sleeps no longer than until the next deal wakes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from flowrun.engine.left import Left
from flowrun.engine.poison import Hunt
from flowrun.engine.presence import Presence
from flowrun.engine.tick import Tick, Ticker
from flowrun.errors import Interfered, Stopped, Unreachable, WorkFailed
from flowrun.store import lock as locking
from flowrun.store.connection import Store
from flowrun.store.tables import flowrun

SMALLEST = 500
LARGEST = 10_000
_LONG = 0.5
_QUICKEST = 0.001
_SLOWEST = 0.020
"""Seconds between two looks for work: while busy, and at most."""
_BUSY = 1.0
"""Seconds after work was last found during which a runner counts as busy."""
_FIRST_ABSENCE = 0.2
_LONGEST_ABSENCE = 5.0
"""Seconds between two looks for a database that has gone away: at first, and at most."""
_STEP_BACK = 1_000
_FRUITLESS = 6
"""How often in a row deals may need what others have, a second or so, before a runner that is to end leaves them."""
_GAP = 0.1
_LONGEST_GAP = 0.010
"""A runner without end leaves the store alone for a tenth of the time that it held it: programs that know no turn, only
SQLite's lock, then find it free."""


@dataclass(slots=True)
class Totals:
    """What a run did so far, and the last tick in particular: for how long it held the store, and for how many deals
    there was room in its batch."""

    looked: int = 0
    ticks: int = 0
    seconds: float = 0.0
    room: int = 0
    results: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, tick: Tick) -> None:
        """Count one more tick."""
        self.looked += tick.looked
        self.ticks += 1
        for key, count in tick.results.items():
            self.results[key] = self.results.get(key, 0) + count

    def count(self, result: str, *kinds: str) -> int:
        """How many firings came to that result, of these kinds (none named: of all)."""
        return sum(n for (kind, was), n in self.results.items() if was == result and (not kinds or kind in kinds))


@dataclass(slots=True)
class Runner:
    """Runs the applied revision of a store.

    `size` fixes the size of batches (tests, trials); None lets it follow the work. `stopped` is asked between batches.
    `begun` hears of the revision that the run begins with, `step` of each turn of the loop, many times a second unless
    it is stuck, `report` of each tick, `retry` of one that others interfered with, `warn` of deals that the database
    turns down, `trouble` of a clock that stepped back or a store that went away (`events.ABOUT`, and what to say of
    it). An endless run signs the register where it has a `presence`.
    """

    store: Store
    size: int | None = None
    stopped: Callable[[], bool] = lambda: False
    begun: Callable[[int], None] = lambda _revision: None
    step: Callable[[], None] = lambda: None
    report: Callable[[Tick, Totals], None] = lambda _tick, _totals: None
    warn: Callable[[str], None] = lambda _message: None
    trouble: Callable[[str, str], None] = lambda _about, _message: None
    retry: Callable[[], None] = lambda: None
    presence: Presence | None = None
    totals: Totals = field(default_factory=Totals)
    _batch: int = SMALLEST
    _seen: int = 0
    _held: float = 0.0
    _pause: float = _QUICKEST
    _busy: float = 0.0
    _kept: float = 0.0

    def until_idle(self) -> Totals:
        """Tick until no deal is awake.

        Raises WorkFailed where no revision is applied, and at the end for deals that could be neither fired nor parked.
        """
        with self.store.connect() as connection:
            self._start(connection)
            hunt = self._hunt(connection)
            more = True
            while more and not self.stopped():
                with self._patiently(hunt):
                    more = self._tick(connection, hunt) or self._waited(hunt.ticker.left)
            hunt.complain()
        return self.totals

    def once(self) -> Totals:
        """One batch; in several ticks if a deal in it must be found that the database turns down."""
        with self.store.connect() as connection:
            self._start(connection)
            hunt = self._hunt(connection)
            more = True
            while more:
                with self._patiently(hunt):
                    more = self._tick(connection, hunt) and hunt.on
            hunt.complain()
        return self.totals

    def forever(self) -> Totals:
        """Tick and wait until `stopped`, which also ends the waiting for another writer.

        A database that goes away is waited for; what was not committed is done when it is back.
        """
        absent = 0.0
        while True:
            try:
                with self.store.connect() as connection:
                    self._start(connection)
                    absent = 0.0
                    with suppress(Stopped):
                        self._go_on(connection, self._hunt(connection))
                    if self.presence is not None:
                        self.presence.sign_off(connection)
                    return self.totals
            except Unreachable as error:
                if self.stopped():
                    return self.totals
                if not absent:
                    self.trouble("store", f"{error}; waiting for it")
                absent = min(_LONGEST_ABSENCE, absent * 2 or _FIRST_ABSENCE)
                self._sleep(absent * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.stopped() and time.monotonic() < until:
            self.step()
            time.sleep(_SLOWEST)

    def _go_on(self, connection: Connection, hunt: Hunt) -> None:
        awake = False
        while not self.stopped():
            with self._patiently(hunt):
                if self.presence is not None and self.presence.due():
                    self.presence.sign(connection, self.totals.ticks, self.totals.count("fired"))
                if self._tick(connection, hunt, awake=awake):
                    time.sleep(min(_LONGEST_GAP, self._held * _GAP))
                    awake = False
                else:
                    awake = self._wait(connection, hunt.ticker)

    @contextmanager
    def _patiently(self, hunt: Hunt) -> Iterator[None]:
        """Inside, a lock that another program has is no trouble for as long as a writer is waited for: what it stopped
        is to be begun anew. Raises Stopped if this process is asked to stop."""
        try:
            yield
        except WorkFailed as error:
            cause = error.__cause__
            busy = isinstance(cause, DBAPIError) and self.store.database.is_busy(cause.orig)
            if isinstance(error, Interfered) or not busy:
                raise
            if not self._kept:
                self._kept = time.monotonic()
                self.trouble("store", f"{error}; waiting for it")
            if time.monotonic() - self._kept >= locking.patient(None):
                raise
            hunt.ticker.undone()
        else:
            self._kept = 0.0

    def _start(self, connection: Connection) -> None:
        with self.store.read(connection):
            row = connection.execute(select(flowrun.c.revision, flowrun.c.latest)).one()
        self.store.database.tune(connection, again=True)
        if row.revision is None:
            raise WorkFailed("no revision is applied in this store yet", "apply one with 'flowrun apply'")
        self._seen = row.latest
        self.begun(row.revision)

    def _hunt(self, connection: Connection) -> Hunt:
        return Hunt(self.store, connection, Ticker(connection, check=self.store.check_version), self.warn)

    def _waited(self, left: Left) -> bool:
        """Whether there is something to look at again, now that it has been waited for."""
        if not left.needing or left.turns >= _FRUITLESS:
            return False
        self._sleep(left.rest)
        return True

    def _tick(self, connection: Connection, hunt: Hunt, *, awake: bool = False) -> bool:
        """Do one batch; whether there may be more. `awake`: it is known that there is one."""
        self.step()
        hunt.ticker.left.look_again()
        if not (awake or self._awake(connection, hunt.ticker)):
            return False
        usual = self.size or self._batch
        started = time.monotonic()
        try:
            with self.store.write(connection) as transaction:
                self._follow_clock(transaction.now)
                started = time.monotonic()
                tick = hunt.ticker.tick(transaction, hunt.size(usual))
        except Interfered:
            self.retry()
            hunt.ticker.undone()
            time.sleep(random.uniform(0.0, _SLOWEST))  # noqa: S311 - jitter
            return True
        except DBAPIError as error:
            if not hunt.takes(error):
                raise
            tick = hunt.failed(error)
        else:
            if tick is None:
                return False
            if not hunt.on:
                self._adapt(tick, usual, time.monotonic() - started)
            hunt.done(tick)
        self._held = time.monotonic() - started
        self._found_work()
        if tick is not None and tick.looked:
            self.totals.add(tick)
            self.totals.seconds, self.totals.room = self._held, usual
            self.report(tick, self.totals)
            with self.store.glance(connection):
                hunt.ticker.rest()
        return True

    def _awake(self, connection: Connection, ticker: Ticker) -> bool:
        wake_at = self._next_wake(connection, ticker)
        return wake_at is not None and wake_at <= self.store.clock.now()

    def _adapt(self, tick: Tick, size: int, held: float) -> None:
        if held > _LONG:
            self._batch = max(SMALLEST, self._batch // 2)
        elif tick.looked >= size:
            self._batch = min(LARGEST, self._batch * 2)
        else:
            self._batch = max(SMALLEST, self._batch // 2)

    def _wait(self, connection: Connection, ticker: Ticker) -> bool:
        """Until another connection writes, the next deal wakes, the register is to be signed, or the run is stopped.

        Whether it is known that a deal is awake.
        """
        before = self.store.changes(connection)
        wake_at = self._next_wake(connection, ticker)
        while not self.stopped():
            if before is not None and wake_at is not None and wake_at <= self.store.clock.now():
                return True
            if self.presence is not None and self.presence.due():
                return False
            time.sleep(self._pause)
            self.step()
            if time.monotonic() > self._busy:
                self._pause = min(_SLOWEST, self._pause * 1.5)
            if before is None:
                # Only the queue tells. What is awake in it may be another runner's, so it is never asked at once.
                if ticker.left.due:
                    return False
                wake_at = self._next_wake(connection, ticker)
                if wake_at is not None and wake_at <= self.store.clock.now():
                    return True
            elif self.store.changes(connection) != before:
                self._found_work()
                return False
        return False

    def _found_work(self) -> None:
        self._busy = time.monotonic() + _BUSY
        self._pause = _QUICKEST

    def _next_wake(self, connection: Connection, ticker: Ticker) -> int | None:
        with self.store.glance(connection):
            return ticker.next_wake(connection)

    def _follow_clock(self, now: int) -> None:
        if now < self._seen - _STEP_BACK:
            self.trouble("clock", f"the clock stepped back by {(self._seen - now) / 1000:.1f} s; following it")
        self._seen = now
