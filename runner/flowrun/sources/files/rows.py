"""Rows: where they stand in a file, what they say, and what is to be changed in them.

The three formats differ in how a row is written; what is done with rows is the same for all, and knows only this.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol, TextIO

from flowrun.expr.types import Value
from flowrun.sources.interface import Bad, Record


class Row(NamedTuple):
    """A row as it was found. `start` and `end` are bytes of the file; `digest` tells it from what it was before.

    `fault` says why it can't be read, or is None; its `id` is null where even that can't be told.
    """

    id: str | None
    line: int
    start: int
    end: int
    digest: int
    fault: str | None = None


class Patch(NamedTuple):
    """These bytes of the file are to be those."""

    start: int
    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be said of a deal: its stage, fields (`title` and `owner` too), and the key of the firing (null: none
    is written). What a file has no column for is left out. `entered_at` is ms, UTC."""

    stage: str
    fields: Mapping[str, Value]
    entered_at: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Patches, what the row says with them (the last of several new ones), and its digest then (0: not told).

    `says` is None where only the whole file can tell (`Table.proof`).
    """

    patches: Sequence[Patch]
    says: Record | Bad | None = None
    digest: int = 0


class Table(Protocol):
    """A file of one format, as it was read. `file` is open while single rows are read or written."""

    file: BinaryIO | None

    def rows(self, text: TextIO) -> Iterator[Row]:
        """The rows of the file; `text` is it as text, its mark taken off. Read to its end, once, before anything else.

        Raises UnicodeDecodeError.
        """
        ...

    @property
    def end(self) -> int:
        """How many bytes were read."""
        ...

    @property
    def fault(self) -> str | None:
        """Why no row of it can be read, or None."""
        ...

    @property
    def doubt(self) -> str | None:
        """Why it looks as if it were still being written, or None."""
        ...

    def record(self, row: Row) -> Record | Bad:
        """What a row says."""
        ...

    def changed(self, row: Row, edit: Edit) -> Written:
        """The patches that make the row say that. Raises CantHold."""
        ...

    def added(self, new: Sequence[tuple[str, Edit]]) -> Written:
        """The patches that add rows of those ids at the end; at least one. Raises CantHold."""
        ...

    def proof(self, patches: Sequence[Patch], /) -> Mapping[str, Written]:
        """What each deal says in the file as it is with all of these patches.

        Raises CantHold where one that no patch touches would say something else than before.
        """
        ...

    def knows(self, name: str) -> bool:
        """Whether it has a column for that field."""
        ...


@dataclass(slots=True)
class Index:
    """The rows of one file: by id, and those that can't be read. Ids that come twice stand in `repeated`, by id with
    the lines of both; the first one's place is in `places`."""

    places: dict[str, int] = field(default_factory=dict)
    lines: array[int] = field(default_factory=lambda: array("Q"))
    starts: array[int] = field(default_factory=lambda: array("Q"))
    ends: array[int] = field(default_factory=lambda: array("Q"))
    digests: array[int] = field(default_factory=lambda: array("q"))
    repeated: dict[str, tuple[int, int]] = field(default_factory=dict)
    faults: list[Row] = field(default_factory=list)
    fault: str | None = None

    @property
    def ids(self) -> set[str]:
        """The ids that it names, in rows that can't be read too."""
        return {*self.places, *(row.id for row in self.faults if row.id)}

    @property
    def nameless(self) -> bool:
        """Whether it has a row whose id can't be told, or none can be read at all."""
        return self.fault is not None or any(row.id is None for row in self.faults)

    def add(self, row: Row) -> None:
        """Take a row, in the order of the file."""
        if row.fault is not None or row.id is None:
            self.faults.append(row)
            return
        at = self.places.setdefault(row.id, len(self.lines))
        if at != len(self.lines):
            self.repeated.setdefault(row.id, (self.lines[at], row.line))
            return
        self.lines.append(row.line)
        self.starts.append(row.start)
        self.ends.append(row.end)
        self.digests.append(row.digest)

    def row(self, id_: str) -> Row | None:
        """The row of that deal, or None."""
        at = self.places.get(id_)
        if at is None:
            return None
        return Row(id_, self.lines[at], self.starts[at], self.ends[at], self.digests[at])


def patched(file: BinaryIO, patches: Sequence[Patch], size: int) -> Iterator[bytes]:
    """The content of a file of that size with the patches in it, in pieces. Patches at one place keep their order."""
    at = 0
    for patch in [*sorted(patches, key=lambda patch: patch.start), Patch(size, size, b"")]:
        file.seek(at)
        while at < patch.start:
            piece = file.read(min(patch.start - at, _PIECE))
            if not piece:
                raise EOFError
            at += len(piece)
            yield piece
        if patch.data:
            yield patch.data
        at = max(at, patch.end)


_PIECE = 1 << 20
