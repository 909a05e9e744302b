"""The lock round flowrun's write transactions on an SQLite file: one writer at a time, each in its turn.

SQLite's own lock has no queue: a runner that writes without a pause would keep everyone else out. Here a writer first
takes the turn, then the lock, then passes the turn on, so that whoever waited goes before whoever just wrote. It is
also what keeps two processes from resetting a WAL at once, which SQLite before 3.51.3 can't stand (engine.md).

Locks are `flock`s on two files beside the store; the system drops them when a process dies. Programs that are not
flowrun don't know them and rely on SQLite's lock alone. Whoever takes the lock writes into its file who it is, for
those who have to wait: some microseconds, little beside the commit that follows, so every writer does it, and a waiter
can name a runner or an import as well as another apply. What a dead process left there means nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from flowrun.clock import SystemClock, from_ms
from flowrun.errors import Locked, Stopped, WorkFailed

PATIENCE = 60.0
"""Seconds that a writer waits for another one before it gives up."""

RETRY = 0.001
"""Seconds between two looks at a lock."""

CALM = 1.0
"""Seconds that a writer waits before it says whom for."""

_ROOM = 1024


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: `since` is an instant (ms, UTC), `command` as a user would type it."""

    user: str
    host: str
    pid: int
    command: str
    since: int

    def __str__(self) -> str:
        since = from_ms(self.since).astimezone().strftime("%H:%M:%S")
        return f"{self.user}@{self.host}, pid {self.pid} ({self.command}) since {since}"


@dataclass(slots=True)
class _Introduction:
    """What this process is doing, and whom it tells that it has to wait; one process runs one command."""

    command: str = "flowrun"
    waiting: Callable[[str], None] = lambda _message: None
    stopped: Callable[[], bool] = lambda: False


_self = _Introduction()


def introduce(command: str, waiting: Callable[[str], None]) -> None:
    """Say what this process is, for those who wait for it, and who hears a line when it has to wait itself."""
    _self.command, _self.waiting = command, waiting


def tell(message: str) -> None:
    """Tell the user whom this process waits for."""
    _self.waiting(message)


def command() -> str:
    """What this process is doing, as a user would type it."""
    return _self.command


def heed(stopped: Callable[[], bool]) -> None:
    """Say how this process learns that it was asked to stop, which ends its waiting for a lock."""
    _self.stopped = stopped


def patient(patience: float | None) -> float:
    """How many seconds to wait for a lock. Raises Stopped if there is no need to, since this process is to stop; a
    wait with a patience of its own is not cut short."""
    if patience is not None:
        return patience
    if _self.stopped():
        raise Stopped("asked to stop while waiting for another writer")
    return PATIENCE


class WriteLock:
    """The lock of the store at that path. It can't be taken twice at once by one object."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn: int | None = None
        self._lock: int | None = None

    @contextmanager
    def held(self, patience: float | None = None) -> Iterator[None]:
        """Hold the lock.

        Raises Locked if another flowrun keeps it for longer than `patience` (seconds), WorkFailed if no lock can be
        had. Without a patience of the caller's it is `PATIENCE`, which ends with Stopped if this process is asked to
        stop.
        """
        if self._turn is None or self._lock is None:
            self._turn, self._lock = self._open("turn"), self._open("lock")
        began = time.monotonic()
        told = self._take(self._turn, began, patience, told=False)
        try:
            self._take(self._lock, began, patience, told=told)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        try:
            self._sign()
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def holder(self) -> Holder | None:
        """Who took the lock last, which is who holds it if anyone does; None where that can't be read."""
        try:
            with Path(f"{self._path}-lock").open("rb") as file:
                return Holder(**json.loads(file.read(_ROOM).partition(b"\n")[0]))
        except (OSError, ValueError, TypeError):
            return None

    def close(self) -> None:
        """Close the files, which frees the lock if it is held."""
        for number in (self._turn, self._lock):
            if number is not None:
                os.close(number)
        self._turn = self._lock = None

    def _open(self, what: str) -> int:
        try:
            return os.open(f"{self._path}-{what}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise WorkFailed(f"{self._path} can't be written: {error.strerror or error}") from error

    def _take(self, number: int, began: float, patience: float | None, *, told: bool) -> bool:
        """Take that lock; whether the user was told of the wait, now or before."""
        while True:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - began
                if waited > patient(patience):
                    raise Locked(
                        f"{self._path} is locked: {self._other()} has been writing to it for {patient(patience):.0f} s",
                        "wait until it is done, or end it, and try again",
                    ) from None
                if waited > CALM and not told:
                    told = True
                    tell(f"waiting for {self._other()}")
                time.sleep(RETRY)
            else:
                return told

    def _other(self) -> str:
        found = self.holder()
        return "another flowrun" if found is None else str(found)

    def _sign(self) -> None:
        """Write into the file who holds the lock. That is a courtesy: nothing fails for want of it."""
        user, host = whoami()
        me = Holder(user, host, os.getpid(), _self.command, SystemClock().now())
        if self._lock is not None:
            with suppress(OSError):
                os.pwrite(self._lock, json.dumps(asdict(me)).encode()[: _ROOM - 1] + b"\n", 0)


@lru_cache(maxsize=1)
def whoami() -> tuple[str, str]:
    """The user and the host of this process."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return user, socket.gethostname()
