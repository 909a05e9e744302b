"""Rings and components of random graphs, beside the definitions."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.flow.graph import Edge, components, edges, rings
from flowrun.flow.model import Action, Tunnel

NODES = "abcdef"
PAIRS = [(source, target) for source, target in product(NODES, NODES) if source != target]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Edge, ...]:
    """Up to ten tunnels between six stages, some of them from several."""
    found = []
    for number in range(draw(st.integers(0, 10))):
        target = draw(st.sampled_from(NODES))
        sources = draw(st.sets(st.sampled_from([node for node in NODES if node != target]), min_size=1, max_size=3))
        found.append(Tunnel(str(number), tuple(sorted(sources)), target, draw(st.sampled_from(list(Action)))))
    return edges(found)


def reach(ways: tuple[Edge, ...]) -> set[tuple[str, str]]:
    """Which stages lead to which, by closing the relation."""
    pairs = {(edge.source, edge.target) for edge in ways}
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_components_are_those_that_lead_to_each_other(ways: tuple[Edge, ...]) -> None:
    found, leads = components(ways), reach(ways)
    for one, other in product(found, found):
        assert (found[one] == found[other]) == (one == other or {(one, other), (other, one)} <= leads)
    assert all(found[edge.source] >= found[edge.target] for edge in ways)


@settings(max_examples=200, deadline=None)
@given(graphs(), st.sets(st.sampled_from("0123456789"), max_size=4))
def test_rings_are_rings_and_cover_each_tunnel_that_is_on_one(ways: tuple[Edge, ...], before: set[str]) -> None:
    leads = reach(ways)
    on_a_ring = {edge.tunnel.id for edge in ways if (edge.target, edge.source) in leads}
    covered = set(before)
    for ring in rings(ways, covered):
        assert set(ring) <= set(ways)
        assert len({edge.source for edge in ring}) == len(ring)
        assert all(one.target == following.source for one, following in zip(ring, ring[1:] + ring[:1], strict=True))
        assert ring[0].tunnel.id == min((edge.tunnel.id for edge in ring), key=int)
    assert on_a_ring <= covered
    assert covered - before <= on_a_ring


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_a_ring_through_a_copy_is_found_if_there_is_one(ways: tuple[Edge, ...]) -> None:
    leads = reach(ways)
    found = list(rings(ways, set(), lambda edge: edge.tunnel.action is Action.COPY))
    assert all(any(edge.tunnel.action is Action.COPY for edge in ring) for ring in found)
    wanted = any(edge.tunnel.action is Action.COPY and (edge.target, edge.source) in leads for edge in ways)
    assert bool(found) == wanted
