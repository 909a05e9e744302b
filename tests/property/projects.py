"""Small projects as objects that refer to each other, so that a renaming is one assignment, and their plain data.

What an edit must come to is told by these objects alone: they know nothing of files, places or references.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.property.commented import Data

Ref = Callable[[], str]
"""A name that is asked for when it is written."""
Loose = "str | Ref | None | list[Loose] | dict[str | Ref, Loose]"
"""Plain data with such names in it, as values and as keys."""

WORDS = ["new", "docs", "won", "lost", "call", "on", "y", "off-1", "a_b", "setup", "live", "no", "null-1", "true"]


@dataclass(eq=False)
class Stage:
    id: str
    pipeline: Pipeline
    keys: dict[str, object] = field(default_factory=dict)

    def __call__(self) -> str:
        return f"{self.pipeline.id}.{self.id}"

    def written(self) -> Data:
        return plain({"id": self.id, **self.keys}) if self.keys else self.id


@dataclass(eq=False)
class Pipeline:
    id: str
    file: str
    keys: dict[str, object] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)

    def __call__(self) -> str:
        return self.id

    def any_stage(self) -> str:
        return f"{self.id}.*"


@dataclass(eq=False)
class Tunnel:
    id: str
    file: str
    keys: dict[str, object] = field(default_factory=dict)

    def __call__(self) -> str:
        return self.id


@dataclass
class Project:
    files: list[str]
    pipelines: list[Pipeline] = field(default_factory=list)
    tunnels: list[Tunnel] = field(default_factory=list)
    moved: list[tuple[str, object, object]] = field(default_factory=list)
    removed: list[tuple[str, object, object]] = field(default_factory=list)
    tests: list[object] = field(default_factory=list)
    test_file: str = "z.test.yaml"

    @property
    def stages(self) -> list[Stage]:
        return [stage for pipeline in self.pipelines for stage in pipeline.stages]

    def data(self) -> dict[str, Data]:
        """The plain data of each file."""
        found: dict[str, Data] = {}
        for file in self.files:
            whole: dict[str, Data] = {"flowrun": "1"}
            if pipelines := [one for one in self.pipelines if one.file == file]:
                whole["pipelines"] = {
                    one.id: {**_keys(one.keys), "stages": [stage.written() for stage in one.stages]}
                    for one in pipelines
                }
            if tunnels := [one for one in self.tunnels if one.file == file]:
                whole["tunnels"] = {one.id: _keys(one.keys) for one in tunnels}
            if moved := [(old, new) for where, old, new in self.moved if where == file]:
                whole["moved"] = [plain({"from": old, "to": new}) for old, new in moved]
            if removed := [(old, new) for where, old, new in self.removed if where == file]:
                whole["removed"] = [plain({"stage": old, "deals": {"to": new}}) for old, new in removed]
            found[file] = whole
        if self.tests:
            found[self.test_file] = {"flowrun": "1", "tests": [plain(one) for one in self.tests]}
        return found


def plain(value: object) -> Data:
    """Loose data with every name asked for."""
    if callable(value):
        return str(value())
    if isinstance(value, dict):
        return {str(key() if callable(key) else key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    assert value is None or isinstance(value, str)
    return value


def _keys(keys: dict[str, object]) -> dict[str, Data]:
    return {key: plain(one) for key, one in keys.items()}


def condition(draw: random.Random, project: Project, stages: list[Stage], tunnels: list[Tunnel]) -> object:
    """A condition, which may name stages, pipelines and tunnels."""
    simple = ["deal.amount >= 5", "deal.source in ['web', 'ads']", "not deal.paid", 'deal.note == "it\'s # a: b"']
    parts: list[object] = draw.sample(simple, draw.randint(1, 3))
    if draw.random() < 0.35:
        stage = draw.choice(stages)
        shape = draw.randrange(4)
        if shape == 0:
            parts.append(lambda: f"deal.stage == '{stage()}'")
        elif shape == 1:
            other = draw.choice(stages)
            parts.append(lambda: f"deal.stage not in [\"{stage()}\", '{other()}']")
        elif shape == 2:
            parts.append(lambda: f"deal.pipeline != '{stage.pipeline()}'")
        elif tunnels:
            tunnel = draw.choice(tunnels)
            alike = tunnel()  # a text that looks like a name is none
            parts.append(lambda: f"(deal.origin_tunnel == '{tunnel()}' or deal.title == '{alike}')")
    del project
    return lambda: " and ".join(str(part() if callable(part) else part) for part in parts)


TEXTS = ["Plain words", "It's: quoted # here", 'a "b" c', "Продажи 😀", "on", "null", "12:30", "- dash", "x" * 130]


def settings(draw: random.Random) -> dict[str, object]:
    values: list[tuple[str, object]] = [
        ("title", "{{ deal.title }} (copy)"),
        ("note", draw.choice(TEXTS)),
        ("owner", {"rotate": ["Ann", "Bob: the 2nd"]}),
        ("paid", "false"),
        ("seats", "5"),
        ("tags", ["x", "y"]),
        ("account", None),
    ]
    return dict(draw.sample(values, draw.randint(1, 3)))


def value_of(draw: random.Random, key: str, project: Project) -> object:
    """A value for a key of a tunnel."""
    stages = project.stages
    match key:
        case "description":
            lines = "Two lines:\nthe second # one\n"
            return draw.choice([*TEXTS, lines, "A long text that goes on and on, " * 5 + "and ends."])
        case "when":
            return condition(draw, project, stages, project.tunnels)
        case "from":
            some: list[object] = [*draw.sample(stages, min(len(stages), draw.randint(1, 3)))]
            some = some if draw.random() < 0.8 else [draw.choice(project.pipelines).any_stage]
            return some if len(some) > 1 or draw.random() < 0.3 else some[0]
        case "except" | "origin_in":
            return [*draw.sample(stages, draw.randint(1, 2))]
        case "after":
            return draw.choice(["10bd", "2h", "45s"])
        case "at":
            return {"field": "call_at", **({"time": "09:00"} if draw.random() < 0.5 else {"offset": "-90d"})}
        case "unless_exists":
            return {"same": ["account"], "open": "true", "in": draw.choice(project.pipelines)}
        case "set":
            return settings(draw)
        case "breaker":
            return {"firings": "50", "per": "1h"}
        case "fields":
            return draw.choice(["all", ["account", "seats"]])
        case "watch":
            return "false"
    return {"window": "office", "calendar": "office", "once": "deal", "existing": "include", "mode": "shadow"}[key]


KEYS = "description when except origin_in after at unless_exists set breaker fields watch window once existing mode"


def project(draw: random.Random) -> Project:
    """A project of one to three files, with scenarios in most."""
    made = Project(draw.choice([["a.yaml"], ["a.yaml", "b/c.yaml"], ["1.yaml", "2.yml", "3.yaml"]]))
    for name in draw.sample(["sales", "leads", "no", "customers-2"], draw.randint(1, 3)):
        pipeline = Pipeline(name, draw.choice(made.files))
        if draw.random() < 0.6:
            pipeline.keys["name"] = draw.choice(TEXTS)
        for word in draw.sample(WORDS, draw.randint(2, 5)):
            stage = Stage(word, pipeline)
            if draw.random() < 0.7:
                stage.keys["name"] = draw.choice(TEXTS)
            if draw.random() < 0.3:
                stage.keys["outcome"] = draw.choice(["won", "lost"])
            if draw.random() < 0.1:
                stage.keys["requires"] = ["contract", "note"]
            pipeline.stages.append(stage)
        made.pipelines.append(pipeline)
    made.pipelines.sort(key=lambda one: made.files.index(one.file))
    for n in range(draw.randint(0, 6)):
        tunnel = Tunnel(draw.choice(["go", "copy-it", "on", "lead_2"]) + f"-{n}", draw.choice(made.files))
        made.tunnels.append(tunnel)
        tunnel.keys = {"from": value_of(draw, "from", made), "to": draw.choice(made.stages), "action": "move"}
        for key in draw.sample(KEYS.split(), draw.randint(0, 4)):
            tunnel.keys[key] = value_of(draw, key, made)
        if draw.random() < 0.3:
            tunnel.keys = dict(draw.sample([*tunnel.keys.items()], len(tunnel.keys)))
    made.tunnels.sort(key=lambda one: made.files.index(one.file))
    for n in range(draw.choice([0, 0, 1, 2])):
        made.moved.append((draw.choice(made.files), f"old.gone{n}", draw.choice(made.stages)))
    if draw.random() < 0.2:
        made.removed.append((draw.choice(made.files), "old.away", draw.choice(made.stages)))
    for n in range(draw.choice([0, 1, 1, 2])):
        made.tests.append(_scenario(draw, made, n))
    return made


def _scenario(draw: random.Random, made: Project, n: int) -> object:
    stages = made.stages
    expect: dict[str, object] = {
        "deals": {"d1": {"at": draw.choice(stages), "title": "x"}},
        "count": {draw.choice(stages): "1"},
    }
    if made.tunnels:
        tunnel, other = draw.choice(made.tunnels), draw.choice(made.tunnels)
        expect["fired"] = [{"deal": lambda: f"d1~{tunnel()}", "tunnel": other}]
        expect["copies"] = [{"of": "d1", "tunnel": tunnel, "at": draw.choice(stages)}]
    steps = [{"move": {"deal": "d1", "to": draw.choice(stages)}}, {"advance": "1h"}, {"expect": expect}]
    given = [{"id": "d1", "at": draw.choice(stages)}]
    return {"name": f"scenario {n}: it goes", "now": "2026-03-02T09:00", "given": given, "steps": steps}
