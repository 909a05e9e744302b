"""Moves and copies: each order once, in transactions that say for certain whether they happened, as far as that goes.

A transaction carries a batch. It first locks the deals to be moved, passing over those that someone else holds, and
then looks which orders were done before, by their keys; so whoever else performs the same order has either committed,
and its key is seen, or holds the row. Each order has a savepoint: what the database refuses is undone alone. The key of
an order is written in the same transaction, and is unique, so that no copy is made twice whatever happens between
processes.

Only a commit whose connection is lost leaves it unknown whether the batch happened; everything before it certainly did
not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.elements import quoted_name

from flowrun.diagnostics import excerpt
from flowrun.expr.types import BOOLEAN, TEXT, Type
from flowrun.expr.values import BadValue
from flowrun.flow.model import Flow
from flowrun.sources.interface import (
    Action,
    Conflict,
    Done,
    Later,
    NotDone,
    Order,
    Outcome,
    Refused,
    Unknown,
)
from flowrun.sources.sql.database import Database
from flowrun.sources.sql.installing import has_keys
from flowrun.sources.sql.rows import Rows
from flowrun.sources.sql.shape import ENTERED_AT, Cell
from flowrun.sources.sql.triggers import Names
from flowrun.sources.sql.values import TEXTUAL, Sort, text_of
from flowrun.store.deals import types

_WAIT = 60.0
"""Seconds until a database that isn't ready for any order is asked again."""
_UUIDS = uuid5(NAMESPACE_OID, "flowrun firing")


class _Undone(SQLAlchemyError):
    """The whole transaction has to be given up for one of its orders: `cause` is what the database said."""

    def __init__(self, cause: SQLAlchemyError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(slots=True)
class Standing:
    """Where the deals of a batch stand: what the stage's column holds by id, and which rows someone else holds."""

    stages: dict[str, Any]
    held: frozenset[str]


@dataclass(slots=True)
class Writing:
    """The writer of one table."""

    database: Database
    rows: Rows
    names: Names
    flow: Flow
    _keys: Table = field(init=False)
    _types: Mapping[str, Type] = field(init=False)
    _ready: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        schema = self.names.schema
        self._keys = Table(
            quoted_name(self.names.keys, quote=True),
            MetaData(),
            Column("firing", String, primary_key=True),
            Column("deal", String),
            schema=None if schema is None else quoted_name(schema, quote=True),
        )
        self._types = types(self.flow)

    def perform(self, orders: Sequence[Order]) -> list[Outcome]:
        """What came of each order."""
        if not orders:
            return []
        try:
            return self._together(orders)
        except _Undone as undone:
            error = undone.cause
        except SQLAlchemyError as given:
            error = given
            if self.database.passing(error) or self.database.unready(error):
                return self._nothing(orders, error)
        if self.database.lost(error):
            return self._nothing(orders, error)
        if len(orders) > 1:
            return [self.perform([one])[0] for one in orders]
        says = self.database.says(error)
        return [Later(says) if self.database.passing(error) else Refused(says)]

    def _together(self, orders: Sequence[Order]) -> list[Outcome]:
        """The same in one transaction. What is raised says that nothing has happened."""
        with self.database.opened() as connection:
            transaction = connection.begin()
            outcomes = self.perform_in(connection, orders)
            try:
                transaction.commit()
            except SQLAlchemyError as error:
                if self.database.lost(error):
                    says = f"the connection was lost at the commit: {self.database.says(error)}"
                    return [Unknown(says) if isinstance(one, Done) else one for one in outcomes]
                raise _Undone(error) from error
        return outcomes

    def find(self, orders: Sequence[Order]) -> list[Outcome]:
        """Whether each order happened. A session that was cut off may still be at its commit: it holds the row, or the
        key, and until it has ended nobody can tell."""
        if not orders:
            return []
        with self.database.reading() as connection:
            if (lacking := self._lacking(connection)) is not None:
                return [Unknown(lacking.reason)] * len(orders)
        with self.database.reading() as connection:
            connection = connection.execution_options(flowrun_writing=True)
            held = self._standing(connection, [one.id for one in orders if one.action is Action.MOVE]).held
            done = self._done(connection, orders)
            outcomes: list[Outcome] = []
            for order in orders:
                if order.key in done:
                    outcomes.append(Done(done[order.key]))
                elif order.action is Action.MOVE and order.id in held:
                    outcomes.append(Unknown("someone holds the row of the deal"))
                elif self.rows.shape.key is None:
                    outcomes.append(self._probed(connection, order))
                else:
                    outcomes.append(NotDone())
            connection.rollback()
        return outcomes

    def _probed(self, connection: Connection, order: Order) -> Outcome:
        """Try to write the key, which waits for whoever is about to commit it."""
        savepoint = connection.begin_nested()
        try:
            connection.execute(insert(self._keys).values(firing=order.key, deal=""))
        except SQLAlchemyError as error:
            if self.database.lost(error):
                raise
            savepoint.rollback()
            if not self.database.is_integrity(error):
                return Unknown(self.database.says(error))
            done = self._done(connection, [order])
            return Done(done[order.key]) if done else Unknown("the key of the firing comes and goes")
        savepoint.rollback()
        return NotDone()

    def perform_in(self, connection: Connection, orders: Sequence[Order]) -> list[Outcome]:
        """The same in a transaction of the caller's: `Done` holds once that is committed. Raises what the driver does
        where the transaction can't go on, and then it must be undone."""
        if (lacking := self._lacking(connection)) is not None:
            return [lacking] * len(orders)
        standing = self._standing(connection, [one.id for one in orders if one.action is Action.MOVE])
        done = self._done(connection, orders)
        outcomes: list[Outcome] = []
        for order in orders:
            if order.key not in done:
                outcome = self._one(connection, order, standing)
                outcomes.append(outcome)
                if isinstance(outcome, Done):
                    done[order.key] = outcome.id
            else:
                outcomes.append(Done(done[order.key]))
        return outcomes

    def _one(self, connection: Connection, order: Order, standing: Standing) -> Outcome:
        try:
            wanted = self._copied(order) if order.action is Action.COPY else self._moved(order, standing)
        except BadValue as problem:
            return Refused(str(problem))
        if not isinstance(wanted, dict):
            return wanted
        savepoint = connection.begin_nested()
        try:
            if order.action is Action.COPY:
                id_ = self._insert(connection, order, wanted)
            elif self._update(connection, order, wanted, standing):
                id_ = order.id
            else:
                savepoint.rollback()
                return Conflict(f"the deal '{excerpt(order.id)}' was moved or deleted meanwhile")
            if self.rows.shape.key is None:
                connection.execute(insert(self._keys).values(firing=order.key, deal=id_))
            savepoint.commit()
        except SQLAlchemyError as error:
            if not self.database.refuses(error):
                raise _Undone(error) from error
            savepoint.rollback()
            # The key may be there by now: of the same order, performed by a process that was thought dead.
            done = self._done(connection, [order]) if self.database.is_integrity(error) else {}
            return Done(done[order.key]) if done else Refused(self.database.says(error))
        except BadValue as problem:
            savepoint.rollback()
            return Refused(str(problem))
        if order.action is Action.MOVE:
            standing.stages[order.id] = wanted[self.rows.shape.stage.name]
        return Done(id_)

    def _moved(self, order: Order, standing: Standing) -> dict[str, Any] | Outcome:
        """What the row gets, or why it gets nothing. Raises BadValue."""
        if order.id in standing.held:
            return Later("someone holds the row of the deal")
        if order.id not in standing.stages:
            return Conflict(f"the deal '{excerpt(order.id)}' is not there")
        try:
            stands = self.rows.stage_of(standing.stages[order.id])
        except BadValue as problem:
            return Conflict(str(problem))
        if stands != order.from_stage:
            return Conflict(f"the deal stands in {stands or 'a stage that is ignored'}, not in {order.from_stage}")
        return self._written(order)

    def _copied(self, order: Order) -> dict[str, Any]:
        """What the new row gets. Raises BadValue."""
        shape = self.rows.shape
        found = self._written(order)
        if shape.id.sort is Sort.UUID and not shape.id.given:
            found[shape.id.name] = str(uuid5(_UUIDS, order.key))
        elif not shape.own_ids:
            found[shape.id.name] = order.new_id
        return found

    def _written(self, order: Order) -> dict[str, Any]:
        """The stage, the fields and the key, by column. Raises BadValue."""
        shape = self.rows.shape
        theirs = self.rows.stages.theirs.get(order.to_stage)
        if theirs is None:
            raise BadValue(f"`stages` has nothing that is {order.to_stage}, so no row can be moved there")
        found: dict[str, Any] = {shape.stage.name: self._stage(theirs)}
        copies = order.action is Action.COPY
        for name, cell in shape.fields.items():
            if name == ENTERED_AT or name not in order.fields or (cell.computed and copies):
                continue
            if cell.computed:
                raise BadValue(f"column '{cell.name}': the database computes it, so it can't be set")
            try:
                value = self.rows.cells.write(order.fields[name], self._types.get(name, TEXT), cell.sort)
            except BadValue as problem:
                raise BadValue(f"column '{cell.name}': {problem}") from None
            if value is None and not cell.nullable:
                if copies:
                    continue  # whatever the database gives to rows without it
                value = "" if cell.sort in TEXTUAL else None
            found[cell.name] = value
        if shape.key is not None:
            found[shape.key.name] = order.key
        return found

    def _stage(self, theirs: str) -> object:
        cell: Cell = self.rows.shape.stage
        if cell.sort in {Sort.INTEGER, Sort.DECIMAL}:
            try:
                return int(theirs)
            except ValueError:
                raise BadValue(f"column '{cell.name}' takes whole numbers, and `stages` says '{theirs}'") from None
        if cell.sort is Sort.BOOLEAN:
            return self.rows.cells.read(theirs, cell.sort, BOOLEAN) if self.database.name == "postgresql" else theirs
        return theirs

    def _update(self, connection: Connection, order: Order, wanted: dict[str, Any], standing: Standing) -> bool:
        shape = self.rows.shape
        table = shape.table
        still: ColumnElement[bool] = shape.stage.column == standing.stages[order.id]
        here = shape.id.column == self.rows.bound(order.id)
        changed = connection.execute(update(table).where(here, shape.is_exactly(order.id), still).values(wanted))
        return bool(changed.rowcount == 1)

    def _insert(self, connection: Connection, order: Order, wanted: dict[str, Any]) -> str:
        shape = self.rows.shape
        statement = insert(shape.table).values(wanted).inline()
        if shape.id.name in wanted:
            connection.execute(statement)
            return str(wanted[shape.id.name])
        if connection.dialect.insert_returning:
            raw = connection.execute(statement.returning(shape.id.column)).scalar_one()
        elif shape.key is not None:
            connection.execute(statement)
            raw = connection.execute(select(shape.id.column).where(shape.key.column == order.key)).scalar_one()
        else:
            raw = connection.execute(statement).lastrowid
        id_ = text_of(raw, shape.id.sort)
        if id_ is None or id_ == "0":
            raise BadValue("the database does not tell the new row's id; name a column `key`")
        return id_

    def _standing(self, connection: Connection, ids: Sequence[str]) -> Standing:
        """Lock the rows of these deals, but those that someone else holds, and say what is in them."""
        shape = self.rows.shape
        bound = {id_: one for id_ in dict.fromkeys(ids) if (one := self.rows.bound(id_)) is not None}
        if not bound:
            return Standing({}, frozenset())
        chosen = select(*self.rows.columns).where(shape.id.column.in_(bound.values())).order_by(shape.id.column)
        locked: dict[str, Any] = {}
        for row in connection.execute(chosen.with_for_update(skip_locked=True)):
            id_ = self.rows.id_of(row)
            if id_ in bound and not self.rows.is_deleted(row):
                locked[id_] = self.rows.raw(row, shape.stage.name)
        missing = [one for id_, one in bound.items() if id_ not in locked]
        held: set[str] = set()
        if missing and self.database.name != "sqlite":
            for row in connection.execute(select(*self.rows.columns).where(shape.id.column.in_(missing))):
                id_ = self.rows.id_of(row)
                if id_ in bound and id_ not in locked and not self.rows.is_deleted(row):
                    held.add(id_)
        return Standing(locked, frozenset(held))

    def _done(self, connection: Connection, orders: Sequence[Order]) -> dict[str, str]:
        """Which of these orders were done, with the ids of their deals."""
        keys = [one.key for one in orders]
        cell = self.rows.shape.key
        if cell is None:
            chosen = select(self._keys.c.firing, self._keys.c.deal).where(self._keys.c.firing.in_(keys))
            return {str(key): str(deal) for key, deal in connection.execute(chosen)}
        id_ = self.rows.shape.id
        found: dict[str, str] = {}
        for key, raw in connection.execute(select(cell.column, id_.column).where(cell.column.in_(keys))):
            text = text_of(raw, id_.sort)
            if text is not None and str(key).strip() in keys:
                found[str(key).strip()] = text
        return found

    def _lacking(self, connection: Connection) -> Later | None:
        """Why no order can be performed, where the table of keys isn't there."""
        self._ready = self._ready or self.rows.shape.key is not None or has_keys(connection, self.names)
        if self._ready:
            return None
        missing = f"there is no table '{excerpt(self.names.keys)}' for the keys of firings"
        return Later(f"{missing}: install it, or name a column `key`", after=_WAIT, all_=True)

    def _nothing(self, orders: Sequence[Order], error: SQLAlchemyError) -> list[Outcome]:
        says = f"{self.database.shown} can't be used just now: {self.database.says(error)}"
        after = _WAIT if self.database.unready(error) else None
        return [Later(says, after, all_=True)] * len(orders)
