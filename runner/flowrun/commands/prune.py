"""`flowrun prune`: old history goes."""

from __future__ import annotations

from collections.abc import Callable

from flowrun.calendars.durations import BadDuration, parse_duration
from flowrun.clock import Clock
from flowrun.engine import retention
from flowrun.engine.retention import Doomed
from flowrun.errors import WrongUsage
from flowrun.store.connection import open_store

__all__ = ["Doomed", "prune"]


def prune(store: str, clock: Clock, older_than: str, agreed: Callable[[Doomed], bool]) -> Doomed | None:
    """Prune what is older than that duration (`52w`) and may go, if the caller agrees to it; what went, or None.

    Raises WrongUsage for a text that is no duration, or one in business time.
    """
    try:
        age = parse_duration(older_than, business=False)
    except BadDuration as error:
        raise WrongUsage(f"--older-than: {error}", "write for example 365d or 52w") from None
    with open_store(store, clock) as opened:
        if not agreed(retention.doomed(opened, age)):
            return None
        return retention.prune(opened, age)
