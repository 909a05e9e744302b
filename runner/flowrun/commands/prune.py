"""`flowrun prune`: old history goes, and columns of fields that are no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowrun.calendars.durations import BadDuration, Duration, parse_duration
from flowrun.clock import Clock
from flowrun.engine import leftovers, retention
from flowrun.engine.leftovers import Leftover
from flowrun.engine.retention import Doomed
from flowrun.errors import WrongUsage
from flowrun.store.connection import open_store

__all__ = ["Doomed", "Leftover", "Waste", "prune"]


@dataclass(frozen=True, slots=True)
class Waste:
    """What may go, or went: old history, and columns of fields; each None where it wasn't asked for."""

    history: Doomed | None
    fields: tuple[Leftover, ...] | None

    def __bool__(self) -> bool:
        return bool(self.history or self.fields)


def prune(
    store: str, clock: Clock, older_than: str | None, fields: bool, agreed: Callable[[Waste], bool]
) -> Waste | None:
    """Prune what is older than that duration (`52w`) and may go, and the columns of removed and converted fields, if
    the caller agrees to it; what went, or None.

    Raises WrongUsage if neither is asked for, and for a text that is no duration, or one in business time.
    """
    if older_than is None and not fields:
        raise WrongUsage("nothing is named that could go", "add --older-than DURATION, --fields, or both")
    age = None if older_than is None else _age(older_than)
    with open_store(store, clock) as opened:
        may_go = Waste(
            None if age is None else retention.doomed(opened, age),
            leftovers.leftovers(opened) if fields else None,
        )
        if not agreed(may_go):
            return None
        return Waste(
            None if age is None else retention.prune(opened, age),
            None if may_go.fields is None else leftovers.drop(opened, may_go.fields),
        )


def _age(text: str) -> Duration:
    try:
        return parse_duration(text, business=False)
    except BadDuration as error:
        raise WrongUsage(f"--older-than: {error}", "write for example 365d or 52w") from None
