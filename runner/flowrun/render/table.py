"""A small table for people: aligned columns, no borders, cut to the width that there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowrun.render.ink import Ink, Line, Run, shortened, visible, width

_GAP = 2
_NARROWEST = 8
"""A flexible column isn't cut below this; a terminal narrower than the rest has to wrap."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Numbers stand `right`; only `flexible` columns give way where the width is short."""

    title: str
    right: bool = False
    flexible: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str | Run]], columns_wide: int | None = None
) -> list[Line]:
    """The rows under their titles. `columns_wide` is the room in terminal columns; None cuts nothing."""
    cells = [[_safe(cell) for cell in row] for row in rows]
    widths = [
        max(width(column.title), *(width(row[index].text) for row in cells), 0) for index, column in enumerate(columns)
    ]
    if columns_wide is not None:
        _shrink(columns, widths, columns_wide)
    head = [Run(column.title, Ink.DIM) for column in columns]
    return [_row(columns, widths, cells_of_row) for cells_of_row in (head, *cells)]


def _safe(cell: str | Run) -> Run:
    return Run(visible(cell)) if isinstance(cell, str) else Run(visible(cell.text), cell.ink)


def _shrink(columns: Sequence[Column], widths: list[int], room: int) -> None:
    excess = sum(widths) + _GAP * (len(widths) - 1) - room
    flexible = [index for index, column in enumerate(columns) if column.flexible]
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda index: widths[index])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
        excess -= 1


def _row(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[Run]) -> Line:
    runs: list[Run] = []
    for index, (column, room, cell) in enumerate(zip(columns, widths, cells, strict=True)):
        text = shortened(cell.text, room)
        pad = " " * (room - width(text))
        last = index == len(columns) - 1
        if column.right:
            runs += [Run(pad), Run(text, cell.ink)]
        else:
            runs += [Run(text, cell.ink), Run("" if last else pad)]
        if not last:
            runs.append(Run(" " * _GAP))
    while runs and not runs[-1].text.strip():
        runs.pop()
    return tuple(run for run in runs if run.text)
