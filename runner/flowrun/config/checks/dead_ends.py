"""Stages that a deal never leaves though it has not ended there.

Reported is a stage without outcome that is the last of its pipeline and that no tunnel leads out of: the usual cause
is a forgotten `outcome`. An earlier stage is fine, since people take deals on from there.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, warning
from flowrun.flow.graph import edges
from flowrun.flow.model import Flow


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR321 at each such stage."""
    left = {edge.source for edge in edges(flow.tunnels.values())}
    for pipeline in flow.pipelines.values():
        last = pipeline.stages[-1]
        if last.outcome is None and last.id not in left:
            message = f"deals stay open in {last.id} for ever: it is the last stage, without `outcome`"
            hint = "add `outcome: won` or `outcome: lost`, or a tunnel that moves them on"
            yield warning("FR321", message, sites.span(last.id), hint)
