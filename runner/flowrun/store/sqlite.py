"""A store in an SQLite file, or in memory.

SQLite with care (engine.md): WAL with `synchronous=FULL`; the write lock is taken by own short retries, since
SQLite's busy handler starves; one OS lock round each write transaction, since SQLite before 3.51.3 can corrupt a WAL
that two processes reset at once.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, func, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from flowrun.errors import NoStore, WorkFailed
from flowrun.store import functions
from flowrun.store import lock as locking
from flowrun.store.database import GLANCING, NOTED_EVERY, WRITING
from flowrun.store.tables import flowrun

_CACHE_KIB = 64 * 1024
CHECKPOINT_PAGES = 8_000
"""How long the log may get before it is written back, in pages."""
_PERMISSIONS = "flowrun must be able to write this file, and its folder, where SQLite keeps the log"
_BESIDE = ("-wal", "-shm", "-journal", "-lock", "-turn")
_PARTING = 1.0
"""Seconds that a store that is closed waits for another writer."""


@dataclass(slots=True)
class SQLite:
    """An SQLite database. `lock` is None where nothing may be written, and in memory."""

    url: str
    engine: Engine
    path: Path | None
    lock: locking.WriteLock | None
    _noted: int = 0
    _stands_still: bool = False

    def prepare(self) -> None:
        """Give it its WAL, which stays with the file."""
        if self.path is not None:
            with self.engine.connect() as connection:
                pragma(connection, "journal_mode = WAL")

    @contextmanager
    def held(self, patience: float | None = None) -> Iterator[None]:
        """Hold the OS lock."""
        with self.lock.held(patience) if self.lock is not None else nullcontext():
            yield

    def begun(self, connection: Connection, *, alone: bool, patience: float | None = None) -> None:
        """Nothing: whoever writes an SQLite file is alone."""

    def set_clock(self, connection: Connection, now: int | None) -> None:
        """Write it where the triggers look."""
        self._stands_still = now is not None
        if self._stands_still:
            connection.execute(update(flowrun).values(fixed_now=now))

    def written(self, connection: Connection, now: int) -> None:
        """Note it, and let the triggers have their own clock again.

        A page more in each commit would be a fifth of all that a small one writes.
        """
        if not self._stands_still and 0 <= now - self._noted < NOTED_EVERY:
            return
        self._noted = now
        connection.execute(update(flowrun).values(latest=func.max(flowrun.c.latest, now), fixed_now=None))

    def tune(self, connection: Connection, *, again: bool = False) -> None:
        """Nothing: it knows no other plans without statistics."""

    def changes(self, connection: Connection) -> int:
        """SQLite's own counter, read without a transaction."""
        return int(pragma(connection, "data_version"))

    def is_busy(self, error: BaseException | None) -> bool:
        """Whether another program has the lock."""
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

    def failure(self, error: DBAPIError) -> WorkFailed | None:
        """What SQLite's code means."""
        code = (getattr(error.orig, "sqlite_errorcode", None) or 0) & 0xFF
        match code:
            case sqlite3.SQLITE_NOTADB:
                return WorkFailed(f"{self.url} is no database", "name another file with --store")
            case sqlite3.SQLITE_CORRUPT:
                return WorkFailed(f"{self.url} is damaged: {error.orig}", "restore it from a backup")
            case sqlite3.SQLITE_READONLY:
                return WorkFailed(f"{self.url} can't be written: it is read-only", _PERMISSIONS)
            case sqlite3.SQLITE_FULL:
                return WorkFailed(f"{self.url} can't be written: the disk is full", "make room and try again")
            case sqlite3.SQLITE_IOERR:
                return WorkFailed(f"{self.url} can't be read or written: {error.orig}", "is the disk full, or failing?")
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                written = self.lock is not None or self.path is None
                needs = _PERMISSIONS if written else "flowrun must be able to read this file, and what lies beside it"
                return WorkFailed(f"{self.url} can't be opened: {error.orig}", needs)
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return WorkFailed(f"{self.url} is locked by another program", "try again in a moment")
        return None

    def close(self) -> None:
        """Give the connections back. The last one to leave a WAL resets it, so this is a write like any other.

        It waits for other writers only as long as they usually take: where one stays, this isn't the last to leave.
        """
        with ExitStack() as stack:
            if self.lock is not None and Path(f"{self.path}-wal").exists():
                try:
                    stack.enter_context(self.held(min(_PARTING, locking.PATIENCE)))
                except WorkFailed:
                    stack.close()  # a folder that can't be written has no lock to take, and nothing to reset
            self.engine.dispose()
        if self.lock is not None:
            self.lock.close()


def in_file(url: str, address: URL, *, create: bool, read_only: bool) -> SQLite:
    """The database in the file of that address. Raises NoStore or WorkFailed where there can be none."""
    path = Path(address.database or "")
    _check_file(url, path, create=create)
    if read_only:
        return SQLite(url, _engine(address, attachable(path)), path, None)
    return SQLite(url, _engine(address), path, locking.WriteLock(path))


def in_memory() -> SQLite:
    """A new database in memory, for one process and one thread."""
    return SQLite("sqlite://", _engine(make_url("sqlite://")), None, None)


def check_folder(path: Path) -> None:
    """Raises WorkFailed where there is no folder for that file."""
    if not path.parent.is_dir():
        raise WorkFailed(f"there is no folder '{path.parent}' to make the store in", "make it, or name another")


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that a store in that one is, or may be at some time: the database, SQLite's own beside it, locks.

    Where it is a link, SQLite's files are beside what it leads to.
    """
    mains = dict.fromkeys((path, Path(os.path.realpath(path))))
    return tuple(Path(f"{main}{suffix}") for main in mains for suffix in ("", *_BESIDE))


def attachable(path: Path) -> str:
    """The URI of an SQLite file that can only be read.

    A WAL can't be read without its index, which can't be made in a folder that can't be written; where there is nothing
    in the WAL, the file alone is the whole store.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    wal = Path(f"{path}-wal")
    if os.access(path.parent, os.W_OK) or (wal.exists() and wal.stat().st_size > 0):
        return uri
    return f"{uri}&immutable=1"


def prepared(connection: sqlite3.Connection) -> None:
    """Make a new connection of the driver as every connection of flowrun is."""
    connection.isolation_level = None
    connection.text_factory = _text
    for name, arguments, function in functions.all_functions():
        connection.create_function(name, arguments, function, deterministic=True)
    for text in (
        "foreign_keys = ON",
        "synchronous = FULL",
        f"cache_size = -{_CACHE_KIB}",
        "temp_store = MEMORY",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {text}")


def pragma(connection: Connection, text: str) -> Any:
    """Run a pragma outside of any transaction; its first value."""
    return driver(connection).execute(f"PRAGMA {text}").fetchone()[0]


def driver(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection."""
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


def _engine(address: URL, uri: str | None = None) -> Engine:
    """`uri`: what is opened instead of the address's file, in SQLite's own form."""
    arguments = {"timeout": 0, "check_same_thread": False, "cached_statements": 512}
    options: dict[str, Any] = {} if address.database else {"poolclass": StaticPool}
    if uri is not None:
        options["creator"] = lambda: sqlite3.connect(uri, uri=True, **arguments)  # type: ignore[call-overload]
    engine = create_engine(address, connect_args=arguments, **options)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        prepared(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(GLANCING):
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITING) else "BEGIN")

    return engine


def _check_file(url: str, path: Path, *, create: bool) -> None:
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise WorkFailed(f"{url} is no database: '{path}' is not a file", "name another file with --store")
    if not path.exists() and not create:
        raise NoStore(f"there is no store at {url}", "make one with 'flowrun apply'")
    if not path.exists():
        check_folder(path)


def _text(data: bytes) -> str:
    """A text as it is read. Other programs can write what is no UTF-8; one such deal must not hide all others."""
    return data.decode("utf-8", "replace")
