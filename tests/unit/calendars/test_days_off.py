"""Public holidays by their codes."""

from __future__ import annotations

from datetime import date

import pytest

from flowrun.calendars.days_off import UnknownHolidays, check_code, days_off, holiday_codes


@pytest.mark.parametrize(
    ("code", "day", "off"),
    [
        ("RU", date(2026, 5, 1), True),
        ("RU", date(2026, 5, 11), True),  # stands in for Saturday the 9th
        ("RU", date(2026, 5, 4), False),
        ("DE", date(2026, 4, 3), True),
        ("DE", date(2026, 6, 4), False),
        ("DE-BY", date(2026, 6, 4), True),
        ("DE-BY", date(2026, 4, 3), True),
        ("US", date(2021, 12, 31), True),  # New Year of the next year
        ("GB-SCT", date(2026, 11, 30), True),
        ("GB-ENG", date(2026, 11, 30), False),
    ],
)
def test_days(code: str, day: date, off: bool) -> None:
    assert (day in days_off(code, day.year)) is off


def test_a_year_that_is_known_in_part_is_no_warning() -> None:
    assert date(2050, 1, 26) in days_off("IN", 2050)


@pytest.mark.parametrize("year", [1, 2, 2101, 9999])
def test_years_without_data(year: int) -> None:
    assert {day.year for day in days_off("DE", year) | days_off("KR", year)} <= {year}


def test_codes() -> None:
    codes = holiday_codes()
    assert list(codes) == sorted(set(codes))
    assert {"RU", "DE", "DE-BY", "NZ-South Canterbury"} < set(codes)
    assert not {"UK", "RUS", "NYSE", "ECB"} & set(codes)
    for code in codes:
        check_code(code)


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        ("UK", "no holidays are known for 'UK'", "did you mean 'GB'?"),
        ("RUS", "no holidays are known for 'RUS'", "did you mean 'RU'?"),
        ("de", "no holidays are known for 'de'", "did you mean 'DE'?"),
        ("Россия", "no holidays are known for 'Россия'", "write the two letters of a country, as RU"),
        ("", "no holidays are known for ''", "write the two letters of a country, as RU"),
        ("DE-by", "no holidays are known for 'by' of DE", "did you mean 'BY'?"),
        ("DE-YB", "no holidays are known for 'YB' of DE", "choose from: BB, BE, BW, BY,"),
        ("DE-", "no holidays are known for '' of DE", "choose from: BB, BE, BW, BY,"),
        ("RU-MOW", "the holidays of RU are known for the whole country only", "write 'RU'"),
    ],
)
def test_unknown_codes(code: str, message: str, hint: str) -> None:
    for ask in (check_code, lambda code: days_off(code, 2026)):
        with pytest.raises(UnknownHolidays) as caught:
            ask(code)
        assert str(caught.value) == message
        assert (caught.value.hint or "").startswith(hint)


def test_the_message_is_one_short_line() -> None:
    with pytest.raises(UnknownHolidays) as caught:
        check_code("x\n" * 10_000)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 130
