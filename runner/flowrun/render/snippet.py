"""Source lines with marks under the exact span.

Works on *cells*, one per character, each with what the terminal shows for it and how many columns that takes: so
marks stand under wide characters, tabs, combining marks and escaped control characters alike. Very long lines are
cut to a window round the span before anything is measured, so a megabyte on one line costs nothing.
"""

from __future__ import annotations

from flowrun.diagnostics import Span
from flowrun.render.ink import Ink, Line, Run, line, visible, width

TAB = 4
"""Columns between tab stops."""

_MOST = 6
"""A span of more lines shows its first three and its last."""


class Source:
    """A file's text by lines, split once. Lines end with LF or CR LF, as spans count them."""

    def __init__(self, text: str) -> None:
        self.lines = [text.removesuffix("\r") for text in text.split("\n")]


def snippet(source: Source, span: Span, gutter: int, mark: Run, label: str, room: int) -> list[Line]:
    """The lines of the span, each with marks below it; `label` stands after the last marks.

    `gutter` is the width of the line numbers, `mark` the character and ink to mark with. Empty where the span lies
    outside the text.
    """
    last = span.end_line - (span.end_column == 1 and span.end_line > span.line)
    last = min(last, len(source.lines))
    numbers = list(range(span.line, last + 1))
    if not numbers:
        return []
    if len(numbers) > _MOST:
        numbers = [*numbers[:3], 0, numbers[-1]]
    bar = Run(" " * gutter + " |", Ink.BLUE)
    lines: list[Line] = [(bar,)]
    for number in numbers:
        if number == 0:
            lines.append(line(Run("…".rjust(gutter) + " |", Ink.BLUE)))
            continue
        text = source.lines[number - 1]
        start = span.column - 1 if number == span.line else len(text) - len(text.lstrip())
        end = span.end_column - 1 if number == span.end_line else len(text.rstrip())
        shown, indent, marks = _window(text, start, end, room)
        lines.append(line(Run(f"{number:>{gutter}} |", Ink.BLUE), f" {shown}" if shown else ""))
        below = [Run(f" {label}", mark.ink)] if label and number == last else []
        lines.append((bar, Run(" " * (indent + 1)), Run(mark.text * marks, mark.ink), *below))
    return lines


def _window(text: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """What to show of a line, the columns before the marks, and the number of marks (at least one)."""
    low = max(0, start - room)
    slice_, start, end = text[low : start + 2 * room], start - low, end - low
    cells = _cells(slice_)
    widths = [width(cell) for cell in cells]
    before, under = sum(widths[:start]), sum(widths[start:end])
    cut_left = 0
    if before + min(under, room // 2) > room:
        while before > room // 3:
            before -= widths[cut_left]
            cut_left += 1
    shown, used, position = "", 0, cut_left
    while position < len(cells) and used + widths[position] <= room:
        shown += cells[position]
        used += widths[position]
        position += 1
    left = "…" if low or cut_left else ""
    right = "…" if position < len(cells) or low + len(slice_) < len(text) else ""
    marks = max(1, min(under, used - before))
    return (left + shown + right).rstrip(), before + len(left), marks


def _cells(text: str) -> list[str]:
    cells: list[str] = []
    column = 0
    for char in text:
        cell = " " * (TAB - column % TAB) if char == "\t" else visible(char)
        column += width(cell)
        cells.append(cell)
    return cells
