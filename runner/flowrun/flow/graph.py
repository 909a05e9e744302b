"""The flow as a graph: stages, and the ways that tunnels open between them.

Pure and iterative, so that it holds for thousands of tunnels: components by Tarjan's algorithm with a stack of its
own, rings by breadth-first search. All rings of a graph can be exponentially many; `rings` gives a few short ones
that together use every tunnel that is on any ring.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from flowrun.flow.model import Mode, Tunnel


@dataclass(frozen=True, slots=True)
class Edge:
    """One way that a tunnel opens: from one of its stages to its target."""

    source: str
    target: str
    tunnel: Tunnel


Ring = tuple[Edge, ...]
"""Edges that lead round: each begins where the one before ends, the first where the last ends."""


def edges(tunnels: Iterable[Tunnel]) -> tuple[Edge, ...]:
    """The ways of all tunnels that are not off, in their order."""
    return tuple(
        Edge(source, tunnel.target, tunnel)
        for tunnel in tunnels
        if tunnel.mode is not Mode.OFF
        for source in tunnel.sources
    )


def components(ways: Iterable[Edge]) -> dict[str, int]:
    """The strongly connected component of each stage that has a way in or out, as a number.

    Two stages are in one component if each leads to the other. The numbers rise against the ways: an edge between
    components leads to the lower number.
    """
    after: dict[str, dict[str, None]] = {}
    for edge in ways:
        after.setdefault(edge.source, {})[edge.target] = None
        after.setdefault(edge.target, {})
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    found: dict[str, int] = {}
    open_: list[str] = []
    count = 0
    for root in after:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        open_.append(root)
        work = [(root, iter(after[root]))]
        while work:
            stage, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[stage])
                if low[stage] == number[stage]:
                    while True:
                        member = open_.pop()
                        found[member] = count
                        if member == stage:
                            break
                    count += 1
            elif following not in number:
                number[following] = low[following] = len(number)
                open_.append(following)
                work.append((following, iter(after[following])))
            elif following not in found:
                low[stage] = min(low[stage], number[following])
    return found


def rings(
    ways: Collection[Edge], covered: set[str], through: Callable[[Edge], bool] | None = None, limit: int = 100
) -> Iterator[Ring]:
    """Short rings that use, together, every tunnel that is on a ring and not in `covered`; at most `limit`.

    Only edges for which `through` holds, if it is given, are covered this way. A ring starts with its first tunnel in
    the order of `ways`; the ids of its tunnels are added to `covered`.
    """
    component = components(ways)
    inner = [edge for edge in ways if component[edge.source] == component[edge.target]]
    rank: dict[str, int] = {}
    first: dict[str, dict[str, Edge]] = {}
    before: dict[str, set[str]] = {}
    for edge in inner:
        rank.setdefault(edge.tunnel.id, len(rank))
        first.setdefault(edge.source, {}).setdefault(edge.target, edge)
        before.setdefault(edge.target, set()).add(edge.source)
    for edge in inner:
        if limit and edge.tunnel.id not in covered and (through is None or through(edge)):
            limit -= 1
            ring = (edge, *_way(edge.target, edge.source, first, before))
            start = min(range(len(ring)), key=lambda index: rank[ring[index].tunnel.id])
            covered.update(step.tunnel.id for step in ring)
            yield (*ring[start:], *ring[:start])


def _way(start: str, goal: str, first: dict[str, dict[str, Edge]], before: dict[str, set[str]]) -> Iterator[Edge]:
    """The edges of a shortest way from one stage to another of its component; of several, the first ones."""
    distance = {goal: 0}
    border, steps = {goal}, 0
    while start not in distance:
        steps += 1
        border = {stage for reached in border for stage in before[reached]} - distance.keys()
        distance.update(dict.fromkeys(border, steps))
    at = start
    while at != goal:
        edge = next(e for stage, e in first[at].items() if distance.get(stage) == distance[at] - 1)
        yield edge
        at = edge.target
