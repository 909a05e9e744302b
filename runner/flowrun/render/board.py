"""The board: how many deals stand in each stage, pipeline by pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.flow.model import Flow
from flowrun.render.ink import Ink, Line, Run, line

_BAR = 20


def board(flow: Flow, counts: Mapping[str, int]) -> list[Line]:
    """The stages that have a count, under their pipelines, each with a bar."""
    longest = max((len(stage.short) for stage in flow.stages.values()), default=0)
    most = max(counts.values(), default=0) or 1
    lines: list[Line] = []
    for pipeline in flow.pipelines.values():
        stages = [stage for stage in pipeline.stages if stage.id in counts]
        if stages:
            lines.append(line(Run(pipeline.name, Ink.BOLD)))
        for stage in stages:
            count = counts[stage.id]
            bar = "█" * (count * _BAR // most) or ("▏" if count else "")
            runs = [Run(f"  {stage.short.ljust(longest)} {count:>7,}")]
            runs += [Run(f" {bar}", Ink.BLUE)] if bar else []
            runs += [Run(f" ({stage.outcome})", Ink.DIM)] if stage.outcome else []
            lines.append(tuple(runs))
    return lines
