"""A calendar as the files declare it, and its one spelling as JSON.

The spelling is canonical: equal calendars give equal text. It is what a stored flow holds of a calendar, and what is
handed to the functions of a database, which take nothing but plain values.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Open spans of a day as (start, end) in milliseconds since local midnight: rising, the end exclusive, at most
86,400,000 (24:00)."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours.

    `hours[weekday]` (Monday is 0) are the open spans of that weekday; `declared` are the weekdays in the order of the
    file. `holidays` is a code that `days_off` knows, or None. `closed` are more days off, `open` working days in spite
    of the rest; no day is both.
    """

    id: str
    timezone: str
    hours: tuple[Spans, ...]
    declared: tuple[int, ...]
    holidays: str | None = None
    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()


def to_record(calendar: Calendar) -> dict[str, Any]:
    """The calendar as JSON has it; what is not set is left out."""
    record = {
        "id": calendar.id,
        "timezone": calendar.timezone,
        "hours": [[list(span) for span in day] for day in calendar.hours],
        "declared": list(calendar.declared),
        "holidays": calendar.holidays,
        "closed": [day.isoformat() for day in calendar.closed],
        "open": [day.isoformat() for day in calendar.open],
    }
    return {key: value for key, value in record.items() if value}


def from_record(record: dict[str, Any]) -> Calendar:
    """The calendar that `to_record` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    return Calendar(
        id=record["id"],
        timezone=record["timezone"],
        hours=tuple(tuple((start, end) for start, end in day) for day in record["hours"]),
        declared=tuple(record["declared"]),
        holidays=record.get("holidays"),
        closed=tuple(map(date.fromisoformat, record.get("closed", ()))),
        open=tuple(map(date.fromisoformat, record.get("open", ()))),
    )


def to_text(calendar: Calendar) -> str:
    """The calendar as canonical JSON."""
    return json.dumps(to_record(calendar), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def key(calendar: Calendar) -> str:
    """A short name of what the calendar says: equal calendars have equal keys."""
    return hashlib.sha256(to_text(calendar).encode()).hexdigest()[:32]


@lru_cache(maxsize=256)
def from_text(text: str) -> Calendar:
    """The calendar that `to_text` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    return from_record(json.loads(text))
