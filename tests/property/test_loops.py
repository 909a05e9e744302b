"""Which loops are refused and which are warned of, beside every ring of small random flows."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.calendars.durations import Duration
from flowrun.config.checks import loops
from flowrun.config.sites import Sites
from flowrun.diagnostics import Span
from flowrun.expr import Names, builtins, parse_condition
from flowrun.flow.graph import Edge, Ring, edges
from flowrun.flow.model import Action, Flow, Mode, Tunnel, UnlessExists

NODES = "abcd"
CONDITION, _ = parse_condition("deal.title == 'x'", Names(builtins((), ()), {}))


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Up to seven tunnels between four stages."""
    tunnels = {}
    for number in range(draw(st.integers(1, 7))):
        target = draw(st.sampled_from(NODES))
        sources = draw(st.sets(st.sampled_from([node for node in NODES if node != target]), min_size=1, max_size=2))
        action = draw(st.sampled_from(list(Action)))
        unless = UnlessExists(("title",), "p") if action is Action.COPY and draw(st.booleans()) else None
        tunnels[str(number)] = Tunnel(
            id=str(number),
            sources=tuple(sorted(sources)),
            target=target,
            action=action,
            when=draw(st.sampled_from([None, None, CONDITION])),
            after=draw(st.sampled_from([None, Duration(), Duration(days=1)])),
            unless_exists=unless,
            once_per_deal=draw(st.booleans()),
            mode=draw(st.sampled_from([Mode.LIVE, Mode.LIVE, Mode.SHADOW, Mode.OFF])),
        )
    return Flow("p", tunnels=tunnels)


def all_rings(ways: tuple[Edge, ...]) -> Iterator[Ring]:
    """Every ring that meets no stage twice, by trying all of them."""
    waiting: list[Ring] = [(edge,) for edge in ways]
    while waiting:
        path = waiting.pop()
        been = {step.source for step in path}
        waiting += [(*path, edge) for edge in ways if edge.source == path[-1].target and edge.source not in been]
        if path[-1].target == path[0].source:
            yield path


def endless(ring: Ring) -> bool:
    """The rule of semantics.md, word for word."""
    tunnels = [edge.tunnel for edge in ring]
    free = all(tunnel.when is None and tunnel.unless_exists is None for tunnel in tunnels)
    instant = all(tunnel.after is None or tunnel.after.zero for tunnel in tunnels)
    return free and (instant or any(tunnel.action is Action.COPY for tunnel in tunnels))


@settings(max_examples=300, deadline=None)
@given(flows())
def test_loops_are_refused_and_warned_of_as_the_rule_says(flow: Flow) -> None:
    sites = Sites()
    for line, name in enumerate(flow.tunnels, start=1):
        sites.put(f"tunnels.{name}", Span("flow.yaml", line, 1, line, 2))
    found = list(loops.check(flow, sites))
    rings = list(all_rings(edges(flow.tunnels.values())))
    assert any(finding.code == "FR301" for finding in found) == any(map(endless, rings))
    assert bool(found) == bool(rings)
    told = {str(span.line - 1) for one in found for span in (one.span, *(related.span for related in one.related))}
    assert told == {edge.tunnel.id for ring in rings for edge in ring}
