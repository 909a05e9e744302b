"""`flowrun run`: the runner of the applied revision."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from types import FrameType

from flowrun.clock import Clock, FixedClock
from flowrun.engine.events import Began, Ended, Event, Retried, Ticked, Warned
from flowrun.engine.presence import Presence
from flowrun.engine.runner import Runner, Totals
from flowrun.errors import Stopped, WrongUsage
from flowrun.store import lock
from flowrun.store.connection import open_store


class Until(Enum):
    """When a run ends by itself."""

    STOPPED = "stopped"
    IDLE = "idle"
    ONCE = "once"


def run(
    store: str, clock: Clock, until: Until, hear: Callable[[Event], None], step: Callable[[], None] = lambda: None
) -> Totals:
    """Run until idle, for one batch, or until SIGTERM or SIGINT, which finish the batch; what was done.

    A signal also ends the waiting for another writer, since no batch is begun then. `hear` is told what happens, the
    end while the store is still open; `step` is called many times a second as long as the run isn't stuck.

    Raises WrongUsage for a clock that stands still in a run without end.
    """
    endless = until is Until.STOPPED
    if isinstance(clock, FixedClock) and endless:
        raise WrongUsage(
            "with FLOWRUN_NOW the clock stands still, so a run would never see a later moment",
            "add --until-idle or --once",
        )
    totals = Totals()
    with suppress(Stopped), _stopping() as stop, open_store(store, clock) as opened:
        presence = Presence(opened, lambda message: hear(Warned(message, "register")))
        runner = Runner(
            opened,
            stopped=lambda: stop.signal is not None,
            begun=lambda revision: hear(Began(presence.me, revision, endless)),
            step=step,
            report=lambda tick, totals: hear(Ticked(tick, totals, endless)),
            warn=lambda message: hear(Warned(message, "deals")),
            trouble=lambda about, message: hear(Warned(message, about)),
            retry=lambda: hear(Retried()),
            presence=presence if endless else None,
            totals=totals,
        )
        try:
            match until:
                case Until.IDLE:
                    runner.until_idle()
                case Until.ONCE:
                    runner.once()
                case Until.STOPPED:
                    runner.forever()
        except Stopped:
            pass
        hear(Ended(totals, stop.signal))
    return totals


@dataclass(slots=True)
class _Stop:
    """The name of the signal that asked to stop, or None."""

    signal: str | None = None


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Notices a signal that asks to stop, and makes waiting writers heed it; the second one is obeyed at once."""
    stop = _Stop()

    def asked(number: int, _: FrameType | None) -> None:
        if stop.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.signal = signal.Signals(number).name

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(one, asked) for one in signals]
    lock.heed(lambda: stop.signal is not None)
    try:
        yield stop
    finally:
        lock.heed(lambda: False)
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
