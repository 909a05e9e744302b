"""The lock round flowrun's write transactions on an SQLite file: one writer at a time, each in its turn.

SQLite's own lock has no queue: a runner that writes without a pause would keep everyone else out. Here a writer first
takes the turn, then the lock, then passes the turn on, so that whoever waited goes before whoever just wrote. It is
also what keeps two processes from resetting a WAL at once, which SQLite before 3.51.3 can't stand (engine.md).

Locks are `flock`s on two empty files beside the store; the system drops them when a process dies. Programs that are not
flowrun don't know them and rely on SQLite's lock alone.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowrun.errors import WorkFailed

PATIENCE = 60.0
"""Seconds that a writer waits for another one before it gives up."""

RETRY = 0.001
"""Seconds between two looks at a lock."""


class WriteLock:
    """The lock of the store at that path. It can't be taken twice at once by one object."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn: int | None = None
        self._lock: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises WorkFailed if another flowrun keeps it beyond `PATIENCE`, or it can't be made."""
        if self._turn is None or self._lock is None:
            self._turn, self._lock = self._open("turn"), self._open("lock")
        give_up = time.monotonic() + PATIENCE
        self._take(self._turn, give_up)
        try:
            self._take(self._lock, give_up)
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

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

    def _take(self, number: int, give_up: float) -> None:
        while True:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise WorkFailed(
                        f"{self._path} is locked: another flowrun has been writing to it for {PATIENCE:.0f} s",
                        "wait until it is done, or end it, and try again",
                    ) from None
                time.sleep(RETRY)
            else:
                return
