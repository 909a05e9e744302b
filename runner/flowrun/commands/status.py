"""`flowrun status`: the health of the whole."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine.status import Status
from flowrun.engine.status import status as health
from flowrun.store.connection import open_store


def status(store: str, clock: Clock) -> Status:
    """The health of the store. Raises WorkFailed for one that can't be used, or without a revision."""
    with open_store(store, clock) as opened:
        return health(opened)
