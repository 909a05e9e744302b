"""The rules of the reference: what a tunnel would do with a deal now, one deal and one tunnel at a time.

semantics.md, "Firing", "Due", "Copy" and "Loops", told in plain Python over dictionaries. See `reference`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from flowrun.calendars.zones import Zone, zone
from flowrun.expr import Template
from flowrun.expr.evaluate import Context, Overflow, holds, render
from flowrun.expr.limits import LATEST
from flowrun.expr.types import Value
from flowrun.flow.model import Action, Flow, Literal, Mode, Rotate, Tunnel

CARRIED = ("title", "owner")


@dataclass(slots=True)
class Row:
    """A row of the journal. `retried`: a parked one that may try again."""

    tunnel: str
    deal: str
    entry: int
    action: str
    from_stage: str
    to_stage: str
    result: str
    target: str | None
    due_at: int
    fired_at: int
    revision: int
    reason: str | None
    shadow: bool
    retried: bool = False


@dataclass(slots=True)
class Deal:
    """A deal. `made` numbers the deals in the order of their creation; `hops` are instants.

    `live` says since when tunnels are live for its present entry, where it stood there when a revision was applied.
    """

    id: str
    stage: str
    values: dict[str, Value]
    entry: int
    entered_at: int
    created_at: int
    updated_at: int
    made: int
    origin: str | None = None
    origin_tunnel: str | None = None
    root: str = ""
    hops: tuple[int, ...] = ()
    live: dict[str, int] = field(default_factory=dict)

    def names(self) -> Mapping[str, Value]:
        """What an expression sees."""
        return self.values | {
            "id": self.id,
            "stage": self.stage,
            "pipeline": self.stage.partition(".")[0],
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "entered_at": self.entered_at,
            "origin": self.origin,
            "origin_tunnel": self.origin_tunnel,
        }


@dataclass(slots=True)
class Judgement:
    """What a tunnel would do with a deal now: a verdict (ready, declined, overflow, wait) and the due instant."""

    verdict: str
    due_at: int


@dataclass(slots=True)
class Rules:
    """The whole world: deals, journal, tunnels' state, and `wake`: when (and in which round) to look at which deal.

    `shelves` are the values that removed fields had, by deal, the latest removal last; `seen` counts rare things.
    """

    now: int
    flow: Flow = field(default_factory=lambda: Flow("none"))
    revision: int = 0
    deals: dict[str, Deal] = field(default_factory=dict)
    journal: list[Row] = field(default_factory=list)
    wake: dict[str, tuple[int, int]] = field(default_factory=dict)
    live: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    tripped: set[str] = field(default_factory=set)
    turns: dict[str, int] = field(default_factory=dict)
    firings: dict[str, list[int]] = field(default_factory=dict)
    shelves: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    def _row(self, deal: Deal, tunnel: Tunnel) -> Row | None:
        """The journal row that settles it: a live one always, a shadow one only for a shadow."""
        mine = [
            row
            for row in self.journal
            if (row.deal, row.entry, row.tunnel) == (deal.id, deal.entry, tunnel.id)
            and (tunnel.mode is Mode.SHADOW or not row.shadow)
        ]
        return mine[0] if mine else None

    def _judge(self, deal: Deal, tunnel: Tunnel) -> Judgement | None:
        """Conditions 2 to 6 of "Firing"; None: not now, and time alone won't change it."""
        row = self._row(deal, tunnel)
        due_at = self._due(deal, tunnel)
        if due_at is None:
            return None
        if row is not None:
            anew = row.retried or (row.result == "declined" and row.due_at != due_at)
            if tunnel.mode is Mode.SHADOW or row.shadow or not anew:
                return None
        if tunnel.once_per_deal and any(
            past.deal == deal.id and past.tunnel == tunnel.id and past.result == "fired" for past in self.journal
        ):
            return None
        if not tunnel.include_existing and deal.entered_at < self._live_for(deal, tunnel.id, deal.stage):
            return None
        verdict = self._condition(deal, tunnel)
        by_date = tunnel.when is not None and tunnel.when.uses_today
        if due_at > self.now:
            return Judgement("wait", due_at) if verdict != "no" or by_date or not tunnel.watch else None
        if verdict != "no":
            return Judgement(verdict, due_at)
        if not tunnel.watch:
            return Judgement("declined", due_at)
        return Judgement("wait", self._zone.next_midnight(self.now)) if by_date else None

    def _live_for(self, deal: Deal, tunnel: str, stage: str) -> int:
        return deal.live.get(tunnel, self.live[tunnel, stage])

    def _waits_until(self, deal: Deal, tunnel: Tunnel) -> int | None:
        judged = self._judge(deal, tunnel)
        return judged.due_at if judged is not None and judged.verdict == "wait" else None

    def _condition(self, deal: Deal, tunnel: Tunnel) -> str:
        """ready, no, or overflow: the condition, and what the target requires (an origin's is looked at later)."""
        try:
            if tunnel.when is not None and not holds(tunnel.when, deal.names(), self._context):
                return "no"
        except Overflow:
            return "overflow"
        spilt = {name for name in dict(tunnel.set) if self._spills(deal, tunnel, name)}
        if not tunnel.origin:
            after = self._after(deal, tunnel, spilt)
            required = set(self.flow.stages[tunnel.target].requires)
            if any(after[name] is None for name in required - spilt):
                return "no"
        return "overflow" if spilt else "ready"

    def _spills(self, deal: Deal, tunnel: Tunnel, name: str) -> bool:
        setting = dict(tunnel.set)[name]
        try:
            if isinstance(setting, Template):
                render(setting, deal.names(), self._context)
        except Overflow:
            return True
        return False

    def _due(self, deal: Deal, tunnel: Tunnel) -> int | None:
        if tunnel.at is not None:
            moment = deal.values[tunnel.at.field]
            if moment is None:
                return None
            assert isinstance(moment, date | int)
            try:
                return self._zone.at(moment, tunnel.at.offset, tunnel.at.time)
            except OverflowError:  # beyond the year 9999: at its end
                return LATEST
        return deal.entered_at if tunnel.after is None else self._zone.shift(deal.entered_at, tunnel.after)

    def _outcome(self, deal: Deal, tunnel: Tunnel, judged: Judgement) -> tuple[str, str | None] | None:
        """What would become of it now, but for the breaker; None: it waits for data."""
        row = self._row(deal, tunnel)
        retried = row is not None and row.retried
        if judged.verdict == "declined":
            return "declined", "judged"
        mover: Deal | None = deal
        if tunnel.origin:
            mover = self.deals.get(deal.origin or "")
            allowed = mover is not None and (tunnel.origin_in is None or mover.stage in tunnel.origin_in)
            if mover is None or not allowed or mover.stage == tunnel.target:
                return "declined", "origin"
        assert mover is not None
        if judged.verdict == "overflow":
            return "parked", "overflow"
        if tunnel.origin and not self._fills(mover.values | self._given(deal, tunnel), tunnel):
            return None if tunnel.watch else ("declined", "judged")
        if tunnel.unless_exists is not None and self._exists(deal, tunnel):
            return "exists", "exists"
        if not retried and sum(self._recent(at) for at in mover.hops) >= self.flow.limits.max_hops:
            return "parked", "hops"
        if not retried and tunnel.action is Action.COPY and self._copies_of(deal) >= self.flow.limits.max_copies:
            return "parked", "copies"
        return "fired", None

    def _exists(self, source: Deal, tunnel: Tunnel) -> bool:
        guard = tunnel.unless_exists
        assert guard is not None
        copy = self._after(source, tunnel)
        wanted = [copy[name] for name in guard.same]
        stages = [
            stage.id for stage in self.flow.pipelines[guard.pipeline].stages if not (guard.open and stage.outcome)
        ]
        return None not in wanted and any(
            other is not source and other.stage in stages and [other.values[name] for name in guard.same] == wanted
            for other in self.deals.values()
        )

    def _copies_of(self, deal: Deal) -> int:
        """Copies that the deal's lineage made within `per`; all ids of a lineage begin with its first deal's."""
        return sum(
            row.result == "fired" and row.action == "copy" and row.deal.partition("~")[0] == deal.root
            for row in self.journal
            if self._recent(row.fired_at)
        )

    def _recent(self, instant: int) -> bool:
        return instant > self.now - self.flow.limits.per

    def _given(self, deal: Deal, tunnel: Tunnel, but: set[str] | None = None) -> dict[str, Value]:
        """What `set` gives."""
        given: dict[str, Value] = {}
        for name, setting in tunnel.set:
            if name in (but or ()):
                continue
            match setting:
                case Literal():
                    given[name] = setting.value
                case Template():
                    given[name] = render(setting, deal.names(), self._context)
                case Rotate():
                    given[name] = setting.values[self.turns.get(tunnel.id, 0) % len(setting.values)]
            given[name] = self._or_default(name, given[name])
        return given

    def _after(self, deal: Deal, tunnel: Tunnel, but: set[str] | None = None) -> dict[str, Value]:
        """The values that the deal, or its copy, has afterwards."""
        if tunnel.action is Action.COPY:
            kept = (*CARRIED, *tunnel.copies)
            values = {name: deal.values[name] if name in kept else self._or_default(name, None) for name in deal.values}
        else:
            values = dict(deal.values)
        return values | self._given(deal, tunnel, but)

    def _or_default(self, name: str, value: Value) -> Value:
        return self.flow.fields[name].default if value is None and name in self.flow.fields else value

    def _fills(self, values: Mapping[str, Value], tunnel: Tunnel) -> bool:
        return all(values[name] is not None for name in self.flow.stages[tunnel.target].requires)

    def _leaving(self, deal: Deal) -> list[Tunnel]:
        return [
            tunnel
            for tunnel in self.flow.tunnels.values()
            if deal.stage in tunnel.sources and tunnel.mode is not Mode.OFF
        ]

    def _waits(self, tunnel: Tunnel) -> bool:
        return tunnel.id in self.waiting or tunnel.id in self.tripped

    def _held_by_parked(self, deal: Deal, moves: list[Tunnel]) -> bool:
        return any(
            row is not None and row.result == "parked" and not row.retried
            for row in (self._row(deal, tunnel) for tunnel in moves)
        )

    def _read(self) -> set[str]:
        """The fields that tunnels hang on."""
        found: set[str] = set()
        for tunnel in self.flow.tunnels.values():
            if tunnel.mode is not Mode.OFF:
                required = self.flow.stages[tunnel.target].requires
                found |= tunnel.when.reads if tunnel.when else set()
                found |= {tunnel.at.field} if tunnel.at else set()
                found |= set(required)
                for name, setting in tunnel.set:
                    if name in required and isinstance(setting, Template):
                        found |= setting.reads
        return found

    def _asked_of_origins(self) -> set[str]:
        targets = [
            tunnel.target for tunnel in self.flow.tunnels.values() if tunnel.origin and tunnel.mode is not Mode.OFF
        ]
        return {name for target in targets for name in self.flow.stages[target].requires}

    @property
    def _zone(self) -> Zone:
        return zone(self.flow.timezone)

    @property
    def _context(self) -> Context:
        return Context(self._zone.date(self.now), self._zone)


def is_move(tunnel: Tunnel) -> bool:
    """Whether it is a live move of the deal itself."""
    return tunnel.action is Action.MOVE and not tunnel.origin and tunnel.mode is Mode.LIVE
