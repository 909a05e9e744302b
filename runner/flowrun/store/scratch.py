"""A scratch copy of part of a store, beside the live one, that goes when it is closed: what a preview works on.

The scratch has the store's own tables and indexes, empty; whoever opened it copies the deals that it needs. The live
store is beside it as the schema `live`; all that is read of it, for as long as the scratch is open, is one snapshot.
Nothing there is locked but by reading.

On SQLite it is a private database in temporary files, with the live one attached through a connection that can't
write. On PostgreSQL it is made of temporary tables of a connection of its own: a role that may only read has them too.

Statements that name no schema find the scratch's tables once `make_tables` has made them, and the live ones before.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, event, inspect
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool

from flowrun.store import postgresql_times
from flowrun.store.connection import Store, backup_to
from flowrun.store.database import SCRATCH
from flowrun.store.ddl import run
from flowrun.store.sqlite import attachable, prepared

LIVE = "live"
"""The schema that the live store has beside the scratch, for tables of SQLAlchemy."""

_quote = sqlite.dialect().identifier_preparer.quote_identifier


_live: ContextVar[Path] = ContextVar("live")


@lru_cache(maxsize=64)
def live_table(table: Table) -> Table:
    """That table of the live store, beside the scratch's. Kept, so that statements with it compile once."""
    return table.to_metadata(MetaData(), schema=LIVE)


@contextmanager
def scratch(store: Store) -> Iterator[Connection]:
    """A connection to a new scratch, inside its one transaction.

    Raises WorkFailed where the store can't be read.
    """
    if store.engine.dialect.name == "postgresql":
        with _in_temporary_tables(store) as connection:
            yield connection
        return
    with ExitStack() as stack:
        path = store.path
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowrun-"))
            path = Path(folder) / "copy.db"
            backup_to(store, path)
        token = _live.set(path)
        stack.callback(_live.reset, token)
        with store.translated(), _engine().connect() as connection, connection.begin():
            connection.execution_options(**{SCRATCH: True})
            connection.exec_driver_sql(f"SELECT 1 FROM {LIVE}.flowrun").close()  # the snapshot begins
            yield connection


@contextmanager
def _in_temporary_tables(store: Store) -> Iterator[Connection]:
    with store.connect() as connection:
        connection.detach()  # closed at the end: temporary tables would hide the live ones
        schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
        connection.rollback()
        connection.execution_options(schema_translate_map={LIVE: schema}, **{SCRATCH: True})
        with connection.begin() as transaction:
            yield connection
            transaction.rollback()


@cache
def _engine() -> Engine:
    """One for all scratches, which keeps the SQL that it has compiled; each connection is a scratch of its own."""
    engine = create_engine("sqlite://", creator=lambda: _connect(_live.get()), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect("", uri=True, timeout=5, check_same_thread=False, cached_statements=512)
    try:
        prepared(connection)
        connection.execute("ATTACH ? AS live", (attachable(path),))
        for pragma in ("main.journal_mode = OFF", "main.synchronous = OFF", "temp_store = FILE"):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def make_tables(connection: Connection) -> None:
    """Give the scratch the live store's tables and indexes, with nothing in them."""
    if connection.dialect.name == "postgresql":
        for table in set(inspect(connection).get_table_names()) - {*postgresql_times.TABLES, "alembic_version"}:
            name = _quote(table)
            run(connection, f"CREATE TEMP TABLE {name} (LIKE {_live_schema(connection)}.{name} INCLUDING ALL)")
        run(connection, "DISCARD PLANS")  # those of functions may name the live tables
    else:
        _make(connection, "sql IS NOT NULL AND type <> 'trigger' ORDER BY type = 'index', rowid")


def make_triggers(connection: Connection) -> None:
    """Give the scratch the live store's triggers.

    On SQLite it must have them before a revision is applied there: that drops them by their names, which must be its
    own. On PostgreSQL a trigger is named with its table, and none is needed.
    """
    if connection.dialect.name == "sqlite":
        _make(connection, "type = 'trigger'")


def _make(connection: Connection, which: str) -> None:
    found = connection.exec_driver_sql(f"SELECT sql FROM {LIVE}.sqlite_master WHERE {which}")
    for (statement,) in found.all():
        connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Take the triggers away, so that tables are emptied and filled at once."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name FROM main.sqlite_master WHERE type = 'trigger'")
        for (name,) in found.all():
            connection.exec_driver_sql(f"DROP TRIGGER main.{_quote(name)}")


def refill(connection: Connection, wanted: Mapping[str, Sequence[tuple[str, tuple[object, ...]]]]) -> None:
    """Empty these tables of the scratch and copy live rows into them, in this order.

    By table, the conditions (fixed SQL, with a `?` for each of the values) for which rows are copied; a row for which
    several hold is copied once. What they name without a schema is the scratch's.
    """
    postgresql = connection.dialect.name == "postgresql"
    live, mark = (_live_schema(connection), "%s") if postgresql else (LIVE, "?")
    for table in reversed(list(wanted)):
        connection.exec_driver_sql(f"DELETE FROM {_quote(table)}")
    for table, conditions in wanted.items():
        names = [_quote(name) for name in _stored_columns(connection, table)]
        columns = ", ".join(names)
        for which, values in conditions:
            connection.exec_driver_sql(
                f"INSERT INTO {_quote(table)} ({columns}) SELECT {columns} FROM {live}.{_quote(table)} "
                f"WHERE {which.replace('?', mark)} ON CONFLICT DO NOTHING",
                values,
            )
        if postgresql and "seq" in _stored_columns(connection, table):
            last = f"(SELECT coalesce(max(seq), 0) + 1 FROM {live}.{_quote(table)})"
            connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', 'seq'), {last}, false)")


def _stored_columns(connection: Connection, table: str) -> list[str]:
    """The columns of a live table that have values of their own."""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 "
            "AND NOT attisdropped AND attgenerated = ''",
            (f"{_live_schema(connection)}.{_quote(table)}",),
        )
        return list(found.scalars())
    rows = connection.exec_driver_sql(f"PRAGMA {LIVE}.table_xinfo({_quote(table)})")
    return [row.name for row in rows if row.hidden == 0]


def _live_schema(connection: Connection) -> str:
    return _quote(connection.get_execution_options()["schema_translate_map"][LIVE])
