"""Judging: which tunnels would do something for which deals now, as one SELECT over any number of deals.

A candidate is a deal, a tunnel that leaves its stage, and a verdict:

- READY     all of semantics.md's conditions hold
- WAIT      only time is missing; `due_at` is when to look again
- OVERFLOW  a number of the condition or of `set` grew beyond what a decimal holds
- DECLINED  `watch: false` said no

A deal and a tunnel that wait for data are no candidate at all. The statement has one arm of a CASE per tunnel, so that
each deal pays for the tunnels of its own stage only; for tunnels without time, the condition itself is the filter and
the verdict a constant, so that nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from flowrun.engine.effects import NOW, always_filled, copied_value, scope_of, setting_value
from flowrun.engine.schedule import due
from flowrun.engine.statement import parameter
from flowrun.expr import Template
from flowrun.expr.sql import Scope, condition, rendered
from flowrun.flow.model import Action, Flow, Mode, Tunnel
from flowrun.store.tables import firings

MIDNIGHT: ColumnElement[int] = parameter("midnight", BigInteger)

_LEAF = 8


class Verdict(IntEnum):
    """What judging says about a candidate."""

    READY = 1
    WAIT = 2
    OVERFLOW = 3
    DECLINED = 4


class Route(StrEnum):
    """What a tunnel does with a deal, in the order in which a deal's tunnels are taken (semantics.md, "Order")."""

    SHADOW = "shadow"
    COPY = "copy"
    ORIGIN = "origin"
    MOVE = "move"


def route_of(tunnel: Tunnel) -> Route:
    """The kind of the routes that the tunnel makes."""
    if tunnel.mode is Mode.SHADOW:
        return Route.SHADOW
    if tunnel.action is Action.COPY:
        return Route.COPY
    return Route.ORIGIN if tunnel.origin else Route.MOVE


@dataclass(frozen=True, slots=True)
class _Arm:
    """What judging needs of one tunnel: `keep` filters, `verdict` is NULL-free where `keep` holds."""

    keep: ColumnElement[bool]
    verdict: ColumnElement[int]
    due_at: ColumnElement[int]


@dataclass(frozen=True, slots=True)
class Ground:
    """What is judged: deals in some order beside the routes that leave their stages.

    `source` joins them; `deal` has the columns of `deals`, `origin` those of the deal's origin (outer joined, only
    where a tunnel needs it), `route` those of `routes`; `order` is a column that numbers the deals.
    """

    source: FromClause
    deal: FromClause
    route: FromClause
    order: ColumnElement[int]


def judging(flow: Flow, tunnels: Mapping[int, Tunnel], ground: Ground) -> Select[Any]:
    """SELECT ord, pos, seq, kind, verdict, due_at, again of all candidates for these tunnels (by file position).

    Parameters to bind: `now`, `midnight` (the next one of the project's zone), `today` (ISO date there).
    """
    deal, route = ground.deal, ground.route
    arms = {position: _arm(flow, tunnel, deal, route) for position, tunnel in tunnels.items()}
    position = route.c.position
    keep = by_position(position, {at: arm.keep for at, arm in arms.items()})
    verdict = by_position(position, {at: arm.verdict for at, arm in arms.items()})
    due_at = by_position(position, {at: arm.due_at for at, arm in arms.items()})
    shadows = [at for at, tunnel in tunnels.items() if tunnel.mode is Mode.SHADOW]
    row = firings.alias("f")
    apart = (
        row.c.shadow <= case((position.in_(shadows), 1), else_=0) if shadows else row.c.shadow == literal(0, Integer)
    )
    ledger = and_(row.c.deal == deal.c.id, row.c.entry == deal.c.entry, row.c.tunnel == route.c.tunnel, apart)
    unsettled = or_(
        row.c.seq.is_(None),
        and_(
            route.c.kind != Route.SHADOW.value,
            or_(row.c._retry == 1, and_(row.c.result == "declined", row.c.due_at != due_at)),
        ),
    )
    return (
        select(
            ground.order.label("ord"),
            position.label("pos"),
            deal.c.seq.label("seq"),
            route.c.kind.label("kind"),
            verdict.label("verdict"),
            due_at.label("due_at"),
            case((row.c.seq.is_(None), 0), (row.c._retry == 1, 2), else_=1).label("again"),
        )
        .select_from(ground.source.outerjoin(row, ledger))
        .where(
            position.between(min(tunnels), max(tunnels)),
            or_(route.c.include == 1, deal.c.entered_at >= route.c.live_at),
            unsettled,
            keep,
        )
    )


def by_position(position: ColumnElement[int], arms: Mapping[int, ColumnElement[Any]]) -> ColumnElement[Any]:
    """The arm of the route's position, as a CASE; halved while it is long, so that a deal passes few comparisons."""
    order = sorted(arms)
    first = arms[order[0]]
    if all(arms[at] is first or arms[at].compare(first) for at in order[1:]):
        return first
    if len(order) <= _LEAF:
        return case({at: arms[at] for at in order}, value=position)
    middle = len(order) // 2
    lower = by_position(position, {at: arms[at] for at in order[:middle]})
    upper = by_position(position, {at: arms[at] for at in order[middle:]})
    return case((position < order[middle], lower), else_=upper)


def _arm(flow: Flow, tunnel: Tunnel, deal: FromClause, route: FromClause) -> _Arm:
    scope = scope_of(flow, deal)
    holds: list[ColumnElement[bool]] = []
    overflows: list[ColumnElement[bool]] = []
    uses_today = False
    if tunnel.when is not None:
        judged = condition(tunnel.when, scope)
        holds.append(judged.value)
        overflows += [judged.overflow] if judged.overflow is not None else []
        uses_today = tunnel.when.uses_today
    holds += _requirements(flow, tunnel, deal)
    good = and_(true(), *holds) if len(holds) != 1 else holds[0]
    overflow = (
        or_(false(), *overflows, *_setting_overflows(tunnel, scope, good))
        if _may_overflow(overflows, tunnel, scope)
        else None
    )
    arm = _timed(tunnel, due(flow, tunnel, deal), good, overflow, uses_today=uses_today)
    return replace(arm, keep=and_(arm.keep, ~_fired_before(deal, route))) if tunnel.once_per_deal else arm


def _timed(
    tunnel: Tunnel,
    due_at: ColumnElement[int],
    good: ColumnElement[bool],
    overflow: ColumnElement[bool] | None,
    *,
    uses_today: bool,
) -> _Arm:
    at_once = tunnel.at is None and (tunnel.after is None or tunnel.after.zero)
    ready = literal(int(Verdict.READY), Integer)
    wait = literal(int(Verdict.WAIT), Integer)
    spilt = literal(int(Verdict.OVERFLOW), Integer)
    declined = literal(int(Verdict.DECLINED), Integer)
    early = due_at > NOW
    if not tunnel.watch:
        steps = [] if at_once else [(early, wait)]
        steps += [(overflow, spilt)] if overflow is not None else []
        return _Arm(due_at.is_not(None), case(*steps, (good, ready), else_=declined), due_at)
    if uses_today:
        steps = [(early, wait)]
        steps += [(overflow, spilt)] if overflow is not None else []
        verdict = case(*steps, (good, ready), else_=wait)
        return _Arm(due_at.is_not(None), verdict, case((early, due_at), (good, due_at), else_=MIDNIGHT))
    keep = good if overflow is None else or_(overflow, good)
    keep = keep if tunnel.at is None else and_(due_at.is_not(None), keep)
    steps = [] if at_once else [(early, wait)]
    steps += [(overflow, spilt)] if overflow is not None else []
    return _Arm(keep, case(*steps, else_=ready) if steps else ready, due_at)


def _fired_before(deal: FromClause, route: FromClause) -> ColumnElement[bool]:
    past = firings.alias("past")
    return exists().where(
        past.c.deal == deal.c.id,
        past.c.tunnel == route.c.tunnel,
        past.c.result == "fired",
        past.c.shadow == 0,
    )


def _requirements(flow: Flow, tunnel: Tunnel, deal: FromClause) -> list[ColumnElement[bool]]:
    """The target stage's `requires`, of what the firing leaves there; an origin's are looked at when settling."""
    if tunnel.origin:
        return []
    clauses = (filled(flow, tunnel, name, deal, deal) for name in flow.stages[tunnel.target].requires)
    return [clause for clause in clauses if clause is not None]


def filled(flow: Flow, tunnel: Tunnel, name: str, deal: FromClause, target: FromClause) -> ColumnElement[bool] | None:
    """Whether the firing leaves that field of the deal moved (`target`) or made filled; None where it always does.

    A value that overflows counts as filled: the firing is to be parked for it, not to wait in silence.
    """
    setting = dict(tunnel.set).get(name)
    if setting is not None and always_filled(flow, name, setting):
        return None
    if isinstance(setting, Template):
        scope = scope_of(flow, deal)
        overflow = rendered(setting, scope).overflow
        some = setting_value(flow, name, setting, scope, None).is_not(None)
        return some if overflow is None else or_(overflow, some)
    if tunnel.action is Action.COPY:
        return copied_value(flow, tunnel, name, deal, None).is_not(None)
    if setting is not None:
        return false()
    return target.c[name].is_not(None)


def _may_overflow(overflows: Sequence[ColumnElement[bool]], tunnel: Tunnel, scope: Scope) -> bool:
    return bool(overflows) or any(
        isinstance(setting, Template) and rendered(setting, scope).overflow is not None for _, setting in tunnel.set
    )


def _setting_overflows(tunnel: Tunnel, scope: Scope, good: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    """Overflows of `set`: they count only where the tunnel would fire."""
    found = [
        overflow
        for _, setting in tunnel.set
        if isinstance(setting, Template) and (overflow := rendered(setting, scope).overflow) is not None
    ]
    return [and_(good, or_(false(), *found))] if found else []


def judge_parameters(flow: Flow, now: int) -> dict[str, object]:
    """The parameters that every judging binds, for that instant."""
    from flowrun.calendars.zones import zone

    local = zone(flow.timezone)
    return {"now": now, "today": local.date(now).isoformat(), "midnight": local.next_midnight(now)}


def count_ready(candidates: Select[Any]) -> Select[Any]:
    """SELECT pos, deals: how many deals are ready for each tunnel."""
    found = candidates.subquery("candidates")
    return (
        select(found.c.pos, func.count().label("deals"))
        .where(found.c.verdict == int(Verdict.READY))
        .group_by(found.c.pos)
    )
