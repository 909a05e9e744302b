"""Deals that the store may have wrong: they fire nothing until they have been read again where they live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, select

from flowrun.engine.calls import parts, wake_after
from flowrun.flow.model import Flow
from flowrun.store.tables import deals_table, rereads
from flowrun.store.upsert import upsert


def read_again(connection: Connection, ids: Iterable[str], number: int) -> None:
    """Have these deals read again, by a question asked from that number of the source's counter on."""
    rows = [{"deal": id_, "number": number} for id_ in sorted(set(ids))]
    if rows:
        statement = upsert(rereads)
        fresh = {"number": statement.excluded.number}
        connection.execute(statement.on_conflict_do_update(index_elements=["deal"], set_=fresh), rows)


def was_read(connection: Connection, flow: Flow, ids: Iterable[str], number: int, now: int) -> None:
    """These deals have been read by a question asked at that number of the counter, and the store has them right.

    The caller has locked them (`lock_deals`) before it looked whether it may take what it read.
    """
    for part in parts(sorted(set(ids))):
        asked = and_(rereads.c.deal.in_(part), rereads.c.number <= number)
        done = list(connection.execute(select(rereads.c.deal).where(asked)).scalars())
        if done:
            connection.execute(delete(rereads).where(rereads.c.deal.in_(done), rereads.c.number <= number))
            wake_after(connection, flow, done, (), now)


def lock_deals(connection: Connection, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """Lock these deals against ticks and others until the transaction ends; id → (seq, entry, stage, _settled)."""
    deals = deals_table(None)
    columns = (deals.c.id, deals.c.seq, deals.c.entry, deals.c.stage, deals.c._settled)
    found: dict[str, Row[Any]] = {}
    for part in parts(sorted(set(ids))):
        statement = select(*columns).where(deals.c.id.in_(part)).order_by(deals.c.seq)
        if connection.dialect.name == "postgresql":
            statement = statement.with_for_update()
        found |= {row.id: row for row in connection.execute(statement)}
    return found
