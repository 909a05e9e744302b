"""The way back: the flow of an earlier revision, with the renames since then written the other way round.

A rollback makes an earlier flow the wanted one. What was renamed since is renamed back, so that deals, live dates and
ledgers follow; what was merged since can't be told apart any more, so of the stages that became one, the first takes
all the deals and the others come back empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from flowrun.flow.model import Flow, Moved
from flowrun.plan.identity import Renames, renames


class NoWayBack(ValueError):
    """`moved` can't say it: an id has since come to stand for something else. `str(error)` is one line."""


def back(history: Sequence[Flow]) -> Flow:
    """The flow to want for going back from the last flow of the history to its first; the others lie between.

    The store stays in its environment. Raises NoWayBack.
    """
    then, now = history[0], history[-1]
    since = _since(history)
    moved = [
        *_reversed("pipeline", since.pipelines, then.pipelines),
        *_reversed("stage", since.stages, then.stages),
        *_reversed("tunnel", since.tunnels, then.tunnels),
        *_reversed("field", since.fields, then.fields),
    ]
    wanted = replace(then, moved=tuple(moved), removed=(), environment=now.environment)
    found = renames(now, wanted)
    for kind, known in (
        ("pipeline", found.pipelines),
        ("stage", found.stages),
        ("tunnel", found.tunnels),
        ("field", found.fields),
    ):
        for one in moved:
            if one.kind == kind and known.get(one.old) != one.new:
                raise NoWayBack(
                    f"the {kind} {one.old} was {one.new} then, and {one.old} was something else: "
                    "both can't be renamed in one step"
                )
    pipelines = {one.old: one.new for one in moved if one.kind == "pipeline"}
    return replace(wanted, moved=tuple(one for one in moved if not _carried_along(one, pipelines)))


def _since(history: Sequence[Flow]) -> Renames:
    """What each thing of the first flow is called in the last one; those that are gone are left out."""
    steps = [renames(before, after) for before, after in pairwise(history)]

    def of(
        ids: Callable[[Flow], Mapping[str, object]], names: Callable[[Renames], Mapping[str, str]]
    ) -> dict[str, str]:
        found = {id_: id_ for id_ in ids(history[0])}
        for step, after in zip(steps, history[1:], strict=True):
            known = ids(after)
            followed = {id_: names(step).get(name, name) for id_, name in found.items()}
            found = {id_: name for id_, name in followed.items() if name in known}
        return found

    return Renames(
        pipelines=of(lambda flow: flow.pipelines, lambda step: step.pipelines),
        stages=of(lambda flow: flow.stages, lambda step: step.stages),
        tunnels=of(lambda flow: flow.tunnels, lambda step: step.tunnels),
        fields=of(lambda flow: flow.fields, lambda step: step.fields),
    )


def _reversed(kind: str, since: Mapping[str, str], then: Mapping[str, object]) -> list[Moved]:
    """The renames back. Of several that became one, the one that kept its name has it, else the first."""
    taken: set[str] = {now for old, now in since.items() if old == now}
    moved = []
    for old in then:
        now = since.get(old)
        if now is not None and now not in taken:
            taken.add(now)
            moved.append(Moved(kind, now, old))
    return moved


def _carried_along(one: Moved, pipelines: Mapping[str, str]) -> bool:
    """Whether a stage's rename follows from that of its pipeline."""
    pipeline, _, short = one.old.partition(".")
    return one.kind == "stage" and one.new == f"{pipelines.get(pipeline)}.{short}"
