"""Working time against a slow counter that goes day by day and span by span, on the local times of `whenever`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.calendars.calendar import Calendar, Spans, from_text, to_text
from flowrun.calendars.days_off import days_off
from flowrun.calendars.durations import DAY, HOUR, MINUTE
from flowrun.calendars.working import WorkingTime, working, working_by_text
from tests.property.test_zones import expected_instant, moments, zoned

QUARTER = 15 * MINUTE
ONE_DAY = timedelta(days=1)

unhurried = settings(deadline=None)
"""The first to ask for holidays waits until they are loaded."""

instant_of = lru_cache(200_000)(expected_instant)


@st.composite
def days(draw: st.DrawFn, *, least: int = 0) -> Spans:
    """The spans of a day, at quarters of an hour; some touch, some begin or end at midnight."""
    edges = draw(st.lists(st.integers(0, 96), min_size=2 * least, max_size=6, unique=True))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    spans = [(start * QUARTER, end * QUARTER) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    if len(spans) > 1 and draw(st.booleans()):
        spans[1] = (spans[0][1], spans[1][1])
    return tuple(spans)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Calendar, int]:
    """A calendar, and an instant; often near a change of the clocks, and near closed and open days."""
    name, instant = draw(moments())
    near = zoned(name, instant).to_plain().to_stdlib().date()
    declared = tuple(draw(st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True)))
    hours: list[Spans] = [()] * 7
    for weekday in declared:
        hours[weekday] = draw(days())
    hours[declared[-1]] = hours[declared[-1]] or draw(days(least=1))
    off = draw(st.lists(st.integers(-8, 8).map(lambda n: near + n * ONE_DAY), max_size=10, unique=True))
    split = draw(st.integers(0, len(off)))
    calendar = Calendar(
        id="office",
        timezone=name,
        hours=tuple(hours),
        declared=declared,
        holidays=draw(st.sampled_from([None, None, "RU", "DE-BY", "US"])),
        closed=tuple(off[:split]),
        open=tuple(off[split:]),
    )
    return calendar, instant


def hours_of(calendar: Calendar, day: date) -> Spans:
    """The hours of that date; none if it is no working day."""
    usual = calendar.hours[day.weekday()]
    if day in calendar.open:
        return usual or next(calendar.hours[weekday] for weekday in calendar.declared if calendar.hours[weekday])
    holiday = calendar.holidays is not None and day in days_off(calendar.holidays, day.year)
    return () if holiday or day in calendar.closed else usual


def spans_of(calendar: Calendar, day: date) -> list[tuple[int, int]]:
    """The spans of that date as instants."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time
    return [
        (
            instant_of(calendar.timezone, midnight + timedelta(milliseconds=start)),
            instant_of(calendar.timezone, midnight + timedelta(milliseconds=end)),
        )
        for start, end in hours_of(calendar, day)
    ]


def spans_from(calendar: Calendar, instant: int, step: int) -> Iterator[tuple[int, int]]:
    """The spans of the days from two before the instant on, or from two after it back."""
    day = zoned(calendar.timezone, instant).to_plain().to_stdlib().date() - 2 * step * ONE_DAY
    while True:
        yield from spans_of(calendar, day)[::step]
        day += step * ONE_DAY


def slow_next_open(calendar: Calendar, instant: int) -> int:
    return next(
        max(instant, opens) for opens, closes in spans_from(calendar, instant, 1) if max(instant, opens) < closes
    )


def slow_add_time(calendar: Calendar, instant: int, ms: int) -> int:
    left = abs(ms)
    for opens, closes in spans_from(calendar, instant, 1 if ms > 0 else -1):
        start, end = (max(opens, instant), closes) if ms > 0 else (opens, min(closes, instant))
        if start < end and left <= end - start:
            return start + left if ms > 0 else end - left
        left -= max(0, end - start)
    raise AssertionError


def slow_add_days(calendar: Calendar, instant: int, count: int) -> int:
    local = zoned(calendar.timezone, instant).to_plain().to_stdlib()
    for _ in range(abs(count)):
        local += ONE_DAY if count > 0 else -ONE_DAY
        while not hours_of(calendar, local.date()):
            local += ONE_DAY if count > 0 else -ONE_DAY
    return instant_of(calendar.timezone, local)


def fresh(calendar: Calendar) -> WorkingTime:
    """The working time with nothing remembered, so that any call may come first."""
    return working.__wrapped__(calendar)


@unhurried
@given(cases())
def test_opening(case: tuple[Calendar, int]) -> None:
    calendar, instant = case
    time = fresh(calendar)
    expected = slow_next_open(calendar, instant)
    assert time.next_open(instant) == expected
    assert time.is_open(instant) is (expected == instant)
    first, second = islice(spans_from(calendar, instant, 1), 2)
    for edge in {expected, *first, *second}:
        for at in (edge - 1, edge, edge + 1):
            assert time.is_open(at) is (slow_next_open(calendar, at) == at)


@unhurried
@given(cases(), st.integers(-60 * HOUR, 60 * HOUR).filter(bool), st.booleans())
def test_open_time(case: tuple[Calendar, int], ms: int, whole: bool) -> None:
    calendar, instant = case
    ms = (ms // HOUR or 1) * HOUR if whole else ms
    assert fresh(calendar).add_time(instant, ms) == slow_add_time(calendar, instant, ms)


@unhurried
@given(cases(), st.integers(-300, 300).filter(bool))
def test_working_days(case: tuple[Calendar, int], count: int) -> None:
    calendar, instant = case
    assert fresh(calendar).add_days(instant, count) == slow_add_days(calendar, instant, count)


@unhurried
@given(cases(), st.integers(1, 800 * HOUR), st.integers(1, 800 * HOUR))
def test_open_time_adds_up(case: tuple[Calendar, int], first: int, second: int) -> None:
    calendar, instant = case
    time = fresh(calendar)
    for sign in (1, -1):
        there = time.add_time(instant, sign * first)
        assert time.add_time(there, sign * second) == time.add_time(instant, sign * (first + second))
        back = time.add_time(there, -sign * first)
        assert back >= instant if sign > 0 else back <= instant
        assert time.add_time(back, sign * first) == there


@unhurried
@given(cases(), st.integers(1, 1500), st.integers(1, 1500))
def test_working_days_add_up_in_a_zone_that_changes_nothing(
    case: tuple[Calendar, int], first: int, second: int
) -> None:
    calendar, instant = case
    time = working(Calendar("utc", "UTC", calendar.hours, calendar.declared, calendar.holidays, calendar.closed))
    assert time.add_days(time.add_days(instant, first), second) == time.add_days(instant, first + second)
    assert time.add_days(time.add_days(instant, first + second), -second) == time.add_days(instant, first)


@unhurried
@given(cases())
def test_a_calendar_comes_back_from_its_text(case: tuple[Calendar, int]) -> None:
    calendar, instant = case
    assert from_text(to_text(calendar)) == calendar
    assert working_by_text(to_text(calendar)).next_open(instant) == working(calendar).next_open(instant)


def test_a_day_is_a_day() -> None:
    assert slow_add_time(Calendar("c", "UTC", (((0, DAY),),) * 7, (0,)), 5, 3 * DAY) == 3 * DAY + 5
