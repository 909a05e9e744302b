"""A user's database: its engine, the session that flowrun asks for, and what its errors mean.

Reads see what is committed, each statement anew (READ COMMITTED, also on MySQL: there the default isolation would lock
the gaps between rows against the programs that write). Nobody's row is waited for where the database can pass it over.
An error is one of: `lost` (the connection is gone; what a commit did can't be told), `passing` (a conflict with someone
else, a server that is full or going down), or the refusal of one row. Parameters are never part of what is shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from flowrun.diagnostics import excerpt
from flowrun.errors import SourceTrouble, WorkFailed

_SAID = 200
"""Characters of what a database says that are passed on."""
_LOCKED = 5
"""Seconds that a lock is waited for."""
_ASKED = 60
"""Seconds that a statement may take."""

_WRITING = "flowrun_writing"

_POSTGRESQL = (
    "SET timezone = 'UTC'",
    "SET datestyle = 'ISO'",
    "SET bytea_output = 'hex'",
    "SET client_min_messages = 'error'",
    f"SET lock_timeout = '{_LOCKED}s'",
    f"SET statement_timeout = '{_ASKED}s'",
    f"SET idle_in_transaction_session_timeout = '{_ASKED}s'",
)
_MYSQL = (
    "SET SESSION time_zone = '+00:00'",
    # Without it, what does not fit is cut off and written all the same.
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    f"SET SESSION innodb_lock_wait_timeout = {_LOCKED}",
    "SET SESSION lock_wait_timeout = 60",
)

_LOST: Mapping[str, frozenset[str | int | None]] = {
    "postgresql": frozenset({"57P01", "57P02", "57P03", "57P05", "25P03", "40003"}),
    "mysql": frozenset({0, 1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031}),
}
_PASSING: Mapping[str, frozenset[str | int | None]] = {
    "postgresql": frozenset({"25006", "40001", "40P01", "40002", "55P03", "55006", "57014"}),
    "mysql": frozenset({1020, 1021, 1040, 1041, 1114, 1203, 1205, 1213, 1226, 1290, 1317, 1836, 1969, 3024}),
    "sqlite": frozenset({5, 6, 8, 10, 13, 14, 15}),
}
_UNREADY: Mapping[str, frozenset[str | int | None]] = {
    "postgresql": frozenset({"3F000", "42501", "42P01", "42703"}),
    "mysql": frozenset({1044, 1045, 1049, 1054, 1142, 1143, 1146}),
    "sqlite": frozenset(),
}
"""A right, table or column that is missing: a person has to see to it."""
_ADDRESS = "write for example postgresql://user:password@host/database, mysql://… or sqlite:///crm.db"


@dataclass(slots=True)
class Database:
    """A database that is open. `name` is postgresql, mysql or sqlite; `shown` its address without secrets."""

    name: str
    engine: Engine
    shown: str
    secrets: tuple[str, ...] = ()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read on. Raises SourceTrouble or WorkFailed for what the database says."""
        try:
            with self.engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise self.failure(error) from error

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A transaction that writes, committed in the end. Raises as `reading` does."""
        try:
            with self.opened() as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            raise self.failure(error) from error

    def opened(self) -> Connection:
        """A connection whose next transaction writes. Raises what the driver does."""
        return self.engine.connect().execution_options(**{_WRITING: True})

    def lost(self, error: SQLAlchemyError) -> bool:
        """Whether the connection is gone, so that nobody knows of a commit on it whether it happened."""
        if not isinstance(error, DBAPIError):
            return False
        if error.connection_invalidated:
            return True
        code = _code(error)
        if self.name == "postgresql":
            nothing_said = code is None and isinstance(error, OperationalError)
            return nothing_said or (isinstance(code, str) and code.startswith("08")) or code in _LOST[self.name]
        return code in _LOST.get(self.name, frozenset())

    def passing(self, error: SQLAlchemyError) -> bool:
        """Whether trying again later may do."""
        if not isinstance(error, DBAPIError):
            return False
        code = _code(error)
        full = self.name == "postgresql" and isinstance(code, str) and code.startswith("53")
        return full or self.lost(error) or code in _PASSING[self.name]

    def unready(self, error: SQLAlchemyError) -> bool:
        """Whether the database lacks something, whatever is asked of it."""
        return isinstance(error, DBAPIError) and _code(error) in _UNREADY[self.name]

    def refuses(self, error: SQLAlchemyError) -> bool:
        """Whether it is this row's own: a constraint, a value that does not fit, a right that is missing."""
        return isinstance(error, DBAPIError) and not self.passing(error)

    def is_integrity(self, error: SQLAlchemyError) -> bool:
        """Whether a constraint was violated, as by a key that is there already."""
        code = _code(error) if isinstance(error, DBAPIError) else None
        if self.name == "postgresql":
            return isinstance(code, str) and code.startswith("23")
        return code == (1062 if self.name == "mysql" else 19)

    def says(self, error: SQLAlchemyError) -> str:
        """What the database says, in one short line without anything secret."""
        original = getattr(error, "orig", None) or error
        found = original.args[1] if self.name == "mysql" and len(original.args) > 1 else original
        text = str(found).strip().partition("\n")[0] or type(original).__name__
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return excerpt(text, _SAID)

    def failure(self, error: SQLAlchemyError) -> WorkFailed:
        """Why nothing can be read or made."""
        if self.passing(error):
            return SourceTrouble(f"{self.shown} can't be used just now: {self.says(error)}")
        return WorkFailed(f"{self.shown}: {self.says(error)}", "does the user have the rights, and is it all there?")


def _code(error: DBAPIError) -> str | int | None:
    """The database's own: PostgreSQL's state, the number of the others, None where it said nothing."""
    original: Any = error.orig
    if isinstance(original, sqlite3.Error):
        number = getattr(original, "sqlite_errorcode", None)
        return None if number is None else int(number) & 0xFF
    first = original.args[0] if getattr(original, "args", ()) else None
    if isinstance(first, int):
        return first
    state = getattr(original, "sqlstate", None)
    return None if state is None else str(state)


def open_database(url: str, folder: Path) -> Database:
    """The database at that address, not connected to yet. `folder` is where the path of an SQLite file starts.

    Raises WorkFailed for an address that is none, a database of another sort, or a driver that is missing; what it
    says never has the address in it, which may be a secret as a whole.
    """
    try:
        address = make_url(url)
        name = address.get_backend_name()
    except (ArgumentError, ValueError, SQLAlchemyError):
        raise WorkFailed("what `url` leads to is no address of a database", _ADDRESS) from None
    if name == "sqlite":
        return _sqlite(address, folder)
    if name not in {"postgresql", "mysql", "mariadb"} or not address.database:
        raise WorkFailed("`url` must lead to a database of PostgreSQL, MySQL, MariaDB or SQLite", _ADDRESS)
    name = "postgresql" if name == "postgresql" else "mysql"
    shown = URL.create(name, host=address.host, port=address.port, database=address.database)
    secrets = [address.password, *(one for many in address.normalized_query.values() for one in many)]
    engine = _postgresql(address) if name == "postgresql" else _mysql(address)
    return Database(name, engine, shown.render_as_string(), tuple(str(one) for one in secrets if one))


def _postgresql(address: URL) -> Engine:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise WorkFailed("PostgreSQL needs one more package", "pip install 'flowrun[postgres]'") from None
    arguments = {
        "connect_timeout": 10,
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": "flowrun source",
        # Statements that stay prepared get lost behind a pooler of connections.
        "prepare_threshold": None,
    }
    engine = create_engine(
        address.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_size=1,
        pool_pre_ping=True,
    )
    _on_connect(engine, _POSTGRESQL)
    return engine


def _mysql(address: URL) -> Engine:
    try:
        import pymysql  # noqa: F401
    except ImportError:
        raise WorkFailed("MySQL and MariaDB need one more package", "pip install 'flowrun[mysql]'") from None
    arguments: dict[str, Any] = {"connect_timeout": 10, "read_timeout": _ASKED, "write_timeout": _ASKED}
    engine = create_engine(
        address.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"}),
        connect_args=arguments,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_size=1,
        pool_pre_ping=True,
    )
    _on_connect(engine, _MYSQL)
    return engine


def _on_connect(engine: Engine, statements: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        connection.commit()


def _sqlite(address: URL, folder: Path) -> Database:
    if not address.database or address.database == ":memory:":
        raise WorkFailed("`url` names no file", _ADDRESS)
    path = folder / address.database
    if not path.is_file():
        raise WorkFailed(f"there is no file {path}")
    # Without the mode, a file that goes would be made anew, empty: a database in which all deals are gone.
    target = f"file:{quote(str(path.resolve()))}?mode=rw"

    def connected() -> sqlite3.Connection:
        return sqlite3.connect(target, uri=True, timeout=_LOCKED, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connected, poolclass=NullPool, hide_parameters=True)
    _on_connect(engine, ("PRAGMA foreign_keys = ON",))

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        writing = connection.get_execution_options().get(_WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return Database("sqlite", engine, f"sqlite:///{address.database}")
