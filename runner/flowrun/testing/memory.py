"""A source in memory: it keeps every rule, and has its accidents to order. The measure for checks, and for the carrier.

The place is `Memory`: deals, a log of what changed, and the keys of what was performed. It outlives the sources that
are opened on it, as a server does. `accident` decides for each order what befalls its call; it may be called by the
thread that carries, so what it looks at should be its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from threading import RLock
from typing import Any

from flowrun.errors import SourceTrouble
from flowrun.flow.model import Flow
from flowrun.sources.interface import (
    Ability,
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
    Refused,
    Unknown,
)
from flowrun.testing.bench import Bench

ABILITY = Ability(every=0.05, idempotent=True)


class Accident(Enum):
    """What befalls the call for an order: it happens and the answer is lost; it is lost itself; the connection breaks
    before it, and with it all that is left of the batch; the place turns it down as one too many."""

    ANSWER_LOST = auto()
    CALL_LOST = auto()
    BREAK = auto()
    LIMIT = auto()


@dataclass(slots=True)
class Memory:
    """A place for deals.

    `log` has the id of what changed, in the order of commits; `done` the deal of each key that was performed;
    `effects` how often a deal was moved or made by each, which is once. `calls` counts the calls; `kept` is what a
    source keeps there besides.
    """

    deals: dict[str, Record] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    spoilt: set[str] = field(default_factory=set)
    accident: Callable[[Order], Accident | None] = lambda _order: None
    limit: float = 30.0
    calls: int = 0
    kept: dict[str, Any] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def put(self, deals: Iterable[Record]) -> None:
        """Make these deals, or put them in the place of those that have their ids."""
        with self.lock:
            for one in deals:
                self.deals[one.id] = one
                self.log.append(one.id)

    def delete(self, ids: Iterable[str]) -> None:
        """Take these deals away."""
        with self.lock:
            for id_ in ids:
                if self.deals.pop(id_, None) is not None:
                    self.log.append(id_)


class MemorySource:
    """The source on such a place. `page` is how many changes a page has."""

    def __init__(self, place: Memory, ability: Ability = ABILITY, *, page: int = 1_000) -> None:
        self.place = place
        self.page = page
        self._ability = ability

    @property
    def ability(self) -> Ability:
        return self._ability

    def describe(self) -> Described:
        pipelines: dict[str, list[str]] = {}
        for one in self.place.deals.values():
            pipeline, _, stage = (one.stage or "").partition(".")
            if stage not in (there := pipelines.setdefault(pipeline, [])):
                there.append(stage)
        return Described(pipelines)

    def changes(self, mark: str | None) -> Iterator[Page]:
        at = self.begin(mark)
        while at < len(self.place.log):
            with self.place.lock:
                ids = self.place.log[at : at + self.page]
                at += len(ids)
                yield Page(
                    [self.said(id_) for id_ in dict.fromkeys(ids)], self.marked(at), last=at == len(self.place.log)
                )

    def begin(self, mark: str | None) -> int:
        """Where in the log to read on."""
        return int(mark or 0)

    def marked(self, at: int) -> str:
        """The mark of a place in the log."""
        return str(at)

    def everything(self) -> Iterator[Page]:
        ids = list(self.place.deals)
        mark = self.marked(len(self.place.log))
        for start in range(0, max(1, len(ids)), self.page):
            some = [self.said(id_) for id_ in ids[start : start + self.page]]
            yield Page(some, mark, whole=True, last=start + self.page >= len(ids))

    def read(self, ids: Sequence[str]) -> Sequence[Change]:
        return [self.said(id_) for id_ in dict.fromkeys(ids)]

    def said(self, id_: str) -> Change:
        """The deal as it stands now."""
        if id_ in self.place.spoilt:
            return Bad(f"memory, deal {id_}", "'abc' is no number", id_)
        found = self.place.deals.get(id_)
        return Gone(id_) if found is None else found

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        with self.place.lock:
            self.place.calls += 1
            for order in orders:
                match self.place.accident(order):
                    case Accident.LIMIT:
                        limited = Later("too many calls", after=self.place.limit, all_=True)
                        return [*outcomes, *[limited] * (len(orders) - len(outcomes))]
                    case Accident.BREAK:
                        raise SourceTrouble("the connection broke")
                    case Accident.CALL_LOST:
                        outcomes.append(Unknown("the time ran out"))
                    case Accident.ANSWER_LOST:
                        self.carry_out(order)
                        outcomes.append(Unknown("the time ran out"))
                    case None:
                        outcomes.append(self.carry_out(order))
        return outcomes

    def carry_out(self, order: Order) -> Outcome:
        """Do it, unless it is done."""
        place = self.place
        if order.key in place.done:
            return Done(place.done[order.key])
        there = place.deals.get(order.id)
        if there is None or (order.action is Action.MOVE and there.stage != order.from_stage):
            return Conflict(f"the deal stands in {there.stage}" if there else "there is no such deal")
        if order.action is Action.MOVE:
            made = replace(there, stage=order.to_stage, fields={**there.fields, **order.fields})
        else:
            id_ = self.new_id(order)
            if id_ in place.deals:
                return Refused(f"there is a deal '{id_}' already")
            made = Record(id_, order.to_stage, {**dict.fromkeys(there.fields), **order.fields}, key=order.key)
        place.put([made])
        place.done[order.key] = made.id
        place.effects[order.key] = place.effects.get(order.key, 0) + 1
        return Done(made.id)

    def new_id(self, order: Order) -> str:
        """The id of a copy."""
        return f"m{len(self.place.log)}" if self.ability.own_ids else order.new_id or ""

    def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        done = self.place.done
        return [Done(done[order.key]) if order.key in done else NotDone() for order in orders]

    def close(self) -> None:
        """There is nothing to give back."""


class MemoryBench(Bench):
    """The bench of such a place. `source` is the class that is opened on it; `ability` what that says of itself."""

    def __init__(
        self,
        source: Callable[[Memory], MemorySource] = MemorySource,
        flow: Flow | None = None,
        rows: int | None = None,
    ) -> None:
        self.place = Memory()
        self._source = source
        self.flow = flow or self.flow
        self.rows = rows or self.rows

    def open(self) -> MemorySource:
        return self._source(self.place)

    def put(self, deals: Sequence[Record]) -> None:
        self.place.put(deals)

    def delete(self, ids: Iterable[str]) -> None:
        self.place.delete(ids)

    def standing(self) -> Mapping[str, Record]:
        return {id_: replace(one, key=None) for id_, one in self.place.deals.items()}

    def late(self, one: Record) -> Callable[[], None]:
        return lambda: self.place.put([one])

    def spoil(self, id_: str) -> None:
        self.place.spoilt.add(id_)
        self.place.log.append(id_)

    def lose_answer(self) -> None:
        self._next(Accident.ANSWER_LOST)

    def lose_call(self) -> None:
        self._next(Accident.CALL_LOST)

    def limit(self, seconds: float) -> None:
        self.place.limit = seconds
        self._next(Accident.LIMIT)

    def _next(self, what: Accident) -> None:
        coming = [what]
        self.place.accident = lambda _order: coming.pop() if coming else None
