"""What deals hold that a plan would take from them, or give back: places in stages, and values of fields. Counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from flowrun.engine.underway import heading_for
from flowrun.expr.types import Kind
from flowrun.flow.model import Flow
from flowrun.plan import Loses, Loss, renames
from flowrun.store import columns
from flowrun.store.ddl import differs, quoted, run, stored_literal, text_literal
from flowrun.store.tables import deals_table


def standing_in(connection: Connection, base: Flow, wanted: Flow) -> dict[str, int]:
    """How many deals stand in each stage of `base` that `wanted` no longer has under that id, or are on their way
    there; no zeros."""
    gone = [stage for stage in base.stages if stage not in wanted.stages]
    if not gone:
        return {}
    deals = deals_table(None)
    held = select(deals.c.stage, func.count()).where(deals.c.stage.in_(gone)).group_by(deals.c.stage)
    counts = Counter[str](dict(connection.execute(held).all()))
    counts.update(heading_for(connection, gone))
    return {stage: counts[stage] for stage in gone if stage in counts}


def returning(connection: Connection, base: Flow, wanted: Flow) -> dict[str, int]:
    """How many deals get back another value than the default, by the fields that `wanted` declares again; no zeros."""
    values = columns.coming_back(connection, base, wanted, renames(base, wanted).fields)
    counts = {
        id_: _count(connection, f"({value}) IS NOT NULL AND {differs(value, stored_literal(wanted.fields[id_]))}")
        for id_, value in values.items()
    }
    return {id_: count for id_, count in counts.items() if count}


def losses(connection: Connection, base: Flow, wanted: Flow) -> tuple[Loss, ...]:
    """What the deals of the store would lose of their fields if `wanted` took the place of `base`, and what they hold
    in columns of other programs that have the name of a field of `wanted`."""
    return tuple(_losses(connection, base, wanted))


def _losses(connection: Connection, base: Flow, wanted: Flow) -> Iterator[Loss]:
    present = columns.present(connection)
    for column in columns.foreign(connection, base, wanted):
        if count := _count(connection, f"{quoted(column)} IS NOT NULL"):
            yield Loss(Loses.FOREIGN, column, count, count)
    renamed = renames(base, wanted).fields
    found = columns.asides(present, renamed)
    for field in base.fields.values():
        if field.id not in present:
            continue
        name = quoted(field.id)
        held = f"{name} IS NOT NULL"
        after = wanted.fields.get(renamed.get(field.id, field.id))
        if after is None:
            if count := _count(connection, f"{differs(name, stored_literal(field))} AND {held}"):
                yield Loss(Loses.FIELD, field.id, count, count)
            continue
        aside = columns.to_come_back(after, found)
        emptied = f"{held} AND ({columns.succession(field, after, field.id, aside, wanted.timezone)}) IS NULL"
        if after.type.kind is not field.type.kind:
            if count := _count(connection, held):
                lost = _count(connection, emptied)
                yield Loss(Loses.TYPE, field.id, count, lost, f"{field.type.kind} → {after.type.kind}")
        elif after.type.places != field.type.places:
            rounded = f"{held} AND {name} % {10 ** max(0, field.type.places - after.type.places)} <> 0"
            lost = _count(connection, emptied)
            if count := lost + _count(connection, rounded):
                yield Loss(Loses.PLACES, field.id, count, lost, f"{field.type.places} → {after.type.places}")
        elif field.type.kind is Kind.ENUM:
            for value in field.type.values:
                if value not in after.type.values and (count := _count(connection, f"{name} = {text_literal(value)}")):
                    yield Loss(Loses.VALUE, field.id, count, count, value)


def _count(connection: Connection, where: str) -> int:
    return int(run(connection, f"SELECT count(*) FROM deals WHERE {where}").scalar_one())
