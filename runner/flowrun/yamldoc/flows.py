"""Entries of a flow mapping or sequence, `{a: 1, b: 2}`: taken out, put in, put in another order.

Where each entry stands on lines of its own they are treated as lines; else they stay on the line that they are on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowrun.yamldoc.blocks import Cut
from flowrun.yamldoc.layout import Branch, Layout
from flowrun.yamldoc.plain import Impossible, moved_order

_COMMA = re.compile(r"\s*,")
_TAIL = re.compile(r"[ \t]*(?:#[^\n]*)?")


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry on lines of its own: `start` is its first comment above or itself, `tail` what follows the comma."""

    start: int
    end: int
    comma: bool
    tail: str
    stop: int


class Flow:
    """The entries of one flow collection."""

    def __init__(self, layout: Layout, branch: Branch) -> None:
        self.layout = layout
        self.branch = branch
        self.starts = branch.heads
        self.ends = tuple(
            max(value.end, branch.keys[n].end if branch.mapping else value.end) for n, value in enumerate(branch.values)
        )

    def insertion(self, written: str, before: int | None, newline: str) -> list[Cut]:
        """An entry more, before that one or at the end."""
        layout, count = self.layout, len(self.starts)
        if not count:
            inside = layout.text[self.branch.start + 1 : self.branch.end - 1]
            if "#" in inside:
                raise Impossible("comments stand alone between the brackets", "write the first entry by hand")
            return [(self.branch.start + 1, self.branch.end - 1, written)]
        lines = self._lines()
        if before is not None and before < count:
            at = self.starts[before]
            if not lines:
                return [(at, at, written + self._separator())]
            at = lines[before].start
            return [(at, at, written + "," + newline + " " * layout.column(self.starts[before]))]
        if not lines:
            return [(self.ends[-1], self.ends[-1], self._separator() + written)]
        last = lines[-1]
        indent = layout.line_break(last.stop, newline) + " " * layout.column(self.starts[-1])
        if last.comma:
            return [(last.stop, last.stop, indent + written + ",")]
        if last.stop == self.ends[-1] and not last.tail:
            return [(last.stop, last.stop, "," + indent + written)]
        return [(last.end, last.end, ","), (last.stop, last.stop, indent + written)]

    def removal(self, n: int) -> list[Cut]:
        """One entry less."""
        layout, count = self.layout, len(self.starts)
        if count == 1:
            inside = layout.text[self.ends[0] : self.branch.end]
            if "#" in inside or "#" in layout.text[self.branch.start : self.starts[0]]:
                raise Impossible("comments stand beside it between the brackets", "take it out by hand")
            return [(self.branch.start + 1, self.branch.end - 1, "")]
        if lines := self._lines():
            return self._line_less(lines, n)
        if n and "\n" not in layout.text[self.ends[n - 1] : self.ends[n]]:
            return [(self.ends[n - 1], self.ends[n], "")]
        if n + 1 < count and "#" not in layout.text[self.ends[n] : self.starts[n + 1]]:
            return [(self.starts[n], self.starts[n + 1], "")]
        if n and "#" not in layout.text[self.ends[n - 1] : self.starts[n]]:
            return [(self.ends[n - 1], self.ends[n], "")]
        raise Impossible("comments stand beside it between the brackets", "take it out by hand")

    def order(self, n: int, before: int | None) -> list[Cut]:
        """The entries in the order that follows when one of them goes before another."""
        text, order = self.layout.text, moved_order(len(self.starts), n, before)
        if lines := self._lines():
            cuts = []
            for place, number in enumerate(order):
                old, line = lines[place], lines[number]
                comma = "," if old.comma else ""
                cuts.append((old.start, old.stop, text[line.start : line.end] + comma + line.tail))
            return cuts
        if "#" in self._between():
            raise Impossible("comments stand between the entries", "move it by hand")
        return [
            (self.starts[place], self.ends[place], text[self.starts[number] : self.ends[number]])
            for place, number in enumerate(order)
        ]

    def _line_less(self, lines: list[_Line], n: int) -> list[Cut]:
        layout, line = self.layout, lines[n]
        first = layout.line_start(line.start)
        whole = (first, layout.next_line(line.stop), "")
        if n + 1 < len(lines):
            others = "#" in layout.text[line.stop : lines[n + 1].start]
            return [whole if others else (line.start, lines[n + 1].start, "")]
        closed_here = layout.text[line.stop : layout.line_end(line.stop)].strip()
        cuts = [(layout.line_end(first - 1), line.stop, "") if closed_here else whole]
        if not line.comma and (comma := _COMMA.match(layout.text, lines[n - 1].end)):
            cuts.insert(0, (lines[n - 1].end, comma.end(), ""))
        return cuts

    def _between(self) -> str:
        """Everything between the brackets that is no entry."""
        text = self.layout.text
        edges = zip((self.branch.start, *self.ends), (*self.starts, self.branch.end), strict=True)
        return "".join(text[start:end] for start, end in edges)

    def _separator(self) -> str:
        """What stands between two entries of one line."""
        text = self.layout.text
        for end, start in zip(self.ends, self.starts[1:], strict=False):
            between = text[end:start]
            if "\n" not in between and "#" not in between:
                return between
        return ", "

    def _lines(self) -> list[_Line]:
        """The entries as lines, or nothing unless each of them stands on lines of its own."""
        layout, text = self.layout, self.layout.text
        lines: list[_Line] = []
        above = self.branch.start
        for start, end in zip(self.starts, self.ends, strict=True):
            if not layout.first_on_line(start):
                return []
            comma = _COMMA.match(text, end)
            if comma and "\n" in comma.group():
                return []
            after = comma.end() if comma else end
            tail = _TAIL.match(text, after)
            stop = tail.end() if tail else after
            alone = stop >= len(text) or text[stop] in "\r\n"
            if not alone and (text[stop] not in "]}" or end != self.ends[-1]):
                return []
            if not alone:
                stop = after
            written = text[after:stop].removesuffix("\r")
            first = self._first_comment(start, above)
            lines.append(_Line(first, end, comma is not None, written, after + len(written)))
            above = end
        return lines

    def _first_comment(self, start: int, above: int) -> int:
        """Where the comments begin that stand right above an entry in its column; the entry itself without any."""
        layout, column = self.layout, self.layout.column(start)
        while (before := layout.line_start(layout.line_start(start) - 1)) > above:
            shown = layout.text[before : layout.line_start(start)]
            if not shown.strip().startswith("#") or shown.find("#") != column:
                break
            start = before + column
        return start
