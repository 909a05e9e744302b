"""Mistakes that the fault tests must find: each is planted in the process under test, and fails the test for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

MUTANTS: dict[str, Callable[[], None]] = {}


def become(name: str | None) -> None:
    """Make that mistake in this process; None: none."""
    if name is not None:
        MUTANTS[name]()


def _mutant(plant: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[plant.__name__.replace("_", " ")] = plant
    return plant


def _commit(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    driver.execute("COMMIT")
    driver.execute("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")


def _committing_after(step: str) -> None:
    """A tick commits in its middle, behind that step of acting."""
    from flowrun.engine.statement import Statement

    run = Statement.run
    acting = _remember_acting()
    _keep_working_tables()

    def run_and_commit(self: Statement, connection: Connection, **parameters: object) -> Any:
        done = run(self, connection, **parameters)
        if acting and self is getattr(acting[-1], step):
            _commit(connection)
        return done

    statement: Any = Statement
    statement.run = run_and_commit


def _keep_working_tables() -> None:
    """On PostgreSQL a commit empties them, and a tick with one in its middle would do nothing more: not any longer."""
    from flowrun.engine import batch

    working: Any = batch
    made = working._made_on_postgresql
    working._made_on_postgresql = lambda *how: made(*how).replace(" ON COMMIT DELETE ROWS", "")

    def clear(connection: Connection) -> None:
        for table in working._OF_A_TICK:
            connection.exec_driver_sql(f"DELETE FROM {table.name}")

    working.clear = clear


def _remember_acting() -> list[Any]:
    from flowrun.engine import tick as module

    tick: Any = module
    seen: list[Any] = []
    act = tick._act

    def remembering(connection: Connection, rules: Any, *more: Any, **most: Any) -> None:
        seen.append(rules.acting)
        act(connection, rules, *more, **most)

    tick._act = remembering
    return seen


@_mutant
def the_journal_is_committed_before_its_effects() -> None:
    _committing_after("journal")


@_mutant
def the_queue_is_committed_without_what_follows() -> None:
    _committing_after("unqueue")


@_mutant
def nothing_is_a_transaction() -> None:
    from flowrun.store.connection import Store

    begin = Store._begin

    def begun(self: Store, connection: Connection, *more: Any, **most: Any) -> Any:
        transaction = begin(self, connection, *more, **most)
        driver: Any = connection.connection.driver_connection
        driver.execute("COMMIT")
        return transaction

    store: Any = Store
    store._begin = begun


@_mutant
def the_lock_is_let_go_early() -> None:
    from contextlib import nullcontext

    from flowrun.store.sqlite import SQLite

    sqlite: Any = SQLite
    sqlite.held = lambda _self, *_more: nullcontext()


@_mutant
def an_error_is_swallowed() -> None:
    from contextlib import suppress

    from flowrun.engine.runner import Runner
    from flowrun.errors import WorkFailed

    runner: Any = Runner
    until_idle = Runner.until_idle

    def swallowing(self: Runner) -> None:
        with suppress(WorkFailed):
            until_idle(self)

    runner.until_idle = swallowing


@_mutant
def what_fails_halfway_is_kept() -> None:
    from contextlib import suppress

    from sqlalchemy.exc import OperationalError

    from flowrun.engine.statement import Statement

    statement: Any = Statement
    run = Statement.run

    left = 100

    def going_on(self: Statement, connection: Connection, **parameters: object) -> Any:
        nonlocal left
        with suppress(OperationalError):
            return run(self, connection, **parameters)
        left -= 1
        if left == 0:
            os._exit(1)
        return connection.exec_driver_sql("SELECT 0 WHERE 0")

    statement.run = going_on


@_mutant
def a_clock_that_steps_back_is_not_followed() -> None:
    from flowrun.clock import VirtualClock

    clock: Any = VirtualClock
    tell = VirtualClock.now
    latest = 0

    def only_forward(self: VirtualClock) -> int:
        nonlocal latest
        latest = max(latest, tell(self))
        return latest

    clock.now = only_forward


@_mutant
def the_version_is_not_checked() -> None:
    from flowrun.store.connection import Store

    store: Any = Store
    store.check_version = lambda _self, _found: None


@_mutant
def a_lost_connection_is_the_end() -> None:
    from flowrun.errors import WorkFailed
    from flowrun.store.postgresql import PostgreSQL

    postgresql: Any = PostgreSQL
    postgresql.failure = lambda _self, error: WorkFailed(str(error.orig))


def _dawdle_after(module: Any, step: str) -> None:
    """Rest where a lock should keep others away, so that they surely come in between, however fast a tick is."""
    run = getattr(module, step)

    def run_and_rest(*given: object) -> Any:
        done = run(*given)
        time.sleep(0.02)
        return done

    setattr(module, step, run_and_rest)


@_mutant
def pipelines_are_not_locked() -> None:
    from flowrun.engine import gather

    gathering: Any = gather
    gathering.lock_pipelines = lambda *_: None
    _dawdle_after(gathering, "settle")


@_mutant
def what_is_counted_is_not_locked() -> None:
    from flowrun.engine import gather
    from flowrun.engine.alone import Locks

    locks: Any = Locks
    locks.take = lambda *_: ()
    _dawdle_after(gather, "settle")


@_mutant
def what_is_claimed_is_not_locked() -> None:
    from sqlalchemy import Select

    from flowrun.engine import claim, tick

    select: Any = Select
    claiming: Any = claim
    locking = select.with_for_update
    select.with_for_update = lambda self, **_how: self
    claiming._LOCK_PAST, claiming._LOCK_ROUND = claiming._locked(claiming._PAST), claiming._locked(claiming._OF_ROUND)
    claiming._FIRST_FREE = claiming._FIRST
    select.with_for_update = locking
    _dawdle_after(tick, "claimed")


@_mutant
def the_lease_is_not_looked_at_again() -> None:
    from flowrun.sources import carrier

    carrying: Any = carrier
    carrying.still_held = lambda _connection, claimed, *_: claimed
