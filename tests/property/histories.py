"""Random flows and what happens to them: the material of `test_engine`.

Small worlds where things meet: few stages, few values, tight budgets, tunnels of every kind and in every combination
(also such as `validate` would warn of), histories in which deals, people, time and revisions take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from flowrun.calendars.durations import DAY, HOUR, MINUTE, Duration
from flowrun.expr import Expression, Names, Template, builtins, parse_condition, parse_template
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal, enum
from flowrun.flow.model import (
    Action,
    At,
    Breaker,
    Field,
    Flow,
    Limits,
    Literal,
    Mode,
    Moved,
    Outcome,
    Pipeline,
    Rotate,
    Setting,
    Stage,
    Tunnel,
    UnlessExists,
)

HAPPENS = ("pass", "change", "move", "add", "delete", "pause", "resume", "retry", "apply", "run")
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
    "account": ["acme", "acme", "beta", None],
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
        st.sampled_from(
            [("account",), ("account",), ("account",), ("title", "account"), ("owner",), ("source", "seats")]
        ),
        st.one_of(st.just(target.partition(".")[0]), st.sampled_from(list(PIPELINES))),
        st.booleans(),
    )
    return Tunnel(
        id=id_,
        sources=tuple(stage for stage in STAGES if stage in sources),
        target=target,
        action=action,
        when=draw(st.one_of(st.none(), st.none(), st.sampled_from(CONDITIONS))),
        watch=draw(seldom(st.just(False), True)),
        after=None if at else draw(st.one_of(st.none(), st.sampled_from(AFTER))),
        at=at,
        once_per_deal=draw(seldom(st.just(True), False)),
        unless_exists=draw(st.one_of(guard, guard, st.none())) if copies else None,
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
    ids = draw(st.lists(st.sampled_from(TUNNELS), min_size=3, max_size=8, unique=True))
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
    moved: tuple[Moved, ...] = ()
    for id_ in draw(st.lists(st.sampled_from(TUNNELS), min_size=0, max_size=3, unique=True)):
        if id_ not in kept:
            kept[id_] = draw(tunnels(id_))
            continue
        one = kept[id_]
        change = draw(st.sampled_from(["gone", "new", "rename", "mode", "existing", "when", "after", "sources"]))
        if change == "gone":
            del kept[id_]
        elif change == "new":
            kept[id_] = draw(tunnels(id_))
        elif change == "rename":
            new = draw(st.sampled_from(TUNNELS))
            if new not in kept:
                kept[new] = replace(kept.pop(id_), id=new)
                moved = (*moved, Moved("tunnel", id_, new))
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
    return replace(flow, tunnels={id_: kept[id_] for id_ in order}, moved=moved)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens; `what` names it, `given` are its particulars."""

    what: str
    given: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        """For reading a failure: what is not as usual."""
        return f"{self.what} {', '.join(_brief(value) for value in self.given)}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


def _brief(value: object) -> str:
    if isinstance(value, Flow):
        tunnels_ = [_brief(tunnel) for tunnel in value.tunnels.values()]
        required = {stage.id: stage.requires for stage in value.stages.values() if stage.requires}
        return "\n  ".join([f"{value.timezone} {value.limits} requires {required} {value.moved or ''}", *tunnels_])
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
    stages = st.one_of(st.sampled_from(busy), st.sampled_from(busy), st.sampled_from(STAGES))
    added = draw(st.lists(st.tuples(st.sampled_from(IDS), stages, fields), min_size=3, max_size=9))
    happened += [Event("add", one) for one in added]
    for _ in range(draw(st.integers(3, 10))):
        what = draw(st.sampled_from([*HAPPENS, "pass", "pass", "change", "change", "move", "resume", "retry", "apply"]))
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
