"""Expectations: what a scenario says must be so, held against the store.

`fired`, `not_fired` and `exact` look at what fired since the `expect` before: each says what its own steps brought. In
`shadow` what a tunnel would have done is looked at as if it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from flowrun.calendars.zones import zone
from flowrun.diagnostics import Span, excerpt
from flowrun.engine.explain import Outlook, explain
from flowrun.expr.types import TEXT, Kind, Type, Value
from flowrun.expr.values import write
from flowrun.flow.model import Flow, Reason
from flowrun.flow.scenario import (
    COPY,
    Expect,
    ExpectedCopy,
    ExpectedDeal,
    ExpectedFiring,
    ExpectedRest,
    Looked,
)
from flowrun.store import deals, journal
from flowrun.store.deals import Deal
from flowrun.store.journal import Firing
from flowrun.store.revisions import Author, Revision
from flowrun.store.tables import deals_table, flowrun

DONE = ("fired", "shadow")
"""The results of a firing, done or in `shadow`."""
_DONE_ALREADY = {Outlook.FIRED, Outlook.SHADOW}
_LISTED = 5

_Key = tuple[str, int, str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """Something is not as it was expected, at that instant (ms, UTC). `span` is what says so in the file."""

    expected: str
    found: str
    at: int
    span: Span


def named(connection: Connection, name: str) -> str | None:
    """The id of the deal that a scenario names; None where it is not there: no copy made yet, or the deal deleted."""
    table = deals_table(None)
    first, *tunnels = name.split(COPY)
    row = connection.execute(select(table.c.id).where(table.c.id == first)).scalar()
    id_ = first if tunnels else row
    for tunnel in tunnels:
        copies = select(table.c.id).where(table.c.origin == id_, table.c.origin_tunnel == tunnel)
        id_ = connection.execute(copies.order_by(table.c.seq.desc()).limit(1)).scalar()
    return id_


@dataclass(slots=True)
class Expectations:
    """The expectations of one scenario. `proven` are the tunnels that a `not_fired` which held named."""

    flow: Flow
    proven: set[str] = field(default_factory=set)
    _seen: set[_Key] = field(default_factory=set)

    def check(self, connection: Connection, expect: Expect, now: int) -> list[Failure]:
        """What is not as it says."""
        return _Look(self, connection, expect, now).failures()

    def fresh(self, connection: Connection) -> list[Firing]:
        """What fired since this was asked last."""
        rows = [row for row in journal.firings(connection) if row.result in DONE and _key(row) not in self._seen]
        self._seen.update(map(_key, rows))
        return rows


@dataclass(slots=True)
class _Look:
    """One `expect` at one instant."""

    expectations: Expectations
    connection: Connection
    expect: Expect
    now: int
    fresh: list[Firing] = field(default_factory=list)
    left: list[Firing] = field(default_factory=list)

    @property
    def flow(self) -> Flow:
        return self.expectations.flow

    def failures(self) -> list[Failure]:
        expect = self.expect
        self.fresh = self.expectations.fresh(self.connection)
        self.left = list(self.fresh)
        found = [failure for one in expect.deals for failure in self._deal(one)]
        found += self._counts()
        found += self._copies()
        found += [failure for one in sorted(expect.fired, key=_vague) if (failure := self._fired(one))]
        found += [failure for one in expect.rests if (failure := self._rest(one))]
        if expect.exact is not None and self.left:
            found.append(self._failure("no other firing", self._told(self.left), expect.exact))
        return sorted(found, key=lambda failure: failure.span)

    # The deals

    def _deal(self, expected: ExpectedDeal) -> list[Failure]:
        deal = self._find(expected.deal.name)
        if deal is None:
            return [self._failure("the deal", "no such deal", expected.deal.span)]
        return self._unlike(deal, expected.looks)

    def _unlike(self, deal: Deal, looks: Iterable[Looked]) -> list[Failure]:
        return [
            self._failure(self._shown(one.field, one.value), self._shown(one.field, value), one.span)
            for one in looks
            if (value := _value(deal, one.field)) != one.value
        ]

    def _counts(self) -> list[Failure]:
        table = deals_table(None)
        found: list[Failure] = []
        for one in self.expect.counts:
            count = self.connection.execute(select(func.count()).where(table.c.stage == one.stage)).scalar_one()
            if count != one.count:
                found.append(self._failure(_deals(one.count), _deals(count), one.span))
        return found

    def _copies(self) -> list[Failure]:
        """Each expected copy takes one of its own; where that can't be, the nearest one says why."""
        wanted = self.expect.copies
        made = {index: self._made(one) for index, one in enumerate(wanted)}
        fitting = {
            index: [deal.id for deal in made[index] if not self._unlike(deal, one.looks)]
            for index, one in enumerate(wanted)
        }
        taken = _matched(fitting)
        self.left = [row for row in self.left if row.target not in taken.values() or row.action != "copy"]
        found: list[Failure] = []
        for index, one in enumerate(wanted):
            if index in taken:
                continue
            near = [self._unlike(deal, one.looks) for deal in made[index] if deal.id not in taken.values()]
            if near:
                least: list[Failure] = min(near, key=len)
                found += least
            elif made[index]:
                found.append(self._failure("one more copy", f"no more than {len(made[index])}", one.span))
            else:
                origin = named(self.connection, one.of.name) or one.of.name
                found.append(self._failure("a copy", self._unfired(origin, one.tunnel), one.span))
        return found

    def _made(self, copy: ExpectedCopy) -> list[Deal]:
        table = deals_table(None)
        origin = named(self.connection, copy.of.name)
        rows = select(table.c.id).where(
            table.c.origin == (origin or copy.of.name), table.c.origin_tunnel == copy.tunnel
        )
        ids = self.connection.execute(rows.order_by(table.c.seq)).scalars().all()
        return [deal for id_ in ids if (deal := deals.find(self.connection, self.flow, id_))]

    # The firings

    def _fired(self, expected: ExpectedFiring) -> Failure | None:
        id_ = named(self.connection, expected.deal.name) or expected.deal.name
        rows = [row for row in self.left if (row.deal, row.tunnel) == (id_, expected.tunnel)]
        for row in rows:
            if expected.time in {None, row.fired_at}:
                self.left.remove(row)
                return None
        what = "a firing" + (f" at {self._moment(expected.time)}" if expected.time is not None else "")
        if rows:
            return self._failure(what, f"one at {self._moment(rows[0].fired_at)}", expected.span)
        return self._failure(what, self._unfired(id_, expected.tunnel), expected.span)

    def _rest(self, expected: ExpectedRest) -> Failure | None:
        id_ = named(self.connection, expected.deal.name)
        if id_ is None:
            return self._failure("the deal", "no such deal", expected.deal.span)
        rows = [row for row in self.fresh if (row.deal, row.tunnel) == (id_, expected.tunnel)]
        if rows:
            return self._failure("no firing", f"one at {self._moment(rows[0].fired_at)}", expected.span)
        if expected.because is not None:
            reasons = self._why(id_, expected.tunnel)
            if expected.because not in reasons:
                return self._failure(str(expected.because), ", ".join(reasons) or "nothing", expected.why)
        self.expectations.proven.add(expected.tunnel)
        return None

    def _unfired(self, deal: str, tunnel: str) -> str:
        """Why there is no firing, as a failure tells it."""
        old = [row for row in journal.firings(self.connection, deal=deal, tunnel=tunnel) if row.result in DONE]
        if old:
            return f"one at {self._moment(old[-1].fired_at)}, before the last `expect`"
        reasons = ", ".join(self._why(deal, tunnel))
        return f"none: {reasons}" if reasons else "none"

    def _why(self, deal: str, tunnel: str) -> tuple[Reason, ...]:
        """What holds the tunnel back now; one that has fired in this entry has done so `once`."""
        if deals.find(self.connection, self.flow, deal) is None:
            return (Reason.STAGE,)
        applied = self.connection.execute(select(flowrun.c.revision)).scalar_one()
        revision = Revision(applied, self.flow, {}, "", self.now, Author())
        (told,) = explain(self.connection, revision, deal, self.now, tunnel).tunnels
        return (Reason.ONCE,) if told.verdict in _DONE_ALREADY else told.reasons

    # Texts

    def _find(self, name: str) -> Deal | None:
        id_ = named(self.connection, name)
        return None if id_ is None else deals.find(self.connection, self.flow, id_)

    def _failure(self, expected: str, found: str, span: Span) -> Failure:
        return Failure(expected, found, self.now, span)

    def _moment(self, instant: int) -> str:
        return zone(self.flow.timezone).text(instant).replace("T", " ")

    def _shown(self, name: str, value: Value) -> str:
        if value is None:
            return "empty"
        of = self.flow.fields[name].type if name in self.flow.fields else TEXT if name != "at" else Type(Kind.ENUM)
        text = excerpt(write(value, of, zone(self.flow.timezone)))
        return f"'{text}'" if of.kind is Kind.TEXT else text

    def _told(self, rows: Sequence[Firing]) -> str:
        some = [f"{row.tunnel} for {row.deal} at {self._moment(row.fired_at)}" for row in rows[:_LISTED]]
        more = [f"{len(rows) - _LISTED:,} more"] if len(rows) > _LISTED else []
        return ", ".join([*some, *more])


def _key(row: Firing) -> _Key:
    return row.deal, row.entry, row.tunnel, row.result


def _value(deal: Deal, name: str) -> Value:
    if name == "at":
        return deal.stage
    return {"title": deal.title, "owner": deal.owner}.get(name) if name in {"title", "owner"} else deal.fields[name]


def _vague(expected: ExpectedFiring) -> bool:
    """Those that name a time choose first."""
    return expected.time is None


def _deals(count: int) -> str:
    return f"{count:,} deal" + ("" if count == 1 else "s")


def _matched(fitting: dict[int, list[str]]) -> dict[int, str]:
    """For as many of the wanted copies as possible one of its own: a matching, found by augmenting paths."""
    owner: dict[str, int] = {}

    def place(index: int, tried: set[str]) -> bool:
        for id_ in fitting[index]:
            if id_ not in tried:
                tried.add(id_)
                if id_ not in owner or place(owner[id_], tried):
                    owner[id_] = index
                    return True
        return False

    for index in fitting:
        place(index, set())
    return {index: id_ for id_, index in owner.items()}
