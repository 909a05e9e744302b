"""Deals in files that flowrun doesn't write: what they say, with the firings of the `output` over it.

This is `source.Files` seen through the output; its mark is that of the files, with how far the output was read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from flowrun.diagnostics import excerpt
from flowrun.sources.files.output import Output
from flowrun.sources.files.source import Files
from flowrun.sources.interface import (
    Ability,
    Action,
    Change,
    Conflict,
    Described,
    Done,
    Gone,
    Later,
    NotDone,
    Order,
    Outcome,
    Page,
    Record,
    Refused,
    Unknown,
)


@dataclass(slots=True)
class Overlay:
    """Files that are read, and the output that is written."""

    files: Files
    output: Output

    @property
    def ability(self) -> Ability:
        """As of the files: each line of the output has the key of its firing, so nothing is done twice."""
        return self.files.ability

    def describe(self) -> Described:
        return self.files.describe()

    def wait(self, seconds: float) -> bool:
        return self.files.wait(seconds)

    def close(self) -> None:
        self.files.close()

    def changes(self, mark: str | None) -> Iterator[Page]:
        """What has changed in the files, then the deals of the lines that were added to the output."""
        inner, at = _read(mark)
        self.output.refresh()
        place = self.output.place
        told: set[str] = set()
        for page in self.files.changes(inner):
            changes = [self._over(change) for change in page.changes]
            told.update(change.id for change in changes if change.id is not None)
            if not page.last:
                yield replace(page, changes=changes, mark=_written(page.mark, at))
                continue
            more = [id_ for id_ in self.output.since(at) if id_ not in told]
            yield replace(page, changes=[*changes, *(self.read(more) if more else ())], mark=_written(page.mark, place))

    def everything(self) -> Iterator[Page]:
        """All deals of the files, and those that only the output has."""
        self.output.refresh()
        left = self.output.made()
        for page in self.files.everything():
            changes = [self._over(change) for change in page.changes]
            left -= {change.id for change in changes if change.id is not None}
            if page.last:
                changes += [self._over(Gone(id_)) for id_ in sorted(left)]
            yield replace(page, changes=changes, mark=_written(page.mark, self.output.place))

    def read(self, ids: Sequence[str]) -> Sequence[Change]:
        """These deals as they stand."""
        self.output.refresh()
        return [self._over(change) for change in self.files.read(ids)]

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Add a line for each order whose deal still stands where it should."""
        asked = [order.id if order.action is Action.MOVE else order.new_id or "" for order in orders]
        there = {change.id: change for change in self.read(list(dict.fromkeys(asked)))}
        taken: dict[str, Order] = {}
        outcomes: list[Outcome] = []
        for id_, order in zip(asked, orders, strict=True):
            busy = Later("another order for the same deal goes first", 0.0) if id_ in taken else None
            outcome = busy or self._judged(id_, order, there.get(id_))
            outcomes.append(outcome or Done(id_))
            if outcome is None:
                taken[id_] = order
        try:
            if taken:
                self.output.add([*taken.values()], self.files.clock.now())
        except OSError as error:
            # Whether the line is there is found by its key.
            unknown = Unknown(f"the output can't be written: {error.strerror or error}")
            return [unknown if order in taken.values() else one for order, one in zip(orders, outcomes, strict=True)]
        return outcomes

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        """Whether the orders have their lines."""
        self.output.refresh()
        return [
            Done(order.id if order.action is Action.MOVE else order.new_id or "")
            if order.key in self.output.keys
            else NotDone()
            for order in orders
        ]

    def _judged(self, id_: str, order: Order, change: Change | None) -> Outcome | None:
        """What becomes of an order without a line of its own; None if it gets one."""
        if order.key in self.output.keys:
            return Done(id_)
        if isinstance(change, Record):
            if order.action is Action.COPY:
                return Refused(f"there is a deal '{excerpt(id_)}' already")
            return None if change.stage == order.from_stage else Conflict(f"it stands in {change.stage}")
        if isinstance(change, Gone):
            return None if order.action is Action.COPY else Conflict("it is gone")
        return Later(change.reason if change is not None else "it can't be read")

    def _over(self, change: Change) -> Change:
        if isinstance(change, Record):
            return self.output.said(change.id, change) or change
        if isinstance(change, Gone):
            return self.output.said(change.id, None) or change
        return change


def _read(mark: str | None) -> tuple[str | None, tuple[int, int]]:
    """The mark of the files, and how far the output was told: its inode, and bytes of it."""
    try:
        kept = json.loads(mark or "")
        inode, at = kept["output"]
        return kept["files"], (int(inode), int(at))
    except (ValueError, LookupError, TypeError):
        return None, (0, 0)


def _written(mark: str | None, place: Iterable[int]) -> str | None:
    return json.dumps({"files": mark, "output": [*place]}, separators=(",", ":"))
