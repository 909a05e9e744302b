"""Durations: `2h`, `1d12h`, `10bd`: how long, on which clock.

Source of the grammar and its limits: format.md, "Durations".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowrun.diagnostics import excerpt

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MAX_YEARS = 10
MAX_DAYS = MAX_YEARS * 366

_EXACT = {"s": SECOND, "m": MINUTE, "h": HOUR}
_WALL = {"w": 7, "d": 1}
_BUSINESS = frozenset({"bd", "bh"})
_ORDER = ("w", "d", "h", "m", "s")
_DIGITS = re.compile(r"[0-9]+")
_PART = re.compile(r"([0-9]{1,12})(bd|bh|w|d|h|m|s)")


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time, on up to two clocks.

    `days` are days on the wall clock (same local time that many days later), then `ms` exact milliseconds; or
    `business_days` / `business_ms` of a calendar, alone. All four carry the sign of the whole.
    """

    days: int = 0
    ms: int = 0
    business_days: int = 0
    business_ms: int = 0

    @property
    def business(self) -> bool:
        """Whether it needs a calendar."""
        return bool(self.business_days or self.business_ms)

    @property
    def zero(self) -> bool:
        """Whether it is no time at all."""
        return self == Duration()

    @property
    def negative(self) -> bool:
        """Whether it goes back in time."""
        return min(self.days, self.ms, self.business_days, self.business_ms) < 0

    def __str__(self) -> str:
        """The canonical text: `14d`, `1d12h`, `-90d`, `10bd`, `0s`; parses back to the same duration."""
        sign = "-" if self.negative else ""
        if self.business_days:
            return f"{sign}{abs(self.business_days)}bd"
        if self.business_ms:
            return f"{sign}{abs(self.business_ms) // HOUR}bh"
        text = f"{abs(self.days)}d" if self.days else ""
        rest = abs(self.ms)
        for unit, size in (("h", HOUR), ("m", MINUTE), ("s", SECOND)):
            count, rest = divmod(rest, size)
            text += f"{count}{unit}" if count else ""
        return sign + (text or "0s")


class BadDuration(ValueError):
    """The text is no duration; `str(error)` says what was found and what is expected."""


def parse_duration(text: str, *, signed: bool = False, business: bool = True) -> Duration:
    """The duration that `text` writes.

    `signed` allows a leading minus (`offset`); `business=False` refuses `bd` and `bh`. Raises BadDuration.
    """
    found = f"'{excerpt(text)}'"
    body = text.removeprefix("-")
    parts = _PART.findall(body)
    if not parts or "".join(number + unit for number, unit in parts) != body:
        if _DIGITS.fullmatch(body):
            raise BadDuration(f"{found} has no unit; write for example '2h' or '3d'")
        raise BadDuration(f"{found} is no duration; expected for example 30m, 2h, 3d, 1d12h or 10bd")
    if body != text and not signed:
        raise BadDuration(f"{found} is negative; only 'offset' may go back in time")
    sign = -1 if body != text else 1
    units = [unit for _, unit in parts]
    if units[0] in _BUSINESS and len(units) == 1:
        return _business(found, sign * int(parts[0][0]), units[0], allowed=business)
    if not _BUSINESS.isdisjoint(units):
        raise BadDuration(f"{found} mixes business time with other units; write 'bd' or 'bh' alone")
    if units != sorted(set(units), key=_ORDER.index):
        raise BadDuration(f"{found} repeats or misplaces a unit; the order is w, d, h, m, s")
    days = sum(int(number) * _WALL[unit] for number, unit in parts if unit in _WALL)
    exact = sum(int(number) * _EXACT[unit] for number, unit in parts if unit in _EXACT)
    if days * DAY + exact > MAX_DAYS * DAY:
        raise BadDuration(f"{found} is longer than {MAX_YEARS} years")
    return Duration(days=sign * days, ms=sign * exact)


def _business(found: str, count: int, unit: str, *, allowed: bool) -> Duration:
    if not allowed:
        raise BadDuration(f"{found} is business time, which has no place here; expected for example 2h or 3d")
    if count == 0:
        raise BadDuration(f"{found} is no time at all; use 'window' to wait for opening hours")
    if abs(count) > (MAX_DAYS if unit == "bd" else MAX_DAYS * 24):
        raise BadDuration(f"{found} is longer than {MAX_YEARS} years")
    return Duration(business_days=count) if unit == "bd" else Duration(business_ms=count * HOUR)
