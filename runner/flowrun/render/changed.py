"""The picture of the tunnels that a plan changes, as a Mermaid flowchart: new, changed and removed told apart in words.

Only the stages that these tunnels link, and those that the plan adds or removes, are drawn. A removed thing is drawn
where it would stand if it were still there: renamed stages have their new ids throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flowrun.flow.model import Flow, Pipeline, Stage
from flowrun.plan import ChangeAction, ChangeKind, Comparison, renames
from flowrun.plan.identity import carried
from flowrun.render.mermaid import arrow, node, subgraph
from flowrun.render.picture import Link, picture

MAX_LINKS = 60
"""Beyond it nobody sees anything, and Mermaid gives up at some hundreds."""
MAX_STAGES = 120

_NEW, _CHANGED, _RENAMED, _REMOVED = "new", "changed", "renamed", "removed"
_COLOR = {_NEW: "#1a7f37", _CHANGED: "#9a6700", _RENAMED: "#9a6700", _REMOVED: "#cf222e"}
_WORD = {
    ChangeAction.ADD: _NEW,
    ChangeAction.CHANGE: _CHANGED,
    ChangeAction.RENAME: _RENAMED,
    ChangeAction.REMOVE: _REMOVED,
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The chart, empty where there is nothing to draw, and how many arrows it leaves out."""

    chart: str
    left_out: int = 0


def changed(of: Comparison) -> Drawn:
    """The picture of the changed tunnels, and of the stages that come or go."""
    base = of.before.flow
    before = carried(base, renames(base, of.wanted)) if base is not None else Flow("")
    links = list(_links(of, before))
    drawn = links[:MAX_LINKS]
    stages = {
        change.id: _WORD[change.action]
        for change in of.plan.changes
        if change.kind is ChangeKind.STAGE and change.action is not ChangeAction.CHANGE
    }
    shown = {stage for link, _ in drawn for stage in (link.source, link.target)}
    shown |= set(list(stages)[:MAX_STAGES])
    lines = ["flowchart LR"]
    unseen = 0
    for pipeline in _pipelines(of.wanted, before, shown, stages):
        lines += subgraph(pipeline)
        unseen += len(pipeline.stages) - 1
    if len(lines) == 1:
        return Drawn("")
    lines += [arrow(link, f"{word}: {link.label}") for link, word in drawn]
    for word, color in _COLOR.items():
        if ids := [str(unseen + at) for at, (_, how) in enumerate(drawn) if how == word]:
            lines.append(f"  linkStyle {','.join(ids)} stroke:{color}")
        if ids := [node(id_) for id_, how in stages.items() if how == word and id_ in shown]:
            lines.append(f"  classDef {word} stroke:{color},stroke-width:2px")
            lines.append(f"  class {','.join(ids)} {word}")
    return Drawn("\n".join(lines) + "\n", len(links) - len(drawn))


def _links(of: Comparison, before: Flow) -> Iterator[tuple[Link, str]]:
    """The arrows of changed tunnels; of one that leaves other stages now, the old arrows too."""
    changes = {change.id: change for change in of.plan.changes if change.kind is ChangeKind.TUNNEL}
    now = [link for link in picture(of.wanted).links if link.tunnel.id in changes]
    there = {(link.tunnel.id, link.source, link.target) for link in now}
    for link in now:
        yield link, _WORD[changes[link.tunnel.id].action]
    for link in picture(before).links:
        if link.tunnel.id in changes and (link.tunnel.id, link.source, link.target) not in there:
            yield link, _REMOVED


def _pipelines(wanted: Flow, before: Flow, shown: set[str], stages: Mapping[str, str]) -> Iterator[Pipeline]:
    """The pipelines with the shown stages only, in the order of the files; what is gone stands last."""
    for id_ in dict.fromkeys([*wanted.pipelines, *before.pipelines]):
        now, was = wanted.pipelines.get(id_), before.pipelines.get(id_)
        there = [*(now.stages if now else ()), *(was.stages if was else ())]
        unique = {stage.id: stage for stage in reversed(there)}
        order = dict.fromkeys(stage.id for stage in there)
        kept = tuple(_worded(unique[stage], stages.get(stage)) for stage in order if stage in shown)
        pipeline = now or was
        if kept and pipeline is not None:
            name = pipeline.name if now else f"{pipeline.name} ({_REMOVED})"
            yield replace(pipeline, name=name, stages=kept)


def _worded(stage: Stage, word: str | None) -> Stage:
    return stage if word is None else replace(stage, name=f"{stage.name} ({word})")
