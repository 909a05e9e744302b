"""Time zones: instants as local time and back, over the gaps and folds of summer time.

Owns the one answer to "which instant is this local time?" (semantics.md, "Due"): a local time that does not exist is
the first valid instant after the gap, one that exists twice is the first of the two. Rules are those of `zoneinfo`,
data those of the package `tzdata`, whatever the machine has: times are the same everywhere. What is added is that
answer, arithmetic on integer milliseconds, and speed: SQLite calls this once a row. Most days lie far from any change
of the clocks. For those (`quiet` days) one dictionary look-up gives the offset and the rest is integer arithmetic; only
days near a change take the careful way.

Instants are milliseconds UTC since 1970; local times are naive datetimes. What would leave the years 1-9999 raises
OverflowError.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeAlias
from zoneinfo import ZoneInfo

from flowrun.calendars.durations import DAY, Duration
from flowrun.diagnostics import excerpt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local times are naive here
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MS = timedelta(milliseconds=1)
_FIRST = (date.min.toordinal() - _EPOCH_ORDINAL) * DAY
_LAST = (date.max.toordinal() - _EPOCH_ORDINAL + 1) * DAY - 1
_QUIET_LIMIT = 20_000
"""Days remembered per zone: 54 years, some 2 MiB."""
_NO_RECORD = (date(1800, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY
"""Before, no zone has changed its clocks."""
_RULES_ALONE = (date(2100, 1, 1).toordinal() - _EPOCH_ORDINAL) * DAY
"""From there on, all zones have nothing but their rules: the changes on record end in 2087."""
_CYCLE = 146_097 * DAY
_STEP = 5 * DAY
_UTC_NAMES = frozenset(
    {"UTC", "UCT", "Zulu", "Universal", "Greenwich", "GMT", "GMT0", "GMT+0", "GMT-0"}
    | {"Etc/UTC", "Etc/UCT", "Etc/Zulu", "Etc/Universal", "Etc/Greenwich", "Etc/GMT", "Etc/GMT0", "Etc/GMT+0"}
    | {"Etc/GMT-0"}
)

_Date: TypeAlias = date  # inside Zone the name belongs to the method


class UnknownZone(ValueError):
    """There is no time zone of that name; `zone_names()` has those that exist."""


@cache
def zone_names() -> tuple[str, ...]:
    """The names of all IANA zones and links, sorted: those of the `tzdata` package, the same on every machine."""
    names = files("tzdata").joinpath("zones").read_text("utf-8").split()
    return tuple(sorted(name for name in names if name != "Factory"))  # the zone of machines that have none set


@cache
def _known() -> frozenset[str]:
    return frozenset(zone_names())


@cache
def zone(name: str) -> Zone:
    """The zone of that IANA name, case included. Raises UnknownZone; only a known name ever reaches the file system."""
    with _file(name).open("rb") as data:
        return Zone(name, ZoneInfo.from_file(data, name))


def zone_data(name: str) -> bytes:
    """What the package says of that zone, as RFC 8536 has it. Raises UnknownZone."""
    return _file(name).read_bytes()


def _file(name: str) -> Traversable:
    if name not in _known():
        raise UnknownZone(f"there is no time zone '{excerpt(name)}'")
    return files("tzdata").joinpath("zoneinfo", *name.split("/"))


@dataclass(frozen=True, slots=True)
class Zone:
    """One time zone; made by `zone()`."""

    name: str
    _info: ZoneInfo = field(repr=False, compare=False)
    _quiet: dict[int, int | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_utc(self) -> bool:
        """Whether local time is UTC, always: then a day is 86,400,000 ms and no look-up is needed."""
        return self.name in _UTC_NAMES

    def local(self, instant: int) -> datetime:
        """The local time at that instant, naive."""
        return _LOCAL_EPOCH + timedelta(0, 0, 0, self.wall(instant))

    def instant(self, local: datetime) -> int:
        """The instant of a naive local time: the end of the gap it falls into, the first where it exists twice."""
        return self.of_wall((local - _LOCAL_EPOCH) // _MS)

    def date(self, instant: int) -> _Date:
        """The local date at that instant."""
        return _Date.fromordinal(self.wall(instant) // DAY + _EPOCH_ORDINAL)

    def midnight(self, day: _Date) -> int:
        """The first instant of a local date; of a date that was left out, the instant at which it was."""
        return self.of_wall((day.toordinal() - _EPOCH_ORDINAL) * DAY)

    def next_midnight(self, instant: int) -> int:
        """The next instant at which a local date begins; always later than `instant`."""
        wall = (self.wall(instant) // DAY + 1) * DAY
        first = self.of_wall(wall)
        if first > instant:
            return first
        # Clocks that go back over midnight bring the old date once more: this is the second end of it.
        return wall - self._offset_of(wall, fold=1)

    def add_days(self, instant: int, days: int) -> int:
        """The same local time that many days later; `days` may be negative, and 0 is the instant itself."""
        return self.of_wall(self.wall(instant) + days * DAY) if days else instant

    def shift(self, instant: int, duration: Duration) -> int:
        """The instant that much later: days on the wall clock first, then exact milliseconds; not for business time."""
        return _in_range(self.add_days(instant, duration.days) + duration.ms)

    def at(self, moment: _Date | int, offset: Duration, time: int | None) -> int:
        """The due instant of `at:`: a field's value, plus `offset`, with `time` then replacing the local time of day.

        `moment` is a date, meaning its local midnight, or an instant; `time` is in ms since local midnight, or None.
        The days of `offset` count from midnight as the calendar writes it, even where the clocks leave it out.
        """
        if isinstance(moment, int):
            due = self.shift(moment, offset)
        else:
            wall = (moment.toordinal() - _EPOCH_ORDINAL + offset.days) * DAY
            due = _in_range(self.of_wall(wall) + offset.ms)
        return due if time is None else self.of_wall(self.wall(due) // DAY * DAY + time)

    def text(self, instant: int) -> str:
        """Local ISO 8601 without offset: `2026-03-06T16:00`; seconds and milliseconds only where they are not zero."""
        local = self.local(instant)
        precision = "milliseconds" if local.microsecond else "seconds" if local.second else "minutes"
        return local.isoformat(timespec=precision)

    def wall(self, instant: int) -> int:
        """The local time at that instant, as the milliseconds that it would be since 1970 if it were UTC."""
        offset = self._quiet_offset(instant // DAY)
        return instant + (self._offset_at(instant) if offset is None else offset)

    def of_wall(self, wall: int) -> int:
        """The instant of that local time: the opposite of `wall`, with the answer for gaps and folds."""
        offset = self._quiet_offset(wall // DAY)
        if offset is not None:
            return wall - offset
        first, second = self._offset_of(wall), self._offset_of(wall, fold=1)
        if first >= second:
            return _in_range(wall - first)
        # A gap: fold 0 has the offset before it, fold 1 the one after (PEP 495). Its end is a whole second.
        before, after = (wall - second) // 1000, -((first - wall) // 1000)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset_at(middle * 1000) == first:
                before = middle
            else:
                after = middle
        return after * 1000

    def _offset_of(self, wall: int, fold: int = 0) -> int:
        """The offset in ms of a local time, as zoneinfo has it."""
        delta = self._info.utcoffset((_LOCAL_EPOCH + timedelta(0, 0, 0, wall)).replace(fold=fold))
        assert delta is not None  # a ZoneInfo knows every time of its own
        return delta // _MS

    def _offset_at(self, instant: int) -> int:
        """The offset in ms at that instant, as zoneinfo has it."""
        local = (_EPOCH + timedelta(0, 0, 0, instant)).astimezone(self._info)
        return (local.replace(tzinfo=None) - _LOCAL_EPOCH) // _MS - instant

    def _quiet_offset(self, day: int) -> int | None:
        """The offset in ms, if it is the same on all days round the UTC day of that number; else None.

        Round means from two days before to two after, so that it serves local times as well as instants. It is read at
        the two ends only: no zone has ever changed its clocks and changed them back within five days.
        """
        try:
            return self._quiet[day]
        except KeyError:
            pass
        try:
            start, end = self._offset_at((day - 2) * DAY), self._offset_at((day + 3) * DAY)
        except OverflowError:  # at the ends of the calendar: no claim
            start, end = 0, 1
        if len(self._quiet) >= _QUIET_LIMIT:
            self._quiet.clear()
        found = self._quiet[day] = start if start == end else None
        return found

    def offsets(self) -> Iterator[tuple[int, int]]:
        """Every offset (ms) that is in force in the years 1-9999, with the instant since when it is, in order.

        Beyond the last change that is on record the rules repeat with the Gregorian calendar, every 400 years.
        """
        first = self._offset_at(_FIRST + DAY)
        changes = list(self._changes(first))
        yield _FIRST, first
        yield from changes
        repeated = [change for change in changes if change[0] >= _RULES_ALONE]
        for again in range(1, 9999 // 400):
            for since, offset in repeated:
                if since + again * _CYCLE <= _LAST:
                    yield since + again * _CYCLE, offset

    def _changes(self, offset: int) -> Iterator[tuple[int, int]]:
        """The changes of the offset until the rules have been through one cycle alone; `offset` is the first one."""
        before, present = _NO_RECORD, offset
        for instant in range(_NO_RECORD, _RULES_ALONE + _CYCLE + _STEP, _STEP):
            found = self._offset_at(instant)
            if found != present:
                # All changes are at whole seconds, and there is one at most in a step (see `_quiet_offset`).
                low, high = before // 1000, instant // 1000
                while high - low > 1:
                    middle = (low + high) // 2
                    if self._offset_at(middle * 1000) == present:
                        low = middle
                    else:
                        high = middle
                present = found
                if high * 1000 >= _RULES_ALONE + _CYCLE:
                    return
                yield high * 1000, present
            before = instant


def _in_range(instant: int) -> int:
    if not _FIRST <= instant <= _LAST:
        raise OverflowError("an instant outside the years 1-9999")
    return instant
