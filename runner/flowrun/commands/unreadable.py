"""`flowrun source unreadable`: what in the place where deals live can't be read as a deal."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun.clock import Clock
from flowrun.engine.elsewhere import Unreadable
from flowrun.engine.elsewhere import unreadable as look
from flowrun.errors import WrongUsage
from flowrun.store.connection import open_store
from flowrun.store.revisions import applied


@dataclass(frozen=True, slots=True)
class Found:
    """What there is, and the project's zone."""

    unreadable: Unreadable
    timezone: str


def unreadable(store: str, clock: Clock, *, limit: int | None = None) -> Found:
    """What runs have met and couldn't read, of the applied source. At most `limit` of them (null: all that are kept).

    Raises WorkFailed for a store that can't be used or has no revision, WrongUsage where deals live in it.
    """
    with open_store(store, clock) as opened, opened.read() as connection:
        flow = applied(connection).flow
        if not flow.source.elsewhere:
            raise WrongUsage(
                "the deals of this project live in the store", "`source` in the flow files says where else"
            )
        return Found(look(connection, limit), flow.timezone)
