"""A tick: claim → judge → settle → act → requeue, one transaction under one revision, with one `now`.

The number of statements depends on the tunnels of the batch's stages, never on the number of deals. Nothing is held
between ticks, so a runner that dies needs no recovery.

A batch is cut where its order would no longer be that of deals taken one by one. Deals that acted are looked at again
at the same instant in the next round, so a batch never spans two rounds of the present instant.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, or_, select

from flowrun.engine import batch as working
from flowrun.engine.alone import lock_counters
from flowrun.engine.batch import acts, batch
from flowrun.engine.batch import rules as rules_table
from flowrun.engine.claim import claimed
from flowrun.engine.gather import settled
from flowrun.engine.judge import judge_parameters
from flowrun.engine.outgoing import Outgoing, coming, remember_waiting
from flowrun.engine.rules import Rules, rules_of
from flowrun.engine.statement import Statement
from flowrun.flow.codec import loads
from flowrun.store.connection import Transaction
from flowrun.store.tables import flowrun, queue, revisions, tunnels, version

_CLAIMED = Statement(select(func.count(), func.max(batch.c.deal)))
_NEXT = Statement(select(func.min(queue.c.wake_at)))
_REVISION = Statement(select(flowrun.c.revision))
_REVISION_AND_VERSION = Statement(select(flowrun.c.revision, select(version.c.version_num).scalar_subquery()))
_WAITING = Statement(
    select(tunnels.c.id).where(or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None)))
)
_RESULTS = Statement(
    select(acts.c.kind, acts.c.pos, acts.c.result, func.count()).group_by(acts.c.kind, acts.c.pos, acts.c.result)
)


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did, at an instant of its project's zone.

    `looked` is 0 where each deal that it took needs another one that someone else has. `results` counts the firings by
    kind of route and result, `by_tunnel` by tunnel and result. `revision` is the one that it obeyed.
    """

    at: int
    timezone: str
    looked: int
    results: dict[tuple[str, str], int]
    by_tunnel: dict[tuple[str, str], int]
    revision: int

    @property
    def fired(self) -> int:
        """How many deals it moved or made."""
        return sum(count for (_, result), count in self.results.items() if result == "fired")


def compiled(number: int, text: str) -> Rules:
    """The rules of a revision, from its text in the store, under which everything happens at once."""
    return rules_of(number, loads(text))


def compiled_live(number: int, text: str) -> Rules:
    """The same for the store itself: where deals live elsewhere, what fires is carried there; webhooks are told."""
    return rules_of(number, loads(text), live=True)


class Claim(NamedTuple):
    """How many deals a tick took, and the last of them by seq; None: it took none, or came to no claim."""

    deals: int = 0
    last: int | None = None


Judge = Callable[[Connection, Rules, Mapping[str, object]], None]
"""Fills the candidates of the batch, with these rules and parameters."""


class Ticker:
    """Runs ticks on one connection, with the rules of the applied revision, reloaded when another is applied.

    `compile` makes the rules of a revision from its number and text; a caller may remember what it made. `claim` is
    what the last tick took, also when it failed. `check` hears, within each tick and before it does anything, which
    version the store's tables have by then, and raises if that is none to be worked on.
    """

    def __init__(
        self,
        connection: Connection,
        compile: Callable[[int, str], Rules] = compiled_live,  # noqa: A002
        check: Callable[[str], None] | None = None,
    ) -> None:
        self._connection = connection
        self._compile = compile
        self._check = check
        self._rules: Rules | None = None
        self._ready = False
        self.claim = Claim()

    def tick(self, transaction: Transaction, size: int, judge: Judge | None = None) -> Tick | None:
        """Do one batch of at most `size` deals; None when no deal is awake.

        The transaction must be on the ticker's connection. `judge` takes the place of `judged`.
        """
        try:
            return self._tick(transaction.connection, transaction.now, size, judge or judged)
        except BaseException:
            self.undone()
            raise

    def undone(self) -> None:
        """Know that the transaction of the last tick came to nothing; the working tables may have gone with it."""
        self._ready = False

    def _tick(self, connection: Connection, now: int, size: int, judge: Judge) -> Tick | None:
        self.claim = Claim()
        rules = self._load(connection)
        if rules is None:
            return None
        round_ = claimed(connection, now, size)
        if round_ is None:
            return None
        self.claim = Claim(*_CLAIMED.run(connection).one())
        looked = self.claim.deals
        moment = judge_parameters(rules.flow, now) | {"revision": rules.revision}
        judge(connection, rules, moment)
        left = rules.locks.take(connection)
        waiting = self._waiting(connection, rules)
        if rules.outgoing is not None:
            self._send(connection, rules, rules.outgoing, moment, waiting)
            return _told(connection, rules, now, max(0, looked - left))
        calm = rules.acting.calm.run(connection, **moment, waiting=json.dumps(waiting)).scalar_one()
        cut = looked + 1
        if calm:
            rules.acting.decide.run(connection, **moment)
        else:
            settlement = settled(connection, rules.flow, rules.order, rules.guards, rules.gathering, moment, waiting)
            cut = settlement.cut or cut
            rules.acting.name_copies.run(connection, **moment)
        _act(connection, rules, moment, cut, round_ + 1)
        return _told(connection, rules, now, max(0, cut - 1 - left))

    def _send(
        self, connection: Connection, rules: Rules, out: Outgoing, moment: Mapping[str, object], waiting: Sequence[int]
    ) -> None:
        """Where deals live elsewhere, what fires is put on its way there."""
        out.begin(connection)
        looking = partial(coming, flow=rules.flow)
        settlement = settled(
            connection, rules.flow, rules.order, rules.guards, rules.gathering, moment, waiting, looking
        )
        out.act(connection, moment)
        if rules.noting is not None:
            rules.noting.run(connection, **moment)
        remember_waiting(connection, settlement, rules.order)
        cut = self.claim.deals + 1
        rules.acting.unqueue.run(connection, cut=cut)
        rules.acting.queue_waiting.run(connection, cut=cut)
        out.count(connection)

    def next_wake(self, connection: Connection) -> int | None:
        """The next instant at which a deal must be looked at, or None when all wait for data."""
        found: int | None = _NEXT.run(connection).scalar_one()
        return found

    def _load(self, connection: Connection) -> Rules | None:
        if self._check is None:
            number = _REVISION.run(connection).scalar_one()
        else:
            number, found = _REVISION_AND_VERSION.run(connection).one()
            self._check(found)
        if number is None:
            return None
        if self._rules is None or self._rules.revision != number:
            text = connection.execute(select(revisions.c.flow).where(revisions.c.number == number)).scalar_one()
            self._rules = self._compile(number, text)
            self._ready = False
        if not self._ready:
            working.create(connection)
            connection.execute(delete(rules_table))
            if self._rules.order:
                connection.execute(
                    insert(rules_table),
                    [
                        {"pos": at, "tunnel": tunnel.id, "action": tunnel.action.value, "target": tunnel.target}
                        for at, tunnel in enumerate(self._rules.order)
                    ],
                )
            self._ready = True
        return self._rules

    def _waiting(self, connection: Connection, rules: Rules) -> Sequence[int]:
        ids = {row[0] for row in _WAITING.run(connection)}
        return [at for at, tunnel in enumerate(rules.order) if tunnel.id in ids] if ids else []


def _told(connection: Connection, rules: Rules, now: int, looked: int) -> Tick:
    results: Counter[tuple[str, str]] = Counter()
    by_tunnel: Counter[tuple[str, str]] = Counter()
    for kind, pos, result, count in _RESULTS.run(connection):
        results[kind, result] += count
        by_tunnel[rules.order[pos].id, result] += count
    return Tick(now, rules.flow.timezone, looked, dict(results), dict(by_tunnel), rules.revision)


def judged(connection: Connection, rules: Rules, moment: Mapping[str, object]) -> None:
    """Judge the batch by all tunnels of its stages."""
    if len(rules.judge) == 1:
        wanted = set(rules.judge)
    else:
        starts = {row[0] for row in rules.chunks_of_batch.run(connection)}
        wanted = {span for span in rules.judge if span[0] in starts}
    for span in sorted(wanted):
        rules.judge[span].run(connection, **moment)


def _act(connection: Connection, rules: Rules, moment: dict[str, object], cut: int, next_round: int) -> None:
    acting = rules.acting
    acting.journal.run(connection, **moment)
    acting.rejournal.run(connection, **moment)
    if rules.noting is not None:
        rules.noting.run(connection, **moment)
    for statements in (acting.copies, acting.origins, acting.moves):
        for statement in statements.values():
            statement.run(connection, **moment)
    if acting.remember is not None:
        acting.remember.run(connection, **moment)
    queued = {"now": moment["now"], "round": next_round}
    acting.unqueue.run(connection, cut=cut)
    acting.queue_moved.run(connection, **queued)
    acting.queue_copied.run(connection, **queued)
    acting.queue_waiting.run(connection, cut=cut)
    if acting.queue_copies_of_moved is not None:
        acting.queue_copies_of_moved.run(connection, **queued)
    # Last, since it is what runners that share a store wait for each other for.
    lock_counters(connection)
    acting.count.run(connection, **moment)
