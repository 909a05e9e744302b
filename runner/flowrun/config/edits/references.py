"""Every place of a project's files that names a stage, a pipeline or a tunnel, and what it says under another name.

A place is a scalar or a key. What names may stand where is the format's to say, so each key is looked at by name, and
conditions and templates through their syntax; a text that happens to look like a name is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowrun.config.reading import nothing
from flowrun.expr import has_template
from flowrun.expr.mentions import Mention, mentions
from flowrun.flow.scenario import COPY
from flowrun.yamldoc import Mapping as Map
from flowrun.yamldoc import Node, Scalar, Sequence
from flowrun.yamldoc.plain import Path

PREFIX = "tunnels."
"""How `moved` names a tunnel."""


@dataclass(frozen=True, slots=True)
class Place:
    """A scalar, or with `key` the key at the path, that names something.

    `kind` is what it names: `stage` (`sales.won`, or `sales.*`), `pipeline`, `tunnel`, `deal` (which has tunnels in
    the names of copies), `old` (a name of `moved`), or `condition` and `template`, whose mentions count. `by` is who
    says it, in a user's words; `history` that it is told by `moved` or `removed`.
    """

    path: Path
    kind: str
    text: str
    by: str
    key: bool = False
    history: bool = False

    @property
    def declares(self) -> bool:
        """Whether it is the declaration itself."""
        return self.key and len(self.path) == 2

    def mentions(self) -> tuple[Mention, ...]:
        """What a condition or a template mentions."""
        if self.kind not in {"condition", "template"}:
            return ()
        return mentions(self.text, template=self.kind == "template")


@dataclass(frozen=True, slots=True)
class Renaming:
    """A stage, pipeline or tunnel that gets another name. Stages are named in full."""

    kind: str
    old: str
    new: str

    def of(self, place: Place) -> str:
        """What the place says afterwards: its own text where it says nothing of this."""
        text = place.text
        match place.kind:
            case "stage":
                return self.stage(text)
            case "pipeline" | "tunnel":
                return self.new if place.kind == self.kind and text == self.old else text
            case "deal" if self.kind == "tunnel":
                first, *tunnels = text.split(COPY)
                return COPY.join([first, *(self.new if one == self.old else one for one in tunnels)])
            case "old":
                return self._told(text)
            case "condition" | "template":
                return self._expression(place)
            case _:
                return text

    def stage(self, text: str) -> str:
        """A full name of a stage, or `sales.*`."""
        pipeline, dot, short = text.partition(".")
        if self.kind == "stage":
            return self.new if text == self.old else text
        return f"{self.new}.{short}" if self.kind == "pipeline" and dot and pipeline == self.old else text

    def hides_in(self, mention: Mention) -> bool:
        """Whether a text that is compared with a part of a name could be one of this name."""
        concerned = {"stage": {"stage"}, "pipeline": {"stage", "pipeline"}, "tunnel": {"origin_tunnel"}}[self.kind]
        part = mention.value.lower()
        return not mention.exact and mention.of in concerned and bool(part) and (part in self.old or self.old in part)

    def _told(self, text: str) -> str:
        if self.kind == "tunnel":
            return PREFIX + self.new if text == PREFIX + self.old else text
        if self.kind == "pipeline" and text == self.old:
            return self.new
        return text if text.startswith((PREFIX, "fields.")) else self.stage(text)

    def _expression(self, place: Place) -> str:
        text = place.text
        for mention in reversed(place.mentions()):
            if not mention.exact:
                continue
            quote = text[mention.start]
            new = self._mentioned(mention)
            if new != mention.value:
                text = text[: mention.start] + quote + new + quote + text[mention.end :]
        return text

    def _mentioned(self, mention: Mention) -> str:
        if mention.of == "stage":
            return self.stage(mention.value)
        kind = {"pipeline": "pipeline", "origin_tunnel": "tunnel"}[mention.of]
        return self.new if kind == self.kind and mention.value == self.old else mention.value


def places(root: Node | None, *, scenarios: bool) -> Iterator[Place]:
    """Every such place of one file."""
    if isinstance(root, Map):
        yield from _tests(root) if scenarios else _flow(root)


def _flow(root: Map) -> Iterator[Place]:
    for path, _ in _entries((), root, "pipelines"):
        yield Place(path, "pipeline", str(path[-1]), f"pipeline '{path[-1]}'", key=True)
    for path, node in _entries((), root, "tunnels"):
        by = f"tunnel '{path[-1]}'"
        yield Place(path, "tunnel", str(path[-1]), by, key=True)
        yield from _tunnel(path, node, by)
    for path, node in _items((), root, "moved"):
        yield from _one(path, node, "to", "old", "`moved`", history=True)
    for path, node in _items((), root, "removed"):
        yield from _one((*path, "deals"), _get(node, "deals"), "to", "stage", "`removed`", history=True)
    yield from _source((), root, "`source`")
    yield from _webhooks((), root)
    for path, node in _entries((), root, "environments"):
        by = f"environment '{path[-1]}'"
        for one, _ in _entries(path, node, "tunnels"):
            yield Place(one, "tunnel", str(one[-1]), by, key=True)
        yield from _source(path, node, by)
        yield from _webhooks(path, node)


def _tunnel(path: Path, node: Node, by: str) -> Iterator[Place]:
    for key in ("from", "except", "to", "origin_in"):
        yield from _texts((*path, key), _get(node, key), "stage", by)
    yield from _one((*path, "unless_exists"), _get(node, "unless_exists"), "in", "pipeline", by)
    yield from _one(path, node, "when", "condition", by)
    for one, value in _entries(path, node, "set"):
        if isinstance(value, Scalar) and has_template(value.text):
            yield Place(one, "template", value.text, by)


def _source(path: Path, node: Node, by: str) -> Iterator[Place]:
    source = _get(node, "source")
    yield from _one((*path, "source"), source, "at", "stage", by)
    for one, value in _entries((*path, "source"), source, "stages"):
        yield from _texts(one, value, "stage", by)


def _webhooks(path: Path, node: Node) -> Iterator[Place]:
    for one, hook in _entries(path, node, "webhooks"):
        yield from _texts((*one, "tunnels"), _get(hook, "tunnels"), "tunnel", f"webhook '{one[-1]}'")


def _tests(root: Map) -> Iterator[Place]:
    for path, test in _items((), root, "tests"):
        name = _get(test, "name")
        by = f"scenario '{name.text}'" if isinstance(name, Scalar) else "a scenario"
        for one, deal in _items(path, test, "given"):
            yield from _one(one, deal, "at", "stage", by)
        for one, step in _items(path, test, "steps"):
            yield from _one((*one, "add"), _get(step, "add"), "at", "stage", by)
            yield from _one((*one, "move"), _get(step, "move"), "to", "stage", by)
            for key in ("move", "set"):
                yield from _one((*one, key), _get(step, key), "deal", "deal", by)
            yield from _one(one, step, "delete", "deal", by)
            yield from _expected((*one, "expect"), _get(step, "expect"), by)


def _expected(path: Path, node: Node | None, by: str) -> Iterator[Place]:
    for one, deal in _entries(path, node, "deals"):
        yield Place(one, "deal", str(one[-1]), by, key=True)
        yield from _one(one, deal, "at", "stage", by)
    for one, _ in _entries(path, node, "count"):
        yield Place(one, "stage", str(one[-1]), by, key=True)
    for section in ("copies", "fired", "not_fired"):
        for one, expected in _items(path, node, section):
            yield from _one(one, expected, "tunnel", "tunnel", by)
            yield from _one(one, expected, "of" if section == "copies" else "deal", "deal", by)
            if section == "copies":
                yield from _one(one, expected, "at", "stage", by)


def _get(node: Node | None, key: str) -> Node | None:
    return node.get(key) if isinstance(node, Map) else None


def _entries(path: Path, node: Node | None, section: str) -> Iterator[tuple[Path, Node]]:
    inside = _get(node, section)
    for entry in inside.entries if isinstance(inside, Map) else ():
        yield (*path, section, entry.key.text), entry.value


def _items(path: Path, node: Node | None, section: str) -> Iterator[tuple[Path, Node]]:
    inside = _get(node, section)
    for n, item in enumerate(inside.items if isinstance(inside, Sequence) else ()):
        yield (*path, section, n), item


def _one(path: Path, node: Node | None, key: str, kind: str, by: str, *, history: bool = False) -> Iterator[Place]:
    """The text under that key."""
    value = _get(node, key)
    if isinstance(value, Scalar) and not nothing(value):
        yield Place((*path, key), kind, value.text, by, history=history)


def _texts(path: Path, node: Node | None, kind: str, by: str) -> Iterator[Place]:
    """The texts of a list, or one alone."""
    if isinstance(node, Scalar) and not nothing(node):
        yield Place(path, kind, node.text, by)
    for n, item in enumerate(node.items if isinstance(node, Sequence) else ()):
        if isinstance(item, Scalar):
            yield Place((*path, n), kind, item.text, by)
