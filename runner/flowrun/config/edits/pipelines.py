"""Edits of pipelines."""

from __future__ import annotations

from collections import Counter

from flowrun.config.edits.history import tell_new, tell_removal, tell_renaming
from flowrun.config.edits.model import (
    AddPipeline,
    MovePipeline,
    NewStage,
    RemovePipeline,
    RenamePipeline,
    SetPipeline,
)
from flowrun.config.edits.naming import check_unused, renamed
from flowrun.config.edits.project import Project, check_id, keys_of, set_key
from flowrun.config.edits.references import Renaming
from flowrun.config.models import PipelineBlock
from flowrun.diagnostics import excerpt
from flowrun.yamldoc.plain import Impossible, Move, Plain, Remove


def add_pipeline(project: Project, edit: AddPipeline) -> Project:
    """A new pipeline, the last of its file."""
    check_id("pipeline", edit.id)
    _check_free(project, edit.id)
    project = tell_new(project, edit.id)
    for stage in edit.stages:
        check_id("stage", stage.id)
        project = tell_new(project, f"{edit.id}.{stage.id}")
    twice = [id_ for id_, count in Counter(stage.id for stage in edit.stages).items() if count > 1]
    if twice:
        raise Impossible(f"two of the stages have the id '{twice[0]}'", "choose another id")
    named = any(stage.name is not None for stage in edit.stages)
    stages: list[Plain] = [stage_keys(stage) if named or stage.outcome else stage.id for stage in edit.stages]
    value: Plain = {"stages": stages} if edit.name is None else {"name": edit.name, "stages": stages}
    most = Counter({file: len(keys_of(root.get("pipelines"))) for file, root in project.roots.items()})
    file = project.file_for(edit.file, [file for file, count in most.most_common(1) if count])
    return project.patched({file: [project.added(file, "pipelines", edit.id, value)]})


def set_pipeline(project: Project, edit: SetPipeline) -> Project:
    """`name` or `calendar` gets a value, or goes."""
    found = project.pipeline(edit.id)
    if edit.value is not None:
        return project.patched({found.file: [set_key(found, PipelineBlock, edit.key, edit.value)]})
    if edit.key not in keys_of(found.node):
        return project
    return project.patched({found.file: [Remove((*found.path, edit.key))]})


def rename_pipeline(project: Project, edit: RenamePipeline) -> Project:
    """Another id; every reference is mended, its stages' among them, and `moved` tells it."""
    found = project.pipeline(edit.id)
    check_id("pipeline", edit.to)
    if edit.to == edit.id:
        return project
    _check_free(project, edit.to)
    renaming = Renaming("pipeline", edit.id, edit.to)
    return tell_renaming(renamed(project, renaming), renaming, found.file)


def remove_pipeline(project: Project, edit: RemovePipeline) -> Project:
    """The pipeline goes; `removed` tells where the deals of its stages go. Refused while something refers to it."""
    found = project.pipeline(edit.id)
    stages = next(one.stages for one in project.outline.pipelines if one.id == edit.id)
    if unknown := edit.deals.keys() - {stage.id for stage in stages}:
        raise Impossible(f"pipeline '{edit.id}' has no stage '{excerpt(min(unknown))}'")
    for target in edit.deals.values():
        if target.partition(".")[0] == edit.id or target not in project.outline.stages:
            raise Impossible(f"deals can't go to '{excerpt(target)}'", "give a stage of another pipeline")
    check_unused(
        project,
        f"pipeline '{edit.id}'",
        lambda kind, name: (
            (kind == "pipeline" and name == edit.id) or (kind == "stage" and name.partition(".")[0] == edit.id)
        ),
    )
    section = project.roots[found.file].get("pipelines")
    project = project.patched({found.file: [Remove(found.path if len(keys_of(section)) > 1 else found.path[:1])]})
    for stage in stages:
        project = tell_removal(project, stage.stage, edit.deals.get(stage.id), found.file)
    return tell_removal(project, edit.id, None, found.file)


def move_pipeline(project: Project, edit: MovePipeline) -> Project:
    """The pipeline goes before another one, or to the end; within its file, as files are read in their order."""
    found = project.pipeline(edit.id)
    order = {file: keys_of(root.get("pipelines")) for file, root in project.roots.items()}
    here = order[found.file]
    files = [file for file, ids in order.items() if ids]
    later = files[files.index(found.file) + 1 :]
    if edit.before is not None:
        other = project.pipeline(edit.before)
        if other.file == found.file:
            return project.patched({found.file: [Move(found.path, here.index(edit.before))]})
        reachable = bool(later) and other.file == later[0] and order[other.file][0] == edit.before
    else:
        reachable = not later
    if not reachable:
        says = f"'{excerpt(edit.id)}' stands in {found.file}, and files are read in the order of their names"
        raise Impossible(says, "move it to another file in an editor")
    return project.patched({found.file: [Move(found.path, None)]})


def stage_keys(stage: NewStage) -> Plain:
    """A new stage as the keys of its mapping."""
    keys = {"id": stage.id, "name": stage.name, "outcome": stage.outcome}
    return {key: value for key, value in keys.items() if value is not None}


def _check_free(project: Project, id_: str) -> None:
    if project.find("pipelines", id_):
        raise Impossible(f"there is a pipeline '{excerpt(id_)}' already", "choose another id")
