"""The picture as a Mermaid flowchart: copies dashed, moves solid, and both said in words."""

from __future__ import annotations

import re
from itertools import pairwise

from flowrun.flow.model import Outcome, Stage
from flowrun.render.ink import visible
from flowrun.render.picture import Link, Picture

_SHAPE = {None: ('["', '"]'), Outcome.WON: ('(["', '"])'), Outcome.LOST: ('[["', '"]]')}


def mermaid(of: Picture) -> str:
    """The flowchart. Node ids are made of the stages' ids, so that a diff of two charts stays small."""
    lines = ["flowchart LR"]
    for pipeline in of.pipelines:
        lines.append(f'  subgraph {_id(pipeline.id)} ["{_label(pipeline.name)}"]')
        lines.append("    direction LR")
        for stage in pipeline.stages:
            left, right = _SHAPE[stage.outcome]
            lines.append(f"    {_id(stage.id)}{left}{_label(stage_label(stage))}{right}")
        lines += [f"    {_id(one.id)} ~~~ {_id(other.id)}" for one, other in pairwise(pipeline.stages)]
        lines.append("  end")
    lines += [f"  {_link(link)}" for link in of.links]
    return "\n".join(lines) + "\n"


def stage_label(stage: Stage) -> str:
    """The stage's label, with its outcome in words."""
    return f"{stage.name} ({stage.outcome})" if stage.outcome else stage.name


def _link(link: Link) -> str:
    arrow = "-.->" if link.copy else "-->"
    return f'{_id(link.source)} {arrow}|"{_label(link.label)}"| {_id(link.target)}'


def _id(id_: str) -> str:
    """An id that Mermaid takes for no keyword and that two stages never share: `_` doubled, `-` and `.` spelled."""
    return "n_" + id_.replace("_", "__").replace("-", "_d").replace(".", "_s")


def _label(text: str) -> str:
    """A text inside double quotes: whatever means something to Mermaid or HTML as an entity code."""
    return re.sub(r'[&<>"#`%\\]', lambda match: f"#{ord(match.group())};", visible(text))
