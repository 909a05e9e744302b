"""The clock: the only place that asks what time it is.

Instants are integers everywhere inside flowrun: milliseconds since 1970-01-01T00:00Z, UTC (semantics: "every
stored instant is UTC with milliseconds"). They become text or local time only where a person reads them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = 253_370_764_800_000
"""9999-01-01T00:00Z, which no clock may reach: a local date, and the midnight after it, must exist in every zone."""


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> int:
        """The current instant, in milliseconds since the epoch."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class FixedClock:
    """A clock that stands still (`FLOWRUN_NOW`, tests)."""

    instant: int

    def now(self) -> int:
        return self.instant


@dataclass(slots=True)
class VirtualClock:
    """A clock that stands still until it is put forward (scenarios)."""

    instant: int

    def now(self) -> int:
        return self.instant


def to_ms(moment: datetime) -> int:
    """The instant of an aware datetime, in milliseconds; microseconds are cut off."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(instant: int) -> datetime:
    """An instant as an aware UTC datetime. Raises OverflowError outside years 1-9999."""
    return EPOCH + timedelta(milliseconds=instant)


def iso(instant: int) -> str:
    """An instant as ISO 8601 UTC with milliseconds, `2026-03-06T16:00:00.000Z`: the form of JSON output."""
    return from_ms(instant).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_instant(text: str) -> int | None:
    """The instant of an ISO 8601 date and time with an offset, or None if it is none; microseconds are cut off."""
    try:
        moment = datetime.fromisoformat(text)
        return to_ms(moment.astimezone(UTC)) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
