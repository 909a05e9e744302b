"""The layout: which column is what, how values are read from texts, and how they are written as texts again.

It rests on the mapping of `deals import` (`sources.mapping`, `sources.cells`), so a file is read here as it is read
there. Writing is the opposite of reading, and is never trusted: what was written is read once more, and a value that
does not come back is refused (`source`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from hashlib import blake2b

from flowrun.calendars.zones import zone
from flowrun.clock import iso
from flowrun.config.reading import Text
from flowrun.diagnostics import Span, did_you_mean, excerpt
from flowrun.errors import WorkFailed
from flowrun.expr.limits import LATEST
from flowrun.expr.types import DATETIME, Kind, Type, Value
from flowrun.expr.values import BadValue, decode, scaled, write, write_scaled
from flowrun.flow.model import Flow
from flowrun.sources.cells import Cells
from flowrun.sources.files import encoding
from flowrun.sources.files.options import FilesBlock
from flowrun.sources.mapping import TARGETS, Draft, Given, ImportMap, checked, missing
from flowrun.store.deals import types

_REMEMBERED = 1 << 14
_SHORT = 100
_HOURS = ("%H", "%I", "%c", "%X")
_TIMES = ("", " %H:%M", " %H:%M:%S")
_WORDS = (("true", "false"), ("yes", "no"), ("1", "0"))
SAME = "same"


class CantHold(Exception):
    """A file can't hold what it should; `str(error)` says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the options say, held against a flow. `stage` and `key` are columns; `encoding` counts without a mark.

    `digest` is of all that rows mean by it: where it differs, rows that have not changed mean something else.
    """

    flow: Flow
    mapping: ImportMap
    explicit: bool
    stage: str
    key: str | None
    encoding: str
    delimiter: str | None
    digest: str
    types: Mapping[str, Type]
    _cells: Cells
    _known: Mapping[str, str]
    _said: Mapping[str, str]
    _readers: dict[str, Callable[[str], Value]] = field(default_factory=dict, compare=False, repr=False)

    def columns(self, present: Collection[str]) -> dict[str, str]:
        """The column of each thing that a row can say (`id`, `title`, …), as far as the file has it."""
        named = {name: column.text.strip() for name, column in self.mapping.columns.items()}
        return {name: column for name, column in named.items() if column in present}

    def lacking(self, header: Sequence[str], file: str) -> str | None:
        """What keeps a file with these columns from being read, or None."""
        twice = next((name for name in header if name and header.count(name) > 1), None)
        if twice is not None:
            return f"the column '{excerpt(twice)}' comes twice in the header"
        if "id" not in self.columns(header) and self.mapping.columns["id"].text == "id":
            return "no column is the id: there is none named 'id', and none is mapped to it"
        if self.explicit:
            found = missing(self.mapping, header, file)
            if found:
                return found[0].message + (f"; {found[0].help}" if found[0].help else "")
        if self.mapping.at is None and self.stage not in header:
            return f"there is no column '{excerpt(self.stage)}', which says the stage"
        return None

    def reader(self, name: str) -> Callable[[str], Value]:
        """From the text of a cell to the value of a field, `title`, `owner` or `entered_at`. It raises BadValue."""
        found = self._readers.get(name)
        if found is None:
            type_ = self.types.get(name, DATETIME)
            stored = self._cells.entered_at(LATEST) if name == "entered_at" else self._cells.reader(name)

            def read(cell: str) -> Value:
                return decode(stored(cell), type_)

            found = self._readers[name] = read if type_.kind is Kind.TEXT else _remembering(read)
        return found

    def stage_of(self, text: str) -> str:
        """The stage that the text of a cell says. Raises BadValue."""
        text = text.strip()
        found = self._known.get(text)
        if found is None:
            if not text:
                raise BadValue("no stage is given")
            hint = did_you_mean(text, self._known)
            raise BadValue(f"there is no stage '{excerpt(text, 40)}'" + (f"; {hint}" if hint else ""))
        return found

    def stage_text(self, stage: str) -> str:
        """How a stage is written: as the first of `stages` that says it, else in full."""
        return self._said.get(stage, stage)

    def text(self, name: str, value: Value, like: str) -> str:
        """A value as the text of a cell. `like` is another cell of that column: a boolean takes its words from it."""
        type_ = self.types.get(name, DATETIME)
        if value is None:
            return ""
        match type_.kind:
            case Kind.BOOLEAN:
                return _boolean(bool(value), like.strip())
            case Kind.DECIMAL:
                return write_scaled(scaled(value, type_.places), type_.places).replace(".", self.mapping.decimal)
            case Kind.DATE if self.mapping.date_format is not None:
                assert isinstance(value, date)
                return datetime.combine(value, time()).strftime(self.mapping.date_format)
            case Kind.DATETIME:
                assert isinstance(value, int)
                return self._moment(name, value)
            case _:
                return write(value, type_, zone(self.flow.timezone))

    def _moment(self, name: str, instant: int) -> str:
        """An instant in local time, in the shortest form that says it; in full where none does."""
        local = zone(self.flow.timezone).local(instant)
        format_ = self.mapping.date_format
        if format_ is None:
            tried = [zone(self.flow.timezone).text(instant), iso(instant)]
        else:
            tried = [local.strftime(format_ + tail) for tail in (_TIMES if not _says_hours(format_) else ("",))]
        for text in tried:
            try:
                if self.reader(name)(text) == instant:
                    return text
            except BadValue:
                continue
        return tried[-1]


def layout(options: FilesBlock, flow: Flow) -> Layout:
    """The layout that the options give for a flow. Raises WorkFailed for options that don't go together."""
    explicit = bool(options.map)
    known = types(flow)
    pairs = tuple((_given(column), _given(target)) for column, target in options.map.items() if target is not None)
    if not explicit:
        names = [name for name in (*TARGETS, *known) if name != "id"]
        pairs = tuple((_given(name), _given(name)) for name in dict.fromkeys(names))
    at_column = None if options.at is not None else _given(options.at_column or "at")
    draft = Draft(
        columns=pairs,
        stages=tuple((_given(theirs), _given(ours)) for theirs, ours in options.stages.items() if ours is not None),
        at=_given(options.at) if options.at is not None else None,
        at_column=_given(options.at_column) if options.at is not None and options.at_column is not None else at_column,
        date_format=_maybe(options.date_format),
        delimiter=_maybe(options.delimiter),
        decimal=_maybe(options.decimal),
    )
    mapping, findings = checked(draft, flow, LATEST)
    if findings:
        first = findings[0]
        message = f"the source 'files': {first.message}"
        raise WorkFailed(message, first.help)
    if options.at is not None and options.write in {None, SAME}:
        message = "the source 'files': with `at`, no column holds the stage, so moves can't be written back"
        raise WorkFailed(message, "name the column by `at_column`, or a file for the firings by `write`")
    said: dict[str, str] = {}
    for theirs, ours in mapping.stages.items():
        said.setdefault(ours, theirs)
    meaning = (
        [(name, str(type_.kind), type_.places, type_.values) for name, type_ in known.items()],
        [(one.id, one.default) for one in flow.fields.values()],
        sorted(flow.stages),
        flow.timezone,
        sorted((name, column.text) for name, column in mapping.columns.items()),
        (mapping.at, at_column.text if at_column else None, sorted(mapping.stages.items())),
        (mapping.date_format, options.delimiter, mapping.decimal, options.encoding, options.format, options.key),
    )
    return Layout(
        flow=flow,
        mapping=mapping,
        explicit=explicit,
        stage=str(options.at_column or "at").strip(),
        key=str(options.key).strip() if options.key is not None else None,
        encoding=encoding.named(options.encoding),
        delimiter=mapping.delimiter if options.delimiter is not None else None,
        digest=blake2b(repr(meaning).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest(),
        types=known,
        _cells=Cells(flow, mapping.decimal, mapping.date_format),
        _known={**{stage: stage for stage in flow.stages}, **mapping.stages},
        _said=said,
    )


def _given(text: str) -> Given:
    span = text.node.span if isinstance(text, Text) else Span("source", 1, 1, 1, 1)
    return Given(str(text), span)


def _maybe(text: str | None) -> Given | None:
    return None if text is None else _given(text)


def _remembering(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """The same reader, which reads a short text that it has read lately no second time."""
    again = lru_cache(maxsize=_REMEMBERED)(read)
    return lambda cell: again(cell) if len(cell) <= _SHORT else read(cell)


def _boolean(value: bool, like: str) -> str:
    lower = like.lower()
    words = next((pair for pair in _WORDS if lower in pair), _WORDS[0])
    word = words[0] if value else words[1]
    return word.upper() if like.isupper() else word.capitalize() if like.istitle() else word


def _says_hours(format_: str) -> bool:
    return any(sign in format_.replace("%%", "") for sign in _HOURS)
