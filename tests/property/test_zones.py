"""Zones against `whenever`, an independent reading of the same data, near the changes of the clocks most of all."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from importlib.resources import files

from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant, PlainDateTime, SkippedTime, ZonedDateTime, clear_tzcache, reset_tzpath

from flowrun.calendars.durations import DAY, HOUR, Duration
from flowrun.calendars.zones import zone

# The system's data may be of another year.
reset_tzpath([str(files("tzdata") / "zoneinfo")])
clear_tzcache()

NAMES = [
    "UTC", "Europe/Moscow", "Europe/Berlin", "Europe/London", "Europe/Dublin", "Africa/Casablanca", "America/New_York",
    "America/Sao_Paulo", "America/St_Johns", "America/Havana", "America/Asuncion", "Asia/Kolkata", "Asia/Kathmandu",
    "Asia/Gaza", "Asia/Tehran", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kwajalein", "Pacific/Chatham",
    "Antarctica/Troll", "Africa/Monrovia", "America/Boa_Vista", "America/Nuuk", "America/Scoresbysund",
]  # fmt: skip
FIRST_YEAR, LAST_YEAR = -2_200_000_000_000, 4_100_000_000_000
"""1900 to 2099: beyond the data's last year the rules go on."""


def zoned(name: str, instant: int) -> ZonedDateTime:
    return Instant.from_timestamp(instant, unit="millisecond").to_tz(name)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and an instant; half of the time within two days of a change of its clocks, or right at it."""
    name = draw(st.sampled_from(NAMES))
    instant = draw(st.integers(FIRST_YEAR, LAST_YEAR))
    change = zoned(name, instant).next_transition() if draw(st.booleans()) else None
    if change is not None:
        instant = change.timestamp(unit="millisecond")
        instant += draw(
            st.one_of(st.integers(-2 * DAY, 2 * DAY), st.integers(-2, 2), st.integers(-30, 30).map(HOUR.__mul__))
        )
    return name, instant


@given(moments())
def test_local_time(moment: tuple[str, int]) -> None:
    name, instant = moment
    expected = zoned(name, instant).to_plain().to_stdlib()
    assert zone(name).local(instant) == expected
    assert zone(name).date(instant) == expected.date()
    assert datetime.fromisoformat(zone(name).text(instant)) == expected


def expected_instant(name: str, local: datetime) -> int:
    """The rule, spelt out: the first of two; the first valid instant after a gap."""
    plain = PlainDateTime(local)
    try:
        return plain.assume_tz(name, disambiguation="raise").timestamp(unit="millisecond")
    except SkippedTime:
        before = plain.assume_tz(name, disambiguation="earlier")
        change = before.next_transition()
        assert change is not None
        return change.timestamp(unit="millisecond")
    except ValueError:
        return plain.assume_tz(name, disambiguation="earlier").timestamp(unit="millisecond")


@given(moments(), st.integers(-3 * HOUR, 3 * HOUR))
def test_the_instant_of_a_local_time(moment: tuple[str, int], off: int) -> None:
    name, instant = moment
    local = zone(name).local(instant) + timedelta(milliseconds=off)
    assert zone(name).instant(local) == expected_instant(name, local)


@given(moments(), st.integers(-400, 400))
def test_days_on_the_wall_clock(moment: tuple[str, int], days: int) -> None:
    name, instant = moment
    local = zone(name).local(instant) + timedelta(days)
    assert zone(name).add_days(instant, days) == (expected_instant(name, local) if days else instant)
    assert zone(name).shift(instant, Duration(days=days, ms=5)) == zone(name).add_days(instant, days) + 5


@given(moments(), st.integers(-40, 40), st.one_of(st.none(), st.integers(0, DAY - 1)))
def test_at(moment: tuple[str, int], days: int, time: int | None) -> None:
    name, instant = moment
    day: date = zone(name).date(instant)
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time
    due = expected_instant(name, midnight + timedelta(days))
    if time is not None:
        start = zone(name).local(due).replace(hour=0, minute=0, second=0, microsecond=0)
        due = expected_instant(name, start + timedelta(milliseconds=time))
    assert zone(name).at(day, Duration(days=days), time) == due


@given(moments())
def test_the_next_midnight_begins_another_date(moment: tuple[str, int]) -> None:
    name, instant = moment
    found = zone(name).next_midnight(instant)
    assert instant < found <= instant + 49 * HOUR
    assert zone(name).date(found) > zone(name).date(found - 1)
    assert zone(name).date(found) > zone(name).date(instant)
