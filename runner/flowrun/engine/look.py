"""A look at one deal, as a tick would take it, that changes nothing: what `explain` puts into words.

The deal is judged by the tick's own SQL and its candidates are decided by the tick's own walk, beside the store as it
is. What this module adds is only finer questions: the parts of a verdict, asked one by one (`judge.Parts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, insert, literal, or_, select, true

from flowrun.engine import batch as working
from flowrun.engine import calls as calling
from flowrun.engine.batch import batch, candidates
from flowrun.engine.effects import NOW
from flowrun.engine.gather import decided, gathering
from flowrun.engine.guards import guards
from flowrun.engine.journalling import PARKED
from flowrun.engine.judge import Route, Verdict, gone_live, judging, ledger, parts, unsettled
from flowrun.engine.rules import chunked, ground_of_batch
from flowrun.engine.settle import Decision, Left, Settlement
from flowrun.flow.model import Flow, Mode, Tunnel
from flowrun.store.deals import Deal
from flowrun.store.journal import Firing
from flowrun.store.tables import aliased, calls, deals_table, firings, rereads, routes, tunnels


class Judged(NamedTuple):
    """A candidate. `next_at` is when time alone may change something, for the verdicts that say `later`."""

    kind: Route
    verdict: Verdict
    next_at: int


@dataclass(frozen=True, slots=True)
class Look:
    """What a tick that takes only this deal would find and decide, by file position of the tunnels.

    `tripped` and `paused` are tunnels that wait already; `parked` is the move whose parked row holds the deal, with the
    row's reason.
    """

    judged: Mapping[int, Judged] = field(default_factory=dict)
    decisions: Mapping[int, Decision] = field(default_factory=dict)
    left: Mapping[int, Left] = field(default_factory=dict)
    paused: frozenset[str] = frozenset()
    tripped: frozenset[str] = frozenset()
    parked: tuple[str, str] | None = None

    @property
    def stopping(self) -> int | None:
        """The position of the move that goes first, or that holds the deal: the last one that isn't behind another."""
        moves = [at for at, one in self.judged.items() if one.kind is Route.MOVE and not one.verdict.later]
        return max((at for at in moves if self.left.get(at) is not Left.BEHIND), default=None)


@dataclass(frozen=True, slots=True)
class Facts:
    """The parts of a tunnel's verdict over a deal that stands in one of its stages.

    `closed`: it is due, but its window is closed. `live` is None for a tunnel that is off; `open`: the entry may still
    come to something. `missing` are fields that the target stage requires and the firing would leave empty; `firing` is
    the journal's row of the entry, or None.
    """

    due_at: int | None
    closed: bool
    live: bool | None
    open: bool
    condition: bool
    fired_before: bool
    missing: tuple[str, ...]
    firing: Firing | None


@dataclass(frozen=True, slots=True)
class Calls:
    """What of the deal is on its way to where it lives. `held`: nothing else fires meanwhile, for the sake of the
    tunnel `holder` (None: the deal is to be read again first). `said`, by tunnel: what the source said last."""

    held: bool = False
    holder: str | None = None
    said: Mapping[str, str] = field(default_factory=dict)


def calls_of(connection: Connection, flow: Flow, deal: Deal) -> Calls:
    """What is on its way of that deal. The flow must be the applied one."""
    if not flow.source.elsewhere:
        return Calls()
    mine = or_(calls.c.deal == deal.id, calls.c.target == deal.id)
    rows = connection.execute(select(calls).where(mine).order_by(calls.c.firing)).all()
    away = [row.tunnel for row in rows if row.state != calling.PARKED]
    again = connection.execute(select(rereads.c.deal).where(rereads.c.deal == deal.id)).first() is not None
    said = {row.tunnel: row.reason for row in rows if row.deal == deal.id and row.reason is not None}
    return Calls(bool(away) or again, away[0] if away else None, said)


def look(connection: Connection, flow: Flow, deal: Deal, moment: Mapping[str, object]) -> Look:
    """Take the deal at that moment (`judge.judge_parameters`). The flow must be the applied one."""
    order = tuple(flow.tunnels.values())
    leaving = {at: one for at, one in enumerate(order) if deal.stage in one.sources and one.mode is not Mode.OFF}
    if not leaving:
        return Look()
    working.create(connection)
    connection.execute(insert(batch).values(ord=1, deal=deal.seq))
    ground = ground_of_batch(flow)
    columns = [column.name for column in candidates.c]
    for mine in chunked(leaving).values():
        connection.execute(insert(candidates).from_select(columns, judging(flow, mine, ground)), dict(moment))
    found = candidates.c
    judged = {
        pos: Judged(Route(kind), Verdict(verdict), wake_at)
        for pos, kind, verdict, wake_at in connection.execute(
            select(found.pos, found.kind, found.verdict, found.wake_at).order_by(found.pos)
        )
    }
    states = connection.execute(select(tunnels.c.id, tunnels.c.paused_at, tunnels.c.tripped_at)).all()
    paused = frozenset(row.id for row in states if row.paused_at is not None)
    tripped = frozenset(row.id for row in states if row.tripped_at is not None)
    settlement = Settlement()
    if any(not one.verdict.later for one in judged.values()):
        waiting = [at for at, one in enumerate(order) if one.id in paused | tripped]
        asked = guards(flow, order)
        settlement = decided(connection, flow, order, asked, gathering(flow, order), moment, waiting)
    working.clear(connection)
    return Look(
        judged,
        {decision.position: decision for decision in settlement.decisions},
        {position: why for (_, position), why in settlement.left.items()},
        paused,
        tripped,
        _parked(connection, deal),
    )


def facts(connection: Connection, flow: Flow, tunnel: Tunnel, deal: Deal, moment: Mapping[str, object]) -> Facts:
    """The parts of that tunnel's verdict. The deal must stand in one of its stages."""
    table, route, row = aliased(deals_table(flow), "d"), aliased(routes, "r"), aliased(firings, "f")
    asked = parts(flow, tunnel, table, route)
    here = and_(route.c.stage == table.c.stage, route.c.tunnel == tunnel.id)
    own = and_(ledger(row, table, literal(tunnel.id)), row.c.shadow <= int(tunnel.mode is Mode.SHADOW))
    columns: dict[str, Any] = {
        "due_at": asked.due_at,
        "closed": false() if asked.opens_at is None else and_(asked.due_at <= NOW, _beyond(asked.opens_at)),
        "live": gone_live(table, route),
        "open": unsettled(row, route, asked.due_at),
        "condition": true() if asked.condition is None else asked.condition,
        "fired_before": false() if asked.fired_before is None else asked.fired_before,
        "written": row.c.seq,
    }
    journal = list(Firing.__dataclass_fields__)
    statement = (
        select(
            *(column.label(name) for name, column in columns.items()),
            *(clause.label(f"has_{name}") for name, clause in asked.required.items()),
            *(row.c[name].label(f"was_{name}") for name in journal),
        )
        .select_from(table.outerjoin(route, here).outerjoin(row, own))
        .where(table.c.seq == deal.seq)
        .order_by(row.c.shadow)
        .limit(1)
    )
    answer = connection.execute(statement, dict(moment)).mappings().one()
    return Facts(
        due_at=answer["due_at"],
        closed=bool(answer["closed"]),
        live=None if answer["live"] is None else bool(answer["live"]),
        open=bool(answer["open"]),
        condition=bool(answer["condition"]),
        fired_before=bool(answer["fired_before"]),
        missing=tuple(name for name in asked.required if not answer[f"has_{name}"]),
        firing=None if answer["written"] is None else Firing(*(answer[f"was_{name}"] for name in journal)),
    )


def _beyond(opens_at: ColumnElement[int]) -> ColumnElement[bool]:
    return or_(opens_at.is_(None), opens_at > NOW)


def _parked(connection: Connection, deal: Deal) -> tuple[str, str] | None:
    """The first move in file order whose parked row holds the deal, and the row's reason."""
    holds = (
        select(firings.c.tunnel, firings.c.reason)
        .join(routes, and_(routes.c.tunnel == firings.c.tunnel, routes.c.kind == Route.MOVE.value))
        .where(
            firings.c.result == PARKED,
            firings.c.deal == deal.id,
            firings.c.entry == deal.entry,
            firings.c._retry == 0,
            routes.c.stage == deal.stage,
        )
        .order_by(routes.c.position)
        .limit(1)
    )
    row = connection.execute(holds).one_or_none()
    return None if row is None else (row.tunnel, row.reason)
