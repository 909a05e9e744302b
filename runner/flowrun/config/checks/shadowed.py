"""Moves that never get their turn, since another move takes every deal first.

A move takes every deal of a stage if it has neither condition nor delay, and its target requires nothing: it fires at
the entry itself. Then another move from there is impossible if it stands later in the files, or is due later.
Reported where that goes for all stages of a tunnel: a wildcard that is overruled in some of them is usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowrun.config.checks.loops import at_once
from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, Related, warning
from flowrun.flow.model import Action, Flow, Mode, Stage, Tunnel


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR330 at each move that another one makes impossible."""
    stages = flow.stages
    moves = [tunnel for tunnel in flow.tunnels.values() if takes_turn(tunnel)]
    order = {tunnel.id: index for index, tunnel in enumerate(moves)}
    first: dict[str, Tunnel] = {}
    for tunnel in moves:
        if takes_all(tunnel, stages):
            for source in tunnel.sources:
                first.setdefault(source, tunnel)
    for tunnel in moves:
        before = [first.get(source) for source in tunnel.sources]
        late = tunnel.after is not None and not tunnel.after.zero
        taken = [
            other
            for other in before
            if other is not None
            and other is not tunnel
            and (late or order[other.id] < order[tunnel.id])
            and (other.include_existing or not tunnel.include_existing)
        ]
        if taken and len(taken) == len(before):
            other = taken[0]
            message = f"'{tunnel.id}' never moves a deal: '{other.id}' moves every deal from there first"
            hint = f"give '{other.id}' a `when`, or remove one of them"
            related = [Related("takes them all", sites.tunnel(other.id))]
            yield warning("FR330", message, sites.tunnel(tunnel.id), hint, related)


def takes_turn(tunnel: Tunnel) -> bool:
    """Whether it is one of the moves of which an entry has at most one."""
    return tunnel.action is Action.MOVE and not tunnel.origin and tunnel.mode is Mode.LIVE


def takes_all(tunnel: Tunnel, stages: Mapping[str, Stage]) -> bool:
    """Whether it moves every deal at its entry."""
    unhindered = tunnel.when is None and tunnel.window is None and not tunnel.once_per_deal
    return unhindered and at_once(tunnel) and not stages[tunnel.target].requires
