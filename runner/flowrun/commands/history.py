"""`flowrun history`: the applied revisions, and what each of them changed."""

from __future__ import annotations

from flowrun.clock import Clock
from flowrun.engine import history as engine
from flowrun.engine.history import Entry, History, Told
from flowrun.store.connection import open_store

__all__ = ["Entry", "History", "Told", "history", "told"]


def history(store: str, clock: Clock, limit: int | None = None) -> History:
    """The applied revisions, newest first; of the newest `limit` of them (None: all that aren't pruned).

    Raises WorkFailed for a store that can't be used or has no revision.
    """
    with open_store(store, clock, read_only=True) as opened:
        return engine.history(opened, limit)


def told(store: str, clock: Clock, number: int) -> Told:
    """That revision, with what it changed. Raises WorkFailed as `history`, and where there is no such revision."""
    with open_store(store, clock, read_only=True) as opened:
        return engine.told(opened, number)
