"""Durations: what is one, what is none and why, and that each is written back as it was."""

from __future__ import annotations

import pytest

from flowrun.calendars.durations import DAY, HOUR, MINUTE, SECOND, BadDuration, Duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected", "canonical"),
    [
        ("45s", Duration(ms=45 * SECOND), "45s"),
        ("30m", Duration(ms=30 * MINUTE), "30m"),
        ("2h", Duration(ms=2 * HOUR), "2h"),
        ("90m", Duration(ms=90 * MINUTE), "1h30m"),
        ("48h", Duration(ms=48 * HOUR), "48h"),
        ("3d", Duration(days=3), "3d"),
        ("2w", Duration(days=14), "14d"),
        ("1d12h", Duration(days=1, ms=12 * HOUR), "1d12h"),
        ("1w2d3h4m5s", Duration(days=9, ms=3 * HOUR + 4 * MINUTE + 5 * SECOND), "9d3h4m5s"),
        ("0s", Duration(), "0s"),
        ("0d", Duration(), "0s"),
        ("007d", Duration(days=7), "7d"),
        ("10bd", Duration(business_days=10), "10bd"),
        ("16bh", Duration(business_ms=16 * HOUR), "16bh"),
        ("3660d", Duration(days=3660), "3660d"),
        ("87840h", Duration(ms=3660 * DAY), "87840h"),
        ("3660bd", Duration(business_days=3660), "3660bd"),
        ("87840bh", Duration(business_ms=3660 * DAY), "87840bh"),
    ],
)
def test_a_duration(text: str, expected: Duration, canonical: str) -> None:
    found = parse_duration(text)
    assert found == expected
    assert str(found) == canonical
    assert parse_duration(canonical) == found
    assert not found.negative


@pytest.mark.parametrize(
    ("text", "expected", "canonical"),
    [
        ("-90d", Duration(days=-90), "-90d"),
        ("-1d12h", Duration(days=-1, ms=-12 * HOUR), "-1d12h"),
        ("-90s", Duration(ms=-90 * SECOND), "-1m30s"),
        ("-5bd", Duration(business_days=-5), "-5bd"),
        ("-4bh", Duration(business_ms=-4 * HOUR), "-4bh"),
        ("-0d", Duration(), "0s"),
        ("90d", Duration(days=90), "90d"),
    ],
)
def test_a_signed_duration(text: str, expected: Duration, canonical: str) -> None:
    found = parse_duration(text, signed=True)
    assert found == expected
    assert str(found) == canonical
    assert parse_duration(canonical, signed=True) == found
    assert found.negative == canonical.startswith("-")


@pytest.mark.parametrize("text", ["2h", "1d12h", "0s", "-3d"])
def test_what_needs_no_calendar(text: str) -> None:
    assert not parse_duration(text, signed=True).business


@pytest.mark.parametrize("text", ["1bd", "1bh", "-1bd", "-1bh"])
def test_what_needs_a_calendar(text: str) -> None:
    assert parse_duration(text, signed=True).business


def test_zero() -> None:
    assert parse_duration("0s").zero
    assert parse_duration("0w0d0h0m0s").zero
    assert not parse_duration("1s").zero
    assert not parse_duration("1bh").zero


NO_UNIT = "has no unit; write for example '2h' or '3d'"
NONE = "is no duration; expected for example 30m, 2h, 3d, 1d12h or 10bd"
MIXED = "mixes business time with other units; write 'bd' or 'bh' alone"
ORDER = "repeats or misplaces a unit; the order is w, d, h, m, s"
LONG = "is longer than 10 years"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", NO_UNIT),
        ("0", NO_UNIT),
        ("", NONE),
        ("h", NONE),
        ("2 h", NONE),
        (" 2h", NONE),
        ("2h\n", NONE),
        ("2H", NONE),
        ("1.5h", NONE),
        ("1,5h", NONE),
        ("2hours", NONE),
        ("+2h", NONE),
        ("--2h", NONE),
        ("-", NONE),
        ("-x", NONE),
        ("2y", NONE),
        ("12:30", NONE),
        ("٣d", NONE),
        ("²d", NONE),
        ("1000000000000s", NONE),
        ("12h1d", ORDER),
        ("1d1d", ORDER),
        ("1d2w", ORDER),
        ("1m1h", ORDER),
        ("1d5bd", MIXED),
        ("5bd1d", MIXED),
        ("5bd5bh", MIXED),
        ("5bd5bd", MIXED),
        ("0bd", "is no time at all; use 'window' to wait for opening hours"),
        ("0bh", "is no time at all; use 'window' to wait for opening hours"),
        ("3661d", LONG),
        ("3660d1s", LONG),
        ("523w", LONG),
        ("87841h", LONG),
        ("3661bd", LONG),
        ("87841bh", LONG),
        ("-2h", "is negative; only 'offset' may go back in time"),
        ("-5bd", "is negative; only 'offset' may go back in time"),
    ],
)
def test_no_duration(text: str, reason: str) -> None:
    with pytest.raises(BadDuration) as caught:
        parse_duration(text)
    message = str(caught.value)
    assert message.endswith(reason)
    assert message.isprintable()


@pytest.mark.parametrize("text", ["-0bd", "-3661d", "-3660d1s", "-1d5bd", "-5", "-2 h"])
def test_no_signed_duration(text: str) -> None:
    with pytest.raises(BadDuration):
        parse_duration(text, signed=True)


@pytest.mark.parametrize("text", ["10bd", "16bh", "0bd"])
def test_business_time_can_be_refused(text: str) -> None:
    with pytest.raises(BadDuration, match="is business time, which has no place here"):
        parse_duration(text, business=False)


def test_a_message_shows_a_long_text_in_short() -> None:
    with pytest.raises(BadDuration) as caught:
        parse_duration("9" * 5000)
    assert len(str(caught.value)) < 130
