"""The functions, filters and tests of the language: one table, with the meaning of each in Python and in SQL.

The checker, both evaluators and the reference documentation read this table and nothing else, so that a function
can't exist in one of them alone. Values are as the tree has them: a decimal is an integer scaled by its places, a
datetime milliseconds, tags a sorted tuple; in SQL, what `values.encode` stores.

A `sql` recipe is given `portable.RECIPES` and its arguments, so that this module needs no SQLAlchemy. What SQLite
can't say is a Python function of the same name on its connections (`REGISTERED`), and an SQL function in the store on
PostgreSQL; it must bear whatever an overflow upstream made of its arguments and never raise, since the row is parked
anyway.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from flowrun.expr.types import BOOLEAN, DATE, INTEGER, TEXT, Kind, Type
from flowrun.expr.values import tags_text, write_scaled

WHITESPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""What `trim` takes off both ends: the characters with Unicode's property White_Space."""

TEXTS = frozenset({Kind.TEXT, Kind.ENUM})
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL})
ANY = frozenset(Kind)


class Role(StrEnum):
    """How it is written: `name(…)`, `x | name`, or `x is name`."""

    FUNCTION = "function"
    FILTER = "filter"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the table.

    `takes` are the kinds of the subject and of the arguments; `returns` gives the type from theirs. An empty subject
    or argument makes the result empty, and a test false, unless `bears_empty`. `arithmetic` ones overflow as `+`
    does; `zoned` ones get the time zone as a further argument. `sql_of_tags` is the recipe for a subject of tags,
    where it is another. Without `python` and `sql` the checker makes something else of it.

    `repeats` says that the recipe has its last operand twice, `depth` how deep it puts its operands (see `size`).
    """

    name: str
    role: Role
    signature: str
    doc: str
    takes: tuple[frozenset[Kind], ...]
    returns: Callable[..., Type]
    python: Callable[..., Any] | None = None
    sql: Callable[..., Any] | None = None
    bears_empty: bool = False
    arithmetic: bool = False
    zoned: bool = False
    sql_of_tags: Callable[..., Any] | None = None
    repeats: bool = False
    depth: int = 3


class _Simple(dict[int, str]):
    """Unicode's simple case mapping, character to character, filled as characters are met."""

    def __init__(self, mapping: Callable[[str], str]) -> None:
        super().__init__()
        self._mapping = mapping

    def __missing__(self, code: int) -> str:
        self[code] = self._mapping(chr(code))
        return self[code]


def _simple_lower(char: str) -> str:
    # The full mapping differs from the simple one for İ alone, and starts with it.
    return char.lower()[0]


def _simple_upper(char: str) -> str:
    # Where the full mapping is longer (ß, ŉ, ligatures), the simple one is the title case or the character itself.
    return next((mapped for mapped in (char.upper(), char.title()) if len(mapped) == 1), char)


_LOWER, _UPPER = _Simple(_simple_lower), _Simple(_simple_upper)


def lower(text: str) -> str:
    """The text in lower case, character to character."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


def upper(text: str) -> str:
    """The text in upper case, character to character."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


def round_half_even(number: int, digits: int) -> int:
    """An integer without its last `digits` digits, rounded half to even."""
    unit: int = 10**digits
    whole, rest = divmod(number, unit)
    return whole + int(2 * rest > unit or (2 * rest == unit and whole % 2 == 1))


def shift_days(day: date, days: int) -> date | None:
    """The date so many days later, or None outside the years 1-9999."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


def _round_stored(number: Any, digits: int) -> Any:
    return round_half_even(number, digits) if isinstance(number, int) else number


def _shift_stored(day: str | None, days: Any, sign: int) -> str | None:
    if day is None or not isinstance(days, int):
        return None
    moved = shift_days(date.fromisoformat(day), sign * days)
    return None if moved is None else moved.isoformat()


def _number_text(number: Any, places: int) -> str | None:
    return write_scaled(number, places) if isinstance(number, int) else None


def _tags_of(stored: str | None) -> list[str]:
    return json.loads(stored) if stored else []


def _write_tags(stored: str | None) -> str | None:
    return ", ".join(_tags_of(stored)) or None


def _add_tags(stored: str | None, more: str) -> str | None:
    return stored and tags_text({*_tags_of(stored), *_tags_of(more)})


def _drop_tags(stored: str | None, fewer: str) -> str | None:
    return stored and tags_text(set(_tags_of(stored)) - set(_tags_of(fewer)))


def _or_none(function: Callable[[str], str]) -> Callable[[str | None], str | None]:
    return lambda text: None if text is None else function(text)


REGISTERED: tuple[tuple[str, int, Callable[..., Any]], ...] = (
    ("fr_lower", 1, _or_none(lower)),
    ("fr_upper", 1, _or_none(upper)),
    ("fr_round", 2, _round_stored),
    ("fr_shift_days", 3, _shift_stored),
    ("fr_number_text", 2, _number_text),
    ("fr_tags_text", 1, _write_tags),
    ("fr_add_tags", 2, _add_tags),
    ("fr_drop_tags", 2, _drop_tags),
)
"""Name, number of arguments and deterministic function, to be registered on every SQLite connection."""


def _same(subject: Type, *_: Type) -> Type:
    return subject


ROUND = Function(
    name="round",
    role=Role.FILTER,
    signature="number | round(places)",
    doc="The number with so many decimal places (0-6), half to even; `round(0)` is an integer.",
    takes=(NUMBERS, frozenset({Kind.INTEGER})),
    returns=_same,
    python=round_half_even,
    sql=lambda f, number, digits: f.fr_round(number, digits),
    arithmetic=True,
)
"""In the tree, the second argument is how many digits go, not how many places stay."""

DEFAULT = Function(
    name="default",
    role=Role.FILTER,
    signature="value | default(other)",
    doc="The value, or the other one where it is empty.",
    takes=(ANY, ANY),
    returns=_same,
    python=lambda value, other: other if value is None else value,
    sql=lambda f, value, other: f.coalesce(value, other),
    bears_empty=True,
    depth=5,
)

_FUNCTIONS = (
    Function("today", Role.FUNCTION, "today()", "The date in the project's time zone.", (), lambda: DATE),
    Function(
        "date",
        Role.FUNCTION,
        "date(year, month, day)",
        "That date.",
        (frozenset({Kind.INTEGER}),) * 3,
        lambda *_: DATE,
    ),
    Function(
        "days",
        Role.FUNCTION,
        "date + days(n)",
        "So many days; only right of `+` or `-` after a date.",
        (frozenset({Kind.INTEGER}),),
        lambda *_: INTEGER,
    ),
    Function(
        "hours",
        Role.FUNCTION,
        "datetime + hours(n)",
        "So many hours, exact; only right of `+` or `-` after a datetime.",
        (frozenset({Kind.INTEGER}),),
        lambda *_: INTEGER,
    ),
    Function(
        "minutes",
        Role.FUNCTION,
        "datetime + minutes(n)",
        "So many minutes, exact; only right of `+` or `-` after a datetime.",
        (frozenset({Kind.INTEGER}),),
        lambda *_: INTEGER,
    ),
)

_FILTERS = (
    Function(
        "lower",
        Role.FILTER,
        "text | lower",
        "The text in lower case, character to character (Unicode's simple case mapping).",
        (TEXTS,),
        lambda *_: TEXT,
        lower,
        lambda f, text: f.fr_lower(text),
    ),
    Function(
        "upper",
        Role.FILTER,
        "text | upper",
        "The text in upper case, character to character (Unicode's simple case mapping).",
        (TEXTS,),
        lambda *_: TEXT,
        upper,
        lambda f, text: f.fr_upper(text),
    ),
    Function(
        "trim",
        Role.FILTER,
        "text | trim",
        "The text without the white space at its ends (Unicode's White_Space).",
        (TEXTS,),
        lambda *_: TEXT,
        lambda text: text.strip(WHITESPACE) or None,
        lambda f, text: f.nullif(f.trimmed(text, WHITESPACE), ""),
        depth=6,
    ),
    Function(
        "length",
        Role.FILTER,
        "text | length",
        "How many characters a text has, or members a set of tags; 0 for empty.",
        (TEXTS | {Kind.TAGS},),
        lambda *_: INTEGER,
        lambda value: len(value or ()),
        lambda f, text: f.coalesce(f.length(text), 0),
        bears_empty=True,
        sql_of_tags=lambda f, tags: f.coalesce(f.tag_count(tags), 0),
        depth=6,
    ),
    Function(
        "abs",
        Role.FILTER,
        "number | abs",
        "The number without its sign.",
        (NUMBERS,),
        _same,
        abs,
        lambda f, number: f.magnitude(number),
        arithmetic=True,
        repeats=True,
        depth=7,
    ),
    ROUND,
    DEFAULT,
    Function(
        "date",
        Role.FILTER,
        "datetime | date",
        "The date of an instant in the project's time zone.",
        (frozenset({Kind.DATETIME}),),
        lambda *_: DATE,
        lambda instant, zone: zone.date(instant),
        lambda f, instant, zone: f.fr_local_date(instant, zone),
        zoned=True,
        repeats=True,
        depth=9,
    ),
)

_TESTS = (
    Function(
        "none",
        Role.TEST,
        "value is none",
        "Whether it is empty.",
        (ANY,),
        lambda *_: BOOLEAN,
        lambda value: value is None,
        lambda _, value: value.is_(None),
        bears_empty=True,
    ),
    Function(
        "startingwith",
        Role.TEST,
        "text is startingwith(text)",
        "Whether the text starts with the other, exactly.",
        (TEXTS, TEXTS),
        lambda *_: BOOLEAN,
        lambda text, start: text.startswith(start),
        lambda f, text, start: f.position(text, start) == 1,
        depth=5,
    ),
    Function(
        "endingwith",
        Role.TEST,
        "text is endingwith(text)",
        "Whether the text ends with the other, exactly.",
        (TEXTS, TEXTS),
        lambda *_: BOOLEAN,
        lambda text, end: text.endswith(end),
        lambda f, text, end: f.ending(text, f.length(end)) == end,
        repeats=True,
        depth=9,
    ),
)

FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _FUNCTIONS}
FILTERS: Mapping[str, Function] = {function.name: function for function in _FILTERS}
TESTS: Mapping[str, Function] = {function.name: function for function in _TESTS}
