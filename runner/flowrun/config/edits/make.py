"""Making an edit: texts in, changed texts out, or why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flowrun.config.edits import model, pipelines, stages, tunnels
from flowrun.config.edits.project import Project
from flowrun.yamldoc.plain import Impossible


@dataclass(frozen=True, slots=True)
class Refused:
    """An edit that can't be made cleanly: `reason` says why, in the user's words, `help` what to do, or is None."""

    reason: str
    help: str | None = None


def make_edit(texts: Mapping[str, bytes], edit: model.Edit) -> dict[str, bytes] | Refused:
    """The files that an edit changes or adds, by their paths; a batch is made whole or not at all.

    `texts` are all files of the project, scenario files included, by their paths below its folder. Whether what comes
    out is a project without errors is not looked at.
    """
    project = Project(texts)
    try:
        for one in edit.edits if isinstance(edit, model.Batch) else (edit,):
            project = _MAKE[type(one)](project, one)
    except Impossible as cause:
        return Refused(cause.reason, cause.help)
    return {file: data for file, data in project.texts.items() if texts.get(file) != data}


_MAKE: Mapping[type[model.Single], Callable[[Project, Any], Project]] = {
    model.AddTunnel: tunnels.add_tunnel,
    model.SetTunnel: tunnels.set_tunnel,
    model.RenameTunnel: tunnels.rename_tunnel,
    model.RemoveTunnel: tunnels.remove_tunnel,
    model.AddPipeline: pipelines.add_pipeline,
    model.SetPipeline: pipelines.set_pipeline,
    model.RenamePipeline: pipelines.rename_pipeline,
    model.RemovePipeline: pipelines.remove_pipeline,
    model.MovePipeline: pipelines.move_pipeline,
    model.AddStage: stages.add_stage,
    model.SetStage: stages.set_stage,
    model.RenameStage: stages.rename_stage,
    model.RemoveStage: stages.remove_stage,
    model.MoveStage: stages.move_stage,
}
