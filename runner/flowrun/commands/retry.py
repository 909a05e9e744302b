"""`flowrun retry`: let parked firings try again."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine import operate
from flowrun.store.connection import open_store


def retry(store: str, clock: Clock, deal: str | None) -> int:
    """Retry the parked firings of one deal, or all (None); how many. Raises WorkFailed for a deal that isn't there."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        return operate.retry(transaction, deal)
