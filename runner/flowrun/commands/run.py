"""`flowrun run`: the runner of the applied revision."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from types import FrameType

from flowrun.clock import Clock, FixedClock
from flowrun.engine.runner import Runner, Totals
from flowrun.engine.tick import Tick
from flowrun.errors import WrongUsage
from flowrun.store.connection import open_store


class Until(Enum):
    """When a run ends by itself."""

    STOPPED = "stopped"
    IDLE = "idle"
    ONCE = "once"


def run(
    store: str,
    clock: Clock,
    until: Until,
    begun: Callable[[], None],
    report: Callable[[Tick, Totals], None],
    warn: Callable[[str], None],
) -> Totals:
    """Run until idle, for one batch, or until SIGTERM or SIGINT, which finish the batch; what was done.

    Raises WrongUsage for a clock that stands still in a run without end.
    """
    if isinstance(clock, FixedClock) and until is Until.STOPPED:
        raise WrongUsage(
            "with FLOWRUN_NOW the clock stands still, so a run would never see a later moment",
            "add --until-idle or --once",
        )
    with open_store(store, clock) as opened, _stopping() as stopped:
        runner = Runner(opened, stopped=stopped, begun=begun, report=report, warn=warn)
        match until:
            case Until.IDLE:
                return runner.until_idle()
            case Until.ONCE:
                return runner.once()
            case Until.STOPPED:
                return runner.forever()


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Tells whether a signal asked to stop; the second one is obeyed at once."""
    asked = False

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        asked = True

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(one, stop) for one in signals]
    try:
        yield lambda: asked
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
