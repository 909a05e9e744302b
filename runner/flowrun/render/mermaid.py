"""The picture as a Mermaid flowchart: copies dashed, moves solid, and both said in words."""

from __future__ import annotations

import re
from itertools import pairwise

from flowrun.flow.model import Outcome, Pipeline, Stage
from flowrun.render.ink import visible
from flowrun.render.picture import Link, Picture

_SHAPE = {None: ('["', '"]'), Outcome.WON: ('(["', '"])'), Outcome.LOST: ('[["', '"]]')}


def mermaid(of: Picture) -> str:
    """The flowchart. Node ids are made of the stages' ids, so that a diff of two charts stays small."""
    lines = ["flowchart LR", *(row for pipeline in of.pipelines for row in subgraph(pipeline))]
    lines += [arrow(link, link.label) for link in of.links]
    return "\n".join(lines) + "\n"


def subgraph(pipeline: Pipeline) -> list[str]:
    """The lines of one pipeline; each two neighbouring stages have a link between them that isn't seen."""
    lines = [f'  subgraph {node(pipeline.id)} ["{_quoted(pipeline.name)}"]', "    direction LR"]
    for stage in pipeline.stages:
        left, right = _SHAPE[stage.outcome]
        lines.append(f"    {node(stage.id)}{left}{_quoted(stage_label(stage))}{right}")
    lines += [f"    {node(one.id)} ~~~ {node(other.id)}" for one, other in pairwise(pipeline.stages)]
    return [*lines, "  end"]


def stage_label(stage: Stage) -> str:
    """The stage's label, with its outcome in words."""
    return f"{stage.name} ({stage.outcome})" if stage.outcome else stage.name


def arrow(link: Link, label: str) -> str:
    """The line of one link with that label: dashed for a copy."""
    shaft = "-.->" if link.copy else "-->"
    return f'  {node(link.source)} {shaft}|"{_quoted(label)}"| {node(link.target)}'


def node(id_: str) -> str:
    """An id that Mermaid takes for no keyword and that two stages never share: `_` doubled, `-` and `.` spelled."""
    return "n_" + id_.replace("_", "__").replace("-", "_d").replace(".", "_s")


def _quoted(text: str) -> str:
    """A text inside double quotes: whatever means something to Mermaid or HTML as an entity code."""
    return re.sub(r'[&<>"#`%\\]', lambda match: f"#{ord(match.group())};", visible(text))
