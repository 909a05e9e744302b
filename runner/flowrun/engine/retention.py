"""Retention: old history goes, what exactly-once rests on stays.

A row of the journal may go when all of this holds:

- it is older than the retention, and than every window that the flow counts in (`limits.per`, breakers);
- it isn't of its deal's present entry, so nothing can fire by its absence, or be retried;
- there is a later row of the same deal. A deal that is deleted and made anew goes on counting its entries after the
  highest of the journal, and the ids of copies are made of these numbers: no number may ever come twice;
- it isn't `pending`: what is on its way to where deals live needs it;
- it isn't a `fired` of a tunnel that has, or last had, `once: deal`. A tunnel that only later becomes so counts what
  the journal then still remembers.

A revision may go when another took its place before the retention, no row that stays was written under it, and no
tunnel had its `once: deal` there last. What breakers counted (`activity`) may go once it is out of every window, and
what webhooks were told in vain once it is older than the retention.

Rows go in batches, each a short write transaction in which all of this is asked anew, so runners go on meanwhile and
an interruption leaves nothing half done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, not_, or_, select

from flowrun.calendars.durations import Duration
from flowrun.calendars.zones import zone
from flowrun.engine.deliveries import DEAD
from flowrun.engine.journalling import PENDING
from flowrun.flow.codec import once_per_deal
from flowrun.flow.model import Flow
from flowrun.store import revisions, runners
from flowrun.store.connection import Store
from flowrun.store.tables import activity, aliased, calls, deals_table, deliveries, existing, firings, flowrun
from flowrun.store.tables import revisions as revisions_table

BATCH = 20_000
"""Rows of the journal that one transaction looks at: a tenth of a second, about."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """How much may go, or went: rows of the journal, revisions, instants that breakers remembered, runners that have
    gone (however lately), and firings that webhooks were told in vain.

    `before` is the instant (ms, UTC) up to which history is old, local to `timezone`.
    """

    before: int
    timezone: str
    firings: int = 0
    revisions: int = 0
    activity: int = 0
    runners: int = 0
    deliveries: int = 0

    def __bool__(self) -> bool:
        return bool(self.firings or self.revisions or self.activity or self.runners or self.deliveries)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What retention depends on, under the applied revision `number`. `lasting` are the tunnels of `once: deal`, and
    `telling` the revisions that say so last."""

    number: int
    flow: Flow
    lasting: frozenset[str]
    telling: frozenset[int]


def doomed(store: Store, age: Duration) -> Doomed:
    """What is older than that, and may go now. Raises WorkFailed where no revision is applied."""
    now = store.clock.now()
    with store.read() as connection:
        terms = _terms(connection)
        before = _before(terms.flow, age, now)
        old = _old(terms, before, now)
        rows = connection.execute(select(func.count()).select_from(firings).where(old)).scalar_one()
        told = set(connection.execute(select(firings.c.revision).where(not_(old)).distinct()).scalars())
        idle = connection.execute(select(func.count()).select_from(activity).where(_idle(terms, before, now)))
        return Doomed(
            before,
            terms.flow.timezone,
            rows,
            len(_superseded(connection, terms, before) - told),
            idle.scalar_one(),
            sum(runner.gone(now) for runner in runners.registered(connection)),
            connection.execute(select(func.count()).select_from(deliveries).where(_dead(before))).scalar_one(),
        )


def prune(store: Store, age: Duration) -> Doomed:
    """Let it go, in batches; what went. Raises WorkFailed where no revision is applied."""
    with store.read() as connection:
        terms = _terms(connection)
        last = connection.execute(select(func.coalesce(func.max(firings.c.seq), 0))).scalar_one()
    before = _before(terms.flow, age, store.clock.now())
    gone = Doomed(before, terms.flow.timezone)
    for low in range(0, last, BATCH):
        with store.write() as transaction:
            terms = _fresh(transaction.connection, terms)
            these = firings.c.seq.between(low + 1, low + BATCH)
            rows = transaction.connection.execute(
                delete(firings).where(these, _old(terms, before, transaction.now))
            ).rowcount
        gone = replace(gone, firings=gone.firings + rows)
    with store.read() as connection:
        told = set(connection.execute(select(firings.c.revision).distinct()).scalars())
    with store.write() as transaction:
        connection = transaction.connection
        terms = _fresh(connection, terms)
        # Rows are written under the applied revision alone, so none has come to tell of these since.
        numbers = _superseded(connection, terms, before) - told
        connection.execute(delete(revisions_table).where(revisions_table.c.number.in_(sorted(numbers))))
        idle = connection.execute(delete(activity).where(_idle(terms, before, transaction.now))).rowcount
        connection.execute(delete(existing).where(not_(_stands())))
        connection.execute(delete(calls).where(not_(exists().where(firings.c.seq == calls.c.firing))))
        left = runners.forget_gone(connection, transaction.now)
        letters = connection.execute(delete(deliveries).where(_dead(before))).rowcount
    return replace(gone, revisions=len(numbers), activity=idle, runners=left, deliveries=letters)


def _before(flow: Flow, age: Duration, now: int) -> int:
    return zone(flow.timezone).shift(now, replace(age, days=-age.days, ms=-age.ms))


def _terms(connection: Connection) -> _Terms:
    current = revisions.applied(connection)
    lasting: set[str] = set()
    telling: set[int] = set()
    kept = select(revisions_table.c.number, revisions_table.c.flow).order_by(revisions_table.c.number.desc())
    renamed: dict[str, str] = {}
    for number, text in connection.execute(kept):
        once, moved = once_per_deal(text)
        now = once | {renamed[id_] for id_ in once if id_ in renamed}
        if now - lasting:
            telling.add(number)
        lasting |= now
        renamed |= {old: renamed.get(new, new) for old, new in moved.items() if old not in renamed}
    return _Terms(current.number, current.flow, frozenset(lasting), frozenset(telling))


def _fresh(connection: Connection, terms: _Terms) -> _Terms:
    number = connection.execute(select(flowrun.c.revision)).scalar_one()
    return terms if number == terms.number else _terms(connection)


def _old(terms: _Terms, before: int, now: int) -> ColumnElement[bool]:
    """Whether a row of the journal may go."""
    deal, later = aliased(deals_table(None), "d"), aliased(firings, "later")
    windows = [terms.flow.limits.per, *(one.breaker.per for one in terms.flow.tunnels.values() if one.breaker)]
    present = exists().where(deal.c.id == firings.c.deal, deal.c.entry == firings.c.entry)
    followed = exists().where(
        later.c.deal == firings.c.deal,
        or_(
            later.c.entry > firings.c.entry,
            and_(later.c.entry == firings.c.entry, later.c.seq > firings.c.seq),
        ),
    )
    lasting = and_(firings.c.result == "fired", firings.c.tunnel.in_(sorted(terms.lasting)))
    over = and_(firings.c.fired_at < min(before, now - max(windows)), firings.c.result != PENDING)
    return and_(over, not_(lasting), followed, not_(present))


def _idle(terms: _Terms, before: int, now: int) -> ColumnElement[bool]:
    """Whether what a breaker remembers may go."""
    windows = {one.id: one.breaker.per for one in terms.flow.tunnels.values() if one.breaker}
    inside = [and_(activity.c.tunnel == id_, activity.c.at > now - per) for id_, per in windows.items()]
    return and_(activity.c.at < before, not_(or_(*inside)) if inside else activity.c.at.is_not(None))


def _dead(before: int) -> ColumnElement[bool]:
    """Whether it was told in vain, of a firing before that."""
    return and_(deliveries.c.state == DEAD, deliveries.c.fired_at < before)


def _stands() -> ColumnElement[bool]:
    """Whether the entry that a merged stage's existing deal had then is still its present one."""
    deal = aliased(deals_table(None), "d")
    return exists().where(deal.c.seq == existing.c.deal, deal.c.entry == existing.c.entry)


def _superseded(connection: Connection, terms: _Terms, before: int) -> set[int]:
    """The revisions that others took the place of before that, and that nothing but the journal may need."""
    every = select(revisions_table.c.number, revisions_table.c.applied_at).order_by(revisions_table.c.number)
    rows = connection.execute(every).all()
    over = {one.number for one, after in pairwise(rows) if after.applied_at < before}
    return over - terms.telling - {terms.number}
