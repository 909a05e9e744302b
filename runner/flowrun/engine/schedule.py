"""When a tunnel is due for a deal, and when its window lets it fire, as SQL (semantics.md, "Due").

Plain arithmetic where it is that; a registered function where the wall clock of a zone or a calendar decides.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, case, func, literal, null

from flowrun.calendars.calendar import Calendar, key, to_text
from flowrun.calendars.durations import DAY, Duration
from flowrun.calendars.zones import zone
from flowrun.engine.effects import NOW
from flowrun.expr.limits import EARLIEST, LATEST
from flowrun.expr.portable import either, larger, smaller
from flowrun.expr.types import Kind
from flowrun.flow.model import At, Flow, Tunnel


def due(flow: Flow, tunnel: Tunnel, deal: FromClause) -> ColumnElement[int]:
    """The instant (ms, UTC) at which the tunnel is due for the deal; NULL while its `at` field is empty."""
    if tunnel.at is not None:
        return _at(flow, tunnel, tunnel.at, deal)
    entered: ColumnElement[int] = deal.c.entered_at
    if tunnel.after is None or tunnel.after.zero:
        return entered
    if tunnel.after.business:
        days, ms = _number(tunnel.after.business_days), _number(tunnel.after.business_ms)
        return func.fr_business(entered, days, ms, _calendar(flow, tunnel, deal), type_=BigInteger)
    return _later(entered, tunnel.after, flow.timezone)


def opens(flow: Flow, tunnel: Tunnel, due_at: ColumnElement[int]) -> ColumnElement[int] | None:
    """The first instant from now on at which it is due and its window is open; NULL: never. None without a window."""
    if tunnel.window is None:
        return None
    window = flow.calendars[tunnel.window]
    return func.fr_next_open(larger(due_at, NOW), _named(window), type_=BigInteger)


def _later(instant: ColumnElement[int], duration: Duration, timezone: str) -> ColumnElement[int]:
    if duration.days == 0 or zone(timezone).is_utc:
        later = instant + _number(duration.days * DAY + duration.ms)
        return smaller(larger(later, _number(EARLIEST)), _number(LATEST))
    return func.fr_shift(instant, _number(duration.days), _number(duration.ms), timezone, type_=BigInteger)


def _at(flow: Flow, tunnel: Tunnel, at: At, deal: FromClause) -> ColumnElement[int]:
    moment = deal.c[at.field]
    time = null() if at.time is None else _number(at.time)
    if at.offset.business:
        days, ms = _number(at.offset.business_days), _number(at.offset.business_ms)
        calendar = _calendar(flow, tunnel, deal)
        return func.fr_at_business(moment, days, ms, time, flow.timezone, calendar, type_=BigInteger)
    if flow.fields[at.field].type.kind is Kind.DATETIME and at.time is None:
        return _later(moment, at.offset, flow.timezone)
    days, ms = _number(at.offset.days), _number(at.offset.ms)
    return func.fr_at(moment, days, ms, time, flow.timezone, type_=BigInteger)


def _calendar(flow: Flow, tunnel: Tunnel, deal: FromClause) -> ColumnElement[str]:
    """The calendar that counts for the deal: the tunnel's, else that of the pipeline where it stands."""
    pipelines = dict.fromkeys(stage.partition(".")[0] for stage in tunnel.sources)
    ids = {pipeline: tunnel.calendar or flow.pipelines[pipeline].calendar for pipeline in pipelines}
    calendars = {pipeline: flow.calendars[id_] for pipeline, id_ in ids.items() if id_ is not None}
    if len(set(calendars.values())) == 1:
        return _named(next(iter(calendars.values())))
    return case({pipeline: _named(calendar) for pipeline, calendar in calendars.items()}, value=deal.c.pipeline)


def _named(calendar: Calendar) -> ColumnElement[str]:
    """The calendar as a function takes it: its text, or the key of what a PostgreSQL store has of it."""
    return either(literal(to_text(calendar), Text), literal(key(calendar), Text))


def _number(number: int) -> ColumnElement[int]:
    return literal(number, BigInteger)
