"""SQL that SQLite and PostgreSQL write differently: one element for each such need, compiled for the database at hand.

What SQLite makes of them is what its own functions mean; PostgreSQL is made to mean the same:

- A boolean is 0 or 1 in both stores. PostgreSQL has a type of its own for what stands in a WHERE, so that there the two
  are turned into each other: `as_number`, `is_truth`.
- Arithmetic must never fail (see `sql`), and PostgreSQL's bigint does beyond 64 bits: it computes with `exact` numbers,
  which have no end, and only those in range become bigint again (`fr_stored`).
- Texts compare by code point: `by_code_point`. PostgreSQL would compare as the database's language does.

An argument stands in each element once, so that an expression never becomes larger than its tree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BinaryExpression, ColumnElement, Grouping
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.visitors import InternalTraversal

_POSTGRESQL = "postgresql"


class _Wrapped(ColumnElement[Any]):
    """What SQLite sees as the element within, and PostgreSQL as `before element after`."""

    __visit_name__ = "flowrun_wrapped"
    _traverse_internals = [("clause", InternalTraversal.dp_clauseelement), ("type", InternalTraversal.dp_type)]  # noqa: RUF012
    inherit_cache = True
    before, after = "", ""

    def __init__(self, clause: ColumnElement[Any], type_: sa.types.TypeEngine[Any]) -> None:
        self.clause = clause
        self.type = type_

    @property
    def _from_objects(self) -> list[sa.FromClause]:
        return self.clause._from_objects

    def self_group(self, against: Any = None) -> Self:
        grouped = self.clause.self_group(against=against)
        return self if grouped is self.clause else type(self)(grouped, self.type)


@compiles(_Wrapped)
def _as_within(element: _Wrapped, compiler: SQLCompiler, **kwargs: Any) -> str:
    return compiler.process(element.clause, **kwargs)


@compiles(_Wrapped, _POSTGRESQL)
def _wrapped(element: _Wrapped, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"{element.before}{compiler.process(element.clause, **kwargs)}{element.after}"


class _AsNumber(_Wrapped):
    inherit_cache = True
    before, after = "CAST(", " AS INTEGER)"


class _Exact(_Wrapped):
    inherit_cache = True
    before, after = "CAST(", " AS NUMERIC)"


class _InRange(_Wrapped):
    inherit_cache = True
    before, after = "CAST(", " AS BIGINT)"


class _Stored(_Wrapped):
    inherit_cache = True
    before, after = "fr_stored(", ")"


class _ByCodePoint(_Wrapped):
    inherit_cache = True
    before, after = "(", ' COLLATE "C")'


class _IsTruth(_Wrapped):
    """Holds `value IS 1` and the like, SQLite's way to say it."""

    inherit_cache = True


@compiles(_IsTruth, _POSTGRESQL)
def _is_truth(element: _IsTruth, compiler: SQLCompiler, **kwargs: Any) -> str:
    inner: Any = element.clause
    while isinstance(inner, Grouping):
        inner = inner.element
    assert isinstance(inner, BinaryExpression)
    truth = int(isinstance(inner.right, sa.True_))
    negated = "NOT " if inner.operator is sa.sql.operators.is_not else ""
    return f"(({compiler.process(inner.left, **kwargs)} = {truth}) IS {negated}TRUE)"


def as_number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    """A two-valued condition as a value: 0 or 1."""
    return _AsNumber(condition, sa.Integer())


def is_truth(value: ColumnElement[Any], truth: bool, wanted: bool = True) -> ColumnElement[bool]:
    """Whether a boolean value is (`wanted`) or is not that one; two-valued."""
    constant = sa.true() if truth else sa.false()
    return _IsTruth(value.is_(constant) if wanted else value.is_not(constant), sa.Boolean())


def exact(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """A number to compute with: it never overflows, but may become one that no column takes (see `stored`)."""
    return _Exact(number, sa.BigInteger())


def in_range(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """A number that is known to have 64 bits, as one that functions take."""
    return _InRange(number, sa.BigInteger())


def stored(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """What was computed, as a column takes it; anything where it is beyond 64 bits."""
    return _Stored(number, sa.BigInteger())


def by_code_point(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """A text that, on one side of an order comparison, makes it one by code points."""
    return _ByCodePoint(text, sa.Text())


class _Either(FunctionElement[Any]):
    """Holds two elements, for SQLite and for PostgreSQL."""

    inherit_cache = True

    def __init__(self, sqlite: ColumnElement[Any], postgresql: ColumnElement[Any]) -> None:
        super().__init__(sqlite, postgresql)
        self.type = sqlite.type


@compiles(_Either)
def _first(element: _Either, compiler: SQLCompiler, **kwargs: Any) -> str:
    first, _ = element.clauses
    return compiler.process(first, **kwargs)


@compiles(_Either, _POSTGRESQL)
def _second(element: _Either, compiler: SQLCompiler, **kwargs: Any) -> str:
    _, second = element.clauses
    return compiler.process(second, **kwargs)


def either(sqlite: ColumnElement[Any], postgresql: ColumnElement[Any]) -> ColumnElement[Any]:
    """The one on SQLite, the other on PostgreSQL. For constants: each level of such a choice doubles an expression."""
    return _Either(sqlite, postgresql)


def _function(
    name: str, type_: sa.types.TypeEngine[Any], sqlite: str, postgresql: str
) -> Callable[..., ColumnElement[Any]]:
    """A function of both databases, as patterns with `{0}`, `{1}` for its arguments."""

    class Made(FunctionElement[Any]):
        inherit_cache = True
        type = type_

    Made.__name__ = Made.__qualname__ = name

    def compiled(pattern: str) -> Callable[..., str]:
        def write(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
            return pattern.format(*(compiler.process(clause, **kwargs) for clause in element.clauses))

        return write

    compiles(Made)(compiled(sqlite))
    compiles(Made, _POSTGRESQL)(compiled(postgresql))
    return lambda *arguments: Made(*arguments)


position = _function("position", sa.Integer(), "instr({0}, {1})", "strpos({0}, {1})")
"""Where the second text first stands in the first, from 1; 0: nowhere."""

trimmed = _function("trimmed", sa.Text(), "trim({0}, {1})", "btrim({0}, {1})")
"""The first text without the characters of the second at its ends."""

ending = _function("ending", sa.Text(), "substr({0}, -{1})", "right({0}, {1})")
"""The last so many characters of a text, at least one; all if it has fewer."""

_ending_start = _function("_ending_start", sa.Text(), "substr({0}, -{1}, {2})", "left(right({0}, {1}), {2})")
_padded = _function("_padded", sa.Text(), "printf('%0{1}d', {0})", "lpad(CAST({0} AS TEXT), {1}, '0')")


def last(text: ColumnElement[Any], length: int) -> ColumnElement[str]:
    """The last so many characters of a text, at least one; all if it has fewer."""
    return ending(text, _plain(length))


def first_of_last(text: ColumnElement[Any], length: int, first: int) -> ColumnElement[str]:
    """The `first` characters of the last `length` ones of a text that has so many."""
    return _ending_start(text, _plain(length), _plain(first))


def padded(number: ColumnElement[int], digits: int) -> ColumnElement[str]:
    """A natural number with zeros before it, so many digits in all."""
    return _padded(number, _plain(digits))


class magnitude(FunctionElement[Any]):  # noqa: N801 - it stands where a function would
    """A number without its sign."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(magnitude)
def _larger_of_two(element: magnitude, compiler: SQLCompiler, **kwargs: Any) -> str:
    # SQLite's abs() fails on the smallest integer; the larger of a number and its opposite doesn't.
    (number,) = element.clauses
    return f"max({compiler.process(number, **kwargs)}, {compiler.process(-number, **kwargs)})"


@compiles(magnitude, _POSTGRESQL)
def _exact_abs(element: magnitude, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"abs(CAST({compiler.process(element.clauses, **kwargs)} AS NUMERIC))"


larger = _function("larger", sa.BigInteger(), "max({0}, {1})", "int8larger({0}, {1})")
"""The larger of two integers; NULL if one is, which PostgreSQL's `greatest` would pass over. What it calls is what its
`max(bigint)` is made of."""

smaller = _function("smaller", sa.BigInteger(), "min({0}, {1})", "int8smaller({0}, {1})")
"""The smaller of two integers; NULL if one is."""

tag_count = _function("tag_count", sa.Integer(), "json_array_length({0})", "json_array_length(CAST({0} AS JSON))")
"""How many members a stored set of tags has; NULL for NULL."""

has_tag = _function(
    "has_tag",
    sa.Boolean(),
    "EXISTS (SELECT 1 FROM json_each({0}) WHERE value = {1})",
    "coalesce(CAST({0} AS JSONB) ? {1}, false)",
)
"""Whether a stored set of tags (the first) has that text; two-valued."""

json_true = _function("json_true", sa.types.JSON(), "json('true')", "CAST('true' AS JSON)")
"""A part of a `json_list` that no stored value is."""


class _JsonList(FunctionElement[Any]):
    type = sa.Text()
    inherit_cache = True


@compiles(_JsonList)
def _json_array(element: _JsonList, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **kwargs)})"


@compiles(_JsonList, _POSTGRESQL)
def _json_text(element: _JsonList, compiler: SQLCompiler, **kwargs: Any) -> str:
    parts = (_as_json(clause, compiler.process(clause, **kwargs)) for clause in element.clauses)
    made = " || ',' || ".join(parts)
    return f"('[' || {made} || ']')"


def _as_json(clause: Any, text: str) -> str:
    # A NULL without a type has none that to_json could be of.
    cast = f"CAST({text} AS TEXT)" if isinstance(clause.type, sa.types.NullType) else text
    return f"CAST(to_json({cast}) AS TEXT)"


def json_list(*values: ColumnElement[Any]) -> ColumnElement[str]:
    """A JSON array of stored values, none of them empty, as text: equal values give an equal text."""
    return _JsonList(*values)


_text_item = _function(
    "_text_item",
    sa.Text(),
    "json_extract({0}, '$[' || {1} || ']')",
    "(nullif(CAST({0} AS JSONB) -> {1}, 'true') #>> '{{}}')",
)
_number_item = _function(
    "_number_item",
    sa.BigInteger(),
    "json_extract({0}, '$[' || {1} || ']')",
    "CAST(nullif(CAST({0} AS JSONB) -> {1}, 'true') #>> '{{}}' AS BIGINT)",
)

_text_member = _function("_text_member", sa.Text(), "json_extract({0}, '$.' || {1})", "(CAST({0} AS JSON) ->> {1})")
_number_member = _function(
    "_number_member",
    sa.BigInteger(),
    "json_extract({0}, '$.' || {1})",
    "CAST(CAST({0} AS JSON) ->> {1} AS BIGINT)",
)

_text_as_json = _function(
    "_text_as_json", sa.Text(), "json_quote({0} || '')", "coalesce(CAST(to_json(CAST({0} AS TEXT)) AS TEXT), 'null')"
)
_number_as_json = _function(
    "_number_as_json", sa.Text(), "json_quote({0})", "coalesce(CAST(to_json(CAST({0} AS BIGINT)) AS TEXT), 'null')"
)


def json_object(values: Mapping[str, tuple[ColumnElement[Any], sa.types.TypeEngine[Any]]]) -> ColumnElement[str]:
    """A JSON object of stored values, empty ones too, as text; each with the type of its column. Names are ids.

    The parts are joined in halves, since databases limit how deep an expression is.
    """
    parts: list[ColumnElement[str]] = []
    for at, (name, (value, type_)) in enumerate(values.items()):
        convert = _number_as_json if isinstance(type_, sa.Integer) else _text_as_json
        parts.append(sa.literal_column(f"'{',' if at else ''}\"{name}\":'", sa.Text()) + convert(value))
    ends = (sa.literal_column("'{'", sa.Text()), sa.literal_column("'}'", sa.Text()))
    return _joined([ends[0], *parts, ends[1]])


def _joined(parts: Sequence[ColumnElement[str]]) -> ColumnElement[str]:
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return _joined(parts[:middle]) + Grouping(_joined(parts[middle:]))


def json_item(array: ColumnElement[str], at: int, type_: sa.types.TypeEngine[Any]) -> ColumnElement[Any]:
    """The value at that place (from 0) of what `json_list` made, as a column of that type has it.

    Where `json_true` is, it is like no value of a column.
    """
    item = _number_item if isinstance(type_, sa.Integer) else _text_item
    return item(array, _plain(at))


def json_member(object_: ColumnElement[str], name: str, type_: sa.types.TypeEngine[Any]) -> ColumnElement[Any]:
    """The value of that name in what `json_object` made, as a column of that type has it; NULL if empty or not there.

    The name is an id.
    """
    member = _number_member if isinstance(type_, sa.Integer) else _text_member
    return member(object_, sa.literal_column(f"'{name}'", sa.Text()))


def _plain(number: int) -> ColumnElement[Any]:
    return sa.literal_column(str(number), sa.Integer())


class _Numbers(FunctionElement[Any]):
    inherit_cache = True


@compiles(_Numbers)
def _json_each(element: _Numbers, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kwargs)})"


@compiles(_Numbers, _POSTGRESQL)
def _json_elements(element: _Numbers, compiler: SQLCompiler, **kwargs: Any) -> str:
    array = compiler.process(element.clauses, **kwargs)
    elements = f"json_array_elements_text(CAST({array} AS JSON))"
    return f"(SELECT CAST(e AS BIGINT) AS value FROM {elements} AS e)"  # noqa: S608 - compiled SQL


def numbers_of(array: ColumnElement[str]) -> sa.Select[int]:
    """The integers of a JSON list, as rows."""
    return sa.select(_Numbers(array).table_valued(sa.column("value", sa.BigInteger())).c.value)


class Recipes:
    """What the recipes of `functions` are made of: the functions above, and any other by its name on both databases."""

    position = staticmethod(position)
    trimmed = staticmethod(trimmed)
    ending = staticmethod(ending)
    magnitude = staticmethod(magnitude)
    tag_count = staticmethod(tag_count)

    def __getattr__(self, name: str) -> Any:
        return getattr(sa.func, name)


RECIPES = Recipes()
