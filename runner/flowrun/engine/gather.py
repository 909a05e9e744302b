"""Gathering: what `settle` needs to see of a batch, in a fixed number of statements, and its decisions put back.

`decided` only looks, so that `explain` can ask what would become of a deal; `settled` also writes the decisions down.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, insert, literal, select, update

from flowrun.engine.act import copies_made
from flowrun.engine.alone import lock_pipelines
from flowrun.engine.batch import acts, candidates, keyed
from flowrun.engine.effects import NOW, out_of_hops, rotates
from flowrun.engine.guards import Guard
from flowrun.engine.journalling import PARKED
from flowrun.engine.judge import Route, Verdict, by_position, filled
from flowrun.engine.settle import Blank, Candidate, Key, Keys, Origin, Settlement, Surroundings, Terms, settle
from flowrun.engine.statement import Statement
from flowrun.flow.model import Action, Flow, Rotate, Tunnel
from flowrun.store.tables import activity, aliased, deals_table, firings, routes, tunnels

Coming = Callable[[Connection, Guard], Collection[Key]]
"""Tells under which keys deals will stand where that guard looks, if what is on its way happens."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """The compiled statements of one revision."""

    candidates: Statement
    origins: Statement | None
    made: Statement


def gathering(flow: Flow, order: Sequence[Tunnel]) -> Gathering:
    """The statements for that flow; `order` are its tunnels by file position."""
    by_origin = {at: tunnel for at, tunnel in enumerate(order) if tunnel.origin}
    return Gathering(_candidates(flow), _origins(flow, by_origin) if by_origin else None, _made(flow))


def settled(
    connection: Connection,
    flow: Flow,
    order: Sequence[Tunnel],
    guards: Sequence[Guard],
    statements: Gathering,
    moment: Mapping[str, object],
    waiting: Sequence[int],
    coming: Coming | None = None,
) -> Settlement:
    """Decide the batch in order and write the decisions to `acts`. `moment` are the parameters of judging; `coming`
    tells what is on its way where deals live elsewhere."""
    settlement = decided(connection, flow, order, guards, statements, moment, waiting, coming)
    if settlement.decisions:
        connection.execute(
            insert(acts),
            [
                {
                    "ord": decision.order,
                    "pos": decision.position,
                    "seq": decision.seq,
                    "kind": decision.kind.value,
                    "result": decision.result,
                    "reason": decision.reason,
                    "due_at": decision.due_at,
                    "again": decision.again,
                    "turn": decision.turn,
                    "target": decision.target,
                    "target_id": decision.target_id,
                }
                for decision in settlement.decisions
            ],
        )
    if settlement.tripped:
        ids = [order[at].id for at in sorted(settlement.tripped)]
        connection.execute(update(tunnels).where(tunnels.c.id.in_(ids)).values(tripped_at=moment["now"]))
    return settlement


def decided(
    connection: Connection,
    flow: Flow,
    order: Sequence[Tunnel],
    guards: Sequence[Guard],
    statements: Gathering,
    moment: Mapping[str, object],
    waiting: Sequence[int],
    coming: Coming | None = None,
) -> Settlement:
    """What becomes of the candidates, decided in order; nothing but working tables is written."""
    found = _read(connection, statements, moment)
    asked = [guard for guard in guards if _asks(guard, found)]
    lock_pipelines(connection, {guard.pipeline for guard in asked})
    surroundings = Surroundings(
        max_copies=flow.limits.max_copies,
        keys=_keys(connection, order, asked, moment),
        elsewhere={guard.number: _elsewhere(connection, guard) for guard in asked},
        made=dict(statements.made.run(connection, **moment).all()),
        coming=None if coming is None else {guard.number: coming(connection, guard) for guard in asked},
    )
    terms = _terms(connection, order, guards, moment, waiting)
    return settle(found, terms, surroundings)


def _candidates(flow: Flow) -> Statement:
    deal = aliased(deals_table(flow), "d")
    found = aliased(candidates, "c")
    parked = aliased(firings, "parked")
    held = exists().where(
        parked.c.result == PARKED,
        parked.c.deal == deal.c.id,
        parked.c.entry == deal.c.entry,
        parked.c._retry == 0,
        routes.c.stage == deal.c.stage,
        routes.c.tunnel == parked.c.tunnel,
        routes.c.kind == Route.MOVE.value,
    )
    return Statement(
        select(
            found.c.ord,
            found.c.pos,
            found.c.seq,
            deal.c.id,
            func.coalesce(deal.c._root, deal.c.id),
            found.c.kind,
            found.c.verdict,
            found.c.due_at,
            found.c.again,
            out_of_hops(flow, deal.c._hops),
            held,
        )
        .select_from(found.join(deal, deal.c.seq == found.c.seq))
        .where(found.c.verdict.not_in([int(verdict) for verdict in Verdict if verdict.later]))
        .order_by(found.c.ord, found.c.pos)
    )


def _origins(flow: Flow, by_origin: Mapping[int, Tunnel]) -> Statement:
    deal = aliased(deals_table(flow), "d")
    origin = aliased(deals_table(flow), "o")
    found = aliased(candidates, "c")
    full = {at: _filled(flow, tunnel, deal, origin) for at, tunnel in by_origin.items()}
    return Statement(
        select(
            found.c.ord,
            found.c.pos,
            origin.c.seq,
            origin.c.id,
            origin.c.stage,
            out_of_hops(flow, origin.c._hops),
            by_position(found.c.pos, full),
        )
        .select_from(found.join(deal, deal.c.seq == found.c.seq).join(origin, origin.c.id == deal.c.origin))
        .where(found.c.pos.in_(list(by_origin)))
    )


def _filled(flow: Flow, tunnel: Tunnel, deal: Any, origin: Any) -> ColumnElement[bool]:
    wanted = flow.stages[tunnel.target].requires
    clauses = [clause for name in wanted if (clause := filled(flow, tunnel, name, deal, origin)) is not None]
    return and_(literal(True), *clauses)


def _made(flow: Flow) -> Statement:
    """SELECT root, copies within `per`, of the lineages that would make a copy, or would if they were live."""
    deal = aliased(deals_table(flow), "d")
    root = func.coalesce(deal.c._root, deal.c.id).label("root")
    lineages = (
        select(root)
        .select_from(candidates.join(deal, deal.c.seq == candidates.c.seq))
        .where(candidates.c.kind.in_([Route.COPY.value, Route.SHADOW.value]))
        .distinct()
        .subquery("lineages")
    )
    return Statement(select(lineages.c.root, copies_made(flow, lineages.c.root)))


def _read(connection: Connection, statements: Gathering, moment: Mapping[str, object]) -> list[Candidate]:
    origins: dict[tuple[int, int], Origin] = {}
    if statements.origins is not None:
        for order, position, seq, id_, stage, spent, filled_ in statements.origins.run(connection, **moment):
            origins[order, position] = Origin(seq, id_, stage, bool(spent), bool(filled_))
    return [
        Candidate(
            order,
            position,
            seq,
            id_,
            root,
            Route(kind),
            Verdict(verdict),
            due_at,
            again,
            bool(spent),
            bool(held),
            origins.get((order, position)),
        )
        for order, position, seq, id_, root, kind, verdict, due_at, again, spent, held in statements.candidates.run(
            connection, **moment
        )
    ]


def _asks(guard: Guard, found: Sequence[Candidate]) -> bool:
    return any(candidate.position in guard.users and candidate.verdict is Verdict.READY for candidate in found)


def _keys(
    connection: Connection, order: Sequence[Tunnel], guards: Sequence[Guard], moment: Mapping[str, object]
) -> dict[tuple[int, int], dict[int, Keys]]:
    for guard in guards:
        guard.key.run(connection, **moment)
    keys: defaultdict[tuple[int, int], dict[int, Keys]] = defaultdict(dict)
    by_number = {guard.number: guard for guard in guards}
    if guards:
        columns = (keyed.c.ord, keyed.c.pos, keyed.c.guard, keyed.c.before, keyed.c.after)
        for at, position, number, before, after in connection.execute(select(*columns)):
            guard, tunnel = by_number[number], order[position]
            wanted = None if after is None else _blank(_key(after), guard.same, tunnel)
            keys[at, position][number] = Keys(
                before=None if before is None else _key(before),
                wanted=wanted,
                after=wanted if tunnel.target in guard.stages else None,
            )
    return dict(keys)


def _key(text: str) -> Key:
    return tuple(json.loads(text))


def _blank(key: Key, same: Sequence[str], tunnel: Tunnel) -> Blank:
    """The key with the tunnel's rotations in their places."""
    turns = {name: setting for name, setting in tunnel.set if isinstance(setting, Rotate)}
    return tuple(turns.get(name, part) for name, part in zip(same, key, strict=True)) if turns else key


def _elsewhere(connection: Connection, guard: Guard) -> dict[Key, tuple[int, int]]:
    return {_key(key): (low, high) for key, low, high in guard.elsewhere.run(connection)}


def _terms(
    connection: Connection,
    order: Sequence[Tunnel],
    guards: Sequence[Guard],
    moment: Mapping[str, object],
    waiting: Sequence[int],
) -> dict[int, Terms]:
    guard_of = {at: guard.number for guard in guards for at in guard.users}
    turn_of = dict(connection.execute(select(tunnels.c.id, tunnels.c.turn)).all())
    left = _left(connection, order, moment)
    return {
        at: Terms(
            tunnel=tunnel.id,
            target=tunnel.target,
            copies=tunnel.action is Action.COPY,
            origin=tunnel.origin,
            waiting=at in waiting,
            one_shot=not tunnel.watch,
            guard=guard_of.get(at),
            left=left.get(at),
            turn=turn_of[tunnel.id] if rotates(tunnel) else None,
            origin_in=tunnel.origin_in,
        )
        for at, tunnel in enumerate(order)
    }


def _left(connection: Connection, order: Sequence[Tunnel], moment: Mapping[str, object]) -> dict[int, int]:
    """How many more firings each breaker allows at this instant."""
    left = {}
    for at, tunnel in enumerate(order):
        if tunnel.breaker is None:
            continue
        recent = select(func.coalesce(func.sum(activity.c.firings), 0)).where(
            activity.c.tunnel == tunnel.id, activity.c.at > NOW - tunnel.breaker.per
        )
        left[at] = tunnel.breaker.firings - connection.execute(recent, {"now": moment["now"]}).scalar_one()
    return left
