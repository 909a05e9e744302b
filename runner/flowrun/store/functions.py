"""The functions that SQLite lacks, registered on every connection: text, numbers, and local time.

All are pure. Their names start with `fr_`. Triggers never use them, since other programs' connections don't have them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from flowrun.calendars.durations import Duration
from flowrun.calendars.working import working_by_text
from flowrun.calendars.zones import zone
from flowrun.clock import EPOCH
from flowrun.expr import sql
from flowrun.expr.convert import converted
from flowrun.expr.limits import EARLIEST, LATEST
from flowrun.expr.types import Kind, Type
from flowrun.expr.values import decode, encode
from flowrun.store.watching import TEXT_CHARACTERS

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Two characters of base32 by their ten bits."""


def firing_key(store: str, deal: str, tunnel: str, entry: int) -> str:
    """What a source knows a firing by, whenever it is tried: the same for ever, and another in each store."""
    content = "\0".join((store, deal, tunnel, str(entry)))
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def copy_id(root: str, deal: str, tunnel: str, entry: int) -> str:
    """The id of the copy that this tunnel makes of this deal in this entry (semantics.md, "Copy").

    `<id of the lineage's first deal>~<10 base32 characters>` of the first 50 bits of SHA-256 over deal, tunnel and
    entry, separated by NUL, which no id contains.
    """
    digest = hashlib.sha256(f"{deal}\0{tunnel}\0{entry}".encode()).digest()
    bits = int.from_bytes(digest[:7]) >> 6
    pairs = _PAIRS[bits >> 40] + _PAIRS[bits >> 30 & 1023] + _PAIRS[bits >> 20 & 1023]
    return f"{root}~{pairs}{_PAIRS[bits >> 10 & 1023]}{_PAIRS[bits & 1023]}"


def _local_date(instant: int | None, name: str) -> str | None:
    return None if instant is None else zone(name).date(instant).isoformat()


def _local_text(instant: int | None, name: str) -> str | None:
    return None if instant is None else zone(name).text(instant)


def _shift(instant: int | None, days: int, ms: int, name: str) -> int | None:
    if instant is None:
        return None
    try:
        return zone(name).shift(instant, Duration(days=days, ms=ms))
    except OverflowError:
        return _end_of_time(later=instant > 0)


def _at(moment: str | int | None, days: int, ms: int, time: int | None, name: str) -> int | None:
    if moment is None:
        return None
    day = date.fromisoformat(moment) if isinstance(moment, str) else moment
    try:
        return zone(name).at(day, Duration(days=days, ms=ms), time)
    except OverflowError:
        return _end_of_time(later=day > 0 if isinstance(day, int) else day > EPOCH.date())


def _business(instant: int | None, days: int, ms: int, calendar: str) -> int | None:
    if instant is None:
        return None
    try:
        return _in_business(instant, days, ms, calendar)
    except OverflowError:
        return _end_of_time(later=days + ms > 0)


def _at_business(
    moment: str | int | None, days: int, ms: int, time: int | None, name: str, calendar: str
) -> int | None:
    if moment is None:
        return None
    try:
        start = zone(name).midnight(date.fromisoformat(moment)) if isinstance(moment, str) else moment
        return zone(name).at(_in_business(start, days, ms, calendar), Duration(), time)
    except OverflowError:
        return _end_of_time(later=days + ms > 0)


def _in_business(instant: int, days: int, ms: int, calendar: str) -> int:
    """So much working time later. Raises OverflowError beyond the years that a store reckons with (`working`)."""
    if not days and not ms:
        return instant
    time = working_by_text(calendar)
    if not time.starts <= instant < time.ends:
        raise OverflowError("working time outside the years 1970-2199")
    later = time.add_days(instant, days) if days else time.add_time(instant, ms)
    # A span may end with the last day; a working day after it is beyond.
    if not time.starts <= later < time.ends + (not days):
        raise OverflowError("working time outside the years 1970-2199")
    return later


def _next_open(instant: int | None, calendar: str) -> int | None:
    if instant is None:
        return None
    time = working_by_text(calendar)
    opens = time.next_open(instant) if time.starts <= instant < time.ends else None
    return None if opens is None or opens >= time.ends else opens


@lru_cache(maxsize=64)
def _type(text: str) -> Type:
    kind, places, values = json.loads(text)
    return Type(Kind(kind), places, tuple(values))


@lru_cache(maxsize=1024, typed=True)  # a statement asks twice: whether it changes, and to what
def _converted(stored: str | int | None, old: str, new: str, name: str) -> str | int | None:
    before, after = _type(old), _type(new)
    try:
        value = converted(decode(stored, before), before, after, zone(name))
    except (TypeError, ValueError, AttributeError, OverflowError):
        return None  # what other programs have written past the triggers is no value of the old type
    text = encode(value, after)
    return None if isinstance(text, str) and (len(text) > TEXT_CHARACTERS or "\0" in text) else text


def _end_of_time(*, later: bool) -> int:
    """What is due beyond the years 1-9999 ("9999-12-31" often means never) is due at their end, and so is what is due
    in working time beyond the years that a store reckons with."""
    return LATEST if later else EARLIEST


def all_functions() -> Iterator[tuple[str, int, Callable[..., Any]]]:
    """Name, number of arguments, and function of each."""
    yield "fr_copy_id", 4, copy_id
    yield "fr_firing_key", 4, firing_key
    yield "fr_local_date", 2, _local_date
    yield "fr_local_text", 2, _local_text
    yield "fr_shift", 4, _shift
    yield "fr_at", 5, _at
    yield "fr_business", 4, _business
    yield "fr_at_business", 6, _at_business
    yield "fr_next_open", 2, _next_open
    yield "fr_converted", 4, _converted
    yield from sql.FUNCTIONS
