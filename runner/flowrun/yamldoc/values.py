"""Keys and values of one collection, written anew where they stand: in the style that they have, as far as it can be.

Of a text that is spread over lines or has escapes, only the words that differ are replaced.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher

from flowrun.yamldoc.blocks import Cut
from flowrun.yamldoc.layout import Branch, Layout, Leaf, Part
from flowrun.yamldoc.locate import Locator
from flowrun.yamldoc.nodes import Style
from flowrun.yamldoc.plain import Bare, Impossible, Plain
from flowrun.yamldoc.scalars import block, inline, may_be_plain, quoted, reads_as
from flowrun.yamldoc.source import Source
from flowrun.yamldoc.writing import Alike, Writer

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_HEADER = re.compile(r"[|>][0-9+-]*([^\r\n]*)")
_MOST_WORDS = 2_000
"""Comparing texts takes a time that grows with their product; longer ones are written anew."""
_ESCAPED = {"'": "''"}
_FOLDING = frozenset({Style.FOLDED})


class Values:
    """The keys and values of one collection."""

    def __init__(self, layout: Layout, holder: Branch, writer: Writer) -> None:
        self.layout = layout
        self.holder = holder
        self.writer = writer

    def put(self, n: int, value: Plain, alike: Alike, depth: int) -> list[Cut]:
        """The value of an entry becomes another."""
        part = self.holder.values[n]
        if isinstance(value, str) and isinstance(part, Leaf) and not part.unwritten and part.style:
            return self._rewritten(part, value)
        if self.holder.flow:
            return [self._in_flow(part, self.writer.flow(value, alike))]
        return self._in_block(n, part, value, alike, depth)

    def renamed(self, n: int, key: str) -> list[Cut]:
        """The key of an entry becomes another; the value keeps its column where the keys are padded."""
        leaf = self.holder.keys[n]
        if leaf.alias or leaf.anchor:
            raise Impossible("the key has an anchor or is an alias (&, *)", "change it in an editor")
        written = self.writer.key(key, flow=self.holder.flow)
        if leaf.style in {Style.SINGLE, Style.DOUBLE}:
            written = quoted(key, self.layout.text[leaf.start])
        elif may_be_plain(key, flow=self.holder.flow, key=True):
            written = key
        cuts = [(leaf.start, leaf.end, written)]
        colon, value = self.layout.after_key(leaf), self.holder.values[n]
        gap = value.whole - colon
        if self._on_line(n) and self.layout.column(value.whole) == self._value_column():
            kept = max(1, gap - len(written) + leaf.end - leaf.start)
            cuts.append((colon, value.whole, " " * kept))
        return cuts

    def padding(self, key: str) -> int:
        """How many spaces follow the colon of a new key: as many as put its value under the others."""
        column = self._value_column()
        if column is None:
            return 1
        written = self.layout.column(self.holder.heads[0]) + len(self.writer.key(key, flow=False)) + 1
        return max(1, column - written)

    def _value_column(self) -> int | None:
        """The column in which an author has put the values of a block mapping with spaces; None without such."""
        if self.holder.flow:
            return None
        columns: Counter[int] = Counter()
        padded: set[int] = set()
        for n, value in enumerate(self.holder.values):
            if self._on_line(n):
                column = self.layout.column(value.whole)
                columns[column] += 1
                if value.whole - self.layout.after_key(self.holder.keys[n]) > 1:
                    padded.add(column)
        column, count = columns.most_common(1)[0] if columns else (0, 0)
        return column if count > 1 and column in padded else None

    def _on_line(self, n: int) -> bool:
        """Whether a value stands on the line of its key, with nothing but spaces between."""
        if not self.holder.mapping:
            return False
        value, colon = self.holder.values[n], self.layout.after_key(self.holder.keys[n])
        between = self.layout.text[colon : value.whole]
        return value.start < value.end and bool(between) and not between.strip(" ")

    # Texts

    def _rewritten(self, leaf: Leaf, text: str) -> list[Cut]:
        """A written scalar gets another text; its anchor stays."""
        layout, habits = self.layout, self.writer.habits
        source = layout.text[leaf.start : leaf.end]
        spread = leaf.block or "\n" in source or "\\" in source
        if spread and not isinstance(text, Bare) and (spliced := self._spliced(leaf, text)):
            return [(leaf.start, leaf.end, spliced)]
        if leaf.block and not isinstance(text, Bare):
            return [(leaf.start, leaf.end, self._as_block(leaf, text))]
        style = None if leaf.text == "" or isinstance(text, Bare) else leaf.style
        written = inline(text, style, habits.quote, flow=self.holder.flow)
        if not self.holder.flow and not isinstance(text, Bare):
            room = layout.column(leaf.start)
            long = len(written) > max(habits.width - room, len(source))
            if (long or "\n" in text) and not leaf.anchor:
                written = self.writer.scalar(text, self._indent(), room, [leaf], blocks=self._blocks(leaf.end))
        return self._with_rest(leaf.start, leaf.end, written)

    def _with_rest(self, start: int, end: int, written: str) -> list[Cut]:
        """A cut whose further lines follow what else stands on the line: a comment."""
        first, line_break, rest = written.partition(self.writer.habits.newline)
        line_end = self.layout.line_end(end)
        if not rest or not self.layout.text[end:line_end].strip():
            return [(start, max(end, line_end) if rest else end, written)]
        return [(start, end, first), (line_end, line_end, line_break + rest)]

    def _as_block(self, leaf: Leaf, text: str) -> str:
        """A block scalar with another text: in its style, its indentation, with the comment of its header."""
        layout, habits = self.layout, self.writer.habits
        header = _HEADER.match(layout.text, leaf.start, leaf.end)
        comment = header.group(1).rstrip() if header else ""
        style = leaf.style or Style.LITERAL
        if style in _FOLDING and "\n" in text.rstrip("\n") and "\n" not in leaf.text.rstrip("\n"):
            style = Style.LITERAL
        line = layout.next_line(leaf.start)
        body = layout.text[line : leaf.end].lstrip("\r\n")
        indent = len(body) - len(body.lstrip(" ")) if not leaf.text.startswith(" ") and body.strip() else self._indent()
        longest = max(map(len, layout.text[line : leaf.end].splitlines()), default=0)
        width = max(habits.width, min(longest, 2 * habits.width))
        written = block(text, style, indent, width, habits.newline)
        if written is None:
            return inline(text, None, habits.quote, flow=False) + comment
        first, line_break, rest = written.partition(habits.newline)
        return first + comment + line_break + rest

    def _spliced(self, leaf: Leaf, text: str) -> str | None:
        """The scalar's source with only those words replaced that differ; None where that does not write the text."""
        old, new = _WORD.findall(leaf.text), _WORD.findall(text)
        if not old or not new or max(len(old), len(new)) > _MOST_WORDS or leaf.style is None:
            return None
        layout = self.layout
        locate = Locator(Source("", layout.text), leaf.style, leaf.start, leaf.end, leaf.text)
        offsets = [0]
        for word in old:
            offsets.append(offsets[-1] + len(word))
        pieces, at = [], leaf.start
        for kind, begin, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            span = locate(offsets[begin], offsets[end])
            start, stop = layout.offset(span.line, span.column), layout.offset(span.end_line, span.end_column)
            written = self._escaped(leaf, "".join(new[first:last]))
            if written is None or start < at:
                return None
            pieces += [layout.text[at:start], written]
            at = stop
        source = "".join([*pieces, layout.text[at : leaf.end]])
        before = layout.text[leaf.start : leaf.end]
        if leaf.style in _FOLDING and _longest(source) > max(_longest(before), self.writer.habits.width):
            return None
        return source if reads_as(source, flow=self.holder.flow) == (text, leaf.style) else None

    def _escaped(self, leaf: Leaf, text: str) -> str | None:
        if "\n" in text:
            return None
        if leaf.style is Style.DOUBLE:
            return quoted(text + "\n", '"')[1:-3]
        return text.replace("'", "''") if leaf.style is Style.SINGLE else text

    # Other values

    def _in_flow(self, part: Part, written: str) -> Cut:
        if not isinstance(part, Leaf) or not part.unwritten:
            return part.whole, part.end, written
        lead = " " if self.layout.text[part.end - 1] == ":" else ": "
        return part.end, part.end, lead + written

    def _in_block(self, n: int, part: Part, value: Plain, alike: Alike, depth: int) -> list[Cut]:
        layout, holder, newline = self.layout, self.holder, self.writer.habits.newline
        column = layout.column(holder.heads[0])
        lead = layout.after_key(holder.keys[n]) if holder.mapping else holder.heads[n] + 1
        on_line = layout.line_start(part.start) == layout.line_start(lead)
        if holder.mapping:
            pad = max(1, part.whole - lead) if on_line and part.start < part.end else self.padding(holder.keys[n].text)
            written = self.writer.after(
                value, column, layout.column(lead) + pad, depth, alike, pad, blocks=self._blocks(part.end)
            )
        else:
            written = self.writer.item(value, column, depth, alike)[1:]
        if on_line:
            return self._with_rest(lead, max(part.end, lead), written)
        first, line_break, rest = written.partition(newline)
        below, end = layout.line_end(lead), layout.line_end(part.end)
        return [(lead, lead, first), (below, end, line_break + rest)]

    def _blocks(self, end: int) -> bool:
        """Whether a block scalar may end there: a comment below, as deep as its lines, would be one of them."""
        below = self.layout.next_line(end)
        shown = self.layout.text[below : self.layout.line_end(below)]
        return not shown.lstrip(" ").startswith("#") or shown.find("#") < self._indent()

    def _indent(self) -> int:
        """The indentation of a block scalar that is a value of the collection."""
        return self.layout.column(self.holder.heads[0]) + self.writer.habits.step


def _longest(source: str) -> int:
    return max(map(len, source.splitlines()), default=0)
