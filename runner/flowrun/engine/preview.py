"""What a flow would do to the live deals: how many each of its tunnels would take now, without writing anything.

The same judging as a tick's, over all deals of the stages that the tunnels leave, against the routes that the flow
would have. It looks one firing ahead; chains are not followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, func, insert, inspect, null, or_, select
from sqlalchemy.sql import Subquery

from flowrun.engine import batch as working
from flowrun.engine.batch import candidates
from flowrun.engine.holdings import losses, standing_in
from flowrun.engine.judge import Ground, Route, Verdict, judge_parameters, judging
from flowrun.engine.live import known, route_rows
from flowrun.engine.rules import chunked
from flowrun.expr import sql as expressions
from flowrun.flow.model import Action, Flow, Mode
from flowrun.plan import Effect, Figure, Impact, Renames, renames
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.tables import builtin_columns, deals_table, tunnels

_proposed = Table(
    "proposed",
    MetaData(schema="temp"),
    Column("stage", Text, primary_key=True),
    Column("tunnel", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("live_at", Integer, nullable=False),
    Column("include", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a preview is to tell beside the counts, and whom it tells how far it is.

    `samples`: how many deals to name for each figure. `total`: a field (integer or decimal) to sum, or None.
    `progress` hears how many deals have been looked at so far.
    """

    samples: int = 3
    total: str | None = None
    progress: Callable[[int], None] = lambda _looked: None


USUAL = Question()


def preview(store: Store | None, flow: Flow, question: Question) -> Impact:
    """What applying the flow to that store would do to its deals, now. None: a store without deals."""
    nothing = {tunnel: Effect() for tunnel in flow.tunnels}
    if store is None:
        return Impact(nothing, summed=question.total)
    with store.read() as connection:
        base = revisions.current(connection)
        assert base is not None
        counts = would_fire(connection, flow, store.clock.now())
        effects = {id_: Effect(dict.fromkeys(Figure, 0) | {Figure.NOW: count}) for id_, count in counts.items()}
        moves = [one.id for one in flow.tunnels.values() if one.mode is Mode.LIVE and one.action is Action.MOVE]
        copies = [one.id for one in flow.tunnels.values() if one.mode is Mode.LIVE and one.action is Action.COPY]
        return Impact(
            effects,
            stages=standing_in(connection, base.flow, flow),
            losses=losses(connection, base.flow, flow),
            moved=sum(counts[id_] for id_ in moves),
            copied=sum(counts[id_] for id_ in copies),
        )


def would_fire(connection: Connection, flow: Flow, now: int) -> dict[str, int]:
    """How many deals each tunnel of that flow would take if it were applied now: ids to counts, zeros included.

    Of a deal's moves, only the first counts. Tunnels that are off, paused or tripped take none.
    """
    working.create(connection)
    connection.exec_driver_sql(
        "CREATE TEMP TABLE IF NOT EXISTS proposed (stage TEXT, tunnel TEXT, position INTEGER, kind TEXT, "
        "live_at INTEGER, include INTEGER, PRIMARY KEY (stage, tunnel)) WITHOUT ROWID"
    )
    connection.exec_driver_sql("DELETE FROM temp.proposed")
    base = revisions.current(connection)
    renamed_all = renames(base.flow, flow) if base is not None else Renames()
    renamed = renamed_all.tunnels
    rows = route_rows(flow, known(connection, renamed_all).tunnels, now)
    order = list(flow.tunnels.values())
    if rows:
        old = {new: id_ for id_, new in renamed.items()}  # the journal still has a renamed tunnel under its old id
        connection.execute(
            insert(_proposed), [{**row, "tunnel": old.get(row["tunnel"], row["tunnel"])} for row in rows]
        )
        deal = _deals(connection, flow)
        route = _proposed.alias("r")
        ground = Ground(deal.join(route, route.c.stage == deal.c.stage), deal, route, deal.c.seq)
        moment = judge_parameters(flow, now)
        for mine in chunked({at: tunnel for at, tunnel in enumerate(order) if tunnel.mode is not Mode.OFF}).values():
            judged = judging(flow, mine, ground).subquery("judged")
            ready = select(judged).where(judged.c.verdict == int(Verdict.READY))
            statement = insert(candidates).from_select([column.name for column in candidates.c], ready)
            connection.execute(statement, moment)
    counts = _counts(connection)
    waiting = select(tunnels.c.id).where(or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None)))
    asleep = {renamed.get(id_, id_) for id_ in connection.execute(waiting).scalars()}
    return {tunnel.id: 0 if tunnel.id in asleep else counts.get(at, 0) for at, tunnel in enumerate(order)}


def _deals(connection: Connection, flow: Flow) -> Subquery:
    """The live deals with the columns that the flow declares; a field that has no column yet is at its default."""
    present = {column["name"] for column in inspect(connection).get_columns("deals")}
    table = deals_table(flow)
    columns = [table.c[column.name] for column in builtin_columns()]
    for field in flow.fields.values():
        if field.id in present:
            columns.append(table.c[field.id])
        else:
            value = null() if field.default is None else expressions.literal(field.default, field.type)
            columns.append(value.label(field.id))  # type: ignore[arg-type]
    return select(*columns).subquery("d")


def _counts(connection: Connection) -> dict[int, int]:
    first = (
        select(func.min(candidates.c.pos).label("pos"))
        .where(candidates.c.kind == Route.MOVE.value)
        .group_by(candidates.c.ord)
        .subquery("first")
    )
    moves = select(first.c.pos, func.count()).group_by(first.c.pos)
    others = (
        select(candidates.c.pos, func.count()).where(candidates.c.kind != Route.MOVE.value).group_by(candidates.c.pos)
    )
    return {pos: count for statement in (moves, others) for pos, count in connection.execute(statement)}
