"""Checks of the work: what is applied, what waits, who runs, and whether time goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import select

from flowrun.calendars.days_off import UnknownHolidays, days_off
from flowrun.calendars.zones import UnknownZone, zone
from flowrun.clock import from_ms
from flowrun.engine.checkup.finding import Finding, counted, fine, problem, span, warning
from flowrun.engine.checkup.patient import Patient
from flowrun.engine.elsewhere import MOST, Elsewhere, elsewhere
from flowrun.engine.gauges import Gauges
from flowrun.engine.gauges import read as read_gauges
from flowrun.flow.model import Flow
from flowrun.store import postgresql_times, revisions, runners
from flowrun.store.tables import flowrun

_MINUTE = 60_000
_BEHIND = 5 * _MINUTE
_FORGOTTEN = 60 * _MINUTE
_STEP_BACK = 1_000


def revision(patient: Patient) -> Iterable[Finding]:
    """What is applied, and whether this machine knows its zones and holidays."""
    with patient.read() as connection:
        applied = revisions.current(connection)
    if applied is None:
        yield warning("revision", "none is applied, so there is nothing to run", "apply one with 'flowrun apply'")
        return
    flow = applied.flow
    yield fine("revision", f"{applied.number} of project '{flow.project}'")
    unknown = list(_zones(flow))
    yield from unknown
    if patient.path is None and not unknown:
        with patient.read() as connection:
            behind = postgresql_times.behind(connection, flow)
        if behind:
            yield warning(
                "zones",
                "the store has other time zone data, or holidays, than this machine: deals fire by the store's",
                "apply once more with 'flowrun apply', from the machine with the newer packages tzdata and holidays",
            )
    yield from _holidays(flow, from_ms(patient.clock.now()).year)


def clock(patient: Patient) -> Iterable[Finding]:
    """Whether the clock has stepped back behind what was already written."""
    now = patient.clock.now()
    with patient.read() as connection:
        latest = connection.execute(select(flowrun.c.latest)).scalar_one()
    ahead = latest - now
    if ahead > _STEP_BACK:
        say = problem if ahead > _MINUTE else warning
        yield say(
            "time",
            f"the store was last written at {from_ms(latest):%Y-%m-%d %H:%M:%S} UTC, {span(ahead)} after this clock",
            "set the clock: either it went back, or that of another host is fast",
        )


def work(patient: Patient) -> Iterable[Finding]:
    """Whether what is awake is worked on, and by whom."""
    with patient.read() as connection:
        found = read_gauges(connection, patient.clock.now())
        every = runners.registered(connection)
        applied = revisions.current(connection)
        there = None if applied is None else elsewhere(connection, applied.flow)
    yield from _queue(found)
    if there is not None:
        yield from _source(there, found.now)
    yield from _runners(every, found.now)
    if any(found.tripped.values()):
        tripped = ", ".join(sorted(id_ for id_, it_is in found.tripped.items() if it_is))
        yield warning("tunnels", f"tripped: {tripped}", "look why, then: flowrun resume TUNNEL")
    elif found.tripped:
        paused = sum(found.paused.values())
        yield fine("tunnels", counted(len(found.tripped), "tunnel") + (f", {paused} paused" if paused else ""))
    if parked := sum(found.parked.values()):
        yield warning(
            "parked", f"{counted(parked, 'firing')} parked", "see flowrun journal --result parked, then: flowrun retry"
        )


def _queue(found: Gauges) -> Iterator[Finding]:
    awake = f"{'at least ' if found.awake >= MOST else ''}{counted(found.awake, 'deal')} awake"
    if not found.awake:
        yield fine("queue", "no deal is awake")
    elif not found.runners and found.lag > _MINUTE:
        say = problem if found.lag > _FORGOTTEN else warning
        yield say("queue", f"{awake} for {span(found.lag)}, and no runner runs", "start one: flowrun run")
    elif found.lag > _BEHIND:
        yield warning(
            "queue",
            f"{awake}, the oldest for {span(found.lag)}: the runners are behind",
            "see flowrun status for what they do, and their logs",
        )
    else:
        yield fine("queue", f"{awake}, the oldest for {span(found.lag)}")


def _source(there: Elsewhere, now: int) -> Iterator[Finding]:
    away = f"{counted(there.on_way, 'firing')} on the way to {there.type}"
    if there.trouble is not None:
        yield warning("source", f"{there.type}: {there.trouble}", "see that it can be reached; runners go on trying")
    elif there.oldest is not None and now - there.oldest > _FORGOTTEN:
        yield warning("source", f"{away}, the oldest for {span(now - there.oldest)}", "see flowrun status")
    else:
        yield fine("source", away)
    if there.bad_count:
        first = f"{there.bad[0].place}: {there.bad[0].reason}"
        yield warning(
            "records", f"{counted(there.bad_count, 'record')} can't be read as deals ({first})", "mend them there"
        )


def _runners(every: Iterable[runners.Registered], now: int) -> Iterator[Finding]:
    present = [one for one in every if not one.gone(now)]
    gone = [one for one in every if one.gone(now)]
    versions = sorted({one.version for one in present})
    if gone:
        last = ", ".join(f"{one.host} pid {one.pid}, {span(now - one.seen_at)} ago" for one in gone[:3])
        yield warning(
            "runners",
            f"{len(present)} running, {len(gone)} gone without a word: last seen {last}",
            "look for its log; the next runner, or prune, takes it off the list",
        )
    elif len(versions) > 1:
        yield warning("runners", f"{len(present)} running, of versions {', '.join(versions)}", "upgrade the older ones")
    else:
        yield fine("runners", f"{len(present)} running")


def _zones(flow: Flow) -> Iterator[Finding]:
    for name in sorted({flow.timezone, *(calendar.timezone for calendar in flow.calendars.values())}):
        try:
            zone(name)
        except UnknownZone as error:
            yield problem("zones", f"the applied revision needs it: {error}", "upgrade the package tzdata")


def _holidays(flow: Flow, year: int) -> Iterator[Finding]:
    codes = sorted({calendar.holidays for calendar in flow.calendars.values() if calendar.holidays})
    for code in codes:
        try:
            lacking = [number for number in (year, year + 1) if not days_off(code, number)]
        except UnknownHolidays as error:
            yield problem("holidays", f"the applied revision needs them: {error}", "upgrade the package holidays")
            continue
        if lacking:
            yield warning(
                "holidays",
                f"of {code} in {lacking[0]} none are known, so no day is off",
                "upgrade the package holidays",
            )
        else:
            yield fine("holidays", f"of {code} are known for {year} and {year + 1}")
