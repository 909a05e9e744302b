"""Batches: some thousand rows of a file as columns of stored values, with what is wrong with each row.

Columns rather than rows, since each column has one reader and a whole column is read by one call; only a column with
a mistake in it is gone through cell by cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from flowrun.clock import iso
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.expr.values import BadValue
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Flow
from flowrun.sources import jsonl
from flowrun.sources.cells import Cells, Reader, Stored, remembering
from flowrun.sources.jsonl import Line
from flowrun.sources.mapping import ImportMap
from flowrun.sources.separated import Record, Separated
from flowrun.store.deals import types

SIZE = 10_000
"""Rows of a batch: enough that a statement's own cost does not show, few enough to be held."""

_Cell = TypeVar("_Cell")


@dataclass(slots=True)
class Batch:
    """Rows of a file. `lines`, `ids` and each of `columns` are parallel.

    `columns` are the settable fields that the rows give, `stage` and `entered_at`; `absent` are the lines of the rows
    that lack a column which others have. `faults` says by line what is wrong; such a row may have no values at all.
    `originals` are the cells by line.
    """

    lines: list[int]
    ids: list[str]
    columns: dict[str, list[Stored]] = field(default_factory=dict)
    absent: dict[str, list[int]] = field(default_factory=dict)
    faults: dict[int, list[str]] = field(default_factory=dict)
    originals: dict[int, Sequence[str]] = field(default_factory=dict)

    def fault(self, line: int, reason: str) -> None:
        """Notes what is wrong with a row."""
        self.faults.setdefault(line, []).append(reason)

    def read(self, label: str, cells: Iterable[_Cell], reader: Callable[[_Cell], Stored]) -> list[Stored]:
        """A column read; a cell that can't be is a fault of its row, named by the label, and None."""
        cells = cells if isinstance(cells, (list, tuple)) else list(cells)
        try:
            return [reader(cell) for cell in cells]
        except BadValue:
            return [self._one(line, label, cell, reader) for line, cell in zip(self.lines, cells, strict=True)]

    def _one(self, line: int, label: str, cell: _Cell, reader: Callable[[_Cell], Stored]) -> Stored:
        try:
            return reader(cell)
        except BadValue as problem:
            self.fault(line, f"{label}: {problem}")
            return None


def csv_batches(file: Separated, mapping: ImportMap, flow: Flow, now: int) -> Iterator[Batch]:
    """The rows of a CSV file, whose header has all columns of the mapping. `now` bounds `entered_at`."""
    cells = Cells(flow, mapping.decimal, mapping.date_format)
    entered_at = cells.entered_at(now)
    readers = {
        name: (column.text.strip(), entered_at if name == "entered_at" else cells.reader(name))
        for name, column in mapping.columns.items()
        if name != "id"
    }
    if mapping.at_column is not None:
        readers["stage"] = (mapping.at_column.text.strip(), _stage_reader(mapping, flow))
    place = {name: file.header.index(column) for name, (column, _) in readers.items()}
    id_place = file.header.index(mapping.columns["id"].text.strip())
    records = iter(file)
    while taken := list(islice(records, SIZE)):
        whole = [record for record in taken if record.fault is None]
        batch = Batch([record.line for record in whole], [record.cells[id_place].strip() for record in whole])
        batch.originals = {record.line: record.cells for record in taken}
        _note_faults(batch, taken)
        columns = list(zip(*(record.cells for record in whole), strict=True))
        for name, (label, reader) in readers.items():
            texts = columns[place[name]] if columns else ()
            batch.columns[name] = batch.read(f"column '{excerpt(label, 40)}'", texts, reader)
        _fill(batch, mapping.at, mapping.entered_at)
        yield batch


def jsonl_batches(
    lines: Iterator[Line], at: str | None, entered_at: int | None, flow: Flow, now: int
) -> Iterator[Batch]:
    """The lines of a JSON Lines file. `at` and `entered_at` count where a line has none; `now` bounds the latter."""

    def instant(value: object) -> Stored:
        found = jsonl.instant(flow, value)
        if found is not None and found > now:
            raise BadValue(f"{iso(found)} is in the future")
        return found

    stages = flow.stages

    def stage(value: object) -> Stored:
        text = jsonl.text_of(value)
        if text is not None and text not in stages:
            raise BadValue(_unknown(text, stages))
        return text

    settable = types(flow)
    known = dict.fromkeys([*jsonl.OWN_KEYS, *settable])
    readers: dict[str, tuple[str, Callable[[object], Stored]]] = {
        "stage": ("at", stage),
        "entered_at": ("entered_at", instant),
        **{name: (name, jsonl.reader(flow, name)) for name in settable},
    }
    while taken := list(islice(lines, SIZE)):
        whole = [line for line in taken if line.fault is None]
        batch = Batch([line.number for line in whole], [])
        batch.originals = {line.number: (line.text,) for line in taken}
        for line in taken:
            for fault in (line.fault,) if line.fault else jsonl.unknown_keys(line.content, known):
                batch.fault(line.number, fault)
        ids = batch.read("id", [line.content.get("id") for line in whole], jsonl.text_of)
        batch.ids = [str(id_ or "") for id_ in ids]
        _note_bad_ids(batch)
        for name, (key, reader) in readers.items():
            lacking = [line.number for line in whole if key not in line.content]
            if len(lacking) < len(whole):
                batch.columns[name] = batch.read(f"'{key}'", [line.content.get(key) for line in whole], reader)
                if lacking and name in settable:
                    batch.absent[name] = lacking
        _fill(batch, at, entered_at)
        yield batch


def _note_faults(batch: Batch, records: Iterable[Record]) -> None:
    for record in records:
        if record.fault is not None:
            batch.fault(record.line, record.fault)
    _note_bad_ids(batch)


def _note_bad_ids(batch: Batch) -> None:
    for line, id_ in zip(batch.lines, batch.ids, strict=True):
        if (problem := id_problem(id_, new=False)) and line not in batch.faults:
            batch.fault(line, problem)


def _fill(batch: Batch, at: str | None, entered_at: int | None) -> None:
    """What is given for all rows, where a row itself says nothing."""
    for name, value in (("stage", at), ("entered_at", entered_at)):
        if value is not None:
            column = batch.columns.get(name)
            batch.columns[name] = [value] * len(batch.lines) if column is None else [one or value for one in column]


def _stage_reader(mapping: ImportMap, flow: Flow) -> Reader:
    known = {**{stage: stage for stage in flow.stages}, **mapping.stages}

    def read(cell: str) -> Stored:
        text = cell.strip()
        if not text:
            raise BadValue("no stage is given")
        found = known.get(text)
        if found is None:
            raise BadValue(_unknown(text, known))
        return found

    return remembering(read)


def _unknown(text: str, known: Iterable[str]) -> str:
    hint = did_you_mean(text, known)
    return f"there is no stage '{excerpt(text, 40)}'" + (f"; {hint}" if hint else "")
