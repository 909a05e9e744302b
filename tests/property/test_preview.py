"""The preview is true: what it says would fire is what then fires, deal by deal, and so is what then waits.

Random stores (a flow, deals, and what happened to them) meet random other flows. Each is previewed, then really
applied and run until idle at the same instant; and the store is also run without it, for what is due anyway.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import or_, select

from flowrun.calendars.durations import HOUR, Duration
from flowrun.clock import FixedClock
from flowrun.engine.guards import Beyond, guards
from flowrun.engine.live import Again, apply_flow
from flowrun.engine.pending import pending
from flowrun.engine.preview import Question, previewed
from flowrun.engine.rules import Rules
from flowrun.engine.runner import Runner
from flowrun.flow.model import Flow, Mode, Reason
from flowrun.plan import Figure, renames
from flowrun.store import journal, revisions
from flowrun.store.connection import Store, memory_store, refill
from flowrun.store.revisions import Author
from flowrun.store.tables import deals_table, tunnels
from tests.postgres import Databases
from tests.property.histories import IDS, Event, changes, fields_of, histories, stages_of
from tests.property.random_flows import AFTER
from tests.property.successors import successors
from tests.property.test_engine import Played, played_by_reference, remembered_rules
from tests.slates import Slates

CASES = int(os.environ.get("FLOWRUN_PREVIEWS", "2000"))
CASES_THERE = int(os.environ.get("FLOWRUN_PREVIEWS_POSTGRES", "25"))
"""On PostgreSQL."""
SHARDS = 4
"""Tests that share the cases, for several processes."""
PER_STORE = 10
"""Flows that each random store is previewed with."""

OFFSETS = [Duration(), Duration(ms=HOUR), Duration(ms=-HOUR), Duration(days=1), Duration(days=-1)]
FIGURES: Counter[str] = Counter()
Fired = tuple[str, int, str, bool, str, str, str, str | None, str | None]
Waits = dict[tuple[str, int, str], int]


def fired(rows: Sequence[journal.Firing]) -> set[Fired]:
    return {
        (r.deal, r.entry, r.tunnel, r.result == "shadow", r.result, r.from_stage, r.to_stage, r.target, r.reason)
        for r in rows
    }


class Real:
    """A copy of the store on which things really happen."""

    store: Store

    def begin(self, store: Store, at: int) -> None:
        """Become a copy of that store."""
        self.become(store)
        self.store.clock = FixedClock(at)
        with self.store.read() as connection:
            self._before = {(r.deal, r.entry, r.tunnel, r.result) for r in journal.firings(connection)}

    def become(self, store: Store) -> None:
        """Have what that store has."""
        raise NotImplementedError

    def go_on(self) -> set[Fired]:
        """Run until idle; what fired."""
        return fired([r for r in self._run() if (r.deal, r.entry, r.tunnel, r.result) not in self._before])

    def apply(self, flow: Flow) -> set[Fired]:
        """Apply the flow and run until idle; what fired."""
        with self.store.write() as transaction:
            number = apply_flow(transaction, flow, {}, Author())
        return fired([r for r in self._run() if r.revision == number])

    def _run(self) -> list[journal.Firing]:
        Runner(self.store, size=10_000).until_idle()
        with self.store.read() as connection:
            return list(journal.firings(connection))

    def waits(self) -> Waits:
        """What waits for time, by deal, entry and tunnel."""
        deals = deals_table(None)
        with self.store.read() as connection:
            entries = dict(connection.execute(select(deals.c.id, deals.c.entry)).all())
        return {
            (one.deal, entries[one.deal], one.tunnel): one.due_at
            for one in pending(self.store).waits
            if one.due_at is not None and one.waits_for is not Reason.CONDITION
        }


class InMemory(Real):
    """One in memory, like the store itself."""

    def __init__(self) -> None:
        self.store = memory_store(FixedClock(0))

    def become(self, store: Store) -> None:
        with store.read() as connection:
            refill(self.store, connection)


class OnServer(Real):
    """One on PostgreSQL, in the database of the store itself."""

    def __init__(self, slates: Slates) -> None:
        self._slates = slates
        self.store = slates.another()

    def become(self, store: Store) -> None:
        self._slates.copy(store, self.store)


@dataclass(frozen=True)
class Reals:
    """A store of one kind, to which all happens that happened (`new`), and two to which what is asked about does."""

    new: Callable[[], Played]
    without: Real
    with_plan: Real


IN_MEMORY = Reals(lambda: Played(10_000), InMemory(), InMemory())


@dataclass(frozen=True)
class Alone:
    """What happens in a store without a plan: what fires, and what waits then."""

    fired: set[Fired]
    waits: Waits


def alone(reals: Reals, store: Store, at: int) -> Alone:
    """What happens in that store without a plan."""
    reals.without.begin(store, at)
    return Alone(reals.without.go_on(), reals.without.waits())


def check(reals: Reals, store: Store, at: int, flow: Flow, without: Alone) -> None:
    """The preview of that flow, against what happens with it and without it."""
    with_plan = reals.with_plan
    store.clock = FixedClock(at)
    with store.read() as connection:
        base = revisions.applied(connection)
    with previewed(store, base, flow, Question(samples=1_000)) as preview:
        impact, planned = preview.impact(), fired(preview.firings())
    with_plan.begin(store, at)
    happened = with_plan.apply(flow)
    assert planned == happened
    names = renames(base.flow, flow).tunnels
    due = {(deal, entry, names.get(tunnel, tunnel), *rest) for deal, entry, tunnel, *rest in without.fired}
    waited = {(deal, entry, names.get(t, t)): at for (deal, entry, t), at in without.waits.items()}
    waits = with_plan.waits()
    for tunnel, effect in impact.tunnels.items():
        mine = {row for row in happened if row[2] == tunnel and row[4] in {"fired", "shadow"}}
        same = {(row[0], row[1], row[4]) for row in due if row[2] == tunnel}
        assert effect[Figure.NOW] == len(mine)
        assert effect[Figure.ALREADY_DUE] == sum((row[0], row[1], row[4]) in same for row in mine)
        new = {key for key in waits.keys() - waited.keys() if key[2] == tunnel}
        assert effect[Figure.NEWLY_WAITING] == len(new), tunnel
        retimed = {key for key in waits.keys() & waited.keys() if key[2] == tunnel and waits[key] != waited[key]}
        assert effect[Figure.RETIMED] == len(retimed), tunnel
        shifts = [waits[key] - waited[key] for key in retimed]
        assert effect.later == ((min(shifts), max(shifts)) if shifts else None)
        named = effect.samples.get(Figure.WAITING, ())
        assert {key[0] for key in waits if key[2] == tunnel} >= set(named)
        FIGURES.update({str(figure): count for figure, count in effect.counts.items() if count})
    live = [id_ for id_, tunnel in flow.tunnels.items() if tunnel.mode is Mode.LIVE]
    moved = {row for row in happened if row[4] == "fired" and flow.tunnels[row[2]].action == "move"}
    copied = {row for row in happened if row[4] == "fired" and flow.tunnels[row[2]].action == "copy"}
    assert (impact.moved, impact.copied) == (len({row[7] for row in moved}), len(copied)), live
    cancelled = _cancelled(store, with_plan.store, waited, waits, happened)
    for tunnel, effect in impact.tunnels.items():
        assert effect[Figure.CANCELLED] == sum(key[2] == tunnel for key in cancelled), tunnel
    FIGURES.update(cases=1)


def _cancelled(
    store: Store, after: Store, waited: Waits, waits: Waits, happened: set[Fired]
) -> set[tuple[str, int, str]]:
    """What waits in entries that there are already, and neither waits nor has come to pass after the plan.

    What a paused or tripped tunnel waited for may be due by then, and held.
    """
    deals = deals_table(None)
    with store.read() as connection:
        entries = dict(connection.execute(select(deals.c.id, deals.c.entry)).all())
    passed = {(row[0], row[1], row[2]) for row in happened}
    gone = waited.keys() - waits.keys() - passed
    with after.read() as connection:
        waiting = or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None))
        held = set(connection.execute(select(tunnels.c.id).where(waiting)).scalars())
    return {key for key in gone if entries.get(key[0]) == key[1] and key[2] not in held}


@st.composite
def other_times(draw: st.DrawFn, flow: Flow) -> Flow:
    """The same flow, with other times of the tunnels that wait."""
    other = dict(flow.tunnels)
    for id_, one in flow.tunnels.items():
        if one.at is not None:
            other[id_] = replace(one, at=replace(one.at, offset=draw(st.sampled_from(OFFSETS))))
        elif one.after is not None and not one.after.zero:
            other[id_] = replace(one, after=draw(st.sampled_from([after for after in AFTER if after is not None])))
    return replace(flow, tunnels=other)


@st.composite
def stores(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """What happened to a store, the last of it perhaps without a runner, and the flows that it may get now."""
    happened = draw(histories())
    flow = [event for event in happened if event.what == "apply"][-1].given[0]
    if draw(st.booleans()):
        at = st.integers(0, 20)
        last = st.one_of(
            st.builds(lambda *given: Event("move", given), at, stages_of(flow)),
            st.builds(lambda number, change: Event("change", (number, *change)), at, changes(flow)),
            st.builds(lambda *given: Event("add", given), st.sampled_from(IDS), stages_of(flow), fields_of(flow)),
        )
        happened += draw(st.lists(last, min_size=1, max_size=6))
    flows = st.one_of(successors(flow), other_times(flow))
    previews = st.lists(flows, min_size=PER_STORE, max_size=PER_STORE)
    return happened, [Event("preview", (one,)) for one in draw(previews)]


def compare(cases: int, shard: int, reals: Reals = IN_MEMORY) -> None:
    """Preview that many plans; each shard has others."""

    @seed(shard)
    @settings(
        max_examples=math.ceil(cases / PER_STORE),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(stores())
    def all_of(case: tuple[list[Event], list[Event]]) -> None:
        happened, flows = case
        done, _, reference = played_by_reference(happened)
        played = reals.new()
        try:
            for event, at in done:
                played.play(event, at)
            without = alone(reals, played.store, reference.now)
            for flow in flows:
                check(reals, played.store, reference.now, flow.given[0], without)
        finally:
            played.close()

    all_of()


def rules_beside(revision: int, flow: Flow, beyond: Beyond) -> Rules:
    """`rules_of`, of which only the guards look beyond the store."""
    rules = remembered_rules(revision, flow)
    return replace(rules, guards=guards(flow, rules.order, beyond))


@pytest.fixture(autouse=True)
def compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling is most of a short preview's time."""
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered_rules)
    monkeypatch.setattr("flowrun.engine.future.rules_of", rules_beside)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_what_the_preview_says_is_what_happens(shard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if shard % 2:
        monkeypatch.setattr("flowrun.engine.concern.FEW", 0)
    FIGURES.clear()
    compare(CASES // SHARDS, shard)
    print("\n" + ", ".join(f"{what}: {count}" for what, count in FIGURES.most_common()))
    assert FIGURES["cases"] >= CASES // SHARDS
    assert not [figure for figure in Figure if FIGURES[figure] < CASES / SHARDS / 100], "plans that do too little"


def test_so_it_is_on_postgresql(fast_postgres_server: Databases) -> None:
    FIGURES.clear()
    with fast_postgres_server.fresh() as database, Slates(database) as slates:
        store = slates.another()

        def new() -> Played:
            slates.wipe(store)
            return Played(10_000, store)

        compare(CASES_THERE, SHARDS, Reals(new, OnServer(slates), OnServer(slates)))
    print("\n" + ", ".join(f"{what}: {count}" for what, count in FIGURES.most_common()))
    assert FIGURES["cases"] >= CASES_THERE
    assert FIGURES[str(Figure.NOW)] > CASES_THERE / 20


MUTANTS = {
    "deals are left out for which a tunnel would do something": ("concern._add_finding", lambda *_: None),
    "deals that apply looks at again are not copied": ("concern.looked_at_again", lambda *_: Again()),
    "what is due anyway is not played": ("preview.future.is_awake", lambda *_: False),
}


@pytest.mark.parametrize(("where", "instead"), MUTANTS.values(), ids=MUTANTS)
def test_a_preview_that_is_not_true_is_caught(where: str, instead: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrun.engine.concern.FEW", 0)
    monkeypatch.setattr(f"flowrun.engine.{where}", instead)
    with pytest.raises(AssertionError):
        compare(CASES // SHARDS, SHARDS - 1)
