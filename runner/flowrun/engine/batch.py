"""The working tables of a tick: the claimed deals, their candidates, and what is to be done.

They are temporary tables of the runner's own connection, emptied at the start of each tick; their order columns carry
the order of semantics.md from one step to the next.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text

_temporary = MetaData(schema="temp")

batch = Table(
    "batch",
    _temporary,
    Column("ord", Integer, primary_key=True),
    Column("deal", Integer, nullable=False),
)
"""The claimed deals (by seq), numbered in the order in which they are taken."""

candidates = Table(
    "candidates",
    _temporary,
    Column("ord", Integer, primary_key=True),
    Column("pos", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
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
    Column("seq", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("reason", Text),
    Column("due_at", BigInteger),
    Column("again", Integer, nullable=False),
    Column("turn", Integer),
    Column("target", Integer),
    Column("target_id", Text),
)
"""What is to be journalled and done, in order. `target` is the seq of the deal that moves (null: a copy, or none)."""

keyed = Table(
    "keyed",
    _temporary,
    Column("ord", Integer, primary_key=True),
    Column("pos", Integer, primary_key=True),
    Column("guard", Integer, primary_key=True),
    Column("mover", Integer),
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

_WITHOUT_ROWID = frozenset({"candidates", "keyed"})


def create(connection: Connection) -> None:
    """Make the working tables on this connection; where they are, those of the last tick are emptied."""
    for table in _temporary.sorted_tables:
        columns = ", ".join(f"{column.name} {column.type.compile()}" for column in table.columns)
        keys = ", ".join(column.name for column in table.primary_key)
        tail = " WITHOUT ROWID" if table.name in _WITHOUT_ROWID else ""
        if len(table.primary_key) == 1 and not tail:
            columns = columns.replace(f"{keys} INTEGER", f"{keys} INTEGER PRIMARY KEY", 1)
        else:
            columns += f", PRIMARY KEY ({keys})"
        connection.exec_driver_sql(f"CREATE TEMP TABLE IF NOT EXISTS {table.name} ({columns}){tail}")
    clear(connection)


def clear(connection: Connection) -> None:
    """Empty the tables of the last tick."""
    for table in (batch, candidates, acts, keyed):
        connection.exec_driver_sql(f"DELETE FROM temp.{table.name}")
