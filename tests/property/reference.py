"""What tunnels do, a second time: semantics.md told in plain Python, one deal after the other, without SQL or batches.

It is slow and simple on purpose. All that it shares with the engine are the flow itself, the evaluator of expressions,
local time, and the digest that names copies; `test_engine` holds the engine to the same deals and the same journal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from flowrun.expr.types import Value
from flowrun.flow.model import Action, Flow, Mode, Rotate, Tunnel
from flowrun.store.functions import copy_id
from tests.property.reference_rules import CARRIED, Deal, Judgement, Row, Rules, is_move


class Reference(Rules):
    """The whole world: its deals, its journal, and what happens to them."""

    # What others do

    def apply(self, flow: Flow) -> None:
        """Make that flow the applied one."""
        self._rename(flow)
        before, self.flow = self.flow, flow
        self.revision += 1
        went = {stage: _followed(stage, "stage", flow, flow.stages) for stage in before.stages}
        gone = {one.stage: one.target for one in flow.removed}
        self._keep_live_dates(before, went)
        self._take_fields_over(self._shelve_fields(before))
        for tunnel in before.tunnels.keys() - flow.tunnels.keys():
            self.waiting.discard(tunnel)
            self.tripped.discard(tunnel)
            self.turns.pop(tunnel, None)
            self.firings.pop(tunnel, None)
        relocated = []
        for deal in self.deals.values():
            stage = went[deal.stage]
            if stage is None:
                deal.stage = self._sent(gone, deal.stage)
                deal.entry, deal.entered_at, deal.updated_at = deal.entry + 1, self.now, self.now
                deal.live = {}
                self.wake.pop(deal.id, None)
                relocated.append(deal)
                self.seen["deals relocated"] += 1
            else:
                deal.stage = stage
        for deal in self.deals.values():
            self._awake(deal)
        for deal in relocated:
            self._awake_copies(deal, 0)

    def _sent(self, gone: Mapping[str, str], stage: str) -> str:
        """Where the deals of a removed stage go."""
        found = _followed(stage, "stage", self.flow, self.flow.stages, gone)
        assert found is not None
        return found

    def _keep_live_dates(self, before: Flow, went: Mapping[str, str | None]) -> None:
        """A tunnel goes on being live for the deals that stand in a stage, wherever that stage is now; for entries to
        come it is so since the earliest of the dates that it has for the stages of which one is made."""
        dates = {(tunnel.id, stage): self.now for tunnel, stage in self._routes()}
        for tunnel, stage in self._routes():
            if not self._comes_back(before.tunnels.get(tunnel.id), tunnel):
                for old, new in went.items():
                    if new == stage and (tunnel.id, old) in self.live:
                        dates[tunnel.id, stage] = min(dates[tunnel.id, stage], self.live[tunnel.id, old])
        for deal in self.deals.values():
            deal.live = {
                tunnel.id: self._live_for(deal, tunnel.id, deal.stage)
                if (tunnel.id, deal.stage) in self.live and not self._comes_back(before.tunnels.get(tunnel.id), tunnel)
                else self.now
                for tunnel, stage in self._routes()
                if stage == went[deal.stage]
            }
            self.seen["deals of a stage with later live dates"] += any(
                at > dates[tunnel, here] for tunnel, at in deal.live.items() if (here := went[deal.stage]) is not None
            )
        self.live = dates

    def _routes(self) -> list[tuple[Tunnel, str]]:
        return [
            (tunnel, stage)
            for tunnel in self.flow.tunnels.values()
            if tunnel.mode is not Mode.OFF
            for stage in tunnel.sources
        ]

    def _comes_back(self, before: Tunnel | None, tunnel: Tunnel) -> bool:
        return before is None or before.mode is Mode.OFF or (before.mode is Mode.SHADOW and tunnel.mode is Mode.LIVE)

    def _shelve_fields(self, before: Flow) -> dict[str, str | None]:
        """What became of the fields that there were. Where one is removed, its values are put by, for its return."""
        became = {old: _followed(old, "field", self.flow, self.flow.fields) for old in before.fields}
        for old, new in became.items():
            if new is None:
                self.shelves.setdefault(old, []).append({id_: deal.values[old] for id_, deal in self.deals.items()})
            elif new != old and old in self.shelves:
                self.shelves[new] = self.shelves.pop(old)
        return became

    def _take_fields_over(self, became: Mapping[str, str | None]) -> None:
        back = {
            name: self.shelves[name].pop()
            for name in self.flow.fields
            if name not in became.values() and self.shelves.get(name)
        }
        for deal in self.deals.values():
            values = {name: deal.values[name] for name in CARRIED}
            values |= {new: deal.values[old] for old, new in became.items() if new is not None}
            values |= {name: shelf.get(deal.id) for name, shelf in back.items()}
            for name, field in self.flow.fields.items():
                value = values.get(name)
                allowed = value is None or not field.type.values or value in field.type.values
                self.seen["values that their enum lost"] += not allowed
                values[name] = self._or_default(name, value if allowed else None)
            deal.values = values
            self.seen["values that came back"] += any(shelf.get(deal.id) is not None for shelf in back.values())

    def _rename(self, flow: Flow) -> None:
        """A renamed tunnel is the same tunnel."""
        for moved in flow.moved:
            old, new = moved.old, moved.new
            if (
                moved.kind != "tunnel"
                or old not in self.flow.tunnels
                or old in flow.tunnels
                or new in self.flow.tunnels
            ):
                continue
            self.flow = replace(
                self.flow, tunnels={new if id_ == old else id_: one for id_, one in self.flow.tunnels.items()}
            )
            self.live = {(new if id_ == old else id_, stage): at for (id_, stage), at in self.live.items()}
            for deal in self.deals.values():
                deal.live = {new if id_ == old else id_: at for id_, at in deal.live.items()}
            self.waiting = {new if id_ == old else id_ for id_ in self.waiting}
            self.tripped = {new if id_ == old else id_ for id_ in self.tripped}
            self.turns = {new if id_ == old else id_: turn for id_, turn in self.turns.items()}
            self.firings = {new if id_ == old else id_: past for id_, past in self.firings.items()}
            taken = {(row.deal, row.entry, row.shadow) for row in self.journal if row.tunnel == new}
            for row in self.journal:
                if row.tunnel == old and (row.deal, row.entry, row.shadow) not in taken:
                    row.tunnel = new

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
            if not self._read().isdisjoint({name, "updated_at"}):
                self._awake(deal)
            if name in self._asked_of_origins():
                self._awake_copies(deal, 0)

    def move(self, id_: str, stage: str) -> None:
        """Someone changes a stage."""
        deal = self.deals[id_]
        if deal.stage != stage:
            deal.stage, deal.entry, deal.entered_at, deal.updated_at = stage, deal.entry + 1, self.now, self.now
            deal.live = {}
            self.wake.pop(id_, None)
            self._awake(deal)
            self._awake_copies(deal, 0)

    def delete(self, id_: str) -> None:
        """Someone deletes a deal."""
        del self.deals[id_]
        self.wake.pop(id_, None)
        for shelf in (shelf for shelves in self.shelves.values() for shelf in shelves):
            shelf.pop(id_, None)

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
        aside = [tunnel for tunnel in self._leaving(deal) if not is_move(tunnel)]
        moves = [tunnel for tunnel in self._leaving(deal) if is_move(tunnel)]
        for tunnel in aside:
            self._beside(deal, tunnel, round_)
            if deal.entry != entry:  # it is its own origin
                return
        if not self._held_by_parked(deal, moves):
            for tunnel in moves:
                if self._try_move(deal, tunnel, round_):
                    break
        if deal.entry == entry:
            waits = [at for tunnel in (*aside, *moves) if (at := self._waits_until(deal, tunnel)) is not None]
            if waits:
                self.wake[deal.id] = (min(waits), 0)

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

    def _passes_breaker(self, tunnel: Tunnel) -> bool:
        if tunnel.breaker is None:
            return True
        past = self.firings.setdefault(tunnel.id, [])
        if sum(at > self.now - tunnel.breaker.per for at in past) >= tunnel.breaker.firings:
            self.tripped.add(tunnel.id)
            return False
        past.append(self.now)
        return True

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
        deal.live = {}
        deal.hops = (*deal.hops, self.now)
        self.wake[deal.id] = (self.now, round_ + 1)
        self._awake_copies(deal, round_ + 1)
        self._take_turn(tunnel)

    def _take_turn(self, tunnel: Tunnel) -> None:
        if any(isinstance(setting, Rotate) for _, setting in tunnel.set):
            self.turns[tunnel.id] = self.turns.get(tunnel.id, 0) + 1

    def _make(self, id_: str, stage: str, values: Mapping[str, Value], entry: int) -> Deal:
        made = 1 + max((deal.made for deal in self.deals.values()), default=0)
        values = {name: self._or_default(name, value) for name, value in values.items()}
        deal = Deal(id_, stage, values, entry, self.now, self.now, self.now, made)
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
            target=None if target is None else target.id,
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

    def story(self) -> Iterator[Row]:
        """The journal, oldest first."""
        return iter(sorted(self.journal, key=lambda row: row.fired_at))


def _followed(
    id_: str, kind: str, flow: Flow, known: Collection[str], gone: Mapping[str, str] | None = None
) -> str | None:
    """What the flow calls it now, step by step through `moved` (and `gone`, where stages go); None: nothing."""
    if id_ in known:
        return id_
    steps = [moved.new for moved in flow.moved if moved.kind == kind and moved.old == id_]
    if kind == "stage":
        pipeline, _, short = id_.partition(".")
        steps += [f"{moved.new}.{short}" for moved in flow.moved if moved.kind == "pipeline" and moved.old == pipeline]
        steps += [gone[id_]] if gone and id_ in gone else []
    return next((found for step in steps if (found := _followed(step, kind, flow, known, gone)) is not None), None)
