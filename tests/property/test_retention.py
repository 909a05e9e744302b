"""Pruning changes nothing that happens: the same random history, with and without it, leads to the same deals.

Everything goes that may, after every run. A tunnel that has `once: deal` or a breaker has it from its first revision on
here: one that comes to it later counts what the store then still remembers.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from flowrun.calendars.durations import DAY, Duration
from flowrun.engine import retention
from flowrun.flow.model import Breaker, Flow
from tests.property.histories import Event, histories
from tests.property.test_engine import Played, played_by_reference, remembered_rules

EXAMPLES = int(os.environ.get("FLOWRUN_EXAMPLES", "20"))
PRUNED = {"rows": 0}


class Pruned(Played):
    """A store that is pruned after every run."""

    def __init__(self) -> None:
        super().__init__(10_000)

    def play(self, event: Event, at: int) -> None:
        super().play(event, at)
        if event.what == "run":
            gone = retention.prune(self.store, Duration())
            PRUNED["rows"] += gone.firings


def steady(happened: Sequence[Event]) -> list[Event]:
    """The history with each tunnel's first `once` and breaker kept for good, and more time in it."""
    first: dict[str, tuple[bool, Breaker | None]] = {}
    found: list[Event] = []
    for at, event in enumerate(happened):
        if at % 4 == 3:
            found.append(Event("pass", (DAY,)))
        if event.what != "apply":
            found.append(event)
            continue
        flow: Flow = event.given[0]
        tunnels = {}
        for id_, tunnel in flow.tunnels.items():
            once, breaker = first.setdefault(id_, (tunnel.once_per_deal, tunnel.breaker))
            tunnels[id_] = replace(tunnel, once_per_deal=once, breaker=breaker)
        found.append(Event("apply", (replace(flow, tunnels=tunnels),)))
    return found


def twice(happened: Sequence[Event]) -> list[Event]:
    """The history with all that happens under each flow happening twice. A flow isn't applied again: what was renamed
    or removed since can't go back."""
    found: list[Event] = []
    under: list[Event] = []
    for event in [*happened, None]:
        if event is None or event.what == "apply":
            found += [*under, *under[1:]]
            under = []
        if event is not None:
            under.append(event)
    return found


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == 40,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
@given(histories())
def compare(happened: list[Event]) -> None:
    done, _, _ = played_by_reference(steady(twice(happened)))
    whole, pruned = Played(10_000), Pruned()
    try:
        for event, at in done:
            whole.play(event, at)
            pruned.play(event, at)
            if event.what == "run":
                (deals, journal), (same, left) = whole.snapshot(), pruned.snapshot()
                assert same == deals
                assert [row for row in journal if row in left] == left
    finally:
        whole.close()
        pruned.close()


def test_pruning_changes_nothing_that_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrun.engine.tick.rules_of", remembered_rules)
    PRUNED["rows"] = 0
    compare()
    assert PRUNED["rows"], "nothing was pruned"
    print(f"\n{PRUNED['rows']} rows pruned")
