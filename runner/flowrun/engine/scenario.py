"""Scenarios, run: on the real engine, with a store in memory and a clock that stops at every due instant on the way.

Steps write as people and programs do, through the same triggers; after each the runner works until no deal is awake at
that instant. `restart` throws away all that a process holds: the connection with its working tables, and the compiled
rules, which are made anew from the store's revision.

What the scenarios of one flow have in common is made once: an empty store with the flow applied, of which each
scenario gets a copy, and the compiled rules. The flow is applied at the beginning of time, so nothing in a scenario is
older than its tunnels.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from flowrun.clock import VirtualClock
from flowrun.diagnostics import Span
from flowrun.engine.expectations import DONE, Expectations, Failure, named
from flowrun.engine.live import apply_flow
from flowrun.engine.rules import Rules
from flowrun.engine.runner import LARGEST
from flowrun.engine.tick import Ticker, compiled
from flowrun.expr.limits import EARLIEST
from flowrun.flow.model import Flow
from flowrun.flow.scenario import Add, Delete, Expect, Move, Named, Restart, Scenario, Set, Step, Until
from flowrun.store import deals, journal
from flowrun.store.connection import Store, Transaction, copied_store, memory_store, refill
from flowrun.store.revisions import Author
from flowrun.store.tables import deals_table

_BATCHES = 2_000
"""Batches at one instant, and some for every deal, before a flow counts as never coming to rest."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scenario. `fired` are the tunnels that fired in it, `proven` those that were proven not to."""

    scenario: Scenario
    failures: tuple[Failure, ...]
    fired: frozenset[str]
    proven: frozenset[str]

    @property
    def ok(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


class Rehearsal:
    """Runs scenarios of one flow, one at a time."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._empty = memory_store(VirtualClock(EARLIEST))
        self._store = memory_store(VirtualClock(EARLIEST))
        self._rules: dict[int, Rules] = {}
        with self._empty.write() as transaction:
            apply_flow(transaction, flow, {}, Author())

    def close(self) -> None:
        """Give the memory back."""
        self._empty.close()
        self._store.close()

    def run(self, scenario: Scenario) -> Result:
        """The scenario from its beginning to its end."""
        with self._empty.connect() as connection:
            refill(self._store, connection)
        run = _Run(scenario, self._flow, self._store, self._compiled)
        try:
            return run.result()
        finally:
            run.close()

    def _compiled(self, number: int, text: str) -> Rules:
        """The applied flow's rules, compiled once for all scenarios."""
        if number not in self._rules:
            self._rules[number] = compiled(number, text)
        return self._rules[number]


class _Stopped(Exception):
    """The scenario can't go on."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.found)
        self.failure = failure


class _Run:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, flow: Flow, store: Store, compile_: Callable[[int, str], Rules]) -> None:
        self._scenario = scenario
        self._flow = flow
        self._clock = store.clock = VirtualClock(scenario.now)
        self._given = store
        self._expectations = Expectations(flow)
        self._begin(store, compile_)

    def _begin(self, store: Store, compile_: Callable[[int, str], Rules]) -> None:
        """All that a process holds."""
        self._store = store
        self._connection = store.engine.connect()
        self._ticker = Ticker(self._connection, compile_)

    def close(self) -> None:
        """Give up what it holds, but for the store that it was given."""
        self._connection.close()
        if self._store is not self._given:
            self._store.close()

    def result(self) -> Result:
        scenario = self._scenario
        failures: list[Failure] = []
        steps = iter(scenario.steps)
        try:
            with self._writing() as transaction:
                for deal in scenario.given:
                    self._add(transaction, deal)
            self._settle(scenario.span)
            for step in steps:
                if isinstance(step, Expect):
                    with self._store.read(self._connection) as connection:
                        failures += self._expectations.check(connection, step, self._clock.now())
                else:
                    self._do(step)
        except _Stopped as stopped:
            failures.append(stopped.failure)
            # What nothing checks has not held.
            failures += [
                self._failure("to be checked", "the end before", one.span) for one in steps if isinstance(one, Expect)
            ]
        with self._store.read(self._connection) as connection:
            fired = {row.tunnel for row in journal.firings(connection) if row.result in DONE}
        return Result(scenario, tuple(failures), frozenset(fired), frozenset(self._expectations.proven))

    def _do(self, step: Step) -> None:
        match step:
            case Until(instant, span):
                self._advance(instant, span)
            case Restart():
                self._restart()
            case Add():
                with self._writing() as transaction:
                    self._add(transaction, step)
                self._settle(step.span)
            case Set(deal, values):
                with self._writing() as transaction:
                    deals.change(transaction, self._flow, self._found(transaction, deal), dict(values))
                self._settle(deal.span)
            case Move(deal, stage):
                with self._writing() as transaction:
                    deals.move(transaction, self._flow, self._found(transaction, deal), stage)
                self._settle(deal.span)
            case Delete(deal):
                with self._writing() as transaction:
                    deals.remove(transaction, self._flow, self._found(transaction, deal))
                self._settle(deal.span)

    def _add(self, transaction: Transaction, step: Add) -> None:
        deals.add(transaction, self._flow, step.id, step.stage, dict(step.values))

    def _found(self, transaction: Transaction, deal: Named) -> str:
        """The id of a deal that a step is about."""
        id_ = named(transaction.connection, deal.name)
        if id_ is None:
            raise _Stopped(self._failure("the deal", "no such deal by now", deal.span))
        return id_

    def _advance(self, until: int, span: Span) -> None:
        """Let time pass, stopping at every instant at which a deal must be looked at."""
        while (wake_at := self._next_wake()) is not None and wake_at <= until:
            self._clock.instant = wake_at
            self._settle(span)
        self._clock.instant = until

    def _next_wake(self) -> int | None:
        with self._store.read(self._connection) as connection:
            return self._ticker.next_wake(connection)

    def _settle(self, span: Span) -> None:
        """Work until no deal is awake at this instant."""
        done = 0
        while True:
            with self._writing() as transaction:
                if self._ticker.tick(transaction, LARGEST) is None:
                    return
                done += 1
                if done > _BATCHES and done > _BATCHES + self._count(transaction.connection):
                    says = f"still busy after {done:,} batches at one instant"
                    raise _Stopped(self._failure("a flow that comes to rest", says, span))

    @staticmethod
    def _count(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(deals_table(None))).scalar_one()

    def _restart(self) -> None:
        store = copied_store(self._connection, self._clock)
        self.close()
        self._begin(store, compiled)

    def _writing(self) -> AbstractContextManager[Transaction]:
        return self._store.write(self._connection)

    def _failure(self, expected: str, found: str, span: Span) -> Failure:
        return Failure(expected, found, self._clock.now(), span)
