"""What forked processes do; each of these is called in a process of its own (`zygote`)."""

from __future__ import annotations

import json
import sys
from typing import Any

from flowrun.clock import FixedClock
from flowrun.engine import tick
from flowrun.engine.rules import Rules, rules_of
from flowrun.engine.runner import Runner
from flowrun.flow.codec import dumps
from flowrun.flow.model import Flow
from flowrun.store.connection import open_store
from tests.faults import mutants
from tests.faults.points import Points

_compiled: dict[tuple[int, str], Rules] = {}


def _remembered(revision: int, flow: Flow) -> Rules:
    key = revision, dumps(flow)
    if key not in _compiled:
        _compiled[key] = rules_of(revision, flow)
    return _compiled[key]


def warm(url: str, now: int) -> None:
    """Compile what runs of such stores need, in this process, and keep it for those that are forked from it."""
    module: Any = tick
    module.rules_of = _remembered
    with open_store(url, FixedClock(now)) as store:
        Runner(store).until_idle()


def run(url: str, now: int, size: int | None = None, die_at: int | None = None, mutant: str | None = None) -> None:
    """Run until idle at that instant, and die at that point; without one, say which points were crossed."""
    mutants.become(mutant)
    with open_store(url, FixedClock(now)) as store:
        points = Points(store, die_at)
        Runner(store, size=size, warn=_warn).until_idle()
        print(json.dumps(points.crossed))


def _warn(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
