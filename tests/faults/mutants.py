"""Mistakes that the fault tests must find: each is planted in the process under test, and fails the test for it."""

from __future__ import annotations

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
    driver.execute("BEGIN IMMEDIATE")


def _committing_after(step: str) -> None:
    """A tick commits in its middle, behind that step of acting."""
    from flowrun.engine.statement import Statement

    run = Statement.run
    acting = _remember_acting()

    def run_and_commit(self: Statement, connection: Connection, **parameters: object) -> Any:
        done = run(self, connection, **parameters)
        if acting and self is getattr(acting[-1], step):
            _commit(connection)
        return done

    Statement.run = run_and_commit  # type: ignore[method-assign]


def _remember_acting() -> list[Any]:
    from flowrun.engine import tick as module

    tick: Any = module
    seen: list[Any] = []
    act = tick._act

    def remembering(connection: Connection, rules: Any, *more: Any) -> None:
        seen.append(rules.acting)
        act(connection, rules, *more)

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

    Store._begin = begun  # type: ignore[method-assign]
