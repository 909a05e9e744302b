"""Judging: which tunnels would do something for which deals now, as one SELECT over any number of deals.

A candidate is a deal, a tunnel that leaves its stage, and a verdict:

- READY     all of semantics.md's conditions hold
- WAIT      it is not due yet, or its window is closed; `wake_at` is when it is due and open
- TOMORROW  its condition asks for today's date and is false today; `wake_at` is the next local midnight
- OVERFLOW  a number of the condition or of `set` grew beyond what a decimal holds
- DECLINED  `watch: false` said no
- REFUSED   the database turns down what it would do; judging never says so, `poison` does

A deal and a tunnel that wait for data are no candidate at all. The statement has one arm of a CASE per tunnel, so that
each deal pays for the tunnels of its own stage only; for tunnels without time, the condition itself is the filter and
the verdict a constant, so that nothing is computed twice.

What the arms and the filter are made of (`Parts`, `gone_live`, `ledger`, `unsettled`) can be asked for one by one:
`explain` does, to say which of them keeps a tunnel from being a candidate.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from flowrun.engine.schedule import due, opens
from flowrun.engine.statement import parameter
from flowrun.expr import Template
from flowrun.expr.sql import Scope, condition, rendered
from flowrun.flow.model import Action, Flow, Mode, Tunnel
from flowrun.store.tables import aliased, existing, firings

MIDNIGHT: ColumnElement[int] = parameter("midnight", BigInteger)

_LEAF = 8


class Verdict(IntEnum):
    """What judging says about a candidate."""

    READY = 1
    WAIT = 2
    OVERFLOW = 3
    DECLINED = 4
    TOMORROW = 5
    REFUSED = 6

    @property
    def later(self) -> bool:
        """Whether only time is missing."""
        return self in {Verdict.WAIT, Verdict.TOMORROW}


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
class Parts:
    """What judging asks of one tunnel and a deal.

    `due_at` is NULL while the date that it counts from is empty; `opens_at` is the first instant from now on at which
    it is due and its window open (NULL: never). `opens_at`, `condition`, `overflow` and `fired_before` are None where
    the tunnel has no such thing; `required` are the fields that the firing could leave empty in the target stage, each
    with whether it is filled. None of the booleans is ever NULL.
    """

    due_at: ColumnElement[int]
    opens_at: ColumnElement[int] | None
    condition: ColumnElement[bool] | None
    required: Mapping[str, ColumnElement[bool]]
    overflow: ColumnElement[bool] | None
    fired_before: ColumnElement[bool] | None


@dataclass(frozen=True, slots=True)
class _Arm:
    """What judging needs of one tunnel: `keep` filters; the verdict and both instants are NULL-free where it holds."""

    keep: ColumnElement[bool]
    verdict: ColumnElement[int]
    due_at: ColumnElement[int]
    wake_at: ColumnElement[int]


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
    """SELECT ord, pos, seq, kind, verdict, due_at, wake_at, again of all candidates for these tunnels (by position).

    Parameters to bind: `now`, `midnight` (the next one of the project's zone), `today` (ISO date there).
    """
    deal, route = ground.deal, ground.route
    arms = {position: _arm(flow, tunnel, deal, route) for position, tunnel in tunnels.items()}
    position = route.c.position
    # Within the CASE, since as a condition of its own it would have the server begin with the routes, for each of which
    # it passes over all deals: it takes a range for one row.
    mine = position.between(min(tunnels), max(tunnels))
    keep = case((mine, by_position(position, {at: arm.keep for at, arm in arms.items()})), else_=false())
    verdict = by_position(position, {at: arm.verdict for at, arm in arms.items()})
    due_at = by_position(position, {at: arm.due_at for at, arm in arms.items()})
    wake_at = by_position(position, {at: arm.wake_at for at, arm in arms.items()})
    shadows = [at for at, tunnel in tunnels.items() if tunnel.mode is Mode.SHADOW]
    row = aliased(firings, "f")
    apart = (
        row.c.shadow <= case((position.in_(shadows), 1), else_=0) if shadows else row.c.shadow == literal(0, Integer)
    )
    return (
        select(
            ground.order.label("ord"),
            position.label("pos"),
            deal.c.seq.label("seq"),
            route.c.kind.label("kind"),
            verdict.label("verdict"),
            due_at.label("due_at"),
            wake_at.label("wake_at"),
            case((row.c.seq.is_(None), 0), (row.c._retry == 1, 2), else_=1).label("again"),
        )
        .select_from(ground.source.outerjoin(row, and_(ledger(row, deal, route.c.tunnel), apart)))
        .where(
            gone_live(deal, route),
            unsettled(row, route, due_at),
            keep,
        )
    )


def gone_live(deal: FromClause, route: FromClause) -> ColumnElement[bool]:
    """Whether the entry began after the tunnel went live for its stage, or the existing deals are included."""
    found = exists().where(existing.c.deal == deal.c.seq, existing.c.tunnel == route.c.tunnel)
    merged = found.where(existing.c.entry == deal.c.entry)
    return or_(route.c.include == 1, and_(deal.c.entered_at >= route.c.live_at, ~merged))


def ledger(row: FromClause, deal: FromClause, tunnel: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether that row of the journal is of the deal's present entry and that tunnel; shadow rows are told apart."""
    return and_(row.c.deal == deal.c.id, row.c.entry == deal.c.entry, row.c.tunnel == tunnel)


def unsettled(row: FromClause, route: FromClause, due_at: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the entry is open for the tunnel: no row of it yet (`row` is outer joined), or one that may change."""
    return or_(
        row.c.seq.is_(None),
        and_(
            route.c.kind != Route.SHADOW.value,
            or_(row.c._retry == 1, and_(row.c.result == "declined", row.c.due_at != due_at)),
        ),
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


def parts(flow: Flow, tunnel: Tunnel, deal: FromClause, route: FromClause) -> Parts:
    """The parts of that tunnel's verdict over the deals of `deal`, beside its `route`."""
    scope = scope_of(flow, deal)
    judged = None if tunnel.when is None else condition(tunnel.when, scope)
    required = _requirements(flow, tunnel, deal)
    value = None if judged is None else judged.value
    spilt = [] if judged is None or judged.overflow is None else [judged.overflow]
    spilt += _setting_overflows(tunnel, scope, _good(value, required))
    due_at = due(flow, tunnel, deal)
    return Parts(
        due_at=due_at,
        opens_at=opens(flow, tunnel, due_at),
        condition=value,
        required=required,
        overflow=or_(false(), *spilt) if spilt else None,
        fired_before=_fired_before(deal, route) if tunnel.once_per_deal else None,
    )


def _arm(flow: Flow, tunnel: Tunnel, deal: FromClause, route: FromClause) -> _Arm:
    asked = parts(flow, tunnel, deal, route)
    good = _good(asked.condition, asked.required)
    arm = _timed(tunnel, asked, good)
    return arm if asked.fired_before is None else replace(arm, keep=and_(arm.keep, ~asked.fired_before))


def _good(value: ColumnElement[bool] | None, required: Mapping[str, ColumnElement[bool]]) -> ColumnElement[bool]:
    """Conditions 5 and 6 of semantics.md, "Firing"."""
    holds = [*([] if value is None else [value]), *required.values()]
    return and_(true(), *holds) if len(holds) != 1 else holds[0]


def _timed(tunnel: Tunnel, asked: Parts, good: ColumnElement[bool]) -> _Arm:
    due_at, opening, overflow = asked.due_at, asked.opens_at, asked.overflow
    free = due_at if opening is None else opening
    at_once = tunnel.at is None and opening is None and (tunnel.after is None or tunnel.after.zero)
    steps = [] if at_once else [(free > NOW, _is(Verdict.WAIT))]
    steps += [(overflow, _is(Verdict.OVERFLOW))] if overflow is not None else []
    sometime = [] if tunnel.at is None and opening is None else [free.is_not(None)]
    if not tunnel.watch:
        verdict = case(*steps, (good, _is(Verdict.READY)), else_=_is(Verdict.DECLINED))
        return _Arm(and_(true(), *sometime), verdict, due_at, free)
    if tunnel.when is not None and tunnel.when.uses_today:
        verdict = case(*steps, (good, _is(Verdict.READY)), else_=_is(Verdict.TOMORROW))
        wake_at = MIDNIGHT if at_once else case((free > NOW, free), else_=MIDNIGHT)
        return _Arm(and_(true(), *sometime), verdict, due_at, wake_at)
    keep = good if overflow is None else or_(overflow, good)
    ready = _is(Verdict.READY)
    return _Arm(and_(*sometime, keep), case(*steps, else_=ready) if steps else ready, due_at, free)


def _is(verdict: Verdict) -> ColumnElement[int]:
    return literal(int(verdict), Integer)


def _fired_before(deal: FromClause, route: FromClause) -> ColumnElement[bool]:
    past = aliased(firings, "past")
    return exists().where(
        past.c.deal == deal.c.id,
        past.c.tunnel == route.c.tunnel,
        past.c.result == "fired",
        past.c.shadow == 0,
    )


def _requirements(flow: Flow, tunnel: Tunnel, deal: FromClause) -> dict[str, ColumnElement[bool]]:
    """The target stage's `requires`, of what the firing leaves there; an origin's are looked at when settling."""
    if tunnel.origin:
        return {}
    clauses = {name: filled(flow, tunnel, name, deal, deal) for name in flow.stages[tunnel.target].requires}
    return {name: clause for name, clause in clauses.items() if clause is not None}


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
