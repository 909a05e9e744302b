"""The way out: where deals live elsewhere, what fires is written down as an intent, and carried out afterwards.

In place of acting, a tick writes a `pending` row of the journal and a call (`engine.calls`) that says all that is to
be done, in one transaction. Turns of rotations, breakers and the copies of a lineage count from then on. Nothing else
fires for the deal, nor for the one that it would move, until the call is settled: their candidates are dropped here,
and settling looks at them again. A copy that must be the only one of its kind waits as long as a call is on its way
that may bring another; who waits is written down, so that settling that call finds it.

Rules as `engine.settle` has them: at most one firing for a deal, the first in the usual order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from flowrun.engine.alone import lock_counters
from flowrun.engine.batch import acts, batch, candidates, keyed, rules
from flowrun.engine.calls import DUE, on_their_way
from flowrun.engine.effects import CARRIED, NOW, copied_value, scope_of, setting_value
from flowrun.engine.guards import Guard
from flowrun.engine.journalling import PENDING, journal, name_copies, rejournal, remember
from flowrun.engine.judge import Route, Verdict, by_position
from flowrun.engine.settle import Key, Left, Settlement
from flowrun.engine.statement import Statement
from flowrun.expr.portable import json_item, json_member, json_object
from flowrun.flow.model import Action, Flow, Mode, Rotate, Tunnel
from flowrun.store.tables import aliased, calls, deals_table, firings, flowrun, rereads, tunnels, waiters
from flowrun.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The compiled statements of one revision, in the order in which a tick runs them."""

    drop: Statement
    drop_origins: Statement | None
    name_copies: Statement
    journal: Statement
    rejournal: Statement
    call: tuple[Statement, ...]
    remember: Statement | None
    turn: Statement

    def begin(self, connection: Connection) -> None:
        """Drop the candidates of deals that nothing may fire for now."""
        self.drop.run(connection)
        if self.drop_origins is not None:
            self.drop_origins.run(connection)

    def act(self, connection: Connection, moment: Mapping[str, object]) -> None:
        """Write down what the batch decided."""
        self.name_copies.run(connection, **moment)
        self.journal.run(connection, **moment)
        self.rejournal.run(connection, **moment)
        for statement in self.call:
            statement.run(connection, **moment)
        if self.remember is not None:
            self.remember.run(connection, **moment)

    def count(self, connection: Connection) -> None:
        """Take the turns of rotations."""
        lock_counters(connection)
        self.turn.run(connection)


def outgoing(flow: Flow, chunks: Mapping[tuple[int, int], Mapping[int, Tunnel]]) -> Outgoing:
    """The statements for that flow. `chunks` are the tunnels by file position, in ranges."""
    every = {at: tunnel for chunk in chunks.values() for at, tunnel in chunk.items()}
    breakers = [at for at, tunnel in every.items() if tunnel.breaker is not None]
    by_origin = any(tunnel.origin for tunnel in every.values())
    return Outgoing(
        drop=_drop(flow),
        drop_origins=_drop_origins(flow) if by_origin else None,
        name_copies=name_copies(flow, PENDING),
        journal=journal(flow, PENDING),
        rejournal=rejournal(flow, PENDING),
        call=tuple(Statement(one) for chunk in chunks.values() for one in _calls(flow, chunk)),
        remember=remember(breakers, PENDING) if breakers else None,
        turn=_turn(),
    )


def coming(connection: Connection, guard: Guard, flow: Flow, order: Sequence[Tunnel]) -> set[Key]:
    """The keys under which deals will stand where the guard looks, if what is on its way happens: at least those that
    this batch asks for (`batch.keyed`). `order` are the flow's tunnels by file position."""
    deal = deals_table(flow)
    moves = and_(calls.c.action == Action.MOVE.value, deal.c.id == calls.c.target)
    rows = (
        select(calls.c.content, *(deal.c[name] for name in guard.same))
        .select_from(calls.outerjoin(deal, moves))
        .where(on_their_way(), calls.c.to_stage.in_(sorted(guard.stages)), *_asked_for(guard, deal, order))
    )
    found: set[Key] = set()
    for content, *stays in connection.execute(rows):
        given = json.loads(content)
        key = [given.get(name, kept) for name, kept in zip(guard.same, stays, strict=True)]
        if None not in key:
            found.add(tuple(key))
    return found


def _asked_for(guard: Guard, deal: Any, order: Sequence[Tunnel]) -> list[ColumnElement[bool]]:
    """That a call brings what the batch asks for: of many calls few do, and only those are read. A field whose value a
    rotation is yet to give may bring any."""
    asking = [order[at] for at in guard.users]
    found: list[ColumnElement[bool]] = []
    for at, name in enumerate(guard.same):
        if any(isinstance(dict(tunnel.set).get(name), Rotate) for tunnel in asking):
            continue
        type_ = deal.c[name].type
        wanted = select(json_item(keyed.c.after, at, type_)).where(
            keyed.c.guard == guard.number, keyed.c.pos.in_(guard.users), keyed.c.after.is_not(None)
        )
        found.append(func.coalesce(json_member(calls.c.content, name, type_), deal.c[name]).in_(wanted))
    return found


def remember_waiting(connection: Connection, settlement: Settlement, order: Sequence[Tunnel]) -> None:
    """Write down who waits for what comes into which pipeline. The pipelines are locked (`alone.lock_pipelines`)."""
    waits = {
        (at, unless.pipeline)
        for (at, position), why in settlement.left.items()
        if why is Left.COMING and (unless := order[position].unless_exists) is not None
    }
    if not waits:
        return
    deals = dict(connection.execute(select(batch.c.ord, batch.c.deal)).all())
    rows = [{"deal": deals[at], "pipeline": pipeline} for at, pipeline in sorted(waits)]
    connection.execute(upsert(waiters).on_conflict_do_nothing(), rows)


def _drop(flow: Flow) -> Statement:
    deal, found = aliased(deals_table(flow), "d"), aliased(candidates, "c")
    busy = or_(
        exists().where(on_their_way(), calls.c.deal == deal.c.id),
        exists().where(on_their_way(), calls.c.target == deal.c.id),
        exists().where(rereads.c.deal == deal.c.id),
    )
    held = select(found.c.seq).select_from(found.join(deal, deal.c.seq == found.c.seq)).where(busy)
    return Statement(delete(candidates).where(candidates.c.seq.in_(held)))


def _drop_origins(flow: Flow) -> Statement:
    """The same of deals that would move one which nothing may move now: what comes after that must not go first."""
    deal, found = aliased(deals_table(flow), "d"), aliased(candidates, "c")
    busy = or_(
        exists().where(on_their_way(), calls.c.deal == deal.c.origin),
        exists().where(on_their_way(), calls.c.target == deal.c.origin),
        exists().where(rereads.c.deal == deal.c.origin),
    )
    later = [int(verdict) for verdict in Verdict if verdict.later]
    held = (
        select(found.c.seq)
        .select_from(found.join(deal, deal.c.seq == found.c.seq))
        .where(found.c.kind == Route.ORIGIN.value, found.c.verdict.not_in(later), busy)
    )
    return Statement(delete(candidates).where(candidates.c.seq.in_(held)))


def _calls(flow: Flow, chunk: Mapping[int, Tunnel]) -> list[Any]:
    """INSERTs of the calls for these tunnels: one for copies, one for moves, one for moves of origins."""
    live = {at: tunnel for at, tunnel in chunk.items() if tunnel.mode is Mode.LIVE}
    kinds = {
        Route.COPY: {at: one for at, one in live.items() if one.action is Action.COPY},
        Route.ORIGIN: {at: one for at, one in live.items() if one.action is Action.MOVE and one.origin},
        Route.MOVE: {at: one for at, one in live.items() if one.action is Action.MOVE and not one.origin},
    }
    return [_call(flow, mine, kind) for kind, mine in kinds.items() if mine]


def _call(flow: Flow, mine: Mapping[int, Tunnel], kind: Route) -> Any:
    deal, target = aliased(deals_table(flow), "d"), aliased(deals_table(flow), "t")
    row = aliased(firings, "f")
    identity = select(flowrun.c.identity).scalar_subquery()
    values: dict[str, Any] = {
        "firing": row.c.seq,
        "key": func.fr_firing_key(identity, deal.c.id, rules.c.tunnel, deal.c.entry),
        "action": rules.c.action,
        "deal": deal.c.id,
        "target": target.c.id,
        "entry": target.c.entry,
        "from_stage": target.c.stage,
        "to_stage": rules.c.target,
        "content": _copied(flow, mine, deal) if kind is Route.COPY else _given(flow, mine, deal),
        "new_id": acts.c.target_id if kind is Route.COPY else null(),
        "tunnel": rules.c.tunnel,
        "state": literal(DUE),
        "attempts": literal(0, Integer),
        "finds": literal(0, Integer),
        "next_at": NOW,
    }
    own = and_(row.c.deal == deal.c.id, row.c.entry == deal.c.entry, row.c.tunnel == rules.c.tunnel, row.c.shadow == 0)
    source = (
        acts.join(deal, deal.c.seq == acts.c.seq)
        .join(target, target.c.seq == (acts.c.seq if kind is Route.COPY else acts.c.target))
        .join(rules, rules.c.pos == acts.c.pos)
        .join(row, own)
    )
    rows = (
        select(*values.values())
        .select_from(source)
        .where(acts.c.kind == kind.value, acts.c.result == PENDING, acts.c.pos.between(min(mine), max(mine)))
        .order_by(acts.c.id)
    )
    return insert(calls).from_select(list(values), rows)


def _copied(flow: Flow, mine: Mapping[int, Tunnel], deal: Any) -> Any:
    """All that the copy has."""
    table = deals_table(flow)
    return json_object(
        {
            name: (
                by_position(
                    acts.c.pos,
                    {at: copied_value(flow, tunnel, name, deal, acts.c.turn) for at, tunnel in mine.items()},
                ),
                table.c[name].type,
            )
            for name in (*CARRIED, *flow.fields)
        }
    )


def _given(flow: Flow, mine: Mapping[int, Tunnel], deal: Any) -> Any:
    """What `set` gives."""
    table, scope = deals_table(flow), scope_of(flow, deal)
    return by_position(
        acts.c.pos,
        {
            at: json_object(
                {
                    name: (setting_value(flow, name, setting, scope, acts.c.turn), table.c[name].type)
                    for name, setting in tunnel.set
                }
            )
            for at, tunnel in mine.items()
        },
    )


def _turn() -> Statement:
    taken = (
        select(rules.c.tunnel.label("tunnel"), func.max(acts.c.turn).label("turn"))
        .select_from(acts.join(rules, rules.c.pos == acts.c.pos))
        .where(acts.c.result == PENDING, acts.c.turn.is_not(None))
        .group_by(rules.c.tunnel)
        .subquery("taken")
    )
    return Statement(update(tunnels).where(tunnels.c.id == taken.c.tunnel).values(turn=taken.c.turn + 1))
