"""`flowrun pause`: let a tunnel wait."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine import operate
from flowrun.store.connection import open_store


def pause(store: str, clock: Clock, tunnel: str) -> bool:
    """Pause the tunnel; False if it was paused already. Raises WorkFailed for one that isn't there."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        return operate.pause(transaction, tunnel)
