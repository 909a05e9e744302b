"""A source that loses answers, and runners that die in a call or come back late: nothing twice, nothing lost."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from flowrun.engine.calls import Call
from flowrun.engine.settlement import Result, Told
from tests.unit.engine.elsewhere import Place, claim, settle, states, world_away
from tests.unit.engine.kit import World, world

DEALS = int(os.environ.get("FLOWRUN_OUTGOING_DEALS", "12"))
SEEDS = int(os.environ.get("FLOWRUN_OUTGOING_SEEDS", "2"))
WRITES = int(os.environ.get("FLOWRUN_OUTGOING_WRITES", "1000"))
LEASE = 60_000

TUNNELS = """
c: {from: sales.new, to: care.kickoff, action: copy, set: {title: "For {{ deal.id }}"}}
g:
  from: care.kickoff
  to: care.live
  action: copy
  set: {title: "only {{ deal.account }}"}
  unless_exists: {same: [title], open: false}
o: {from: care.kickoff, to: sales.lost, action: move, which: origin, when: deal.paid}
m: {from: sales.new, to: sales.won, action: move, when: not deal.paid, set: {owner: ann}}
"""
"""Whatever the order in which calls are settled, the same comes of it: of each account one copy of a copy."""


class Fickle(Place):
    """A tenth of the answers is lost though it happened, a tenth because it didn't; a tenth is put off."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def do(self, call: Call) -> Result:
        turn = self._chance.random()
        if turn < 0.1:
            super().do(call)
            return Result(call, Told.UNKNOWN, "timed out")
        if turn < 0.2:
            return Result(call, Told.UNKNOWN, "timed out")
        if turn < 0.3:
            return Result(call, self._chance.choice([Told.LATER, Told.NOT_DONE]), "busy")
        return super().do(call)

    def find(self, call: Call) -> Result:
        return Result(call, Told.UNKNOWN, "can't tell") if self._chance.random() < 0.3 else super().find(call)


def carried(w: World, place: Place, chance: random.Random) -> None:
    """Runners carry out what there is, forget it, or come back when nobody waits for them any more."""
    late: list[tuple[str, list[Result]]] = []
    number = 0
    w.run()
    while True:
        number += 1
        runner = f"runner {number}"
        claimed = claim(w, runner, limit=chance.randint(1, 8), lease=LEASE)
        results = [place.do(call) for call in claimed.to_perform] + [place.find(call) for call in claimed.to_find]
        match chance.random():
            case turn if turn < 0.15:
                pass  # killed before it could say so
            case turn if turn < 0.3:
                late.append((runner, results))
            case _:
                settle(w, results, runner)
        if late and chance.random() < 0.3:
            then, old = late.pop(0)
            settle(w, old, then)
        w.run()
        if not any(state != "parked" for _, _, state in states(w)) and not late:
            if not states(w):
                return
            w.retry()
        w.later(f"{chance.randint(0, 90)}s")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_done_twice_and_nothing_is_lost_whatever_becomes_of_answers_and_runners(seed: int) -> None:
    chance = random.Random(seed)
    here, there = world(TUNNELS), world_away(TUNNELS)
    for w in (here, there):
        for at in range(DEALS):
            w.add(f"d{at}", account=f"a{at % 5}", paid=at % 3 == 0)
    here.run()
    place = Fickle(chance)
    carried(there, place, chance)
    assert place.doubled == []
    assert len(place.effects) == len(there.fired())
    assert sum(tunnel == "g" for tunnel, _ in there.fired()) == 5
    assert outcome(there) == outcome(here)
    assert {deal.id: deal.stage for deal in there.deals() if deal.id in place.stages} == place.stages


def outcome(w: World) -> tuple[object, ...]:
    """All that came of it, but for which deal of an account was copied."""
    deals = sorted((deal.stage, deal.fields["account"], deal.owner or "", deal.entry) for deal in w.deals())
    return deals, Counter((tunnel, result) for tunnel, _, result in w.results())


class Forgetful(Place):
    """A tenth of the answers is lost though it happened; a look-up fails now and then."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def do(self, call: Call) -> Result:
        done = super().do(call)
        return Result(call, Told.UNKNOWN, "timed out") if self._chance.random() < 0.1 else done

    def find(self, call: Call) -> Result:
        return Result(call, Told.UNKNOWN, "can't tell") if self._chance.random() < 0.1 else super().find(call)


@pytest.mark.sqlite
def test_of_a_tenth_of_all_answers_that_are_lost_none_is_done_twice_none_lost_and_next_to_none_parked() -> None:
    w = world_away("m: {from: sales.new, to: sales.docs, action: move, set: {owner: ann}}")
    w.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
        "INSERT INTO deals (id, stage) SELECT 'd' || i, 'sales.new' FROM n",
        count=WRITES,
    )
    place = Forgetful(random.Random(7))
    w.run()
    parked = 0
    while any(state != "parked" for _, _, state in states(w)):
        claimed = claim(w, limit=1_000)
        results = [place.do(call) for call in claimed.to_perform] + [place.find(call) for call in claimed.to_find]
        parked += settle(w, results).count("parked")
        w.later("5m")
    assert (place.doubled, len(place.effects)) == ([], WRITES)
    assert parked <= WRITES / 1_000
    assert len(w.fired()) == WRITES - parked
