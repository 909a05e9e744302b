"""Stages and tunnels as a graph."""

from __future__ import annotations

from flowrun.flow.graph import Edge, Ring, components, edges, rings
from flowrun.flow.model import Action, Mode, Tunnel
from tests.calls import calls


def tunnel(name: str, sources: str, target: str, action: Action = Action.MOVE, mode: Mode = Mode.LIVE) -> Tunnel:
    return Tunnel(name, tuple(sources.split()), target, action, mode=mode)


def stages(ring: Ring) -> str:
    return " ".join(edge.source for edge in ring)


def names(ring: Ring) -> str:
    return " ".join(edge.tunnel.id for edge in ring)


def closed(ring: Ring) -> bool:
    return all(one.target == following.source for one, following in zip(ring, ring[1:] + ring[:1], strict=True))


def test_a_tunnel_is_an_edge_from_each_of_its_stages_and_none_when_off() -> None:
    one = tunnel("one", "a b", "c")
    assert edges([one, tunnel("two", "c", "a", mode=Mode.OFF)]) == (Edge("a", "c", one), Edge("b", "c", one))


def test_components_rise_against_the_edges() -> None:
    ways = edges([tunnel("1", "a", "b"), tunnel("2", "b", "c"), tunnel("3", "c", "b"), tunnel("4", "c", "d")])
    found = components(ways)
    assert found["b"] == found["c"]
    assert found["a"] > found["b"] > found["d"]
    assert len(set(found.values())) == 3


def test_no_ring_without_a_way_back() -> None:
    ways = edges([tunnel("1", "a", "b"), tunnel("2", "b", "c"), tunnel("3", "a", "c")])
    assert list(rings(ways, set())) == []


def test_a_ring_starts_with_its_first_tunnel_and_is_closed() -> None:
    ways = edges([tunnel("x", "c", "a"), tunnel("y", "a", "b"), tunnel("z", "b", "c")])
    (ring,) = rings(ways, set())
    assert (stages(ring), names(ring)) == ("c a b", "x y z")
    assert closed(ring)


def test_the_shortest_way_back_is_taken() -> None:
    ways = edges(
        [
            tunnel("1", "a", "b"),
            tunnel("2", "b", "c"),
            tunnel("3", "c", "d"),
            tunnel("4", "d", "a"),
            tunnel("5", "c", "a"),
        ]
    )
    assert [names(ring) for ring in rings(ways, set())] == ["1 2 5", "1 2 3 4"]


def test_every_tunnel_on_a_ring_is_covered_and_told_of_no_more_than_needed() -> None:
    ways = edges([tunnel("1", "a", "b"), tunnel("2", "b", "a"), tunnel("3", "b c", "a"), tunnel("4", "a", "c")])
    covered: set[str] = set()
    found = [names(ring) for ring in rings(ways, covered)]
    assert covered == {"1", "2", "3", "4"}
    assert found == ["1 2", "1 3", "3 4"]


def test_what_is_covered_already_is_left_alone() -> None:
    ways = edges([tunnel("1", "a", "b"), tunnel("2", "b", "a")])
    assert list(rings(ways, {"1", "2"})) == []


def test_only_rings_through_wanted_edges() -> None:
    ways = edges(
        [tunnel("1", "a", "b"), tunnel("2", "b", "a"), tunnel("3", "b", "c", Action.COPY), tunnel("4", "c", "b")]
    )
    assert [names(ring) for ring in rings(ways, set(), lambda edge: edge.tunnel.action is Action.COPY)] == ["3 4"]


def test_a_chain_of_thousands_needs_no_recursion() -> None:
    size = 5_000
    ways = edges([tunnel(str(number), f"s{number}", f"s{(number + 1) % size}") for number in range(size)])
    (ring,) = rings(ways, set())
    assert len(ring) == size
    assert closed(ring)


def test_a_dense_graph_is_no_trouble() -> None:
    """2,000 tunnels, each from 100 of 400 stages: 200,000 edges, astronomically many rings."""
    all_stages = [f"s{number}" for number in range(400)]
    dense = [
        tunnel(f"t{number}", " ".join(all_stages[(number * 7) % 300 :][:100]), all_stages[(number * 7 - 1) % 400])
        for number in range(2_000)
    ]
    assert calls(lambda: list(rings(edges(dense), set()))) < 15 * 200_000  # each edge is passed a few times, no more
    found = list(rings(edges(dense), set()))
    assert 0 < len(found) <= 100
    assert all(map(closed, found))
