"""Carrying the deals of renamed, merged and removed stages over to a new flow, set by set: the number of statements
depends on the stages and tunnels alone.

Deals of a renamed or merged stage keep their entry, and with it all that the ledger says; deals of a removed one start
a new entry in the stage that `removed` names. Triggers must be off: these are flowrun's own writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, delete, literal, select, update

from flowrun.engine.waking import wake
from flowrun.store.tables import aliased, deals_table, existing, queue
from flowrun.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Latecomers:
    """Deals of `stage` that a tunnel is to take for existing ones though they entered since `after`: those that entered
    before `until`, when it went live for that stage. Instants are milliseconds, UTC; `until` is exclusive."""

    stage: str
    tunnel: str
    after: int
    until: int


def carry(
    connection: Connection,
    renamed: Mapping[str, str],
    relocated: Mapping[str, str],
    latecomers: Iterable[Latecomers],
) -> None:
    """Put the deals of renamed and merged stages where these are now. Both sides must be rows of `stages`.

    `relocated` says only where an import's memory of these stages points to; `relocate` moves the deals.
    """
    deals = deals_table(None)
    for one in latecomers:
        rows = select(deals.c.seq, literal(one.tunnel), deals.c.entry).where(
            deals.c.stage == one.stage, deals.c.entered_at >= one.after, deals.c.entered_at < one.until
        )
        statement = upsert(existing).from_select(["deal", "tunnel", "entry"], rows)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["deal", "tunnel"], set_={"entry": statement.excluded.entry})
        )
    if renamed:
        connection.execute(
            update(deals).where(deals.c.stage.in_(list(renamed))).values(stage=case(renamed, value=deals.c.stage))
        )
    # What an import last had for a deal is the same stage under its new name, so that importing again moves nothing.
    # No index helps here; one would be paid by every import.
    if old := {**relocated, **renamed}:
        connection.execute(
            update(deals).where(deals.c._imported.in_(list(old))).values(_imported=case(old, value=deals.c._imported))
        )


def relocate(
    connection: Connection, relocated: Mapping[str, str], now: int, routed: Collection[str], *, asked_of_origins: bool
) -> None:
    """Start entries at that instant for all deals of removed stages: old stage → new one.

    `routed` are the stages of the new flow that tunnels leave; `asked_of_origins`: whether copies of these deals may
    wait for them, and are to be looked at too.
    """
    if not relocated:
        return
    deals = deals_table(None)
    gone = deals.c.stage.in_(list(relocated))
    connection.execute(delete(queue).where(queue.c.deal.in_(select(deals.c.seq).where(gone))))
    if asked_of_origins:
        copy = aliased(deals_table(None), "copy")
        wake(connection, copy, and_(copy.c.origin.in_(select(deals.c.id).where(gone)), copy.c.stage.in_(routed)), now)
    wake(connection, deals, deals.c.stage.in_([stage for stage, to in relocated.items() if to in routed]), now)
    connection.execute(
        update(deals)
        .where(gone)
        .values(stage=case(relocated, value=deals.c.stage), entry=deals.c.entry + 1, entered_at=now, updated_at=now)
    )
