"""`flowrun retry`: let parked firings, and what webhooks could not be told, try again."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun.clock import Clock
from flowrun.engine import deliveries, operate
from flowrun.errors import WorkFailed
from flowrun.store.connection import open_store


@dataclass(frozen=True, slots=True)
class Retried:
    """How many parked firings, and how many dead deliveries to webhooks, try again."""

    firings: int
    deliveries: int


def retry(store: str, clock: Clock, deal: str | None) -> Retried:
    """Retry what is parked or dead of one deal, or all (None). Raises WorkFailed for a deal that isn't there, and of
    which no webhook is to be told."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        freed = deliveries.free(transaction, deal)
        try:
            return Retried(operate.retry(transaction, deal), freed)
        except WorkFailed:
            if not freed:
                raise
            return Retried(0, freed)
