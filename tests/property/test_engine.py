"""The engine against a plain telling of the semantics: the same deals and the same journal, whatever the batch size.

Random flows (several pipelines, every kind of tunnel, tight budgets) meet random histories: deals made, changed, moved
and deleted by others, time that passes, pauses, retries, and other flows applied, with stages, pipelines and fields
that are renamed, merged, removed and brought back. `reference` takes deals one by one;
the engine does the same in batches of 1, of 7 and of 10,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from sqlalchemy import select, text

from flowrun.clock import FixedClock
from flowrun.engine import operate
from flowrun.engine.live import apply_flow
from flowrun.engine.rules import Rules, rules_of
from flowrun.engine.runner import Runner
from flowrun.expr.types import TEXT, Value
from flowrun.expr.values import encode
from flowrun.flow.codec import dumps
from flowrun.flow.model import Flow
from flowrun.store import deals
from flowrun.store.connection import Store, memory_store
from flowrun.store.revisions import Author
from flowrun.store.tables import firings
from tests.postgres import Databases
from tests.property.histories import Event, histories
from tests.property.random_flows import START
from tests.property.reference import Reference
from tests.slates import Slates

_USUAL = 200
_SEED = int(os.environ.get("FLOWRUN_SEED", "64"))
"""With this one the usual number of histories has each of the rare things in it."""
EXAMPLES = int(os.environ.get("FLOWRUN_EXAMPLES", str(_USUAL)))
SIZES = (1, 7, 10_000)
Snapshot = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]
"""The deals, in the order of their creation, and the journal."""


class Played:
    """The engine with one batch size, played by the same events as the reference."""

    def __init__(self, size: int, store: Store | None = None) -> None:
        """In memory, or in an empty store that is somebody's to close."""
        self.store = memory_store(FixedClock(START)) if store is None else store
        self.store.clock = FixedClock(START)
        self._own = store is None
        self._size = size
        self._flow: Flow | None = None

    def close(self) -> None:
        if self._own:
            self.store.close()

    def play(self, event: Event, at: int) -> None:
        self.store.clock = FixedClock(at)
        if event.what == "run":
            Runner(self.store, size=self._size).until_idle()
            return
        with self.store.write(alone=event.what == "apply") as transaction:
            execute = transaction.connection.execute
            match event.what, *event.given:
                case "apply", flow:
                    self._flow = flow
                    apply_flow(transaction, flow, {}, Author())
                case "add", id_, stage, values:
                    row = {"id": id_, "stage": stage, **self._stored(values)}
                    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
                    execute(text(f"INSERT INTO deals ({names}) VALUES ({marks})"), row)
                case "change", id_, name, value:
                    execute(
                        text(f"UPDATE deals SET {name} = :value WHERE id = :id"),
                        {"value": self._stored({name: value})[name], "id": id_},
                    )
                case "move", id_, stage:
                    execute(text("UPDATE deals SET stage = :stage WHERE id = :id"), {"stage": stage, "id": id_})
                case "delete", id_:
                    execute(text("DELETE FROM deals WHERE id = :id"), {"id": id_})
                case "pause", tunnel:
                    operate.pause(transaction, tunnel)
                case "resume", tunnel:
                    operate.resume(transaction, tunnel)
                case "retry", id_:
                    operate.retry(transaction, id_)

    def _stored(self, values: dict[str, Value]) -> dict[str, object]:
        fields = {} if self._flow is None else self._flow.fields
        return {name: encode(value, fields[name].type if name in fields else TEXT) for name, value in values.items()}

    def snapshot(self) -> Snapshot:
        assert self._flow is not None
        with self.store.read() as connection:
            found = list(deals.listing(connection, self._flow, deals.Selection()))
            rows = connection.execute(select(firings).order_by(firings.c.fired_at, firings.c.seq)).all()
        return (
            [
                (
                    deal.id,
                    deal.stage,
                    {"title": deal.title, "owner": deal.owner, **deal.fields},
                    deal.entry,
                    deal.entered_at,
                    deal.created_at,
                    deal.updated_at,
                    deal.origin,
                    deal.origin_tunnel,
                )
                for deal in found
            ],
            [tuple(row._mapping[name] for name in JOURNAL) for row in rows],
        )


JOURNAL = (
    *("tunnel", "deal", "entry", "action", "from_stage", "to_stage", "result", "target"),
    *("due_at", "fired_at", "revision", "reason", "shadow"),
)


def reference_snapshot(reference: Reference) -> Snapshot:
    return (
        [
            (
                deal.id,
                deal.stage,
                dict(deal.values),
                deal.entry,
                deal.entered_at,
                deal.created_at,
                deal.updated_at,
                deal.origin,
                deal.origin_tunnel,
            )
            for deal in sorted(reference.deals.values(), key=lambda deal: deal.made)
        ],
        [tuple(getattr(row, name) for name in JOURNAL) for row in reference.story()],
    )


def played_by_reference(happened: Sequence[Event]) -> tuple[list[tuple[Event, int]], list[Snapshot], Reference]:
    """The events as they can happen (an index becomes the id of a deal that is there), and what they lead to."""
    reference = Reference(START)
    done: list[tuple[Event, int]] = []
    snapshots: list[Snapshot] = []
    does: dict[str, Callable[..., None]] = {
        what: getattr(reference, what)
        for what in ("apply", "add", "change", "move", "delete", "pause", "resume", "retry")
    }
    for event in happened:
        what, given_ = event.what, event.given
        if what == "pass":
            reference.now += given_[0]
            what, given_ = "run", ()
        if given_ and isinstance(given_[0], int):
            if not reference.deals:
                continue
            given_ = (list(reference.deals)[given_[0] % len(reference.deals)], *given_[1:])
        if what == "add" and given_[0] in reference.deals:
            continue
        if what in {"pause", "resume"} and given_[0] not in reference.flow.tunnels:
            continue
        if what != "run":
            does[what](*given_)
            done.append((Event(what, given_), reference.now))
        if what in {"run", "apply"}:
            reference.run()
            done.append((Event("run"), reference.now))
            snapshots.append(reference_snapshot(reference))
    return done, snapshots, reference


FIGURES: Counter[str] = Counter()


usual = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@seed(_SEED)
@usual
@given(histories())
def compare(happened: list[Event]) -> None:
    agree(happened, Played)


def agree(happened: list[Event], new: Callable[[int], Played], sizes: Sequence[int] = SIZES) -> None:
    """Play that history, and see that the engine comes to what the reference comes to; `new` makes it an empty store,
    for batches of a size."""
    done, expected, reference = played_by_reference(happened)
    for size in sizes:
        played = new(size)
        try:
            snapshots = iter(expected)
            for event, at in done:
                played.play(event, at)
                if event.what == "run":
                    assert played.snapshot() == next(snapshots), f"in batches of {size}"
        finally:
            played.close()
    FIGURES.update(
        {f"{row.result} {row.reason}" if row.reason else row.result: 1 for row in reference.journal}
        | {what: 1 for what, count in reference.seen.items() if count}
        | {f"{moved.kind} moved": 1 for event, _ in done if event.what == "apply" for moved in event.given[0].moved}
        | {"histories": 1}
    )


def figures() -> str:
    return ", ".join(f"{what}: {count}" for what, count in FIGURES.most_common())


_COMPILED: dict[tuple[int, str], Rules] = {}


def remembered_rules(revision: int, flow: Flow, *, live: bool = False) -> Rules:
    """`rules_of`, once for all batch sizes, and for a scratch and the store: compiling is most of a short history's
    time."""
    assert not flow.source.elsewhere
    key = revision, dumps(flow)
    if key not in _COMPILED:
        if len(_COMPILED) > 50:
            _COMPILED.clear()
        _COMPILED[key] = rules_of(revision, flow, live=True)
    return _COMPILED[key] if live else replace(_COMPILED[key], noting=None)


def test_the_engine_does_what_the_semantics_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered_rules)
    FIGURES.clear()
    compare()
    print(f"\n{figures()}")
    common = ("fired", "shadow", "exists exists", "declined origin", "declined judged", "parked hops", "stage moved")
    rare = (
        *("parked copies", "pipeline moved", "tunnel moved", "field moved"),
        *("deals relocated", "deals of a stage with later live dates", "values that came back"),
        "values that their enum lost",
    )
    assert FIGURES["fired"] > EXAMPLES / 2
    assert not [what for what in common if FIGURES[what] < EXAMPLES / 100], "histories in which too little happens"
    assert EXAMPLES < _USUAL or not [what for what in rare if not FIGURES[what]], "rare things that never happen"


FEW = 40
CASES_THERE = int(os.environ.get("FLOWRUN_EXAMPLES_POSTGRES", str(FEW)))
"""On PostgreSQL a history takes a hundred times as long: one size of batches for a few, all for many."""


def test_the_engine_does_what_the_semantics_say_on_postgresql(
    fast_postgres_server: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered_rules)
    FIGURES.clear()
    with fast_postgres_server.fresh() as database, Slates(database) as slates:
        store = slates.another()

        def new(size: int) -> Played:
            slates.wipe(store)
            return Played(size, store)

        @seed(_SEED)
        @settings(usual, max_examples=CASES_THERE)
        @given(histories())
        def compare_there(happened: list[Event]) -> None:
            agree(happened, new, SIZES if CASES_THERE > FEW else SIZES[1:2])

        compare_there()
    print(f"\n{figures()}")
    assert FIGURES["fired"] > CASES_THERE / 4
