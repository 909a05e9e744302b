"""The next flow of a random history: tunnels come, go and change; stages, pipelines and fields are renamed, merged,
removed, and come back.

A flow is edited as the record that it is stored as, id by id and text by text, as an author's editor would. New ids are
fresh ones, so that `moved` may be kept for ever.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from flowrun.expr.types import INTEGER, Kind, Type, Value, decimal
from flowrun.flow.codec import dumps, loads
from flowrun.flow.model import Flow, Mode, Moved, Pipeline, Removed
from tests.property.random_flows import AFTER, FIELDS, TUNNELS, conditions, first_name, tunnels


@st.composite
def successors(draw: st.DrawFn, flow: Flow) -> Flow:
    """Another flow. Zone and limits stay."""
    kept = draw(st.booleans())
    flow = replace(
        flow,
        moved=tuple(moved for moved in flow.moved if kept and moved.kind != "tunnel"),
        removed=flow.removed if kept else (),
    )
    if draw(st.booleans()):
        flow = _bring_back(draw, flow)
    for change in draw(st.lists(st.sampled_from([*_STAGES, *_FIELDS]), max_size=3)):
        flow = change(draw, flow)
    return _other_tunnels(draw, flow)


def _other_tunnels(draw: st.DrawFn, flow: Flow) -> Flow:
    kept = dict(flow.tunnels)
    moved = flow.moved
    for id_ in draw(st.lists(st.sampled_from(TUNNELS), min_size=0, max_size=3, unique=True)):
        if id_ not in kept:
            kept[id_] = draw(tunnels(id_, flow))
            continue
        one = kept[id_]
        change = draw(st.sampled_from(["gone", "new", "rename", "mode", "existing", "when", "after", "sources"]))
        if change == "gone":
            del kept[id_]
        elif change == "new":
            kept[id_] = draw(tunnels(id_, flow))
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
            kept[id_] = replace(one, when=draw(st.one_of(st.none(), st.sampled_from(conditions(flow)))))
        elif change == "after":
            kept[id_] = replace(one, at=None, after=draw(st.sampled_from(AFTER)))
        else:
            stages = list(flow.stages)
            sources = draw(st.lists(st.sampled_from(stages), min_size=1, max_size=3))
            some = tuple(stage for stage in stages if stage in sources and stage != one.target)
            kept[id_] = replace(one, sources=some or one.sources)
    order = draw(st.one_of(st.just(list(kept)), st.permutations(list(kept))))
    return replace(flow, tunnels={id_: kept[id_] for id_ in order}, moved=moved)


# Stages and pipelines


def _rename_stage(draw: st.DrawFn, flow: Flow) -> Flow:
    """A stage gets another id, perhaps in another pipeline."""
    old = draw(st.sampled_from(list(flow.stages)))
    home = draw(st.sampled_from([old.partition(".")[0], *flow.pipelines]))
    if home != old.partition(".")[0] and _alone(flow, old):
        return flow
    new = f"{home}.{_fresh(flow, old.partition('.')[2])}"
    moved = flow.moved
    if draw(st.booleans()):  # in two steps, the one in between never applied
        between = f"{home}.{_fresh(flow, 'between')}"
        moved = (*moved, Moved("stage", old, between), Moved("stage", between, new))
    else:
        moved = (*moved, Moved("stage", old, new))
    stage, without = replace(flow.stages[old], id=new), _without(flow, old)
    there = without.pipelines[home]
    pipelines = {**without.pipelines, home: replace(there, stages=(*there.stages, stage))}
    return replace(_reworded(replace(flow, pipelines=pipelines), {old: new}), moved=moved)


def _rename_pipeline(draw: st.DrawFn, flow: Flow) -> Flow:
    old = draw(st.sampled_from(list(flow.pipelines)))
    new = _fresh(flow, old[0])
    ids = {old: new} | {stage.id: f"{new}.{stage.short}" for stage in flow.pipelines[old].stages}
    moved = (*flow.moved, Moved("pipeline", old, new))
    pipelines = {new if id_ == old else id_: _under(one, ids) for id_, one in flow.pipelines.items()}
    return replace(_reworded(replace(flow, pipelines=pipelines), ids), moved=moved)


def _under(pipeline: Pipeline, ids: dict[str, str]) -> Pipeline:
    stages = tuple(replace(stage, id=ids.get(stage.id, stage.id)) for stage in pipeline.stages)
    return replace(pipeline, id=ids.get(pipeline.id, pipeline.id), stages=stages)


def _join_pipelines(draw: st.DrawFn, flow: Flow) -> Flow:
    """Two pipelines become one; perhaps a stage of the one becomes one of the other besides."""
    if len(flow.pipelines) < 2:
        return flow
    first, second = draw(st.permutations(list(flow.pipelines)))[:2]
    new = _fresh(flow, "j")
    both = [stage for old in (first, second) for stage in flow.pipelines[old].stages]
    ids = {first: new, second: new} | {stage.id: f"{new}.{stage.short}" for stage in both}
    moved = (*flow.moved, Moved("pipeline", first, new), Moved("pipeline", second, new))
    if draw(st.booleans()):
        old, into = (draw(st.sampled_from(flow.pipelines[home].stages)) for home in (second, first))
        ids[old.id] = ids[into.id]
        moved = (*moved, Moved("stage", old.id, ids[old.id]))
    stages = {ids[stage.id]: replace(stage, id=ids[stage.id]) for stage in reversed(both)}
    rest = {id_: one for id_, one in flow.pipelines.items() if id_ not in {first, second}}
    if len(stages) + sum(len(one.stages) for one in rest.values()) < _FEWEST_STAGES:
        return flow
    joined = replace(flow.pipelines[first], id=new, stages=tuple(stages.values()))
    return replace(_reworded(replace(flow, pipelines={**rest, new: joined}), ids), moved=moved)


def _merge(draw: st.DrawFn, flow: Flow) -> Flow:
    """A stage is merged into another one that is there already, or that comes to be by another change."""
    old, new = draw(_pairs(flow))
    if _alone(flow, old):
        return flow
    return replace(_reworded(_without(flow, old), {old: new}), moved=(*flow.moved, Moved("stage", old, new)))


def _remove(draw: st.DrawFn, flow: Flow) -> Flow:
    """A stage is removed, perhaps one that has its id only by another change: no store has known it so."""
    old, new = draw(_pairs(flow))
    if _alone(flow, old):
        return flow
    return replace(_reworded(_without(flow, old), {old: new}), removed=(*flow.removed, Removed(old, new)))


def _pairs(flow: Flow) -> st.SearchStrategy[tuple[str, str]]:
    """Two stages; of the first, tunnels leave, mostly."""
    stages = list(flow.stages)
    busy = [stage for tunnel in flow.tunnels.values() for stage in tunnel.sources] or stages
    return st.tuples(st.sampled_from([*busy, *busy, *stages]), st.sampled_from(stages)).filter(
        lambda two: two[0] != two[1]
    )


def _alone(flow: Flow, stage: str) -> bool:
    return len(flow.pipelines[stage.partition(".")[0]].stages) == 1


def _without(flow: Flow, stage: str) -> Flow:
    """The flow without the stage; what refers to it is yet to be reworded."""
    pipelines = {
        id_: replace(one, stages=tuple(other for other in one.stages if other.id != stage))
        for id_, one in flow.pipelines.items()
    }
    return replace(flow, pipelines=pipelines)


# Fields


def _rename_field(draw: st.DrawFn, flow: Flow) -> Flow:
    old = draw(st.sampled_from(list(flow.fields)))
    new = f"{first_name(old)}_{_fresh(flow, '')}"
    renamed = replace(flow.fields[old], id=new)
    reworded = _reworded(replace(flow, fields={**flow.fields, new: renamed}), {old: new})
    fields = {one.id: one for id_, field in flow.fields.items() for one in [renamed if id_ == old else field]}
    return replace(reworded, fields=fields, moved=(*flow.moved, Moved("field", old, new)))


def _remove_field(draw: st.DrawFn, flow: Flow) -> Flow:
    """A field goes that no tunnel needs; copies that took it along do so no more."""
    idle = [id_ for id_ in flow.fields if not _needs(flow, id_)]
    if not idle:
        return flow
    gone = draw(st.sampled_from(idle))
    tunnels_ = {
        id_: replace(one, copies=tuple(name for name in one.copies if name != gone))
        for id_, one in flow.tunnels.items()
    }
    return replace(flow, fields={id_: one for id_, one in flow.fields.items() if id_ != gone}, tunnels=tunnels_)


def _bring_back(draw: st.DrawFn, flow: Flow) -> Flow:
    """A field comes back under the id that it had at first; it may be a new one to the store."""
    here = {first_name(id_) for id_ in flow.fields}
    gone = [id_ for id_ in FIELDS if id_ not in here and id_ not in {moved.old for moved in flow.moved}]
    if not gone:
        return flow
    id_ = draw(st.sampled_from(gone))
    return replace(flow, fields={**flow.fields, id_: FIELDS[id_]})


def _default(draw: st.DrawFn, flow: Flow) -> Flow:
    """A field gets a default, another one, or none."""
    defaults: dict[str, list[Value]] = {
        "account": ["acme", None],
        "seats": [1, 5, None],
        "source": ["web", None],
        "paid": [True, False],
    }
    some = [id_ for id_ in flow.fields if first_name(id_) in defaults]
    if not some:
        return flow
    id_ = draw(st.sampled_from(some))
    default: Value = draw(st.sampled_from(defaults[first_name(id_)]))
    return replace(flow, fields={**flow.fields, id_: replace(flow.fields[id_], default=default)})


def _type(draw: st.DrawFn, flow: Flow) -> Flow:
    """An enum has other values, an integer is a decimal or one again: conditions and tunnels go on to fit."""
    others: dict[str, list[Type]] = {
        "source": [Type(Kind.ENUM, values=values) for values in (("web", "ads"), ("ads", "web", "fax"))],
        "seats": [INTEGER, decimal(0), decimal(2)],
    }
    some = [id_ for id_ in flow.fields if first_name(id_) in others]
    if not some:
        return flow
    id_ = draw(st.sampled_from(some))
    type_ = draw(st.sampled_from(others[first_name(id_)]))
    default = flow.fields[id_].default
    if isinstance(default, int | Decimal):
        default = int(default) if type_ == INTEGER else Decimal(default)
    edited = replace(flow, fields={**flow.fields, id_: replace(flow.fields[id_], type=type_, default=default)})
    return loads(dumps(edited))  # conditions are typed anew


def _needs(flow: Flow, field: str) -> bool:
    if any(field in stage.requires for stage in flow.stages.values()):
        return True
    record = json.loads(dumps(flow))
    for tunnel in record.get("tunnels", ()):
        tunnel.pop("copies", None)
        if re.search(rf'"{field}"|\bdeal\.{field}\b', json.dumps(tunnel)):
            return True
    return False


# The text


def _fresh(flow: Flow, short: str) -> str:
    """An id that nothing has had before, as far as the flow tells."""
    used = dumps(flow)
    return next(id_ for number in range(1, 1000) if (id_ := f"{short}x{number}") not in used)


def _reworded(flow: Flow, ids: dict[str, str]) -> Flow:
    """The flow with these ids wherever tunnels and stages refer to the old ones. What thereby makes no sense is left
    out: a stage from which a tunnel leads to itself, a tunnel without stages to leave."""
    record = json.loads(dumps(replace(flow, moved=(), removed=())))

    def edit(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: edit(item) for key, item in value.items()}
        if isinstance(value, list):
            return [edit(item) for item in value]
        if isinstance(value, str):
            for old, new in ids.items():
                if value == old:
                    return new
                for quote, text in (("'{}'", rf"'{re.escape(old)}'"), ("deal.{}", rf"\bdeal\.{re.escape(old)}\b")):
                    value = re.sub(text, quote.format(new), value)
        return value

    record = {key: edit(value) if key in {"tunnels", "pipelines"} else value for key, value in record.items()}
    kept = []
    for tunnel in record.get("tunnels", ()):
        tunnel["sources"] = [id_ for id_ in dict.fromkeys(tunnel["sources"]) if id_ != tunnel["target"]]
        if "origin_in" in tunnel:
            tunnel["origin_in"]["stages"] = list(dict.fromkeys(tunnel["origin_in"]["stages"]))
        if tunnel["sources"]:
            kept.append(tunnel)
    record["tunnels"] = kept
    return replace(loads(json.dumps(record)), moved=flow.moved, removed=flow.removed)


_FEWEST_STAGES = 4
_STAGES = (_rename_stage, _rename_pipeline, _join_pipelines, _merge, _merge, _merge, _remove, _remove)
_FIELDS = (_rename_field, _remove_field, _remove_field, _default, _default, _type)
