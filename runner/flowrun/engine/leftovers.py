"""Leftovers: columns with the values of fields that the applied revision doesn't declare, or declares otherwise.

They are what makes a removed field come back with its values, so they go only when someone says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from flowrun.errors import WorkFailed
from flowrun.expr.types import Kind
from flowrun.flow.model import Flow
from flowrun.store import columns, revisions
from flowrun.store.connection import Store
from flowrun.store.ddl import quoted, run
from flowrun.store.dependents import dependents


@dataclass(frozen=True, slots=True)
class Leftover:
    """A column with the values of a field as it was under `revision`, the last that had it so; `deals` hold a value.

    `indexes` are other programs' that have the column, and go with it.
    """

    field: str
    kind: Kind
    revision: int
    column: str
    deals: int
    indexes: tuple[str, ...] = ()


def leftovers(store: Store) -> tuple[Leftover, ...]:
    """Those that there are now, by field, the oldest first.

    Raises WorkFailed where no revision is applied, and where views or triggers of other programs use one of them.
    """
    with store.read() as connection:
        found = _found(connection, revisions.applied(connection).flow)
        _check_unused(connection, found)
        return found


def drop(store: Store, these: Collection[Leftover]) -> tuple[Leftover, ...]:
    """Drop these columns, in one transaction, but for those that are in use again by now; what went.

    Raises WorkFailed where views or triggers of other programs use one of them; nothing is dropped then.
    """
    agreed = {leftover.column for leftover in these}
    with store.write(alone=True) as transaction:
        connection = transaction.connection
        found = _found(connection, revisions.applied(connection).flow)
        gone = tuple(leftover for leftover in found if leftover.column in agreed)
        _check_unused(connection, gone)
        for leftover in gone:
            columns.drop(connection, leftover.column)
    return gone


def _found(connection: Connection, flow: Flow) -> tuple[Leftover, ...]:
    unseen = sorted(columns.unseen(connection, flow), key=lambda one: (one.field, one.revision, one.column))
    held = ", ".join(f"count({quoted(one.column)})" for one in unseen)
    counts = run(connection, f"SELECT {held} FROM deals").one() if unseen else ()
    return tuple(
        Leftover(one.field, one.type.kind, one.revision, one.column, count, _indexes(connection, one.column))
        for one, count in zip(unseen, counts, strict=True)
    )


def _indexes(connection: Connection, column: str) -> tuple[str, ...]:
    return tuple(one.name for one in dependents(connection, column) if one.kind == "index")


def _check_unused(connection: Connection, found: Iterable[Leftover]) -> None:
    users = [
        f"the {one.kind} {one.name} names {leftover.column}, which goes"
        for leftover in found
        for one in dependents(connection, leftover.column)
        if one.kind != "index"
    ]
    if users:
        raise WorkFailed("; ".join(users), f"drop or change {'it' if len(users) == 1 else 'them'} first")
