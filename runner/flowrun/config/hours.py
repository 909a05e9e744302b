"""Opening hours, `{mon-fri: "09:00-18:00", sat: ["10:00-12:00", "13:00-15:00"]}`.

Source of the rules: format.md, `calendars`: spans rise within a day, 24:00 may end one, a calendar has hours.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator, ValidationInfo, WithJsonSchema

from flowrun.calendars.calendar import Spans
from flowrun.config.leaves import read_time
from flowrun.config.reading import Unreadable, found, reader_of, shown
from flowrun.diagnostics import did_you_mean
from flowrun.yamldoc import Mapping, Node, Scalar, Sequence

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Week:
    """The hours of a week, Monday first, and the weekdays in the order in which the file declares them."""

    hours: tuple[Spans, ...]
    declared: tuple[int, ...]


def read_hours(node: Node, info: ValidationInfo) -> Week:
    """The week that the node writes; days that can't be read are reported and left out. Raises Unreadable."""
    if not isinstance(node, Mapping):
        raise Unreadable("FR403", f"must be a mapping from days to times, found {found(node)}", node.span)
    reader = reader_of(info)
    before = reader.findings.errors
    week: dict[int, Spans] = {}
    for entry in node.entries:
        try:
            days = _days(entry.key, week)
            week.update(dict.fromkeys(days, _spans(entry.value)))
        except Unreadable as cause:
            reader.refuse(cause)
    if not any(week.values()) and reader.findings.errors == before:
        raise Unreadable("FR412", "must open at some time", node.span, 'for example {mon-fri: "09:00-18:00"}')
    return Week(tuple(week.get(day, ()) for day in range(7)), tuple(week))


def _days(key: Scalar, taken: Container[int]) -> list[int]:
    """`fri`, or `mon-fri`; a range may run over the end of the week (`sun-thu`). None of them may be taken."""
    first, _, last = key.text.partition("-")
    for name in (first, last or first):
        if name not in WEEKDAYS:
            says = f"must have days such as mon or mon-fri as its keys, found {shown(key.text)}"
            raise Unreadable("FR412", says, key.span, did_you_mean(name, WEEKDAYS))
    start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
    days = [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    for day in days:
        if day in taken:
            raise Unreadable("FR412", f"has {WEEKDAYS[day]} twice", key.span)
    return days


def _spans(node: Node) -> Spans:
    spans: list[tuple[int, int]] = []
    for item in node.items if isinstance(node, Sequence) else (node,):
        start, end = _span(item)
        if spans and start < spans[-1][1]:
            raise Unreadable("FR412", f"must have times that rise and don't overlap, found {found(item)}", item.span)
        spans.append((start, end))
    return tuple(spans)


def _span(node: Node) -> tuple[int, int]:
    if isinstance(node, Scalar):
        first, _, last = node.text.partition("-")
        start, end = read_time(first), read_time(last)
        if start is not None and end is not None:
            if start < end:
                return start, end
            hint = "hours that pass midnight are two spans, of two days"
            raise Unreadable("FR412", f"must have times that rise, found {found(node)}", node.span, hint)
    raise Unreadable("FR412", f'must have times such as "09:00-18:00", found {found(node)}', node.span)


_TIMES = {"type": "string", "pattern": r"^[0-9]{2}:[0-9]{2}(:[0-9]{2})?-[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"}
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_SCHEMA = {
    "type": "object",
    "patternProperties": {f"^{_DAY}(-{_DAY})?$": {"anyOf": [_TIMES, {"type": "array", "items": _TIMES}]}},
    "additionalProperties": False,
    "minProperties": 1,
}

Hours = Annotated[Week, PlainValidator(read_hours), WithJsonSchema(_SCHEMA)]
"""The opening hours of a calendar."""
