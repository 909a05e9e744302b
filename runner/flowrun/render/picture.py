"""What `graph` draws: pipelines with their stages, and a link for each stage that a tunnel leaves.

One picture, three ways to write it down (`mermaid`, `dot`, `svg`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flowrun.flow.model import Action, Flow, Mode, Pipeline, Tunnel


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow from a stage to a stage. `details` say what the tunnel does and when: `copy`, `after 2h`, `shadow`."""

    tunnel: Tunnel
    source: str
    target: str
    details: tuple[str, ...]

    @property
    def copy(self) -> bool:
        """Whether the deal is copied; else it is moved."""
        return self.tunnel.action is Action.COPY

    @property
    def label(self) -> str:
        """The tunnel and its details on one line."""
        return f"{self.tunnel.id} · {', '.join(self.details)}"


@dataclass(frozen=True, slots=True)
class Picture:
    """Pipelines in the order of the files; of a neighbour of the one asked for, only the stages that links touch."""

    project: str
    pipelines: tuple[Pipeline, ...]
    links: tuple[Link, ...]


def picture(flow: Flow, pipeline: str | None = None) -> Picture:
    """The picture of the whole flow, or of one pipeline with its neighbours. `pipeline` is an id that the flow has."""
    links = tuple(
        Link(tunnel, source, tunnel.target, tuple(_details(tunnel)))
        for tunnel in flow.tunnels.values()
        for source in tunnel.sources
        if pipeline is None or pipeline in {source.partition(".")[0], tunnel.target.partition(".")[0]}
    )
    if pipeline is None:
        return Picture(flow.project, tuple(flow.pipelines.values()), links)
    touched = {stage for link in links for stage in (link.source, link.target)}
    kept = (
        one if one.id == pipeline else replace(one, stages=tuple(stage for stage in one.stages if stage.id in touched))
        for one in flow.pipelines.values()
    )
    return Picture(flow.project, tuple(one for one in kept if one.stages), links)


def _details(tunnel: Tunnel) -> Iterator[str]:
    yield f"{tunnel.action} the origin" if tunnel.origin else str(tunnel.action)
    if tunnel.after is not None and not tunnel.after.zero:
        yield f"after {tunnel.after}"
    if tunnel.at is not None:
        offset = tunnel.at.offset
        sign = "" if offset.negative else "+"
        yield f"at {tunnel.at.field}" + ("" if offset.zero else f" {sign}{offset}")
    if tunnel.when is not None:
        yield "if …"
    if tunnel.mode is not Mode.LIVE:
        yield str(tunnel.mode)
