"""A scratch copy of part of a store: a private database that goes when it is closed, beside the live one, read only.

What a preview works on. The scratch has the store's own tables, indexes and triggers, empty; whoever opened it copies
the deals that it needs. The live store is attached as `live` through a connection that can't write; all that is read
of it, for as long as the scratch is open, is one snapshot. Nothing there is locked but by reading.

Statements that name no schema find the scratch's tables once `make_tables` has made them, and the live ones before.
The scratch lies in temporary files: what it needs of memory doesn't depend on what is copied.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool

from flowrun.store.connection import Store, backup_to
from flowrun.store.sqlite import attachable, prepared

LIVE = "live"
"""The schema that the live store has beside the scratch."""

_quote = sqlite.dialect().identifier_preparer.quote_identifier


_live: ContextVar[Path] = ContextVar("live")


@contextmanager
def scratch(store: Store) -> Iterator[Connection]:
    """A connection to a new scratch, inside its one transaction.

    Raises WorkFailed where the store can't be read.
    """
    with ExitStack() as stack:
        path = store.path
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowrun-"))
            path = Path(folder) / "copy.db"
            backup_to(store, path)
        token = _live.set(path)
        stack.callback(_live.reset, token)
        with store.translated(), _engine().connect() as connection, connection.begin():
            connection.exec_driver_sql(f"SELECT 1 FROM {LIVE}.flowrun").close()  # the snapshot begins
            yield connection


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
    _make(connection, "sql IS NOT NULL AND type <> 'trigger' ORDER BY type = 'index', rowid")


def make_triggers(connection: Connection) -> None:
    """Give the scratch the live store's triggers.

    It must have them before a revision is applied there: that drops them by their names, which must be its own.
    """
    _make(connection, "type = 'trigger'")


def _make(connection: Connection, which: str) -> None:
    found = connection.exec_driver_sql(f"SELECT sql FROM {LIVE}.sqlite_master WHERE {which}")
    for (statement,) in found.all():
        connection.exec_driver_sql(statement)


def drop_triggers(connection: Connection) -> None:
    """Take the triggers away, so that tables are emptied and filled at once."""
    found = connection.exec_driver_sql("SELECT name FROM main.sqlite_master WHERE type = 'trigger'")
    for (name,) in found.all():
        connection.exec_driver_sql(f"DROP TRIGGER main.{_quote(name)}")


def refill(connection: Connection, wanted: Mapping[str, Sequence[tuple[str, tuple[object, ...]]]]) -> None:
    """Empty these tables of the scratch and copy live rows into them, in this order.

    By table, the conditions (fixed SQL, with the values of its marks) for which rows are copied; a row for which
    several hold is copied once.
    """
    for table in reversed(list(wanted)):
        connection.exec_driver_sql(f"DELETE FROM main.{_quote(table)}")
    for table, conditions in wanted.items():
        names = [
            _quote(row.name)
            for row in connection.exec_driver_sql(f"PRAGMA {LIVE}.table_xinfo({_quote(table)})")
            if row.hidden == 0
        ]
        columns = ", ".join(names)
        for which, values in conditions:
            connection.exec_driver_sql(
                f"INSERT OR IGNORE INTO main.{_quote(table)} ({columns}) "
                f"SELECT {columns} FROM {LIVE}.{_quote(table)} WHERE {which}",
                values,
            )
