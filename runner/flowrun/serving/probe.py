"""Asking the store how it is: beside the runner, on a connection that can only read, at most once a second.

The question is asked in a thread of its own, so that a store that doesn't answer keeps nobody: neither those who ask,
who wait for as long as they like, nor the end of the process.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from flowrun.calendars.zones import UnknownZone, zone
from flowrun.clock import Clock
from flowrun.engine.gauges import Gauges, gauges
from flowrun.errors import FlowrunError, WorkFailed
from flowrun.store import revisions
from flowrun.store.connection import Store, open_store

FRESH = 1.0
"""Seconds for which an answer is given again."""


class Probe:
    """Asks the store at that address."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._asked = 0.0
        self._answer: Future[Gauges] | None = None
        self._guard = threading.Lock()
        self._reading = threading.Lock()
        self._store: Store | None = None
        self._zoned: int | None = None
        self._closed = False

    def ask(self) -> Future[Gauges]:
        """How the store is. The answer fails with WorkFailed where it can't be read, or no revision can be run."""
        with self._guard:
            now = time.monotonic()
            if self._answer is None or (self._answer.done() and now - self._asked >= FRESH):
                self._answer, self._asked = Future(), now
                threading.Thread(target=self._work, args=(self._answer,), name="flowrun-probe", daemon=True).start()
            return self._answer

    def close(self, patience: float = 1.0) -> None:
        """Ask no more, and give the connection back; one that is in use for longer than `patience` is left alone."""
        self._closed = True
        if self._reading.acquire(timeout=patience):
            try:
                self._drop()
            finally:
                self._reading.release()

    def _work(self, answer: Future[Gauges]) -> None:
        with self._reading:
            try:
                answer.set_result(self._read())
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the thread without an answer
                self._drop()
                expected = isinstance(error, FlowrunError)
                answer.set_exception(error if expected else WorkFailed(f"the store can't be read: {error}"))

    def _read(self) -> Gauges:
        if self._closed:
            raise WorkFailed("the runner is stopping")
        if self._store is None:
            self._store = open_store(self._url, self._clock, read_only=True)
        found = gauges(self._store)
        if found.revision != self._zoned:
            self._check_zone(self._store)
            self._zoned = found.revision
        return found

    def _check_zone(self, store: Store) -> None:
        with store.read() as connection:
            applied = revisions.current(connection)
        try:
            if applied is not None:
                zone(applied.flow.timezone)
        except UnknownZone as error:
            raise WorkFailed(str(error), "upgrade the package tzdata") from None

    def _drop(self) -> None:
        store, self._store, self._zoned = self._store, None, None
        if store is not None:
            store.close()
