"""The engine against a plain telling of the semantics: the same deals and the same journal, whatever the batch size.

Random flows (several pipelines, every kind of tunnel, tight budgets) meet random histories: deals made, changed, moved
and deleted by others, time that passes, pauses, retries, and other flows applied. `reference` takes deals one by one;
the engine does the same in batches of 1, of 7 and of 10,000.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from flowrun.calendars.durations import DAY, HOUR, MINUTE, Duration
from flowrun.clock import FixedClock
from flowrun.engine import operate
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.expr import Expression, Names, Template, builtins, parse_condition, parse_template
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal, enum
from flowrun.expr.values import encode
from flowrun.flow.model import (
    Action,
    At,
    Breaker,
    Field,
    Flow,
    Limits,
    Literal,
    Mode,
    Outcome,
    Pipeline,
    Rotate,
    Setting,
    Stage,
    Tunnel,
    UnlessExists,
)
from flowrun.store import deals
from flowrun.store.connection import Store, memory_store
from flowrun.store.revisions import Author
from flowrun.store.tables import firings
from tests.property.reference import Reference

EXAMPLES = int(os.environ.get("FLOWRUN_EXAMPLES", "250"))
SIZES = (1, 7, 10_000)
START = 1_774_602_000_000
"""2026-03-27T10:00+01:00 in Berlin: two days before its clocks change."""

TYPES: dict[str, Type] = {
    "amount": decimal(2),
    "account": TEXT,
    "source": enum("web", "ads"),
    "paid": BOOLEAN,
    "day": DATE,
    "call_at": DATETIME,
    "seats": INTEGER,
    "labels": TAGS,
}
FIELDS = {name: Field(name, type_, False if name == "paid" else None) for name, type_ in TYPES.items()}
VALUES: dict[str, Sequence[Value]] = {
    "title": [None, "x", "y"],
    "owner": [None, "ann"],
    "amount": [None, Decimal("0.50"), Decimal("100.00"), Decimal("9999999999999999.99")],
    "account": [None, "acme", "beta"],
    "source": [None, "web", "ads"],
    "paid": [True, False],
    "day": [None, date(2026, 3, 27), date(2026, 3, 29), date(2026, 10, 25), date(9999, 12, 31)],
    "call_at": [None, START - DAY, START + HOUR, START + 2 * DAY, START + 40 * HOUR],
    "seats": [None, 1, 5],
    "labels": [None, ("vip",), ("a", "vip")],
}
PIPELINES = {"p": ["a", "b", "c"], "q": ["d", "e"], "r": ["f", "g"]}
STAGES = [f"{pipeline}.{stage}" for pipeline, stages in PIPELINES.items() for stage in stages]
NAMES = Names({**builtins(STAGES, list(PIPELINES)), **TYPES}, {})
IDS = [f"d{number}" for number in range(1, 10)]
TUNNELS = [f"t{number}" for number in range(1, 9)]


def _condition(source: str) -> Expression:
    expression, problems = parse_condition(source, NAMES)
    assert expression is not None, problems
    return expression


def _template(name: str, source: str) -> Template:
    template, problems = parse_template(source, NAMES, TYPES.get(name, TEXT))
    assert template is not None, problems
    return template


CONDITIONS = [
    _condition(source)
    for source in (
        "deal.amount >= 100",
        "deal.amount * deal.amount * 2 > 1",
        "deal.paid",
        "not deal.paid",
        "deal.source == 'web'",
        "deal.source != 'web'",
        "deal.account is none",
        "'vip' in deal.labels",
        "deal.day <= today()",
        "deal.title is startingwith('x')",
        "deal.origin is none",
        "deal.stage == 'p.a' or deal.seats > 2",
        "deal.updated_at > deal.entered_at",
    )
]
SETTINGS: list[tuple[str, Setting]] = [
    ("title", _template("title", "C {{ deal.title }}")),
    ("title", Rotate(("x", "y"))),
    ("owner", Rotate(("ann", "bob", "cem"))),
    ("owner", _template("owner", "{{ deal.account }}")),
    ("account", Literal(None)),
    ("account", Literal("acme")),
    ("account", _template("account", "{{ deal.title }}")),
    ("amount", _template("amount", "{{ deal.amount * 2 }}")),
    ("amount", _template("amount", "{{ deal.amount + 1 }}")),
    ("paid", Literal(True)),
    ("paid", Literal(None)),
    ("labels", _template("labels", "{{ deal.labels + ['vip'] }}")),
    ("day", _template("day", "{{ today() }}")),
    ("day", _template("day", "{{ deal.day + days(1) }}")),
    ("call_at", Literal(None)),
    ("source", Literal("ads")),
    ("source", Rotate(("web", "ads"))),
]
AFTER = [
    None,
    Duration(),
    Duration(ms=HOUR),
    Duration(ms=90 * MINUTE),
    Duration(days=1),
    Duration(days=2),
    Duration(days=1, ms=2 * HOUR),
]
AT = [
    At("day", Duration()),
    At("day", Duration(days=-1), 9 * HOUR),
    At("day", Duration(days=1), 2 * HOUR + 30 * MINUTE),
    At("call_at", Duration()),
    At("call_at", Duration(ms=-HOUR)),
    At("call_at", Duration(days=1), 2 * HOUR + 30 * MINUTE),
]


def seldom(strategy: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), st.just(otherwise), strategy)


@st.composite
def tunnels(draw: st.DrawFn, id_: str) -> Tunnel:
    target = draw(st.sampled_from(STAGES))
    sources = draw(st.lists(st.sampled_from([stage for stage in STAGES if stage != target]), min_size=1, max_size=3))
    action = draw(st.sampled_from(Action))
    copies = action is Action.COPY
    origin = not copies and draw(seldom(st.just(True), False))
    given: dict[str, Setting] = dict(draw(st.lists(st.sampled_from(SETTINGS), max_size=3)))
    at = draw(seldom(st.sampled_from(AT), None))
    guard = st.builds(
        UnlessExists,
        st.sampled_from([("account",), ("title", "account"), ("owner",), ("source", "seats")]),
        st.one_of(st.just(target.partition(".")[0]), st.sampled_from(list(PIPELINES))),
        st.booleans(),
    )
    return Tunnel(
        id=id_,
        sources=tuple(stage for stage in STAGES if stage in sources),
        target=target,
        action=action,
        when=draw(st.one_of(st.none(), st.sampled_from(CONDITIONS))),
        watch=draw(seldom(st.just(False), True)),
        after=None if at else draw(st.sampled_from(AFTER)),
        at=at,
        once_per_deal=draw(seldom(st.just(True), False)),
        unless_exists=draw(seldom(guard, None)) if copies else None,
        copies=draw(st.sampled_from([tuple(FIELDS), (), ("account", "source")])) if copies else (),
        set=tuple(given.items()),
        include_existing=draw(seldom(st.just(True), False)),
        breaker=draw(seldom(st.builds(Breaker, st.integers(1, 3), st.sampled_from([HOUR, DAY])), None)),
        mode=draw(st.sampled_from([Mode.LIVE] * 6 + [Mode.SHADOW, Mode.OFF])),
        origin=origin,
        origin_in=draw(seldom(st.lists(st.sampled_from(STAGES), min_size=1, max_size=3).map(tuple), None))
        if origin
        else None,
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    requires = {"q.e": draw(st.sampled_from([(), ("account",)])), "p.b": draw(st.sampled_from([(), ("owner", "day")]))}
    pipelines = {
        id_: Pipeline(
            id_,
            id_,
            tuple(
                Stage(
                    f"{id_}.{short}",
                    short,
                    Outcome.WON if short in {"c", "g"} else None,
                    requires.get(f"{id_}.{short}", ()),
                )
                for short in stages
            ),
        )
        for id_, stages in PIPELINES.items()
    }
    ids = draw(st.lists(st.sampled_from(TUNNELS), min_size=1, max_size=8, unique=True))
    return Flow(
        project="random",
        timezone=draw(st.sampled_from(["Europe/Berlin", "UTC", "America/New_York"])),
        fields=FIELDS,
        pipelines=pipelines,
        tunnels={id_: draw(tunnels(id_)) for id_ in ids},
        limits=Limits(draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.sampled_from([HOUR, DAY]))),
    )


@st.composite
def successors(draw: st.DrawFn, flow: Flow) -> Flow:
    """Another flow: some tunnels changed, added, taken out or put elsewhere. Zone, stages and limits stay."""
    kept = dict(flow.tunnels)
    for id_ in draw(st.lists(st.sampled_from(TUNNELS), min_size=0, max_size=3, unique=True)):
        if id_ not in kept:
            kept[id_] = draw(tunnels(id_))
            continue
        one = kept[id_]
        change = draw(st.sampled_from(["gone", "new", "mode", "existing", "when", "after", "sources"]))
        if change == "gone":
            del kept[id_]
        elif change == "new":
            kept[id_] = draw(tunnels(id_))
        elif change == "mode":
            kept[id_] = replace(one, mode=draw(st.sampled_from(Mode)))
        elif change == "existing":
            kept[id_] = replace(one, include_existing=not one.include_existing)
        elif change == "when":
            kept[id_] = replace(one, when=draw(st.one_of(st.none(), st.sampled_from(CONDITIONS))))
        elif change == "after":
            kept[id_] = replace(one, at=None, after=draw(st.sampled_from(AFTER)))
        else:
            sources = draw(st.lists(st.sampled_from(STAGES), min_size=1, max_size=3))
            some = tuple(stage for stage in STAGES if stage in sources and stage != one.target)
            kept[id_] = replace(one, sources=some or one.sources)
    order = draw(st.one_of(st.just(list(kept)), st.permutations(list(kept))))
    return replace(flow, tunnels={id_: kept[id_] for id_ in order})


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens; `what` names it, `given` are its particulars."""

    what: str
    given: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        """For reading a failure: what is not as usual."""
        return f"{self.what} {', '.join(_brief(value) for value in self.given)}"


def _brief(value: object) -> str:
    if isinstance(value, Flow):
        tunnels_ = [_brief(tunnel) for tunnel in value.tunnels.values()]
        required = {stage.id: stage.requires for stage in value.stages.values() if stage.requires}
        return "\n  ".join([f"{value.timezone} {value.limits} requires {required}", *tunnels_])
    if isinstance(value, Tunnel):
        given_ = {name: setting.text if isinstance(setting, Template) else setting for name, setting in value.set}
        usual = Tunnel(value.id, value.sources, value.target, value.action)
        unusual = [
            f"{name}={getattr(value, name)}"
            for name in Tunnel.__dataclass_fields__
            if name not in {"when", "set"} and getattr(value, name) != getattr(usual, name)
        ]
        when = f"when {value.when.text!r}" if value.when else ""
        return " ".join([value.id, value.action, *value.sources, "→", value.target, when, *unusual, str(given_ or "")])
    return repr({name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, Value]:
    name = draw(st.sampled_from(list(VALUES)))
    return name, draw(st.sampled_from(VALUES[name]))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A flow, and what happens to it and to its deals."""
    flow = draw(flows())
    fields = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()})
    happened = [Event("apply", (flow,))]
    busy = [stage for tunnel in flow.tunnels.values() for stage in tunnel.sources]
    stages = st.sampled_from(STAGES + 3 * busy)
    added = draw(st.lists(st.tuples(st.sampled_from(IDS), stages, fields), min_size=1, max_size=9))
    happened += [Event("add", one) for one in added]
    for _ in range(draw(st.integers(1, 8))):
        what = draw(
            st.sampled_from(
                ["pass", "pass", "pass", "change", "change", "change", "move", "move", "add", "delete"]
                + ["pause", "resume", "resume", "retry", "retry", "apply", "apply", "run"]
            )
        )
        if what == "pass":
            happened.append(Event(what, (draw(st.sampled_from([1, MINUTE, HOUR, 3 * HOUR, DAY, 25 * HOUR, 3 * DAY])),)))
        elif what == "change":
            happened.append(Event(what, (draw(st.integers(0, 20)), *draw(changes()))))
        elif what == "move":
            happened.append(Event(what, (draw(st.integers(0, 20)), draw(stages))))
        elif what == "add":
            happened.append(Event(what, (draw(st.sampled_from(IDS)), draw(stages), draw(fields))))
        elif what == "delete":
            happened.append(Event(what, (draw(st.integers(0, 20)),)))
        elif what in {"pause", "resume"}:
            happened.append(Event(what, (draw(st.sampled_from(list(flow.tunnels) or TUNNELS)),)))
        elif what == "retry":
            happened.append(Event(what, (draw(st.one_of(st.none(), st.integers(0, 20))),)))
        elif what == "apply":
            flow = draw(successors(flow))
            happened.append(Event(what, (flow,)))
        else:
            happened.append(Event(what))
    return [*happened, Event("run")]


Snapshot = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]
"""The deals, in the order of their creation, and the journal."""


class Played:
    """The engine with one batch size, played by the same events as the reference."""

    def __init__(self, size: int) -> None:
        self._store: Store = memory_store(FixedClock(START))
        self._size = size
        self._flow: Flow | None = None

    def close(self) -> None:
        self._store.close()

    def play(self, event: Event, at: int) -> None:
        self._store.clock = FixedClock(at)
        if event.what == "run":
            Runner(self._store, size=self._size).until_idle()
            return
        with self._store.write() as transaction:
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
        return {name: encode(value, TYPES.get(name, TEXT)) for name, value in values.items()}

    def snapshot(self) -> Snapshot:
        assert self._flow is not None
        with self._store.read() as connection:
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


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 250,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(histories())
def compare(happened: list[Event]) -> None:
    done, expected, reference = played_by_reference(happened)
    for size in SIZES:
        played = Played(size)
        try:
            snapshots = iter(expected)
            for event, at in done:
                played.play(event, at)
                if event.what == "run":
                    assert played.snapshot() == next(snapshots), f"in batches of {size}"
        finally:
            played.close()
    FIGURES.update(
        {f"{row.result} {row.reason}" if row.reason else row.result: 1 for row in reference.journal} | {"histories": 1}
    )


def test_the_engine_does_what_the_semantics_say() -> None:
    FIGURES.clear()
    compare()
    print("\n" + ", ".join(f"{what}: {count}" for what, count in FIGURES.most_common()))
