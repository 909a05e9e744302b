"""The journal, read: what fired, what was settled otherwise, and why. The engine writes it (`engine.act`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from flowrun.store import tables


@dataclass(frozen=True, slots=True)
class Firing:
    """One row: a deal, a tunnel and an entry. Instants are milliseconds, UTC.

    `target` is the deal that was moved or made (null: none was); `due_at` is null where nothing was due; `reason` is
    one of the words of semantics.md, "Journal", or null.
    """

    tunnel: str
    deal: str
    entry: int
    action: str
    from_stage: str
    to_stage: str
    result: str
    target: str | None
    due_at: int | None
    fired_at: int
    revision: int
    reason: str | None


_ROWS = tables.firings.c
_COLUMNS = [_ROWS[name] for name in Firing.__dataclass_fields__]


def firings(
    connection: Connection,
    *,
    deal: str | None = None,
    tunnel: str | None = None,
    result: str | None = None,
    since: int | None = None,
    limit: int | None = None,
) -> Iterator[Firing]:
    """The rows, oldest first, read as they are asked for; with a limit, the latest ones. None restricts nothing.

    A parked row that `retry` made fire is as old as that. `since` is an instant (ms, UTC) and counts itself in.
    """
    rows = select(*_COLUMNS, _ROWS.seq)
    for column, wanted in ((_ROWS.deal, deal), (_ROWS.tunnel, tunnel), (_ROWS.result, result)):
        if wanted is not None:
            rows = rows.where(column == wanted)
    if since is not None:
        rows = rows.where(_ROWS.fired_at >= since)
    if limit is not None:
        latest = rows.order_by(_ROWS.fired_at.desc(), _ROWS.seq.desc()).limit(limit).subquery()
        rows = select(latest).order_by(latest.c.fired_at, latest.c.seq)
    else:
        rows = rows.order_by(_ROWS.fired_at, _ROWS.seq)
    for row in connection.execute(rows, execution_options={"yield_per": 1000}):
        yield Firing(*row[:-1])
