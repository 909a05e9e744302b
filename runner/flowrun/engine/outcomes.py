"""Two futures side by side, one without a plan and one with it, and what of it is the plan's doing, as figures.

Temporary tables of the scratch's connection; every comparison is one statement over them, however many deals there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    MetaData,
    Table,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.schema import CreateTable

from flowrun.engine.judge import Route
from flowrun.flow.model import Action
from flowrun.plan import Figure
from flowrun.store.tables import Number, Text, aliased, deals_table, firings, routes, tunnels
from flowrun.store.upsert import upsert

_temporary = MetaData()


class Side(IntEnum):
    """Which of the two futures."""

    WITHOUT = 0
    WITH = 1


done = Table(
    "done",
    _temporary,
    Column("side", Integer, primary_key=True),
    Column("deal", Text, primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("tunnel", Text, primary_key=True),
    Column("shadow", Integer, primary_key=True),
    Column("seq", Number, nullable=False),
    Column("action", Text, nullable=False),
    Column("from_stage", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("target", Text),
)
"""The firings of a future, of any result."""

waits = Table(
    "waits",
    _temporary,
    Column("side", Integer, primary_key=True),
    Column("deal", Text, primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("tunnel", Text, primary_key=True),
    Column("seq", Number, nullable=False),
    Column("wake_at", BigInteger, nullable=False),
)
"""What waits for time at a future's end."""

seen = Table(
    "seen",
    _temporary,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("result", Text),
)
"""The journal before a future: the last row's seq (result null), and minus the seq of each row that may change."""

outcome = Table(
    "outcome",
    _temporary,
    Column("figure", Text, primary_key=True),
    Column("tunnel", Text, primary_key=True),
    Column("deal", Text, primary_key=True),
    Column("entry", Integer, primary_key=True),
    Column("seq", Number, nullable=False),
)
"""Which entry of which deal counts for which figure of which tunnel."""

left = Table(
    "left_won",
    _temporary,
    Column("side", Integer, primary_key=True),
    Column("seq", Number, primary_key=True),
)
"""The live deals that have left a won stage at a future's end."""

_WITHOUT_ROWID = frozenset({done, waits, outcome})


def create(connection: Connection) -> None:
    """Make the tables on this connection."""
    for table in _temporary.sorted_tables:
        made = str(CreateTable(table).compile(connection)).replace("CREATE TABLE", "CREATE TEMP TABLE")
        tail = " WITHOUT ROWID" if table in _WITHOUT_ROWID and connection.dialect.name == "sqlite" else ""
        connection.exec_driver_sql(made + tail)


def compare(connection: Connection, live_deals: FromClause) -> None:
    """Fill `outcome`: everything but what is skipped, which is no matter of futures."""
    fired, before = aliased(done, "b"), aliased(done, "a")
    wait, waited = aliased(waits, "wb"), aliased(waits, "wa")
    is_fired = and_(fired.c.side == int(Side.WITH), fired.c.result.in_(["fired", "shadow"]))
    was_waiting = waited.c.side == int(Side.WITHOUT)
    still_waits = exists().where(wait.c.side == int(Side.WITH), _same(wait, waited))
    at_another_time = exists().where(
        wait.c.side == int(Side.WITH), _same(wait, waited), wait.c.wake_at != waited.c.wake_at
    )
    came_to_pass = exists().where(fired.c.side == int(Side.WITH), _same(fired, waited))
    of_a_live_entry = exists().where(live_deals.c.id == waited.c.deal, live_deals.c.entry == waited.c.entry)
    _count(connection, Figure.NOW, fired, is_fired)
    _count(connection, Figure.ALREADY_DUE, fired, is_fired, already_due(fired, before))
    _count(connection, Figure.WAITING, wait, wait.c.side == int(Side.WITH))
    waited_before = exists().where(waited.c.side == int(Side.WITHOUT), _same(waited, wait))
    _count(connection, Figure.NEWLY_WAITING, wait, wait.c.side == int(Side.WITH), ~waited_before)
    held = exists().where(
        tunnels.c.id == waited.c.tunnel, or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None))
    )
    _count(connection, Figure.CANCELLED, waited, was_waiting, of_a_live_entry, ~still_waits, ~came_to_pass, ~held)
    _count(connection, Figure.RETIMED, waited, was_waiting, at_another_time)


def skip(connection: Connection, live_deals: FromClause, tunnel: str, stages: Sequence[str], now: int) -> None:
    """Count the live deals that stand in these stages since before `now` as skipped by that tunnel."""
    deal = live_deals.c
    rows = select(literal(str(Figure.SKIPPED), Text), literal(tunnel, Text), deal.id, deal.entry, deal.seq)
    rows = rows.where(deal.stage.in_(stages), deal.entered_at < now)
    connection.execute(insert(outcome).from_select(["figure", "tunnel", "deal", "entry", "seq"], rows))


def keep_left(
    connection: Connection, live_deals: FromClause, side: Side, won_before: Sequence[str], won_after: Sequence[str]
) -> None:
    """Keep which live deals, in a won stage before, have left for one that isn't when a future is at its end."""
    mine = deals_table(None)
    rows = (
        select(literal(int(side), Integer), live_deals.c.seq)
        .select_from(mine.join(live_deals, live_deals.c.seq == mine.c.seq))
        .where(live_deals.c.stage.in_(won_before), mine.c.entry != live_deals.c.entry, mine.c.stage.not_in(won_after))
    )
    connection.execute(insert(left).from_select(["side", "seq"], rows))


def left_won(connection: Connection) -> int:
    """How many live deals leave a won stage with the plan and not without it."""
    other = aliased(left, "other")
    without = exists().where(other.c.side == int(Side.WITHOUT), other.c.seq == left.c.seq)
    rows = select(func.count()).select_from(left).where(left.c.side == int(Side.WITH), ~without)
    return int(connection.execute(rows).scalar_one())


def moved(connection: Connection) -> int:
    """How many deals are moved with the plan, each once, those that are due anyway among them."""
    return _fired(connection, Action.MOVE, func.count(done.c.target.distinct()))


def copied(connection: Connection) -> int:
    """How many copies are made with the plan, those that are due anyway among them."""
    return _fired(connection, Action.COPY, func.count())


def fired(connection: Connection) -> int:
    """How many firings move or copy with the plan."""
    return _fired(connection, None, func.count())


def passages(connection: Connection, most: int) -> list[tuple[str | None, str, str | None, str, str, str]]:
    """The first firings with the plan that move or copy: tunnel, deal, its title, from, to, action.

    The deal is the one that is moved or copied; of a move of the origin, the stage is that of the deal that fired.
    """
    deal, row = aliased(deals_table(None), "d"), aliased(firings, "f")
    which = case((done.c.action == str(Action.MOVE), done.c.target), else_=done.c.deal)
    same = (row.c.deal == done.c.deal, row.c.entry == done.c.entry, row.c.tunnel == done.c.tunnel, row.c.shadow == 0)
    rows = (
        select(done.c.tunnel, which, deal.c.title, done.c.from_stage, row.c.to_stage, done.c.action)
        .select_from(done.join(row, and_(*same)).outerjoin(deal, deal.c.id == which))
        .where(done.c.side == int(Side.WITH), done.c.result == "fired")
        .order_by(row.c.seq)
        .limit(most)
    )
    return [tuple(found) for found in connection.execute(rows)]


def _fired(connection: Connection, action: Action | None, what: ColumnElement[int]) -> int:
    mine = [done.c.side == int(Side.WITH), done.c.result == "fired"]
    mine += [done.c.action == str(action)] if action is not None else []
    return int(connection.execute(select(what).select_from(done).where(*mine)).scalar_one())


def touched(connection: Connection, live_deals: FromClause, relocated_from: Sequence[str]) -> int:
    """How many live deals are moved, copied or relocated with the plan and wouldn't be without it, each once."""
    one, before = aliased(done, "b"), aliased(done, "a")
    acted = case((one.c.action == str(Action.MOVE), one.c.target), else_=one.c.deal)
    ids = select(acted).where(one.c.side == int(Side.WITH), one.c.result == "fired", ~already_due(one, before))
    concerned = or_(live_deals.c.id.in_(ids), live_deals.c.stage.in_(relocated_from))
    return int(connection.execute(select(func.count()).select_from(live_deals).where(concerned)).scalar_one())


def taken_though_existing(connection: Connection, live_deals: FromClause) -> int:
    """How many deals tunnels of `existing: include` take now or make wait, that entered before they went live."""
    one, before = aliased(done, "b"), aliased(done, "a")
    wait, waited, deal = aliased(waits, "wb"), aliased(waits, "wa"), aliased(deals_table(None), "d")
    taken = (
        select(one.c.deal.label("deal"), one.c.entry.label("entry"), routes.c.live_at.label("live_at"))
        .select_from(one.join(routes, and_(routes.c.tunnel == one.c.tunnel, routes.c.stage == one.c.from_stage)))
        .where(one.c.side == int(Side.WITH), one.c.result == "fired", ~already_due(one, before), routes.c.include == 1)
    )
    waited_before = exists().where(waited.c.side == int(Side.WITHOUT), _same(waited, wait))
    waiting = (
        select(wait.c.deal, wait.c.entry, routes.c.live_at)
        .select_from(
            wait.join(deal, deal.c.id == wait.c.deal).join(
                routes, and_(routes.c.tunnel == wait.c.tunnel, routes.c.stage == deal.c.stage)
            )
        )
        .where(
            wait.c.side == int(Side.WITH), ~waited_before, routes.c.include == 1, routes.c.kind != Route.SHADOW.value
        )
    )
    both = union_all(taken, waiting).subquery("both")
    rows = select(func.count(live_deals.c.seq.distinct())).select_from(
        both.join(live_deals, and_(live_deals.c.id == both.c.deal, live_deals.c.entry == both.c.entry))
    )
    return int(connection.execute(rows.where(live_deals.c.entered_at < both.c.live_at)).scalar_one())


def already_due(fired: FromClause, before: FromClause) -> ColumnElement[bool]:
    """Whether that firing of the future with the plan happens in the one without it too (`before`: `done` again)."""
    alike = and_(before.c.shadow == fired.c.shadow, before.c.result == fired.c.result)
    return exists().where(before.c.side == int(Side.WITHOUT), _same(before, fired), alike)


def later(connection: Connection) -> dict[str, tuple[int, int]]:
    """By tunnel, the least and the most milliseconds by which its retimed deals are due later (negative: earlier)."""
    wait, waited = aliased(waits, "wb"), aliased(waits, "wa")
    shift = wait.c.wake_at - waited.c.wake_at
    rows = (
        select(wait.c.tunnel, func.min(shift), func.max(shift))
        .select_from(wait.join(waited, _same(wait, waited)))
        .where(wait.c.side == int(Side.WITH), waited.c.side == int(Side.WITHOUT), shift != 0)
        .group_by(wait.c.tunnel)
    )
    return {tunnel: (least, most) for tunnel, least, most in connection.execute(rows)}


def counts(connection: Connection) -> dict[tuple[str, Figure], int]:
    """How many entries count for each tunnel and figure; no zeros."""
    rows = select(outcome.c.tunnel, outcome.c.figure, func.count()).group_by(outcome.c.tunnel, outcome.c.figure)
    return {(tunnel, Figure(figure)): count for tunnel, figure, count in connection.execute(rows)}


def samples(connection: Connection, most: int) -> dict[tuple[str, Figure], tuple[str, ...]]:
    """Ids of at most so many deals of each tunnel and figure, in the order of their creation."""
    if not most:
        return {}
    each = select(outcome.c.figure, outcome.c.tunnel, outcome.c.deal, outcome.c.seq).distinct().subquery("each")
    row = func.row_number().over(partition_by=(each.c.figure, each.c.tunnel), order_by=each.c.seq)
    numbered = select(*each.c, row.label("number")).subquery("numbered")
    rows = select(numbered.c.tunnel, numbered.c.figure, numbered.c.deal).where(numbered.c.number <= most)
    found: dict[tuple[str, Figure], tuple[str, ...]] = {}
    for tunnel, figure, deal in connection.execute(
        rows.order_by(numbered.c.tunnel, numbered.c.figure, numbered.c.number)
    ):
        key = tunnel, Figure(figure)
        found[key] = (*found.get(key, ()), deal)
    return found


_HALF = 1_000_000_000


def sums(
    connection: Connection, value: ColumnElement[int], deals: FromClause, which: ColumnElement[bool]
) -> dict[tuple[str, Figure], int]:
    """The exact sums of a column of integers over the deals of each tunnel and figure; NULL counts for nothing.

    `deals` is the table that has them, and `which` says which of its rows count. They are summed in two halves, since
    the whole may be more than the database's integers hold.
    """
    rows = (
        select(outcome.c.tunnel, outcome.c.figure, func.sum((value - value % _HALF) // _HALF), func.sum(value % _HALF))
        .select_from(outcome.join(deals, deals.c.id == outcome.c.deal))
        .where(which)
        .group_by(outcome.c.tunnel, outcome.c.figure)
    )
    return {
        (tunnel, Figure(figure)): int(high or 0) * _HALF + int(low or 0)
        for tunnel, figure, high, low in connection.execute(rows)
    }


def _same(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.deal == other.c.deal, one.c.entry == other.c.entry, one.c.tunnel == other.c.tunnel)


def _count(connection: Connection, figure: Figure, table: FromClause, *which: ColumnElement[bool]) -> None:
    rows = select(literal(str(figure), Text), table.c.tunnel, table.c.deal, table.c.entry, table.c.seq).where(*which)
    columns = ["figure", "tunnel", "deal", "entry", "seq"]
    statement = upsert(outcome).from_select(columns, rows).on_conflict_do_nothing()
    connection.execute(statement)
