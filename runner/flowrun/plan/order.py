"""The order of tunnels, where it has a meaning: between two that leave one stage (semantics.md, "Order")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

from flowrun.flow.model import Flow

Overtaking = tuple[list[str], list[str]]
"""The tunnels that a tunnel has passed, and those that have passed it."""


def overtakings(old: Flow, wanted: Flow) -> Mapping[str, Overtaking]:
    """By tunnel, what its order changed against. Both flows go by the same ids.

    A pair that changed places is told once, of the tunnel that has changed places most: the one that was moved.
    """
    pairs = _changed_places(old, wanted)
    moves = Counter(id_ for pair in pairs for id_ in pair)
    found: dict[str, Overtaking] = {}
    for first, second in pairs:
        if moves[first] >= moves[second]:
            found.setdefault(first, ([], []))[0].append(second)
        else:
            found.setdefault(second, ([], []))[1].append(first)
    return found


def _changed_places(old: Flow, wanted: Flow) -> list[tuple[str, str]]:
    """Pairs of tunnels that leave one stage, in their new order, that stood the other way round."""
    places = {id_: place for place, id_ in enumerate(old.tunnels)}
    leaving: dict[str, list[str]] = {}
    for tunnel in wanted.tunnels.values():
        if tunnel.id in places:
            for stage in tunnel.sources:
                leaving.setdefault(stage, []).append(tunnel.id)
    pairs: dict[tuple[str, str], None] = {}
    for ids in leaving.values():
        if ids != sorted(ids, key=places.__getitem__):
            pairs |= {pair: None for pair in combinations(ids, 2) if places[pair[0]] > places[pair[1]]}
    return list(pairs)
