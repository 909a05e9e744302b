"""Edits of stages."""

from __future__ import annotations

from flowrun.config.edits.history import tell_new, tell_removal, tell_renaming
from flowrun.config.edits.model import AddStage, MoveStage, RemoveStage, RenameStage, SetStage
from flowrun.config.edits.naming import check_unused, renamed
from flowrun.config.edits.pipelines import stage_keys
from flowrun.config.edits.project import Found, Project, check_id, in_order, keys_of, set_key
from flowrun.config.edits.references import Renaming
from flowrun.config.models import PipelineBlock, StageBlock
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.yamldoc import Mapping as Map
from flowrun.yamldoc import Node, Scalar, Sequence
from flowrun.yamldoc.plain import Add, Change, Impossible, Move, Plain, Put, Remove


def add_stage(project: Project, edit: AddStage) -> Project:
    """A new stage: as a bare id where it has nothing else and others are written so."""
    found = project.pipeline(edit.pipeline)
    stage = edit.stage
    check_id("stage", stage.id)
    if stage.id in _ids(found):
        raise Impossible(f"pipeline '{edit.pipeline}' has a stage '{stage.id}' already", "choose another id")
    project = tell_new(project, f"{edit.pipeline}.{stage.id}")
    found = project.pipeline(edit.pipeline)
    short = stage.name is None and stage.outcome is None
    bare = short and any(isinstance(node, Scalar) for node in _items(found))
    value: Plain = stage.id if bare else stage_keys(stage)
    before = None if edit.before is None else _number(found, edit.pipeline, edit.before)
    change: Change = Add((*found.path, "stages"), None, value, before)
    if "stages" not in keys_of(found.node):
        change = Add(found.path, "stages", [value], in_order(keys_of(found.node), PipelineBlock, "stages"))
    return project.patched({found.file: [change]})


def set_stage(project: Project, edit: SetStage) -> Project:
    """`name`, `outcome` or `requires` gets a value, or goes; a bare id becomes a mapping."""
    found, node = _find(project, edit.stage)
    if isinstance(node, Scalar):
        if edit.value is None:
            return project
        return project.patched({found.file: [Put(found.path, {"id": node.text, edit.key: edit.value})]})
    if edit.value is not None:
        return project.patched({found.file: [set_key(found, StageBlock, edit.key, edit.value)]})
    if edit.key not in keys_of(node):
        return project
    return project.patched({found.file: [Remove((*found.path, edit.key))]})


def rename_stage(project: Project, edit: RenameStage) -> Project:
    """Another id; every reference is mended, and `moved` tells it."""
    found, node = _find(project, edit.stage)
    pipeline, _, short = edit.stage.partition(".")
    check_id("stage", edit.to)
    if edit.to == short:
        return project
    if edit.to in _ids(project.pipeline(pipeline)):
        raise Impossible(f"pipeline '{pipeline}' has a stage '{edit.to}' already", "choose another id")
    path = found.path if isinstance(node, Scalar) else (*found.path, "id")
    renaming = Renaming("stage", edit.stage, f"{pipeline}.{edit.to}")
    project = renamed(project, renaming).patched({found.file: [Put(path, edit.to)]})
    return tell_renaming(project, renaming, found.file)


def remove_stage(project: Project, edit: RemoveStage) -> Project:
    """The stage goes; `removed` tells where its deals go. Refused while something refers to it."""
    found, _ = _find(project, edit.stage)
    pipeline = project.pipeline(edit.stage.partition(".")[0])
    if len(_items(pipeline)) == 1:
        says = f"'{excerpt(edit.stage)}' is the only stage of its pipeline"
        raise Impossible(says, "remove the pipeline, or add another stage first")
    if edit.deals_to is not None and (edit.deals_to == edit.stage or edit.deals_to not in project.outline.stages):
        raise Impossible(f"deals can't go to '{excerpt(edit.deals_to)}'", "give another stage that there is")
    noun = f"stage '{edit.stage}'"
    check_unused(project, noun, lambda kind, name: kind == "stage" and name == edit.stage)
    project = project.patched({found.file: [Remove(found.path)]})
    return tell_removal(project, edit.stage, edit.deals_to, found.file)


def move_stage(project: Project, edit: MoveStage) -> Project:
    """The stage goes before another one of its pipeline, or to the end."""
    found, _ = _find(project, edit.stage)
    pipeline = edit.stage.partition(".")[0]
    before = None if edit.before is None else _number(project.pipeline(pipeline), pipeline, edit.before)
    return project.patched({found.file: [Move(found.path, before)]})


def _find(project: Project, stage: str) -> tuple[Found, Node]:
    """Where a stage, named in full, is declared."""
    pipeline, _, short = stage.partition(".")
    found = project.pipeline(pipeline)
    n = _number(found, pipeline, short)
    node = _items(found)[n]
    return Found(found.file, (*found.path, "stages", n), node), node


def _number(found: Found, pipeline: str, short: str) -> int:
    ids = _ids(found)
    if short not in ids:
        hint = did_you_mean(short, [one for one in ids if one])
        raise Impossible(f"pipeline '{excerpt(pipeline)}' has no stage '{excerpt(short)}'", hint)
    return ids.index(short)


def _items(found: Found) -> tuple[Node, ...]:
    stages = found.node.get("stages") if isinstance(found.node, Map) else None
    return stages.items if isinstance(stages, Sequence) else ()


def _ids(found: Found) -> list[str | None]:
    """The ids of a pipeline's stages, None for one without."""
    ids = [node if isinstance(node, Scalar) else _id(node) for node in _items(found)]
    return [one.text if isinstance(one, Scalar) else None for one in ids]


def _id(node: Node) -> Node | None:
    return node.get("id") if isinstance(node, Map) else None
