"""Going live: the applied flow's tunnels, routes and live dates, and which deals must be looked at again.

A tunnel is live for a stage since the instant at which the two were first applied together (semantics.md, "Applying a
revision"). Only the deals of tunnels whose meaning changed are queued: applying costs nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, FromClause, delete, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flowrun.engine.judge import route_of
from flowrun.flow.codec import tunnel_digest
from flowrun.flow.model import Flow, Mode, Places, Tunnel
from flowrun.store import revisions, schema
from flowrun.store.connection import Transaction
from flowrun.store.revisions import Author
from flowrun.store.tables import activity, deals_table, queue, routes, tunnels


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of a tunnel: its mode and digest, and since when it is live for which stage."""

    mode: str
    digest: str
    live: dict[str, int]


def apply_flow(transaction: Transaction, flow: Flow, places: Places, author: Author) -> int:
    """Make that flow the applied revision, in this transaction; its number.

    The caller has checked that nothing is lost by it (`engine.rails`).
    """
    connection, now = transaction.connection, transaction.now
    before = standing(connection)
    schema.install(connection, flow)
    number = revisions.add(transaction, flow, places, author)
    connection.execute(delete(tunnels).where(tunnels.c.id.not_in(list(flow.tunnels))))
    connection.execute(delete(activity).where(activity.c.tunnel.not_in(list(flow.tunnels))))
    connection.execute(delete(routes))
    rows = route_rows(flow, before, now)
    if rows:
        connection.execute(insert(routes), rows)
    woken: set[str] = set()
    for tunnel in flow.tunnels.values():
        mark = tunnel_digest(flow, tunnel.id)
        known = before.get(tunnel.id)
        if known is None:
            connection.execute(insert(tunnels).values(id=tunnel.id, mode=tunnel.mode.value, digest=mark))
        else:
            connection.execute(
                update(tunnels).where(tunnels.c.id == tunnel.id).values(mode=tunnel.mode.value, digest=mark)
            )
        if tunnel.mode is not Mode.OFF and (known is None or known.digest != mark or known.mode != tunnel.mode):
            woken.update(_stages_to_wake(tunnel, known))
    wake(connection, deals_table(flow), woken, now)
    return number


def standing(connection: Connection) -> dict[str, Standing]:
    """What the store knows of the tunnels of its applied revision."""
    found = {row.id: Standing(row.mode, row.digest, {}) for row in connection.execute(select(tunnels))}
    for row in connection.execute(select(routes)):
        found[row.tunnel].live[row.stage] = row.live_at
    return found


def route_rows(flow: Flow, before: dict[str, Standing], now: int) -> list[dict[str, object]]:
    """The rows of `routes` that the flow has if it is applied at that instant."""
    return [
        {
            "stage": stage,
            "tunnel": tunnel.id,
            "position": position,
            "kind": route_of(tunnel).value,
            "live_at": _live_at(tunnel, stage, before.get(tunnel.id), now),
            "include": int(tunnel.include_existing),
        }
        for position, tunnel in enumerate(flow.tunnels.values())
        if tunnel.mode is not Mode.OFF
        for stage in tunnel.sources
    ]


def _live_at(tunnel: Tunnel, stage: str, known: Standing | None, now: int) -> int:
    comes_back = known is None or known.mode == Mode.OFF or (known.mode == Mode.SHADOW and tunnel.mode is Mode.LIVE)
    if known is None or comes_back:
        return now
    return known.live.get(stage, now)


def _stages_to_wake(tunnel: Tunnel, known: Standing | None) -> Iterable[str]:
    """The stages whose deals the change may concern: a stage that it goes live for only now has none, unless the
    tunnel takes the existing ones too."""
    if tunnel.include_existing or known is None:
        return tunnel.sources if tunnel.include_existing else ()
    return tunnel.sources


def wake(connection: Connection, deals: FromClause, stages: Iterable[str], now: int) -> None:
    """Queue all deals that stand in these stages."""
    wanted = sorted(stages)
    if not wanted:
        return
    rows = select(deals.c.seq, literal(now), literal(0)).where(deals.c.stage.in_(wanted))
    statement = upsert(queue).from_select(["deal", "wake_at", "round"], rows)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["deal"],
            set_={"wake_at": statement.excluded.wake_at, "round": 0},
            where=statement.excluded.wake_at < queue.c.wake_at,
        )
    )
