"""What deals hold that a plan would take from them: places in stages, and values of fields. Counts, for the rails."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, select

from flowrun.expr.types import Kind
from flowrun.expr.values import encode
from flowrun.flow.model import Flow
from flowrun.plan import Loses, Loss, renames
from flowrun.store.tables import deals_table


def standing_in(connection: Connection, base: Flow, wanted: Flow) -> dict[str, int]:
    """How many deals stand in each stage of `base` that `wanted` no longer has under that id; no zeros."""
    gone = [stage for stage in base.stages if stage not in wanted.stages]
    if not gone:
        return {}
    deals = deals_table(None)
    held = select(deals.c.stage, func.count()).where(deals.c.stage.in_(gone)).group_by(deals.c.stage)
    counts: dict[str, int] = dict(connection.execute(held).all())
    return {stage: counts[stage] for stage in gone if stage in counts}


def losses(connection: Connection, base: Flow, wanted: Flow) -> tuple[Loss, ...]:
    """What the deals of the store would lose of their fields if `wanted` took the place of `base`."""
    return tuple(_losses(connection, base, wanted))


def _losses(connection: Connection, base: Flow, wanted: Flow) -> Iterator[Loss]:
    renamed = renames(base, wanted).fields
    for field in base.fields.values():
        after = wanted.fields.get(renamed.get(field.id, field.id))
        if after is None:
            if count := _held(connection, field.id, beside=encode(field.default, field.type)):
                yield Loss(Loses.FIELD, field.id, count, count)
        elif after.type.kind != field.type.kind:
            if count := _held(connection, field.id):
                yield Loss(Loses.TYPE, field.id, count, count, f"{field.type.kind} → {after.type.kind}")
        elif after.type.places < field.type.places:
            if count := _held(connection, field.id):
                yield Loss(Loses.PLACES, field.id, count, 0, f"{field.type.places} → {after.type.places}")
        else:
            column = _column(field.id)
            for value in field.type.values:
                if field.type.kind is Kind.ENUM and value not in after.type.values:
                    count = connection.execute(select(func.count()).where(column == value)).scalar_one()
                    if count:
                        yield Loss(Loses.VALUE, field.id, count, count, value)


def _held(connection: Connection, name: str, beside: str | int | None = None) -> int:
    """How many deals hold a value there, other than `beside` (stored form; null: none is left out)."""
    column = _column(name)
    held = select(func.count()).where(column.is_not(None))
    if beside is not None:
        held = held.where(column != beside)
    return int(connection.execute(held).scalar_one())


def _column(name: str) -> Column[object]:
    return Table("deals", MetaData(), Column("seq", Integer, primary_key=True), Column(name)).c[name]
