"""Values as text, as the store keeps them, and as JSON.

One reader for every place where a person or a file gives a value as text (YAML scalars, the command line, imports),
one writer, and the two exact representations. format.md, "Rules" and "Field types", says what a type takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Protocol

from flowrun.clock import iso, to_ms
from flowrun.diagnostics import did_you_mean
from flowrun.expr.limits import EARLIEST, LATEST
from flowrun.expr.types import DIGITS, Kind, Type, Value

LARGEST = 2**63 - 1
"""An integer is a signed 64-bit one (format.md, "Field types")."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DATETIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2}))?"
)


class LocalTime(Protocol):
    """The clock on the wall of one time zone. Instants are milliseconds since the epoch, UTC."""

    def local(self, instant: int) -> datetime:
        """The naive local time at an instant."""
        ...

    def instant(self, local: datetime) -> int:
        """The instant of a naive local time; gaps and folds as in semantics.md, "Due"."""
        ...

    def date(self, instant: int) -> date:
        """The local date at an instant."""
        ...

    def text(self, instant: int) -> str:
        """An instant as a template writes it."""
        ...


class BadValue(ValueError):
    """The text is no value of the type; `str(error)` says what was found and what is expected."""


def read(text: str, type: Type, zone: LocalTime) -> Value:  # noqa: A002
    """The value that a text writes; an empty text is None.

    A datetime without offset is local time of `zone`; digits beyond the millisecond are cut off. Raises BadValue.
    """
    if text == "":
        return None
    match type.kind:
        case Kind.TEXT:
            return text
        case Kind.ENUM:
            return _enum(text, type)
        case Kind.BOOLEAN:
            if text not in {"true", "false"}:
                raise BadValue(f"'{_short(text)}' is no boolean; expected true or false")
            return text == "true"
        case Kind.INTEGER:
            return _integer(text)
        case Kind.DECIMAL:
            return _decimal(text, type.places)
        case Kind.DATE:
            return _date(text)
        case Kind.DATETIME:
            return _datetime(text, zone)
        case Kind.TAGS:
            return tags(item.strip() for item in text.split(","))


def tags(items: Iterable[str]) -> Value:
    """The set of those texts, empty ones left out; None for a set without members."""
    return tuple(sorted({item for item in items if item})) or None


def write(value: Value, type: Type, zone: LocalTime) -> str:  # noqa: A002
    """A value as a template writes it (format.md, "Values"): what a person reads, empty as nothing."""
    if value is None:
        return ""
    match type.kind:
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.DECIMAL:
            return write_scaled(scaled(value, type.places), type.places)
        case Kind.DATETIME:
            assert isinstance(value, int)
            return zone.text(value)
        case Kind.DATE:
            assert isinstance(value, date)
            return value.isoformat()
        case Kind.TAGS:
            assert isinstance(value, tuple)
            return ", ".join(value)
        case _:
            return str(value)


def encode(value: Value, type: Type) -> str | int | None:  # noqa: A002
    """A value as SQLite keeps it.

    A decimal is an integer scaled by its type's places, a boolean 0 or 1, a date ISO text, a datetime its
    milliseconds, tags a JSON array in code point order without spaces; the rest is as it is. Empty is None.
    Raises ValueError for a decimal with more places than its type: that is the caller's defect.
    """
    if value is None or value == "" or value == ():
        return None
    match type.kind:
        case Kind.DECIMAL:
            return scaled(value, type.places)
        case Kind.BOOLEAN:
            return int(bool(value))
        case Kind.DATE:
            assert isinstance(value, date)
            return value.isoformat()
        case Kind.TAGS:
            assert isinstance(value, tuple)
            return tags_text(value)
        case _:
            assert isinstance(value, str | int)
            return value


def decode(stored: str | int | None, type: Type) -> Value:  # noqa: A002
    """The value that SQLite keeps as `stored`; the opposite of `encode`."""
    if stored is None or stored == "":
        return None
    match type.kind:
        case Kind.DECIMAL:
            return unscaled(int(stored), type.places)
        case Kind.BOOLEAN:
            return bool(stored)
        case Kind.DATE:
            return date.fromisoformat(str(stored))
        case Kind.TAGS:
            return tags(str(item) for item in json.loads(str(stored)))
        case _:
            return stored


def to_json(value: Value, type: Type) -> str | int | bool | list[str] | None:  # noqa: A002
    """A value as JSON output has it: decimals as texts with their places, instants as ISO 8601 UTC."""
    if value is None:
        return None
    match type.kind:
        case Kind.BOOLEAN:
            return bool(value)
        case Kind.DECIMAL:
            return write_scaled(scaled(value, type.places), type.places)
        case Kind.DATETIME:
            assert isinstance(value, int)
            return iso(value)
        case Kind.DATE:
            assert isinstance(value, date)
            return value.isoformat()
        case Kind.TAGS:
            assert isinstance(value, tuple)
            return list(value)
        case _:
            assert isinstance(value, str | int)
            return value


def from_json(value: object, type: Type) -> Value:  # noqa: A002
    """The value that `to_json` gave; the JSON types must be its own. Raises BadValue."""
    if value is None or value == "":
        return None
    match type.kind, value:
        case Kind.BOOLEAN, bool():
            return value
        case Kind.INTEGER, int() if not isinstance(value, bool):
            return _integer(str(value))
        case Kind.DECIMAL, str() | int() if not isinstance(value, bool):
            return _decimal(str(value), type.places)
        case Kind.TEXT, str():
            return value
        case Kind.ENUM, str():
            return _enum(value, type)
        case Kind.DATE, str():
            return _date(value)
        case Kind.DATETIME, str():
            return _datetime(value, None)
        case Kind.TAGS, list() if all(isinstance(item, str) for item in value):
            return tags(value)
        case _:
            raise BadValue(f"{_short(json.dumps(value, ensure_ascii=False, default=str))} is no {type} in JSON")


def scaled(value: Value, places: int) -> int:
    """A number as an integer of its last place: 1.5 with 2 places is 150. Raises ValueError if that loses digits."""
    assert isinstance(value, int | Decimal)
    number = Decimal(value)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)))
    shift = exponent + places
    if shift < 0 and whole % 10**-shift:
        raise ValueError(f"{number} has more than {places} places")
    moved: int = whole * 10**shift if shift >= 0 else whole // 10**-shift
    return -moved if sign else moved


def unscaled(number: int, places: int) -> Decimal:
    """The decimal whose last place counts `number`."""
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -places))


def write_scaled(number: int, places: int) -> str:
    """A scaled integer as a decimal text with all its places: -5 with 2 places is `-0.05`."""
    if not places:
        return str(number)
    digits = str(abs(number)).rjust(places + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def tags_text(items: Iterable[str]) -> str | None:
    """A set of texts as the store keeps it, or None for a set without members."""
    members = sorted(set(items))
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")) if members else None


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadValue(f"'{_short(text)}' is no integer; expected digits only, for example 1200")
    digits = text.lstrip("+-0") or "0"
    number = int(digits[:20]) * (-1 if text.startswith("-") else 1)
    if not -LARGEST - 1 <= number <= LARGEST:
        raise BadValue(f"{_short(text)} is beyond 64 bits")
    return number


def _decimal(text: str, places: int) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise BadValue(f"'{_short(text)}' is no decimal; expected digits and a point, for example 1200.50")
    whole, _, fraction = text.partition(".")
    if len(fraction) > places:
        raise BadValue(f"{_short(text)} has {len(fraction)} decimal places; at most {places} are allowed")
    digits = whole.lstrip("+-0")
    if len(digits) > DIGITS - places:
        raise BadValue(f"{_short(text)} is too large; at most {DIGITS} digits, {places} of them after the point")
    number = int((digits + fraction.ljust(places, "0")) or "0")
    return unscaled(-number if text.startswith("-") else number, places)


def _enum(text: str, type: Type) -> str:  # noqa: A002
    if text not in type.values:
        hint = did_you_mean(text, type.values)
        expected = ", ".join(type.values[:10]) + (", …" if len(type.values) > 10 else "")
        raise BadValue(f"'{_short(text)}' is none of {expected}" + (f"; {hint}" if hint else ""))
    return text


def _date(text: str) -> date:
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadValue(f"'{_short(text)}' is no date; expected for example 2026-12-31")
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        raise BadValue(f"there is no day {text}") from None


def _datetime(text: str, zone: LocalTime | None) -> int:
    found = _DATETIME.fullmatch(text)
    if found is None:
        raise BadValue(f"'{_short(text)}' is no date and time; expected for example 2026-12-31T16:00")
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = found.groups()
    if zone is None and not (utc or sign):
        raise BadValue(f"'{text}' has no offset; expected for example 2026-12-31T16:00:00.000Z")
    try:
        ms = int((fraction or "").ljust(3, "0")[:3])
        clock = (int(hour), int(minute), int(second or 0), ms * 1000)
        local = datetime(int(year), int(month), int(day), *clock)  # noqa: DTZ001
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
        exact = to_ms(local.replace(tzinfo=timezone(offset)))
        instant = exact if zone is None or utc or sign else zone.instant(local)
    except (ValueError, OverflowError):
        instant = LATEST + 1
    if not EARLIEST <= instant <= LATEST:
        raise BadValue(f"there is no time {text}")
    return instant
