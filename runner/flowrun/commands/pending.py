"""`flowrun pending`: what time will bring, and when."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine.pending import Pending
from flowrun.engine.pending import pending as waits
from flowrun.store.connection import open_store


def pending(
    store: str,
    clock: Clock,
    *,
    deal: str | None = None,
    tunnel: str | None = None,
    limit: int | None = None,
    every: bool = False,
    until: int | None = None,
    read_only: bool = False,
) -> Pending:
    """What waits, as `engine.pending`. Raises WorkFailed for a store that can't be used, or names that aren't there.

    `read_only` refuses an older store, whose tables are brought up to date otherwise.
    """
    with open_store(store, clock, read_only=read_only) as opened:
        return waits(opened, deal=deal, tunnel=tunnel, limit=limit, every=every, until=until)
