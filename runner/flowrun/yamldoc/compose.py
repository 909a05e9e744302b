"""From events to nodes, within the limits of the format.

Everything that can hurt is refused while the events pass by, before anything is built from it: depth, aliases, nodes
(counted as if every alias were written out, without writing one out), recursion. So there is no recursion here either;
the open collections are a list of at most 40. Mistakes that leave the rest readable (a duplicate key, a tag) are
collected, and the entry is left out, so that one run shows all of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from flowrun.diagnostics import Diagnostic, Related, Span, did_you_mean, error, excerpt
from flowrun.yamldoc.characters import NOT_IN_A_TEXT, character_name
from flowrun.yamldoc.events import DEEPER_THAN_READ, NotYaml, events
from flowrun.yamldoc.locate import Locator
from flowrun.yamldoc.nodes import STYLES, Entry, Mapping, Node, Scalar, Sequence, Style
from flowrun.yamldoc.source import Source
from flowrun.yamldoc.syntax import QUOTE_TEMPLATE, Finished, explain, tag_finding

MAX_DEPTH = 40
MAX_ALIASES = 100
MAX_NODES = 100_000
"""format.md, "Rules". Nodes are scalars (keys too), mappings and sequences; depth counts mappings and sequences."""

MAX_FINDINGS = 1_000
"""No output shows more (cli.md, "Diagnostics"); a file with as many is not worth reading on."""

_BLOCKS = {Style.LITERAL, Style.FOLDED}
_COLON = re.compile(r"\s*:")
_BLANK = re.compile(r"(?:\s+|#[^\n]*)*+")
_PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*")


class TooMuch(Exception):
    """The file goes beyond a limit; reading stops. Carries the finding, and never leaves this module."""

    def __init__(self, finding: Diagnostic) -> None:
        super().__init__(finding.message)
        self.finding = finding


@dataclass(slots=True)
class _Anchored:
    """What an anchor marks. `node` is None while it is still open; `nodes` and `height` are of it written out."""

    node: Node | None = None
    nodes: int = 1
    height: int = 0


@dataclass(slots=True)
class _Open:
    """A mapping or sequence whose end has not come yet.

    `nodes_before` is the count of nodes before it, `height` that of its highest child. Of a mapping, `key` is the key
    that waits for its value (None if the entry is to be left out) and `key_end` where it ends, or None if the next
    node is a key.
    """

    start: int
    flow: bool
    mapping: bool
    anchored: _Anchored | None
    nodes_before: int
    height: int = 0
    items: list[Node] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    places: dict[str, Span] = field(default_factory=dict)
    key: Scalar | None = None
    key_end: int | None = None


class Composer:
    """Reads one document. After `read`, `findings` are what was found, `scalars` the stretches that scalars take
    (blocks without their header) and `end` is where the document ends.
    """

    def __init__(self, source: Source) -> None:
        self.findings: list[Diagnostic] = []
        self.scalars: list[tuple[int, int]] = []
        self.end = len(source.text)
        self._source = source
        self._root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0
        self._aliases = 0
        self._finished: Finished | None = None

    def read(self) -> Node | None:
        """The root node; None if the document is empty or an error stopped the reading."""
        documents = reached = 0
        try:
            for event, start, end in events(self._source.text):
                reached = end
                if len(self.findings) >= MAX_FINDINGS:
                    return None
                if isinstance(event, ScalarEvent):
                    self._scalar(event, start, end)
                elif isinstance(event, AliasEvent):
                    self._alias(event.anchor or "", start, end)
                elif isinstance(event, CollectionStartEvent):
                    self._collection(event, start, end)
                elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                    self._close(end)
                elif isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._second_document(start, end)
                        break
        except NotYaml as failure:
            if failure.problem == DEEPER_THAN_READ:
                self.findings.append(_too_deep(self._first_too_deep(reached)).finding)
                return None
            opening = self._open[-1].start if self._open and self._open[-1].flow else None
            self.findings.append(explain(failure, self._source, self._finished, opening))
            return None
        except TooMuch as failure:
            self.findings.append(failure.finding)
            return None
        return self._root

    def _first_too_deep(self, reached: int) -> Span:
        """Where the depth is passed for the first time, among the brackets that the scanner has read ahead."""
        left = MAX_DEPTH - len(self._open) + 1
        brackets = islice(re.finditer(r"[\[{]", self._source.text[reached:]), left)
        start = reached + max((found.start() for found in brackets), default=0)
        return self._source.span(start, start + 1)

    def _second_document(self, start: int, end: int) -> None:
        self.end = start
        span = self._source.span(start, end)
        self.findings.append(
            error("FR112", "a second document starts here", span, "a file holds one document: split it")
        )

    def _scalar(self, event: ScalarEvent, start: int, end: int) -> None:
        source, style = self._source, STYLES[event.style]
        if event.anchor or event.tag:
            start = self._after_properties(start, end)
        elif start == end:
            start = end = self._empty_place(end)
        if style in _BLOCKS:
            self.scalars.append((source.line_end(start), end))
            end = start + len(source.text[start:end].rstrip(" \t\r\n"))
        elif start < end:
            self.scalars.append((start, end))
        span = source.span(start, end)
        node = Scalar(event.value, style, span, Locator(source, style, start, end, event.value))
        if style is Style.DOUBLE and (bad := NOT_IN_A_TEXT.search(event.value)):
            message = f"{character_name(bad.group())} in a text"
            self.findings.append(error("FR129", message, node.locate(*bad.span()), "no text may hold it: take it out"))
        self._finished = Finished(start, end, style)
        self._count(1, start, end)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(node)
        self._add(node, span, end, 0)

    def _empty_place(self, mark: int) -> int:
        """Where a value would stand that is not there: right after the colon, or the key that has none."""
        parent = self._open[-1] if self._open else None
        if parent is None or parent.key_end is None:
            return mark
        colon = _COLON.match(self._source.text, parent.key_end)
        return colon.end() if colon else parent.key_end

    def _alias(self, name: str, start: int, end: int) -> None:
        span = self._source.span(start, end)
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise TooMuch(error("FR126", f"more than {MAX_ALIASES} aliases in a file", span, "write the values out"))
        self._finished = Finished(start, end, "alias")
        anchored = self._anchors.get(name)
        if anchored is None:
            message = f"no anchor '&{excerpt(name)}' stands before this alias"
            help_ = (
                did_you_mean(name, islice(self._anchors, MAX_ALIASES)) or "a value that starts with '*' needs quotes"
            )
            self.findings.append(error("FR124", message, span, help_))
            self._skip(end)
        elif anchored.node is None:
            message = f"'*{excerpt(name)}' stands inside the value that it stands for"
            self.findings.append(error("FR125", message, span, "write the value out"))
            self._skip(end)
        else:
            if len(self._open) + anchored.height > MAX_DEPTH:
                raise _too_deep(span)
            self._count(anchored.nodes, start, end)
            self._add(anchored.node, span, end, anchored.height)

    def _collection(self, event: CollectionStartEvent, start: int, end: int) -> None:
        anchored = None
        if event.anchor or event.tag:
            start = self._after_properties(start, end)
            if event.anchor:
                anchored = self._anchors[event.anchor] = _Anchored()
        if len(self._open) >= MAX_DEPTH:
            raise _too_deep(self._source.span(start, start + 1))
        mapping = isinstance(event, MappingStartEvent)
        self._open.append(_Open(start, bool(event.flow_style), mapping, anchored, self._nodes))
        self._count(1, start, start + 1)

    def _close(self, mark: int) -> None:
        """End the innermost collection; `mark` is where a flow collection ends (a block one has no end of its own)."""
        done = self._open.pop()
        end = mark if done.flow or self._finished is None else max(self._finished.end, done.start)
        span = self._source.span(done.start, end)
        node = Mapping(tuple(done.entries), span) if done.mapping else Sequence(tuple(done.items), span)
        height = done.height + 1
        if done.anchored:
            done.anchored.node = node
            done.anchored.nodes = self._nodes - done.nodes_before
            done.anchored.height = height
        self._finished = Finished(done.start, end, "flow" if done.flow else "block")
        self._add(node, span, end, height)

    def _add(self, node: Node, span: Span, end: int, height: int) -> None:
        """Give a finished node to the collection that it stands in."""
        if not self._open:
            self._root = None if isinstance(node, Scalar) and node.plain and not node.text else node
            return
        parent = self._open[-1]
        parent.height = max(parent.height, height)
        if not parent.mapping:
            parent.items.append(node)
        elif parent.key_end is None:
            parent.key, parent.key_end = self._key(parent, node, span), end
        else:
            if parent.key is not None:
                parent.entries.append(Entry(parent.key, node))
            parent.key = parent.key_end = None

    def _skip(self, end: int) -> None:
        """Leave out the node that ends here: an item, or the entry that it is the key or the value of."""
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.mapping:
            parent.key, parent.key_end = None, end if parent.key_end is None else None

    def _key(self, parent: _Open, node: Node, span: Span) -> Scalar | None:
        """The key, or None with a finding if it can't be one."""
        if not isinstance(node, Scalar):
            kind = "mapping" if isinstance(node, Mapping) else "list"
            hint = QUOTE_TEMPLATE if self._source.text.startswith("{{", parent.start) else "a key is a text"
            self.findings.append(error("FR123", f"a {kind} where a key is expected", span, hint))
            return None
        if node.plain and not node.text:
            self.findings.append(error("FR123", "a key is missing here", span, "write 'key: value'"))
            return None
        if node.plain and node.text == "<<":
            self.findings.append(error("FR122", "merge keys are not part of the format", span, "write the keys out"))
            return None
        first = parent.places.setdefault(node.text, span)
        if first is not span:
            related = Related("first here", first)
            message = f"duplicate key '{excerpt(node.text)}'"
            self.findings.append(error("FR120", message, span, "keep one of the two", [related]))
            return None
        return node

    def _after_properties(self, start: int, end: int) -> int:
        """Where the node itself starts, after its anchor and its tag; refuses the tag."""
        text, position = self._source.text, start
        while found := _PROPERTY.match(text, position, end):
            if found.group().startswith("!"):
                self.findings.append(tag_finding(self._source.span(*found.span()), found.group()))
            blank = _BLANK.match(text, found.end(), end)
            position = blank.end() if blank else found.end()
        return min(position, end)

    def _count(self, nodes: int, start: int, end: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            span = self._source.span(start, end)
            message = f"more than {MAX_NODES:,} keys and values in a file, aliases written out"
            raise TooMuch(error("FR127", message, span, "split it into several files"))


def _too_deep(span: Span) -> TooMuch:
    return TooMuch(error("FR128", f"nested deeper than {MAX_DEPTH} levels", span, "the format needs no such depth"))
