"""Fan-out: how many copies one deal can become on its ways through the flow.

Source: semantics.md, "Loops": beyond `limits.max_copies` it is a warning with its path. Every condition is taken to
hold. From a stage, a deal takes all copies and one of the moves, and each copy goes on by itself; what moves the
origin wakes it up again in its new stage. Rings are left to `loops`.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, warning
from flowrun.flow.graph import Edge, components, edges
from flowrun.flow.model import Action, Flow

_MANY = 1_000_000
"""Beyond this, the number itself says nothing more."""


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR311 at each stage where it begins: none of the stages after it is beyond the limit itself."""
    ways = edges(flow.tunnels.values())
    component = components(ways)
    out: dict[str, list[Edge]] = {}
    for edge in ways:
        if component[edge.source] != component[edge.target]:
            out.setdefault(edge.source, []).append(edge)
    copies: dict[str, int] = {}
    for stage in sorted(component, key=lambda stage: component[stage]):
        copies[stage] = _copies(out.get(stage, ()), copies)
    limit = flow.limits.max_copies
    for stage in flow.stages:
        following = out.get(stage, ())
        if copies.get(stage, 0) > limit and all(copies[edge.target] <= limit for edge in following):
            number = f"{copies[stage]:,}" if copies[stage] < _MANY else "a million or more"
            message = f"a deal in {stage} can become {number} copies: {_path(stage, out, copies)}"
            hint = f"`limits` allows {limit} per `per`; further firings are parked"
            yield warning("FR311", message, sites.span(stage), hint)


def _copies(ways: list[Edge] | tuple[()], copies: dict[str, int]) -> int:
    """The most copies that come of a deal which has these ways before it."""
    total, most = 0, 0
    for edge in ways:
        further = copies[edge.target]
        if edge.tunnel.action is Action.COPY:
            total += 1 + further
        elif edge.tunnel.origin:
            total += further
        else:
            most = max(most, further)
    return min(total + most, _MANY)


def _path(stage: str, out: dict[str, list[Edge]], copies: dict[str, int]) -> str:
    """The way that makes the most of them."""
    path = [stage]
    while ways := out.get(path[-1]):
        path.append(max(ways, key=lambda edge: copies[edge.target]).target)
    return " → ".join(path)
