"""Random flows: few stages, few values, tight budgets, and tunnels of every kind and in every combination (also such as
`validate` would warn of).

Stages and fields change their ids in the course of a history (`successors`); what is drawn here is drawn for the flow
that is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from flowrun.calendars.durations import DAY, HOUR, MINUTE, Duration
from flowrun.expr import Expression, Names, Template, builtins, parse_condition, parse_template
from flowrun.expr.types import BOOLEAN, DATE, DATETIME, INTEGER, TAGS, TEXT, Type, Value, decimal, enum
from flowrun.flow.model import (
    BUILTINS,
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

START = 1_774_602_000_000
"""2026-03-27T10:00+01:00 in Berlin: two days before its clocks change."""

TYPES: dict[str, Type] = {
    "amount": decimal(2),
    "account": TEXT,
    "source": enum("web", "ads", "fax"),
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
    "source": [None, "web", "ads", "fax"],
    "paid": [True, False],
    "day": [None, date(2026, 3, 27), date(2026, 3, 29), date(2026, 10, 25), date(9999, 12, 31)],
    "call_at": [None, START - DAY, START + HOUR, START + 2 * DAY, START + 40 * HOUR],
    "seats": [None, 1, 5],
    "labels": [None, ("vip",), ("a", "vip")],
}
PIPELINES = {"p": ["a", "b", "c"], "q": ["d", "e"], "r": ["f", "g"]}
STAGES = [f"{pipeline}.{stage}" for pipeline, stages in PIPELINES.items() for stage in stages]
TUNNELS = [f"t{number}" for number in range(1, 9)]


CONDITIONS = (
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
    "deal.updated_at > deal.entered_at",
    "deal.stage == '{stage}' or deal.seats > 2",
    "deal.pipeline == '{pipeline}'",
)
SETTINGS: list[tuple[str, Setting | str]] = [
    ("title", "C {{ deal.title }}"),
    ("title", Rotate(("x", "y"))),
    ("owner", Rotate(("ann", "bob", "cem"))),
    ("owner", "{{ deal.account }}"),
    ("account", Literal(None)),
    ("account", Literal("acme")),
    ("account", "{{ deal.title }}"),
    ("amount", "{{ deal.amount * 2 }}"),
    ("amount", "{{ deal.amount + 1 }}"),
    ("paid", Literal(True)),
    ("paid", Literal(None)),
    ("labels", "{{ deal.labels + ['vip'] }}"),
    ("day", "{{ today() }}"),
    ("day", "{{ deal.day + days(1) }}"),
    ("call_at", Literal(None)),
    ("source", Literal("ads")),
    ("source", Rotate(("web", "ads"))),
]
"""What `set` may give; a text is a template."""


def first_name(field: str) -> str:
    """The id that a field had at first: its ids are `amount`, `amount_x1`, `amount_x2`, …"""
    return next(name for name in TYPES if field == name or field.startswith(f"{name}_"))


def current_names(flow: Flow) -> dict[str, str]:
    """The fields that the flow has, by the ids that they had at first."""
    return {first_name(id_): id_ for id_ in flow.fields}


def values(flow: Flow) -> dict[str, Sequence[Value]]:
    """What may be set of a deal, with some values."""
    found = {"title": VALUES["title"], "owner": VALUES["owner"]}
    for first, id_ in current_names(flow).items():
        type_ = flow.fields[id_].type
        found[id_] = [value for value in VALUES[first] if value is None or not type_.values or value in type_.values]
    return found


Vocabulary = tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, Type], ...]]


def _vocabulary(flow: Flow) -> Vocabulary:
    """What texts may name: stages, pipelines, and fields with their types."""
    return tuple(flow.stages), tuple(flow.pipelines), tuple((one.id, one.type) for one in flow.fields.values())


@lru_cache(maxsize=100)
def _names(known: Vocabulary) -> Names:
    stages, pipelines, fields = known
    return Names({**builtins(list(stages), list(pipelines)), **dict(fields)}, {})


@lru_cache(maxsize=10_000)
def _condition(source: str, known: Vocabulary) -> Expression:
    expression, problems = parse_condition(source, _names(known))
    assert expression is not None, problems
    return expression


@lru_cache(maxsize=10_000)
def _template(source: str, known: Vocabulary, type_: Type) -> Template:
    template, problems = parse_template(source, _names(known), type_)
    assert template is not None, problems
    return template


def _worded(source: str, flow: Flow) -> str | None:
    """The text with the ids of that flow; None where it is about a field that the flow lacks."""
    known = current_names(flow) | {name: name for name in BUILTINS}
    fields = re.findall(r"deal\.(\w+)", source)
    if not known.keys() >= set(fields):
        return None
    text = re.sub(r"deal\.(\w+)", lambda found: f"deal.{known[found[1]]}", source)
    return text.replace("{stage}", next(iter(flow.stages))).replace("{pipeline}", next(iter(flow.pipelines)))


def conditions(flow: Flow) -> list[Expression]:
    """The conditions that make sense with that flow."""
    known = _vocabulary(flow)
    return [_condition(text, known) for source in CONDITIONS if (text := _worded(source, flow)) is not None]


def settings(flow: Flow) -> list[tuple[str, Setting]]:
    """What `set` may give in that flow."""
    found: list[tuple[str, Setting]] = []
    known = current_names(flow) | {"title": "title", "owner": "owner"}
    for first, setting in SETTINGS:
        name = known.get(first)
        if name is None:
            continue
        if isinstance(setting, str):
            text = _worded(setting, flow)
            type_ = flow.fields[name].type if name in flow.fields else TEXT
            if text is not None:
                found.append((name, _template(text, _vocabulary(flow), type_)))
        else:
            found.append((name, setting))
    return found


AFTER = [
    None,
    Duration(),
    Duration(ms=HOUR),
    Duration(ms=90 * MINUTE),
    Duration(days=1),
    Duration(days=2),
    Duration(days=1, ms=2 * HOUR),
]
SAME = [("account",), ("account",), ("account",), ("title", "account"), ("owner",), ("source", "seats")]
AT = [
    At("day", Duration()),
    At("day", Duration(days=-1), 9 * HOUR),
    At("day", Duration(days=1), 2 * HOUR + 30 * MINUTE),
    At("call_at", Duration()),
    At("call_at", Duration(ms=-HOUR)),
    At("call_at", Duration(days=1), 2 * HOUR + 30 * MINUTE),
]


def _moments(flow: Flow) -> list[At]:
    known = current_names(flow)
    return [replace(at, field=known[at.field]) for at in AT if at.field in known]


def seldom(strategy: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(otherwise), st.just(otherwise), strategy)


@st.composite
def tunnels(draw: st.DrawFn, id_: str, flow: Flow) -> Tunnel:
    stages, known = list(flow.stages), current_names(flow) | {"title": "title", "owner": "owner"}
    target = draw(st.sampled_from(stages))
    sources = draw(st.lists(st.sampled_from([stage for stage in stages if stage != target]), min_size=1, max_size=3))
    action = draw(st.sampled_from(Action))
    copies = action is Action.COPY
    origin = not copies and draw(seldom(st.just(True), False))
    given: dict[str, Setting] = dict(draw(st.lists(st.sampled_from(settings(flow)), max_size=3)))
    moments = _moments(flow)
    at = draw(seldom(st.sampled_from(moments), None)) if moments else None
    some = tuple(known[name] for name in ("account", "source") if name in known)
    guard = st.builds(
        UnlessExists,
        st.sampled_from([tuple(known[name] for name in same) for same in SAME if known.keys() >= set(same)]),
        st.one_of(st.just(target.partition(".")[0]), st.sampled_from(list(flow.pipelines))),
        st.booleans(),
    )
    return Tunnel(
        id=id_,
        sources=tuple(stage for stage in stages if stage in sources),
        target=target,
        action=action,
        when=draw(st.one_of(st.none(), st.none(), st.sampled_from(conditions(flow)))),
        watch=draw(seldom(st.just(False), True)),
        after=None if at else draw(st.one_of(st.none(), st.sampled_from(AFTER))),
        at=at,
        once_per_deal=draw(seldom(st.just(True), False)),
        unless_exists=draw(st.one_of(guard, guard, st.none())) if copies else None,
        copies=draw(st.sampled_from([tuple(flow.fields), (), some])) if copies else (),
        set=tuple(given.items()),
        include_existing=draw(seldom(st.just(True), False)),
        breaker=draw(seldom(st.builds(Breaker, st.integers(1, 3), st.sampled_from([HOUR, DAY])), None)),
        mode=draw(st.sampled_from([Mode.LIVE] * 6 + [Mode.SHADOW, Mode.OFF])),
        origin=origin,
        origin_in=draw(seldom(st.lists(st.sampled_from(stages), min_size=1, max_size=3).map(tuple), None))
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
    flow = Flow(
        project="random",
        timezone=draw(st.sampled_from(["Europe/Berlin", "UTC", "America/New_York"])),
        fields=FIELDS,
        pipelines=pipelines,
        limits=Limits(draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.sampled_from([HOUR, DAY]))),
    )
    return replace(flow, tunnels={id_: draw(tunnels(id_, flow)) for id_ in ids})
