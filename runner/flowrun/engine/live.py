"""Going live: the applied flow's tunnels, routes and live dates, and which deals must be looked at again.

A tunnel is live for a stage since the instant at which the two were first applied together (semantics.md, "Applying a
revision"). Only the deals of tunnels whose meaning changed are queued: applying costs nothing for the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from sqlalchemy import ColumnElement, Connection, FromClause, and_, delete, insert, literal, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from flowrun.engine.act import PARKED
from flowrun.engine.judge import Route, route_of
from flowrun.flow.codec import tunnel_digest
from flowrun.flow.model import Flow, Mode, Places, Tunnel
from flowrun.plan import Renames, renames
from flowrun.store import revisions, schema
from flowrun.store.connection import Transaction
from flowrun.store.revisions import DIRECT, Author, Occasion
from flowrun.store.tables import activity, deals_table, firings, queue, routes, tunnels


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of a tunnel: its mode and digest, and since when it is live for which stage."""

    mode: str
    digest: str
    live: dict[str, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of the tunnels of its applied revision, by the ids that a new flow has for them.

    `lines` are the moves that leave each stage, in file order: the line in which one that waits holds those after it.
    `holding` are the tunnels that may hold deals: paused, tripped, or with parked firings.
    """

    tunnels: Mapping[str, Standing]
    lines: Mapping[str, Sequence[str]]
    holding: Collection[str]


@dataclass(frozen=True, slots=True)
class Again:
    """Which deals must be looked at again: all in `stages`; in `just_now` those that entered at this very instant."""

    stages: frozenset[str] = frozenset()
    just_now: frozenset[str] = frozenset()

    def where(self, deals: FromClause, now: int) -> ColumnElement[bool]:
        """The condition on these deals."""
        return or_(deals.c.stage.in_(self.stages), and_(deals.c.stage.in_(self.just_now), deals.c.entered_at >= now))


def apply_flow(
    transaction: Transaction, flow: Flow, places: Places, author: Author, occasion: Occasion = DIRECT
) -> int:
    """Make that flow the applied revision, in this transaction; its number.

    The caller has checked that no rail refuses it (`plan.rails`).
    """
    connection, now = transaction.connection, transaction.now
    base = revisions.current(connection)
    renamed = Renames() if base is None else renames(base.flow, flow)
    before = known(connection, renamed)
    _rename(connection, renamed.tunnels)
    schema.install(connection, flow)
    number = revisions.add(transaction, flow, places, author, occasion)
    connection.execute(delete(tunnels).where(tunnels.c.id.not_in(list(flow.tunnels))))
    connection.execute(delete(activity).where(activity.c.tunnel.not_in(list(flow.tunnels))))
    connection.execute(delete(routes))
    rows = route_rows(flow, before.tunnels, now)
    if rows:
        connection.execute(insert(routes), rows)
    for tunnel in flow.tunnels.values():
        state = {"mode": tunnel.mode.value, "digest": tunnel_digest(flow, tunnel.id)}
        if tunnel.id not in before.tunnels:
            connection.execute(insert(tunnels).values(id=tunnel.id, **state))
        else:
            connection.execute(update(tunnels).where(tunnels.c.id == tunnel.id).values(state))
    again = looked_at_again(flow, before, now)
    if again != Again():
        deals = deals_table(flow)
        wake(connection, deals, again.where(deals, now), now)
    return number


def known(connection: Connection, renamed: Renames) -> Known:
    """What the store knows now, by the ids that a new flow has. Nothing is written."""
    tunnel_ids, stages = renamed.tunnels, renamed.stages
    found = {
        tunnel_ids.get(row.id, row.id): Standing(row.mode, row.digest, {})
        for row in connection.execute(select(tunnels))
    }
    lines: dict[str, list[str]] = {}
    for row in connection.execute(select(routes).order_by(routes.c.position)):
        tunnel, stage = tunnel_ids.get(row.tunnel, row.tunnel), stages.get(row.stage, row.stage)
        live = found[tunnel].live
        live[stage] = min(live.get(stage, row.live_at), row.live_at)
        if row.kind == Route.MOVE.value:
            lines.setdefault(stage, []).append(tunnel)
    waiting = select(tunnels.c.id).where(or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None)))
    parked = select(firings.c.tunnel).where(firings.c.result == PARKED)
    holding = {tunnel_ids.get(id_, id_) for id_ in connection.execute(waiting.union(parked)).scalars()}
    return Known(found, lines, holding)


def looked_at_again(flow: Flow, before: Known, now: int) -> Again:
    """The deals for which the flow may mean something else than what was known before it."""
    rows = route_rows(flow, before.tunnels, now)
    lines: dict[str, list[str]] = {}
    concerned = []
    for row in rows:
        if row["kind"] == Route.MOVE.value:
            lines.setdefault(row["stage"], []).append(row["tunnel"])
        was, tunnel = before.tunnels.get(row["tunnel"]), flow.tunnels[row["tunnel"]]
        if was is None or (was.digest, was.mode) != (tunnel_digest(flow, tunnel.id), tunnel.mode):
            concerned.append(row)
    stages = {row["stage"] for row in concerned if row["include"] or row["live_at"] != now}
    stages |= {
        stage
        for stage, line in before.lines.items()
        if list(line) != lines.get(stage) and not set(before.holding).isdisjoint(line)
    }
    # Where a tunnel goes live only now, a deal that entered at this very instant is none of the existing ones.
    return Again(frozenset(stages), frozenset(row["stage"] for row in concerned))


def _rename(connection: Connection, renamed: Mapping[str, str]) -> None:
    """Carry what the store knows of these tunnels to their new ids: state, live dates, and what they fired."""
    for old, new in renamed.items():
        connection.execute(update(tunnels).where(tunnels.c.id == old).values(id=new))
        connection.execute(update(routes).where(routes.c.tunnel == old).values(tunnel=new))
        connection.execute(update(activity).where(activity.c.tunnel == old).values(tunnel=new))
        # A tunnel removed long ago may have fired under the new id, for the same entry even: that row stands.
        fired = update(firings).prefix_with("OR IGNORE").where(firings.c.tunnel == old)
        connection.execute(fired.values(tunnel=new))


class RouteRow(TypedDict):
    """A row of `routes`."""

    stage: str
    tunnel: str
    position: int
    kind: str
    live_at: int
    include: int


def route_rows(flow: Flow, before: Mapping[str, Standing], now: int) -> list[RouteRow]:
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


def _live_at(tunnel: Tunnel, stage: str, before: Standing | None, now: int) -> int:
    return before.live.get(stage, now) if before is not None and stays_live(tunnel, before) else now


def stays_live(tunnel: Tunnel, before: Standing) -> bool:
    """Whether the tunnel keeps its live dates: it doesn't if it comes back from `off`, or from `shadow` to `live`."""
    return before.mode != Mode.OFF and not (before.mode == Mode.SHADOW and tunnel.mode is Mode.LIVE)


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
