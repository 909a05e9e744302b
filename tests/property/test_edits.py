"""Random edits of commented files in mixed styles: what they come to, and that every other line stays.

Each case draws a project of objects, writes its files by many hands, and makes one edit. What the files say then is
read by PyYAML alone and compared with what the objects say after the same edit. `FLOWRUN_EDITS` is how many cases are
made, `FLOWRUN_EDITS_FROM` the number of the first; a failure names its number.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flowrun.config.edits import Refused, make_edit, parse_edit
from flowrun.flow.model import JSON
from tests.property import projects
from tests.property.commented import Data, Hand, Path, Written, loaded, remarks
from tests.property.projects import Pipeline, Project, Stage, Tunnel, plain

CASES = int(os.environ.get("FLOWRUN_EDITS", "250"))
FIRST = int(os.environ.get("FLOWRUN_EDITS_FROM", "0"))
SHARED_OFTEN = 10
"""One file in so many has anchors and aliases."""


@dataclass
class Drawn:
    """An edit: its JSON, and what it does to the objects.

    `refused` are words of the reason if it has to be refused; `moves` is the path of what goes elsewhere in its list.
    """

    json: dict[str, JSON]
    make: Callable[[], object]
    refused: str | None = None
    moves: Path | None = None
    adds: tuple[str, str] | None = None
    tells: bool = False


@dataclass
class Case:
    number: int
    project: Project
    before: dict[str, Data] = field(default_factory=dict)
    written: dict[str, Written] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    shared: bool = False

    def __str__(self) -> str:
        return f"case {self.number}"


def case(number: int) -> tuple[Case, Drawn]:
    draw = random.Random(number)
    made = Case(number, projects.project(draw))
    made.before = made.project.data()
    for name, data in made.before.items():
        assert isinstance(data, dict)
        shared = draw.randrange(SHARED_OFTEN) == 0
        one = Hand(draw, shared=shared).write(data)
        made.shared |= shared and "&" in one.text
        text = one.text.rstrip("\n") if draw.random() < 0.1 else one.text
        text = text if loaded(text) == data else one.text  # the last line break may be a part of a text
        text = text.replace("\n", "\r\n") if draw.random() < 0.2 else text
        made.written[name] = one
        made.texts[name] = (b"\xef\xbb\xbf" if draw.random() < 0.1 else b"") + text.encode()
        assert loaded(_text(made.texts[name])) == data, f"{made}: the test writes something else"
    return made, edit(draw, made.project)


def test_an_edit_comes_to_what_it_says_and_every_other_line_stays() -> None:
    refused: Counter[str] = Counter()
    ordinary = Counter[str]()
    for number in range(FIRST, FIRST + CASES):
        made, drawn = case(number)
        after = make_edit(made.texts, parse_edit(drawn.json))
        if isinstance(after, Refused):
            if drawn.refused is None:
                refused[f"{'shared: ' if made.shared else ''}{after.reason}"[:60]] += 1
                assert made.shared, f"{made}: {drawn.json}: {after}"
            else:
                assert drawn.refused in after.reason, f"{made}: {drawn.json}: {after}"
                ordinary[drawn.refused] += 1
            continue
        assert drawn.refused is None, f"{made}: {drawn.json} should be refused"
        check(made, drawn, after)
    print(f"{CASES} edits; refused as they should be {dict(ordinary)}; refused in files with aliases {dict(refused)}")


def check(made: Case, drawn: Drawn, after: dict[str, bytes]) -> None:
    result = {name: loaded(_text(data)) for name, data in (made.texts | after).items()}
    drawn.make()
    place_new(made.project, drawn, made.before, result)
    wanted = made.project.data()
    for name in made.texts:
        where = f"{made}: {drawn.json}: {name}\n{_text(made.texts[name])}\n----\n{_text((made.texts | after)[name])}"
        assert result[name] == wanted[name], f"{where}\n{result[name]}\n{wanted[name]}"
        assert in_order(made.before[name], wanted[name], result[name]), f"{where}\nthe order is another"
        if name in after:
            check_lines(
                made.written[name], made.texts[name], after[name], made.before[name], wanted[name], drawn, where
            )
    assert set(result) == set(wanted)


def place_new(project: Project, drawn: Drawn, before: dict[str, Data], result: dict[str, Data]) -> None:
    """Put what is new where the result has it: which file and place is chosen is looked at in other tests."""
    for file, data in result.items():
        assert isinstance(data, dict)
        old = before[file]
        assert isinstance(old, dict)
        if drawn.adds and drawn.adds[0] in data and drawn.adds[1] in data[drawn.adds[0]]:  # type: ignore[operator]
            section, new = drawn.adds
            some: list[Pipeline] | list[Tunnel]
            some = project.tunnels if section == "tunnels" else project.pipelines
            one = next(one for one in some if one.id == new)
            one.file = file
            order = [*data[section]]  # type: ignore[misc]
            mine = sorted((one for one in some if one.file == file), key=lambda one: order.index(one.id))
            rest = [one for one in some if one.file != file]
            some[:] = [*rest, *mine]  # type: ignore[list-item]
        if drawn.tells:
            for section, told in (("moved", project.moved), ("removed", project.removed)):
                for n, (where, name, new_name) in enumerate(told):
                    if where == "?" and section in data and data[section] != old.get(section):
                        key = "from" if section == "moved" else "stage"
                        if any(item.get(key) == plain(name) for item in data[section]):  # type: ignore[union-attr]
                            told[n] = (file, name, new_name)


def in_order(before: Data, wanted: Data, result: Data) -> bool:
    """Whether keys that were there are in their old order, and what is declared in the order that was wanted."""
    if isinstance(wanted, dict) and isinstance(result, dict):
        old = before if isinstance(before, dict) else {}
        for section in ("pipelines", "tunnels"):
            if list(wanted.get(section) or ()) != list(result.get(section) or ()):
                return False
        stayed = [key for key in result if key in old]
        ordered = stayed == [key for key in old if key in result]
        return (ordered or _declares(wanted)) and all(
            in_order(old.get(key), wanted[key], result[key]) for key in wanted
        )
    return True


def _declares(wanted: dict[str, Data]) -> bool:
    return all(isinstance(one, dict) and ("stages" in one or "from" in one) for one in wanted.values())


def check_lines(written: Written, before: bytes, after: bytes, old: Data, new: Data, drawn: Drawn, where: str) -> None:
    """Every line that the edit is not about is still there, in its place, and so are the comments of others."""
    mark = b"\xef\xbb\xbf"
    assert before.startswith(mark) == after.startswith(mark), where
    assert (b"\r\n" in before) == (b"\r\n" in after), where
    assert after.count(b"\n") == after.count(b"\r\n") or b"\r\n" not in after, where
    lines, now = _text(before).split("\n"), _text(after).split("\n")
    may_change, may_go = set[int](), set[int]()
    for lost, some in touched(written, old, new, (), drawn):
        may_change |= some
        may_go |= some if lost else set()
    stays = [line for n, line in enumerate(lines) if n not in may_change and line.strip()]
    left = iter(now)
    for line in stays:
        assert any(line == one for one in left), f"{where}\nlost: {line!r}"
    gone = remarks(before.decode()) - remarks(after.decode())
    could = remarks("\n".join(line for n, line in enumerate(lines) if n in may_go))
    assert gone <= could, f"{where}\nlost comments {gone - could}"
    if len(lines) - 1 not in may_change and len(lines) - 2 not in may_change:
        assert (lines[-1] == "") == (now[-1] == ""), f"{where}\nthe end of the last line"


def touched(written: Written, old: Data, new: Data, path: Path, drawn: Drawn) -> Iterator[tuple[bool, set[int]]]:
    """The lines that may be others, each with whether comments in them may go."""
    head = {written.heads[path]} if path in written.heads else set[int]()
    flow = written.lines.get(path, set()) if path in written.flow else set[int]()
    if drawn.moves and drawn.moves[:-1] == path:
        yield False, written.lines.get(drawn.moves, set()) | flow
        return
    if drawn.moves is None and old == new and (not isinstance(old, dict) or list(old) == list(new or ())):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
        if drawn.tells and len(gone) == len(come) == 1:
            yield False, {written.heads[(*path, gone[0])]} | flow
            yield from touched(written, old[gone[0]], new[come[0]], (*path, gone[0]), drawn)
            gone = come = []
        for key in gone:
            yield True, written.lines[(*path, key)] | (head if len(gone) == len(old) else set())
        if gone or come:
            yield False, flow | (set() if old else head)
        for key in old:
            if key in new:
                yield from touched(written, old[key], new[key], (*path, key), drawn)
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        begin = next((n for n, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
        begin = min(len(old), len(new)) if begin is None else begin
        end = 0
        while end < min(len(old), len(new)) - begin and old[-1 - end] == new[-1 - end]:
            end += 1
        for n in range(begin, len(old) - end):
            if n < len(new) - end:
                yield from touched(written, old[n], new[n], (*path, n), drawn)
            else:
                yield True, written.lines[(*path, n)]
        yield False, flow | (head if len(old) == 0 else set())
    else:
        yield not isinstance(old, str), written.lines[path]


def edit(draw: random.Random, project: Project) -> Drawn:
    """One edit that there is something for."""
    kinds: list[Callable[[random.Random, Project], Drawn | None]] = [
        _add_tunnel,
        _set_tunnel,
        _set_tunnel,
        _set_tunnel,
        _rename_tunnel,
        _remove_tunnel,
        _add_pipeline,
        _set_pipeline,
        _rename_pipeline,
        _remove_pipeline,
        _move_pipeline,
        _add_stage,
        _set_stage,
        _set_stage,
        _rename_stage,
        _remove_stage,
        _move_stage,
    ]
    while True:
        drawn = draw.choice(kinds)(draw, project)
        if drawn is not None:
            return drawn


def _add_tunnel(draw: random.Random, project: Project) -> Drawn:
    sources = draw.sample(project.stages, draw.randint(1, 2))
    target, action = draw.choice(project.stages), draw.choice(["move", "copy"])
    keys = {
        key: projects.value_of(draw, key, project) for key in draw.sample(projects.KEYS.split(), draw.randint(0, 4))
    }
    json: dict[str, JSON] = {"kind": "tunnel.add", "id": "brand-new", "from": [one() for one in sources]}
    json |= {"to": target(), "action": action, "keys": plain(keys), "file": None}
    tunnel = Tunnel("brand-new", "?", {"from": sources if len(sources) > 1 else sources[0], "to": target})
    tunnel.keys |= {"action": action, **keys}
    return Drawn(json, lambda: project.tunnels.append(tunnel), adds=("tunnels", "brand-new"))


def _set_tunnel(draw: random.Random, project: Project) -> Drawn | None:
    if not project.tunnels:
        return None
    tunnel = draw.choice(project.tunnels)
    key = draw.choice([*tunnel.keys, *projects.KEYS.split()])
    if key in {"to", "action"}:
        value: object = draw.choice(project.stages) if key == "to" else "copy"
    else:
        value = None if draw.random() < 0.25 and key != "from" else projects.value_of(draw, key, project)
    if value is None:
        make: Callable[[], object] = lambda: tunnel.keys.pop(key, None)  # noqa: E731
    else:
        old = tunnel.keys.get(key)
        if key == "description" and isinstance(old, str) and old.endswith("\n") and isinstance(value, str):
            value = value.removesuffix("\n") + "\n"
        make = lambda: tunnel.keys.update({key: value})  # noqa: E731
    return Drawn({"kind": "tunnel.set", "id": tunnel.id, "key": key, "value": plain(value)}, make)


def _rename_tunnel(draw: random.Random, project: Project) -> Drawn | None:
    if not project.tunnels:
        return None
    tunnel = draw.choice(project.tunnels)
    old = tunnel.id

    def make() -> None:
        tunnel.id = "renamed"
        project.moved.append(("?", f"tunnels.{old}", lambda: f"tunnels.{tunnel.id}"))

    return Drawn({"kind": "tunnel.rename", "id": old, "to": "renamed"}, make, tells=True)


def _remove_tunnel(draw: random.Random, project: Project) -> Drawn | None:
    if not project.tunnels:
        return None
    tunnel = draw.choice(project.tunnels)
    name = f"'{tunnel.id}'"
    users = [one for one in project.tunnels if one is not tunnel and name in str(plain(one.keys.get("when")))]
    used = (
        "is referred to by"
        if any(f"origin_tunnel == {name}" in str(plain(one.keys.get("when"))) for one in users)
        else None
    )
    return Drawn({"kind": "tunnel.remove", "id": tunnel.id}, lambda: project.tunnels.remove(tunnel), used)


def _add_pipeline(draw: random.Random, project: Project) -> Drawn:
    pipeline = Pipeline("fresh", "?", {} if draw.random() < 0.4 else {"name": draw.choice(projects.TEXTS)})
    pipeline.stages = [Stage(word, pipeline) for word in draw.sample(projects.WORDS, draw.randint(1, 3))]
    named = draw.random() < 0.5
    for stage in pipeline.stages:
        stage.keys = {"name": "A name"} if named else {}
    stages: JSON = [{"id": one.id, "name": "A name" if named else None, "outcome": None} for one in pipeline.stages]
    json: dict[str, JSON] = {"kind": "pipeline.add", "id": "fresh", "name": plain(pipeline.keys.get("name"))}
    json |= {"stages": stages}
    return Drawn(json, lambda: project.pipelines.append(pipeline), adds=("pipelines", "fresh"))


def _set_pipeline(draw: random.Random, project: Project) -> Drawn:
    pipeline, value = draw.choice(project.pipelines), draw.choice([None, *projects.TEXTS])
    json: dict[str, JSON] = {"kind": "pipeline.set", "id": pipeline.id, "key": "name", "value": value}
    if value is None:
        return Drawn(json, lambda: pipeline.keys.pop("name", None))
    return Drawn(json, lambda: pipeline.keys.update(name=value))


def _rename_pipeline(draw: random.Random, project: Project) -> Drawn:
    pipeline = draw.choice(project.pipelines)
    old = pipeline.id

    def make() -> None:
        pipeline.id = "renamed"
        project.moved.append(("?", old, pipeline))

    return Drawn({"kind": "pipeline.rename", "id": old, "to": "renamed"}, make, tells=True)


def _remove_pipeline(draw: random.Random, project: Project) -> Drawn | None:
    pipeline = draw.choice(project.pipelines)
    told = any(new in pipeline.stages for _, _, new in [*project.moved, *project.removed])
    if told or len(project.pipelines) == 1:
        return None
    used = any(_mentions(one, pipeline.id) for one in project.tunnels)
    json: dict[str, JSON] = {"kind": "pipeline.remove", "id": pipeline.id, "deals": None}
    return Drawn(json, lambda: project.pipelines.remove(pipeline), "is referred to by" if used else None)


def _mentions(tunnel: Tunnel, pipeline: str, stage: str | None = None) -> bool:
    """Whether a tunnel names that pipeline, or that stage of it."""
    keys = {key: plain(one) for key, one in tunnel.keys.items()}
    refs = [keys[key] for key in ("from", "to", "except", "origin_in") if key in keys]
    names = [name for some in refs for name in (some if isinstance(some, list) else [some])]
    when = str(keys.get("when", ""))
    if stage is not None:
        return stage in names or f"'{stage}'" in when or f'"{stage}"' in when
    unless = keys.get("unless_exists")
    inside = isinstance(unless, dict) and unless.get("in") == pipeline
    return (
        inside
        or any(str(name).startswith(f"{pipeline}.") for name in names)
        or any(f"{quote}{pipeline}{end}" in when for quote in "'\"" for end in (".", quote))
    )


def _move_pipeline(draw: random.Random, project: Project) -> Drawn | None:
    pipeline = draw.choice(project.pipelines)
    here = [one for one in project.pipelines if one.file == pipeline.file and one is not pipeline]
    if not here:
        return None
    other = draw.choice(here)

    def make() -> None:
        project.pipelines.remove(pipeline)
        project.pipelines.insert(project.pipelines.index(other), pipeline)

    json: dict[str, JSON] = {"kind": "pipeline.move", "id": pipeline.id, "before": other.id}
    return Drawn(json, make, moves=("pipelines", pipeline.id))


def _add_stage(draw: random.Random, project: Project) -> Drawn:
    pipeline = draw.choice(project.pipelines)
    before = draw.choice([None, *pipeline.stages])
    stage = Stage("extra", pipeline)
    if draw.random() < 0.6:
        stage.keys["name"] = draw.choice(projects.TEXTS)
    if draw.random() < 0.3:
        stage.keys["outcome"] = "won"
    bare = any(not one.keys for one in pipeline.stages)

    def make() -> None:
        pipeline.stages.insert(len(pipeline.stages) if before is None else pipeline.stages.index(before), stage)
        if not stage.keys and not bare:
            stage.written = lambda: {"id": stage.id}  # type: ignore[method-assign]

    json: dict[str, JSON] = {
        "kind": "stage.add",
        "pipeline": pipeline.id,
        "id": "extra",
        "before": None if before is None else before.id,
    }
    json |= {"name": plain(stage.keys.get("name")), "outcome": plain(stage.keys.get("outcome"))}
    return Drawn(json, make)


def _set_stage(draw: random.Random, project: Project) -> Drawn:
    stage = draw.choice(project.stages)
    key, value = draw.choice(
        [
            ("name", draw.choice(projects.TEXTS)),
            ("name", None),
            ("outcome", "lost"),
            ("outcome", None),
            ("requires", ["note"]),
            ("requires", ["contract", "note", "x"]),
        ]
    )

    def make() -> None:
        had = bool(stage.keys)
        if value is None:
            stage.keys.pop(key, None)
        else:
            stage.keys[key] = value
        if had and not stage.keys:
            stage.written = lambda: {"id": stage.id}  # type: ignore[method-assign]

    json: dict[str, JSON] = {"kind": "stage.set", "stage": stage(), "key": key, "value": plain(value)}
    return Drawn(json, make)


def _rename_stage(draw: random.Random, project: Project) -> Drawn:
    stage = draw.choice(project.stages)
    old = stage()

    def make() -> None:
        stage.id = "renamed"
        project.moved.append(("?", old, stage))

    return Drawn({"kind": "stage.rename", "stage": old, "to": "renamed"}, make, tells=True)


def _remove_stage(draw: random.Random, project: Project) -> Drawn | None:
    stage = draw.choice(project.stages)
    target = draw.choice([one for one in project.stages if one is not stage])
    used = any(_mentions(one, stage.pipeline.id, stage()) for one in project.tunnels)
    if len(stage.pipeline.stages) == 1:
        return None
    old = stage()

    def make() -> None:
        stage.pipeline.stages.remove(stage)
        project.removed.append(("?", old, target))

    json: dict[str, JSON] = {"kind": "stage.remove", "stage": old, "deals_to": target()}
    return Drawn(json, make, "is referred to by" if used else None, tells=True)


def _move_stage(draw: random.Random, project: Project) -> Drawn:
    stage = draw.choice(project.stages)
    stages = stage.pipeline.stages
    others = [one for one in stages if one is not stage]
    before = draw.choice([None, *others])
    place = stages.index(stage)

    def make() -> None:
        stages.remove(stage)
        stages.insert(len(stages) if before is None else stages.index(before), stage)

    json: dict[str, JSON] = {"kind": "stage.move", "stage": stage(), "before": None if before is None else before.id}
    return Drawn(json, make, moves=("pipelines", stage.pipeline.id, "stages", place))


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig").replace("\r\n", "\n")
