"""The tables, one definition for every database (engine.md, "Tables").

Any program may read and write `deals` with SQL. Public columns have plain names; the engine's own start with `_`.
On every database instants are integers, milliseconds since the epoch, UTC, decimals integers scaled by the field's
places, dates ISO texts, tags JSON arrays, booleans 0 and 1 (see `expr.values.encode`, the one place that converts).

`deals` has a real column per declared field, so its definition depends on the flow: `deals_table(flow)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from flowrun.expr.types import Kind
from flowrun.flow.model import Flow

Text = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that is compared by code point on every database."""

Number = BigInteger().with_variant(Integer(), "sqlite")
"""The number of a row; on SQLite an INTEGER, which alone can be the key that the rows lie by."""

metadata = MetaData()

flowrun = Table(
    "flowrun",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("identity", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("fixed_now", BigInteger),
    Column("revision", Integer),
    Column("environment", Text),
    Column("plan_key", Text),
)
"""One row about the store itself. `latest` is the latest instant that flowrun wrote; `fixed_now` is set within a
transaction whose clock stands still, for the triggers; `revision` is the applied one, null before the first;
`environment` the one that the store is bound to; `plan_key` (hex) seals saved plans."""

version = Table("alembic_version", MetaData(), Column("version_num", Text))
"""The version of these tables (`store.migrations`), which Alembic keeps."""

revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", BigInteger, nullable=False),
    Column("applied_by", Text),
    Column("host", Text),
    Column("git_commit", Text),
    Column("git_dirty", Integer),
    Column("digest", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("places", Text, nullable=False),
    Column("plan", Text),
    Column("difference", Text),
    Column("back_to", Integer),
)
"""Every applied configuration, whole (`flow.codec`). `plan` is the id of the saved plan that it came from, `difference`
the JSON text of what `diff` said (null in revisions older than this column), `back_to` the revision that it went back
to; all null where there is none."""

stages = Table(
    "stages",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pipeline", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("outcome", Text),
    Column("position", Integer, nullable=False),
)
"""The stages of the applied revision: what `deals.stage` may be."""

tunnels = Table(
    "tunnels",
    metadata,
    Column("id", Text, primary_key=True),
    Column("mode", Text, nullable=False),
    Column("paused_at", BigInteger),
    Column("tripped_at", BigInteger),
    Column("turn", Integer, nullable=False, server_default=text("0")),
    Column("fired", Integer, nullable=False, server_default=text("0")),
    Column("last_fired_at", BigInteger),
)
"""State of each tunnel of the applied revision. `turn` is how many turns its rotation has taken."""

routes = Table(
    "routes",
    metadata,
    Column("stage", Text, primary_key=True),
    Column("tunnel", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("live_at", BigInteger, nullable=False),
    Column("include", Integer, nullable=False),
)
"""Which tunnels leave which stage, in file order, live since when (per stage), and whether with the existing deals.
`kind` is copy, origin, move or shadow. A tunnel that is `off` has none."""

queue = Table(
    "queue",
    metadata,
    Column("deal", Number, primary_key=True, autoincrement=False),
    Column("wake_at", BigInteger, nullable=False),
    Column("round", Integer, nullable=False),
    Index("queue_order", "wake_at", "round", "deal"),
)
"""When each deal (by `deals.seq`) must next be looked at. Deals that wait for data have no row."""

firings = Table(
    "firings",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("deal", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("tunnel", Text, nullable=False),
    Column("shadow", Integer, nullable=False, server_default=text("0")),
    Column("action", Text, nullable=False),
    Column("from_stage", Text, nullable=False),
    Column("to_stage", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("target", Text),
    Column("due_at", BigInteger),
    Column("fired_at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reason", Text),
    Column("_lineage", Text),
    Column("_retry", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("deal", "entry", "tunnel", "shadow", name="firings_once"),
)
"""Journal and ledger: one row for a deal, a tunnel and an entry; shadow rows apart. The unique key is the safety net
under exactly-once. `_lineage` is set for copies that were made; `_retry` marks a parked row that may try again."""

_MADE, _PARKED = firings.c._lineage.is_not(None), firings.c.result == "parked"
Index("firings_lineage", firings.c._lineage, firings.c.fired_at, sqlite_where=_MADE, postgresql_where=_MADE)
Index("firings_parked", firings.c.deal, sqlite_where=_PARKED, postgresql_where=_PARKED)

existing = Table(
    "existing",
    metadata,
    Column("deal", Number, primary_key=True, autoincrement=False),
    Column("tunnel", Text, primary_key=True),
    Column("entry", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Deals (by `deals.seq`) that a tunnel finds in a stage, in that entry, as existing ones, though its live date there is
older: their own stage was merged into it, and for that one the tunnel went live later, or only then."""

activity = Table(
    "activity",
    metadata,
    Column("tunnel", Text, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("firings", Integer, nullable=False),
)
"""How often each tunnel with a breaker fired at each instant of its last window: the breaker's exact, rolling count."""

runners = Table(
    "runners",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("ticks", BigInteger, nullable=False),
    Column("fired", BigInteger, nullable=False),
)
"""Who runs without end (`store.runners`), for people to see; nothing rests on it."""

_COLUMN_TYPES: Mapping[Kind, TypeEngine[Any]] = {
    Kind.TEXT: Text,
    Kind.ENUM: Text,
    Kind.TAGS: Text,
    Kind.DATE: Text,
    Kind.INTEGER: BigInteger(),
    Kind.DECIMAL: BigInteger(),
    Kind.BOOLEAN: Integer(),
    Kind.DATETIME: BigInteger(),
}


def column_type(kind: Kind) -> TypeEngine[Any]:
    """The column type that stores values of that kind."""
    return _COLUMN_TYPES[kind]


def builtin_columns() -> list[Column[object]]:
    """Fresh columns of `deals` that every flow has, in their order."""
    return [
        Column("seq", Number, primary_key=True),
        Column("id", Text, nullable=False, unique=True),
        Column("title", Text),
        Column("owner", Text),
        Column("stage", Text, nullable=False),
        Column("pipeline", Text, Computed("substr(stage, 1, instr(stage, '.') - 1)", persisted=False)),
        Column("entry", Integer, nullable=False, server_default=text("0")),
        Column("entered_at", BigInteger),
        Column("created_at", BigInteger),
        Column("updated_at", BigInteger),
        Column("origin", Text),
        Column("origin_tunnel", Text),
        Column("_root", Text),
        Column("_hops", Text),
        Column("_imported", Text),
    ]


@lru_cache(maxsize=16)
def _deals(fields: tuple[tuple[str, Kind], ...]) -> Table:
    columns = [Column(name, column_type(kind)) for name, kind in fields]
    return Table("deals", MetaData(), *builtin_columns(), *columns)


def deals_table(flow: Flow | None) -> Table:
    """The `deals` table with the fields of that flow (None: the built-ins alone).

    `_root` is the id of the lineage's first deal (null: the deal itself); `_hops` the instants of its latest hops,
    15 digits each, oldest first, at most `limits.max_hops` of them (null: none); `_imported` the stage that an import
    last had for the deal (null: none did).
    """
    return _deals(tuple((field.id, field.type.kind) for field in flow.fields.values()) if flow else ())
