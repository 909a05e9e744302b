"""Going live: the applied flow's tunnels, routes and live dates, and which deals must be looked at again.

A tunnel is live for a stage since the instant at which the two were first applied together (semantics.md, "Applying a
revision"). Only the deals of tunnels whose meaning changed are queued: applying costs nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, FromClause, and_, delete, insert, literal, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flowrun.engine.act import PARKED
from flowrun.engine.judge import Route, route_of
from flowrun.flow.codec import tunnel_digest
from flowrun.flow.model import Flow, Mode, Places, Tunnel
from flowrun.plan import renames
from flowrun.store import revisions, schema
from flowrun.store.connection import Transaction
from flowrun.store.revisions import Author
from flowrun.store.tables import activity, deals_table, firings, queue, routes, tunnels


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of a tunnel: its mode and digest, and since when it is live for which stage."""

    mode: str
    digest: str
    live: dict[str, int]


def apply_flow(transaction: Transaction, flow: Flow, places: Places, author: Author) -> int:
    """Make that flow the applied revision, in this transaction; its number.

    The caller has checked that nothing is lost by it (`engine.losses`).
    """
    connection, now = transaction.connection, transaction.now
    base = revisions.current(connection)
    if base is not None:
        _rename(connection, renames(base.flow, flow).tunnels)
    before = standing(connection)
    lines, holding = _lines(connection), _holding(connection)
    schema.install(connection, flow)
    number = revisions.add(transaction, flow, places, author)
    connection.execute(delete(tunnels).where(tunnels.c.id.not_in(list(flow.tunnels))))
    connection.execute(delete(activity).where(activity.c.tunnel.not_in(list(flow.tunnels))))
    connection.execute(delete(routes))
    rows = route_rows(flow, before, now)
    if rows:
        connection.execute(insert(routes), rows)
    changed: set[object] = set()
    for tunnel in flow.tunnels.values():
        mark = tunnel_digest(flow, tunnel.id)
        known = before.get(tunnel.id)
        state = {"mode": tunnel.mode.value, "digest": mark}
        if known is None:
            connection.execute(insert(tunnels).values(id=tunnel.id, **state))
        else:
            connection.execute(update(tunnels).where(tunnels.c.id == tunnel.id).values(state))
        if known is None or (known.digest, known.mode) != (mark, tunnel.mode):
            changed.add(tunnel.id)
    concerned = [row for row in rows if row["tunnel"] in changed]
    stages = {row["stage"] for row in concerned if row["include"] or row["live_at"] != now}
    after = _lines(connection)
    stages |= {stage for stage, line in lines.items() if line != after.get(stage) and not holding.isdisjoint(line)}
    deals = deals_table(flow)
    # Where a tunnel goes live only now, a deal that entered at this very instant is none of the existing ones.
    just_now = and_(deals.c.stage.in_([row["stage"] for row in concerned]), deals.c.entered_at >= now)
    if concerned or stages:
        wake(connection, deals, or_(deals.c.stage.in_(stages), just_now), now)
    return number


def _rename(connection: Connection, renamed: Mapping[str, str]) -> None:
    """Carry what the store knows of these tunnels to their new ids: state, live dates, and what they fired."""
    for old, new in renamed.items():
        connection.execute(update(tunnels).where(tunnels.c.id == old).values(id=new))
        connection.execute(update(routes).where(routes.c.tunnel == old).values(tunnel=new))
        connection.execute(update(activity).where(activity.c.tunnel == old).values(tunnel=new))
        # A tunnel removed long ago may have fired under the new id, for the same entry even: that row stands.
        fired = update(firings).prefix_with("OR IGNORE").where(firings.c.tunnel == old)
        connection.execute(fired.values(tunnel=new))


def _lines(connection: Connection) -> dict[str, list[str]]:
    """The moves that leave each stage, in file order: the line in which one that waits holds those after it."""
    found: dict[str, list[str]] = {}
    moves = select(routes.c.stage, routes.c.tunnel).where(routes.c.kind == Route.MOVE.value)
    for stage, tunnel in connection.execute(moves.order_by(routes.c.position)):
        found.setdefault(stage, []).append(tunnel)
    return found


def _holding(connection: Connection) -> set[str]:
    """The tunnels that may hold deals: paused, tripped, or with parked firings."""
    waiting = select(tunnels.c.id).where(or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None)))
    parked = select(firings.c.tunnel).where(firings.c.result == PARKED)
    return set(connection.execute(waiting.union(parked)).scalars())


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
