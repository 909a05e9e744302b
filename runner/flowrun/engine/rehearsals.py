"""Many scenarios: one after the other, or in several processes where there are enough of them to gain by it.

A process takes the flow as the text that the store keeps, and runs whole scenarios: they share nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from flowrun.engine.scenario import Rehearsal, Result
from flowrun.errors import WorkFailed
from flowrun.flow.codec import dumps, loads
from flowrun.flow.model import Flow
from flowrun.flow.scenario import Scenario

WORTH = 50
"""Scenarios that make another process worth its start, which takes about as long as they do."""

_CHUNK = 10

_rehearsal: Rehearsal | None = None


def rehearse(flow: Flow, scenarios: Sequence[Scenario], jobs: int) -> Iterator[Result]:
    """The result of each, in their order, as they come; in `jobs` processes at most.

    Raises WorkFailed if a process is killed.
    """
    jobs = min(jobs, len(scenarios) // WORTH)
    if jobs < 2:
        rehearsal = Rehearsal(flow)
        try:
            yield from map(rehearsal.run, scenarios)
        finally:
            rehearsal.close()
        return
    # Not `fork`, which would copy this process with all that it has open.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (dumps(flow),))
    try:
        yield from pool.map(_run, scenarios, chunksize=_CHUNK)
    except BrokenProcessPool:
        raise WorkFailed("a process that ran scenarios was killed", "give it less to do at once: --jobs 1") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(flow: str) -> None:
    global _rehearsal  # what a process of the pool keeps between its scenarios
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for this one
    _rehearsal = Rehearsal(loads(flow))


def _run(scenario: Scenario) -> Result:
    assert _rehearsal is not None
    return _rehearsal.run(scenario)
