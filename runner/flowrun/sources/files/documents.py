"""YAML files: a list of deals, the list under `deals`, or one deal; patched value by value, all else as it stands.

A file has at most 1 MiB (`yamldoc`), so it is read whole; and what was patched is read whole again, and must say what
it said before except in the one deal.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, TextIO

from flowrun import yamldoc
from flowrun.calendars.zones import zone
from flowrun.clock import iso
from flowrun.config.reading import Unreadable, nothing
from flowrun.config.values import read_value
from flowrun.diagnostics import excerpt
from flowrun.expr.types import DATETIME, Kind, Value
from flowrun.expr.values import BadValue, write
from flowrun.flow.deal_id import id_problem
from flowrun.sources.files.encoding import Encoding
from flowrun.sources.files.layout import CantHold, Layout
from flowrun.sources.files.rows import Edit, Patch, Row, Written
from flowrun.sources.interface import Bad, Record

LIST = "deals"
"""The key under which a file may have its list."""

_PLAIN = re.compile(r"[^\W_][\w./+@~-]*(?: [\w./+@~-]+)*")
"""Texts that need no quotes anywhere in YAML, unless they look like something else."""

_OTHER = re.compile(r"(?i:true|false|yes|no|on|off|y|n|null|~)|[-+.0-9][-+.0-9eE_xob:TZ ]*")
"""Plain scalars that some program reads as something else than text."""

_BY_CELLS = frozenset({Kind.DATE, Kind.DATETIME, Kind.DECIMAL})


class Documents:
    """A YAML file, as `rows.Table`. Its rows' places are in characters; patches are of bytes."""

    def __init__(self, name: str, encoding: Encoding, layout: Layout) -> None:
        self.file: BinaryIO | None = None
        self.end = 0
        self.fault: str | None = None
        self.doubt: str | None = None
        self._name = name
        self._encoding = encoding
        self._layout = layout
        self._columns = {name: column.text.strip() for name, column in layout.mapping.columns.items()}
        self._text = ""
        self._starts: list[int] = []
        self._list: yamldoc.Sequence | None = None
        self._deals: dict[int, yamldoc.Mapping] = {}

    def rows(self, text: TextIO) -> Iterator[Row]:
        """The rows of the file; `text` is it as text, its mark taken off. Raises UnicodeDecodeError."""
        self._take(text.read())
        self.end = self._bytes_before(len(self._text))
        if self.fault is not None:
            return
        yield from map(self._row, self._deals)

    def _row(self, start: int) -> Row:
        deal = self._deals[start]
        node = deal.get(self._columns["id"])
        id_ = node.text.strip() if isinstance(node, yamldoc.Scalar) and not nothing(node) else ""
        fault = id_problem(id_, new=False)
        end = self._offset(deal.span.end_line, deal.span.end_column)
        return Row(None if fault else id_, deal.span.line, start, end, hash(self._text[start:end]), fault)

    def _take(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        document = yamldoc.read_document(text.encode("utf-8"), self._name)
        if document.findings:
            first = document.findings[0]
            self.fault = self.doubt = f"line {first.span.line}: {first.message}"
            return
        root = document.root
        found = root.get(LIST) if isinstance(root, yamldoc.Mapping) else root
        if isinstance(found, yamldoc.Sequence):
            self._list = found
            deals: Sequence[yamldoc.Node] = found.items
        elif isinstance(root, yamldoc.Mapping):
            deals = [root]
        else:
            self.fault = f"expected a list of deals, the list under '{LIST}', or one deal"
            self.doubt = self.fault if root is None else None
            return
        for deal in deals:
            if not isinstance(deal, yamldoc.Mapping):
                self.fault = f"line {deal.span.line}: a deal has keys, such as 'id'"
                return
            self._deals[self._offset(deal.span.line, deal.span.column)] = deal

    def knows(self, name: str) -> bool:
        """Whether it has a key for that field."""
        return name in self._columns

    def record(self, row: Row) -> Record | Bad:
        """What a row says."""
        deal = self._deals[row.start]
        problems: list[str] = []
        fields: dict[str, Value] = {}
        entered_at = None
        for name, key in self._columns.items():
            node = deal.get(key)
            if name == "id" or node is None:
                continue
            try:
                value = self._value(name, node)
            except (BadValue, Unreadable) as problem:
                problems.append(f"'{excerpt(key, 40)}' {problem}")
                continue
            if name == "entered_at":
                entered_at = value if isinstance(value, int) else None
            else:
                fields[name] = value
        stage = self._layout.mapping.at
        if stage is None:
            node = deal.get(self._layout.stage)
            try:
                text = node.text if isinstance(node, yamldoc.Scalar) and not nothing(node) else ""
                stage = self._layout.stage_of(text)
            except BadValue as problem:
                problems.append(f"'{excerpt(self._layout.stage, 40)}': {problem}")
        if problems:
            return Bad(f"{self._name}:{row.line}", "; ".join(problems), row.id)
        made_by = deal.get(self._layout.key) if self._layout.key else None
        key_text = made_by.text if isinstance(made_by, yamldoc.Scalar) and not nothing(made_by) else None
        return Record(row.id or "", stage, fields, entered_at, key_text)

    def _value(self, name: str, node: yamldoc.Node) -> Value:
        type_ = self._layout.types.get(name, DATETIME)
        if type_.kind in _BY_CELLS and isinstance(node, yamldoc.Scalar) and not nothing(node):
            return self._layout.reader(name)(node.text)
        value = read_value(node, type_, zone(self._layout.flow.timezone))
        field = self._layout.flow.fields.get(name)
        return field.default if value is None and field is not None else value

    def changed(self, row: Row, edit: Edit) -> Written:
        """The values in their places; what the deal has no key for, at its end."""
        deal = self._deals[row.start]
        said = self.record(row)
        known = said.fields if isinstance(said, Record) else {}
        stage = said.stage if isinstance(said, Record) else None
        wanted = self._texts(edit, deal, {name for name, value in edit.fields.items() if known.get(name, ...) == value})
        if stage == edit.stage:
            wanted.pop(self._layout.stage, None)
        changes: list[tuple[int, int, str]] = []
        for entry in deal.entries:
            text = wanted.pop(entry.key.text, None)
            if text is not None:
                start = self._offset(entry.key.span.end_line, entry.key.span.end_column)
                colon = self._text.index(":", start) + 1
                end = max(colon, self._offset(entry.value.span.end_line, entry.value.span.end_column))
                before = self._offset(entry.value.span.line, entry.value.span.column)
                same_line = entry.value.span.line == entry.key.span.line and before > colon
                lead = self._text[colon:before] if same_line and not self._text[colon:before].strip(" \t") else " "
                changes.append((colon, end, lead + text))
        if wanted:
            changes.append(self._behind(deal, wanted))
        return Written(self._patches(changes))

    def added(self, new: Sequence[tuple[str, Edit]]) -> Written:
        """Items behind the last one of the list, in its style."""
        if self._list is None:
            raise CantHold("it holds one deal only; name a file for new ones by `copies`")
        last = self._deals[max(self._deals)] if self._deals else None
        items = []
        for id_, edit in new:
            item = {self._columns["id"]: _quoted(id_), **self._texts(edit, last, set())}
            present = {entry.key.text for entry in last.entries} if last is not None else set()
            empty = [self._columns[name] for name in self._layout.types if self._columns.get(name) in present]
            items.append(item | {key: "null" for key in empty if key not in item})
        flow = last is None or self._text[self._offset(last.span.line, last.span.column)] == "{"
        end = self._offset(self._list.span.end_line, self._list.span.end_column)
        if self._text[end - 1 : end] == "]":
            joined = ", ".join(_braces(item) for item in items)
            lead = ", " if self._deals else ""
            return Written(self._patches([(end - 1, end - 1, lead + joined)]))
        line = self._text.rfind("\n", 0, self._offset(self._list.span.line, self._list.span.column)) + 1
        indent = self._offset(self._list.span.line, self._list.span.column) - line
        breaks = "\r\n" if "\r\n" in self._text else "\n"
        written = []
        for item in items:
            lines = [_braces(item)] if flow else [f"{key}: {text}" for key, text in _keyed(item)]
            written.append(f"{' ' * indent}- " + f"{breaks}{' ' * (indent + 2)}".join(lines))
        return Written(self._patches([(*self._line_end(end), breaks + breaks.join(written))]))

    def _line_end(self, at: int) -> tuple[int, int]:
        """The end of the line that the offset is in, before its line break."""
        end = self._text.find("\n", at)
        end = len(self._text) if end < 0 else end
        end -= self._text[end - 1 : end] == "\r"
        return end, end

    def _behind(self, deal: yamldoc.Mapping, wanted: Mapping[str, str]) -> tuple[int, int, str]:
        start = self._offset(deal.span.line, deal.span.column)
        end = self._offset(deal.span.end_line, deal.span.end_column)
        pairs = [f"{key}: {text}" for key, text in _keyed(wanted)]
        if self._text[start] == "{":
            return end - 1, end - 1, ", " + ", ".join(pairs)
        indent = deal.entries[0].key.span.column - 1
        breaks = "\r\n" if "\r\n" in self._text else "\n"
        return (*self._line_end(end), "".join(f"{breaks}{' ' * indent}{pair}" for pair in pairs))

    def _texts(self, edit: Edit, deal: yamldoc.Mapping | None, settled: set[str]) -> dict[str, str]:
        """The values that the edit names, by their keys, as YAML."""
        found: dict[str, str] = {}
        if self._layout.mapping.at is None:
            found[self._layout.stage] = _scalar(self._layout.stage_text(edit.stage))
        for name, value in edit.fields.items():
            key = self._columns.get(name)
            if key is not None and name not in settled:
                found[key] = self._scalar(name, value)
        since = self._columns.get("entered_at")
        if since is not None and (self._layout.explicit or (deal is not None and deal.get(since) is not None)):
            has_format = self._layout.mapping.date_format is not None
            text = self._layout.text("entered_at", edit.entered_at, "") if has_format else iso(edit.entered_at)
            found[since] = text if not has_format else _quoted(text)
        if self._layout.key is not None and edit.key is not None:
            found[self._layout.key] = _quoted(edit.key)
        return found

    def _scalar(self, name: str, value: Value) -> str:
        type_ = self._layout.types[name]
        if value is None:
            return "null"
        if isinstance(value, tuple):
            return f"[{', '.join(_scalar(item) for item in value)}]"
        if type_.kind in {Kind.BOOLEAN, Kind.INTEGER}:
            return write(value, type_, zone(self._layout.flow.timezone))
        text = self._layout.text(name, value, "")
        plain = type_.kind in _BY_CELLS and re.fullmatch(r"[0-9:.T+Z-]+", text)
        return text if plain else _scalar(text)

    def proof(self, patches: Sequence[Patch]) -> Mapping[str, Written]:
        """What each deal says with all of these patches."""
        data, pieces, at = self._encoding.mark + self._text.encode(self._encoding.name), [], 0
        for patch in sorted(patches, key=lambda patch: patch.start):
            pieces += [data[at : patch.start], patch.data]
            at = patch.end
        after = Documents(self._name, self._encoding, self._layout)
        after._take(b"".join([*pieces, data[at:]])[len(self._encoding.mark) :].decode(self._encoding.name))
        if after.fault is not None or len(after._deals) < len(self._deals):
            raise CantHold("the file could not be read any more")
        starts = sorted(patch.start for patch in patches)
        at = place = 0
        for (start, deal), other in zip(self._deals.items(), after._deals.values(), strict=False):
            end = self._row(start).end
            first = place + self._encoding.size(self._text[at:start]) + (len(self._encoding.mark) if not at else 0)
            at, place = end, first + self._encoding.size(self._text[start:end])
            untouched = bisect_left(starts, first) == bisect_right(starts, place)
            if untouched and _plain(deal) != _plain(other):
                raise CantHold("another part of the file would be read otherwise than before")
        rows = map(after._row, after._deals)
        return {row.id: Written((), after.record(row), row.digest) for row in rows if row.id is not None}

    def _patches(self, changes: Sequence[tuple[int, int, str]]) -> Sequence[Patch]:
        try:
            return tuple(
                Patch(self._bytes_before(start), self._bytes_before(end), text.encode(self._encoding.name))
                for start, end, text in changes
            )
        except UnicodeEncodeError as error:
            raise CantHold(f"its encoding, {self._encoding.name}, has no such character: {error.reason}") from None

    def _bytes_before(self, offset: int) -> int:
        return len(self._encoding.mark) + self._encoding.size(self._text[:offset])

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column - 1


def _plain(node: yamldoc.Node) -> object:
    match node:
        case yamldoc.Mapping():
            return [(entry.key.text, _plain(entry.value)) for entry in node.entries]
        case yamldoc.Sequence():
            return [_plain(item) for item in node.items]
        case yamldoc.Scalar():
            return node.plain, node.text


def _keyed(item: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_scalar(key), text) for key, text in item.items()]


def _braces(item: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {text}" for key, text in _keyed(item)) + "}"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and not _OTHER.fullmatch(text) else _quoted(text)


def _quoted(text: str) -> str:
    """A text in double quotes, everything that can't be seen escaped."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(char if char.isprintable() else _escape(char) for char in written)


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"
