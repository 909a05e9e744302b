"""Entries of a block mapping or sequence as chunks of lines: taken out, put in, put in another order.

A chunk is an entry with the comments that belong to it: those right above it in its own column, one on its line, and
those right below it that are indented deeper. Between chunks lie gaps: blank lines, and comments of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from flowrun.yamldoc.layout import Branch, Layout
from flowrun.yamldoc.plain import Impossible

Cut = tuple[int, int, str]
"""A stretch of the text, and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """`start` is the entry's first comment above or its `head`; `end` is before the break of its last line."""

    start: int
    head: int
    end: int


class Block:
    """The chunks of one block collection."""

    def __init__(self, layout: Layout, branch: Branch) -> None:
        self.layout = layout
        self.branch = branch
        self.column = layout.column(branch.heads[0])
        self.chunks: list[Chunk] = []
        for n in range(len(branch.heads)):
            self.chunks.append(self._chunk(n))

    def insertion(self, written: str, before: int | None, newline: str) -> Cut:
        """An entry more, before that one or at the end. `written` has no indentation on its first line."""
        blank_lines = self._blank_lines(written)
        if before is not None and before < len(self.chunks):
            at = self.chunks[before].start
            return at, at, written + newline * (1 + blank_lines) + " " * self.column
        at = self._tail()
        if self.layout.open_ended(at):
            says = "the text at the end of the file ('|' or '>') would gain a line break"
            raise Impossible(says, "end the file with a line break first")
        newline = self.layout.line_break(at, newline)  # the line above keeps its own
        return at, at, newline * (1 + blank_lines) + " " * self.column + written

    def removal(self, n: int) -> Cut:
        """One entry of several less, with what belongs to it and the blank lines that set it apart."""
        chunk, last = self.chunks[n], n == len(self.chunks) - 1
        start = chunk.head if self._heads_group(n) else chunk.start
        above = self._gap(n - 1) if n else ""
        below = "" if last else self._gap(n)
        if last and "#" not in above:
            return self.chunks[n - 1].end, chunk.end, ""
        if not last and "#" not in below and (n == 0 or _blank(above) or not _blank(below)):
            return start, self.chunks[n + 1].start, ""
        return self._lines(start, chunk.end, below)

    def order(self, n: int, before: int | None, newline: str) -> Cut:
        """One entry goes before another, or to the end. Comments of others stay with what they stand between."""
        chunks, last = self.chunks, len(self.chunks) - 1
        target = last + 1 if before is None else before
        if target in {n, n + 1}:
            return chunks[n].start, chunks[n].start, ""
        above, below = self._gap(n - 1) if n else "", self._gap(n) if n < last else ""
        if below and "#" not in below:
            apart, left = below, above
        elif above and "#" not in above:
            apart, left = above, below
        else:
            apart, left = newline + " " * self.column, above + below.lstrip("\r\n ")
        text = self.layout.text
        moved = text[chunks[n].start : chunks[n].end]
        written = left.lstrip("\r\n ") if n == 0 else ""
        for number, chunk in enumerate(chunks):
            if number == n:
                continue
            if number == target:
                written += moved + apart
            written += text[chunk.start : chunk.end]
            if number + 1 == n:
                written += left.rstrip(" \r\n") if n == last else left
            elif number < last:
                written += self._gap(number)
        return chunks[0].start, chunks[-1].end, written + (apart + moved if target > last else "")

    def only(self) -> tuple[int, int]:
        """The stretch of the only entry, up to the end of the line before it where it has lines of its own."""
        chunk = self.chunks[0]
        if not self.layout.first_on_line(chunk.start):
            return chunk.start, chunk.end
        above = self.layout.line_start(chunk.start)
        return max(0, self.layout.line_end(above - 1) if above else 0), chunk.end

    def _chunk(self, n: int) -> Chunk:
        layout, branch = self.layout, self.branch
        head, value = branch.heads[n], branch.values[n]
        if branch.mapping and "\n" in layout.text[branch.keys[n].end : layout.after_key(branch.keys[n])]:
            raise Impossible("a key is written with '?'", "write it as 'key: value'")
        end = layout.line_end(max(value.end, branch.keys[n].end if branch.mapping else head + 1))
        rest = layout.text[value.end : end].strip(" \t:")
        if rest and not rest.startswith("#"):
            raise Impossible("something else stands on its line", "give it a line of its own")
        for start, stop, column in self._comments_from(layout.next_line(end)):
            if column <= self.column or (n + 1 < len(branch.heads) and start > branch.heads[n + 1]):
                break
            end = stop
        start = head
        above = self.chunks[-1].end if self.chunks else branch.whole if head != branch.heads[0] else 0
        if layout.first_on_line(head) and not (n == 0 and self.column == 0):
            while (line := layout.line_start(start)) > above:
                before = layout.line_start(line - 1)
                shown = layout.text[before:line].strip()
                if before < above or not shown.startswith("#") or layout.text[before:line].find("#") != self.column:
                    break
                start = before + self.column
        return Chunk(start, head, end)

    def _comments_from(self, at: int) -> Iterator[tuple[int, int, int]]:
        """The lines from there on that are comments: start, end and column of each."""
        layout = self.layout
        while at < len(layout.text):
            end = layout.line_end(at)
            shown = layout.text[at:end]
            if not shown.lstrip(" ").startswith("#"):
                return
            yield at, end, shown.find("#")
            at = layout.next_line(at)

    def _gap(self, n: int) -> str:
        """What lies between a chunk and the next."""
        return self.layout.text[self.chunks[n].end : self.chunks[n + 1].start]

    def _tail(self) -> int:
        """Where a new last entry follows: after comments below that are in the same column."""
        layout, end = self.layout, self.chunks[-1].end
        lowest = self.column + (not self.branch.mapping)  # dashes may stand in the column of the next key
        at = layout.next_line(end)
        while at < len(layout.text) and self.column:
            line_end = layout.line_end(at)
            shown = layout.text[at:line_end]
            if shown.lstrip(" ").startswith("#") and shown.find("#") >= lowest:
                end = line_end
            elif shown.strip():
                break
            at = layout.next_line(at)
        return end

    def _heads_group(self, n: int) -> bool:
        """Whether the comment above an entry is about those after it as well: lines close together, and one comment."""
        chunk = self.chunks[n]
        if chunk.start == chunk.head or n + 1 == len(self.chunks):
            return False
        after = self.chunks[n + 1]
        close = not _blank(self._gap(n)) and "#" not in self._gap(n) and after.start == after.head
        return close and "\n" not in self.layout.text[chunk.head : chunk.end]

    def _lines(self, start: int, end: int, below: str) -> Cut:
        """Whole lines, and the blank lines above them where there are some below too, or nothing is."""
        layout = self.layout
        if not layout.first_on_line(start):
            raise Impossible("comments of others stand between", "move the comments first")
        first, after = layout.line_start(start), layout.next_line(end)
        if after == len(layout.text) and end == after and first:
            return layout.line_end(first - 1), end, ""
        if _blank(below) or not layout.text[after:].strip():
            while first and not layout.text[layout.line_start(first - 1) : first].strip():
                first = layout.line_start(first - 1)
        return first, after, ""

    def _blank_lines(self, written: str) -> int:
        """How many blank lines set a new entry apart: as many as most of the others that are as long, or as short."""
        long = "\n" in written
        longs = ["\n" in self.layout.text[chunk.head : chunk.end] for chunk in self.chunks]
        pairs = range(len(self.chunks) - 1)
        alike = [n for n in pairs if (longs[n] or longs[n + 1]) == long] or (() if long else pairs)
        counted = Counter(self._gap(n).count("\n") - 1 for n in alike)
        if counted:
            return counted.most_common(1)[0][0]
        return int(long and self.branch.mapping and (longs[0] or self.column == 0))


def _blank(gap: str) -> bool:
    """Whether there is a blank line in a gap."""
    return any(not line.strip() for line in gap.split("\n")[1:-1])
