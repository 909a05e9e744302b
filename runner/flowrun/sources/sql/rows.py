"""Rows as records: each deal whole, as it stands when it is read; what can't be read is told with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Row, select

from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.errors import WorkFailed
from flowrun.expr.types import DATETIME, Type
from flowrun.expr.values import BadValue
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Flow
from flowrun.sources.interface import Bad, Change, Gone, Record
from flowrun.sources.sql.options import SqlBlock
from flowrun.sources.sql.shape import ENTERED_AT, Shape
from flowrun.sources.sql.values import TEXTUAL, Cells, bound_id, text_of
from flowrun.store.deals import types

ASKED = 500
"""Ids in one statement."""

Cursor: TypeAlias = str | int | None
"""Where reading in the order of ids goes on: after that id, as the database has it; None from the beginning."""


@dataclass(frozen=True, slots=True)
class Stages:
    """Their stages and ours. `ours` has the stage of each of theirs, None for those whose rows are no deals."""

    ours: Mapping[str, str | None]
    theirs: Mapping[str, str]
    mapped: bool = True

    @classmethod
    def of(cls, options: SqlBlock, flow: Flow) -> Stages:
        """The stages that the options name. Raises WorkFailed for one of ours that there is not."""
        if not options.stages:
            same = {stage: stage for stage in flow.stages}
            return cls({**same, **dict.fromkeys(map(str, options.ignore))}, same, mapped=False)
        ours: dict[str, str | None] = {}
        theirs: dict[str, str] = {}
        for their, our in options.stages.items():
            stage = str(our)
            if stage not in flow.stages:
                hint = did_you_mean(stage, flow.stages)
                raise WorkFailed(f"there is no stage '{excerpt(stage)}', which `stages` names", hint)
            ours[str(their)] = stage
            theirs.setdefault(stage, str(their))
        for ignored in options.ignore:
            if ignored in ours:
                raise WorkFailed(f"'{excerpt(ignored)}' stands in `stages` and in `ignore`", "leave one of them out")
            ours[str(ignored)] = None
        return cls(ours, theirs)


@dataclass(slots=True)
class Rows:
    """The reader of one table's rows."""

    shape: Shape
    stages: Stages
    cells: Cells
    flow: Flow
    _types: dict[str, Type] = field(default_factory=dict)
    _place: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._types = {**types(self.flow), ENTERED_AT: DATETIME}
        self._place = {name: at for at, name in enumerate(self.shape.cells)}

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """What is selected."""
        return [cell.read(self.shape.database) for cell in self.shape.cells.values()]

    def by_ids(self, connection: Connection, ids: Sequence[str]) -> list[Change]:
        """These deals as they stand, in that order; those that aren't there are Gone."""
        found: dict[str, Change] = {}
        wanted = iter(dict.fromkeys(ids))
        while some := list(islice(wanted, ASKED)):
            bound = [one for id_ in some if (one := self.bound(id_)) is not None]
            if bound:
                chosen = select(*self.columns).where(self.shape.id.column.in_(bound))
                for row in connection.execute(chosen):
                    change = self.change(row)
                    if change.id is not None:
                        found[change.id] = change
        return [found.get(id_, Gone(id_)) for id_ in ids]

    def after(
        self, connection: Connection, last: Cursor, limit: int, *where: ColumnElement[bool]
    ) -> Sequence[Row[Any]]:
        """The next rows in the order of ids after that one."""
        column = self.shape.id.column
        chosen = select(*self.columns).order_by(column).limit(limit).where(column.is_not(None), *where)
        if last is not None:
            chosen = chosen.where(column > last)
        return connection.execute(chosen).all()

    def cursor(self, row: Row[Any]) -> Cursor:
        """Where reading in the order of ids goes on after that row. Raises WorkFailed for what is no id at all."""
        raw = self.raw(row, self.shape.id.name)
        if isinstance(raw, str | int):
            return raw
        if isinstance(raw, UUID | Decimal):
            return str(raw)
        raise WorkFailed(f"the column '{self.shape.id.name}' holds {type(raw).__name__}, which is no id")

    def bound(self, id_: str) -> object:
        """An id as it is bound; None where no row can have it."""
        return None if id_problem(id_, new=False) else bound_id(id_, self.shape.id.sort)

    def raw(self, row: Row[Any], column: str) -> Any:
        """What a row holds in that column."""
        return row[self._place[column]]

    def id_of(self, row: Row[Any]) -> str | None:
        """The id of a row, None where it has none that a deal can have."""
        try:
            found = text_of(self.raw(row, self.shape.id.name), self.shape.id.sort)
        except BadValue:
            return None
        return None if found is None or id_problem(found, new=False) else found

    def stage_of(self, raw: object) -> str | None:
        """Our stage of what the column holds, None for rows that are no deals. Raises BadValue."""
        text = text_of(raw, self.shape.stage.sort)
        if text is None:
            raise BadValue("no stage is given")
        if text not in self.stages.ours:
            named = [one for one in self.stages.ours if one]
            hint = did_you_mean(text, named)
            says = "is none of `stages` and `ignore`" if self.stages.mapped else "is no stage"
            raise BadValue(f"'{excerpt(text, 40)}' {says}" + (f"; {hint}" if hint else ""))
        return self.stages.ours[text]

    def is_deleted(self, row: Row[Any]) -> bool:
        """Whether the row is marked as deleted."""
        if self.shape.deleted is None:
            return False
        raw = self.raw(row, self.shape.deleted.name)
        if isinstance(raw, (bytes, bytearray)):
            return any(raw)
        return (
            raw is not None
            and raw is not False
            and raw != 0
            and str(raw).strip().lower() not in {"", "0", "false", "f"}
        )

    def change(self, row: Row[Any]) -> Change:
        """What a row says."""
        shape = self.shape
        id_ = self.id_of(row)
        if id_ is None:
            shown = excerpt(str(self.raw(row, shape.id.name)), 40)
            return Bad(f"{shape.table.name}, '{shown}'", f"column '{shape.id.name}': this can't be the id of a deal")
        if self.is_deleted(row):
            return Gone(id_)
        column = shape.stage.name
        try:
            stage = self.stage_of(self.raw(row, column))
            if stage is None:
                return Gone(id_)
            values: dict[str, Any] = {}
            for name, cell in shape.fields.items():
                column = cell.name
                values[name] = self.cells.read(self.raw(row, column), cell.sort, self._types[name])
        except BadValue as problem:
            return Bad(f"{shape.table.name}, {shape.id.name} {id_}", f"column '{column}': {problem}", id_)
        entered_at = values.pop(ENTERED_AT, None)
        key = None if shape.key is None else self.raw(row, shape.key.name)
        return Record(id_, stage, values, entered_at, None if key is None else str(key).strip() or None)


def is_textual(shape: Shape) -> bool:
    """Whether ids are texts, which collations may take for equal that are not."""
    return shape.id.sort in TEXTUAL
