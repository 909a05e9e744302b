"""What tunnels do, a second time: semantics.md told in plain Python, one deal after the other, without SQL or batches.

It is slow and simple on purpose. All that it shares with the engine are the flow itself, the evaluator of expressions,
local time, and the digest that names copies; `test_engine` holds the engine to the same deals and the same journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flowrun.calendars.zones import Zone, zone
from flowrun.expr import Template
from flowrun.expr.evaluate import Context, Overflow, holds, render
from flowrun.expr.types import Value
from flowrun.flow.model import Action, Flow, Literal, Mode, Rotate, Tunnel
from flowrun.store.functions import copy_id

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
    """A deal. `made` numbers the deals in the order of their creation; `hops` are instants."""

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
class Reference:
    """The whole world: deals, journal, tunnels' state, and `wake`: when (and in which round) to look at which deal."""

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
    made: int = 0

    # What others do

    def apply(self, flow: Flow) -> None:
        """Make that flow the applied one."""
        before, self.flow = self.flow, flow
        self.revision += 1
        self.live = {
            (tunnel.id, stage): self._live_since(before.tunnels.get(tunnel.id), tunnel, stage)
            for tunnel in flow.tunnels.values()
            for stage in tunnel.sources
            if tunnel.mode is not Mode.OFF
        }
        for gone in before.tunnels.keys() - flow.tunnels.keys():
            self.waiting.discard(gone)
            self.tripped.discard(gone)
            self.turns.pop(gone, None)
            self.firings.pop(gone, None)
        for deal in self.deals.values():
            self._awake(deal)

    def _live_since(self, before: Tunnel | None, tunnel: Tunnel, stage: str) -> int:
        back = before is not None and (
            before.mode is Mode.OFF or (before.mode is Mode.SHADOW and tunnel.mode is Mode.LIVE)
        )
        return self.now if back else self.live.get((tunnel.id, stage), self.now)

    def add(self, id_: str, stage: str, values: Mapping[str, Value]) -> None:
        """Someone makes a deal."""
        entry = 1 + max((row.entry for row in self.journal if row.deal == id_), default=0)
        deal = self._make(id_, stage, {name: values.get(name) for name in (*CARRIED, *self.flow.fields)}, entry)
        deal.root = id_
        self._awake(deal)

    def change(self, id_: str, name: str, value: Value) -> None:
        """Someone sets a field."""
        deal = self.deals[id_]
        value = self._or_default(name, value)
        if deal.values[name] != value:
            deal.values[name] = value
            deal.updated_at = self.now
            if name in self._read():
                self._awake(deal)
            if name in self._asked_of_origins():
                self._awake_copies(deal, 0)

    def move(self, id_: str, stage: str) -> None:
        """Someone changes a stage."""
        deal = self.deals[id_]
        if deal.stage != stage:
            deal.stage, deal.entry, deal.entered_at, deal.updated_at = stage, deal.entry + 1, self.now, self.now
            self.wake.pop(id_, None)
            self._awake(deal)
            self._awake_copies(deal, 0)

    def delete(self, id_: str) -> None:
        """Someone deletes a deal."""
        del self.deals[id_]
        self.wake.pop(id_, None)

    def pause(self, tunnel: str) -> None:
        """`flowrun pause`."""
        self.waiting.add(tunnel)

    def resume(self, tunnel: str) -> None:
        """`flowrun resume`."""
        if tunnel in self.waiting | self.tripped:
            if tunnel in self.tripped:
                self.firings[tunnel] = []
            self.waiting.discard(tunnel)
            self.tripped.discard(tunnel)
            for deal in self.deals.values():
                if deal.stage in self.flow.tunnels[tunnel].sources:
                    self._awake(deal)

    def retry(self, id_: str | None) -> None:
        """`flowrun retry`."""
        for row in self.journal:
            deal = self.deals.get(row.deal)
            if row.result == "parked" and id_ in {None, row.deal} and deal is not None and deal.entry == row.entry:
                row.retried = True
                self._awake(deal, routed=False)

    # What the runner does

    def run(self) -> None:
        """Take the awake deals one by one until none is awake."""
        while True:
            awake = [
                (wake_at, round_, self.deals[id_].made, id_)
                for id_, (wake_at, round_) in self.wake.items()
                if wake_at <= self.now
            ]
            if not awake:
                return
            wake_at, round_, _, id_ = min(awake)
            self._look(self.deals[id_], round_ if wake_at == self.now else 0)

    def _look(self, deal: Deal, round_: int) -> None:
        del self.wake[deal.id]
        entry = deal.entry
        aside = [tunnel for tunnel in self._leaving(deal) if not _is_move(tunnel)]
        moves = [tunnel for tunnel in self._leaving(deal) if _is_move(tunnel)]
        for tunnel in aside:
            self._beside(deal, tunnel, round_)
        if not self._held_by_parked(deal, moves):
            for tunnel in moves:
                if self._try_move(deal, tunnel, round_):
                    break
        if deal.entry == entry:
            waits = [at for tunnel in (*aside, *moves) if (at := self._waits_until(deal, tunnel)) is not None]
            if waits:
                self.wake[deal.id] = (min(waits), 0)

    def _leaving(self, deal: Deal) -> list[Tunnel]:
        return [
            tunnel
            for tunnel in self.flow.tunnels.values()
            if deal.stage in tunnel.sources and tunnel.mode is not Mode.OFF
        ]

    def _beside(self, deal: Deal, tunnel: Tunnel, round_: int) -> None:
        """A copy, a move of the origin, or a shadow."""
        judged = self._judge(deal, tunnel)
        shadow = tunnel.mode is Mode.SHADOW
        if judged is None or judged.verdict == "wait" or (not shadow and self._waits(tunnel)):
            return
        outcome = self._outcome(deal, tunnel, judged)
        if outcome is None:
            return
        result, reason = outcome
        if shadow:
            self._record(deal, tunnel, judged, "shadow", reason)
        elif result != "fired":
            self._record(deal, tunnel, judged, result, reason)
        elif self._passes_breaker(tunnel):
            if tunnel.action is Action.COPY:
                copy = self._copy(deal, tunnel)
                self._record(deal, tunnel, judged, "fired", None, copy)
                self.wake[copy.id] = (self.now, round_ + 1)
            else:
                origin = self.deals[deal.origin or ""]
                self._record(deal, tunnel, judged, "fired", None, origin)
                self._relocate(origin, tunnel, self._given(deal, tunnel), round_)

    def _try_move(self, deal: Deal, tunnel: Tunnel, round_: int) -> bool:
        """Whether the moves end here: the deal moved, or is held."""
        judged = self._judge(deal, tunnel)
        if judged is None or judged.verdict == "wait":
            return False
        result, reason = self._outcome(deal, tunnel, judged) or ("declined", "judged")
        if result == "declined":
            if not self._waits(tunnel):
                self._record(deal, tunnel, judged, result, reason)
            return False
        if self._waits(tunnel):
            return True
        if result != "fired":
            self._record(deal, tunnel, judged, result, reason)
        elif self._passes_breaker(tunnel):
            self._record(deal, tunnel, judged, "fired", None, deal)
            self._relocate(deal, tunnel, self._given(deal, tunnel), round_)
        return True

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
        if not tunnel.include_existing and deal.entered_at < self.live[tunnel.id, deal.stage]:
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
            assert moment is None or not isinstance(moment, str | bool | tuple)
            if moment is None:
                return None
            return self._zone.at(moment, tunnel.at.offset, tunnel.at.time)  # type: ignore[arg-type]
        return deal.entered_at if tunnel.after is None else self._zone.shift(deal.entered_at, tunnel.after)

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
            values = {
                name: deal.values[name] if name in kept else self._or_default(name, None) for name in deal.values
            }
        else:
            values = dict(deal.values)
        return values | self._given(deal, tunnel, but)

    def _or_default(self, name: str, value: Value) -> Value:
        return self.flow.fields[name].default if value is None and name in self.flow.fields else value

    def _fills(self, values: Mapping[str, Value], tunnel: Tunnel) -> bool:
        return all(values[name] is not None for name in self.flow.stages[tunnel.target].requires)

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

    def _passes_breaker(self, tunnel: Tunnel) -> bool:
        if tunnel.breaker is None:
            return True
        past = self.firings.setdefault(tunnel.id, [])
        if sum(at > self.now - tunnel.breaker.per for at in past) >= tunnel.breaker.firings:
            self.tripped.add(tunnel.id)
            return False
        past.append(self.now)
        return True

    def _waits(self, tunnel: Tunnel) -> bool:
        return tunnel.id in self.waiting or tunnel.id in self.tripped

    def _held_by_parked(self, deal: Deal, moves: list[Tunnel]) -> bool:
        return any(
            row is not None and row.result == "parked" and not row.retried
            for row in (self._row(deal, tunnel) for tunnel in moves)
        )

    def _row(self, deal: Deal, tunnel: Tunnel) -> Row | None:
        """The journal row that settles it: a live one always, a shadow one only for a shadow."""
        mine = [
            row
            for row in self.journal
            if (row.deal, row.entry, row.tunnel) == (deal.id, deal.entry, tunnel.id)
            and (tunnel.mode is Mode.SHADOW or not row.shadow)
        ]
        return mine[0] if mine else None

    def _copy(self, deal: Deal, tunnel: Tunnel) -> Deal:
        id_ = copy_id(deal.root, deal.id, tunnel.id, deal.entry)
        copy = self._make(id_, tunnel.target, self._after(deal, tunnel), 1)
        copy.origin, copy.origin_tunnel, copy.root = deal.id, tunnel.id, deal.root
        copy.hops = (*deal.hops, self.now)
        self._take_turn(tunnel)
        return copy

    def _relocate(self, deal: Deal, tunnel: Tunnel, given: Mapping[str, Value], round_: int) -> None:
        deal.values |= given
        deal.stage, deal.entry, deal.entered_at, deal.updated_at = tunnel.target, deal.entry + 1, self.now, self.now
        deal.hops = (*deal.hops, self.now)
        self.wake[deal.id] = (self.now, round_ + 1)
        self._awake_copies(deal, round_ + 1)
        self._take_turn(tunnel)

    def _take_turn(self, tunnel: Tunnel) -> None:
        if any(isinstance(setting, Rotate) for _, setting in tunnel.set):
            self.turns[tunnel.id] = self.turns.get(tunnel.id, 0) + 1

    def _make(self, id_: str, stage: str, values: Mapping[str, Value], entry: int) -> Deal:
        self.made = 1 + max((deal.made for deal in self.deals.values()), default=0)
        values = {name: self._or_default(name, value) for name, value in values.items()}
        deal = Deal(id_, stage, values, entry, self.now, self.now, self.now, self.made)
        self.deals[id_] = deal
        return deal

    def _record(
        self, deal: Deal, tunnel: Tunnel, judged: Judgement, result: str, reason: str | None, target: Deal | None = None
    ) -> None:
        row = Row(
            tunnel=tunnel.id,
            deal=deal.id,
            entry=deal.entry,
            action=tunnel.action.value,
            from_stage=deal.stage,
            to_stage=tunnel.target,
            result=result,
            target=target and target.id,
            due_at=judged.due_at,
            fired_at=self.now,
            revision=self.revision,
            reason=reason,
            shadow=tunnel.mode is Mode.SHADOW,
        )
        old = self._row(deal, tunnel)
        if old is None:
            self.journal.append(row)
        else:
            self.journal[self.journal.index(old)] = row

    # Who is looked at when

    def _awake(self, deal: Deal, round_: int = 0, *, routed: bool = True) -> None:
        if not routed or self._leaving(deal):
            known = self.wake.get(deal.id)
            if known is None or known[0] > self.now:
                self.wake[deal.id] = (self.now, round_)

    def _awake_copies(self, origin: Deal, round_: int) -> None:
        """Deals whose origin changed may now move it."""
        if self._asked_of_origins():
            for deal in self.deals.values():
                if deal.origin == origin.id:
                    self._awake(deal, round_)

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

    def story(self) -> Iterator[Row]:
        """The journal, oldest first."""
        return iter(sorted(self.journal, key=lambda row: row.fired_at))


def _is_move(tunnel: Tunnel) -> bool:
    return tunnel.action is Action.MOVE and not tunnel.origin and tunnel.mode is Mode.LIVE
