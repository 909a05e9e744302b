"""Poison: the deal that the database turns down is found, tried again, and parked; the rest of its batch is done.

A tick that fails for the data's sake has done nothing: its transaction is undone. Its batch is then taken in smaller
ones, in the same order, halved until a deal stands alone. One that fails alone three times is at fault. Which of its
firings are, is found by trying: each of its tunnels in turn, the others parked, in transactions that are undone. Those
that fail are parked with the reason `error`, in one more tick; the others happen in the same one.

Nothing of this costs anything while nothing fails, nothing is held between two attempts, and all of it is in the memory
of one runner: another one, or the next, finds the same by itself. A deal that can't even be parked is put off in the
queue, for longer each time, so that it neither stops the others nor keeps the runner busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, case, insert, literal, null, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import Insert

from flowrun.engine.batch import acts, batch, candidates
from flowrun.engine.batch import rules as rules_table
from flowrun.engine.judge import Route, Verdict, gone_live, judging, ledger
from flowrun.engine.rules import Rules, ground_of_batch
from flowrun.engine.statement import Statement
from flowrun.engine.tick import Tick, Ticker, judged
from flowrun.errors import Interfered, WorkFailed
from flowrun.flow.model import Reason
from flowrun.store.connection import Store, Transaction
from flowrun.store.refusals import of_data, said
from flowrun.store.tables import aliased, deals_table, firings, queue, routes

ATTEMPTS = 3
"""How often a deal fails alone before it is at fault."""

PAUSES = (0.01, 0.05)
"""Seconds between these attempts."""

FIRST_DELAY = 1_000
LONGEST_DELAY = 60_000
"""Milliseconds for which a deal is put off that can't be parked: at first, and at most; doubled in between."""

_REFUSED = (
    select(rules_table.c.tunnel)
    .select_from(acts.join(rules_table, rules_table.c.pos == acts.c.pos))
    .where(acts.c.reason == Reason.ERROR.value)
    .order_by(acts.c.id)
)

_WARNINGS = 5
"""How many deals in a row are named that are parked for the same thing."""


class _Undone(Exception):
    """Ends the transaction of a trial that has told what it was to tell."""


class _Elsewhere(Exception):
    """The first deal in the queue is no longer the one that is tried, or someone else has what that one needs."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How a deal alone is judged: `parked` (file positions) would not fire but be parked, `blind` even unjudged.

    `apart`: its tunnels are judged one by one, since one of them can't be.
    """

    parked: frozenset[int] = frozenset()
    blind: frozenset[int] = frozenset()
    apart: tuple[int, ...] = ()

    def judge(self, connection: Connection, rules: Rules, moment: Mapping[str, object]) -> None:
        """Fill the candidates of the batch."""
        if self.apart:
            for at in self.apart:
                if at not in self.blind:
                    _judging(rules, at).run(connection, **moment)
        else:
            judged(connection, rules, moment)
        refused = {"verdict": int(Verdict.REFUSED)}
        ready = and_(candidates.c.verdict == int(Verdict.READY), candidates.c.pos.in_(sorted(self.parked)))
        connection.execute(update(candidates).where(ready).values(refused))
        if self.blind:
            connection.execute(_unjudged(rules, sorted(self.blind)))

    def milder(self, at: int) -> Iterator[Trial]:
        """What else could be done about that tunnel: first that it is let fire, then that it is judged at least."""
        if at in self.parked:
            yield replace(self, parked=self.parked - {at})
        if at in self.blind:
            judged_too = replace(self, blind=self.blind - {at})
            yield judged_too
            yield replace(judged_too, parked=self.parked | {at})


def _judging(rules: Rules, at: int) -> Statement:
    """INSERT of the candidates of that tunnel alone."""
    columns = [column.name for column in candidates.c]
    flow = rules.flow
    found = judging(flow, {at: rules.order[at]}, ground_of_batch(flow))
    return Statement(insert(candidates).from_select(columns, found))


def _unjudged(rules: Rules, positions: Sequence[int]) -> Insert:
    """INSERT of candidates of these tunnels that nothing is known of but that their entry is open."""
    ground = ground_of_batch(rules.flow)
    deal, route, row = ground.deal, ground.route, aliased(firings, "f")
    apart = row.c.shadow == case((route.c.kind == Route.SHADOW.value, 1), else_=0)
    found = (
        select(
            batch.c.ord,
            route.c.position,
            deal.c.seq,
            route.c.kind,
            literal(int(Verdict.REFUSED)),
            null(),
            null(),
            case((row.c.seq.is_(None), 0), else_=2),
        )
        .select_from(ground.source.outerjoin(row, and_(ledger(row, deal, route.c.tunnel), apart)))
        .where(
            route.c.position.in_(positions),
            gone_live(deal, route),
            or_(row.c.seq.is_(None), and_(row.c._retry == 1, route.c.kind != Route.SHADOW.value)),
        )
    )
    return insert(candidates).from_select([column.name for column in candidates.c], found)


class Hunt:
    """One runner's search for deals at fault, on its connection. `on` while a batch that failed isn't done.

    `warn` hears of what is parked or put off.
    """

    def __init__(self, store: Store, connection: Connection, ticker: Ticker, warn: Callable[[str], None]) -> None:
        self.ticker = ticker
        self._store = store
        self._connection = connection
        self._warn = warn
        self._left = 0
        self._within = 0
        self._size = 1
        self._alone: tuple[int, int] | None = None
        self._put_off: dict[int, int] = {}
        self._refused: Sequence[str] = ()
        self._told = ""
        self._count = 0
        self._why = ""

    @property
    def on(self) -> bool:
        """Whether a batch that failed isn't done yet."""
        return self._left > 0

    def size(self, usual: int) -> int:
        """How many deals the next tick is to take, where it would take so many."""
        return min(usual, self._size) if self.on else usual

    def takes(self, error: DBAPIError) -> bool:
        """Whether a tick that failed with that is this module's affair: it is about the data, and it had deals."""
        return of_data(error) and self.ticker.claim.deals > 0

    def done(self, tick: Tick) -> None:
        """Hear of a tick that has worked."""
        if not self.on:
            return
        passed = tick.looked + tick.left
        self._left -= passed
        self._alone = None
        if self._within:
            self._within = max(0, self._within - passed)
            self._size = max(1, self._within // 2)
        else:
            self._size *= 2

    def failed(self, error: DBAPIError) -> Tick | None:
        """Hear of a tick that has failed, and see to it that the next one will be nearer to what is at fault.

        The tick that parked it, if this was the last attempt. Raises WorkFailed where no deal is at fault.
        """
        claim = self.ticker.claim
        self.ticker.undone()
        if not self.on:
            with suppress(Interfered):
                self._check_without_deals()
            self._left = claim.deals
        self._within = claim.deals
        self._size = max(1, claim.deals // 2)
        if claim.alone is None:
            self._alone = None
            return None
        before = self._alone[1] if self._alone is not None and self._alone[0] == claim.alone else 0
        self._alone = claim.alone, before + 1
        if before + 1 < ATTEMPTS:
            if said(error) != self._told:
                time.sleep(PAUSES[before])
            return None
        return self._settle(claim.alone, error)

    def complain(self) -> None:
        """Raises WorkFailed if deals could be neither fired nor parked."""
        if count := len(self._put_off):
            those = "a deal" if count == 1 else f"{count:,} deals"
            raise WorkFailed(
                f"{those} could be neither fired nor parked: {self._why}",
                "something of another program, such as a trigger, keeps flowrun from writing its journal",
            )

    def _check_without_deals(self) -> None:
        """A tick that fails even without a deal is no deal's fault."""
        try:
            with self._undoing() as transaction:
                self.ticker.tick(transaction, 0)
        except DBAPIError as error:
            if not of_data(error):
                raise
            raise WorkFailed(
                f"{self._store.url} refuses what a runner writes: {said(error)}",
                "a trigger, view or index that another program made is in the way",
            ) from error

    def _settle(self, seq: int, error: DBAPIError) -> Tick | None:
        """Park what fails of that deal. None: it was put off, or is to be taken once more."""
        self._alone = None
        try:
            tick = next((done for trial in self._trials(seq) if (done := self._try(seq, trial, keep=True))), None)
        except (_Elsewhere, Interfered):
            self.ticker.undone()
            return None
        if tick is None:
            self._postpone(seq, error)
            return None
        self._go_on()
        self._put_off.pop(seq, None)
        if self._refused:
            self._say(seq, error)
        return tick

    def _trials(self, seq: int) -> Iterator[Trial]:
        """What may be done about the deal, the best first.

        What is refused only at the commit (a deferred key) doesn't show in a trial that is undone: then whatever single
        firing must be parked, or all.
        """
        every = self._tunnels_of(seq)
        found = self._found(seq, every)
        if found is not None:
            yield found
            yield from (Trial(parked=frozenset({at})) for at in every)
            yield Trial(parked=frozenset(every))

    def _go_on(self) -> None:
        """Go on behind the deal: slowly at first, since what comes next may be at fault as well."""
        self._left -= 1
        self._within, self._size = 0, 1

    def _found(self, seq: int, every: tuple[int, ...]) -> Trial | None:
        """What of the deal must be parked; None where nothing can be."""
        trial = Trial(parked=frozenset(every))
        if self._try(seq, trial) is None:
            trial = Trial(blind=frozenset(every), apart=every)
            if self._try(seq, trial) is None:
                return None
        for at in every:
            trial = next((other for other in trial.milder(at) if self._try(seq, other) is not None), trial)
        return trial

    def _tunnels_of(self, seq: int) -> tuple[int, ...]:
        deal = deals_table(None)
        positions = (
            select(routes.c.position)
            .join(deal, deal.c.stage == routes.c.stage)
            .where(deal.c.seq == seq)
            .order_by(routes.c.position)
        )
        with self._store.read(self._connection) as connection:
            return tuple(connection.execute(positions).scalars())

    def _try(self, seq: int, trial: Trial, *, keep: bool = False) -> Tick | None:
        """Take the deal that way, and undo it unless it is to be kept; None if it fails."""
        tick = None
        try:
            with self._store.write(self._connection) if keep else self._undoing() as transaction:
                tick = self.ticker.tick(transaction, 1, trial.judge)
                if self.ticker.claim.alone != seq or (tick is not None and tick.left):
                    raise _Elsewhere
                self._refused = list(transaction.connection.execute(_REFUSED).scalars())
        except DBAPIError as error:
            self.ticker.undone()
            if not of_data(error):
                raise
            return None
        return tick

    @contextmanager
    def _undoing(self) -> Iterator[Transaction]:
        """A write transaction that comes to nothing."""
        with suppress(_Undone), self._store.write(self._connection) as transaction:
            yield transaction
            raise _Undone
        self.ticker.undone()

    def _postpone(self, seq: int, error: DBAPIError) -> None:
        delay = min(LONGEST_DELAY, self._put_off.get(seq, FIRST_DELAY // 2) * 2)
        self._put_off[seq] = delay
        with self._store.write(self._connection) as transaction:
            later = transaction.now + delay
            transaction.connection.execute(update(queue).where(queue.c.deal == seq).values(wake_at=later, round=0))
        self._go_on()
        self._why = said(error)
        self._warn(
            f"deal '{self._id(seq)}' can be neither fired nor parked: {self._why}; "
            f"it is tried again in {delay // 1000} s"
        )

    def _say(self, seq: int, error: DBAPIError) -> None:
        self._count = self._count + 1 if said(error) == self._told else 1
        self._told = said(error)
        if self._count <= _WARNINGS:
            those = ", ".join(f"'{name}'" for name in self._refused)
            self._warn(f"deal '{self._id(seq)}' is parked: the database refused {those}: {self._told}")
        elif self._count == _WARNINGS + 1:
            self._warn("more deals are parked for that; 'flowrun journal --result parked' lists them")

    def _id(self, seq: int) -> str:
        deal = deals_table(None)
        with self._store.read(self._connection) as connection:
            return str(connection.execute(select(deal.c.id).where(deal.c.seq == seq)).scalar())
