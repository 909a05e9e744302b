"""`flowrun resume`: let a paused or tripped tunnel go on."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine import operate
from flowrun.store.connection import open_store


def resume(store: str, clock: Clock, tunnel: str) -> bool:
    """Resume the tunnel; False if it was neither. Raises WorkFailed for one that isn't there."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        return operate.resume(transaction, tunnel)
