"""A mapping: which column of a CSV file is which field, which of their stages is which of ours, how values are written.

It is given as a YAML file, as options, or both (options come first), so everything in it remembers where it was said.
`read_mapping` and the options give a `Draft`; `checked` holds it against a flow and gives the mapping, or all that is
wrong with it at once; `missing` then holds it against the header of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from flowrun import yamldoc
from flowrun.diagnostics import Diagnostic, Related, Span, did_you_mean, error, excerpt
from flowrun.expr.values import BadValue
from flowrun.flow.model import BUILTINS, Flow
from flowrun.sources.cells import Cells, date_format_problem
from flowrun.store.deals import types

TARGETS = ("id", "title", "owner", "entered_at")
"""What a column may be beside a field (cli.md)."""

_PAIRS = {"map": "columns", "stages": "stages"}
_TEXTS = ("at", "at_column", "date_format", "delimiter", "decimal", "entered_at")
_TABULATORS = frozenset({"tab", "\\t", "\t"})


@dataclass(frozen=True, slots=True)
class Given:
    """A text that a person gave, and where."""

    text: str
    span: Span


Pairs = tuple[tuple[Given, Given], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping as it was given, unchecked. Pairs are (column, field) and (their stage, ours); null is "not given"."""

    columns: Pairs = ()
    stages: Pairs = ()
    at: Given | None = None
    at_column: Given | None = None
    date_format: Given | None = None
    delimiter: Given | None = None
    decimal: Given | None = None
    entered_at: Given | None = None

    def over(self, other: Draft) -> Draft:
        """Both drafts in one: what this one says of a column, a stage or a setting counts before the other's."""

        def pairs(mine: Pairs, theirs: Pairs) -> Pairs:
            said = {left.text for left, _ in mine}
            return (*mine, *(pair for pair in theirs if pair[0].text not in said))

        places_deals = self.at is not None or self.at_column is not None
        return Draft(
            columns=pairs(self.columns, other.columns),
            stages=pairs(self.stages, () if self.at is not None else other.stages),
            at=self.at if places_deals else other.at,
            at_column=self.at_column if places_deals else other.at_column,
            date_format=self.date_format or other.date_format,
            delimiter=self.delimiter or other.delimiter,
            decimal=self.decimal or other.decimal,
            entered_at=self.entered_at or other.entered_at,
        )


@dataclass(frozen=True, slots=True)
class ImportMap:
    """A mapping that fits a flow.

    `columns` are the columns by what they are (a field, `id`, `title`, `owner`, `entered_at`; `id` is always there);
    `at` is the stage of all rows, or `at_column` the column that says it, through `stages` or as it stands; without
    either, only deals that exist can be updated. `entered_at` is an instant (ms, UTC) for all new deals, or None.
    """

    columns: Mapping[str, Given]
    at: str | None = None
    at_column: Given | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    date_format: str | None = None
    delimiter: str = ","
    decimal: str = "."
    entered_at: int | None = None


def read_mapping(data: bytes, file: str) -> tuple[Draft, tuple[Diagnostic, ...], str]:
    """The mapping that a YAML file writes, everything that is wrong with its form, and its text."""
    document = yamldoc.read_document(data, file)
    findings = list(document.findings)
    root = document.root
    if root is None or findings:
        if not findings:
            findings.append(error("FR601", "the mapping is empty", Span(file, 1, 1, 1, 1), "see --help for its keys"))
        return Draft(), tuple(findings), document.text
    if not isinstance(root, yamldoc.Mapping):
        findings.append(error("FR601", "a mapping has keys, such as 'map' and 'at_column'", root.span))
        return Draft(), tuple(findings), document.text
    found: dict[str, Given | Pairs] = {}
    for entry in root.entries:
        key = entry.key.text
        if key in _PAIRS:
            found[_PAIRS[key]] = _pairs(entry, findings)
        elif key in _TEXTS:
            if given := _given(entry.value, key, findings):
                found[key] = given
        else:
            hint = did_you_mean(key, [*_PAIRS, *_TEXTS])
            findings.append(error("FR601", f"a mapping has no key '{excerpt(key)}'", entry.key.span, hint))
    return Draft(**found), tuple(findings), document.text  # type: ignore[arg-type]


def _pairs(entry: yamldoc.Entry, findings: list[Diagnostic]) -> Pairs:
    if not isinstance(entry.value, yamldoc.Mapping):
        example = "Deal: title" if entry.key.text == "map" else "Closed won: sales.won"
        message = f"'{entry.key.text}' takes keys and values, for example '{example}'"
        findings.append(error("FR601", message, entry.value.span))
        return ()
    return tuple(
        (Given(one.key.text, one.key.span), given)
        for one in entry.value.entries
        if (given := _given(one.value, one.key.text, findings))
    )


def _given(node: yamldoc.Node, key: str, findings: list[Diagnostic]) -> Given | None:
    if isinstance(node, yamldoc.Scalar) and node.text:
        return Given(node.text, node.span)
    findings.append(error("FR601", f"'{excerpt(key)}' takes a text", node.span))
    return None


def pair(given: Given, what: str) -> tuple[Given, Given] | Diagnostic:
    """The two sides of an option such as `--map Deal=title`: what stands before and after its last `=`."""
    left, equals, right = given.text.rpartition("=")
    if not equals or not left or not right:
        return error("FR601", f"expected {what}, found '{excerpt(given.text)}'", given.span)
    span = given.span
    middle = span.column + len(left)
    return (
        Given(left, Span(span.file, span.line, span.column, span.line, middle)),
        Given(right, Span(span.file, span.line, middle + 1, span.line, span.end_column)),
    )


def checked(draft: Draft, flow: Flow, now: int) -> tuple[ImportMap, tuple[Diagnostic, ...]]:
    """The mapping, good only without findings, and everything that is wrong with it. `now` is in ms, UTC."""
    findings: list[Diagnostic] = []
    columns = _columns(draft, flow, findings)
    if draft.at is not None and draft.at_column is not None:
        related = [Related("and here", draft.at_column.span)]
        findings.append(error("FR605", "'at' and 'at_column' exclude each other", draft.at.span, None, related))
    elif draft.stages and draft.at_column is None:
        message = "'stages' needs 'at_column': the column that holds these values"
        findings.append(error("FR605", message, draft.stages[0][0].span))
    if draft.entered_at is not None and "entered_at" in columns:
        related = [Related("and here", columns["entered_at"].span)]
        message = "'entered_at' is given for all deals and by a column"
        findings.append(error("FR605", message, draft.entered_at.span, None, related))
    for given in chain([draft.at] if draft.at else [], (ours for _, ours in draft.stages)):
        findings += unknown_stage(given, flow)
    return (
        ImportMap(
            columns=columns,
            at=draft.at.text if draft.at else None,
            at_column=draft.at_column,
            stages={theirs.text.strip(): ours.text for theirs, ours in draft.stages},
            date_format=_date_format(draft.date_format, findings),
            delimiter=_delimiter(draft.delimiter, findings),
            decimal=_decimal(draft.decimal, findings),
            entered_at=_entered_at(draft.entered_at, flow, now, findings),
        ),
        tuple(findings),
    )


def unknown_stage(given: Given, flow: Flow) -> tuple[Diagnostic, ...]:
    """The finding that a stage isn't there, if it isn't."""
    if given.text in flow.stages:
        return ()
    hint = did_you_mean(given.text, flow.stages)
    return (error("FR604", f"there is no stage '{excerpt(given.text)}'", given.span, hint),)


def missing(mapping: ImportMap, header: Sequence[str], file: str) -> tuple[Diagnostic, ...]:
    """Everything that keeps a file with that header from being read with that mapping."""
    top = Span(file, 1, 1, 1, 1)
    findings = [
        error("FR608", f"the column '{excerpt(name)}' comes twice in the header", top)
        for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    ]
    wanted = [*mapping.columns.values(), *([mapping.at_column] if mapping.at_column else [])]
    for column in wanted:
        if column.text.strip() not in header:
            span = column.span if column.span.file else top
            findings.append(error("FR607", _not_there(column, file), span, _why_not_there(column, header, mapping)))
    return tuple(findings)


def _nobody_named(column: Given) -> bool:
    """Whether it is the `id` that a file should have where no column is mapped to it."""
    return not column.span.file and column.text == "id"


def _not_there(column: Given, file: str) -> str:
    if _nobody_named(column):
        return "no column is the id: there is none named 'id', and none is mapped to it"
    return f"{excerpt(file)} has no column '{excerpt(column.text)}'"


def _why_not_there(column: Given, header: Sequence[str], mapping: ImportMap) -> str | None:
    if len(header) == 1:
        other = next((sign for sign in (";", "\t", ",", "|") if sign != mapping.delimiter and sign in header[0]), None)
        if other:
            return f"it has only one; is the delimiter {'a tabulator' if other == chr(9) else repr(other)}?"
    if _nobody_named(column):
        return "say which one is: --map COLUMN=id"
    return did_you_mean(column.text, [name for name in header if name])


def _columns(draft: Draft, flow: Flow, findings: list[Diagnostic]) -> dict[str, Given]:
    known = [*TARGETS, *(name for name in types(flow) if name not in TARGETS)]
    columns: dict[str, Given] = {}
    for column, target in draft.columns:
        name = target.text
        if name not in known:
            findings.append(_unknown_target(target, known))
        elif name in columns:
            related = [Related("the first one", columns[name].span)]
            message = f"a second column is mapped to '{name}'"
            findings.append(error("FR603", message, target.span, "leave one of them out", related))
        else:
            columns[name] = column
    # Without a place of its own: nobody said it.
    return {"id": Given("id", Span("", 1, 1, 1, 1))} | columns


def _unknown_target(target: Given, known: Iterable[str]) -> Diagnostic:
    if target.text in {"at", "stage", "pipeline"}:
        return error("FR602", "a column of stages is given by 'at_column'", target.span, "see --at-column")
    if target.text in BUILTINS:
        message = f"'{target.text}' is kept by flowrun and can't be imported"
        return error("FR602", message, target.span)
    hint = did_you_mean(target.text, known)
    return error("FR602", f"a deal has no field '{excerpt(target.text)}'", target.span, hint)


def _date_format(given: Given | None, findings: list[Diagnostic]) -> str | None:
    if given is not None and (problem := date_format_problem(given.text)):
        findings.append(error("FR606", problem, given.span))
    return given.text if given else None


def _delimiter(given: Given | None, findings: list[Diagnostic]) -> str:
    if given is None:
        return ","
    if given.text in _TABULATORS:
        return "\t"
    if len(given.text) != 1 or given.text.isalnum() or given.text in "\"' \r\n.":
        message = f"'{excerpt(given.text)}' is no delimiter; expected one sign such as ';', or tab"
        findings.append(error("FR606", message, given.span))
    return given.text


def _decimal(given: Given | None, findings: list[Diagnostic]) -> str:
    if given is not None and given.text not in {".", ","}:
        message = f"'{excerpt(given.text)}' is no decimal sign; expected '.' or ','"
        findings.append(error("FR606", message, given.span))
    return given.text if given else "."


def _entered_at(given: Given | None, flow: Flow, now: int, findings: list[Diagnostic]) -> int | None:
    if given is None:
        return None
    try:
        found = Cells(flow).entered_at(now)(given.text)
    except BadValue as problem:
        findings.append(error("FR606", str(problem), given.span))
        return None
    return found if isinstance(found, int) else None
