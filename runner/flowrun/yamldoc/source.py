"""The text of one file, and which line and column an offset is at."""

from __future__ import annotations

import re
from bisect import bisect_right

from flowrun.diagnostics import Span

_LINE = re.compile("\n")


class Source:
    """A decoded file. Lines end with LF or CRLF, nothing else (see `characters`); offsets count characters from 0."""

    __slots__ = ("_starts", "file", "text")

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts: list[int] | None = None

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets, the end exclusive."""
        line, column = self.place(start)
        end_line, end_column = self.place(end)
        return Span(self.file, line, column, end_line, end_column)

    def line_start(self, offset: int) -> int:
        """Where the line begins that the offset is in."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Where the line ends that the offset is in, before its line break."""
        end = self.text.find("\n", offset)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > offset and self.text[end - 1] == "\r" else end

    def place(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset, from 1."""
        starts = self._lines()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column."""
        return self._lines()[line - 1] + column - 1

    def _lines(self) -> list[int]:
        """Where each line starts."""
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _LINE.finditer(self.text))]
        return self._starts
