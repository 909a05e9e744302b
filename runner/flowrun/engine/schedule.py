"""When a tunnel is due for a deal, as SQL (semantics.md, "Due").

Plain arithmetic where it is that; a registered function where the wall clock of a zone decides. Calendars and
business time are not there yet: `config` refuses them before they come here.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, FromClause, func, literal, null

from flowrun.calendars.durations import DAY, Duration
from flowrun.calendars.zones import zone
from flowrun.expr.limits import EARLIEST, LATEST
from flowrun.expr.types import Kind
from flowrun.flow.model import Flow, Tunnel


def due(flow: Flow, tunnel: Tunnel, deal: FromClause) -> ColumnElement[int]:
    """The instant (ms, UTC) at which the tunnel is due for the deal; NULL while its `at` field is empty."""
    if tunnel.at is not None:
        return _at(flow, tunnel, deal)
    entered: ColumnElement[int] = deal.c.entered_at
    if tunnel.after is None or tunnel.after.zero:
        return entered
    return _later(entered, tunnel.after, flow.timezone)


def _later(instant: ColumnElement[int], duration: Duration, timezone: str) -> ColumnElement[int]:
    if duration.days == 0 or zone(timezone).is_utc:
        later = instant + literal(duration.days * DAY + duration.ms, BigInteger)
        return func.min(func.max(later, literal(EARLIEST, BigInteger)), literal(LATEST, BigInteger))
    return func.fr_shift(instant, duration.days, duration.ms, timezone, type_=BigInteger)


def _at(flow: Flow, tunnel: Tunnel, deal: FromClause) -> ColumnElement[int]:
    at = tunnel.at
    assert at is not None
    moment = deal.c[at.field]
    kind = flow.fields[at.field].type.kind if at.field in flow.fields else Kind.DATETIME
    if kind is Kind.DATETIME and at.time is None:
        return _later(moment, at.offset, flow.timezone)
    time = null() if at.time is None else literal(at.time, BigInteger)
    return func.fr_at(moment, at.offset.days, at.offset.ms, time, flow.timezone, type_=BigInteger)
