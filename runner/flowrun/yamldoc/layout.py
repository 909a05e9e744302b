"""How a document is laid out in its text: which stretch each key and value takes, anchors and aliases as such.

`nodes` say what a file means, with every alias resolved; whoever changes the text needs to know how that is written.
Only a text that `read_document` found nothing against may be laid out: its limits hold here, and are not looked at
again.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from flowrun.yamldoc.events import NotYaml, events
from flowrun.yamldoc.nodes import STYLES, Style

_ANCHOR = re.compile(r"&[^\s,\[\]{}]*")
_BLANK = re.compile(r"(?:\s+|#[^\n]*)*+")
_COLON = re.compile(r"\s*:")
_KEEPING = re.compile(r"[|>][0-9-]*\+")
_BLOCKS = frozenset({Style.LITERAL, Style.FOLDED})


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A scalar, or an alias of anything.

    `start` and `end` are its offsets in the text, quotes and block header included; `whole` is where its anchor
    starts, if it has one. A value that is not written stands right after its colon or dash. An alias has no `style`.
    """

    whole: int
    start: int
    end: int
    text: str
    style: Style | None
    anchor: str | None = None
    alias: str | None = None

    @property
    def block(self) -> bool:
        """Whether it is a block scalar."""
        return self.style in _BLOCKS

    @property
    def unwritten(self) -> bool:
        """Whether there is nothing in the file but its place."""
        return self.start == self.end


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """A mapping or a sequence, in block or flow style.

    `start` is the first key, the first dash or the opening bracket; `end` is after the closing bracket, or where the
    last value ends. `heads` are the offsets at which its entries start: keys, dashes of a block sequence, items of a
    flow sequence. `keys` are those of a mapping.
    """

    whole: int
    start: int
    end: int
    flow: bool
    mapping: bool
    anchor: str | None
    heads: tuple[int, ...]
    keys: tuple[Leaf, ...]
    values: tuple[Part, ...]

    def index(self, key: str) -> int | None:
        """Which entry of a mapping has that key; None where there is none."""
        return next((n for n, one in enumerate(self.keys) if one.text == key), None)


Part = Leaf | Branch


@dataclass(slots=True)
class _Open:
    """A collection whose end has not come yet; `at` is where its next dash is looked for."""

    whole: int
    start: int
    flow: bool
    mapping: bool
    anchor: str | None
    at: int
    heads: list[int] = field(default_factory=list)
    keys: list[Leaf] = field(default_factory=list)
    values: list[Part] = field(default_factory=list)


class Layout:
    """The layout of one text. `root` is None where it holds nothing. Raises NotYaml."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Part | None = None
        self.anchored: dict[Leaf, Part] = {}
        """What each alias stands for."""
        self._open: list[_Open] = []
        self._anchors: dict[str, Part] = {}
        self._read()

    @cached_property
    def ways(self) -> Counter[Part]:
        """By how many ways each part is reached from the root: more than one where an alias shares it."""
        found: Counter[Part] = Counter()
        waiting = [self.root] if self.root else []
        while waiting:
            part = waiting.pop()
            found[part] += 1
            if part in self.anchored and isinstance(part, Leaf):
                waiting.append(self.anchored[part])
            elif isinstance(part, Branch):
                waiting += part.values
        return found

    @cached_property
    def comments(self) -> list[int]:
        """Where the comments start, in the order of the text."""
        stretches = sorted(self._stretches())
        found, at, n = [], self.text.find("#"), 0
        while at >= 0:
            while n < len(stretches) and stretches[n][1] <= at:
                n += 1
            if n < len(stretches) and stretches[n][0] <= at:
                after = stretches[n][1]
            else:
                found.append(at)
                after = self.line_end(at)
            at = self.text.find("#", after)
        return found

    def comment_after(self, offset: int) -> int | None:
        """Where a comment starts on the same line after an offset; None where there is none."""
        n = bisect_left(self.comments, offset)
        return self.comments[n] if n < len(self.comments) and self.comments[n] < self.line_end(offset) else None

    def walk(self, top: Part | None = None) -> Iterator[tuple[Part, Branch | None]]:
        """Every part as it is written, from the top, with the collection that it stands in."""
        top = top or self.root
        waiting: list[tuple[Part, Branch | None]] = [(top, None)] if top else []
        while waiting:
            part, above = waiting.pop()
            yield part, above
            if isinstance(part, Branch):
                waiting += [(value, part) for value in reversed(part.values)]

    def line_start(self, offset: int) -> int:
        """Where the line begins that the offset is in."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Where that line ends, before its line break."""
        end = self.text.find("\n", offset)
        end = len(self.text) if end < 0 else end
        return end - 1 if self.text[max(end - 1, 0) : end] == "\r" else end

    def open_ended(self, at: int) -> bool:
        """Whether a block scalar ends there, with the text, whose value a line break would change."""
        if at < len(self.text):
            return False
        last = next((part for part, _ in self.walk() if isinstance(part, Leaf) and part.block and part.end == at), None)
        return last is not None and "-" not in self.text[last.start : self.line_end(last.start)].partition("#")[0]

    def line_break(self, offset: int, usual: str) -> str:
        """How the line ends that ends at the offset; a text's last line, which may have no end, as is usual there."""
        return next((one for one in ("\r\n", "\n") if self.text.startswith(one, offset)), usual)

    def next_line(self, offset: int) -> int:
        """Where the line after it begins; the end of the text where there is none."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end + 1

    def column(self, offset: int) -> int:
        """How many characters stand before the offset on its line."""
        return offset - self.line_start(offset)

    def first_on_line(self, offset: int) -> bool:
        """Whether nothing but spaces stands before it on its line."""
        return not self.text[self.line_start(offset) : offset].strip(" ")

    def offset(self, line: int, column: int) -> int:
        """The offset of a place, counted from 1."""
        return self._starts[line - 1] + column - 1

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """What scalars take of the text, keys included; of a block, its lines below the header."""
        for part, _ in self.walk():
            for leaf in part.keys if isinstance(part, Branch) else (part,):
                start = self.line_end(leaf.start) if leaf.block else leaf.start
                if start < leaf.end:
                    yield start, leaf.end

    def after_key(self, key: Leaf) -> int:
        """Where the colon after a key ends."""
        colon = _COLON.match(self.text, key.end)
        return colon.end() if colon else key.end

    def _read(self) -> None:
        for event, start, end in events(self.text):
            if isinstance(event, ScalarEvent):
                self._scalar(event, start, end)
            elif isinstance(event, AliasEvent):
                self._alias(event.anchor or "", start, end)
            elif isinstance(event, CollectionStartEvent):
                whole, start = start, self._after_anchor(start, end) if event.anchor else start
                mapping = isinstance(event, MappingStartEvent)
                flow = bool(event.flow_style)
                self._begin(whole, start)
                self._open.append(_Open(whole, start, flow, mapping, event.anchor, start))
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._close(end)

    def _scalar(self, event: ScalarEvent, start: int, end: int) -> None:
        style = STYLES[event.style]
        whole, start = start, self._after_anchor(start, end) if event.anchor else start
        if start == end and style is Style.PLAIN and not event.anchor:
            whole = start = end = self._unwritten(end)
        elif style in _BLOCKS:
            written = self.text[start:end].rstrip(" \t\r\n")
            kept = _KEEPING.match(self.text, start) is not None
            end = self.line_end(end - 1) if kept and end > start + len(written) else start + len(written)
        self._begin(whole, start)
        leaf = Leaf(whole, start, end, event.value, style, event.anchor)
        self._add(leaf, end)

    def _alias(self, name: str, start: int, end: int) -> None:
        self._begin(start, start)
        target = self._anchors.get(name)
        if target is None:
            raise NotYaml("found undefined alias", start, "", start)
        leaf = Leaf(start, start, end, target.text if isinstance(target, Leaf) else "", None, alias=name)
        self.anchored[leaf] = target
        self._add(leaf, end)

    def _unwritten(self, mark: int) -> int:
        """Where a value would stand that is not there: after its colon, after its dash, or where its key ends."""
        parent = self._open[-1] if self._open else None
        if parent is None or not parent.mapping or len(parent.keys) == len(parent.values):
            return mark
        return self.after_key(parent.keys[-1])

    def _begin(self, whole: int, start: int) -> None:
        """Note where the entry starts that this node is the first of."""
        parent = self._open[-1] if self._open else None
        if parent is None or (parent.mapping and len(parent.keys) > len(parent.values)):
            return
        head = whole
        if not parent.mapping and not parent.flow:
            blank = _BLANK.match(self.text, parent.at)
            head = blank.end() if blank else start
        parent.heads.append(head)

    def _add(self, part: Part, end: int) -> None:
        if part_anchor := (None if isinstance(part, Leaf) and part.alias else part.anchor):
            self._anchors[part_anchor] = part
        if not self._open:
            self.root = None if isinstance(part, Leaf) and part.unwritten else part
            return
        parent = self._open[-1]
        if parent.mapping and len(parent.keys) == len(parent.values) and isinstance(part, Leaf):
            parent.keys.append(part)
        else:
            parent.values.append(part)
        parent.at = max(end, parent.heads[-1] + 1)

    def _close(self, mark: int) -> None:
        done = self._open.pop()
        end = mark if done.flow else max(part.end for part in (*done.keys[-1:], *done.values[-1:]))
        if not done.flow and done.values and isinstance(last := done.values[-1], Leaf) and last.unwritten:
            end = max(end, done.heads[-1] + 1, last.end)
        branch = Branch(
            done.whole,
            done.start,
            end,
            done.flow,
            done.mapping,
            done.anchor,
            tuple(done.heads),
            tuple(done.keys),
            tuple(done.values),
        )
        self._add(branch, end)

    def _after_anchor(self, start: int, end: int) -> int:
        """Where the node itself starts, after its anchor."""
        anchor = _ANCHOR.match(self.text, start, end)
        blank = _BLANK.match(self.text, anchor.end() if anchor else start, end)
        return min(blank.end() if blank else end, end)
