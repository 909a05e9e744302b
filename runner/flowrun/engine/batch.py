"""The working tables of a tick: the claimed deals, their candidates, and what is to be done.

They are temporary tables of the runner's own connection, emptied at the start of each tick; their order columns carry
the order of semantics.md from one step to the next.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Dialect, Integer, MetaData, Table

from flowrun.store.database import WRITING
from flowrun.store.tables import Number, Text

_temporary = MetaData()

batch = Table(
    "batch",
    _temporary,
    Column("ord", Integer, primary_key=True),
    Column("deal", Number, nullable=False),
)
"""The claimed deals (by seq), numbered in the order in which they are taken."""

candidates = Table(
    "candidates",
    _temporary,
    Column("ord", Integer, primary_key=True),
    Column("pos", Integer, primary_key=True),
    Column("seq", Number, nullable=False),
    Column("kind", Text, nullable=False),
    Column("verdict", Integer, nullable=False),
    Column("due_at", BigInteger),
    Column("wake_at", BigInteger),
    Column("again", Integer, nullable=False),
)
"""What `judge` found. `again`: 0 no journal row yet, 1 a declined row may be judged anew, 2 a parked row is retried."""

acts = Table(
    "acts",
    _temporary,
    Column("id", Integer, primary_key=True),
    Column("ord", Integer, nullable=False),
    Column("pos", Integer, nullable=False),
    Column("seq", Number, nullable=False),
    Column("kind", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("reason", Text),
    Column("due_at", BigInteger),
    Column("again", Integer, nullable=False),
    Column("turn", Integer),
    Column("target", Number),
    Column("target_id", Text),
)
"""What is to be journalled and done, in order. `target` is the seq of the deal that moves (null: a copy, or none)."""

keyed = Table(
    "keyed",
    _temporary,
    Column("ord", Integer, primary_key=True),
    Column("pos", Integer, primary_key=True),
    Column("guard", Integer, primary_key=True),
    Column("mover", Number),
    Column("before", Text),
    Column("after", Text),
)
"""The keys of candidates under each guard (`settle.Keys`); `mover` is the seq of the deal that would move."""

rules = Table(
    "rules",
    _temporary,
    Column("pos", Integer, primary_key=True),
    Column("tunnel", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
)
"""The tunnels of the loaded revision by file position."""

_OF_A_TICK = (batch, candidates, acts, keyed)
_HEAPS = (batch, acts)
"""Those that are only read from end to end; on PostgreSQL they have no index, which would cost and serve nothing."""
_WITHOUT_ROWID = frozenset({"candidates", "keyed"})


def create(connection: Connection) -> None:
    """Make the working tables on this connection; where they are, those of the last tick are emptied."""
    made = _made_on_postgresql if connection.dialect.name == "postgresql" else _made_on_sqlite
    for table in _temporary.sorted_tables:
        connection.exec_driver_sql(f"CREATE TEMP TABLE IF NOT EXISTS {table.name} {made(table, connection.dialect)}")
    clear(connection)


def clear(connection: Connection) -> None:
    """Empty the tables of the last tick. On PostgreSQL what they hold goes with the tick's transaction by itself."""
    if connection.dialect.name == "postgresql" and connection.get_execution_options().get(WRITING):
        return
    for table in _OF_A_TICK:
        connection.exec_driver_sql(f"DELETE FROM {table.name}")


def look_small(connection: Connection) -> None:
    """Have PostgreSQL plan for a few rows, whatever the tables will hold.

    It would guess thousands, for which it may find it cheaper to pass over all deals or the whole journal than to look
    each row up; and a plan that it made while there were few of them serves when there are millions. What it has seen
    of these tables is one row on a page. It stays with that: nobody else analyzes temporary tables, and emptying one
    without an index doesn't tell.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in _HEAPS:
        connection.exec_driver_sql(f"INSERT INTO {table.name} (ord) VALUES (0)")
        connection.exec_driver_sql(f"ANALYZE {table.name}")
        connection.exec_driver_sql(f"DELETE FROM {table.name}")


def _made_on_sqlite(table: Table, dialect: Dialect) -> str:
    columns = ", ".join(f"{column.name} {column.type.compile(dialect)}" for column in table.columns)
    keys = ", ".join(column.name for column in table.primary_key)
    tail = " WITHOUT ROWID" if table.name in _WITHOUT_ROWID else ""
    if len(table.primary_key) == 1 and not tail:
        columns = columns.replace(f"{keys} INTEGER", f"{keys} INTEGER PRIMARY KEY", 1)
    else:
        columns += f", PRIMARY KEY ({keys})"
    return f"({columns}){tail}"


def _made_on_postgresql(table: Table, dialect: Dialect) -> str:
    columns = ", ".join(f"{column.name} {column.type.compile(dialect)}" for column in table.columns)
    keys = ", ".join(column.name for column in table.primary_key)
    numbered = "id INTEGER GENERATED BY DEFAULT AS IDENTITY"
    goes = " ON COMMIT DELETE ROWS" if table in _OF_A_TICK else ""
    key = "" if table in _HEAPS else f", PRIMARY KEY ({keys})"
    return f"({columns.replace('id INTEGER', numbered, 1)}{key}){goes}"
