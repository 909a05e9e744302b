"""CSV files: where each record and each cell of it stands, and how a cell is written in the style of its place.

Records are read by `sources.separated`. What is written keeps the row's own quoting: a cell that was quoted stays so, a
bare one is quoted where it must be. A new row takes its quoting from the last one of the file.

A leading `=`, `+`, `-` or `@` is written as it is. Some programs read such a cell as a formula, but whatever would be
put in front of it would be part of the value for everybody else, here too: data is data.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import BinaryIO, TextIO

from flowrun.diagnostics import excerpt
from flowrun.expr.types import Kind
from flowrun.expr.values import BadValue
from flowrun.flow.deal_id import id_problem
from flowrun.sources.files.encoding import Encoding
from flowrun.sources.files.layout import CantHold, Layout
from flowrun.sources.files.rows import Edit, Patch, Row, Written
from flowrun.sources.interface import Bad, Record
from flowrun.sources.separated import Separated

DELIMITERS = ",;\t|"
"""What may stand between cells where no option says it: that of these which the header has most of."""

_SAMPLES = 200
"""Rows in which a word for a boolean is looked for."""


class Separations:
    """A CSV file, as `rows.Table`."""

    def __init__(self, name: str, encoding: Encoding, layout: Layout) -> None:
        self.file: BinaryIO | None = None
        self.end = 0
        self.fault: str | None = None
        self.doubt: str | None = None
        self._name = name
        self._encoding = encoding
        self._layout = layout
        self._delimiter = layout.delimiter or ","
        self._columns: dict[str, int] = {}
        self._width = 0
        self._stage: int | None = None
        self._key: int | None = None
        self._likes: dict[str, str] = {}
        self._last = ""
        self._breaks = "\n"
        self.ended = True

    def rows(self, text: TextIO) -> Iterator[Row]:
        """The rows of the file; `text` is it as text, its mark taken off. Raises UnicodeDecodeError."""
        lines = _Counted(text, self._encoding)
        if self._layout.delimiter is None:
            self._delimiter = _delimiter(lines)
        table = Separated(lines, self._delimiter)
        header = table.header
        self.fault = table.header_fault or self._layout.lacking(header, self._name)
        self._breaks = _break(table.text) or "\n"
        if not any(header):
            self.fault = self.doubt = "it is empty; expected a header and rows"
        if self.fault is not None:
            for _ in lines:
                pass
            self.end = lines.at
            return
        self._width = len(header)
        self._columns = {name: header.index(column) for name, column in self._layout.columns(header).items()}
        self._stage = header.index(self._layout.stage) if self._layout.mapping.at is None else None
        self._key = header.index(self._layout.key) if self._layout.key in header else None
        id_place, size = self._columns["id"], self._encoding.size
        flags = [name for name in self._columns if name != "id" and self._kind(name) is Kind.BOOLEAN]
        for number, record in enumerate(table):
            written, end = table.text, lines.at
            self._last = written
            if number < _SAMPLES and record.fault is None:
                for name in flags:
                    if cell := record.cells[self._columns[name]].strip():
                        self._likes.setdefault(name, cell)
            id_ = record.cells[id_place].strip() if len(record.cells) > id_place else None
            fault = record.fault
            if fault is not None and len(record.cells) == 1 and self._width > 1:
                id_ = None  # the text of its lines: no cell could be told
            if fault is None and (problem := id_problem(id_ or "", new=False)):
                id_, fault = None, problem
            yield Row(id_ or None, record.line, end - size(written), end, hash(_body(written)), fault)
            if record.fault is not None and "never closed" in record.fault:
                self.doubt = record.fault
        self._breaks = _break(self._last) or self._breaks
        self.ended = bool(_break(lines.last))
        if not self.ended:
            self.doubt = self.doubt or "its last line has no end"
        self.end = lines.at

    def _kind(self, name: str) -> Kind | None:
        type_ = self._layout.types.get(name)
        return None if type_ is None else type_.kind

    def knows(self, name: str) -> bool:
        """Whether it has a column for that field."""
        return name in self._columns

    def record(self, row: Row) -> Record | Bad:
        """What a row says."""
        return self._said(self._cells(self._written(row)), row)

    def _said(self, cells: Sequence[str], row: Row) -> Record | Bad:
        problems: list[str] = []
        fields = {}
        entered_at = None
        for name, place in self._columns.items():
            if name == "id":
                continue
            try:
                value = self._layout.reader(name)(cells[place])
            except BadValue as problem:
                label = self._layout.mapping.columns[name].text
                problems.append(f"column '{excerpt(label, 40)}': {problem}")
                continue
            if name == "entered_at":
                entered_at = value if isinstance(value, int) else None
            else:
                fields[name] = value
        stage = self._layout.mapping.at
        if self._stage is not None:
            try:
                stage = self._layout.stage_of(cells[self._stage])
            except BadValue as problem:
                problems.append(f"column '{excerpt(self._layout.stage, 40)}': {problem}")
        if problems:
            return Bad(f"{self._name}:{row.line}", "; ".join(problems), row.id)
        key = cells[self._key].strip() if self._key is not None else None
        return Record(row.id or "", stage, fields, entered_at, key or None)

    def changed(self, row: Row, edit: Edit) -> Written:
        """The row rewritten: only the cells that say something else are."""
        written = self._written(row)
        spans = _spans(written, self._delimiter)
        before = self._cells(written)
        if [text for _, _, _, text in spans] != [*before]:
            raise CantHold("its cells can't be told apart for certain")
        said = self._said(before, row)
        known = said.fields if isinstance(said, Record) else {}
        stage = said.stage if isinstance(said, Record) else None
        wanted = self._texts(
            edit, before, {name for name, value in edit.fields.items() if known.get(name, ...) == value}
        )
        if stage == edit.stage and self._stage is not None:
            wanted.pop(self._stage, None)
        filled = [quoted for _, _, quoted, text in spans if text]
        all_quoted = bool(filled) and all(filled)
        pieces, at = [], 0
        for place, (start, end, quoted, text) in enumerate(spans):
            new = wanted.get(place, text)
            if new != text:
                pieces += [written[at:start], self._cell(new, quoted or (all_quoted and not text))]
                at = end
        after = "".join([*pieces, written[at:]])
        cells = self._cells(after)
        if cells != [wanted.get(place, text) for place, text in enumerate(before)]:
            raise CantHold("the row would not be read as it was written")
        return Written((Patch(row.start, row.end, self._bytes(after)),), self._said(cells, row), hash(_body(after)))

    def added(self, new: Sequence[tuple[str, Edit]]) -> Written:
        """Rows after the last one, with its quoting and its line end; a missing last line end stays missing."""
        style = [quoted for _, _, quoted, _ in _spans(self._last, self._delimiter)] if self._last else []
        style += [all(style) and bool(style)] * (self._width - len(style))
        rows = []
        says: Record | Bad = Bad("", "")
        for id_, edit in new:
            cells = [""] * self._width
            cells[self._columns["id"]] = id_
            for place, text in self._texts(edit, cells, set()).items():
                cells[place] = text
            row = self._delimiter.join(
                self._cell(cell, style[place] and (cell != "" or all(style))) for place, cell in enumerate(cells)
            )
            if self._cells(row) != cells:
                raise CantHold("the row would not be read as it was written")
            rows.append(row)
            says = self._said(cells, Row(id_, 0, 0, 0, 0))
        joined = self._breaks.join(rows)
        text = joined + self._breaks if self.ended else self._breaks + joined
        return Written((Patch(self.end, self.end, self._bytes(text)),), says)

    def proof(self, _patches: Sequence[Patch]) -> Mapping[str, Written]:
        """Never asked for: each row tells for itself."""
        return {}

    def _texts(self, edit: Edit, cells: Sequence[str], settled: set[str]) -> dict[int, str]:
        """The cells that the edit names, by their places, as texts; those of `settled` are as they should be."""
        found = {}
        values: Mapping[str, object] = {**edit.fields, "entered_at": edit.entered_at}
        for name, value in values.items():
            place = self._columns.get(name)
            if place is not None and name not in settled:
                like = cells[place] or self._likes.get(name, "")
                found[place] = self._layout.text(name, value, like)  # type: ignore[arg-type] # values, as they are
        if self._stage is not None:
            found[self._stage] = self._layout.stage_text(edit.stage)
        if self._key is not None and edit.key is not None:
            found[self._key] = edit.key
        return found

    def _cell(self, text: str, quoted: bool) -> str:
        needs = text[:1] in {'"', " "} or any(sign in text for sign in (self._delimiter, "\r", "\n"))
        return '"' + text.replace('"', '""') + '"' if quoted or needs else text

    def _written(self, row: Row) -> str:
        assert self.file is not None
        self.file.seek(row.start)
        return self.file.read(row.end - row.start).decode(self._encoding.name)

    def _cells(self, written: str) -> Sequence[str]:
        lines = io.StringIO(written, newline="")
        return next(csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True), [])

    def _bytes(self, text: str) -> bytes:
        try:
            return text.encode(self._encoding.name)
        except UnicodeEncodeError as error:
            raise CantHold(f"its encoding, {self._encoding.name}, has no '{excerpt(text[error.start])}'") from None


class _Counted:
    """The lines of a file, with how many bytes those that were read take. Those put back come once more."""

    def __init__(self, text: TextIO, encoding: Encoding) -> None:
        self.at = len(encoding.mark)
        self._text = text
        self._size = encoding.size
        self.back: list[str] = []
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.back.pop() if self.back else next(self._text)
        self.at += self._size(line)
        self.last = line
        return line


def _delimiter(lines: _Counted) -> str:
    """The delimiter of a file, by its first line; one that says it itself (`sep=;`, as Excel has it) is passed over."""
    start = lines.at
    first = "".join(islice(lines, 1))
    if first[:4].lower() == "sep=" and len(first.rstrip("\r\n")) == 5:
        return first[4]
    lines.at = start
    if first:
        lines.back.append(first)
    return max(DELIMITERS, key=lambda sign: (first.count(sign), -DELIMITERS.index(sign)))


def _body(written: str) -> str:
    """A record without its line break."""
    return written.removesuffix("\n").removesuffix("\r") if written.endswith("\n") else written.removesuffix("\r")


def _break(written: str) -> str:
    """The line break that a record ends in; none: empty."""
    return written[len(_body(written)) :]


def _spans(written: str, delimiter: str) -> list[tuple[int, int, bool, str]]:
    """The cells of a record as it is written: from where to where, whether in quotes, and the text."""
    body = _body(written)
    found: list[tuple[int, int, bool, str]] = []
    at = 0
    while True:
        start = at
        while body[start : start + 1] == " ":
            start += 1
        if body[start : start + 1] == '"':
            end = start + 1
            while True:
                end = body.find('"', end)
                if end < 0:
                    raise CantHold("a quote is opened and never closed")
                if body[end + 1 : end + 2] != '"':
                    break
                end += 2
            end += 1
            found.append((start, end, True, body[start + 1 : end - 1].replace('""', '"')))
        else:
            end = body.find(delimiter, start)
            end = len(body) if end < 0 else end
            found.append((start, end, False, body[start:end]))
        if end >= len(body):
            return found
        at = end + 1
