"""`flowrun run`: the runner of the applied revision."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from types import FrameType

from flowrun.clock import Clock, FixedClock
from flowrun.engine.presence import Presence
from flowrun.engine.runner import Runner, Totals
from flowrun.engine.tick import Tick
from flowrun.errors import Stopped, WrongUsage
from flowrun.store import lock
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

    A signal also ends the waiting for another writer, since no batch is begun then.

    Raises WrongUsage for a clock that stands still in a run without end.
    """
    if isinstance(clock, FixedClock) and until is Until.STOPPED:
        raise WrongUsage(
            "with FLOWRUN_NOW the clock stands still, so a run would never see a later moment",
            "add --until-idle or --once",
        )
    totals = Totals()
    with suppress(Stopped), _stopping() as stopped, open_store(store, clock) as opened:
        runner = Runner(opened, stopped=stopped, begun=begun, report=report, warn=warn, totals=totals)
        match until:
            case Until.IDLE:
                runner.until_idle()
            case Until.ONCE:
                runner.once()
            case Until.STOPPED:
                runner.presence = Presence(opened, warn)
                runner.forever()
    return totals


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
    lock.heed(lambda: asked)
    try:
        yield lambda: asked
    finally:
        lock.heed(lambda: False)
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
