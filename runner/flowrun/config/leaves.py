"""The kinds of scalars that the format knows: each says what it reads, what it refuses and how editors see it.

Every scalar is text until one of these reads it (format.md, "Text stays text"), as YAML 1.2's core schema would:
only a plain `true` is a boolean, only plain digits are a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from flowrun.calendars.durations import DAY, BadDuration, Duration, parse_duration
from flowrun.calendars.zones import UnknownZone, zone, zone_names
from flowrun.config.reading import Text, Unreadable, found, reader_of, scalar, shown
from flowrun.config.secrets import LITERAL
from flowrun.diagnostics import did_you_mean
from flowrun.expr.types import Kind
from flowrun.yamldoc import Node, Scalar

MAX_NAME = 200
"""Characters of a `name` or of `project`: what fits a line of a screen."""
MAX_DESCRIPTION = 4_096
"""Characters of a `description`."""

MAX_URL = 2_000
"""Characters of an address."""

ID = "[a-z][a-z0-9_-]{0,62}"
"""format.md, "Ids"."""
FIELD_ID = "[a-z][a-z0-9_]{0,62}"
"""format.md, "Ids": of fields and variables, which stand in expressions."""

_ANY_SCALAR = ["string", "number", "boolean", "null"]
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
_URL = re.compile(r"[!-~]+")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _label(node: Node) -> Text:
    """A text on one line."""
    text = Text(scalar(node, "a text"))
    for offset, char in enumerate(text):
        if char != "\0" and unicodedata.category(char) in {"Cc", "Zl", "Zp"}:
            where = text.node.locate(offset, offset + 1)
            raise Unreadable("FR407", f"must be one line without control characters, found {_named(char)}", where)
    return _at_most(text, MAX_NAME)


def _prose(node: Node) -> Text:
    """A text of any number of lines."""
    text = Text(scalar(node, "a text"))
    for offset, char in enumerate(text):
        if unicodedata.category(char) == "Cc" and char not in "\n\t\0":
            where = text.node.locate(offset, offset + 1)
            raise Unreadable("FR407", f"must have no control characters, found {_named(char)}", where)
    return _at_most(text, MAX_DESCRIPTION)


def _at_most(text: Text, limit: int) -> Text:
    if len(text) > limit:
        raise Unreadable("FR407", f"must have at most {limit} characters, found {len(text):,}", text.node.span)
    return text


def _named(char: str) -> str:
    return f"U+{ord(char):04X} ({unicodedata.name(char, 'a control character').lower()})"


def _id(pattern: str, says: str) -> Callable[[Node, ValidationInfo], Text]:
    """A reader of ids. A bad one is reported and kept, so that what refers to it is no second error."""
    compiled = re.compile(pattern)

    def read(node: Node, info: ValidationInfo) -> Text:
        if not isinstance(node, Scalar):
            raise Unreadable("FR403", f"must be an id, found {found(node)}", node.span)
        text = Text(node)
        if not compiled.fullmatch(text):
            findings = reader_of(info).findings
            findings.error("FR406", f"{_shown_id(text)} is no id", text.node.span, f"an id has {says}")
        return text

    return read


def _shown_id(text: str) -> str:
    """An id with what can't be seen in it written out."""
    hidden = next((c for c in text if unicodedata.category(c) in {"Cf", "Cc"}), None)
    return shown(text) + (f" with {_named(hidden)} in it" if hidden else "")


def flag(node: Node) -> bool:
    """`true` or `false`, in YAML's three spellings. Raises Unreadable."""
    text = scalar(node, "true or false")
    if text.plain and text.text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.text.lower() == "true"
    hint = None if text.plain else "what stands in quotes is a text; remove the quotes"
    raise Unreadable("FR404", f"must be true or false, found {_quoted(text)}", node.span, hint)


def _whole(node: Node) -> int:
    text = scalar(node, "a whole number")
    if not text.plain or not _INTEGER.fullmatch(text.text):
        raise Unreadable("FR404", f"must be a whole number, found {_quoted(text)}", node.span)
    return int(text.text)


def _quoted(text: Scalar) -> str:
    return found(text) if text.plain else f"the quoted text {found(text)}"


E = TypeVar("E", bound=StrEnum)


def word(words: type[E]) -> BeforeValidator:
    """A reader of one of those words."""

    def read(node: Node) -> E:
        text = scalar(node, _either(words))
        if text.text in list(words):
            return words(text.text)
        raise Unreadable(
            "FR404", f"must be {_either(words)}, found {found(node)}", node.span, did_you_mean(text.text, words)
        )

    return BeforeValidator(read)


def _either(words: type[StrEnum]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _duration(*, signed: bool = False, exact: bool = False) -> PlainValidator:
    """A reader of durations; `exact` ones are positive and of no calendar (`per`)."""

    def read(node: Node) -> Duration:
        text = scalar(node, "a duration such as 2h" if exact else "a duration such as 2h, 3d or 10bd")
        try:
            duration = parse_duration(text.text, signed=signed, business=not exact)
        except BadDuration as error:
            raise Unreadable("FR405", f"can't be read: {error}", node.span) from None
        if exact and duration.zero:
            raise Unreadable("FR405", "must be longer than nothing", node.span)
        return duration

    return PlainValidator(read)


def exact(duration: Duration) -> int:
    """A duration of `per` in milliseconds: there a day has 24 hours (semantics.md, "Loops")."""
    return duration.days * DAY + duration.ms


def read_time(text: str) -> int | None:
    """A time of day, `09:00` to `24:00`, as milliseconds since midnight; None if it is none."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    ms = ((hour * 60 + minute) * 60 + second) * 1000
    return ms if minute < 60 and second < 60 and ms <= DAY else None


def _time(node: Node) -> int:
    text = scalar(node, "a time of day such as 09:00")
    ms = read_time(text.text)
    if ms is None or ms == DAY:
        raise Unreadable("FR405", f"must be a time of day such as 09:00, found {found(node)}", node.span)
    return ms


def _day(node: Node) -> date:
    text = scalar(node, "a date such as 2026-12-31")
    try:
        if _DATE.fullmatch(text.text):
            return date.fromisoformat(text.text)
    except ValueError:
        raise Unreadable("FR405", f"names the day {text.text}, which does not exist", node.span) from None
    raise Unreadable("FR405", f"must be a date such as 2026-12-31, found {found(node)}", node.span)


def _zone(node: Node, info: ValidationInfo) -> str:
    text = scalar(node, "a time zone such as Europe/Berlin")
    try:
        zone(text.text)
    except UnknownZone:
        hint = reader_of(info).findings.near(text.text, zone_names())
        says = f"must be a time zone such as Europe/Berlin, found {found(node)}"
        raise Unreadable("FR411", says, node.span, hint) from None
    return text.text


def _url(node: Node) -> Text:
    """An address of HTTP. What may be a password in it is not shown."""
    text = Text(scalar(node, "an address such as https://example.com/hooks"))
    try:
        parts = urlsplit(text)
        port = parts.port
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0
    except ValueError:
        parts, fits = None, False
    if parts is not None and "@" in parts.netloc:
        says = "must hold no user and password; whoever gets it knows flowrun by its signature"
        raise Unreadable(LITERAL, says, node.span)
    if not fits or len(text) > MAX_URL or not _URL.fullmatch(text):
        says = f"must be an address such as https://example.com/hooks, found {found(node)}"
        raise Unreadable("FR404", says, node.span, "it starts with http:// or https://, and names a host")
    return text


def _as_it_is(node: Node) -> Node:
    return node


Label = Annotated[Text, PlainValidator(_label), WithJsonSchema({"type": _ANY_SCALAR, "maxLength": MAX_NAME})]
"""A name, one line of any language."""

Prose = Annotated[Text, PlainValidator(_prose), WithJsonSchema({"type": _ANY_SCALAR, "maxLength": MAX_DESCRIPTION})]
"""A free text."""

Id = Annotated[
    Text,
    PlainValidator(_id(ID, "a small letter, then up to 62 small letters, digits, `-` or `_`")),
    WithJsonSchema({"type": ["string", "boolean", "null"], "pattern": f"^{ID}$"}),
]
"""The id of a pipeline, stage, tunnel, calendar or environment."""

FieldId = Annotated[
    Text,
    PlainValidator(_id(FIELD_ID, "a small letter, then up to 62 small letters, digits or `_`")),
    WithJsonSchema({"type": ["string", "boolean", "null"], "pattern": f"^{FIELD_ID}$"}),
]
"""The id of a field or variable."""

Url = Annotated[
    Text, PlainValidator(_url), WithJsonSchema({"type": "string", "pattern": "^https?://", "maxLength": MAX_URL})
]
"""An address of HTTP."""

Flag = Annotated[bool, BeforeValidator(flag)]
Count = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)]
"""A positive number."""
Number = Annotated[int, Field(ge=0, le=10**15), BeforeValidator(_whole)]
Percent = Annotated[int, Field(ge=0, le=100), BeforeValidator(_whole)]
Places = Annotated[int, Field(ge=0, le=6), BeforeValidator(_whole)]
Version = Annotated[int, BeforeValidator(_whole)]
KindWord = Annotated[Kind, word(Kind)]

_DURATION = r"([0-9]+[wdhms])+|[0-9]+(bd|bh)"
After = Annotated[Duration, _duration(), WithJsonSchema({"type": "string", "pattern": f"^({_DURATION})$"})]
Offset = Annotated[
    Duration, _duration(signed=True), WithJsonSchema({"type": "string", "pattern": f"^-?({_DURATION})$"})
]
Per = Annotated[Duration, _duration(exact=True), WithJsonSchema({"type": "string", "pattern": "^([0-9]+[wdhms])+$"})]
TimeOfDay = Annotated[
    int, PlainValidator(_time), WithJsonSchema({"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"})
]
Day = Annotated[date, PlainValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
ZoneName = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string"})]

Raw = Annotated[Node, PlainValidator(_as_it_is), WithJsonSchema({})]
"""Whatever stands there, read later when its type is known."""
