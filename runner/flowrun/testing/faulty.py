"""Sources that break one rule each, by the name of the check that catches them: the test of the tests."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from flowrun.sources.interface import (
    Action,
    Bad,
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
    Unknown,
)
from flowrun.testing.memory import Memory, MemorySource


class SkipsTheFirst(MemorySource):
    """Reads from the second change on, as who counts from one."""

    def begin(self, mark: str | None) -> int:
        return int(mark or 1)


class TellsNewOnesOnly(MemorySource):
    """Tells of deals that were made, and not of those that changed."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        before = set(self.place.log[: int(mark or 0)])
        for page in super().changes(mark):
            yield replace(page, changes=[change for change in page.changes if change.id not in before])


class TellsDifferences(MemorySource):
    """Tells of a deal only if it differs from what it was at first."""

    def __init__(self, place: Memory) -> None:
        super().__init__(place)
        self._firsts: dict[str, Record] = place.kept
        for id_, one in place.deals.items():
            self._firsts.setdefault(id_, one)

    def changes(self, mark: str | None) -> Iterator[Page]:
        for page in super().changes(mark):
            kept = [change for change in page.changes if mark is None or change != self._firsts.get(change.id or "")]
            yield replace(page, changes=kept)


class MarksTheEnd(MemorySource):
    """Gives the mark of the end with each page, and of the end as it is when reading is over."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        upto = len(self.place.log)
        for page in super().changes(mark):
            if int(page.mark or 0) <= upto:
                yield replace(page, mark=self.marked(len(self.place.log)))


class CountsBegun(MemorySource):
    """Marks by the highest number that was given out, as who goes by ids or times: what commits late is behind it."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        skipped = {"late"} if mark is not None else set[str]()
        for page in super().changes(mark):
            yield replace(page, changes=[change for change in page.changes if change.id not in skipped])


class TellsOldLast(MemorySource):
    """Repeats at the end what a deal was at first."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        for page in super().changes(mark):
            first = [one for one in page.changes if isinstance(one, Record)][:1]
            old = [replace(one, stage="sales.new") for one in first]
            yield replace(page, changes=[*page.changes, *old])


class TellsOnce(MemorySource):
    """Forgets what it has told, as a queue that is emptied by reading."""

    def begin(self, mark: str | None) -> int:
        told = int(self.place.kept.get("told", 0))
        self.place.kept["told"] = len(self.place.log)
        return max(int(mark or 0), told)


class MarksOfItsOwn(MemorySource):
    """Keeps what its marks mean in the process."""

    def __init__(self, place: Memory) -> None:
        super().__init__(place)
        self._marks: dict[str, int] = {}

    def begin(self, mark: str | None) -> int:
        return self._marks.get(mark or "", len(self.place.log) if mark else 0)

    def marked(self, at: int) -> str:
        self._marks[f"{id(self)}-{at}"] = at
        return f"{id(self)}-{at}"


class ForgetsDeletes(MemorySource):
    """Says nothing of deals that are gone."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        for page in super().changes(mark):
            yield replace(page, changes=[change for change in page.changes if not isinstance(change, Gone)])


class LeavesEmptyOut(MemorySource):
    """Leaves empty fields out."""

    def said(self, id_: str) -> Change:
        change = super().said(id_)
        if not isinstance(change, Record):
            return change
        return replace(change, fields={name: value for name, value in change.fields.items() if value is not None})


class NormalisesIds(MemorySource):
    """Takes ids for the same that look the same."""

    def said(self, id_: str) -> Change:
        plain = unicodedata.normalize("NFC", id_)
        return super().said(plain if plain in self.place.deals else id_)


class Rounds(MemorySource):
    """Lets large integers go through floating point."""

    def said(self, id_: str) -> Change:
        change = super().said(id_)
        if not isinstance(change, Record):
            return change
        rounded = {name: int(float(one)) if type(one) is int else one for name, one in change.fields.items()}
        return replace(change, fields=rounded)


class LeavesMissingOut(MemorySource):
    """Says nothing of deals that were asked for and aren't there."""

    def read(self, ids: Sequence[str]) -> Sequence[Change]:
        return [change for change in super().read(ids) if not isinstance(change, Gone)]


class EndsEarly(MemorySource):
    """A full read that forgets its last page, but says that it ended whole."""

    def everything(self) -> Iterator[Page]:
        pages = list(super().everything())
        if len(pages) > 1:
            pages = [*pages[:-2], replace(pages[-2], last=True)]
        return iter(pages)


class OnePage(MemorySource):
    """Forgets what a page does not hold."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        for page in super().changes(mark):
            yield replace(page, mark=self.marked(len(self.place.log)), last=True)
            return


class TakesBadForGone(MemorySource):
    """Says of a row that it can't read that it is gone."""

    def said(self, id_: str) -> Change:
        change = super().said(id_)
        return Gone(id_) if isinstance(change, Bad) else change


class DescribesOnce(MemorySource):
    """Has nothing to say of itself."""

    def describe(self) -> Described:
        return None  # type: ignore[return-value]


class WritesWhole(MemorySource):
    """Writes the whole deal, empty but for what the order has."""

    def carry_out(self, order: Order) -> Outcome:
        outcome = super().carry_out(order)
        if isinstance(outcome, Done) and order.action is Action.MOVE:
            found = self.place.deals[outcome.id]
            self.place.put([replace(found, fields={**dict.fromkeys(found.fields), **order.fields})])
        return outcome


class NamesTheOriginal(MemorySource):
    """Says of a copy that it is the deal that it is of."""

    def carry_out(self, order: Order) -> Outcome:
        outcome = super().carry_out(order)
        return Done(order.id) if isinstance(outcome, Done) else outcome


class HidesItsOwn(MemorySource):
    """Leaves out of its changes what it did itself."""

    def changes(self, mark: str | None) -> Iterator[Page]:
        own = set(self.place.done.values())
        for page in super().changes(mark):
            yield replace(page, changes=[change for change in page.changes if change.id not in own])


class MovesAnyway(MemorySource):
    """Moves a deal wherever it stands."""

    def carry_out(self, order: Order) -> Outcome:
        found = self.place.deals.get(order.id)
        return super().carry_out(replace(order, from_stage=found.stage or "") if found else order)


class StopsAtTheFirst(MemorySource):
    """Does nothing after the first order of a batch that can't be done, and says nothing of it."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        outcomes = list(super().perform(orders))
        ends = next((at for at, one in enumerate(outcomes) if isinstance(one, Conflict)), len(outcomes))
        return outcomes[: ends + 1]


class DoesAgain(MemorySource):
    """Keeps no keys: what is performed again happens again."""

    def carry_out(self, order: Order) -> Outcome:
        self.place.done.pop(order.key, None)
        if order.action is Action.COPY and order.new_id in self.place.deals:
            order = replace(order, new_id=f"{order.new_id}x")
        return super().carry_out(order)


class FindsInTheProcess(MemorySource):
    """Knows only what this process has done."""

    def __init__(self, place: Memory) -> None:
        super().__init__(place)
        self._mine: set[str] = set()

    def carry_out(self, order: Order) -> Outcome:
        self._mine.add(order.key)
        return super().carry_out(order)

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        return [
            one if order.key in self._mine else NotDone()
            for order, one in zip(orders, super().find(orders), strict=True)
        ]


class FindsByStage(MemorySource):
    """Calls a move undone whose deal stands where it stood before."""

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        found = zip(orders, super().find(orders), strict=True)
        standing = {id_: one.stage for id_, one in self.place.deals.items()}
        return [
            NotDone() if order.action is Action.MOVE and standing.get(order.id) != order.to_stage else one
            for order, one in found
        ]


class TakesSilenceForNo(MemorySource):
    """Says of what it has no answer to that it did not happen."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        return [NotDone() if isinstance(one, Unknown) else one for one in super().perform(orders)]


class TakesSilenceForYes(MemorySource):
    """Says of what it has no answer to that it happened."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        outcomes = zip(orders, super().perform(orders), strict=True)
        return [Done(order.id) if isinstance(one, Unknown) else one for order, one in outcomes]


class HurriesOn(MemorySource):
    """Holds back one order where the place holds back all, and for no time."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        return [Later(one.reason) if isinstance(one, Later) else one for one in super().perform(orders)]


class WritesWhatItRead(MemorySource):
    """Writes the deal back as it was when it was read."""

    def __init__(self, place: Memory) -> None:
        super().__init__(place)
        self._read: dict[str, Record] = {}

    def said(self, id_: str) -> Change:
        change = super().said(id_)
        if isinstance(change, Record):
            self._read.setdefault(id_, change)
        return change

    def carry_out(self, order: Order) -> Outcome:
        outcome = super().carry_out(order)
        if order.id in self._read and isinstance(outcome, Done) and order.action is Action.MOVE:
            fields = {**self._read[order.id].fields, **order.fields}
            self.place.put([replace(self.place.deals[order.id], fields=fields)])
        return outcome


class Overwrites(MemorySource):
    """Puts a copy in the place of the deal that has its id."""

    def carry_out(self, order: Order) -> Outcome:
        if order.action is Action.COPY and order.key not in self.place.done:
            self.place.delete([order.new_id or ""])
        return super().carry_out(order)


class CutsTexts(MemorySource):
    """Cuts texts off at 255 characters, as a column may that is made too short."""

    def carry_out(self, order: Order) -> Outcome:
        cut = {name: one[:255] if isinstance(one, str) else one for name, one in order.fields.items()}
        return super().carry_out(replace(order, fields=cut))


class IgnoresCase(MemorySource):
    """Finds a deal by its id in any case."""

    def carry_out(self, order: Order) -> Outcome:
        found = next((id_ for id_ in self.place.deals if id_.casefold() == order.id.casefold()), order.id)
        return super().carry_out(replace(order, id=found))


class Reorders(MemorySource):
    """Gives the outcomes of large batches in an order of its own."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        outcomes = super().perform(orders)
        return outcomes if len(orders) < 10 else list(reversed(outcomes))


FAULTY: Mapping[str, Callable[[Memory], MemorySource]] = {
    "all_from_the_beginning": SkipsTheFirst,
    "later_changes": TellsNewOnesOnly,
    "same_again": TellsDifferences,
    "changes_amid_reading": MarksTheEnd,
    "late_changes": CountsBegun,
    "present_state": TellsOldLast,
    "repeated_questions": TellsOnce,
    "marks_outlive": MarksOfItsOwn,
    "deletes": ForgetsDeletes,
    "emptied_fields": LeavesEmptyOut,
    "unicode_ids": NormalisesIds,
    "values_of_every_type": Rounds,
    "read_by_ids": LeavesMissingOut,
    "full_reads": EndsEarly,
    "many_deals": OnePage,
    "bad_rows": TakesBadForGone,
    "described": DescribesOnce,
    "moves": WritesWhole,
    "copies": NamesTheOriginal,
    "own_effects_come_back": HidesItsOwn,
    "stage_conflicts": MovesAnyway,
    "one_outcome_each": StopsAtTheFirst,
    "repeated_orders": DoesAgain,
    "lookups": FindsInTheProcess,
    "lookups_later": FindsByStage,
    "lost_answers": TakesSilenceForNo,
    "lost_calls": TakesSilenceForYes,
    "rate_limits": HurriesOn,
    "foreign_edits": WritesWhatItRead,
    "ids_in_use": Overwrites,
    "written_values": CutsTexts,
    "unicode_orders": IgnoresCase,
    "full_batches": Reorders,
}
"""For each check a source that it must catch."""
