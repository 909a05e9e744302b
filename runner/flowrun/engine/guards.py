"""`unless_exists`: who stands where it looks, under which key, as SQL for `settle`.

A guard is a distinct (pipeline, open, same): tunnels that share one share its keys. The key of a deal is the JSON
array of its `same` values, NULL where one is empty, since an empty value is like no other. What a rotation will give
is known only when the turn is taken: until then its place in the key holds `true`, which no stored value is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    and_,
    case,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
)

from flowrun.engine.batch import candidates, keyed
from flowrun.engine.effects import copied_value, rotates, scope_of, setting_value
from flowrun.engine.judge import Route, Verdict, by_position
from flowrun.engine.statement import Statement
from flowrun.expr.portable import json_item, json_list, json_true
from flowrun.flow.model import Action, Flow, Rotate, Tunnel, UnlessExists
from flowrun.store.tables import aliased, deals_table


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard with its compiled statements. It looks at `stages`; `users` are the positions of those that ask it."""

    number: int
    pipeline: str
    same: tuple[str, ...]
    stages: frozenset[str]
    users: tuple[int, ...]
    key: Statement
    elsewhere: Statement


@dataclass(frozen=True, slots=True)
class Beyond:
    """Deals that stand beside those of the store: the live ones, for a preview that works on a copy of some.

    `deals` is their table; `stages` and `fields` say which of its stages, and which of its columns, are which of the
    flow's. A field that isn't among them is held by no deal beyond.
    """

    deals: FromClause
    stages: Mapping[str, Sequence[str]]
    fields: Mapping[str, str]


def guards(flow: Flow, order: Sequence[Tunnel], beyond: Beyond | None = None) -> tuple[Guard, ...]:
    """The flow's guards; `order` are its tunnels by file position. `beyond`: where else they look."""
    users: dict[UnlessExists, list[int]] = {}
    for position, tunnel in enumerate(order):
        if tunnel.unless_exists is not None:
            users.setdefault(tunnel.unless_exists, []).append(position)
    return tuple(
        Guard(
            number,
            guard.pipeline,
            guard.same,
            frozenset(_where(flow, guard)),
            tuple(positions),
            _key(flow, number, guard, order),
            _elsewhere(flow, number, guard, {at: order[at] for at in positions}, beyond),
        )
        for number, (guard, positions) in enumerate(users.items())
    )


def _where(flow: Flow, guard: UnlessExists) -> list[str]:
    return [
        stage.id for stage in flow.pipelines[guard.pipeline].stages if not (guard.open and stage.outcome is not None)
    ]


def _key(flow: Flow, number: int, guard: UnlessExists, order: Sequence[Tunnel]) -> Statement:
    """INSERT the keys of all ready candidates that ask the guard, or leave or enter where it looks."""
    deal = aliased(deals_table(flow), "d")
    origin = aliased(deals_table(flow), "o")
    stages = _where(flow, guard)
    found = aliased(candidates, "c")
    after = by_position(
        found.c.pos, {at: _after(flow, guard, tunnel, deal, origin, stages) for at, tunnel in enumerate(order)}
    )
    by_origin = found.c.kind == Route.ORIGIN.value
    before = case(
        (found.c.kind.in_([Route.COPY.value, Route.SHADOW.value]), null()),
        (by_origin, case((origin.c.stage.in_(stages), _json([origin.c[name] for name in guard.same])))),
        else_=case((deal.c.stage.in_(stages), _json([deal.c[name] for name in guard.same]))),
    )
    rows = (
        select(
            found.c.ord,
            found.c.pos,
            literal(number, Integer).label("guard"),
            case((by_origin, origin.c.seq), (found.c.kind == Route.MOVE.value, deal.c.seq)).label("mover"),
            before.label("before"),
            after.label("after"),
        )
        .select_from(
            found.join(deal, deal.c.seq == found.c.seq).outerjoin(origin, and_(by_origin, origin.c.id == deal.c.origin))
        )
        .where(found.c.verdict == int(Verdict.READY))
        .subquery("k")
    )
    wanted = select(*rows.c).where(or_(rows.c.before.is_not(None), rows.c.after.is_not(None)))
    return Statement(insert(keyed).from_select([column.name for column in keyed.c], wanted))


def _after(
    flow: Flow, guard: UnlessExists, tunnel: Tunnel, deal: FromClause, origin: FromClause, stages: Sequence[str]
) -> ColumnElement[Any]:
    if tunnel.unless_exists != guard and tunnel.target not in stages:
        return null()
    settings = dict(tunnel.set)
    scope = scope_of(flow, deal)
    stays = origin if tunnel.origin else deal
    values: list[ColumnElement[Any]] = []
    for name in guard.same:
        if isinstance(settings.get(name), Rotate):
            values.append(json_true())
        elif tunnel.action is Action.COPY:
            values.append(copied_value(flow, tunnel, name, deal, None))
        elif name in settings:
            values.append(setting_value(flow, name, settings[name], scope, None))
        else:
            values.append(stays.c[name])
    return _json(values)


def _json(values: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    empty = or_(*(value.is_(None) for value in values))
    return case((empty, null()), else_=json_list(*values))


def _elsewhere(
    flow: Flow, number: int, guard: UnlessExists, users: Mapping[int, Tunnel], beyond: Beyond | None
) -> Statement:
    """SELECT key, min(seq), max(seq) of the deals that match a wanted key and can't move in this batch.

    Where a user rotates a field, its deals with any of the values are among them.
    """
    table = deals_table(flow)
    match = aliased(table, "m")
    movers = select(keyed.c.mover).where(
        keyed.c.guard == number, keyed.c.mover.is_not(None), keyed.c.before.is_not(None)
    )
    stages = _where(flow, guard)
    mine = _matching(number, guard, users, match, {name: match.c[name] for name in guard.same}, stages)
    mine = mine.where(match.c.seq.not_in(movers))
    if beyond is None or not beyond.fields.keys() >= set(guard.same):
        return Statement(mine.group_by(mine.selected_columns[0]))
    others = aliased(beyond.deals, "b")
    there = [stage for id_ in stages for stage in beyond.stages.get(id_, ())]
    columns = {name: others.c[beyond.fields[name]] for name in guard.same}
    theirs = _matching(number, guard, users, others, columns, there)
    theirs = theirs.where(others.c.seq.not_in(select(table.c.seq)))
    both = union_all(*(one.group_by(one.selected_columns[0]) for one in (mine, theirs))).subquery()
    key, low, high = both.c
    return Statement(select(key, func.min(low), func.max(high)).group_by(key))


def _matching(
    number: int,
    guard: UnlessExists,
    users: Mapping[int, Tunnel],
    match: FromClause,
    columns: Mapping[str, ColumnElement[Any]],
    stages: Sequence[str],
) -> Select[Any]:
    """SELECT key, min(seq), max(seq), not grouped yet, of the deals in those stages that match a wanted key."""
    wanted = (
        select(keyed.c.after.label("key"))
        .where(keyed.c.guard == number, keyed.c.pos.in_(list(users)), keyed.c.after.is_not(None))
        .distinct()
        .subquery("wanted")
    )
    same: list[ColumnElement[bool]] = []
    for at, name in enumerate(guard.same):
        turns = {value for tunnel in users.values() for value in _turns(tunnel, name)}
        alike = columns[name] == json_item(wanted.c.key, at, columns[name].type)
        same.append(or_(alike, columns[name].in_(sorted(turns))) if turns else alike)
    key: ColumnElement[Any] = json_list(*(columns[name] for name in guard.same)).label("key")
    return select(key, func.min(match.c.seq).label("low"), func.max(match.c.seq).label("high")).select_from(
        wanted.join(match, and_(*same, match.c.stage.in_(stages)))
    )


def _turns(tunnel: Tunnel, name: str) -> tuple[str, ...]:
    setting = dict(tunnel.set).get(name)
    return setting.values if isinstance(setting, Rotate) else ()


def sensitive(order: Sequence[Tunnel]) -> Mapping[int, Tunnel]:
    """The tunnels whose candidates are always settled in order: what they do depends on the deals before."""
    return {
        at: tunnel
        for at, tunnel in enumerate(order)
        if tunnel.unless_exists is not None or tunnel.breaker is not None or tunnel.origin or rotates(tunnel)
    }
