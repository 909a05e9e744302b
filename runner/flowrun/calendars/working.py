"""Working time: when a calendar is open, and counting in its days and in its open hours (semantics.md, "Due").

An open span lasts from the instant of its first local time to the instant of its end, as `zones` finds them, and what
lies between is real time: on a night when the clocks change, a span may be an hour longer or shorter than it is
written. Since the instants of rising local times never fall, spans neither overlap nor change places.

Counting never goes day by day. Local days are cut into stretches of equal length, and each stretch knows its working
days, its spans as instants, and how much open time there is before each span. So an answer is a search by halves in
one stretch, after a step over each stretch that lies between. Stretches are made when they are first needed.

A store reckons with working time in the years 1970-2199 only (`starts`, `ends`), since a database may have all of it in
tables: `timetable`.

Instants are milliseconds UTC since 1970. What would leave the years 1-9999 raises OverflowError.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from flowrun.calendars.calendar import Calendar, from_text
from flowrun.calendars.days_off import days_off
from flowrun.calendars.durations import DAY
from flowrun.calendars.zones import zone

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_DAY = date.min.toordinal() - _EPOCH
_LAST_DAY = date.max.toordinal() - _EPOCH
_FIRST_KNOWN = 0
_LAST_KNOWN = date(2199, 12, 31).toordinal() - _EPOCH
_THURSDAY = 3
"""The weekday of 1970-01-01."""
_DAYS = 512
"""Days of a stretch: few enough to be made in a millisecond, enough for ten years in eight steps."""
_REMEMBERED = 2_000
"""Stretches remembered per calendar: the longest way that 10 years of open time can take with an hour a week (1,700
years) fits; some 40 MiB if all are ever used."""


@lru_cache(maxsize=256)
def working(calendar: Calendar) -> WorkingTime:
    """The working time of the calendar."""
    return WorkingTime(calendar)


@lru_cache(maxsize=256)
def working_by_text(text: str) -> WorkingTime:
    """The working time of the calendar that `calendar.to_text` wrote."""
    return working(from_text(text))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The working time of some hundred days on end.

    It is that of the instants from `start`, before `end`. `days` are its working days, by their number since 1970.
    `opens` and `closes` are the ends of its spans, none empty; `before` is the open time in the stretch before each
    span, `total` that of all, in ms.
    """

    start: int
    end: int
    days: array[int]
    opens: array[int]
    closes: array[int]
    before: array[int]
    total: int


@dataclass(frozen=True, slots=True)
class Timetable:
    """All working time of a calendar in the years 1970-2199.

    It is that of the instants from `starts`, before `ends`. `days` are its working days, by their number since 1970.
    `opens`, `closes` and `before` are those of a stretch, `open_time` is the total of it, in ms.
    """

    zone: str
    starts: int
    ends: int
    days: tuple[int, ...]
    opens: tuple[int, ...]
    closes: tuple[int, ...]
    before: tuple[int, ...]
    open_time: int


class WorkingTime:
    """When one calendar is open; made by `working()`."""

    def __init__(self, calendar: Calendar) -> None:
        self._zone = zone(calendar.timezone)
        self._hours = calendar.hours
        self._holidays = calendar.holidays
        self._closed = frozenset(map(_number, calendar.closed))
        self._special = frozenset(map(_number, calendar.open))
        self._special_hours = next((calendar.hours[day] for day in calendar.declared if calendar.hours[day]), ())
        self._stretches: dict[int, _Stretch] = {}
        self.starts = self._zone.of_wall(_FIRST_KNOWN * DAY)
        self.ends = self._zone.of_wall((_LAST_KNOWN + 1) * DAY)

    def is_open(self, instant: int) -> bool:
        """Whether the calendar is open at that instant: a span has its start and not its end."""
        _, stretch = self._around(instant)
        span = bisect_right(stretch.opens, instant) - 1
        return span >= 0 and instant < stretch.closes[span]

    def next_open(self, instant: int) -> int | None:
        """The instant itself if open, else the next at which a span begins; None if none does before the year 10000."""
        number, stretch = self._around(instant)
        span = bisect_right(stretch.opens, instant)
        if span and instant < stretch.closes[span - 1]:
            return instant
        try:
            while span == len(stretch.opens):
                number, span = number + 1, 0
                stretch = self._stretch(number)
        except OverflowError:
            return None
        return stretch.opens[span]

    def add_days(self, instant: int, count: int) -> int:
        """The same local time `count` working days later, or earlier if it is negative; 0 is the instant itself.

        The day of `instant` never counts, whether it is a working day or not.
        """
        if count == 0:
            return instant
        day, time = divmod(self._zone.wall(instant), DAY)
        number = day // _DAYS
        days = self._stretch(number).days
        index = (bisect_right(days, day) - 1 if count > 0 else bisect_left(days, day)) + count
        while index >= len(days):
            index -= len(days)
            number += 1
            days = self._stretch(number).days
        while index < 0:
            number -= 1
            days = self._stretch(number).days
            index += len(days)
        return self._zone.of_wall(days[index] * DAY + time)

    def add_time(self, instant: int, ms: int) -> int:
        """The instant by which `ms` of open time have passed; 0 is the instant itself.

        It is the first such instant, so an amount that a span's end completes ends there. A negative amount is counted
        back, to the last instant from which so much open time leads to `instant`.
        """
        if ms == 0:
            return instant
        number, stretch = self._around(instant)
        span = bisect_right(stretch.opens, instant) - 1
        open_time = ms
        if span >= 0:
            open_time += stretch.before[span] + min(instant, stretch.closes[span]) - stretch.opens[span]
        while open_time > stretch.total:
            open_time -= stretch.total
            number += 1
            stretch = self._stretch(number)
        while open_time < 0:
            number -= 1
            stretch = self._stretch(number)
            open_time += stretch.total
        span = (bisect_left if ms > 0 else bisect_right)(stretch.before, open_time) - 1
        return stretch.opens[span] + open_time - stretch.before[span]

    def timetable(self) -> Timetable:
        """All of it from `starts` to `ends`."""
        days, opens, closes, before = array("q"), array("q"), array("q"), array("q")
        total = 0
        for number in range(_FIRST_KNOWN // _DAYS, _LAST_KNOWN // _DAYS + 1):
            stretch = self._stretch(number)
            known = bisect_right(stretch.days, _LAST_KNOWN)
            spans = bisect_left(stretch.opens, self.ends)
            days.extend(stretch.days[:known])
            opens.extend(stretch.opens[:spans])
            closes.extend(stretch.closes[:spans])
            before.extend(total + ms for ms in stretch.before[:spans])
            total = before[-1] + closes[-1] - opens[-1] if before else 0
        return Timetable(
            self._zone.name, self.starts, self.ends, tuple(days), tuple(opens), tuple(closes), tuple(before), total
        )

    def _around(self, instant: int) -> tuple[int, _Stretch]:
        """The stretch that the instant lies in, with its number."""
        number = instant // (_DAYS * DAY)
        stretch = self._stretch(number)
        if instant < stretch.start:  # local days begin some hours before or after those of UTC
            number -= 1
        elif instant >= stretch.end:
            number += 1
        else:
            return number, stretch
        return number, self._stretch(number)

    def _stretch(self, number: int) -> _Stretch:
        try:
            return self._stretches[number]
        except KeyError:
            pass
        if len(self._stretches) >= _REMEMBERED:
            self._stretches.clear()
        made = self._stretches[number] = self._make(number)
        return made

    def _make(self, number: int) -> _Stretch:
        first, last = max(number * _DAYS, _FIRST_DAY), min(number * _DAYS + _DAYS - 1, _LAST_DAY)
        if first > last:
            raise OverflowError("working time outside the years 1-9999")
        off = self._days_off(first, last)
        instant = self._zone.of_wall
        days, opens, closes, before = array("q"), array("q"), array("q"), array("q")
        total = 0
        for day in range(first, last + 1):
            hours = () if day in off else self._hours[(day + _THURSDAY) % 7]
            if day in self._special:
                hours = self._hours[(day + _THURSDAY) % 7] or self._special_hours
            if hours:
                days.append(day)
            for start, end in hours:
                try:
                    opened, closed = instant(day * DAY + start), instant(day * DAY + end)
                except OverflowError:  # in part beyond the years 1-9999 of UTC
                    continue
                if opened < closed:  # else it fell into a gap
                    opens.append(opened)
                    closes.append(closed)
                    before.append(total)
                    total += closed - opened
        return _Stretch(
            start=instant(first * DAY) if first > _FIRST_DAY else _FIRST_DAY * DAY,
            end=instant((last + 1) * DAY) if last < _LAST_DAY else (_LAST_DAY + 1) * DAY,
            days=days,
            opens=opens,
            closes=closes,
            before=before,
            total=total,
        )

    def _days_off(self, first: int, last: int) -> frozenset[int]:
        """The closed days and holidays from `first` to `last`, with perhaps more of the same years."""
        if self._holidays is None:
            return self._closed
        years = range(date.fromordinal(first + _EPOCH).year, date.fromordinal(last + _EPOCH).year + 1)
        return self._closed.union(*(map(_number, days_off(self._holidays, year)) for year in years))


def _number(day: date) -> int:
    """The day's number since 1970."""
    return day.toordinal() - _EPOCH
