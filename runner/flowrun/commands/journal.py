"""`flowrun journal`: what fired, and what was settled otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun.calendars.zones import zone
from flowrun.clock import Clock
from flowrun.diagnostics import did_you_mean
from flowrun.errors import WorkFailed, WrongUsage
from flowrun.expr.types import DATE, DATETIME
from flowrun.expr.values import BadValue, read
from flowrun.store import revisions
from flowrun.store.connection import open_store
from flowrun.store.deals import find
from flowrun.store.journal import Firing, firings


@dataclass(frozen=True, slots=True)
class Journal:
    """Firings, oldest first, and the zone of the project that they are shown in."""

    timezone: str
    firings: tuple[Firing, ...]


def journal(
    store: str,
    clock: Clock,
    *,
    deal: str | None = None,
    tunnel: str | None = None,
    result: str | None = None,
    since: str | None = None,
    limit: int | None = None,
    read_only: bool = False,
) -> Journal:
    """The firings that fit all of these; None restricts nothing, `limit` keeps the latest.

    `since` is a date or a moment, local in the project's zone unless it has an offset. `read_only` refuses an older
    store, whose tables are brought up to date otherwise. Raises WorkFailed for a store
    that can't be used or has no revision, and for a deal or tunnel that never was; WrongUsage for a `since` that is
    neither.
    """
    with open_store(store, clock, read_only=read_only) as opened, opened.read() as connection:
        applied = revisions.current(connection)
        if applied is None:
            raise WorkFailed("no revision is applied in this store yet", "apply one with 'flowrun apply'")
        timezone = applied.flow.timezone
        start = None if since is None else _instant(since, timezone)
        rows = tuple(firings(connection, deal=deal, tunnel=tunnel, result=result, since=start, limit=limit))
        # A name that stands nowhere is a slip of the pen; the journal itself remembers deals and tunnels that are gone.
        unknown_deal = deal is not None and not rows and find(connection, applied.flow, deal) is None
        if unknown_deal and not any(firings(connection, deal=deal, limit=1)):
            raise WorkFailed(f"there is no deal '{deal}', and the journal knows of none")
        unknown_tunnel = tunnel is not None and not rows and tunnel not in applied.flow.tunnels
        if tunnel is not None and unknown_tunnel and not any(firings(connection, tunnel=tunnel, limit=1)):
            raise WorkFailed(f"there is no tunnel '{tunnel}'", did_you_mean(tunnel, applied.flow.tunnels))
        return Journal(timezone, rows)


def _instant(text: str, timezone: str) -> int:
    local = zone(timezone)
    try:
        day = read(text, DATE, local)
    except BadValue:
        try:
            moment = read(text, DATETIME, local)
        except BadValue as error:
            raise WrongUsage(f"--since: {error}", "write for example 2026-03-06 or 2026-03-06T16:00") from None
        assert isinstance(moment, int)
        return moment
    from datetime import date

    assert isinstance(day, date)
    return local.midnight(day)
