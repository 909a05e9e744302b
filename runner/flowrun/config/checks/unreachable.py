"""Stages that no deal gets to.

People, imports and programs may bring a deal anywhere, so little is certain. What is taken for granted: deals begin in
the first stage of a pipeline, and people take them on from a stage to later ones of the same pipeline, unless the
deal has ended there or a tunnel takes every deal away at its entry. A stage is reported if not even so a deal gets
there, nor by any tunnel: it lies between stages that the flow passes over by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowrun.config.checks.shadowed import takes_all, takes_turn
from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, warning
from flowrun.flow.graph import edges
from flowrun.flow.model import Flow


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR320 at each such stage; not at those that only such stages lead to."""
    stages = flow.stages
    passed = {
        source
        for tunnel in flow.tunnels.values()
        if takes_turn(tunnel) and takes_all(tunnel, stages)
        for source in tunnel.sources
    }
    led_to = {edge.target for edge in edges(flow.tunnels.values())}
    for pipeline in flow.pipelines.values():
        workable = False
        for stage in pipeline.stages:
            reached = workable or stage is pipeline.stages[0] or stage.id in led_to
            if not reached:
                message = f"no deal gets to {stage.id}: no tunnel leads there, and earlier stages are left at once"
                hint = "lead a tunnel there, or remove the stage"
                yield warning("FR320", message, sites.span(stage.id), hint)
            workable = workable or (reached and stage.outcome is None and stage.id not in passed)
