"""What stands behind a store's address: an SQLite file (`store.sqlite`) or a PostgreSQL database (`store.postgresql`).

All that differs between the two on the way to a transaction is here: how connections are made, who may write when, how
time and changes are noticed, and what an error means. What the transactions do is the same SQL for both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from flowrun.errors import WorkFailed

WRITING = "flowrun_writing"
"""The execution option of a connection whose next transaction is to write."""

GLANCING = "flowrun_glancing"
"""The execution option of a connection whose next transaction is one statement that reads, and needs no beginning."""

NOTED_EVERY = 1_000
"""Milliseconds: how often it is noted, at most, that flowrun wrote."""

SCRATCH = "flowrun_scratch"
"""The execution option of a connection to a scratch (`store.scratch`)."""


class Database(Protocol):
    """A database at an address. `path` is its file, None where it is none or lies in memory."""

    @property
    def url(self) -> str:
        """The address as it may be shown: without a password."""
        ...

    @property
    def engine(self) -> Engine:
        """Its connections."""
        ...

    @property
    def path(self) -> Path | None:
        """Its file."""
        ...

    def prepare(self) -> None:
        """Make the empty database one that a store can be made in, before its first tables."""
        ...

    def held(self, patience: float | None = None) -> AbstractContextManager[None]:
        """Hold what keeps other writers away that would be in the way from the very beginning of a transaction.

        Raises WorkFailed if another writer keeps it for longer than `patience` (`lock.patient`).
        """
        ...

    def begun(self, connection: Connection, *, alone: bool, patience: float | None = None) -> None:
        """Take the locks that a write transaction has until its end; `alone`: no other may be under way.

        Raises WorkFailed if another writer keeps them for longer than `patience` (`lock.patient`).
        """
        ...

    def set_clock(self, connection: Connection, now: int | None) -> None:
        """Have the triggers use that instant (ms, UTC) as the present one in this transaction; None: their own."""
        ...

    def written(self, connection: Connection, now: int) -> None:
        """Note at the end of a write transaction that flowrun wrote at that instant (ms, UTC), now and then."""
        ...

    def tune(self, connection: Connection, *, again: bool = False) -> None:
        """Have the connection's plans follow small batches of deals, however many deals there are.

        `again`: its user begins anew whenever a lock isn't free for some seconds (`is_busy`), so that it can be asked
        to stop meanwhile.
        """
        ...

    def changes(self, connection: Connection) -> int | None:
        """A number that changes whenever another connection has committed something; None: it can't be told so."""
        ...

    def is_busy(self, error: BaseException | None) -> bool:
        """Whether the driver's error says that someone else holds what is needed, and trying again is worth it."""
        ...

    def failure(self, error: DBAPIError) -> WorkFailed | None:
        """What the error means for the user, where it is about the database as a whole; None where it is not."""
        ...

    def close(self) -> None:
        """Give the connections and locks back."""
        ...
