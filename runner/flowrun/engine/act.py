"""Acting: journal, copies, moves and the queue, each a statement or two for the whole batch.

A batch in which nothing stands in the way of any candidate is *calm*; what it does is decided here, by `decide`: every
copy is made, and the first move of each deal. Anything else is decided by `settle`, the one place where those rules
stand. The order of the statements matters: copies and origins are written before the deals' own moves, since their
values are those before the firing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from flowrun.engine.batch import acts, batch, candidates, rules
from flowrun.engine.effects import (
    NOW,
    copied_value,
    one_hop_more,
    out_of_hops,
    scope_of,
    settable,
    setting_value,
)
from flowrun.engine.journalling import FIRED, PARKED, journal, name_copies, rejournal, remember
from flowrun.engine.judge import Route, Verdict, by_position
from flowrun.engine.statement import Statement, parameter
from flowrun.flow.model import Action, Flow, Tunnel
from flowrun.store.tables import aliased, deals_table, firings, queue, routes, tunnels
from flowrun.store.upsert import upsert
from flowrun.store.watching import asked_of_origins

WAITING = or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None))
"""Whether the tunnel waits for someone to let it go on."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The compiled statements of one revision, in the order in which a tick runs them."""

    calm: Statement
    decide: Statement
    name_copies: Statement
    journal: Statement
    rejournal: Statement
    copies: Mapping[tuple[int, int], Statement]
    origins: Mapping[tuple[int, int], Statement]
    moves: Mapping[tuple[int, int], Statement]
    count: Statement
    remember: Statement | None
    unqueue: Statement
    queue_moved: Statement
    queue_copied: Statement
    queue_waiting: Statement
    queue_copies_of_moved: Statement | None


def acting(flow: Flow, chunks: Mapping[tuple[int, int], Mapping[int, Tunnel]], sensitive: Sequence[int]) -> Acting:
    """The statements for that flow. `chunks` are the tunnels by file position, in ranges; `sensitive` the positions
    whose candidates are always settled in order."""
    every = {at: tunnel for chunk in chunks.values() for at, tunnel in chunk.items()}
    breakers = [at for at, tunnel in every.items() if tunnel.breaker is not None]
    return Acting(
        calm=_calm(flow, sensitive),
        decide=_decide(flow),
        name_copies=name_copies(flow),
        journal=journal(flow),
        rejournal=rejournal(flow),
        copies=_per_chunk(flow, chunks, Route.COPY),
        origins=_per_chunk(flow, chunks, Route.ORIGIN),
        moves=_per_chunk(flow, chunks, Route.MOVE),
        count=_count(),
        remember=remember(breakers) if breakers else None,
        unqueue=_unqueue(),
        queue_moved=_queue_moved(flow),
        queue_copied=_queue_copied(flow),
        queue_waiting=_queue_waiting(),
        queue_copies_of_moved=_queue_copies_of_moved(flow) if asked_of_origins(flow) else None,
    )


def _calm(flow: Flow, sensitive: Sequence[int]) -> Statement:
    """SELECT whether nothing in the batch needs settling."""
    deal = aliased(deals_table(flow), "d")
    found = aliased(candidates, "c")
    waiting = select(rules.c.pos).join(tunnels, tunnels.c.id == rules.c.tunnel).where(WAITING)
    root = func.coalesce(deal.c._root, deal.c.id)
    later = found.c.verdict.in_([int(verdict) for verdict in Verdict if verdict.later])
    beside = select(literal(1)).select_from(found.join(deal, deal.c.seq == found.c.seq)).where(~later)
    lineages = (
        select(root.label("root"), func.count().label("n"))
        .select_from(found.join(deal, deal.c.seq == found.c.seq))
        .where(found.c.kind.in_([Route.COPY.value, Route.SHADOW.value]))
        .group_by(root)
        .subquery("lineages")
    )
    unusual = [Verdict.OVERFLOW, Verdict.DECLINED, Verdict.REFUSED]
    looping = and_(deal.c._hops.is_not(None), out_of_hops(flow, deal.c._hops))
    parked = exists().where(firings.c.result == PARKED, firings.c.deal == deal.c.id)
    trouble = [
        exists().where(or_(found.c.verdict.in_(unusual), found.c.again != 0)),
        exists().where(found.c.verdict == int(Verdict.READY), found.c.pos.in_(waiting)),
        beside.where(or_(looping, parked)).exists(),
    ]
    if sensitive:
        trouble.append(exists().where(found.c.verdict == int(Verdict.READY), found.c.pos.in_(sensitive)))
    if any(tunnel.action is Action.COPY for tunnel in flow.tunnels.values()):
        made = copies_made(flow, lineages.c.root)
        trouble.append(exists().where(lineages.c.n + made > flow.limits.max_copies).correlate(None))
    return Statement(select(~or_(*trouble)))


def copies_made(flow: Flow, root: ColumnElement[str]) -> ColumnElement[int]:
    """How many copies that lineage has made within the last `per`."""
    return (
        select(func.count())
        .where(firings.c._lineage == root, firings.c.fired_at > NOW - flow.limits.per)
        .scalar_subquery()
    )


def _decide(flow: Flow) -> Statement:
    deal = aliased(deals_table(flow), "d")
    found = aliased(candidates, "c")
    other = aliased(candidates, "other")
    first = (
        select(func.min(other.c.pos))
        .where(other.c.ord == found.c.ord, other.c.kind == Route.MOVE.value, other.c.verdict == int(Verdict.READY))
        .scalar_subquery()
    )
    moves = found.c.kind == Route.MOVE.value
    shadow = found.c.kind == Route.SHADOW.value
    name = case(
        (moves, deal.c.id),
        (shadow, null()),
        else_=func.fr_copy_id(func.coalesce(deal.c._root, deal.c.id), deal.c.id, rules.c.tunnel, deal.c.entry),
    )
    chosen = (
        select(
            found.c.ord,
            found.c.pos,
            found.c.seq,
            found.c.kind,
            case((shadow, "shadow"), else_=FIRED),
            found.c.due_at,
            found.c.again,
            case((moves, found.c.seq)),
            name,
        )
        .select_from(found.join(deal, deal.c.seq == found.c.seq).join(rules, rules.c.pos == found.c.pos))
        .where(found.c.verdict == int(Verdict.READY), or_(~moves, found.c.pos == first))
        .order_by(found.c.ord, moves, found.c.pos)
    )
    columns = ["ord", "pos", "seq", "kind", "result", "due_at", "again", "target", "target_id"]
    return Statement(insert(acts).from_select(columns, chosen))


def _per_chunk(
    flow: Flow, chunks: Mapping[tuple[int, int], Mapping[int, Tunnel]], kind: Route
) -> dict[tuple[int, int], Statement]:
    build = {Route.COPY: _copies, Route.ORIGIN: _origins, Route.MOVE: _moves}[kind]
    return {
        span: Statement(build(flow, mine))
        for span, tunnels_ in chunks.items()
        if (mine := {at: tunnel for at, tunnel in tunnels_.items() if _acts_as(tunnel) is kind})
    }


def _acts_as(tunnel: Tunnel) -> Route:
    """What the tunnel does when it is live."""
    if tunnel.action is Action.COPY:
        return Route.COPY
    return Route.ORIGIN if tunnel.origin else Route.MOVE


def _mine(mine: Mapping[int, Tunnel], kind: Route) -> ColumnElement[bool]:
    return and_(acts.c.kind == kind.value, acts.c.result == FIRED, acts.c.pos.between(min(mine), max(mine)))


def _copies(flow: Flow, mine: Mapping[int, Tunnel]) -> Any:
    table = deals_table(flow)
    deal = aliased(table, "d")
    values: dict[str, Any] = {
        "id": acts.c.target_id,
        "stage": rules.c.target,
        "entry": literal(1, Integer),
        "entered_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
        "origin": deal.c.id,
        "origin_tunnel": rules.c.tunnel,
        "_root": func.coalesce(deal.c._root, deal.c.id),
        "_hops": one_hop_more(flow, deal.c._hops),
    }
    for name in ("title", "owner", *flow.fields):
        arms = {at: copied_value(flow, tunnel, name, deal, acts.c.turn) for at, tunnel in mine.items()}
        values[name] = by_position(acts.c.pos, arms)
    rows = (
        select(*values.values())
        .select_from(acts.join(deal, deal.c.seq == acts.c.seq).join(rules, rules.c.pos == acts.c.pos))
        .where(_mine(mine, Route.COPY))
        .order_by(acts.c.id)
    )
    return insert(table).from_select(list(values), rows)


def _moves(flow: Flow, mine: Mapping[int, Tunnel]) -> Any:
    table = deals_table(flow)
    return _moving(flow, mine, table, Route.MOVE).where(acts.c.target == table.c.seq, rules.c.pos == acts.c.pos)


def _origins(flow: Flow, mine: Mapping[int, Tunnel]) -> Any:
    table = deals_table(flow)
    source = aliased(table, "source")
    return _moving(flow, mine, source, Route.ORIGIN).where(
        acts.c.target == table.c.seq, source.c.seq == acts.c.seq, rules.c.pos == acts.c.pos
    )


def _moving(flow: Flow, mine: Mapping[int, Tunnel], source: Any, kind: Route) -> Any:
    table: Table = deals_table(flow)
    values: dict[str, Any] = {
        "stage": rules.c.target,
        "entry": table.c.entry + 1,
        "entered_at": NOW,
        "updated_at": NOW,
        "_hops": one_hop_more(flow, table.c._hops),
    }
    scope = scope_of(flow, source)
    for name in settable(flow, mine.values()):
        arms: dict[int, Any] = {}
        for at, tunnel in mine.items():
            given = dict(tunnel.set)
            arms[at] = setting_value(flow, name, given[name], scope, acts.c.turn) if name in given else table.c[name]
        values[name] = by_position(acts.c.pos, arms)
    return update(table).where(_mine(mine, kind)).values(values)


def _count() -> Statement:
    fired = (
        select(rules.c.tunnel.label("tunnel"), func.count().label("n"), func.max(acts.c.turn).label("turn"))
        .select_from(acts.join(rules, rules.c.pos == acts.c.pos))
        .where(acts.c.result == FIRED)
        .group_by(rules.c.tunnel)
        .subquery("fired_now")
    )
    return Statement(
        update(tunnels)
        .where(tunnels.c.id == fired.c.tunnel)
        .values(
            fired=tunnels.c.fired + fired.c.n,
            last_fired_at=NOW,
            turn=func.coalesce(fired.c.turn + 1, tunnels.c.turn),
        )
    )


def _unqueue() -> Statement:
    """Drop the rows of all deals that were looked at, and of those that moved. `cut` ends the batch (exclusive)."""
    looked = select(batch.c.deal).where(batch.c.ord < parameter("cut", Integer))
    moved = select(acts.c.target).where(acts.c.target.is_not(None))
    return Statement(delete(queue).where(queue.c.deal.in_(union_all(looked, moved))))


_ROUND: ColumnElement[int] = parameter("round", Integer)


def _queue_moved(flow: Flow) -> Statement:
    """Moved deals are looked at in the next round, where a tunnel leaves their new stage."""
    deal = aliased(deals_table(flow), "d")
    rows = (
        select(deal.c.seq, NOW, _ROUND)
        .select_from(acts.join(deal, deal.c.seq == acts.c.target))
        .where(exists().where(routes.c.stage == deal.c.stage))
    )
    return Statement(insert(queue).from_select(["deal", "wake_at", "round"], rows))


def _queue_copied(flow: Flow) -> Statement:
    """So are copies."""
    deal = aliased(deals_table(flow), "d")
    rows = (
        select(deal.c.seq, NOW, _ROUND)
        .select_from(acts.join(rules, rules.c.pos == acts.c.pos).join(deal, deal.c.id == acts.c.target_id))
        .where(
            acts.c.kind == Route.COPY.value,
            acts.c.result == FIRED,
            exists().where(routes.c.stage == rules.c.target),
        )
    )
    return Statement(insert(queue).from_select(["deal", "wake_at", "round"], rows))


def _queue_waiting() -> Statement:
    """Deals that stayed and wait for time are looked at when the first of their tunnels is due."""
    moved = select(acts.c.target).where(acts.c.target.is_not(None))
    rows = (
        select(candidates.c.seq, func.min(candidates.c.wake_at), literal(0, Integer))
        .where(
            candidates.c.verdict.in_([int(verdict) for verdict in Verdict if verdict.later]),
            candidates.c.ord < parameter("cut", Integer),
            candidates.c.seq.not_in(moved),
        )
        .group_by(candidates.c.seq)
    )
    return Statement(insert(queue).from_select(["deal", "wake_at", "round"], rows))


def _queue_copies_of_moved(flow: Flow) -> Statement:
    """Copies whose origin moved, and may now have what a target stage requires of it."""
    deal = aliased(deals_table(flow), "d")
    origin = aliased(deals_table(flow), "o")
    rows = (
        select(deal.c.seq, NOW, _ROUND)
        .select_from(acts.join(origin, origin.c.seq == acts.c.target).join(deal, deal.c.origin == origin.c.id))
        .where(exists().where(routes.c.stage == deal.c.stage))
    )
    statement = upsert(queue).from_select(["deal", "wake_at", "round"], rows)
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["deal"],
            set_={"wake_at": statement.excluded.wake_at, "round": statement.excluded["round"]},
            where=statement.excluded.wake_at < queue.c.wake_at,
        )
    )
