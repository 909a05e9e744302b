"""A store: its address, its connections and its transactions.

Its doors: `read` (a snapshot), `glance` (one statement that reads), `write` (one transaction with one `now`), and
`open_store`, which checks that what stands at the address is a store that this flowrun can use. Whatever the database
says when it can't go on becomes one `WorkFailed` here. What differs between databases is in `store.sqlite` and
`store.postgresql`.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self, TypeAlias

from sqlalchemy import Connection, Engine, RootTransaction, delete, func, insert, inspect, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from flowrun.clock import Clock, FixedClock, SystemClock, VirtualClock, iso
from flowrun.errors import NoStore, WorkFailed, WrongUsage
from flowrun.store import lock as locking
from flowrun.store import migrations, sqlite
from flowrun.store.database import GLANCING, WRITING, Database
from flowrun.store.tables import flowrun

_CREDENTIALS = re.compile("(:/*).*@", re.DOTALL)
_PASSWORD = re.compile(r"(password\s*=\s*)('[^']*'|[^&\s]*)", re.IGNORECASE)


Snapshot: TypeAlias = Connection
"""A connection on which a snapshot is open (`Store.read`), for those who don't know the database."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open write transaction. `now` (milliseconds, UTC) is the one instant of all that it does."""

    connection: Connection
    now: int


@dataclass(slots=True)
class Store:
    """An open store. Use `open_store` to make one; close it when done, or use it in a `with`."""

    database: Database
    clock: Clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Its address, as it may be shown."""
        return self.database.url

    @property
    def engine(self) -> Engine:
        """Its connections."""
        return self.database.engine

    @property
    def path(self) -> Path | None:
        """Its file; None where it is none."""
        return self.database.path

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

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
    def glance(self, connection: Connection) -> Iterator[Connection]:
        """For one statement that reads, on that connection: a third of the way to a server and back of a `read`."""
        with self.translated():
            connection.execution_options(**{GLANCING: True})
            try:
                with connection.begin():
                    yield connection
            finally:
                connection.execution_options(**{GLANCING: False})

    @contextmanager
    def write(
        self, connection: Connection | None = None, *, alone: bool = False, patience: float | None = None
    ) -> Iterator[Transaction]:
        """One write transaction: committed when the block ends, undone when it raises.

        `alone`: no other transaction of flowrun's may write meanwhile, as is always so on SQLite. Raises WorkFailed
        when another writer is in the way for longer than `patience` (seconds; `lock.patient` says what None means), or
        when the database can't go on (read-only, full, broken).
        """
        if connection is None:
            with self.connect() as own, self.write(own, alone=alone, patience=patience) as transaction:
                yield transaction
            return
        with self.translated(), self.database.held(patience):
            connection.execution_options(**{WRITING: True})
            try:
                with self._begin(connection, patience):
                    self.database.begun(connection, alone=alone, patience=patience)
                    now = self.clock.now()
                    stands_still = isinstance(self.clock, FixedClock | VirtualClock)
                    self.database.set_clock(connection, now if stands_still else None)
                    yield Transaction(connection, now)
                    self.database.written(connection, now)
            except DBAPIError:
                if not connection.invalidated:
                    connection.connection.rollback()  # a commit that failed has left the transaction open
                raise
            finally:
                connection.execution_options(**{WRITING: False})

    def check_version(self, found: str) -> None:
        """Raises WorkFailed if that version of the tables is not the one that this flowrun works with.

        For whoever has the store open for long: another flowrun may have upgraded it meanwhile.
        """
        if found > migrations.HEAD:
            raise WorkFailed(
                f"{self.url} was written by a newer flowrun (tables {found}; this one knows {migrations.HEAD})",
                "upgrade flowrun",
            )
        if found < migrations.HEAD:
            raise WorkFailed(
                f"{self.url} was written by an older flowrun (tables {found}; this one works with {migrations.HEAD})",
                "bring its tables up to date first: any command that may write does, such as 'flowrun status'",
            )

    def changes(self, connection: Connection) -> int | None:
        """A number that changes whenever another connection has committed something; None: it can't be told so."""
        return self.database.changes(connection)

    def _begin(self, connection: Connection, patience: float | None = None) -> RootTransaction:
        began = time.monotonic()
        while True:
            try:
                return connection.begin()
            except DBAPIError as error:
                if not self.database.is_busy(error.orig):
                    raise
                waited, most = time.monotonic() - began, locking.patient(patience)
                if waited > most:
                    raise WorkFailed(
                        f"{self.url} is locked: another program has been writing to it for {most:.0f} s",
                        "wait until it is done, or end it, and try again",
                    ) from None
                time.sleep(locking.RETRY)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raises WorkFailed for whatever the database says when it can't go on."""
        try:
            yield
        except DBAPIError as error:
            failure = self.database.failure(error)
            if failure is None:
                raise
            raise failure from error


def open_store(url: str, clock: Clock | None = None, *, create: bool = False, read_only: bool = False) -> Store:
    """The store at that address.

    `create` makes it where nothing is there. `read_only` opens it to be read only: a file through connections that
    can't write, which works also where it and its folder may not be written. Raises WrongUsage for an address that is
    none, NoStore where there is nothing yet, WorkFailed for what is no flowrun store, newer than this flowrun (older,
    if it is opened read-only), or can't be read.
    """
    address = _address(url)
    store = Store(_database(url, address, create=create, read_only=read_only), clock or SystemClock())
    try:
        _once_free(store, lambda: _check_version(store, create=create, read_only=read_only))
        _check_clock(store)
    except BaseException:
        store.close()
        raise
    return store


def unchecked_store(url: str, clock: Clock) -> Store:
    """What is at that address, whatever it is, through connections that can't write. Nothing is read of it yet.

    Raises WrongUsage for an address that is none, NoStore or WorkFailed where there is no file to read.
    """
    return Store(_database(url, _address(url), create=False, read_only=True), clock)


def tables_version(connection: Connection) -> tuple[str | None, frozenset[str]]:
    """The version of a store's own tables, None where there is no store, and the names of all tables."""
    tables = frozenset(inspect(connection).get_table_names())
    if not {"alembic_version", "flowrun"} <= tables:
        return None, tables
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar(), tables


def check_makeable(url: str) -> None:
    """Raises WorkFailed if there is no folder to make that store in, and WrongUsage for an address that is none."""
    address = _address(url)
    if address.get_backend_name() == "sqlite":
        sqlite.check_folder(Path(address.database or ""))


def files_of(url: str) -> tuple[Path, ...]:
    """The files that a store at that address is, or may be at some time. Raises WrongUsage for one that is none."""
    address = _address(url)
    return sqlite.files_of(Path(address.database or "")) if address.get_backend_name() == "sqlite" else ()


def memory_store(clock: Clock) -> Store:
    """A new store in memory, for one process and one thread."""
    store = Store(sqlite.in_memory(), clock)
    with store.connect() as connection:
        sqlite.driver(connection).deserialize(_unnamed())
    with store.write() as transaction:
        _name(transaction.connection, transaction.now)
    return store


@cache
def _unnamed() -> bytes:
    """A store in memory that has no identity yet. To migrate takes most of the time that a small one lives."""
    store = Store(sqlite.in_memory(), FixedClock(0))
    _check_version(store, create=True)
    with store.connect() as connection:
        connection.execute(delete(flowrun))
        connection.commit()
        return sqlite.driver(connection).serialize()


def copied_store(connection: Connection, clock: Clock) -> Store:
    """A copy in memory of the store in memory that the connection is to; what is temporary there stays behind."""
    copy = Store(sqlite.in_memory(), clock)
    refill(copy, connection)
    return copy


def refill(store: Store, connection: Connection) -> None:
    """Make a store in memory that copy. It is cheaper than a new one, since the SQL that it has compiled stays."""
    with store.connect() as target:
        sqlite.driver(connection).backup(sqlite.driver(target))


def backup_to(store: Store, path: Path) -> None:
    """Write a copy of a store in memory to that file."""
    target = sqlite3.connect(path)
    try:
        with store.connect() as connection:
            sqlite.driver(connection).backup(target)
    finally:
        target.close()


def _database(url: str, address: URL, *, create: bool, read_only: bool) -> Database:
    if address.get_backend_name() == "postgresql":
        from flowrun.store.postgresql import at

        return at(address)
    return sqlite.in_file(url, address, create=create, read_only=read_only)


def _address(url: str) -> URL:
    # Also of an address that can't be read: whatever may be a secret in it.
    shown = _PASSWORD.sub(r"\1***", _CREDENTIALS.sub(r"\1***@", url))
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise WrongUsage(
            f"'{shown}' is no address of a store", "write for example sqlite:///flowrun.db (the default)"
        ) from None
    match address.get_backend_name():
        case "sqlite":
            _check_sqlite_address(shown, address)
        case "postgresql":
            if address.host and re.search("[@#]", address.host):
                raise WrongUsage(
                    f"'{shown}' can't be read: there is an @ or # too many",
                    "in a user or password write @ as %40, # as %23, : as %3A, / as %2F, % as %25",
                )
            if address.drivername != "postgresql" or not address.database:
                raise WrongUsage(
                    f"'{shown}' is no address of a PostgreSQL database",
                    "write for example postgresql://user@host/database",
                )
        case other:
            raise WrongUsage(
                f"a store in '{other}' is not possible",
                "use SQLite (sqlite:///flowrun.db) or PostgreSQL (postgresql://user@host/database)",
            )
    return address


def _check_sqlite_address(shown: str, address: URL) -> None:
    if not address.database or address.database == ":memory:":
        raise WrongUsage(f"'{shown}' names no file", "write for example sqlite:///flowrun.db")
    if address != URL.create("sqlite", database=address.database):
        raise WrongUsage(f"'{shown}' is more than the path of a file", "write for example sqlite:///flowrun.db")


def _once_free(store: Store, work: Callable[[], None]) -> None:
    """Do it as soon as the database is free: until it has its WAL, even a reader of one that is begun is in the way."""
    give_up = time.monotonic() + locking.PATIENCE
    while True:
        try:
            return work()
        except (WorkFailed, sqlite3.OperationalError) as error:
            reason = error.__cause__ if isinstance(error, WorkFailed) else error
            original = reason.orig if isinstance(reason, DBAPIError) else reason
            if not store.database.is_busy(original) or time.monotonic() > give_up:
                raise
        time.sleep(locking.RETRY)


def _check_version(store: Store, *, create: bool, read_only: bool = False) -> None:
    with store.read() as connection:
        found, tables = tables_version(connection)
    if found == migrations.HEAD:
        return
    if found is None and tables:
        raise WorkFailed(f"{store.url} is a database, but no flowrun store", "name another file with --store")
    if found is None and not create:
        if store.database.path is None:
            store.database.prepare()  # says so where it is the schema that is missing, or the right to use it
        raise NoStore(f"there is no store at {store.url}", "make one with 'flowrun apply'")
    if found is not None and (read_only or found > migrations.HEAD):
        store.check_version(found)
    _upgrade(store, new=found is None)


def _upgrade(store: Store, *, new: bool) -> None:
    with store.database.held():
        if new:
            store.database.prepare()
        with store.connect() as connection:
            connection.execution_options(**{WRITING: True})
            with store._begin(connection):
                store.database.begun(connection, alone=True)
                migrations.upgrade(connection)
                _name(connection, store.clock.now())
            connection.execution_options(**{WRITING: False})


def _name(connection: Connection, now: int) -> None:
    """Give the store its identity and the key of its plans, where it lacks them."""
    if connection.execute(select(func.count()).select_from(flowrun)).scalar_one() == 0:
        connection.execute(insert(flowrun).values(id=1, identity=secrets.token_hex(16), created_at=now, latest=now))
    key = update(flowrun).where(flowrun.c.plan_key.is_(None))
    connection.execute(key.values(plan_key=secrets.token_hex(32)))


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
