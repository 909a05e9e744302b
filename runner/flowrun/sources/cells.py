"""Cells: what the text of a cell means in a column of that type, ready to be stored.

Spreadsheets and CRM exports write numbers, dates and booleans in their own ways; what is taken here is what can't be
misread. Everything else is a BadValue that says so: a thousands separator is never dropped, a number never rounded.
Readers are made once per column and remember what they have seen: most columns repeat few values many times.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache

from flowrun.calendars.zones import Zone, zone
from flowrun.clock import iso, to_ms
from flowrun.expr.types import DATE, DATETIME, Kind, Type, Value
from flowrun.expr.values import BadValue, encode, read
from flowrun.flow.model import Flow
from flowrun.store.deals import storable, types

Stored = str | int | None
"""A value as the store keeps it (`expr.values.encode`)."""

Reader = Callable[[str], Stored]
"""From the text of a cell to what is stored. Raises BadValue."""

_REMEMBERED = 1 << 14
_SHORT = 100
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[.,'’ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+(?:,[0-9]+)?")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEAR = re.compile(r"(?:^|[^%])(?:%%)*%[YycxG]")
_HOUR = re.compile(r"(?:^|[^%])(?:%%)*%[HIcX]")
_TIMES = (" %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")


def date_format_problem(format_: str) -> str | None:
    """What is wrong with a date format (strptime's directives), or None. It must say year, month and day."""
    example = datetime(2031, 12, 30)  # noqa: DTZ001 - a format is tried on local time
    if not _YEAR.search(format_):
        return f"'{format_}' says no year; write for example %d.%m.%Y"
    try:
        found = datetime.strptime(example.strftime(format_), format_).replace(tzinfo=None)  # noqa: DTZ007
    except ValueError:
        return f"'{format_}' is no date format; write for example %d.%m.%Y"
    return None if found == example else f"'{format_}' does not say year, month and day; write for example %d.%m.%Y"


@dataclass(frozen=True, slots=True)
class Cells:
    """How cells are read: the flow's types and zone, the decimal sign, and the date format (None: ISO 8601)."""

    flow: Flow
    decimal: str = "."
    date_format: str | None = None

    def reader(self, name: str) -> Reader:
        """The reader of a field, `title` or `owner`. An empty cell is the field's default, or empty."""
        type_ = types(self.flow)[name]
        field = self.flow.fields.get(name)
        default = None if field is None else encode(field.default, type_)
        if type_.kind is Kind.TEXT:
            return lambda cell: _text(cell) or default
        return remembering(lambda cell: default if not (text := cell.strip()) else self._stored(text, type_, default))

    def entered_at(self, now: int) -> Reader:
        """The reader of `entered_at`: an instant that is not after `now` (ms, UTC); an empty cell is None."""

        def past(cell: str) -> Stored:
            text = cell.strip()
            instant = self._stored(text, DATETIME, None) if text else None
            if isinstance(instant, int) and instant > now:
                raise BadValue(f"{iso(instant)} is in the future")
            return instant

        return remembering(past)

    def _stored(self, text: str, type_: Type, default: Stored) -> Stored:
        stored = encode(storable(self._value(text, type_)), type_)
        return default if stored is None else stored

    def _value(self, text: str, type_: Type) -> Value:
        match type_.kind:
            case Kind.BOOLEAN:
                return _boolean(text)
            case Kind.INTEGER | Kind.DECIMAL:
                return self._number(text, type_)
            case Kind.DATE if self.date_format is not None:
                moment = _moment(text, self.date_format)
                if moment.timetz() != time():
                    raise BadValue(f"'{_cut(text)}' has a time of day; a date has none")
                return moment.date()
            case Kind.DATETIME if self.date_format is not None:
                return _instant(_moment(text, self.date_format), zone(self.flow.timezone))
            case Kind.DATETIME if _ISO_DAY.fullmatch(text):
                day = read(text, DATE, zone(self.flow.timezone))
                assert isinstance(day, date)
                return _instant(datetime.combine(day, time()), zone(self.flow.timezone))
            case _:
                return read(text, type_, zone(self.flow.timezone))

    def _number(self, text: str, type_: Type) -> Value:
        simple = type_.kind is Kind.DECIMAL and re.fullmatch(rf"[+-]?[0-9]+{re.escape(self.decimal)}[0-9]+", text)
        if _GROUPED.fullmatch(text) and not simple:
            raise BadValue(f"'{text}' has thousands separators; take them out")
        if type_.kind is Kind.DECIMAL and self.decimal == ",":
            if not _COMMA_NUMBER.fullmatch(text):
                raise BadValue(f"'{_cut(text)}' is no decimal; expected digits and a comma, for example 1200,50")
            text = text.replace(",", ".")
        return read(text, type_, zone(self.flow.timezone))


def remembering(reader: Reader) -> Reader:
    """The same reader, which reads a text that it has read lately no second time."""

    @lru_cache(maxsize=_REMEMBERED)
    def outcome(cell: str) -> tuple[Stored, str | None]:
        try:
            return reader(cell), None
        except BadValue as problem:
            return None, str(problem)

    def read_again(cell: str) -> Stored:
        if len(cell) > _SHORT:
            return reader(cell)
        stored, problem = outcome(cell)
        if problem is not None:
            raise BadValue(problem)
        return stored

    return read_again


def _text(cell: str) -> str:
    text = cell.strip()
    storable(text)
    return text


def _boolean(text: str) -> bool:
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise BadValue(f"'{_cut(text)}' is no boolean; expected true or false, yes or no, 1 or 0")
    return word in _TRUE


def _moment(text: str, format_: str) -> datetime:
    """The date and time that a text writes in that format; a time of day may follow where the format has none."""
    formats = [format_] if _HOUR.search(format_) else [format_, *(format_ + tail for tail in _TIMES)]
    for tried in formats:
        try:
            return datetime.strptime(text, tried)  # noqa: DTZ007 - `_instant` gives it the project's zone
        except ValueError:
            continue
    raise BadValue(f"'{_cut(text)}' is no date written as {format_}")


def _instant(moment: datetime, local: Zone) -> int:
    try:
        return to_ms(moment) if moment.tzinfo else local.instant(moment)
    except OverflowError:
        raise BadValue(f"{moment} is beyond the years 1 to 9999") from None


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"
