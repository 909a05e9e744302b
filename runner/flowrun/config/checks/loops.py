"""Loops: tunnels that lead a deal, or its copies, back to where it was.

Source: semantics.md, "Loops". A ring in which no tunnel has a `when` or `unless_exists` is refused if all of them are
at once (it would run without end) or one is a copy (each turn makes another deal); every other ring is a warning,
since its conditions, people or `limits` may end it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, Related, error, warning
from flowrun.flow.graph import Edge, Ring, edges, rings
from flowrun.flow.model import Action, Flow, Tunnel

_SHOWN = 8
"""Stages of a path that a message shows."""


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR301 for rings that run for ever, FR310 for the others; each tunnel that is on any is in one of them."""
    ways = edges(flow.tunnels.values())
    free = [edge for edge in ways if not held(edge.tunnel)]
    instant = [edge for edge in free if at_once(edge.tunnel)]
    covered: set[str] = set()
    for ring in chain(rings(instant, covered), rings(free, covered, _copies), rings(ways, covered)):
        place = sites.tunnel(ring[0].tunnel.id)
        if why := _endless(ring):
            hint = f"no tunnel of it has a `when` or `unless_exists`, and {why}; give one of them a condition"
            yield error("FR301", f"a loop that runs for ever: {path(ring)}", place, hint, _others(ring, sites))
        else:
            hops = f"{flow.limits.max_hops} hops"
            hint = f"`limits` parks a deal after {hops}; if this loop is meant, say so: # flowrun: ignore[FR310]"
            yield warning("FR310", f"a loop: {path(ring)}", place, hint, _others(ring, sites))


def held(tunnel: Tunnel) -> bool:
    """Whether something about the deal or the others may keep the tunnel from firing."""
    return tunnel.when is not None or tunnel.unless_exists is not None


def at_once(tunnel: Tunnel) -> bool:
    """Whether the tunnel is due at the very entry."""
    return tunnel.at is None and (tunnel.after is None or tunnel.after.zero)


def _copies(edge: Edge) -> bool:
    return edge.tunnel.action is Action.COPY


def _endless(ring: Ring) -> str | None:
    """Why the ring runs for ever, or None if it may end."""
    if any(held(edge.tunnel) for edge in ring):
        return None
    if all(at_once(edge.tunnel) for edge in ring):
        return "all of them are at once"
    return "each turn makes another deal" if any(map(_copies, ring)) else None


def path(ring: Ring) -> str:
    """The stages of a ring, the first one again at the end; long ones shortened."""
    stages = [edge.source for edge in ring]
    if len(stages) > _SHOWN:
        stages = [*stages[: _SHOWN - 1], f"({len(stages) - _SHOWN + 1} more)"]
    return " → ".join([*stages, ring[0].source])


def _others(ring: Ring, sites: Sites) -> Iterator[Related]:
    """The other tunnels of a ring, each once."""
    first = ring[0].tunnel.id
    for tunnel in dict.fromkeys(edge.tunnel.id for edge in ring[1:_SHOWN]):
        if tunnel != first:
            yield Related(f"goes on by '{tunnel}'", sites.tunnel(tunnel))
