"""The desk: where requests about deals are worked off, one at a time, beside the runner.

One thread with one connection, so that requests can't starve the runner however many there are: one of them writes at
once, a few wait, and after each that wrote the store is left alone for as long as it was held. What has a key of its
own (`Idempotency-Key`) is done once a day: its answer is kept in the transaction that does it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TypeVar

from flowrun.clock import Clock
from flowrun.errors import Interfered, WorkFailed
from flowrun.sources.receiving import Receiver
from flowrun.store import answers
from flowrun.store.connection import Snapshot, Store, Transaction, open_store

PATIENCE = 5.0
"""Seconds that a request waits for another writer."""

MOST = 16
"""Requests that are worked off or wait."""

_LONGEST_REST = 0.25
_TRIES = 5

T = TypeVar("T")


class Busy(WorkFailed):
    """Too many requests wait already."""


class OtherRequest(WorkFailed):
    """The key was used for another request before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: `content` is a JSON document, null where there is none; `headers` are kept with it."""

    status: int
    content: object = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request that has a key, and what identifies the request."""

    key: str
    digest: str


class Desk:
    """Works off requests with the store at that address."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._rested_at = 0.0
        self._waiting = 0
        self._guard = threading.Lock()
        self._stack: ExitStack | None = None
        self._store: Store | None = None
        self._connection: Snapshot | None = None
        self._receiver = Receiver()
        self._closed = False

    def read(self, work: Callable[[Receiver, Snapshot], T]) -> Future[T]:
        """Do that in a snapshot. Raises Busy."""

        def go() -> T:
            store, connection = self._open()
            with store.read(connection):
                return work(self._receiver, connection)

        return self._later(go)

    def write(self, work: Callable[[Receiver, Transaction], Answer], keyed: Keyed | None) -> Future[Answer]:
        """Do that in a transaction, or give the answer that was given before. Raises Busy.

        The answer fails with OtherRequest where the key was used for another request.
        """
        return self._later(lambda: self._write(work, keyed))

    def close(self, patience: float = 1.0) -> None:
        """Work off nothing more, and give the connection back; what takes longer than `patience` is left alone."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(patience)

    def _later(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def go() -> None:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it must not end the thread without an answer
                self._receiver.undone()
                future.set_exception(error)
            finally:
                with self._guard:
                    self._waiting -= 1

        with self._guard:
            if self._closed:
                raise Busy("the runner is stopping")
            if self._waiting >= MOST:
                raise Busy("too many requests at once")
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._turn, name="flowrun-desk", daemon=True)
                self._thread.start()
            self._jobs.put(go)
        return future

    def _turn(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        self._drop()

    def _write(self, work: Callable[[Receiver, Transaction], Answer], keyed: Keyed | None) -> Answer:
        for tried in range(_TRIES):
            time.sleep(max(0.0, self._rested_at - time.monotonic()))
            began = time.monotonic()
            try:
                return self._once(work, keyed)
            except Interfered:
                # Another one has made the same deal at the same moment.
                self._receiver.undone()
                if tried == _TRIES - 1:
                    raise
            finally:
                ended = time.monotonic()
                self._rested_at = ended + min(_LONGEST_REST, ended - began)
        raise AssertionError

    def _once(self, work: Callable[[Receiver, Transaction], Answer], keyed: Keyed | None) -> Answer:
        store, connection = self._open()
        with store.write(connection, patience=PATIENCE) as transaction:
            kept = answers.taken(transaction, keyed.key, keyed.digest) if keyed else None
            if keyed and kept is not None:
                if kept.digest != keyed.digest:
                    raise OtherRequest("this Idempotency-Key was used for another request before")
                found = json.loads(kept.content or "{}")
                headers = {**found["headers"], "idempotent-replayed": "true"}
                return Answer(kept.status, found["content"], headers)
            answer = work(self._receiver, transaction)
            if keyed:
                content = json.dumps({"content": answer.content, "headers": answer.headers})
                answers.keep(transaction, keyed.key, answer.status, content)
            return answer

    def _open(self) -> tuple[Store, Snapshot]:
        if self._store is None or self._connection is None or self._connection.invalidated:
            self._drop()
            with ExitStack() as stack:
                store = stack.enter_context(open_store(self._url, self._clock))
                connection = stack.enter_context(store.connect())
                store.database.tune(connection)
                self._stack = stack.pop_all()
            self._store, self._connection = store, connection
        return self._store, self._connection

    def _drop(self) -> None:
        stack, self._stack, self._store, self._connection = self._stack, None, None, None
        self._receiver.undone()
        if stack is not None:
            stack.close()
