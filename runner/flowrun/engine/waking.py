"""Waking: which deals are put in the queue, to be looked at now, by other hands than the triggers'."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, FromClause, literal, select

from flowrun.store.tables import queue
from flowrun.store.upsert import upsert


def wake(connection: Connection, deals: FromClause, which: ColumnElement[bool], now: int) -> None:
    """Queue these deals for now; those that are awake already keep their place."""
    rows = select(deals.c.seq, literal(now), literal(0)).where(which)
    statement = upsert(queue).from_select(["deal", "wake_at", "round"], rows)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["deal"],
            set_={"wake_at": statement.excluded.wake_at, "round": 0},
            where=statement.excluded.wake_at < queue.c.wake_at,
        )
    )
