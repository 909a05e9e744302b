"""Claiming: the next deals to look at, taken into the working table `batch` in the order of semantics.md.

A batch never spans two rounds of the present instant. On SQLite whoever writes is alone, so claiming is reading. On
PostgreSQL many runners claim at once: each takes the deals that no other has, and locks them, rows of the queue and of
`deals` both, until its transaction ends; what it then reads of them stays as it is. Deals that someone else is writing
are left for a later tick.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Integer, and_, func, insert, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from flowrun.engine.batch import batch
from flowrun.engine.effects import NOW
from flowrun.engine.left import Way
from flowrun.engine.statement import Statement, parameter
from flowrun.store.tables import deals_table, queue

_SIZE = parameter("size", Integer)
_ROUND = parameter("round", Integer)
_ORDER = (queue.c.wake_at, queue.c.round, queue.c.deal)
_PAST = and_(queue.c.wake_at <= NOW, or_(queue.c.wake_at < NOW, queue.c.round == 0))
_OF_ROUND = and_(queue.c.wake_at == NOW, queue.c.round == _ROUND)
_FIRST = Statement(
    select(queue.c.wake_at, queue.c.round, queue.c.deal).where(queue.c.wake_at <= NOW).order_by(*_ORDER).limit(1)
)
_CLAIM_PAST, _CLAIM_ROUND = (
    Statement(insert(batch).from_select(["deal"], select(queue.c.deal).where(which).order_by(*_ORDER).limit(_SIZE)))
    for which in (_PAST, _OF_ROUND)
)


class Claim(NamedTuple):
    """What a tick took: deals of that round, so many, and which (by seq) where it is one; None: several, or none."""

    round: int = 0
    deals: int = 0
    alone: int | None = None


def claimed(connection: Connection, now: int, size: int, left: Sequence[int] = ()) -> Claim | None:
    """Take at most `size` deals, in order, of one round, into the empty batch; None when none is awake (and free).

    Those `left` (by seq) are passed over, where others work beside this runner.
    """
    if connection.dialect.name == "postgresql":
        return _claimed_beside_others(connection, now, size, list(left))
    first = _FIRST.run(connection, now=now).one_or_none()
    if first is None:
        return None
    wake_at, round_, deal = first
    if wake_at < now or round_ == 0:
        round_, taken = 0, _CLAIM_PAST.run(connection, now=now, size=size).rowcount
    else:
        taken = _CLAIM_ROUND.run(connection, now=now, round=round_, size=size).rowcount
    return Claim(round_, taken, deal if taken == 1 else None)


_MOST_HELD = 100
"""Deals that others have one by one. Where they have more, those are other runners' batches, done in a moment."""
_deals = deals_table(None)
_LEFT = parameter("left", ARRAY(BigInteger))
_NOT_LEFT = queue.c.deal != func.all(_LEFT)
_FIRST_FREE = Statement(
    select(queue.c.wake_at, queue.c.round)
    .where(queue.c.wake_at <= NOW, _NOT_LEFT)
    .order_by(*_ORDER)
    .limit(1)
    .with_for_update(skip_locked=True)
)


def _locked(which: ColumnElement[bool]) -> Statement:
    """INSERT the free deals into `batch`, locked; SELECT how many they are, and the last of them by seq."""
    free = (
        select(queue.c.deal, queue.c.wake_at, queue.c.round)
        .select_from(queue.join(_deals, _deals.c.seq == queue.c.deal))
        .where(which, _NOT_LEFT)
        .order_by(*_ORDER)
        .limit(_SIZE)
        .with_for_update(skip_locked=True)
        .cte("free")
    )
    number = func.row_number().over(order_by=(free.c.wake_at, free.c.round, free.c.deal))
    numbered = insert(batch).from_select(["ord", "deal"], select(number, free.c.deal))
    taken = numbered.returning(batch.c.deal).cte("taken")
    return Statement(select(func.count(), func.max(taken.c.deal)).select_from(taken))


_LOCK_PAST, _LOCK_ROUND = _locked(_PAST), _locked(_OF_ROUND)


_HELD = Statement(
    select(queue.c.deal, queue.c.wake_at, queue.c.round)
    .where(queue.c.wake_at <= NOW, _NOT_LEFT)
    .order_by(*_ORDER)
    .limit(_MOST_HELD + 1)
)
_NEXT = Statement(select(func.min(queue.c.wake_at)))
_NEXT_BESIDE = Statement(select(func.min(queue.c.wake_at)).where(_NOT_LEFT))


def next_wake(connection: Connection, left: Sequence[int]) -> int | None:
    """The next instant (ms) at which one of the deals that aren't `left` must be looked at; None: all wait for data."""
    found: int | None = (_NEXT_BESIDE.run(connection, left=left) if left else _NEXT.run(connection)).scalar_one()
    return found


def held(connection: Connection, now: int, left: Sequence[int]) -> Collection[Way]:
    """The deals that are awake, and that others have, where none of those that aren't `left` could be claimed.

    None where they are many.
    """
    if connection.dialect.name != "postgresql":
        return ()
    found = _HELD.run(connection, now=now, left=left).all()
    return [tuple(row) for row in found] if len(found) <= _MOST_HELD else ()


def _claimed_beside_others(connection: Connection, now: int, size: int, left: list[int]) -> Claim | None:
    """Nearly always there is something of the past, or of the first round, so that is what is tried at once."""
    round_, (taken, last) = 0, _LOCK_PAST.run(connection, now=now, size=size, left=left).one()
    if not taken and size:
        first = _FIRST_FREE.run(connection, now=now, left=left).one_or_none()
        if first is None or first.wake_at < now or first.round == 0:
            return None
        round_ = first.round
        taken, last = _LOCK_ROUND.run(connection, now=now, round=round_, size=size, left=left).one()
        if not taken:
            return None
    return Claim(round_, taken, last if taken == 1 else None)
