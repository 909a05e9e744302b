"""Telling: rows that differ, and pages in the making, each with the mark up to which it says all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from flowrun.sources.files.given import Mark
from flowrun.sources.files.rows import Index
from flowrun.sources.interface import Change, Page


def differing(index: Index, before: Index | None, skip: int) -> Iterator[str]:
    """The deals of an index, all after so many rows, or those that are not as they were before."""
    for id_, at in index.places.items():
        if at >= skip:
            was = None if before is None else before.places.get(id_)
            if before is None or was is None or before.digests[was] != index.digests[at] or id_ in index.repeated:
                yield id_


@dataclass(slots=True)
class Telling:
    """Pages in the making: `changes` of the next one.

    `mark` is of the buckets that are whole among what was told, `inside` the digest of the files in work (null: none);
    `kept` is the mark of the last page, which that of the next one is too where it can't say how far it went.
    """

    mark: Mark | None
    kept: str | None = None
    whole: bool = False
    changes: list[Change] = field(default_factory=list)
    stirred: bool = False
    inside: str | None = None

    def page(self, rows: int) -> Page:
        """The page that is full, with so many rows told of the file in work."""
        if self.mark is not None and self.inside is not None:
            self.kept = str(replace(self.mark, inside=(self.inside, rows)))
        page = Page(tuple(self.changes), self.kept, self.whole, last=False)
        self.changes.clear()
        return page

    def pages(self, mark: str, size: int) -> Iterator[Page]:
        """What is left, the last one with that mark."""
        left = self.changes
        while len(left) > size:
            yield Page(tuple(left[:size]), self.kept, self.whole, last=False)
            left = left[size:]
        yield Page(tuple(left), mark, self.whole, last=True)
