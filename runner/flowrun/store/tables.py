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
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.selectable import NamedFromClause
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

calls = Table(
    "calls",
    metadata,
    Column("firing", Number, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("deal", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("from_stage", Text, nullable=False),
    Column("to_stage", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("new_id", Text),
    Column("tunnel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("finds", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("runner", Text),
    Column("leased_until", BigInteger),
    Column("reason", Text),
    Index("calls_key", "key", unique=True),
    Index("calls_order", "state", "next_at", "firing"),
    Index("calls_deal", "deal"),
    Index("calls_target", "target"),
)
"""Firings on their way to where deals live: one row for each `pending` row of the journal (`firing` is its seq), and
for each parked one whose call may be tried again. `key` is the firing's own, for ever. `deal` is the one that fired,
`target` the one that moves or is copied, which stood in `from_stage` with that `entry`. `content` is a JSON object of
stored values; always in the terms of the applied revision, as are stages and tunnel. `new_id` is what flowrun would
call a copy. `state` is due, calling, unknown or parked; a `calling` one is held by `runner` until `leased_until`, and
so is an `unknown` one that is being looked up. `attempts` counts calls that came to nothing, `finds` look-ups that
couldn't tell; `reason` is what the source last said of it."""

sources = Table(
    "sources",
    metadata,
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("mark", Text),
    Column("reader", Text),
    Column("reader_until", BigInteger),
    Column("tokens", BigInteger),
    Column("refilled_at", BigInteger),
    Column("paused_until", BigInteger),
    Column("counter", BigInteger, nullable=False),
    Column("asked_at", BigInteger),
    Column("read_at", BigInteger),
    Column("whole_at", BigInteger),
    Column("trouble", Text),
    Column("trouble_at", BigInteger),
)
"""What is known of the applied flow's source, if it isn't the store: one row, whose `id` is a digest of its type and
options, so that whoever still reads another one writes none of it. `mark` is that of the last page kept; `reader` asks
for changes until `reader_until`. `tokens` (thousandths of a call; null: full) are what was left of the budget at
`refilled_at`; nothing is called before `paused_until`. `counter` rises whenever a call begins or is settled: what was
asked for at one number knows nothing of what has a higher one. `asked_at`, `read_at`, `whole_at`: when changes were
last asked for, a page last kept, a full read last ended. `trouble` is what went wrong last, null once it went well."""

rereads = Table(
    "rereads",
    metadata,
    Column("deal", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""Deals (by id, also such as aren't there yet) that the store may have wrong: they fire nothing until they are read
again, by a question asked when `sources.counter` was at least `number`."""

bad_records = Table(
    "bad_records",
    metadata,
    Column("place", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("deal", Text),
    Column("seen_at", BigInteger, nullable=False),
)
"""What the source has that can't be read as a deal: where, why, and of which deal, if that is known."""

waiters = Table(
    "waiters",
    metadata,
    Column("deal", Number, primary_key=True, autoincrement=False),
    Column("pipeline", Text, primary_key=True),
)
"""Deals (by `deals.seq`) that wait for what becomes of a call, since `unless_exists` looks in that pipeline."""

answers = Table(
    "answers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("content", Text),
    Column("at", BigInteger, nullable=False),
    Index("answers_at", "at"),
)
"""What was answered over HTTP to requests that had a key of their own (`Idempotency-Key`), for a day. `digest` is that
of the request, `content` the JSON text of the answer (null: it had none)."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", Number, primary_key=True),
    Column("webhook", Text, nullable=False),
    Column("tunnel", Text, nullable=False),
    Column("deal", Text, nullable=False),
    Column("entry", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_stage", Text, nullable=False),
    Column("to_stage", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("target", Text),
    Column("due_at", BigInteger),
    Column("fired_at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reason", Text),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("since", BigInteger),
    Column("runner", Text),
    Column("leased_until", BigInteger),
    Column("said", Text),
    Index("deliveries_order", "webhook", "state", "next_at", "seq"),
)
"""Firings that are to be told to a webhook, each with what the journal said of it then; what was taken is deleted.
`state` is due or dead; a due one is being delivered by `runner` until `leased_until`, which is its `next_at` then.
`since` is when it was tried first, `said` what came of the last attempt; both null before."""

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("disabled_at", BigInteger, nullable=False),
    Column("said", Text),
)
"""Webhooks whose receiver said that it is gone for good: nothing is delivered there until `retry`, or another URL is
applied."""

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
        Column("_settled", BigInteger),
    ]


@lru_cache(maxsize=16)
def _deals(fields: tuple[tuple[str, Kind], ...]) -> Table:
    columns = [Column(name, column_type(kind)) for name, kind in fields]
    return Table("deals", MetaData(), *builtin_columns(), *columns)


def deals_table(flow: Flow | None) -> Table:
    """The `deals` table with the fields of that flow (None: the built-ins alone).

    `_root` is the id of the lineage's first deal (null: the deal itself); `_hops` the instants of its latest hops,
    15 digits each, oldest first, at most `limits.max_hops` of them (null: none); `_imported` the stage that an import
    last had for the deal (null: none did); `_settled` the number that `sources.counter` had when a call for the deal
    was last settled (null: none was).
    """
    return _deals(tuple((field.id, field.type.kind) for field in flow.fields.values()) if flow else ())


@lru_cache(maxsize=512)
def aliased(table: Table, name: str) -> NamedFromClause[ReadOnlyColumnCollection[str, Column[Any]]]:
    """The table by another name. Kept, since to make the columns of one takes as long as to write a statement of it."""
    return table.alias(name)
