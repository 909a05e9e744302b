"""A value of a column as a value of the flow, and back.

Dates and times are read as the text that the database writes, since drivers have no date for what some databases hold
(infinity, the year 12000, 0000-00-00): such a value spoils its own row and no other. A time without zone is local time
of the project. What can't be read exactly is a BadValue: a number is never rounded, but for binary floats, whose last
digits nobody wrote.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from uuid import UUID

from flowrun.calendars.zones import Zone, zone
from flowrun.clock import from_ms
from flowrun.diagnostics import excerpt
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import BadValue, read, scaled, tags, write_scaled
from flowrun.store.deals import storable


class Sort(StrEnum):
    """What a column holds, as far as reading and writing differ."""

    TEXT = "text"
    CHAR = "char"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    LOCAL = "local"
    UUID = "uuid"
    JSON = "json"
    ARRAY = "array"
    SET = "set"
    BITS = "bits"
    OTHER = "other"


TEMPORAL = frozenset({Sort.DATE, Sort.INSTANT, Sort.LOCAL})
TEXTUAL = frozenset({Sort.TEXT, Sort.CHAR})

_TRUE = frozenset({"true", "t", "yes", "y", "1", "on"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "off"})
_SHORT_OFFSET = re.compile(r"(?<=[0-9])([+-][0-9]{2})$")
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]00:00(:00(\.0+)?)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_ZERO_DAY = re.compile(r"0000-00-00([ T]00:00:00(\.0+)?)?")
_FLOAT_DIGITS = 15


def text_of(raw: object, sort: Sort) -> str | None:
    """What a value is as a text, exactly: an id, or a stage of theirs. None for empty. Raises BadValue."""
    match raw:
        case None | "":
            return None
        case str():
            return raw.rstrip(" ") if sort is Sort.CHAR else raw
        case bool():
            return "true" if raw else "false"
        case int() | UUID():
            return str(raw)
        case Decimal() if raw.is_finite() and raw == raw.to_integral_value():
            return str(int(raw))
        case _:
            raise BadValue(f"{_shown(raw)} is no text, nor a whole number")


def bound_id(text: str, sort: Sort) -> object:
    """An id as it is bound where it is compared with a column of that sort; None where the column can't hold it."""
    match sort:
        case Sort.INTEGER | Sort.DECIMAL:
            return int(text) if _WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63 else None
        case Sort.UUID:
            try:
                return text if str(UUID(text)) == text else None
            except ValueError:
                return None
        case _:
            return text


@dataclass(frozen=True, slots=True)
class Cells:
    """How values are read and written: in that zone, for that database (`sql.database.Database.name`)."""

    database: str
    timezone: str

    @property
    def zone(self) -> Zone:
        """The project's zone."""
        return zone(self.timezone)

    def read(self, raw: Any, sort: Sort, type_: Type) -> Value:
        """The value of that type. Raises BadValue."""
        if raw is None or (isinstance(raw, str) and raw == ""):
            return None
        value = self._read(raw, sort, type_)
        return storable(None if value in ("", ()) else value)

    def _read(self, raw: Any, sort: Sort, type_: Type) -> Value:
        if isinstance(raw, (bytes, bytearray, memoryview)):
            if sort is not Sort.BITS:
                raise BadValue("it holds bytes, which are no value of a deal")
            raw = int.from_bytes(bytes(raw), "big")
        match type_.kind:
            case Kind.TEXT | Kind.ENUM:
                text = _plain(raw, sort)
                return text if type_.kind is Kind.TEXT else read(text, type_, self.zone)
            case Kind.BOOLEAN:
                return _boolean(raw)
            case Kind.INTEGER | Kind.DECIMAL:
                return read(_number(raw, type_), type_, self.zone)
            case Kind.TAGS:
                return _tags(raw, type_, self.zone)
            case Kind.DATE:
                return self._date(str(raw), sort, type_)
            case Kind.DATETIME:
                return self.instant(raw, sort)

    def instant(self, raw: Any, sort: Sort) -> int | None:
        """The instant (ms, UTC) of what a column of dates and times holds. Raises BadValue."""
        if isinstance(raw, (int, float, Decimal)):
            raise BadValue(f"{_shown(raw)} is a number; expected a date and time (a view can convert it)")
        text = str(raw)
        if _ZERO_DAY.fullmatch(text):
            return None
        if _DAY.fullmatch(text):
            text += "T00:00"
        elif self.database == "mysql" and sort is Sort.INSTANT:
            text += "Z"
        found = read(_SHORT_OFFSET.sub(r"\1:00", text) if len(text) > 10 else text, _DATETIME, self.zone)
        assert found is None or isinstance(found, int)
        return found

    def _date(self, text: str, sort: Sort, type_: Type) -> Value:
        if _ZERO_DAY.fullmatch(text):
            return None
        if sort is Sort.INSTANT:
            instant = self.instant(text, sort)
            text = text if instant is None else self.zone.text(instant)
        midnight = _MIDNIGHT.fullmatch(text)
        if midnight:
            text = midnight.group(1)
        return read(text, type_, self.zone)

    def write(self, value: Value, type_: Type, sort: Sort) -> object:
        """What is bound for a column of that sort; None for empty. Raises BadValue for what it can't hold."""
        if value is None or value == "" or value == ():
            return None
        match type_.kind:
            case Kind.BOOLEAN:
                return self._written_boolean(bool(value), sort)
            case Kind.INTEGER:
                return value if sort not in TEXTUAL else str(value)
            case Kind.DECIMAL:
                text = write_scaled(scaled(value, type_.places), type_.places)
                # SQLite's driver takes no Decimal, and its columns make of a text the number that they can hold.
                return text if sort in TEXTUAL or self.database == "sqlite" else Decimal(text)
            case Kind.DATE:
                assert isinstance(value, date)
                return value.isoformat()
            case Kind.DATETIME:
                assert isinstance(value, int)
                return self.written_instant(value, sort)
            case Kind.TAGS:
                assert isinstance(value, tuple)
                return self._written_tags(value, sort)
            case _:
                return value

    def written_instant(self, instant: int, sort: Sort) -> str:
        """An instant as it is bound: a column without zone holds local time of the project."""
        aware = sort is Sort.INSTANT or sort in TEXTUAL
        moment = from_ms(instant).replace(tzinfo=None) if aware else self.zone.local(instant)
        text = moment.isoformat(" ", timespec="milliseconds" if moment.microsecond else "seconds")
        return text + "+00:00" if aware and self.database != "mysql" else text + "Z" * (sort in TEXTUAL)

    def _written_boolean(self, value: bool, sort: Sort) -> object:
        if sort in TEXTUAL:
            return "true" if value else "false"
        if self.database == "postgresql" and sort is Sort.BOOLEAN:
            return value
        return str(int(value)) if self.database == "postgresql" and sort is Sort.BITS else int(value)

    def _written_tags(self, value: tuple[str, ...], sort: Sort) -> object:
        if sort is Sort.ARRAY:
            return list(value)
        if sort is Sort.JSON:
            return json.dumps(list(value), ensure_ascii=False)
        for one in value:
            if "," in one or one != one.strip():
                raise BadValue(f"'{excerpt(one, 40)}' can't stand in a list with commas; a column of JSON can hold it")
        return ",".join(value)


_DATETIME = Type(Kind.DATETIME)


def _plain(raw: Any, sort: Sort) -> str:
    match raw:
        case str():
            return raw.rstrip(" ") if sort is Sort.CHAR else raw
        case bool():
            return "true" if raw else "false"
        case int() | UUID() | Decimal():
            return str(raw)
        case float():
            return repr(raw).removesuffix(".0")
        case date():
            return raw.isoformat()
        case _:
            raise BadValue(f"{_shown(raw)} is no text")


def _boolean(raw: Any) -> bool:
    word = str(raw).lower() if isinstance(raw, str) else str(int(raw)) if raw in (0, 1) else ""
    if word not in _TRUE | _FALSE:
        raise BadValue(f"{_shown(raw)} is no boolean; expected true or false, 1 or 0")
    return word in _TRUE


def _number(raw: Any, type_: Type) -> str:
    if isinstance(raw, str):
        raw = raw.strip()
        try:
            raw = Decimal(raw) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", raw) else raw
        except InvalidOperation:
            return str(raw)
    if isinstance(raw, float):
        if not math.isfinite(raw):
            raise BadValue(f"{raw} is no number")
        exact = Decimal(repr(raw))
        near = round(exact, type_.places if type_.kind is Kind.DECIMAL else 0)
        raw = near if exact == 0 or abs(near - exact) <= abs(exact).scaleb(-_FLOAT_DIGITS) else exact
    if isinstance(raw, Decimal):
        if not raw.is_finite():
            raise BadValue(f"{raw} is no number")
        text = f"{raw:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    if isinstance(raw, bool):
        return str(int(raw))
    if isinstance(raw, int | str):
        return str(raw)
    raise BadValue(f"{_shown(raw)} is no number")


def _tags(raw: Any, type_: Type, local: Zone) -> Value:
    if isinstance(raw, str) and raw.lstrip().startswith("["):
        try:
            raw = json.loads(raw)
        except ValueError:
            raise BadValue(f"{_shown(raw)} is no list in JSON") from None
    if isinstance(raw, str):
        return read(raw, type_, local)
    if isinstance(raw, (list, tuple, set)) and all(isinstance(one, str) for one in raw):
        return tags(raw)
    raise BadValue(f"{_shown(raw)} is no list of texts")


def _shown(raw: object) -> str:
    return f"'{excerpt(str(raw), 40)}'"


def moment(text: str) -> datetime | None:
    """The date and time that a database writes, without its offset (sessions are UTC); None for what is beyond."""
    try:
        return datetime.fromisoformat(_SHORT_OFFSET.sub("", text).removesuffix("Z")).replace(tzinfo=None)
    except ValueError:
        return None
