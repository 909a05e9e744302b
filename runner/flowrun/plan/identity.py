"""Who is who between two flows: which old identity lives on under which new one.

Ids are identities for ever, and `moved:` records how they were renamed. It may be kept and applied again, so an entry
counts only where it says something: the old id stands in the base and no longer in the new flow, and following the
entries from it, as far as need be, ends at an id that the new flow has.

`carried` writes a whole flow under the new ids, references included, so that whoever compares two flows afterwards can
compare them id by id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from flowrun.expr import Expression, Template
from flowrun.flow.model import Flow, Pipeline, Setting, Stage, Tunnel

_Worded = TypeVar("_Worded", Expression, Template)


@dataclass(frozen=True, slots=True)
class Renames:
    """Old id → new id, of those that are renamed only. Stages carry their full reference.

    `stages` holds those that follow from a pipeline's rename too. A stage or a pipeline may be merged into one that
    the base has already: then two old ids lead to the same new one.
    """

    pipelines: Mapping[str, str] = field(default_factory=dict)
    stages: Mapping[str, str] = field(default_factory=dict)
    tunnels: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


def renames(base: Flow, wanted: Flow) -> Renames:
    """The renames that `wanted.moved` means for `base`."""

    pipelines = _followed("pipeline", base.pipelines, wanted.pipelines, wanted)
    own = {moved.old: moved.new for moved in wanted.moved if moved.kind == "stage"}

    def next_of_stage(id_: str) -> list[str]:
        pipeline, _, short = id_.partition(".")
        carried_along = [f"{pipelines[pipeline]}.{short}"] if pipeline in pipelines else []
        return ([own[id_]] if id_ in own else []) + carried_along

    return Renames(
        pipelines=pipelines,
        stages=_reached(base.stages, wanted.stages, next_of_stage),
        tunnels=_unmerged(_followed("tunnel", base.tunnels, wanted.tunnels, wanted), base.tunnels),
        fields=_unmerged(_followed("field", base.fields, wanted.fields, wanted), base.fields),
    )


def unmerged(base: Flow, wanted: Flow) -> dict[tuple[str, str], str]:
    """The tunnels and fields, each by kind and old id, that `moved` would merge into one that `base` has already, by
    its id. They are no renames, and are removed."""
    both = {"tunnel": (base.tunnels, wanted.tunnels), "field": (base.fields, wanted.fields)}
    return {
        (kind, id_): target
        for kind, (old, new) in both.items()
        for id_, target in _followed(kind, old, new, wanted).items()
        if target in old
    }


def _followed(kind: str, old: Collection[str], new: Collection[str], wanted: Flow) -> dict[str, str]:
    steps = {moved.old: moved.new for moved in wanted.moved if moved.kind == kind}
    return _reached(old, new, lambda id_: [steps[id_]] if id_ in steps else [])


def _reached(old: Collection[str], new: Collection[str], steps: Callable[[str], list[str]]) -> dict[str, str]:
    """For each old id that is gone, the first of the new ids that the steps lead to; none where they lead nowhere."""
    found: dict[str, str] = {}
    for id_ in old:
        path = [] if id_ in new else [id_]
        for passed in path:
            if passed in new:
                found[id_] = passed
                break
            path += [step for step in steps(passed) if step not in path]
    return found


def _unmerged(found: Mapping[str, str], base: Collection[str]) -> dict[str, str]:
    """Only stages and pipelines can be merged: a tunnel or field whose new id the base has already is no rename."""
    return {old: new for old, new in found.items() if new not in base}


def relocations(base: Flow, wanted: Flow) -> dict[str, str]:
    """Where the deals of each removed stage go, by `removed`: the base's stage → one that `wanted` has.

    A target that is itself gone by now is followed, through `removed` and `moved`; so is a stage that `removed` names
    by a later id. A stage that is renamed, or whose steps lead nowhere, is not among them.
    """
    renamed = renames(base, wanted).stages
    gone = [id_ for id_ in base.stages if id_ not in wanted.stages and id_ not in renamed]
    steps = {one.stage: one.target for one in wanted.removed}
    own = {moved.old: moved.new for moved in wanted.moved if moved.kind == "stage"}
    pipelines = {moved.old: moved.new for moved in wanted.moved if moved.kind == "pipeline"}

    def next_of(id_: str) -> list[str]:
        pipeline, _, short = id_.partition(".")
        carried_along = f"{pipelines[pipeline]}.{short}" if pipeline in pipelines else None
        return [step for step in (steps.get(id_), own.get(id_), carried_along) if step is not None]

    return _reached(gone, wanted.stages, next_of)


def carried(base: Flow, renamed: Renames) -> Flow:
    """The base with everything under its new id. What is merged into another is left out.

    Texts of expressions name renamed fields and stages by their new ids; their trees are those of the base.
    """
    stages: dict[str, list[Stage]] = {}
    pipelines: dict[str, Pipeline] = {}
    arrived: set[str] = set()
    for pipeline in base.pipelines.values():
        id_ = renamed.pipelines.get(pipeline.id, pipeline.id)
        if pipeline.id == id_ or id_ not in base.pipelines:
            pipelines[id_] = replace(pipeline, id=id_, name=id_ if pipeline.name == pipeline.id else pipeline.name)
        stages.setdefault(id_, [])
        for stage in pipeline.stages:
            target = renamed.stages.get(stage.id, stage.id)
            if target == stage.id or (target not in base.stages and target not in arrived):
                arrived.add(target)
                home = id_ if target == stage.id else target.partition(".")[0]
                stages.setdefault(home, []).append(_stage(stage, target, renamed))
    tunnels = [_carried(tunnel, renamed) for tunnel in base.tunnels.values()]
    return replace(
        base,
        fields={
            renamed.fields.get(id_, id_): replace(one, id=renamed.fields.get(id_, id_))
            for id_, one in base.fields.items()
        },
        pipelines={id_: replace(one, stages=tuple(stages[id_])) for id_, one in pipelines.items()},
        tunnels={tunnel.id: tunnel for tunnel in tunnels},
    )


def _stage(stage: Stage, id_: str, renamed: Renames) -> Stage:
    name = id_.partition(".")[2] if stage.name == stage.short else stage.name
    requires = tuple(renamed.fields.get(field, field) for field in stage.requires)
    return replace(stage, id=id_, name=name, requires=requires)


def _carried(tunnel: Tunnel, renamed: Renames) -> Tunnel:
    stages, fields = renamed.stages, renamed.fields
    unless, at, origin_in = tunnel.unless_exists, tunnel.at, tunnel.origin_in
    return replace(
        tunnel,
        id=renamed.tunnels.get(tunnel.id, tunnel.id),
        sources=tuple(dict.fromkeys(stages.get(id_, id_) for id_ in tunnel.sources)),
        target=stages.get(tunnel.target, tunnel.target),
        when=tunnel.when and _reworded(tunnel.when, renamed),
        at=at and replace(at, field=fields.get(at.field, at.field)),
        unless_exists=unless
        and replace(
            unless,
            same=tuple(fields.get(name, name) for name in unless.same),
            pipeline=renamed.pipelines.get(unless.pipeline, unless.pipeline),
        ),
        copies=tuple(fields.get(name, name) for name in tunnel.copies),
        set=tuple((fields.get(name, name), _setting(setting, renamed)) for name, setting in tunnel.set),
        origin_in=origin_in and tuple(dict.fromkeys(stages.get(id_, id_) for id_ in origin_in)),
    )


def _setting(setting: Setting, renamed: Renames) -> Setting:
    return _reworded(setting, renamed) if isinstance(setting, Template) else setting


_REFERENCE = re.compile(r"\bdeal\.(\w+)|(['\"])([a-z][\w-]*(?:\.[\w-]+)?)\2")


def _reworded(text: _Worded, renamed: Renames) -> _Worded:
    """The expression or template with the new ids of fields (`deal.old`), stages and pipelines (`'sales.old'`)."""
    ids = {**renamed.stages, **renamed.pipelines}

    def reword(match: re.Match[str]) -> str:
        name, quote, id_ = match.groups()
        if name is not None:
            return f"deal.{renamed.fields.get(name, name)}"
        return f"{quote}{ids.get(id_, id_)}{quote}"

    reads = frozenset(renamed.fields.get(name, name) for name in text.reads)
    return replace(text, text=_REFERENCE.sub(reword, text.text), reads=reads)
