"""What waits: for time (due instants, windows), soonest first; on request also for data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Text,
    and_,
    case,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)

from flowrun.engine.effects import NOW
from flowrun.engine.judge import (
    Ground,
    Parts,
    Verdict,
    by_position,
    gone_live,
    judge_parameters,
    judging,
    ledger,
    parts,
)
from flowrun.engine.rules import chunked
from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow, Mode, Reason, Tunnel
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.postgresql import planned_by_key
from flowrun.store.tables import aliased, deals_table, firings, queue, routes


@dataclass(frozen=True, slots=True)
class Wait:
    """A deal and a tunnel.

    `due_at` is the instant (ms, UTC) at which it is due and its window open; for a condition that asks for today's date
    it is the next midnight; None for what waits for data. `waits_for`: due and window are brought by time; condition,
    requirement and date by data.
    """

    deal: str
    tunnel: str
    due_at: int | None
    waits_for: Reason


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits at one instant, in the project's `timezone`.

    `next_at` is the next instant at which time may change something, or None. `count` is of all, also of those beyond
    the limit; `tunnels` has it by tunnel, those left out for which nothing waits.
    """

    now: int
    timezone: str
    next_at: int | None
    count: int
    waits: tuple[Wait, ...]
    tunnels: Mapping[str, int]


def pending(
    store: Store,
    *,
    deal: str | None = None,
    tunnel: str | None = None,
    limit: int | None = None,
    every: bool = False,
    until: int | None = None,
) -> Pending:
    """What waits for time, of one deal or tunnel or of all (None), soonest first.

    `every` adds what waits for data, which looks at all deals; `until` (ms, UTC) leaves out what is due later. Raises
    WorkFailed for names that aren't there.
    """
    now = store.clock.now()
    with store.read() as connection:
        flow = revisions.applied(connection).flow
        order = list(flow.tunnels.values())
        if tunnel is not None and tunnel not in flow.tunnels:
            raise WorkFailed(f"there is no tunnel '{tunnel}'")
        deals = aliased(deals_table(flow), "d")
        if deal is not None and connection.execute(select(deals.c.seq).where(deals.c.id == deal)).first() is None:
            raise WorkFailed(f"there is no deal '{deal}'")
        next_at = connection.execute(select(func.min(queue.c.wake_at))).scalar_one()
        next_at = None if next_at is None else max(next_at, now)
        wanted = {at: one for at, one in enumerate(order) if one.mode is not Mode.OFF and tunnel in (None, one.id)}
        if not wanted:
            return Pending(now, flow.timezone, next_at, 0, (), {})
        selects = [for_time(flow, mine, deals, until) for mine in chunked(wanted).values()]
        selects += [_for_data(flow, mine, deals) for mine in chunked(wanted).values()] if every else []
        found = union_all(*selects).subquery("found")
        kept = [true() if every else _for_time_alone(found)]
        kept += [found.c.id == deal] if deal is not None else []
        kept += [found.c.wake_at <= until] if until is not None else []
        moment = judge_parameters(flow, now)
        counted = select(found.c.pos, func.count()).where(*kept).group_by(found.c.pos)
        listed = select(found.c.id, found.c.pos, found.c.wake_at, found.c.waits_for).where(*kept)
        listed = listed.order_by(found.c.wake_at.is_(None), found.c.wake_at, found.c.seq, found.c.pos).limit(limit)
        with planned_by_key(connection):
            tunnels = {order[pos].id: count for pos, count in connection.execute(counted, moment)}
            waits = tuple(
                Wait(id_, order[pos].id, wake_at, Reason(word))
                for id_, pos, wake_at, word in connection.execute(listed, moment)
            )
        return Pending(now, flow.timezone, next_at, sum(tunnels.values()), waits, tunnels)


def waiting(connection: Connection, flow: Flow, now: int) -> dict[str, int]:
    """How many deals wait for time at each tunnel, those without any left out, in the transaction that is open."""
    order = list(flow.tunnels.values())
    deals = aliased(deals_table(flow), "d")
    counts: dict[str, int] = {}
    for mine in chunked({at: one for at, one in enumerate(order) if one.mode is not Mode.OFF}).values():
        found = for_time(flow, mine, deals).subquery("found")
        counted = select(found.c.pos, func.count()).where(_for_time_alone(found)).group_by(found.c.pos)
        with planned_by_key(connection):
            counts |= {order[pos].id: count for pos, count in connection.execute(counted, judge_parameters(flow, now))}
    return counts


def _for_time_alone(found: FromClause) -> ColumnElement[bool]:
    """What only tomorrow's date may change waits for data as far as anyone can tell today."""
    return found.c.waits_for != Reason.CONDITION.value


def for_time(flow: Flow, mine: Mapping[int, Tunnel], deals: FromClause, until: int | None = None) -> Select[Any]:
    """SELECT id, seq, pos, wake_at, waits_for of what waits for time: only deals in the queue do.

    `until` (ms, UTC) looks only at deals that are to be looked at by then: all that is due by then is among them.

    `mine` are tunnels by file position, at most a chunk of them; `deals` an alias of the deals. `waits_for` is the word
    `due` or `window`, or `condition` for what only tomorrow's date may change. To bind: `judge_parameters`.
    """
    route = aliased(routes, "r")
    source = queue.join(deals, deals.c.seq == queue.c.deal).join(route, route.c.stage == deals.c.stage)
    candidates = judging(flow, mine, Ground(source, deals, route, deals.c.seq))
    judged = (candidates if until is None else candidates.where(queue.c.wake_at <= until)).subquery()
    named = aliased(deals_table(flow), "named")
    word = case(
        (judged.c.verdict == int(Verdict.TOMORROW), Reason.CONDITION.value),
        (judged.c.due_at > NOW, Reason.DUE.value),
        else_=Reason.WINDOW.value,
    )
    return (
        select(named.c.id, named.c.seq, judged.c.pos, judged.c.wake_at, word.label("waits_for"))
        .select_from(judged.join(named, named.c.seq == judged.c.seq))
        .where(judged.c.verdict.in_([int(verdict) for verdict in Verdict if verdict.later]))
    )


def _for_data(flow: Flow, mine: Mapping[int, Tunnel], deals: FromClause) -> Select[Any]:
    """The same of what waits for data: a date, the condition, a requirement, in this order."""
    route, row = aliased(routes, "r"), aliased(firings, "f")
    asked = {at: parts(flow, tunnel, deals, route) for at, tunnel in mine.items()}
    word = by_position(route.c.position, {at: _lacking(mine[at], one) for at, one in asked.items()})
    fired = {at: true() if one.fired_before is None else not_(one.fired_before) for at, one in asked.items()}
    apart = or_(row.c.shadow == 0, route.c.kind == "shadow")
    unsettled = row.c.seq.is_(None)
    waiting = (
        select(deals.c.id, deals.c.seq, route.c.position.label("pos"), word.label("waits_for"))
        .select_from(
            deals.join(route, route.c.stage == deals.c.stage).outerjoin(
                row, and_(ledger(row, deals, route.c.tunnel), apart)
            )
        )
        .where(
            route.c.position.between(min(mine), max(mine)),
            gone_live(deals, route),
            unsettled,
            by_position(route.c.position, fired),
        )
        .subquery()
    )
    nothing = literal(None, BigInteger)
    columns = (waiting.c.id, waiting.c.seq, waiting.c.pos, nothing.label("wake_at"), waiting.c.waits_for)
    return select(*columns).where(waiting.c.waits_for.is_not(None))


def _lacking(tunnel: Tunnel, asked: Parts) -> ColumnElement[str | None]:
    """The word for the first thing that data must bring; NULL where nothing is missing, or only time."""
    steps: list[tuple[ColumnElement[bool], str]] = []
    if tunnel.at is not None:
        steps.append((asked.due_at.is_(None), Reason.DATE.value))
    by_date = tunnel.when is not None and tunnel.when.uses_today
    if tunnel.watch and asked.condition is not None and not by_date:
        steps.append((not_(asked.condition), Reason.CONDITION.value))
    if tunnel.watch and asked.required and not by_date:
        steps.append((not_(and_(*asked.required.values())), Reason.REQUIREMENT.value))
    return case(*steps, else_=null()) if steps else literal(None, Text)
