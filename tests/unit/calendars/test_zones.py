"""Zones: gaps, folds, days on the wall clock, and the ends of the calendar."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from flowrun.calendars import zones
from flowrun.calendars.durations import DAY, HOUR, MINUTE, Duration, parse_duration
from flowrun.calendars.zones import UnknownZone, Zone, zone, zone_names

BERLIN = zone("Europe/Berlin")
"""2026: forward on 29 March, 02:00 to 03:00; back on 25 October, 03:00 to 02:00."""


def utc(text: str) -> int:
    """An instant written in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_zone_is_made_once() -> None:
    assert zone("Europe/Berlin") is BERLIN
    assert zone("Europe/Berlin") != zone("Europe/Paris")


def test_what_the_machine_has_of_zones_is_nothing_to_us(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe/Berlin").write_bytes(zones.zone_data("Asia/Tokyo"))
    noon = utc("2026-03-02T12:00")
    zoneinfo.reset_tzpath([tmp_path])
    try:
        ZoneInfo.clear_cache()
        assert datetime.fromtimestamp(noon / 1000, ZoneInfo("Europe/Berlin")).hour == 21, "Python would believe it"
        assert zone.__wrapped__("Europe/Berlin").text(noon) == "2026-03-02T13:00"
    finally:
        zoneinfo.reset_tzpath()
        ZoneInfo.clear_cache()


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "Europe", "Europe/Berln", "europe/berlin", "Europe/Berlin\n", "UTC+3", "tzdata.zi", "x" * 10_000),
        *("/etc/passwd", "../etc/passwd", "Europe/../Europe/Berlin", "a\0b"),
    ],
)
def test_an_unknown_or_unsafe_name(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone(name)


def test_the_message_is_one_short_line() -> None:
    with pytest.raises(UnknownZone) as caught:
        zone("x\n" * 10_000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 130


def test_the_days_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "_QUIET_LIMIT", 10)
    fresh = Zone("Europe/Berlin", ZoneInfo("Europe/Berlin"))
    assert [fresh.local(day * DAY) for day in range(100)] == [BERLIN.local(day * DAY) for day in range(100)]
    assert len(fresh._quiet) <= 10


def test_names() -> None:
    names = zone_names()
    assert list(names) == sorted(set(names))
    assert {"UTC", "Europe/Moscow", "America/Argentina/Buenos_Aires"} <= set(names)
    assert "Factory" not in names


def test_every_name_is_a_zone() -> None:
    for name in zone_names():
        assert zone(name).local(0).year in {1969, 1970}


def test_which_zones_are_utc() -> None:
    winter, summer = utc("2026-01-01"), utc("2026-07-01")
    for name in zone_names():
        found = zone(name)
        offsets = {
            found.local(instant) - local(text) for instant, text in [(winter, "2026-01-01"), (summer, "2026-07-01")]
        }
        if found.is_utc:
            assert {offset.total_seconds() for offset in offsets} == {0}
    assert zone("UTC").is_utc
    assert zone("Etc/GMT").is_utc
    assert not zone("Europe/London").is_utc
    assert not zone("Africa/Abidjan").is_utc


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-03-29T00:59:59.999", "2026-03-29T01:59:59.999"),
        ("2026-03-29T01:00", "2026-03-29T03:00"),
        ("2026-10-25T00:30", "2026-10-25T02:30"),
        ("2026-10-25T01:30", "2026-10-25T02:30"),
        ("2026-07-01T12:00", "2026-07-01T14:00"),
    ],
)
def test_local(instant: str, expected: str) -> None:
    found = BERLIN.local(utc(instant))
    assert found == local(expected)
    assert found.tzinfo is None
    assert found.fold == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-07-01T14:00", "2026-07-01T12:00"),
        ("2026-03-29T01:59:59.999", "2026-03-29T00:59:59.999"),
        ("2026-03-29T02:00", "2026-03-29T01:00"),
        ("2026-03-29T02:30", "2026-03-29T01:00"),
        ("2026-03-29T02:59:59.999", "2026-03-29T01:00"),
        ("2026-03-29T03:00", "2026-03-29T01:00"),
        ("2026-10-25T02:00", "2026-10-25T00:00"),
        ("2026-10-25T02:59:59.999", "2026-10-25T00:59:59.999"),
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_the_instant_of_a_local_time(text: str, expected: str) -> None:
    assert BERLIN.instant(local(text)) == utc(expected)
    assert BERLIN.instant(local(text).replace(fold=1)) == utc(expected)


def test_a_gap_that_is_tomorrow_in_utc() -> None:
    nuuk = zone("America/Nuuk")  # forward on Saturday at 23:00, which is Sunday 01:00 in UTC
    assert nuuk.instant(local("2025-03-29T23:30")) == utc("2025-03-30T01:00")
    assert nuuk.instant(local("2025-03-29T22:30")) == utc("2025-03-30T00:30")


@pytest.mark.parametrize(
    ("start", "days", "expected"),
    [
        ("2026-03-28T01:30", 1, "2026-03-29T01:00"),
        ("2026-03-28T01:30", 2, "2026-03-30T00:30"),
        ("2026-03-30T00:30", -1, "2026-03-29T01:00"),
        ("2026-10-24T00:30", 1, "2026-10-25T00:30"),
        ("2026-10-26T01:30", -1, "2026-10-25T00:30"),
        ("2026-10-25T01:30", 1, "2026-10-26T01:30"),
        ("2026-10-25T01:30", 0, "2026-10-25T01:30"),
        ("2026-01-31T23:30", 180, "2026-07-30T22:30"),
    ],
)
def test_days_on_the_wall_clock(start: str, days: int, expected: str) -> None:
    assert BERLIN.add_days(utc(start), days) == utc(expected)


@pytest.mark.parametrize(
    ("start", "duration", "expected"),
    [
        ("2026-03-28T11:00", "1d", "2026-03-29T10:00"),
        ("2026-03-28T11:00", "24h", "2026-03-29T11:00"),
        ("2026-03-28T01:30", "1d12h", "2026-03-29T13:00"),
        ("2026-03-29T10:00", "-1d12h", "2026-03-27T23:00"),
        ("2026-10-25T01:30", "0s", "2026-10-25T01:30"),
        ("2026-10-25T01:30", "90m", "2026-10-25T03:00"),
    ],
)
def test_shift_is_days_first_then_exact_time(start: str, duration: str, expected: str) -> None:
    assert BERLIN.shift(utc(start), parse_duration(duration, signed=True)) == utc(expected)


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),  # 00:00 to 01:00: no midnight
        ("America/Havana", "2026-11-01", "2026-11-01T04:00"),  # 01:00 back to 00:00: two midnights
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # the day was left out
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
    ],
)
def test_midnight(name: str, day: str, expected: str) -> None:
    assert zone(name).midnight(date.fromisoformat(day)) == utc(expected)


@pytest.mark.parametrize(
    ("name", "instant", "expected"),
    [
        ("UTC", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("UTC", "2026-01-01T23:59:59.999", "2026-01-02T00:00"),
        ("Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("America/Sao_Paulo", "2018-11-03T12:00", "2018-11-04T03:00"),
        ("America/Sao_Paulo", "2019-02-17T01:30", "2019-02-17T03:00"),  # 24:00 back to 23:00, this is before
        ("America/Sao_Paulo", "2019-02-17T02:30", "2019-02-17T03:00"),  # and this after
        ("Pacific/Apia", "2011-12-29T12:00", "2011-12-30T10:00"),
        ("America/St_Johns", "2006-10-29T02:00", "2006-10-29T02:30"),  # 00:01 back to 23:01: the date came twice
        ("America/St_Johns", "2006-10-29T03:00", "2006-10-29T03:30"),
    ],
)
def test_next_midnight(name: str, instant: str, expected: str) -> None:
    assert zone(name).next_midnight(utc(instant)) == utc(expected)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [("2026-03-06T22:59:59.999", "2026-03-06"), ("2026-03-06T23:00", "2026-03-07"), ("1969-12-31T22:30", "1969-12-31")],
)
def test_the_date(instant: str, expected: str) -> None:
    assert BERLIN.date(utc(instant)) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("moment", "offset", "time", "expected"),
    [
        ("2026-06-10", "0s", None, "2026-06-09T22:00"),
        ("2026-06-10", "0s", "09:00", "2026-06-10T07:00"),
        ("2026-06-10", "-90d", "09:00", "2026-03-12T08:00"),
        ("2026-06-10", "-1h", "09:00", "2026-06-09T07:00"),
        ("2026-03-29", "0s", "02:30", "2026-03-29T01:00"),
        ("2026-10-25", "0s", "02:30", "2026-10-25T00:30"),
        ("2026-03-28", "1d2h", None, "2026-03-29T01:00"),
    ],
)
def test_at_a_date(moment: str, offset: str, time: str | None, expected: str) -> None:
    since_midnight = None if time is None else int(time[:2]) * HOUR + int(time[3:]) * MINUTE
    duration = parse_duration(offset, signed=True)
    assert BERLIN.at(date.fromisoformat(moment), duration, since_midnight) == utc(expected)


@pytest.mark.parametrize(
    ("moment", "offset", "time", "expected"),
    [
        ("2026-06-10T12:34", "0s", None, "2026-06-10T12:34"),
        ("2026-06-10T22:30", "0s", 9 * HOUR, "2026-06-11T07:00"),
        ("2026-06-10T12:34", "-1d30m", None, "2026-06-09T12:04"),
        ("2026-10-25T01:30", "0s", None, "2026-10-25T01:30"),
        ("2026-10-25T01:30", "0s", 2 * HOUR + 30 * MINUTE, "2026-10-25T00:30"),
    ],
)
def test_at_an_instant(moment: str, offset: str, time: int | None, expected: str) -> None:
    assert BERLIN.at(utc(moment), parse_duration(offset, signed=True), time) == utc(expected)


def test_days_before_a_date_count_from_the_midnight_that_the_clocks_leave_out() -> None:
    sao_paulo = zone("America/Sao_Paulo")
    assert sao_paulo.text(sao_paulo.at(date(2018, 11, 4), Duration(), None)) == "2018-11-04T01:00"
    assert sao_paulo.text(sao_paulo.at(date(2018, 11, 4), Duration(days=-1), None)) == "2018-11-03T00:00"


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        ("2026-03-06T15:00", "2026-03-06T16:00"),
        ("2026-03-06T15:00:07", "2026-03-06T16:00:07"),
        ("2026-03-06T15:00:00.250", "2026-03-06T16:00:00.250"),
    ],
)
def test_text(instant: str, expected: str) -> None:
    assert BERLIN.text(utc(instant)) == expected


FIRST, LAST = utc("0001-01-01T00:00"), utc("9999-12-31T23:59") + 59_999
EAST, WEST = zone("Asia/Tokyo"), zone("America/New_York")


def test_the_ends_of_the_calendar() -> None:
    assert zone("UTC").local(FIRST) == local("0001-01-01")
    assert zone("UTC").text(LAST) == "9999-12-31T23:59:59.999"
    assert EAST.date(FIRST) == date.min
    assert WEST.date(LAST) == date.max
    assert zone("UTC").midnight(date.min) == FIRST
    assert zone("UTC").add_days(FIRST, 3_652_058) == LAST + 1 - DAY


@pytest.mark.parametrize("found", [zone("UTC"), EAST, WEST, BERLIN], ids=lambda found: found.name)
@pytest.mark.parametrize("instant", [FIRST - DAY - 1, LAST + DAY + 1, -(10**18), 10**18, 10**40])
def test_beyond_the_calendar(found: Zone, instant: int) -> None:
    with pytest.raises(OverflowError):
        found.local(instant)
    with pytest.raises(OverflowError):
        found.date(instant)
    with pytest.raises(OverflowError):
        found.next_midnight(instant)
    with pytest.raises(OverflowError):
        found.add_days(instant, 1)
    with pytest.raises(OverflowError):
        found.shift(instant, Duration())


def test_over_the_ends_of_the_calendar() -> None:
    for attempt in (
        lambda: WEST.local(FIRST),
        lambda: EAST.date(LAST),
        lambda: EAST.midnight(date.min),
        lambda: WEST.instant(local("9999-12-31T23:59")),
        lambda: BERLIN.next_midnight(LAST - DAY),
        lambda: BERLIN.add_days(0, 10**9),
        lambda: BERLIN.add_days(0, -(10**30)),
        lambda: BERLIN.shift(LAST - HOUR, Duration(ms=2 * HOUR)),
        lambda: BERLIN.at(date.max, Duration(days=1), None),
        lambda: BERLIN.at(date.max, Duration(ms=2 * DAY), None),
    ):
        with pytest.raises(OverflowError):
            attempt()
