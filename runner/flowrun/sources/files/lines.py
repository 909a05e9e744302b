"""JSON Lines: where each value of a line stands, and a line with other values, its keys in their order.

What no edit names stays as it is written, keys that flowrun doesn't know and the digits of numbers included.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from json.decoder import JSONDecoder, scanstring  # type: ignore[attr-defined] # the scanner of the json module itself
from typing import BinaryIO, TextIO

from flowrun.diagnostics import excerpt
from flowrun.expr.types import DATETIME, Kind, Value
from flowrun.expr.values import BadValue, decode, scaled, to_json, write_scaled
from flowrun.flow.deal_id import id_problem
from flowrun.sources import jsonl
from flowrun.sources.files.encoding import Encoding
from flowrun.sources.files.layout import CantHold, Layout
from flowrun.sources.files.rows import Edit, Patch, Row, Written
from flowrun.sources.interface import Bad, Record
from flowrun.sources.jsonl import Number

_SPACE = re.compile(r"[ \t\r\n]*")
_WHOLE = re.compile(r"-?[0-9]+")
_BY_CELLS = frozenset({Kind.DATE, Kind.DATETIME, Kind.DECIMAL})
"""Kinds whose texts are read as cells are: in the mapping's date format and with its decimal sign."""


class Lines:
    """A JSON Lines file, as `rows.Table`."""

    def __init__(self, name: str, encoding: Encoding, layout: Layout) -> None:
        self.file: BinaryIO | None = None
        self.end = len(encoding.mark)
        self.fault: str | None = None
        self.doubt: str | None = None
        self._name = name
        self._encoding = encoding
        self._layout = layout
        self._columns = {name: column.text.strip() for name, column in layout.mapping.columns.items()}
        self._readers = {name: jsonl.reader(layout.flow, name) for name in layout.types if name in self._columns}
        self._last = ""
        self._breaks = "\n"
        self._ended = True

    def rows(self, text: TextIO) -> Iterator[Row]:
        """The rows of the file; `text` is it as text, its mark taken off. Raises UnicodeDecodeError."""
        at, size, key = self.end, self._encoding.size, self._columns["id"]
        line = ""
        for number, line in enumerate(text, 1):
            start, at = at, at + size(line)
            if not line.strip():
                continue
            self._last = line
            id_ = fault = None
            try:
                found = json.loads(line)
                id_ = _id(found.get(key)) if isinstance(found, dict) else None
            except (ValueError, RecursionError):
                fault = str(jsonl.parse(line.strip()))
                # Cut off within its line, as a file is that is still being written.
                self.doubt = fault if not line.endswith(("\n", "\r")) else None
            else:
                fault = id_problem(id_ or "", new=False) if isinstance(found, dict) else str(jsonl.parse(line.strip()))
            yield Row(None if fault else id_, number, start, at, hash(line.rstrip("\r\n")), fault)
        self.end = at
        self._ended = not line or line.endswith(("\n", "\r"))
        self._breaks = self._last[len(self._last.rstrip("\r\n")) :] or self._breaks
        if not self._last:
            self.doubt = "it is empty"
        elif not self._ended:
            self.doubt = self.doubt or "its last line has no end"

    def knows(self, name: str) -> bool:
        """Whether it has a key for that field."""
        return name in self._columns

    def record(self, row: Row) -> Record | Bad:
        """What a row says."""
        return self._said(self._written(row), row)

    def _said(self, written: str, row: Row) -> Record | Bad:
        content = jsonl.parse(written.strip())
        if isinstance(content, str):
            return Bad(f"{self._name}:{row.line}", content, row.id)
        problems: list[str] = []
        fields: dict[str, Value] = {}
        entered_at = None
        stage = self._layout.mapping.at
        for name, key in self._columns.items():
            if name == "id" or key not in content:
                continue
            try:
                if name == "entered_at":
                    entered_at = jsonl.instant(self._layout.flow, content[key])
                else:
                    fields[name] = self._value(name, content[key])
            except BadValue as problem:
                problems.append(f"'{excerpt(key, 40)}': {problem}")
        if stage is None:
            try:
                stage = self._layout.stage_of(jsonl.text_of(content.get(self._layout.stage)) or "")
            except BadValue as problem:
                problems.append(f"'{excerpt(self._layout.stage, 40)}': {problem}")
        if problems:
            return Bad(f"{self._name}:{row.line}", "; ".join(problems), row.id)
        made_by = content.get(self._layout.key) if self._layout.key else None
        return Record(row.id or "", stage, fields, entered_at, made_by if isinstance(made_by, str) else None)

    def _value(self, name: str, given: object) -> Value:
        type_ = self._layout.types[name]
        if type_.kind in _BY_CELLS and isinstance(given, str) and not isinstance(given, Number):
            return self._layout.reader(name)(given)
        return decode(self._readers[name](given), type_)

    def changed(self, row: Row, edit: Edit) -> Written:
        """The line with other values: of keys that it has in their places, of others at its end."""
        written = self._written(row)
        said = self._said(written, row)
        known = said.fields if isinstance(said, Record) else {}
        settled = {name for name, value in edit.fields.items() if name in known and known[name] == value}
        content = jsonl.parse(written.strip())
        if isinstance(content, str):
            raise CantHold(content)
        wanted = self._texts(edit, content, settled)
        if isinstance(said, Record) and said.stage == edit.stage:
            wanted.pop(self._layout.stage, None)
        after = _with(written, wanted)
        return Written(
            (Patch(row.start, row.end, self._bytes(after)),), self._said(after, row), hash(after.rstrip("\r\n"))
        )

    def added(self, new: Sequence[tuple[str, Edit]]) -> Written:
        """Lines after the last one, spaced as it is; a missing last line end stays missing."""
        last = jsonl.parse(self._last.strip())
        like = {} if isinstance(last, str) else last
        fields = [self._columns[name] for name in self._layout.types if name in self._columns]
        colon, comma = _spacing(self._last)
        rows = []
        says: Record | Bad = Bad("", "")
        for id_, edit in new:
            texts = {self._columns["id"]: json.dumps(id_, ensure_ascii=False)}
            texts |= self._texts(edit, like, set())
            # A key that is left out would say that the value isn't known.
            texts |= {key: "null" for key in fields if key in like and key not in texts}
            pairs = [f"{json.dumps(key, ensure_ascii=False)}{colon}{text}" for key, text in texts.items()]
            rows.append("{" + comma.join(pairs) + "}")
            says = self._said(rows[-1], Row(id_, 0, 0, 0, 0))
        joined = self._breaks.join(rows)
        text = joined + self._breaks if self._ended else self._breaks + joined
        return Written((Patch(self.end, self.end, self._bytes(text)),), says)

    def proof(self, _patches: Sequence[Patch]) -> Mapping[str, Written]:
        """Never asked for: each row tells for itself."""
        return {}

    def _texts(self, edit: Edit, like: Mapping[str, object], settled: set[str]) -> dict[str, str]:
        """The values that the edit names, by their keys, as JSON; numbers where `like` has numbers."""
        found: dict[str, str] = {}
        if self._layout.mapping.at is None:
            found[self._layout.stage] = json.dumps(self._layout.stage_text(edit.stage), ensure_ascii=False)
        for name, value in edit.fields.items():
            key = self._columns.get(name)
            if key is not None and name not in settled:
                found[key] = self._text(name, value, like.get(key))
        since = self._columns.get("entered_at")
        if since is not None and (self._layout.explicit or since in like):
            found[since] = json.dumps(to_json(edit.entered_at, DATETIME))
        if self._layout.key is not None and edit.key is not None:
            found[self._layout.key] = json.dumps(edit.key)
        return found

    def _text(self, name: str, value: Value, like: object) -> str:
        type_ = self._layout.types[name]
        if value is not None and type_.kind is Kind.DECIMAL and isinstance(like, Number):
            return write_scaled(scaled(value, type_.places), type_.places)
        plain = self._layout.mapping.date_format is None and self._layout.mapping.decimal == "."
        if value is not None and type_.kind in _BY_CELLS and not plain:
            return json.dumps(self._layout.text(name, value, ""), ensure_ascii=False)
        return json.dumps(to_json(value, type_), ensure_ascii=False)

    def _written(self, row: Row) -> str:
        assert self.file is not None
        self.file.seek(row.start)
        return self.file.read(row.end - row.start).decode(self._encoding.name)

    def _bytes(self, text: str) -> bytes:
        try:
            return text.encode(self._encoding.name)
        except UnicodeEncodeError as error:
            raise CantHold(f"its encoding, {self._encoding.name}, has no '{excerpt(text[error.start])}'") from None


def _id(found: object) -> str | None:
    """An id is a text, or a whole number as it is written."""
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found.strip() if isinstance(found, str) else None


def _values(written: str) -> Iterator[tuple[str, int, int, int]]:
    """The keys of an object as it is written: each with where it begins, and from where to where its value stands."""
    decoder = JSONDecoder()
    at = written.index("{") + 1
    while True:
        at = _skip(written, at)
        if written[at] == "}":
            return
        if written[at] == ",":
            at = _skip(written, at + 1)
        start = at
        key, at = scanstring(written, at + 1)
        at = _skip(written, _skip(written, at) + 1)
        _, end = decoder.raw_decode(written, at)
        yield key, start, at, end
        at = end


def _skip(written: str, at: int) -> int:
    space = _SPACE.match(written, at)
    return space.end() if space else at


def _with(written: str, texts: Mapping[str, str]) -> str:
    """The object with these values, as JSON, under these keys; what it does not have is put behind the last."""
    pieces: list[str] = []
    found: set[str] = set()
    at = last = 0
    for key, _, start, end in _values(written):
        found.add(key)
        if key in texts:
            pieces += [written[at:start], texts[key]]
            at = end
        last = end
    colon, comma = _spacing(written)
    if more := [
        f"{json.dumps(key, ensure_ascii=False)}{colon}{text}" for key, text in texts.items() if key not in found
    ]:
        pieces += [written[at : max(at, last)], *(comma + pair for pair in more)]
        at = max(at, last)
    return "".join([*pieces, written[at:]])


def _spacing(written: str) -> tuple[str, str]:
    """What stands between a key and its value, and between two of them, in that line."""
    spans = [*_values(written)] if written.strip().startswith("{") else []
    if not spans:
        return ": ", ", "
    _, start, value, _ = spans[0]
    _, end = scanstring(written, start + 1)
    return written[end:value], written[spans[0][3] : spans[1][1]] if len(spans) > 1 else ", "
