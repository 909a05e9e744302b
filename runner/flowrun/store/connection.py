"""A store: its address, its connections and its transactions.

Three doors: `read` (a snapshot), `write` (one transaction with one `now`, under the write lock), and `open_store`,
which checks that what stands at the address is a store that this flowrun can use. Whatever the database says when it
can't go on becomes one `WorkFailed` here.

SQLite with care (engine.md): WAL with `synchronous=FULL`; the write lock is taken by own short retries, since
SQLite's busy handler starves; one OS lock round each write transaction, since SQLite before 3.51.3 can corrupt a WAL
that two processes reset at once.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event, func, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from flowrun.clock import Clock, FixedClock, SystemClock, VirtualClock, iso
from flowrun.errors import NoStore, WorkFailed, WrongUsage
from flowrun.store import functions, migrations
from flowrun.store import lock as locking
from flowrun.store.tables import flowrun

_CACHE_KIB = 64 * 1024
_CHECKPOINT_PAGES = 8_000
_WRITE = "flowrun_write"
_PERMISSIONS = "flowrun must be able to write this file, and its folder, where SQLite keeps the log"
_BESIDE = ("-wal", "-shm", "-journal", "-lock", "-turn")
_CREDENTIALS = re.compile("//[^/]*@")


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open write transaction. `now` (milliseconds, UTC) is the one instant of all that it does."""

    connection: Connection
    now: int


@dataclass(slots=True)
class Store:
    """An open store. Use `open_store` to make one; close it when done, or use it in a `with`."""

    url: str
    engine: Engine
    clock: Clock
    path: Path | None
    lock: locking.WriteLock | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back. The last one to leave a WAL resets it, so this is a write like any other."""
        with ExitStack() as stack:
            if self.lock is not None and Path(f"{self.path}-wal").exists():
                try:
                    stack.enter_context(self._locked())
                except WorkFailed:
                    stack.close()  # a folder that can't be written has no lock to take, and nothing to reset
            self.engine.dispose()
        if self.lock is not None:
            self.lock.close()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection without a transaction, for a caller that opens many of them (the runner)."""
        with self.translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def read(self, connection: Connection | None = None) -> Iterator[Connection]:
        """A snapshot of the store, on a connection of its own or on the one given."""
        if connection is None:
            with self.connect() as own, own.begin():
                yield own
        else:
            with self.translated(), connection.begin():
                yield connection

    @contextmanager
    def write(self, connection: Connection | None = None) -> Iterator[Transaction]:
        """One write transaction: committed when the block ends, undone when it raises.

        Raises WorkFailed when another writer holds the lock for longer than `lock.PATIENCE`, or when the database
        can't go on (read-only, full, broken).
        """
        if connection is None:
            with self.connect() as own, self.write(own) as transaction:
                yield transaction
            return
        with self.translated(), self._locked():
            connection.execution_options(**{_WRITE: True})
            try:
                with self._begin(connection):
                    now = self.clock.now()
                    fixed = now if isinstance(self.clock, FixedClock | VirtualClock) else None
                    if fixed is not None:
                        connection.execute(update(flowrun).values(fixed_now=fixed))
                    yield Transaction(connection, now)
                    latest = func.max(flowrun.c.latest, now)
                    connection.execute(update(flowrun).values(latest=latest, fixed_now=None))
            finally:
                connection.execution_options(**{_WRITE: False})

    def changes(self, connection: Connection) -> int:
        """A number that changes whenever another connection has committed something."""
        return int(_pragma(connection, "data_version"))

    def _begin(self, connection: Connection) -> RootTransaction:
        give_up = time.monotonic() + locking.PATIENCE
        while True:
            try:
                return connection.begin()
            except DBAPIError as error:
                if not _is_busy(error.orig):
                    raise
                if time.monotonic() > give_up:
                    raise WorkFailed(
                        f"{self.url} is locked: another program has been writing to it for {locking.PATIENCE:.0f} s",
                        "wait until it is done, or end it, and try again",
                    ) from None
                time.sleep(locking.RETRY)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.lock.held() if self.lock is not None else nullcontext():
            yield

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raises WorkFailed for whatever the database says when it can't go on."""
        try:
            yield
        except DBAPIError as error:
            raise _unusable(self.url, error, written=self.lock is not None or self.path is None) from error


def open_store(url: str, clock: Clock | None = None, *, create: bool = False, read_only: bool = False) -> Store:
    """The store at that address.

    `create` makes it where nothing is there. `read_only` opens it through connections that can't write, which works
    also where the file and its folder may not be written. Raises WrongUsage for an address that is none, NoStore where
    there is nothing yet, WorkFailed for what is no flowrun store, newer than this flowrun (older, if it is opened
    read-only), or can't be read.
    """
    address = _address(url)
    path = Path(address.database) if address.database else None
    clock = clock or SystemClock()
    if path is not None:
        _check_file(url, path, create=create)
    if read_only and path is not None:
        store = Store(url, _engine(address, attachable(path)), clock, path, None)
    else:
        store = Store(url, _engine(address), clock, path, locking.WriteLock(path) if path else None)
    try:
        _once_free(lambda: _check_version(store, create=create, read_only=read_only))
        _check_clock(store)
    except BaseException:
        store.close()
        raise
    return store


def check_makeable(url: str) -> None:
    """Raises WorkFailed if there is no folder to make that store in, and WrongUsage for an address that is none."""
    _check_folder(Path(_address(url).database or ""))


def files_of(url: str) -> tuple[Path, ...]:
    """The files that a store at that address is, or may be at some time: the database, SQLite's own beside it, locks.

    Raises WrongUsage for an address that is none. Where it is a link, SQLite's files are beside what it leads to.
    """
    path = Path(_address(url).database or "")
    mains = dict.fromkeys((path, Path(os.path.realpath(path))))
    return tuple(Path(f"{main}{suffix}") for main in mains for suffix in ("", *_BESIDE))


def memory_store(clock: Clock) -> Store:
    """A new store in memory, for one process and one thread."""
    store = Store("sqlite://", _engine(make_url("sqlite://")), clock, None, None)
    _check_version(store, create=True)
    return store


def copied_store(connection: Connection, clock: Clock) -> Store:
    """A copy in memory of the store that the connection is to; what is temporary there stays behind."""
    copy = Store("sqlite://", _engine(make_url("sqlite://")), clock, None, None)
    refill(copy, connection)
    return copy


def refill(store: Store, connection: Connection) -> None:
    """Make a store in memory that copy. It is cheaper than a new one, since the SQL that it has compiled stays."""
    with store.connect() as target:
        _driver(connection).backup(_driver(target))


def _address(url: str) -> URL:
    shown = _CREDENTIALS.sub("//***@", url)
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise WrongUsage(
            f"'{shown}' is no address of a store", "write for example sqlite:///flowrun.db (the default)"
        ) from None
    if address.get_backend_name() != "sqlite":
        raise WrongUsage(
            f"a store in '{address.get_backend_name()}' is not possible yet", "use SQLite: sqlite:///flowrun.db"
        )
    if not address.database or address.database == ":memory:":
        raise WrongUsage(f"'{shown}' names no file", "write for example sqlite:///flowrun.db")
    if address != URL.create("sqlite", database=address.database):
        raise WrongUsage(f"'{shown}' is more than the path of a file", "write for example sqlite:///flowrun.db")
    return address


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


def backup_to(store: Store, path: Path) -> None:
    """Write a copy of a store in memory to that file."""
    target = sqlite3.connect(path)
    try:
        with store.connect() as connection:
            _driver(connection).backup(target)
    finally:
        target.close()


def prepared(connection: sqlite3.Connection) -> None:
    """Make a new connection of the driver as every connection of flowrun is."""
    connection.isolation_level = None
    connection.text_factory = _text
    for name, arguments, function in functions.all_functions():
        connection.create_function(name, arguments, function, deterministic=True)
    for pragma in (
        "foreign_keys = ON",
        "synchronous = FULL",
        f"cache_size = -{_CACHE_KIB}",
        "temp_store = MEMORY",
        f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


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
        writing = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _check_file(url: str, path: Path, *, create: bool) -> None:
    if path.is_dir() or (path.exists() and not path.is_file()):
        raise WorkFailed(f"{url} is no database: '{path}' is not a file", "name another file with --store")
    if not path.exists() and not create:
        raise NoStore(f"there is no store at {url}", "make one with 'flowrun apply'")
    if not path.exists():
        _check_folder(path)


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise WorkFailed(f"there is no folder '{path.parent}' to make the store in", "make it, or name another")


def _once_free(work: Callable[[], None]) -> None:
    """Do it as soon as the database is free: until it has its WAL, even a reader of one that is begun is in the way."""
    give_up = time.monotonic() + locking.PATIENCE
    while True:
        try:
            return work()
        except (WorkFailed, sqlite3.OperationalError) as error:
            reason = error.__cause__ if isinstance(error, WorkFailed) else error
            original = reason.orig if isinstance(reason, DBAPIError) else reason
            if not _is_busy(original) or time.monotonic() > give_up:
                raise
        time.sleep(locking.RETRY)


def _check_version(store: Store, *, create: bool, read_only: bool = False) -> None:
    with store.read() as connection:
        tables = set(inspect(connection).get_table_names())
        found = None
        if "alembic_version" in tables and "flowrun" in tables:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found == migrations.HEAD:
        return
    if found is None and tables:
        raise WorkFailed(f"{store.url} is a database, but no flowrun store", "name another file with --store")
    if found is None and not create:
        raise NoStore(f"there is no store at {store.url}", "make one with 'flowrun apply'")
    if found is not None and found > migrations.HEAD:
        raise WorkFailed(
            f"{store.url} was written by a newer flowrun (tables {found}; this one knows {migrations.HEAD})",
            "upgrade flowrun",
        )
    if read_only:
        raise WorkFailed(
            f"{store.url} was written by an older flowrun (tables {found}; this one works with {migrations.HEAD})",
            "bring its tables up to date first: any command that may write does, such as 'flowrun status'",
        )
    _upgrade(store, new=found is None)


def _upgrade(store: Store, *, new: bool) -> None:
    with store.connect() as connection, store._locked():
        if new and store.path is not None:
            _pragma(connection, "journal_mode = WAL")
        connection.execution_options(**{_WRITE: True})
        with store._begin(connection):
            migrations.upgrade(connection)
            now = store.clock.now()
            if new and connection.execute(select(func.count()).select_from(flowrun)).scalar_one() == 0:
                connection.execute(
                    insert(flowrun).values(id=1, identity=secrets.token_hex(16), created_at=now, latest=now)
                )
            key = update(flowrun).where(flowrun.c.plan_key.is_(None))
            connection.execute(key.values(plan_key=secrets.token_hex(32)))
        connection.execution_options(**{_WRITE: False})


def _check_clock(store: Store) -> None:
    if not isinstance(store.clock, FixedClock):
        return
    with store.read() as connection:
        latest = connection.execute(select(flowrun.c.latest)).scalar_one()
    if store.clock.instant < latest:
        raise WrongUsage(
            f"FLOWRUN_NOW is {iso(store.clock.instant)}, but this store was already written at {iso(latest)}",
            "choose a later instant: time in a store never goes back",
        )


def _text(data: bytes) -> str:
    """A text as it is read. Other programs can write what is no UTF-8; one such deal must not hide all others."""
    return data.decode("utf-8", "replace")


def _pragma(connection: Connection, text: str) -> Any:
    """Run a pragma outside of any transaction; its first value."""
    return _driver(connection).execute(f"PRAGMA {text}").fetchone()[0]


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _is_busy(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _unusable(url: str, error: DBAPIError, *, written: bool = True) -> WorkFailed:
    code = (getattr(error.orig, "sqlite_errorcode", None) or 0) & 0xFF
    match code:
        case sqlite3.SQLITE_NOTADB:
            return WorkFailed(f"{url} is no database", "name another file with --store")
        case sqlite3.SQLITE_CORRUPT:
            return WorkFailed(f"{url} is damaged: {error.orig}", "restore it from a backup")
        case sqlite3.SQLITE_READONLY:
            return WorkFailed(f"{url} can't be written: it is read-only", _PERMISSIONS)
        case sqlite3.SQLITE_FULL:
            return WorkFailed(f"{url} can't be written: the disk is full", "make room and try again")
        case sqlite3.SQLITE_IOERR:
            return WorkFailed(f"{url} can't be read or written: {error.orig}", "is the disk full, or failing?")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            needs = _PERMISSIONS if written else "flowrun must be able to read this file, and what lies beside it"
            return WorkFailed(f"{url} can't be opened: {error.orig}", needs)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return WorkFailed(f"{url} is locked by another program", "try again in a moment")
    raise error
