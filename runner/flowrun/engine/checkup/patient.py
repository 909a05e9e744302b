"""What is looked at: a store, in whatever state it is. Nothing is written to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from flowrun.clock import Clock
from flowrun.errors import WorkFailed
from flowrun.flow.model import Webhook
from flowrun.store import migrations
from flowrun.store.connection import Store, files_of, tables_version, unchecked_store
from flowrun.store.identity import without_password

UNREADABLE = (WorkFailed, DBAPIError, sqlite3.Error)
"""What looking at a store may raise, if it is damaged, gone, or somebody else's."""


@dataclass(slots=True)
class Patient:
    """A store. `path` is its file, null where it is none.

    `failure` says why its database can't be read; without one there is a connection. `version` is that of its tables,
    null where they are no store's. `thorough` asks for checks without a limit of time; `progress` hears the seconds
    that a long one has taken. `lacks` says what is wrong with the secret of a webhook, null if nothing is.
    """

    url: str
    path: Path | None
    clock: Clock
    thorough: bool
    progress: Callable[[int], None]
    lacks: Callable[[Webhook], str | None]
    failure: WorkFailed | None = None
    version: str | None = None
    tables: frozenset[str] = frozenset()
    _store: Store | None = None
    _connection: Connection | None = None

    @property
    def readable(self) -> bool:
        """Whether there is a database."""
        return self._connection is not None

    @property
    def current(self) -> bool:
        """Whether its tables are those that this flowrun works with."""
        return self.version == migrations.HEAD

    @property
    def connection(self) -> Connection:
        """The connection, outside of any transaction; only where it is `readable`."""
        assert self._connection is not None
        return self._connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot of the database; only where it is `readable`."""
        assert self._store is not None
        with self._store.read(self.connection):
            yield self.connection


@contextmanager
def admitted(
    url: str,
    clock: Clock,
    *,
    thorough: bool,
    progress: Callable[[int], None],
    lacks: Callable[[Webhook], str | None],
) -> Iterator[Patient]:
    """The store at that address. Raises WrongUsage for an address that is none."""
    files = files_of(url)
    patient = Patient(without_password(url), files[0] if files else None, clock, thorough, progress, lacks)
    store: Store | None = None
    try:
        try:
            store = patient._store = unchecked_store(url, clock)
            with store.translated():
                patient._connection = store.engine.connect()
            with patient.read() as connection:
                patient.version, patient.tables = tables_version(connection)
        except UNREADABLE as error:
            patient.failure = error if isinstance(error, WorkFailed) else WorkFailed(f"{patient.url}: {said(error)}")
        yield patient
    finally:
        if patient._connection is not None:
            patient._connection.close()
        if store is not None:
            store.close()


def said(error: BaseException) -> str:
    """What the database said, on one line."""
    return str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
