"""Working time: windows, business days and hours, over weekends, holidays and changes of the clocks."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime, timedelta

import pytest

from flowrun.calendars import working as module
from flowrun.calendars.calendar import Calendar, Spans, from_text, to_text
from flowrun.calendars.durations import DAY, HOUR, MINUTE
from flowrun.calendars.working import working, working_by_text
from flowrun.calendars.zones import zone

NINE_TO_SIX: Spans = ((9 * HOUR, 18 * HOUR),)
WITH_LUNCH: Spans = ((9 * HOUR, 13 * HOUR), (14 * HOUR, 18 * HOUR))
ALL_DAY: Spans = ((0, DAY),)
LATEST = 253_402_300_799_999
"""The last millisecond of the year 9999, UTC."""


def calendar(
    *hours: Spans,
    timezone: str = "Europe/Berlin",
    declared: tuple[int, ...] | None = None,
    holidays: str | None = None,
    closed: tuple[str, ...] = (),
    opened: tuple[str, ...] = (),
) -> Calendar:
    """A calendar with these hours from Monday on, the rest of the week off."""
    week = (*hours, *((),) * (7 - len(hours)))
    return Calendar(
        id="office",
        timezone=timezone,
        hours=week,
        declared=tuple(day for day in range(7) if week[day]) if declared is None else declared,
        holidays=holidays,
        closed=tuple(map(date.fromisoformat, closed)),
        open=tuple(map(date.fromisoformat, opened)),
    )


def at(one: Calendar, text: str) -> int:
    """The instant of that local time, or of one with an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        return round(moment.timestamp() * 1000)
    return zone(one.timezone).instant(moment)


def local(one: Calendar, instant: int | None) -> str:
    assert instant is not None
    return zone(one.timezone).text(instant)


OFFICE = calendar(*[NINE_TO_SIX] * 5)
LUNCH = calendar(*[WITH_LUNCH] * 5)
GERMAN = calendar(*[NINE_TO_SIX] * 5, holidays="DE")
RUSSIAN = calendar(*[NINE_TO_SIX] * 5, timezone="Europe/Moscow", holidays="RU")
ALWAYS = calendar(*[ALL_DAY] * 7)


# Windows


@pytest.mark.parametrize(
    ("one", "moment", "opens"),
    [
        (OFFICE, "2026-03-06T16:00", "2026-03-06T16:00"),
        (OFFICE, "2026-03-06T09:00", "2026-03-06T09:00"),
        (OFFICE, "2026-03-06T08:59:59.999", "2026-03-06T09:00"),
        (OFFICE, "2026-03-06T17:59:59.999", "2026-03-06T17:59:59.999"),
        (OFFICE, "2026-03-06T18:00", "2026-03-09T09:00"),
        (OFFICE, "2026-03-07T12:00", "2026-03-09T09:00"),
        (RUSSIAN, "2026-03-07T12:00", "2026-03-10T09:00"),  # Monday the 9th stands in for the 8th
        (RUSSIAN, "2026-12-30T18:00", "2027-01-11T09:00"),
        (GERMAN, "2026-04-02T18:00", "2026-04-07T09:00"),  # Easter
        (LUNCH, "2026-03-06T13:00", "2026-03-06T14:00"),
        (LUNCH, "2026-03-06T12:59", "2026-03-06T12:59"),
    ],
)
def test_when_a_window_opens(one: Calendar, moment: str, opens: str) -> None:
    instant = at(one, moment)
    assert local(one, working(one).next_open(instant)) == opens
    assert working(one).is_open(instant) is (moment == opens)


def test_open_until_midnight() -> None:
    one = calendar(((13 * HOUR, DAY),))  # Mondays
    assert working(one).is_open(at(one, "2026-03-09T23:59:59.999"))
    assert not working(one).is_open(at(one, "2026-03-10T00:00"))
    assert local(one, working(one).next_open(at(one, "2026-03-10T00:00"))) == "2026-03-16T13:00"


def test_spans_that_touch_are_as_one() -> None:
    one = calendar(((9 * HOUR, 13 * HOUR), (13 * HOUR, 18 * HOUR)))
    assert working(one).is_open(at(one, "2026-03-09T13:00"))
    assert local(one, working(one).add_time(at(one, "2026-03-09T12:00"), 2 * HOUR)) == "2026-03-09T14:00"


# Business hours


@pytest.mark.parametrize(
    ("one", "moment", "hours", "due"),
    [
        (OFFICE, "2026-03-06T13:00", 4, "2026-03-06T17:00"),
        (OFFICE, "2026-03-06T14:00", 4, "2026-03-06T18:00"),  # ends with the day, not on Monday morning
        (OFFICE, "2026-03-06T14:00", 5, "2026-03-09T10:00"),
        (OFFICE, "2026-03-06T20:00", 1, "2026-03-09T10:00"),
        (OFFICE, "2026-03-07T12:00", 9, "2026-03-09T18:00"),
        (OFFICE, "2026-03-09T07:00", 1, "2026-03-09T10:00"),
        (GERMAN, "2026-04-02T15:00", 16, "2026-04-08T13:00"),  # 3 h, Easter, 9 h, 4 h
        (RUSSIAN, "2026-04-30T15:00", 16, "2026-05-05T13:00"),
        (LUNCH, "2026-03-06T12:00", 1, "2026-03-06T13:00"),  # ends with lunch
        (LUNCH, "2026-03-06T12:00", 2, "2026-03-06T15:00"),
        (LUNCH, "2026-03-06T13:30", 4, "2026-03-06T18:00"),
        (OFFICE, "2026-03-09T10:00", -1, "2026-03-09T09:00"),  # opening time itself, not Friday's closing
        (OFFICE, "2026-03-09T10:00", -2, "2026-03-06T17:00"),
        (OFFICE, "2026-03-09T09:00", -9, "2026-03-06T09:00"),
        (OFFICE, "2026-03-08T12:00", -1, "2026-03-06T17:00"),
        (LUNCH, "2026-03-06T14:00", -4, "2026-03-06T09:00"),
        (LUNCH, "2026-03-06T15:00", -1, "2026-03-06T14:00"),
        (GERMAN, "2026-04-08T13:00", -16, "2026-04-02T15:00"),
        (OFFICE, "2026-03-06T13:00", 9 * 2_500, "2035-10-05T13:00"),
    ],
)
def test_open_time(one: Calendar, moment: str, hours: int, due: str) -> None:
    assert local(one, working(one).add_time(at(one, moment), hours * HOUR)) == due


def test_a_calendar_that_never_closes_counts_exact_time() -> None:
    start = at(ALWAYS, "2026-03-06T16:00")
    for hours in (1, 24, 24 * 400, -24 * 400):
        assert working(ALWAYS).add_time(start, hours * HOUR) == start + hours * HOUR


def test_no_time_is_the_instant_itself() -> None:
    sunday = at(OFFICE, "2026-03-08T12:00")
    assert working(OFFICE).add_time(sunday, 0) == working(OFFICE).add_days(sunday, 0) == sunday


# Business days


@pytest.mark.parametrize(
    ("one", "moment", "days", "due"),
    [
        (OFFICE, "2026-03-06T16:00", 1, "2026-03-09T16:00"),
        (OFFICE, "2026-03-06T22:30", 1, "2026-03-09T22:30"),  # the same local time, open or not
        (OFFICE, "2026-03-07T16:00", 1, "2026-03-09T16:00"),
        (OFFICE, "2026-03-07T16:00", 5, "2026-03-13T16:00"),
        (OFFICE, "2026-03-09T00:00", 1, "2026-03-10T00:00"),
        (OFFICE, "2026-03-26T02:30", 1, "2026-03-27T02:30"),
        (OFFICE, "2026-03-27T12:00", 1, "2026-03-30T12:00"),  # over the change of the clocks
        (GERMAN, "2026-03-30T11:00", 10, "2026-04-15T11:00"),  # without Good Friday and Easter Monday
        (RUSSIAN, "2026-04-30T11:00", 10, "2026-05-18T11:00"),  # without 1 and 11 May
        (RUSSIAN, "2026-12-30T11:00", 1, "2027-01-11T11:00"),
        (OFFICE, "2026-03-09T16:00", -1, "2026-03-06T16:00"),
        (OFFICE, "2026-03-08T16:00", -1, "2026-03-06T16:00"),
        (GERMAN, "2026-04-15T11:00", -10, "2026-03-30T11:00"),
        (OFFICE, "2026-03-06T16:00", 2_500, "2035-10-05T16:00"),
        (OFFICE, "2035-10-05T16:00", -2_500, "2026-03-06T16:00"),
    ],
)
def test_working_days(one: Calendar, moment: str, days: int, due: str) -> None:
    assert local(one, working(one).add_days(at(one, moment), days)) == due


def test_days_are_those_of_the_calendars_zone() -> None:
    tokyo = calendar(*[NINE_TO_SIX] * 5, timezone="Asia/Tokyo")
    friday_evening = at(OFFICE, "2026-03-06T20:00")  # Saturday in Tokyo
    assert local(tokyo, working(tokyo).add_days(friday_evening, 1)) == "2026-03-09T04:00"
    assert local(OFFICE, working(OFFICE).add_days(friday_evening, 1)) == "2026-03-09T20:00"


# Closed and open days


def test_a_closed_day() -> None:
    one = calendar(*[NINE_TO_SIX] * 5, closed=("2026-03-09",))
    assert local(one, working(one).next_open(at(one, "2026-03-07T12:00"))) == "2026-03-10T09:00"
    assert local(one, working(one).add_days(at(one, "2026-03-06T12:00"), 1)) == "2026-03-10T12:00"
    assert local(one, working(one).add_time(at(one, "2026-03-06T17:00"), 2 * HOUR)) == "2026-03-10T10:00"


def test_an_open_saturday_has_the_hours_of_the_first_weekday_declared() -> None:
    short: Spans = ((10 * HOUR, 12 * HOUR),)
    for declared, opens in (((1, 0), "2026-03-07T10:00"), ((0, 1), "2026-03-07T09:00")):
        one = calendar(NINE_TO_SIX, short, declared=declared, opened=("2026-03-07",))
        assert local(one, working(one).next_open(at(one, "2026-03-04T12:00"))) == opens
        assert local(one, working(one).add_days(at(one, "2026-03-04T12:00"), 1)) == "2026-03-07T12:00"


def test_the_first_weekday_declared_with_hours() -> None:
    one = calendar((), NINE_TO_SIX, declared=(0, 1), opened=("2026-03-07",))
    assert local(one, working(one).next_open(at(one, "2026-03-07T00:00"))) == "2026-03-07T09:00"


def test_an_open_day_has_the_hours_of_its_own_weekday_holiday_or_not() -> None:
    one = calendar(NINE_TO_SIX, (), (), (), ((10 * HOUR, 12 * HOUR),), holidays="DE", opened=("2026-04-03",))
    assert local(one, working(one).next_open(at(one, "2026-04-01T00:00"))) == "2026-04-03T10:00"  # Good Friday
    assert local(one, working(one).next_open(at(one, "2026-04-03T12:00"))) == "2026-04-10T10:00"


def test_holidays_of_a_part_of_the_country() -> None:
    bavarian = calendar(*[NINE_TO_SIX] * 5, holidays="DE-BY")
    assert not working(bavarian).is_open(at(bavarian, "2026-06-04T12:00"))  # Corpus Christi
    assert working(GERMAN).is_open(at(GERMAN, "2026-06-04T12:00"))


# Changes of the clocks. Berlin, 2026: forward on 29 March, 02:00 to 03:00; back on 25 October, 03:00 to 02:00.


def sundays(start: int, end: int) -> Calendar:
    """Open on Sundays between these minutes of the day."""
    return calendar((), (), (), (), (), (), ((start * MINUTE, end * MINUTE),))


@pytest.mark.parametrize(
    ("start", "end", "opens", "closes"),
    [
        ((0, 0), (6, 0), "2026-03-29T00:00+01:00", "2026-03-29T06:00+02:00"),
        ((1, 0), (2, 30), "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ((2, 30), (4, 0), "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"),
        ((2, 15), (2, 45), "2026-04-05T02:15+02:00", "2026-04-05T02:45+02:00"),  # left out that night
        ((0, 0), (6, 0), "2026-10-25T00:00+02:00", "2026-10-25T06:00+01:00"),
        ((2, 0), (3, 0), "2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00"),
        ((2, 15), (2, 45), "2026-10-25T02:15+02:00", "2026-10-25T02:45+02:00"),
        ((1, 0), (2, 30), "2026-10-25T01:00+02:00", "2026-10-25T02:30+02:00"),
        ((2, 30), (4, 0), "2026-10-25T02:30+02:00", "2026-10-25T04:00+01:00"),
    ],
)
def test_open_at_night(start: tuple[int, int], end: tuple[int, int], opens: str, closes: str) -> None:
    one = sundays(start[0] * 60 + start[1], end[0] * 60 + end[1])
    first, last = at(one, opens), at(one, closes)
    saturday = at(one, "2026-03-28T12:00" if first < at(one, "2026-06-01T00:00") else "2026-10-24T12:00")
    time = working(one)
    assert time.next_open(saturday) == first
    assert time.is_open(last - 1)
    assert not time.is_open(last)
    assert time.add_time(saturday, last - first) == last
    assert time.add_time(last + HOUR, first - last) == first
    assert time.add_time(saturday, last - first + 1) > last + 6 * DAY


def test_a_local_time_that_comes_twice_is_open_once() -> None:
    one = sundays(2 * 60 + 15, 2 * 60 + 45)
    assert working(one).is_open(at(one, "2026-10-25T02:30+02:00"))
    assert not working(one).is_open(at(one, "2026-10-25T02:30+01:00"))


@pytest.mark.parametrize(
    ("moment", "due"),
    [("2026-03-28T02:30", "2026-03-29T03:00+02:00"), ("2026-10-24T02:30", "2026-10-25T02:30+02:00")],
)
def test_a_working_day_later_in_a_gap_or_fold(moment: str, due: str) -> None:
    assert working(ALWAYS).add_days(at(ALWAYS, moment), 1) == at(ALWAYS, due)


def test_a_date_that_the_zone_left_out_is_never_open_but_counts_as_it_is_written() -> None:
    apia = calendar(*[NINE_TO_SIX] * 5, timezone="Pacific/Apia")  # without Friday, 30 December 2011
    thursday = at(apia, "2011-12-29T10:00")
    assert local(apia, working(apia).add_time(thursday, 9 * HOUR)) == "2012-01-02T10:00"
    assert local(apia, working(apia).add_days(thursday, 1)) == "2011-12-31T00:00"
    assert local(apia, working(apia).add_days(thursday, 2)) == "2012-01-02T10:00"


def test_a_midnight_that_comes_twice() -> None:
    # St. John's went back at 00:01 on Sunday, 4 November 2007, to 23:01 on Saturday.
    one = calendar(*[ALL_DAY] * 5, (), ALL_DAY, timezone="America/St_Johns")
    first = at(one, "2007-11-04T00:00-02:30")
    assert working(one).next_open(first - 1) == first
    assert working(one).is_open(at(one, "2007-11-03T23:30-03:30"))  # Saturday again, but Sunday's span has begun
    assert working(one).add_time(first, 25 * HOUR - MINUTE) == first + 25 * HOUR - MINUTE


# Ends and costs


def test_the_ends_of_the_calendar() -> None:
    last = at(OFFICE, "9999-12-31T12:00")
    time = working(OFFICE)
    assert local(OFFICE, time.add_days(last, -5)) == "9999-12-24T12:00"
    assert time.add_time(last, -100 * HOUR) < last
    assert time.next_open(at(OFFICE, "9999-12-31T23:00")) is None
    with pytest.raises(OverflowError):
        time.add_days(last, 1)
    with pytest.raises(OverflowError):
        time.add_time(last, 100 * HOUR)
    first = at(OFFICE, "0001-01-02T12:00")
    assert time.next_open(first) == first
    with pytest.raises(OverflowError):
        time.add_days(first, -9)
    with pytest.raises(OverflowError):
        time.add_time(first, -100 * HOUR)


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
def test_a_calendar_that_never_closes_at_the_ends(timezone: str) -> None:
    one = calendar(*[ALL_DAY] * 7, timezone=timezone)
    for text in ("0001-01-03T00:00", "9999-12-29T23:59"):
        instant = at(one, text)
        assert working(one).is_open(instant)
        assert working(one).add_time(instant, MINUTE) == instant + MINUTE
        assert working(one).add_time(instant, -MINUTE) == instant - MINUTE
    assert {working(one).next_open(instant) for instant in (LATEST, LATEST - 1)} == {None}


@pytest.mark.parametrize("timezone", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
def test_stretches_meet(timezone: str) -> None:
    one = calendar(*[ALL_DAY] * 7, timezone=timezone)
    time = module.WorkingTime(one)
    for day in range(-3 * 512, 3 * 512, 512):
        border = at(one, (datetime(1970, 1, 1) + timedelta(day)).isoformat())  # noqa: DTZ001 - a local time
        for instant in (border - 1, border, border + 1):
            assert time.is_open(instant)
            assert time.next_open(instant) == instant
        assert time.add_time(border - 1, 1) == time.add_time(border + 1, -1) == border
        assert time.add_time(border - HOUR, 2 * HOUR) == border + HOUR
        assert time.add_time(border + HOUR, -2 * HOUR) == border - HOUR
        assert time.add_days(border - HOUR, 1) == border + 23 * HOUR
        assert time.add_days(border + HOUR, -1) == border - 23 * HOUR


def test_far_years_have_no_holidays() -> None:
    assert working(GERMAN).is_open(at(GERMAN, "9999-01-01T12:00"))


def test_ten_years_are_a_few_steps() -> None:
    time = module.WorkingTime(OFFICE)
    time.add_days(at(OFFICE, "2026-03-06T12:00"), 2_600)
    time.add_time(at(OFFICE, "2026-03-06T12:00"), 2_600 * 9 * HOUR)
    assert len(time._stretches) < 10


def test_the_stretches_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    time, start = module.WorkingTime(OFFICE), at(OFFICE, "2026-03-06T12:00")
    for count in (2_500, -2_500, 5_000):
        assert time.add_days(start, count) == working(OFFICE).add_days(start, count)
        assert len(time._stretches) <= 3


def test_working_time_is_made_once() -> None:
    again = from_text(to_text(OFFICE))
    assert again == OFFICE
    assert working(again) is working(OFFICE) is working_by_text(to_text(OFFICE))


def test_holidays_are_loaded_only_for_calendars_that_have_some() -> None:
    check = (
        "import sys; from flowrun.calendars.calendar import Calendar; from flowrun.calendars.working import working\n"
        "week = (((0, 1000),),) * 7\n"
        "working(Calendar('a', 'UTC', week, (0,))).is_open(0); print('holidays' in sys.modules)\n"
        "working(Calendar('a', 'UTC', week, (0,), 'DE')).is_open(0); print('holidays' in sys.modules)\n"
    )
    shown = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert shown.split() == ["False", "True"]
