"""A tick: claim → judge → settle → act → requeue, one transaction under one revision, with one `now`.

The number of statements depends on the tunnels of the batch's stages, never on the number of deals. Nothing is held
between ticks, so a runner that dies needs no recovery.

A batch is cut where its order would no longer be that of deals taken one by one. Deals that acted are looked at again
at the same instant in the next round, so a batch never spans two rounds of the present instant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, Integer, delete, func, insert, select

from flowrun.engine import batch as working
from flowrun.engine.act import WAITING
from flowrun.engine.alone import lock_counters
from flowrun.engine.batch import acts, batch, candidates
from flowrun.engine.batch import rules as rules_table
from flowrun.engine.claim import Claim, claimed, held, next_wake
from flowrun.engine.gather import settled
from flowrun.engine.journalling import FIRED
from flowrun.engine.judge import Route, Verdict, judge_parameters
from flowrun.engine.left import Left
from flowrun.engine.outgoing import Outgoing, coming, remember_waiting
from flowrun.engine.rules import Rules, rules_of
from flowrun.engine.statement import Statement, parameter
from flowrun.flow.codec import loads
from flowrun.store.connection import Transaction
from flowrun.store.tables import flowrun, revisions, tunnels, version

_FOUND = Statement(select(candidates.c.kind, candidates.c.pos, candidates.c.verdict).distinct())
_LOOKED = Statement(select(func.count()).where(batch.c.ord < parameter("cut", Integer)))
_REVISION = Statement(select(flowrun.c.revision))
_REVISION_AND_VERSION = Statement(select(flowrun.c.revision, select(version.c.version_num).scalar_subquery()))
_WAITING = Statement(select(tunnels.c.id).where(WAITING))
_RESULTS = Statement(
    select(acts.c.kind, acts.c.pos, acts.c.result, func.count()).group_by(acts.c.kind, acts.c.pos, acts.c.result)
)


_WEAR_OF_A_TICK = 20
_WORN_AT_FIRST, _WORN = 500, 20_000
"""Deals looked at, each tick counting as some more, after which the working tables are swept: at first, and later. That
has PostgreSQL plan anew, too, which matters most while the first rows of the journal are written."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick did, at an instant of its project's zone.

    `looked` counts the deals that it is done with, `left` those that it took and left, since someone else has another
    one that they need. `results` counts the firings by
    kind of route and result, `by_tunnel` by tunnel and result. `revision` is the one that it obeyed.
    """

    at: int
    timezone: str
    looked: int
    left: int
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


Judge = Callable[[Connection, Rules, Mapping[str, object]], None]
"""Fills the candidates of the batch, with these rules and parameters."""

Done = Counter[tuple[str, int, str]]
"""Firings by kind of route, position of the tunnel, and result."""


class Ticker:
    """Runs ticks on one connection, with the rules of the applied revision, reloaded when another is applied.

    `compile` makes the rules of a revision from its number and text; a caller may remember what it made. `claim` is
    what the last tick took, also when it failed; `left` are the deals that ticks pass over for a while. `check` hears,
    within each tick and before it does anything, which version the store's tables have by then, and raises if that is
    none to be worked on.
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
        self._clean = False
        self._wear, self._worn = 0, _WORN_AT_FIRST
        self.claim = Claim()
        self.left = Left()

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

    def rest(self) -> None:
        """Put the working tables in order, so that the next tick need not: for a caller who has time, and a connection
        on which nothing is begun."""
        if self._ready:
            if self._wear > self._worn:
                self._wear, self._worn = 0, min(_WORN, self._worn * 2)
                working.sweep(self._connection)
            working.clear(self._connection)
            self._clean = True

    def _tick(self, connection: Connection, now: int, size: int, judge: Judge) -> Tick | None:
        self.claim = Claim()
        rules = self._load(connection)
        if rules is None:
            return None
        if not self._clean:
            working.clear(connection)
        self._clean = False
        passed_over = self.left.deals
        claim = claimed(connection, now, size, passed_over)
        if claim is None:
            self.left.add(held(connection, now, passed_over))
            return None
        self.claim = claim
        self._wear += _WEAR_OF_A_TICK + claim.deals
        moment = judge_parameters(rules.flow, now) | {"revision": rules.revision}
        judge(connection, rules, moment)
        found = _found(connection)
        left = rules.locks.take(connection, _ready(found)) if found else ()
        self.left.add([(seq,) for seq in left], needing=True)
        if left:
            found = _found(connection)
        later = any(verdict.later for _, _, verdict in found)
        # Without a deal it is to be seen whether the statements work at all: none is left out.
        every = size == 0
        cut, done = claim.deals + 1, Done()
        if rules.outgoing is not None:
            self._send(connection, rules, rules.outgoing, moment, cut)
            done = _done(connection)
        else:
            if every or any(not verdict.later for _, _, verdict in found):
                cut, done = self._decide(connection, rules, moment, cut, every=every)
            known = None if every else done
            _requeue(connection, rules, moment["now"], cut, claim.round + 1, known, later=later)
            _count(connection, rules, moment, known)
        results: Counter[tuple[str, str]] = Counter()
        by_tunnel: Counter[tuple[str, str]] = Counter()
        for (kind, pos, result), count in done.items():
            results[kind, result] += count
            by_tunnel[rules.order[pos].id, result] += count
        looked = _LOOKED.run(connection, cut=cut).scalar_one() if left else cut - 1
        return Tick(now, rules.flow.timezone, looked, len(left), dict(results), dict(by_tunnel), rules.revision)

    def _decide(
        self, connection: Connection, rules: Rules, moment: Mapping[str, object], cut: int, *, every: bool
    ) -> tuple[int, Done]:
        """Decide what the candidates come to, and do it; where the batch is cut, and what was done."""
        calm = rules.acting.calm.run(connection, **moment).scalar_one()
        if calm:
            rules.acting.decide.run(connection, **moment)
        else:
            waiting = self._waiting(connection, rules)
            settlement = settled(connection, rules.flow, rules.order, rules.guards, rules.gathering, moment, waiting)
            cut = settlement.cut or cut
        done = _done(connection)
        _act(connection, rules, moment, None if every else done, settled=not calm)
        return cut, done

    def _send(
        self, connection: Connection, rules: Rules, out: Outgoing, moment: Mapping[str, object], cut: int
    ) -> None:
        """Where deals live elsewhere, what fires is put on its way there."""
        out.begin(connection)
        looking = partial(coming, flow=rules.flow, order=rules.order)
        waiting = self._waiting(connection, rules)
        settlement = settled(
            connection, rules.flow, rules.order, rules.guards, rules.gathering, moment, waiting, looking
        )
        out.act(connection, moment)
        if rules.noting is not None:
            rules.noting.run(connection, **moment)
        remember_waiting(connection, settlement, rules.order)
        rules.acting.unqueue.run(connection, cut=cut)
        rules.acting.queue_waiting.run(connection, cut=cut)
        out.count(connection)

    def next_wake(self, connection: Connection) -> int | None:
        """The next instant at which a deal must be looked at that isn't passed over; None when all wait for data."""
        return next_wake(connection, self.left.deals)

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


def judged(connection: Connection, rules: Rules, moment: Mapping[str, object]) -> None:
    """Judge the batch by all tunnels of its stages."""
    if len(rules.judge) == 1:
        wanted = set(rules.judge)
    else:
        starts = {row[0] for row in rules.chunks_of_batch.run(connection)}
        wanted = {span for span in rules.judge if span[0] in starts}
    for span in sorted(wanted):
        rules.judge[span].run(connection, **moment)


def _found(connection: Connection) -> Collection[tuple[str, int, Verdict]]:
    """Of what kinds, for which tunnels and with what verdicts there are candidates."""
    return [(kind, pos, Verdict(verdict)) for kind, pos, verdict in _FOUND.run(connection)]


def _done(connection: Connection) -> Done:
    """What is decided."""
    return Done({(kind, pos, result): count for kind, pos, result, count in _RESULTS.run(connection)})


def _ready(found: Collection[tuple[str, int, Verdict]]) -> Collection[tuple[str, int]]:
    return [(kind, pos) for kind, pos, verdict in found if verdict is Verdict.READY]


def _fired(done: Done | None, *kinds: Route) -> Collection[int] | None:
    """The positions of the tunnels that fired as one of these kinds; None: take it that all did."""
    return None if done is None else {pos for kind, pos, result in done if result == FIRED and kind in kinds}


def _act(
    connection: Connection, rules: Rules, moment: Mapping[str, object], done: Done | None, *, settled: bool
) -> None:
    """Write down what was decided, and do it. `settled`: it was decided one by one, so there may be old rows."""
    acting = rules.acting
    copied = _fired(done, Route.COPY)
    if settled and copied:
        acting.name_copies.run(connection, **moment)
    acting.journal.run(connection, **moment)
    if settled or done is None:
        acting.rejournal.run(connection, **moment)
    if rules.noting is not None:
        rules.noting.run(connection, **moment)
    for statements, positions in (
        (acting.copies, copied),
        (acting.origins, _fired(done, Route.ORIGIN)),
        (acting.moves, _fired(done, Route.MOVE)),
    ):
        for (first, end), statement in statements.items():
            if positions is None or any(first <= at < end for at in positions):
                statement.run(connection, **moment)
    if acting.remember is not None and (settled or done is None):
        acting.remember.run(connection, **moment)


def _requeue(
    connection: Connection, rules: Rules, now: object, cut: int, next_round: int, done: Done | None, *, later: bool
) -> None:
    """Put the deals where they are next looked at. `later`: some may have to wait for time."""
    acting = rules.acting
    queued = {"now": now, "round": next_round}
    moved, copied = _fired(done, Route.ORIGIN, Route.MOVE), _fired(done, Route.COPY)
    acting.unqueue.run(connection, cut=cut)
    if moved is None or any(rules.order[at].target in rules.routed for at in moved):
        acting.queue_moved.run(connection, **queued)
    if copied is None or any(rules.order[at].target in rules.routed for at in copied):
        acting.queue_copied.run(connection, **queued)
    if later or done is None:
        acting.queue_waiting.run(connection, cut=cut)
    if acting.queue_copies_of_moved is not None and (moved is None or moved):
        acting.queue_copies_of_moved.run(connection, **queued)


def _count(connection: Connection, rules: Rules, moment: Mapping[str, object], done: Done | None) -> None:
    """Count the firings; last, since it is what runners that share a store wait for each other for."""
    fired = _fired(done, *Route)
    if fired is None or len(fired) > 1:
        lock_counters(connection)
    if fired is None or fired:
        rules.acting.count.run(connection, **moment)
