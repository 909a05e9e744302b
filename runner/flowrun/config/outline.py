"""What a picture of the project shows, read leniently from the nodes of its files.

`resolve` gives the flow only when there is no error; a picture must be there all the same, to mend the error in it. So
here nothing is reported and nothing refused: what can't be read is None or left out, and of two declarations the first
counts, as everywhere. What a key means is not looked at beyond what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from flowrun.config.loader import SCENARIOS
from flowrun.config.reading import nothing
from flowrun.diagnostics import Span
from flowrun.expr import builtins
from flowrun.expr.types import Kind, Type
from flowrun.flow.model import JSON, Action, Mode, Outcome
from flowrun.yamldoc import Document, Entry, Node, Scalar, Sequence
from flowrun.yamldoc import Mapping as Map

W = TypeVar("W", Kind, Outcome, Action, Mode)

_PLACES = "2"
"""`places` of a decimal that says none (format.md, "Field types")."""


@dataclass(frozen=True, slots=True)
class OutlinedField:
    """A field, a built-in or a variable. `type` is None where the format has no such type.

    `values` are an enum's, else None; `places` a decimal's, else None; `default` is as `plain` gives it.
    """

    id: str
    type: str | None
    values: tuple[str, ...] | None = None
    places: int | None = None
    default: JSON = None


@dataclass(frozen=True, slots=True)
class OutlinedStage:
    """A stage: `id` within its pipeline, `stage` in full."""

    id: str
    stage: str
    name: str | None
    outcome: Outcome | None
    requires: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class OutlinedPipeline:
    """A pipeline with its stages in order. `span` is that of its id, as it is of stages and tunnels."""

    id: str
    name: str | None
    calendar: str | None
    stages: tuple[OutlinedStage, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class OutlinedTunnel:
    """A tunnel.

    `sources` are the declared stages that it leads from, wildcards expanded and `except` taken out; `target` is a
    declared stage, or None. `keys` are all keys as they are written, each as `plain` gives it.
    """

    id: str
    description: str | None
    sources: tuple[str, ...]
    target: str | None
    action: Action | None
    mode: Mode
    keys: Mapping[str, JSON]
    span: Span


@dataclass(frozen=True, slots=True)
class Outline:
    """A project, as far as its files can be read. Everything is in the order of the files."""

    project: str | None
    timezone: str
    fields: tuple[OutlinedField, ...]
    built_in: tuple[OutlinedField, ...]
    vars: tuple[OutlinedField, ...]
    calendars: tuple[str, ...]
    pipelines: tuple[OutlinedPipeline, ...]
    tunnels: tuple[OutlinedTunnel, ...]

    @property
    def stages(self) -> tuple[str, ...]:
        """All stages in full."""
        return tuple(stage.stage for pipeline in self.pipelines for stage in pipeline.stages)


def outline(documents: Mapping[str, Document]) -> Outline:
    """The outline of the files' documents, by their names; scenario files are passed over."""
    roots = [one.root for name, one in documents.items() if not name.endswith(SCENARIOS) and isinstance(one.root, Map)]
    pipelines = tuple(_pipeline(entry) for entry in _declared(roots, "pipelines"))
    stages = {pipeline.id: tuple(stage.stage for stage in pipeline.stages) for pipeline in pipelines}
    known = builtins([stage for some in stages.values() for stage in some], list(stages))
    settings = {key: text for key in ("project", "timezone") for root in reversed(roots) if (text := _text(root, key))}
    return Outline(
        project=settings.get("project"),
        timezone=settings.get("timezone", "UTC"),
        fields=tuple(_field(entry) for entry in _declared(roots, "fields")),
        built_in=tuple(_built_in(name, of) for name, of in known.items()),
        vars=tuple(_field(entry) for entry in _declared(roots, "vars")),
        calendars=tuple(entry.key.text for entry in _declared(roots, "calendars")),
        pipelines=pipelines,
        tunnels=tuple(_tunnel(entry, stages) for entry in _declared(roots, "tunnels")),
    )


def plain(node: Node) -> JSON:
    """A node as plain JSON: texts, lists and maps. A scalar is its text, whatever it means; a plain null is None."""
    match node:
        case Scalar():
            return None if nothing(node) else node.text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Map(entries=entries):
            return {entry.key.text: plain(entry.value) for entry in entries}


def sources_of(
    node: Node | None, exceptions: Node | None, target: str | None, stages: Mapping[str, Iterable[str]]
) -> tuple[str, ...]:
    """The declared stages that a tunnel's `from` means, given its `except`, its `to` and the stages by pipeline."""
    found: dict[str, None] = {}
    for ref in _texts(node):
        pipeline, _, short = ref.partition(".")
        some = stages.get(pipeline, ())
        found.update(dict.fromkeys(stage for stage in some if stage == ref or (short == "*" and stage != target)))
    without = set(_texts(exceptions))
    return tuple(stage for stage in found if stage not in without)


def _declared(roots: Iterable[Map], section: str) -> Iterator[Entry]:
    """The entries of that section in all files, the first of each id."""
    seen: set[str] = set()
    for root in roots:
        node = root.get(section)
        for entry in node.entries if isinstance(node, Map) else ():
            if entry.key.text not in seen:
                seen.add(entry.key.text)
                yield entry


def _field(entry: Entry) -> OutlinedField:
    """A declared field or variable; a bare type is short for {type: …}."""
    node, id_ = entry.value, entry.key.text
    type_ = node.text if isinstance(node, Scalar) else _text(node, "type")
    kind = _word(Kind, type_)
    places = _text(node, "places") or _PLACES
    return OutlinedField(
        id_,
        kind,
        tuple(_texts(_get(node, "values"))) if kind is Kind.ENUM else None,
        int(places) if kind is Kind.DECIMAL and places in "0123456" else None,
        plain(default) if (default := _get(node, "default")) is not None else None,
    )


def _built_in(id_: str, of: Type) -> OutlinedField:
    return OutlinedField(id_, of.kind, of.values if of.kind is Kind.ENUM else None)


def _pipeline(entry: Entry) -> OutlinedPipeline:
    id_, node = entry.key.text, entry.value
    stages: dict[str, OutlinedStage] = {}
    for one in _items(_get(node, "stages")):
        if stage := _stage(id_, one):
            stages.setdefault(stage.id, stage)
    return OutlinedPipeline(id_, _text(node, "name"), _text(node, "calendar"), tuple(stages.values()), entry.key.span)


def _stage(pipeline: str, node: Node) -> OutlinedStage | None:
    """A stage; a bare id is short for {id: …}. None where it has no id."""
    id_ = node if isinstance(node, Scalar) else _get(node, "id")
    if not isinstance(id_, Scalar) or not id_.text:
        return None
    return OutlinedStage(
        id_.text,
        f"{pipeline}.{id_.text}",
        _text(node, "name"),
        _word(Outcome, _text(node, "outcome")),
        tuple(_texts(_get(node, "requires"))),
        id_.span,
    )


def _tunnel(entry: Entry, stages: Mapping[str, Iterable[str]]) -> OutlinedTunnel:
    node = entry.value
    to = _text(node, "to")
    target = to if to is not None and to in stages.get(to.partition(".")[0], ()) else None
    keys = {one.key.text: plain(one.value) for one in node.entries} if isinstance(node, Map) else {}
    return OutlinedTunnel(
        id=entry.key.text,
        description=_text(node, "description"),
        sources=sources_of(_get(node, "from"), _get(node, "except"), to, stages),
        target=target,
        action=_word(Action, _text(node, "action")),
        mode=_word(Mode, _text(node, "mode")) or Mode.LIVE,
        keys=keys,
        span=entry.key.span,
    )


def _get(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Map) else None


def _text(node: Node | None, key: str) -> str | None:
    """The text under that key; None where there is none."""
    value = _get(node, key)
    return value.text if isinstance(value, Scalar) and value.text and not nothing(value) else None


def _texts(node: Node | None) -> list[str]:
    """The texts of a list, or one alone."""
    items = _items(node) if isinstance(node, Sequence) else [node]
    return [item.text for item in items if isinstance(item, Scalar) and item.text]


def _items(node: Node | None) -> list[Node]:
    return list(node.items) if isinstance(node, Sequence) else []


def _word(words: type[W], text: str | None) -> W | None:
    """The one of those words that the text is."""
    return words(text) if text in list(words) else None
