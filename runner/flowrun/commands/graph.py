"""`graph`: the picture of the pipelines and tunnels in the files."""

from __future__ import annotations

from flowrun.commands.project import Project
from flowrun.diagnostics import did_you_mean
from flowrun.errors import WrongUsage
from flowrun.render.picture import Picture, picture


def graph(project: Project, pipeline: str | None = None) -> Picture:
    """The whole flow, or one pipeline with its neighbours.

    Raises InvalidFlow if the files have errors, WrongUsage if there is no such pipeline.
    """
    flow, _ = project.flow()
    if pipeline is not None and pipeline not in flow.pipelines:
        known = ", ".join(flow.pipelines) or "none"
        hint = did_you_mean(pipeline, flow.pipelines) or f"the pipelines are: {known}"
        raise WrongUsage(f"there is no pipeline '{pipeline}'", hint)
    return picture(flow, pipeline)
