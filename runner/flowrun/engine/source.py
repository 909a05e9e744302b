"""The source in the store: one row about the place where deals live, its counter, and the budget of all runners.

The counter tells old news from new without a clock: what was asked for at one number knows nothing of a call that was
settled at a higher one. The budget is a token bucket, filled up whenever someone looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from flowrun.flow.codec import source_digest
from flowrun.flow.model import Flow
from flowrun.store.connection import Transaction
from flowrun.store.tables import bad_records, deals_table, rereads, sources

_THOUSAND = 1000
"""Tokens are counted in thousandths, so that a call a second is one of these a millisecond."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a source may be asked by all runners together: `per_second` times (null: any), `burst` at once. A batch
    of orders is asked for once, and so are changes."""

    per_second: float | None = None
    burst: int = 1


def ask(transaction: Transaction, flow: Flow, budget: Budget) -> int:
    """Take one call from the source's budget, to ask for changes; 0, or how many ms until there is one."""
    connection, now = transaction.connection, transaction.now
    known = locked_source(connection, flow)
    if known is None:
        return 0
    if known.paused_until is not None and known.paused_until > now:
        return int(known.paused_until - now)
    if not allowance(known, budget, now):
        return next_token(known, budget, now) - now
    if budget.per_second is not None:
        spend(connection, known, budget, 1, now)
    return 0


def next_number(connection: Connection, flow: Flow) -> int:
    """Raise the counter of the applied source, and what it is then; 0 where there is none."""
    mine = sources.c.id == source_digest(flow.source)
    raised = connection.execute(
        update(sources).where(mine).values(counter=sources.c.counter + 1).returning(sources.c.counter)
    ).scalar()
    return int(raised or 0)


def provide_source(connection: Connection, flow: Flow, base: Flow | None) -> None:
    """Have the row of the flow's source, and of no other: what was known of another place is forgotten. `base` is what
    was applied before (null: nothing); where it took other deals as deleted, a full read is due."""
    id_ = source_digest(flow.source)
    gone = connection.execute(delete(sources).where(sources.c.id != id_)).rowcount
    if gone or not flow.source.elsewhere:
        for table in (rereads, bad_records):
            connection.execute(delete(table))
    if not flow.source.elsewhere:
        connection.execute(delete(sources))
    elif connection.execute(select(sources.c.id).where(sources.c.id == id_)).first() is None:
        connection.execute(insert(sources).values(id=id_, type=flow.source.type, counter=_latest()))
    elif base is not None and base.rails.deleted != flow.rails.deleted:
        connection.execute(update(sources).where(sources.c.id == id_).values(whole_at=None))


def _latest() -> Any:
    """The counter goes on where that of another source ended, as far as any deal remembers it."""
    return select(func.coalesce(func.max(deals_table(None).c._settled), 0)).scalar_subquery()


def locked_source(connection: Connection, flow: Flow) -> Any:
    """The row of the flow's source, locked until the transaction ends; None where another one is applied."""
    statement = select(sources).where(sources.c.id == source_digest(flow.source))
    if connection.dialect.name == "postgresql":
        statement = statement.with_for_update()
    return connection.execute(statement).one_or_none()


def _tokens(known: Any, budget: Budget, now: int) -> float:
    full = max(1, budget.burst) * _THOUSAND
    if known.tokens is None or budget.per_second is None:
        return full
    return min(full, float(known.tokens + max(0, now - known.refilled_at) * budget.per_second))


def allowance(known: Any, budget: Budget, now: int) -> int:
    """How many calls may be made now."""
    return 2**31 if budget.per_second is None else int(_tokens(known, budget, now)) // _THOUSAND


def next_token(known: Any, budget: Budget, now: int) -> int:
    """When there will be a token again, if nobody takes it before (ms, UTC)."""
    lacking = _THOUSAND - _tokens(known, budget, now)
    return now + max(1, math.ceil(lacking / (budget.per_second or math.inf)))


def spend(connection: Connection, known: Any, budget: Budget, count: int, now: int) -> None:
    """Take so many tokens; there must be as many."""
    left = int(_tokens(known, budget, now)) - count * _THOUSAND
    connection.execute(update(sources).where(sources.c.id == known.id).values(tokens=left, refilled_at=now))
