"""The store in figures, for the picture: deals and sums by stage, what tunnels did and hold, runners.

A question is asked once a second at most, and only while somebody looks; one that took long is not asked again for ten
times as long, so that a large store is left alone most of the time. What waits is a question of its own, since it may
take far longer than the rest. Where a database can tell that nothing was written meanwhile (SQLite), it is not asked at
all for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flowrun.clock import iso
from flowrun.engine import status
from flowrun.engine.pending import waiting
from flowrun.engine.status import Status
from flowrun.errors import NoStore
from flowrun.expr.values import to_json
from flowrun.render.journal import firing_content
from flowrun.render.status import runner_content
from flowrun.store import journal, revisions
from flowrun.store.connection import Snapshot, Store, files_of, open_store
from flowrun.store.revisions import Revision
from flowrun.studio.launch import Launch

T = TypeVar("T")

EVERY = 1.0
"""Seconds between two questions, at least."""

_SHARE = 10
_STILL = 15.0
"""Seconds for which an answer counts where nothing was written: what time changes moves slowly."""

_DAY = 24 * 60 * 60 * 1000
_ROWS = 200
_LATE = 500
"""Rows of the journal that are told at once, and within which one that was committed late is still found."""


@dataclass(frozen=True, slots=True)
class News:
    """The figures as GET /api/live gives them, and the journal's rows that came since the last look."""

    content: dict[str, Any]
    fired: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What was found at `now` (ms, UTC). `status` is None where no revision is applied, or no store is there; `fired`
    counts what each tunnel did in the day before."""

    now: int
    status: Status | None = None
    fired: Mapping[str, int] = field(default_factory=dict)
    exists: bool = True


class _Paced(Generic[T]):
    """The answer to a question that is asked seldom."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answer: T | None = None
        self._next = 0.0

    def forget(self) -> None:
        """Ask anew the next time."""
        self._answer, self._next = None, 0.0

    def get(self) -> T:
        """The answer, not older than it may be."""
        began = time.monotonic()
        if self._answer is None or began >= self._next:
            self._answer = self._ask()
            ended = time.monotonic()
            self._next = ended + max(EVERY, _SHARE * (ended - began))
        return self._answer


class Live:
    """Asks the store. `wanted` gives the digest of the files' flow, None where they have errors. Safe in any thread."""

    def __init__(self, launch: Launch, wanted: Callable[[], str | None]) -> None:
        self._launch = launch
        self._wanted = wanted
        self._lock = threading.Lock()
        self._stack: ExitStack | None = None
        self._opened: tuple[Store, Snapshot] | None = None
        self._revision: Revision | None = None
        self._figures = _Paced(self._read)
        self._waits = _Paced(self._read_waits)
        self._last: Figures | None = None
        self._changes: int | None = None
        self._asked = 0.0
        self._file = _file(launch.store)
        self._mark: int | None = None
        self._seen: set[int] = set()

    def content(self) -> dict[str, Any]:
        """The figures, not older than they may be. Raises FlowrunError where the store can't be read."""
        with self._lock:
            return self._content()

    def news(self) -> News:
        """The figures, and what fired since the last time."""
        with self._lock:
            content = self._content()
            return News(content, tuple(self._fired()) if self._revision is not None else ())

    @property
    def open(self) -> bool:
        """Whether it has a connection to the store."""
        return self._opened is not None

    def stale(self) -> None:
        """Ask anew the next time: something was written here."""
        with self._lock:
            self._figures.forget()
            self._waits.forget()

    def rest(self, patience: float = -1) -> None:
        """Give the connection back: nobody looks any more. One that is in use for longer than `patience` (seconds; -1:
        for ever) is left alone."""
        if self._lock.acquire(timeout=patience):
            try:
                self._drop()
                self._mark = None
            finally:
                self._lock.release()

    def _content(self) -> dict[str, Any]:
        try:
            figures = self._figures.get()
            waits = self._waits.get() if figures.status is not None else {}
        except NoStore:
            self._drop()
            figures, waits = Figures(self._launch.clock.now(), exists=False), {}
        except BaseException:
            self._drop()
            raise
        wanted = self._wanted() if self._revision is not None else None
        in_step = None if wanted is None or self._revision is None else wanted == self._revision.digest
        return _content(figures, waits, in_step)

    def _read(self) -> Figures:
        store, connection = self._open()
        changes, now = store.changes(connection), time.monotonic()
        unchanged = changes is not None and changes == self._changes
        if self._last is not None and unchanged and now - self._asked < _STILL:
            return self._last
        with store.read(connection):
            number = revisions.number(connection)
            moment = store.clock.now()
            if number is None:
                self._revision = None
                return Figures(moment)
            if self._revision is None or self._revision.number != number:
                self._revision = revisions.revision(connection, number)
            found = status.read(connection, self._revision, moment, sums=True)
            fired = journal.fired_since(connection, moment - _DAY)
        self._changes, self._asked, self._last = changes, now, Figures(moment, found, fired)
        return self._last

    def _read_waits(self) -> dict[str, int]:
        store, connection = self._open()
        with store.read(connection):
            assert self._revision is not None
            return waiting(connection, self._revision.flow, store.clock.now())

    def _fired(self) -> list[dict[str, object]]:
        """The rows since the last time. One that is committed late has a lower number than others before it."""
        store, connection = self._open()
        with store.read(connection):
            if self._mark is None:
                self._mark = journal.latest(connection)
                self._seen = {seq for seq, _ in journal.after(connection, self._mark - _LATE, _LATE)}
                return []
            rows = journal.after(connection, self._mark - _LATE, _LATE + _ROWS)
        new = [(seq, firing) for seq, firing in rows if seq not in self._seen]
        self._mark = max([self._mark, *(seq for seq, _ in rows)])
        self._seen = {seq for seq, _ in rows}
        return [firing_content(firing) for _, firing in new[-_ROWS:]]

    def _open(self) -> tuple[Store, Snapshot]:
        file = _file(self._launch.store)
        if file != self._file:
            self._drop()
            self._file, self._mark = file, None
        if self._opened is None or self._opened[1].invalidated:
            self._drop()
            with ExitStack() as stack:
                store = stack.enter_context(open_store(self._launch.store, self._launch.clock, read_only=True))
                connection = stack.enter_context(store.connect())
                self._stack = stack.pop_all()
            self._opened = store, connection
        return self._opened

    def _drop(self) -> None:
        stack, self._stack, self._opened = self._stack, None, None
        self._revision, self._last = None, None
        self._figures.forget()
        self._waits.forget()
        if stack is not None:
            stack.close()


def _file(store: str) -> tuple[int, int] | None:
    """Which file the store is, where it is one: a connection goes on with a file that was taken away or replaced."""
    files = files_of(store)
    try:
        status = files[0].stat() if files else None
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)


def _content(figures: Figures, waits: Mapping[str, int], in_step: bool | None) -> dict[str, Any]:
    found = figures.status
    content: dict[str, Any] = {
        "now": iso(figures.now),
        "store": {"exists": figures.exists, "revision": None, "in_step": in_step},
        "stages": {},
        "tunnels": {},
        "runners": [],
        "next_at": None,
        "awake": 0,
        "parked": 0,
    }
    if found is None:
        return content
    types = {field.id: field.type for field in found.revision.flow.fields.values()}
    return content | {
        "store": {"exists": True, "revision": found.revision.number, "in_step": in_step},
        "stages": {
            stage: {
                "deals": count,
                "sums": {name: to_json(value, types[name]) for name, value in found.sums[stage].items()},
            }
            for stage, count in found.board.items()
        },
        "tunnels": {
            one.id: {
                "state": one.state,
                "fired_last_day": figures.fired.get(one.id, 0),
                "waiting": waits.get(one.id, 0),
                "parked": one.parked,
                "last_fired_at": None if one.last_fired_at is None else iso(one.last_fired_at),
            }
            for one in found.tunnels
        },
        "runners": [runner_content(one, found.now) for one in found.runners],
        "next_at": None if found.next_at is None else iso(found.next_at),
        "awake": found.awake,
        "parked": found.parked,
    }
