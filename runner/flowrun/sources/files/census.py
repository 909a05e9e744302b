"""The census: which deals the files have, all of them together, and what is wrong with some.

A deal that stands twice, in one file or in two, is nobody's: it is bad at both places, and stays in the store as it
was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flowrun.diagnostics import excerpt
from flowrun.sources.files.looking import Seen
from flowrun.sources.interface import Bad


@dataclass(slots=True)
class Census:
    """`files` has the file of each deal, by id; `repeated` those that stand twice. `named` are all ids that any row
    has. `blind` says why deals may be there that can't be seen, or is None."""

    files: dict[str, str] = field(default_factory=dict)
    repeated: dict[str, Bad] = field(default_factory=dict)
    faults: dict[str, list[Bad]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    blind: str | None = None

    @property
    def unreadable(self) -> dict[str, Bad]:
        """The rows that can't be read and whose ids are known, by these."""
        return {bad.id: bad for bads in self.faults.values() for bad in bads if bad.id}


def census(looks: Mapping[str, Seen], restless: Iterable[str]) -> Census:
    """The census of these files; `restless` are the names of more, which don't come to rest."""
    found = Census()
    for name, seen in looks.items():
        index = seen.index
        if index.fault is not None:
            found.faults[name] = [Bad(name, index.fault)]
        elif index.faults:
            found.faults[name] = [Bad(f"{name}:{row.line}", row.fault or "", row.id) for row in index.faults]
        if index.nameless:
            found.blind = found.blind or f"{name} has rows that can't be read"
        for id_, (first, second) in index.repeated.items():
            found.repeated[id_] = _twice(f"{name}:{first}", f"{name}:{second}", id_)
        found.named |= index.ids
        if not found.files:
            found.files = dict.fromkeys(index.places, name)
            continue
        for id_ in index.places:
            other = found.files.setdefault(id_, name)
            if other != name:
                lines = looks[other].index.row(id_), index.row(id_)
                first, second = (row.line if row else 0 for row in lines)
                found.repeated[id_] = _twice(f"{other}:{first}", f"{name}:{second}", id_)
    for name in restless:
        found.faults[name] = [Bad(name, "it is still being written; it is read once it has come to rest")]
        found.blind = found.blind or f"{name} is still being written"
    for bads in found.faults.values():
        for bad in bads:
            # A row that can be read and one that can't: which of them is the deal is anybody's guess.
            if bad.id in found.files:
                found.repeated.setdefault(bad.id, Bad(bad.where, bad.reason, bad.id))
    return found


def _twice(first: str, second: str, id_: str) -> Bad:
    return Bad(second, f"the id '{excerpt(id_, 40)}' stands at {first} and at {second}; keep one of them", id_)
