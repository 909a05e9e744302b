"""What would happen in a scratch if its applied revision ran until idle at one instant: firings, and what then waits.

Kept in temporary tables of the scratch's connection, so that two futures, without a plan and with it, can be compared
there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, Integer, Text, case, cast, func, insert, literal, or_, select

from flowrun.engine.guards import Beyond
from flowrun.engine.judge import judge_parameters
from flowrun.engine.outcomes import Side, done, seen, waits
from flowrun.engine.pending import for_time
from flowrun.engine.rules import Rules, chunked, rules_of
from flowrun.engine.runner import LARGEST
from flowrun.engine.tick import Ticker
from flowrun.flow.model import Flow, Mode, Reason
from flowrun.store.connection import Transaction
from flowrun.store.postgresql import planned_by_key
from flowrun.store.tables import aliased, deals_table, firings, queue

_CHANGEABLE = ("parked", "declined")
"""Results of journal rows that another firing may take the place of (`act.rejournal`)."""

_AT_ONCE = {"sqlite": LARGEST, "postgresql": 10 * LARGEST}
"""The most deals of a batch. On PostgreSQL each batch passes over all that was played before it: nothing is vacuumed
within a transaction."""


def is_awake(connection: Connection, now: int) -> bool:
    """Whether anything would happen at all."""
    return connection.execute(select(queue.c.deal).where(queue.c.wake_at <= now).limit(1)).first() is not None


_SAME: Mapping[str, str] = {}


def play(
    connection: Connection,
    flow: Flow,
    now: int,
    side: Side,
    beyond: Beyond,
    progress: Callable[[int], None],
    names: Mapping[str, str] = _SAME,
) -> None:
    """Run until idle, and keep what fired and what waits under that side.

    `flow` is the scratch's applied one. `names` maps its tunnels' ids to those that they are kept under; an id that is
    missing is kept as it is.
    """
    _remember_journal(connection)
    looked = 0

    def compiled(number: int, _text: str) -> Rules:
        return rules_of(number, flow, beyond)

    ticker = Ticker(connection, compiled)
    transaction = Transaction(connection, now)
    size = _AT_ONCE[connection.dialect.name]
    with planned_by_key(connection):
        while is_awake(connection, now) and (tick := ticker.tick(transaction, size)) is not None:
            looked += tick.looked
            progress(looked)
    _keep_firings(connection, side, names)
    keep_waits(connection, flow, now, side, names)


def _remember_journal(connection: Connection) -> None:
    """The rows that another firing may take the place of; every other firing is a row of its own, and new."""
    connection.exec_driver_sql("DELETE FROM seen")
    last = select(func.coalesce(func.max(firings.c.seq), 0), literal(None, Text))
    connection.execute(insert(seen).from_select(["seq", "result"], last))
    old = select(-firings.c.seq, firings.c.result).where(firings.c.result.in_(_CHANGEABLE))
    connection.execute(insert(seen).from_select(["seq", "result"], old))


def _keep_firings(connection: Connection, side: Side, names: Mapping[str, str]) -> None:
    deals = deals_table(None)
    last = select(func.max(seen.c.seq)).where(seen.c.result.is_(None)).scalar_subquery()
    tunnel = firings.c.tunnel
    rows = (
        select(
            literal(int(side), Integer),
            firings.c.deal,
            firings.c.entry,
            case(dict(names), value=tunnel, else_=tunnel) if names else tunnel,
            firings.c.shadow,
            deals.c.seq,
            firings.c.action,
            firings.c.from_stage,
            firings.c.result,
            firings.c.target,
        )
        .select_from(firings.join(deals, deals.c.id == firings.c.deal).outerjoin(seen, seen.c.seq == -firings.c.seq))
        .where(or_(firings.c.seq > last, seen.c.result != firings.c.result))
    )
    connection.execute(insert(done).from_select([column.name for column in done.c], rows))


def keep_waits(connection: Connection, flow: Flow, now: int, side: Side, names: Mapping[str, str] = _SAME) -> None:
    """Keep what waits for time in the scratch, as `pending` tells it, under that side."""
    if connection.execute(select(queue.c.deal).limit(1)).first() is None:
        return
    deals = aliased(deals_table(flow), "d")
    named = aliased(deals_table(flow), "of")
    order = list(flow.tunnels.values())
    moment = judge_parameters(flow, now)
    for mine in chunked({at: one for at, one in enumerate(order) if one.mode is not Mode.OFF}).values():
        found = for_time(flow, mine, deals).subquery("found")
        tunnel = case({at: names.get(one.id, one.id) for at, one in mine.items()}, value=found.c.pos)
        rows = (
            select(
                literal(int(side), Integer),
                found.c.id,
                named.c.entry,
                cast(tunnel, Text),
                found.c.seq,
                found.c.wake_at,
            )
            .select_from(found.join(named, named.c.seq == found.c.seq))
            .where(found.c.waits_for != Reason.CONDITION.value)
        )
        connection.execute(insert(waits).from_select([column.name for column in waits.c], rows), moment)
