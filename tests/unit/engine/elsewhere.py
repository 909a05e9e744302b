"""A kit for deals that live elsewhere: a source in memory that does, refuses, forgets to answer, as a test wants it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from flowrun.engine.calls import Call, Claimed, claim_calls
from flowrun.engine.settlement import Result, Settled, Told, settle_calls
from flowrun.engine.source import Budget
from flowrun.flow.model import Action, Flow, SourceSpec
from flowrun.store import revisions
from flowrun.store.tables import calls, rereads
from tests.unit.engine.kit import SALES, START, World, flow_of, world

PLACE = SourceSpec("fake", {"name": "there"})
LEASE = 60_000


def away(flow: Flow, source: SourceSpec = PLACE) -> Flow:
    return replace(flow, source=source)


def world_away(tunnels: str, *, rest: str = SALES, deals: Sequence[str] = (), size: int | None = None) -> World:
    """A world whose deals live elsewhere."""
    w = world("", rest=rest, size=size)
    w.at(START).apply_flow(away(flow_of(tunnels, rest=rest)))
    for id_ in deals:
        w.add(id_)
    return w


@dataclass(slots=True)
class Place:
    """Where the deals live: their stages, what was done under which key, and what would have been done twice."""

    stages: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    effects: list[tuple[str, str, str]] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def do(self, call: Call) -> Result:
        """Carry the call out."""
        if call.key in self.done:
            self.doubled.append(call.key)
            return Result(call, Told.DONE, id=self.done[call.key])
        if call.action is Action.MOVE:
            if self.stages.get(call.target, call.from_stage) != call.from_stage:
                return Result(call, Told.CONFLICT, "it stands elsewhere")
            name = call.target
        else:
            name = call.new_id or ""
        self.stages[name] = call.to_stage
        self.done[call.key] = name
        self.effects.append((call.tunnel, call.deal, name))
        return Result(call, Told.DONE, id=name)

    def find(self, call: Call) -> Result:
        """Say whether it was carried out."""
        name = self.done.get(call.key)
        return Result(call, Told.NOT_DONE) if name is None else Result(call, Told.DONE, id=name)


def claim(
    w: World, runner: str = "me", *, limit: int = 100, lease: int = LEASE, budget: Budget | None = None
) -> Claimed:
    with w.store.write() as transaction:
        number = revisions.applied(transaction.connection).number
        return claim_calls(transaction, number, w.flow, runner, limit=limit, lease=lease, budget=budget or Budget())


def settle(w: World, results: Sequence[Result], runner: str = "me", *, idempotent: bool = False) -> Settled:
    with w.store.write() as transaction:
        return settle_calls(transaction, w.flow, runner, results, idempotent=idempotent, chance=lambda: 1.0)


def say(w: World, told: Told, **more: object) -> Settled:
    """Claim all that is due and settle it so."""
    claimed = claim(w)
    results = [Result(call, told, **more) for call in (*claimed.to_perform, *claimed.to_find)]  # type: ignore[arg-type]
    return settle(w, results)


def carry(w: World, place: Place, *, limit: int = 100) -> int:
    """Tick and carry out until nothing is left to do now; how many calls were made or looked up."""
    count = 0
    while True:
        w.run()
        claimed = claim(w, limit=limit)
        if not claimed:
            return count
        results = [place.do(call) for call in claimed.to_perform] + [place.find(call) for call in claimed.to_find]
        settle(w, results)
        count += len(results)


def states(w: World) -> list[tuple[str, str, str]]:
    """Tunnel, deal and state of every call."""
    with w.store.read() as connection:
        rows = connection.execute(select(calls.c.tunnel, calls.c.deal, calls.c.state).order_by(calls.c.firing))
        return [(row.tunnel, row.deal, row.state) for row in rows]


def to_read(w: World) -> list[str]:
    with w.store.read() as connection:
        return list(connection.execute(select(rereads.c.deal).order_by(rereads.c.deal)).scalars())
