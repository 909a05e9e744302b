"""The picture in DOT, for Graphviz: copies dashed, moves solid, and both said in words."""

from __future__ import annotations

from flowrun.flow.model import Stage
from flowrun.render.ink import visible
from flowrun.render.mermaid import stage_label
from flowrun.render.picture import Link, Picture


def dot(of: Picture) -> str:
    """The directed graph, a cluster for each pipeline."""
    lines = [
        f"digraph {_quoted(of.project)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style=rounded, fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=10];',
    ]
    for pipeline in of.pipelines:
        lines.append(f"  subgraph {_quoted(f'cluster_{pipeline.id}')} {{")
        lines.append(f"    label={_quoted(pipeline.name)};")
        lines += [f"    {_stage(stage)}" for stage in pipeline.stages]
        if len(pipeline.stages) > 1:
            order = " -> ".join(_quoted(stage.id) for stage in pipeline.stages)
            lines.append(f"    {order} [style=invis];")
        lines.append("  }")
    lines += [f"  {_link(link)}" for link in of.links]
    return "\n".join(lines) + "\n}\n"


def _stage(stage: Stage) -> str:
    border = ", peripheries=2" if stage.outcome else ""
    return f"{_quoted(stage.id)} [label={_quoted(stage_label(stage))}{border}];"


def _link(link: Link) -> str:
    style = "dashed" if link.copy else "solid"
    return f"{_quoted(link.source)} -> {_quoted(link.target)} [label={_quoted(link.label)}, style={style}];"


def _quoted(text: str) -> str:
    """A DOT string. Backslashes are doubled, since labels know escapes such as `\\n` and `\\N`."""
    escaped = visible(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
