"""CSV: a header and records of cells, each with the line it begins in.

A record that can't be read (a wrong quote, too few or too many cells) is one with a fault, never the end of the
reading. Quotes are read strictly: a cell that is only half quoted is a fault rather than a guess.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from flowrun.store.watching import TEXT_CHARACTERS


class Record(NamedTuple):
    """One record. `line` counts from 1 and is where it begins; `fault` says why it can't be used, or is None.

    A record with a fault has the cells that were found; if none were, the text of its lines as one cell.
    """

    line: int
    cells: Sequence[str]
    fault: str | None


class Separated:
    """A CSV file by lines. `header` are the trimmed names of its columns; iterating gives the records after it, once.

    Blank lines, and records of empty cells only, are no records.
    """

    def __init__(self, file: Iterator[str], delimiter: str) -> None:
        # The limit is the process's; a cell beyond it is most likely a quote that nobody closed.
        csv.field_size_limit(TEXT_CHARACTERS)
        self._lines = _Lines(file)
        self._reader = csv.reader(self._lines, delimiter=delimiter, skipinitialspace=True, strict=True)
        first = next(self._records(), Record(1, (), None))
        self.header: tuple[str, ...] = tuple(cell.strip() for cell in first.cells)
        self.header_fault = first.fault

    @property
    def text(self) -> str:
        """The lines of the record that came last, as they stand in the file; before any, those of the header."""
        return "".join(self._lines.held)

    def __iter__(self) -> Iterator[Record]:
        width = len(self.header)
        for record in self._records():
            if record.fault is None and len(record.cells) != width:
                fault = f"the row has {len(record.cells)} cells, the header {width}"
                yield Record(record.line, record.cells, fault)
            else:
                yield record

    def _records(self) -> Iterator[Record]:
        lines, reader = self._lines, self._reader
        while True:
            line = reader.line_num + 1
            lines.held.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                text = "".join(lines.held)[:TEXT_CHARACTERS].rstrip("\r\n")
                yield Record(line, (text,), _fault(error))
                continue
            if any(cells) and not (len(cells) == 1 and not cells[0].strip()):
                yield Record(line, cells, None)


class _Lines:
    """The lines of the file, those of the present record held for the case that it can't be read."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self.held: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.held.append(line)
        return line


def _fault(error: csv.Error) -> str:
    said = str(error)
    if "field larger" in said:
        return f"a cell has more than {TEXT_CHARACTERS:,} characters; a quote may not be closed"
    if "unexpected end" in said:
        return "a quote is opened and never closed"
    if "expected after" in said:
        return "text stands behind a closing quote; double the quotes inside a quoted cell"
    return f"the row can't be read: {said}"
