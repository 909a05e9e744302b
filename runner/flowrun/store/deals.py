"""Deals: found, listed and counted as values; added, changed, moved and deleted one at a time.

Writes are plain INSERT, UPDATE and DELETE, so the triggers that serve every other program's SQL (`store.schema`) do the
entries, the queue and the defaults here too: there is one implementation of these rules. Imports, which write a
million rows, have their own set-based way (`sources.merging`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)

from flowrun.expr import Expression
from flowrun.expr.functions import NUMBERS, lower
from flowrun.expr.sql import Scope, Sql, condition
from flowrun.expr.types import TEXT, Kind, Type, Value
from flowrun.expr.values import BadValue, decode, encode
from flowrun.flow.model import Flow
from flowrun.store.connection import Transaction
from flowrun.store.tables import deals_table
from flowrun.store.watching import TEXT_CHARACTERS, WRITABLE_BUILTINS

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal. `stage` is the full reference; instants are milliseconds, UTC; `fields` has every declared field.

    `origin` is the deal that it was copied from, `origin_tunnel` the tunnel that did; `seq` rises with creation.
    """

    id: str
    title: str | None
    owner: str | None
    pipeline: str
    stage: str
    entry: int
    entered_at: int
    created_at: int
    updated_at: int
    origin: str | None
    origin_tunnel: str | None
    fields: Mapping[str, Value]
    seq: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which deals: those of a pipeline, of a stage, for which a condition holds, whose id, title or owner has a text in
    it (whatever its case), and those made after the one with that `seq`. None: no restriction.

    `today` is the date in the project's zone; a condition that uses `today()` needs it.
    """

    pipeline: str | None = None
    stage: str | None = None
    where: Expression | None = None
    today: date | None = None
    search: str | None = None
    after: int | None = None


def types(flow: Flow) -> Mapping[str, Type]:
    """What may be set on a deal, with its type, in the order of the table: `title`, `owner` and the fields."""
    return dict.fromkeys(WRITABLE_BUILTINS, TEXT) | {field.id: field.type for field in flow.fields.values()}


def storable(value: Value) -> Value:
    """The value itself. Raises BadValue for a text that no store takes."""
    for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
        if len(text) > TEXT_CHARACTERS:
            raise BadValue(f"the text has {len(text):,} characters; at most {TEXT_CHARACTERS:,} are allowed")
        if "\0" in text:
            raise BadValue("the text holds a NUL character")
        if _SURROGATE.search(text):
            raise BadValue("the text holds half of a surrogate pair, which is no character")
    return value


def find(connection: Connection, flow: Flow, id_: str) -> Deal | None:
    """The deal of that id, or None."""
    table = deals_table(flow)
    row = connection.execute(select(table).where(table.c.id == id_)).one_or_none()
    return None if row is None else _deal(flow, row)


def listing(connection: Connection, flow: Flow, selection: Selection, limit: int | None = None) -> Iterator[Deal]:
    """The selected deals in the order of their creation, read as they are asked for.

    Deals whose condition overflows are left out; `overflowing` counts them.
    """
    table = deals_table(flow)
    chosen = _selected(flow, table, selection, select(table)).order_by(table.c.seq).limit(limit)
    for row in connection.execute(chosen, execution_options={"yield_per": 1000}):
        yield _deal(flow, row)


def counts(connection: Connection, flow: Flow, selection: Selection) -> dict[str, int]:
    """How many of the selected deals stand in each stage: all stages of the selection, in order, also empty ones."""
    table = deals_table(flow)
    counted = _selected(flow, table, selection, select(table.c.stage, func.count())).group_by(table.c.stage)
    found: dict[str, int] = {stage: count for stage, count in connection.execute(counted)}  # noqa: C416 - typed rows
    return {
        stage.id: found.get(stage.id, 0)
        for stage in flow.stages.values()
        if selection.pipeline in {None, stage.pipeline} and selection.stage in {None, stage.id}
    }


@dataclass(frozen=True, slots=True)
class Total:
    """How many deals stand in a stage, and the sum of each of their numbers; an empty value counts for nothing."""

    deals: int
    sums: Mapping[str, Value] = field(default_factory=dict)


def totals(connection: Connection, flow: Flow | None) -> dict[str, Total]:
    """The totals of each stage that deals stand in; without a flow, no sums. One statement, which looks at all deals.

    They are summed in two halves, since the whole may be more than the database's integers hold.
    """
    numbers = [one for one in flow.fields.values() if one.type.kind in NUMBERS] if flow else []
    table = deals_table(flow)
    halves = [
        half
        for one in numbers
        for half in (func.sum((table.c[one.id] - table.c[one.id] % _HALF) // _HALF), func.sum(table.c[one.id] % _HALF))
    ]
    found: dict[str, Total] = {}
    for stage, count, *parts in connection.execute(
        select(table.c.stage, func.count(), *halves).group_by(table.c.stage)
    ):
        sums = {
            one.id: _whole(one.type, parts[2 * at], parts[2 * at + 1])
            for at, one in enumerate(numbers)
            if parts[2 * at] is not None
        }
        found[stage] = Total(count, sums)
    return found


def _whole(type_: Type, high: int, low: int) -> Value:
    number = int(high) * _HALF + int(low)
    return number if type_.kind is Kind.INTEGER else Decimal(number).scaleb(-type_.places, _EXACT)


_HALF = 1_000_000_000
_EXACT = Context(prec=60)


def overflowing(connection: Connection, flow: Flow, selection: Selection) -> int:
    """For how many deals the condition overflows, which is neither true nor false."""
    table = deals_table(flow)
    judged = _judged(flow, table, selection)
    if judged is None or judged.overflow is None:
        return 0
    counted = select(func.count()).select_from(table).where(*_where_it_stands(table, selection), judged.overflow)
    return int(connection.execute(counted).scalar_one())


def add(transaction: Transaction, flow: Flow, id_: str, stage: str, values: Mapping[str, Value]) -> None:
    """Make a deal. The caller has checked id, stage, and that there is none of that id."""
    transaction.connection.execute(
        insert(deals_table(flow)).values(id=id_, stage=stage, **_encoded(flow, values)).inline()
    )


def change(transaction: Transaction, flow: Flow, id_: str, values: Mapping[str, Value]) -> None:
    """Set these fields of a deal; None empties one, or gives it its default. Equal values change nothing."""
    if values:
        table = deals_table(flow)
        transaction.connection.execute(update(table).where(table.c.id == id_).values(_encoded(flow, values)))


def move(transaction: Transaction, flow: Flow, id_: str, stage: str) -> None:
    """Set the stage of a deal. The one that it has already starts no entry."""
    table = deals_table(flow)
    transaction.connection.execute(update(table).where(table.c.id == id_).values(stage=stage))


def remove(transaction: Transaction, flow: Flow, id_: str) -> None:
    """Delete a deal. Its journal stays, and so does `origin` of its copies."""
    table = deals_table(flow)
    transaction.connection.execute(delete(table).where(table.c.id == id_))


def _encoded(flow: Flow, values: Mapping[str, Value]) -> dict[str, Any]:
    known = types(flow)
    return {name: encode(value, known[name]) for name, value in values.items()}


def _selected(flow: Flow, table: Table, selection: Selection, rows: Select[Any]) -> Select[Any]:
    rows = rows.where(*_where_it_stands(table, selection))
    judged = _judged(flow, table, selection)
    if judged is None:
        return rows
    return rows.where(judged.value, *([] if judged.overflow is None else [not_(judged.overflow)]))


def _where_it_stands(table: Table, selection: Selection) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if selection.stage is not None:
        found.append(table.c.stage == selection.stage)
    if selection.pipeline is not None:
        found.append(table.c.pipeline == selection.pipeline)
    if selection.after is not None:
        found.append(table.c.seq > selection.after)
    if selection.search is not None:
        wanted = lower(selection.search)
        texts = (table.c.id, table.c.title, table.c.owner)
        found.append(or_(*(func.fr_lower(text).contains(wanted, autoescape=True) for text in texts)))
    return found


def _judged(flow: Flow, table: Table, selection: Selection) -> Sql | None:
    if selection.where is None:
        return None
    today = literal(selection.today.isoformat() if selection.today else None, Text)
    scope = Scope(deal={column.name: column for column in table.c}, today=today, zone=flow.timezone)
    return condition(selection.where, scope)


def _deal(flow: Flow, row: Row[Any]) -> Deal:
    stored = row._mapping
    return Deal(
        id=stored["id"],
        title=stored["title"],
        owner=stored["owner"],
        pipeline=stored["pipeline"],
        stage=stored["stage"],
        entry=stored["entry"],
        entered_at=stored["entered_at"],
        created_at=stored["created_at"],
        updated_at=stored["updated_at"],
        origin=stored["origin"],
        origin_tunnel=stored["origin_tunnel"],
        fields={field.id: _decoded(stored[field.id], field.type) for field in flow.fields.values()},
        seq=stored["seq"],
    )


def _decoded(stored: str | int | None, type_: Type) -> Value:
    """The value; None for what is none, which a program can write that has taken the triggers away.

    One such deal must not hide all others.
    """
    try:
        return decode(stored, type_)
    except (ValueError, TypeError):
        return None
