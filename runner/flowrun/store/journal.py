"""The journal, read: what fired, what was settled otherwise, and why. The engine writes it (`engine.act`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

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
_RECENT = ("fired", "shadow")
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


def latest(connection: Connection) -> int:
    """The number of the row that was written last; 0 where there is none."""
    return int(connection.execute(select(func.coalesce(func.max(_ROWS.seq), 0))).scalar_one())


def after(connection: Connection, seq: int, limit: int) -> list[tuple[int, Firing]]:
    """The rows with a higher number than that, each with its own, oldest first; of more than `limit`, the latest."""
    rows = select(_ROWS.seq, *_COLUMNS).where(_ROWS.seq > seq).order_by(_ROWS.seq.desc()).limit(limit)
    return [(row[0], Firing(*row[1:])) for row in reversed(connection.execute(rows).all())]


def fired_since(connection: Connection, since: int) -> dict[str, int]:
    """How often each tunnel has fired since that instant (ms, UTC), or would have in shadow; no zeros.

    Looks at the rows of that time alone, which it finds by halving: numbers rise with time, but for parked rows that
    fired later; of these, some from before that time may be missing.
    """
    low, high = 0, latest(connection)
    while low < high:
        middle = (low + high) // 2
        found = select(_ROWS.fired_at).where(_ROWS.seq > middle).order_by(_ROWS.seq).limit(1)
        fired_at = connection.execute(found).scalar()
        if fired_at is not None and fired_at < since:
            low = middle + 1
        else:
            high = middle
    rows = select(_ROWS.tunnel, func.count()).where(_ROWS.seq > low, _ROWS.fired_at >= since)
    counted = rows.where(_ROWS.result.in_(_RECENT)).group_by(_ROWS.tunnel)
    return {tunnel: count for tunnel, count in connection.execute(counted)}  # noqa: C416 - typed rows
