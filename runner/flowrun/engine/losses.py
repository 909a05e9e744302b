"""What applying a flow would lose, and is therefore refused: deals of a stage that goes, values of a field that goes.

Removing and renaming what holds something needs a plan for it; until there is one, nothing is ever dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, MetaData, Table, func, inspect, select

from flowrun.expr.types import Kind, Type
from flowrun.expr.values import encode
from flowrun.flow.model import Flow
from flowrun.store.tables import deals_table


@dataclass(frozen=True, slots=True)
class Loss:
    """One refusal. `rail` is the name of the rail that it stands at (cli.md, "Rails"); `help` says what to do."""

    rail: str
    message: str
    help: str


def losses(connection: Connection, base: Flow | None, wanted: Flow) -> tuple[Loss, ...]:
    """What the deals of the store would lose if `wanted` took the place of `base`."""
    if base is None:
        return ()
    return (*_stages(connection, base, wanted), *_fields(connection, base, wanted))


def _stages(connection: Connection, base: Flow, wanted: Flow) -> Iterator[Loss]:
    gone = [stage for stage in base.stages if stage not in wanted.stages]
    deals = deals_table(None)
    held = select(deals.c.stage, func.count()).where(deals.c.stage.in_(gone)).group_by(deals.c.stage)
    for stage, count in connection.execute(held) if gone else ():
        stand = f"{_deals(count)} stand{'s' if count == 1 else ''} there"
        if new := _moved(wanted, "stage", stage):
            yield Loss(
                "remove-stage",
                f"renaming {stage} to {new} is not possible yet: {stand}",
                f"keep the id {stage} for now",
            )
            continue
        given = any(one.stage == stage for one in wanted.removed)
        lost = f"removing {stage} would lose {_deals(count)} that stand{'s' if count == 1 else ''} there"
        yield Loss(
            "remove-stage",
            f"moving the deals of {stage} by 'removed' is not possible yet: {stand}" if given else lost,
            f"move them to another stage first: flowrun deals list --stage {stage}",
        )


def _fields(connection: Connection, base: Flow, wanted: Flow) -> Iterator[Loss]:
    present = {column["name"] for column in inspect(connection).get_columns("deals")}
    for field in base.fields.values():
        if field.id not in present:
            continue
        after = wanted.fields.get(field.id)
        if after is None:
            count = _held(connection, field.id, beside=encode(field.default, field.type))
            if count and (new := _moved(wanted, "field", field.id)):
                yield Loss(
                    "remove-field",
                    f"renaming the field {field.id} to {new} is not possible yet: {_deals(count)} "
                    f"hold{'s' if count == 1 else ''} a value in it",
                    f"keep the id {field.id} for now",
                )
            elif count:
                yield Loss(
                    "remove-field",
                    f"removing the field {field.id} would lose its value in {_deals(count)}",
                    f"keep it, or empty it first: flowrun deals set ID {field.id}=",
                )
        elif _stored_as(after.type) != _stored_as(field.type):
            if count := _held(connection, field.id):
                yield Loss(
                    "field-type",
                    f"changing the field {field.id} from {_written(field.type)} to {_written(after.type)} "
                    f"is not possible yet: {_deals(count)} hold{'s' if count == 1 else ''} a value in it",
                    "declare a new field instead",
                )
        elif gone := [value for value in field.type.values if value not in after.type.values]:
            column = _column(field.id)
            for value in gone:
                count = connection.execute(select(func.count()).where(column == value)).scalar_one()
                if count:
                    yield Loss(
                        "remove-field",
                        f"removing the value '{value}' of {field.id} would lose it in {_deals(count)}",
                        "give those deals another value first",
                    )


def _moved(wanted: Flow, kind: str, old: str) -> str | None:
    """The new id that `moved` gives, or None."""
    return next((move.new for move in wanted.moved if move.kind == kind and move.old == old), None)


def _held(connection: Connection, name: str, beside: str | int | None = None) -> int:
    """How many deals hold a value there, other than `beside` (stored form; null: none is left out)."""
    column = _column(name)
    held = select(func.count()).where(column.is_not(None))
    if beside is not None:
        held = held.where(column != beside)
    return int(connection.execute(held).scalar_one())


def _column(name: str) -> Column[object]:
    return Table("deals", MetaData(), Column("seq", Integer, primary_key=True), Column(name)).c[name]


def _stored_as(type_: Type) -> tuple[Kind, int]:
    return type_.kind, type_.places


def _written(type_: Type) -> str:
    return f"{type_} ({type_.places} places)" if type_.kind is Kind.DECIMAL else str(type_)


def _deals(count: int) -> str:
    return f"{count} deal{'' if count == 1 else 's'}"
