"""JSON Lines: one object a line, flat: `id`, `at`, `title`, `owner`, `entered_at` and the fields (cli.md).

Values have the JSON types of flowrun's own output, so that an export can be imported again. Numbers keep the digits
that the file writes: no float ever stands between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TextIO

from flowrun.calendars.zones import Zone, zone
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.expr.types import DATETIME, TEXT, Kind, Type, Value
from flowrun.expr.values import BadValue, encode, read, tags
from flowrun.flow.model import RESERVED, Flow
from flowrun.store.deals import storable, types

OWN_KEYS = ("id", "at", "entered_at")
"""The keys beside what may be set on a deal."""

_MOST_DIGITS = 400
_EXPONENT = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?[eE]([+-]?[0-9]{1,3})")


class Number(str):
    """A number as the file writes it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number (from 1), its text, and its object; or what is wrong with it."""

    number: int
    text: str
    content: Mapping[str, object]
    fault: str | None


def lines(file: TextIO) -> Iterator[Line]:
    """The lines of the file that hold something."""
    for number, raw in enumerate(file, 1):
        text = raw.strip()
        if text:
            content = parse(text)
            if isinstance(content, str):
                yield Line(number, text, {}, content)
            else:
                yield Line(number, text, content, None)


def document(text: str, what: str) -> object:
    """What the JSON text says, its numbers as `Number`; messages call it `what`. Raises BadValue."""
    try:
        return json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=_no_constant, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        where = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise BadValue(f"{what} is no JSON: {error.msg[:1].lower()}{error.msg[1:]} at {where}") from None
    except RecursionError:
        raise BadValue(f"{what} is nested too deeply") from None


def parse(text: str) -> Mapping[str, object] | str:
    """The object that a line holds, or why it is none."""
    try:
        found = document(text, "the line")
    except BadValue as error:
        return str(error)
    return found if isinstance(found, dict) else 'the line is no object; expected { "id": …, "at": … }'


def _no_constant(name: str) -> NoReturn:
    raise BadValue(f"{name} is no number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise BadValue(f"the key '{excerpt(key)}' comes twice")
        found[key] = value
    return found


def unknown_keys(content: Mapping[str, object], known: Collection[str]) -> Iterator[str]:
    """What is wrong with the keys that aren't among those known."""
    for key in content:
        if key in known:
            continue
        if key in {"stage", "pipeline"}:
            yield f"'{key}' is not taken; the stage of a deal is its 'at'"
        elif key in RESERVED:
            yield f"'{key}' is kept by flowrun and can't be imported"
        else:
            hint = did_you_mean(key, known)
            yield f"a deal has no field '{excerpt(key)}'" + (f"; {hint}" if hint else "")


def text_of(value: object) -> str | None:
    """A JSON text, or None for null. Raises BadValue."""
    if value is None or (isinstance(value, str) and not isinstance(value, Number)):
        return value or None
    raise BadValue(f"{shown(value)} is no text; write it in quotes")


def reader(flow: Flow, name: str) -> Callable[[object], str | int | None]:
    """From the value of a field, `title` or `owner` to what is stored; null is its default, or empty.

    It raises BadValue for what does not fit.
    """
    type_, local = types(flow)[name], zone(flow.timezone)
    field = flow.fields.get(name)
    default = None if field is None else encode(field.default, type_)

    def read(value: object) -> str | int | None:
        found = encode(storable(_value(value, type_, local)), type_)
        return default if found is None else found

    return read


def instant(flow: Flow, value: object) -> int | None:
    """The instant that a JSON text writes; without offset, local time of the project. Raises BadValue."""
    text = text_of(value)
    found = None if text is None else read(text, DATETIME, zone(flow.timezone))
    assert found is None or isinstance(found, int)
    return found


def _value(value: object, type_: Type, local: Zone) -> Value:
    match type_.kind, value:
        case _, None:
            return None
        case Kind.BOOLEAN, bool():
            return value
        case Kind.INTEGER, Number():
            return read(value, type_, local)
        case Kind.DECIMAL, Number():
            return read(_plain(value), type_, local)
        case Kind.TAGS, list() if all(isinstance(item, str) and not isinstance(item, Number) for item in value):
            return tags(value)
        case ((Kind.BOOLEAN | Kind.INTEGER | Kind.TAGS), _):
            expected = {Kind.BOOLEAN: "true or false", Kind.INTEGER: "an integer", Kind.TAGS: "a list of texts"}
            raise BadValue(f"{shown(value)} is not {expected[type_.kind]}")
        case _, str():
            return read(text_of(value) or "", TEXT if type_.kind is Kind.TEXT else type_, local)
        case _:
            raise BadValue(f"{shown(value)} is no {type_}")


def _plain(number: str) -> str:
    """A JSON number without its exponent."""
    found = _EXPONENT.fullmatch(number)
    if found is None:
        return number
    sign, whole, fraction, exponent = found.groups()
    digits, shift = whole + (fraction or ""), int(exponent) - len(fraction or "")
    if len(digits) + abs(shift) > _MOST_DIGITS:
        raise BadValue(f"{shown(Number(number))} is too large or too small")
    if shift >= 0:
        return sign + digits + "0" * shift
    digits = digits.rjust(1 - shift, "0")
    return f"{sign}{digits[:shift]}.{digits[shift:].rstrip('0') or '0'}".removesuffix(".0")


def shown(value: object) -> str:
    """The value as messages have it: its JSON text, cut."""
    text = str(value) if isinstance(value, Number) else json.dumps(value, ensure_ascii=False, default=str)
    return excerpt(text, 40)
