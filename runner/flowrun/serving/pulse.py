"""What is known of the runner without asking the store: whether it has begun, still turns, and hasn't ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from flowrun.engine.events import Began, Ended, Event

STUCK = 120.0
"""Seconds without a turn of the runner's loop after which it counts as stuck. It turns many times a second; but a tick
may wait a minute for another writer (`store.lock.PATIENCE`), and then work for some seconds."""


@dataclass(slots=True)
class Pulse:
    """The runner's, written by its thread and read by others. Times are of the monotonic clock, in seconds."""

    last: float = field(default_factory=time.monotonic)
    begun: bool = False
    ended: bool = False

    def beat(self) -> None:
        """The loop turned."""
        self.last = time.monotonic()

    def hear(self, event: Event) -> None:
        """Something happened in the run."""
        if isinstance(event, Began):
            self.begun = True
        elif isinstance(event, Ended):
            self.ended = True

    def stuck(self) -> str | None:
        """Why the process should be ended and started anew, or None."""
        still = time.monotonic() - self.last
        return f"the runner has made no progress for {still:.0f} s" if still > STUCK else None

    def idle(self) -> str | None:
        """Why the runner does no work now, or None."""
        if self.ended:
            return "the runner is stopping"
        return None if self.begun else "the runner has not begun yet"
