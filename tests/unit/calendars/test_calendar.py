"""Calendars as text."""

from __future__ import annotations

from datetime import date

import pytest

from flowrun.calendars.calendar import Calendar, from_text, to_text
from flowrun.calendars.durations import HOUR

SMALL = Calendar("desk", "UTC", (((0, HOUR),), *((),) * 6), (0,))
WHOLE = Calendar(
    "office",
    "Europe/Berlin",
    (((9 * HOUR, 12 * HOUR), (13 * HOUR, 24 * HOUR)), *((),) * 5, ((0, 1),)),
    (6, 0),
    "DE-BY",
    (date(2026, 12, 31), date(2026, 1, 2)),
    (date(2026, 12, 26),),
)


def test_the_text_is_canonical() -> None:
    assert to_text(SMALL) == ('{"declared":[0],"hours":[[[0,3600000]],[],[],[],[],[],[]],"id":"desk","timezone":"UTC"}')


@pytest.mark.parametrize("one", [SMALL, WHOLE])
def test_it_comes_back(one: Calendar) -> None:
    assert from_text(to_text(one)) == one
    assert to_text(from_text(to_text(one))) == to_text(one)
    assert from_text(to_text(one)) is from_text(to_text(one))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": 1}', to_text(WHOLE).replace("2026-12-31", "2026-02-30")])
def test_another_text(text: str) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_text(text)
