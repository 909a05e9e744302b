"""Makes SQL of an expression: the same answers as `evaluate`, for many deals at once.

Every condition here is two-valued: it is true or false and never NULL, so that it can stand in a WHERE, under a NOT
or in a CASE alike. `not` is pushed down to the comparisons (`predicates`), so that columns stay bare and their
indexes serve.

Overflow is a condition of its own, the OR of all checks of the tree: SQL has no exceptions that one could hold to a
row. Where it is true, the value is anything (NULL too), but not an error: SQLite turns a sum or product beyond 64
bits into a REAL, which is beyond 18 digits too, and PostgreSQL computes with numbers that have no end.

Bound parameters only. What differs between databases stands in `portable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from flowrun.expr import tree
from flowrun.expr.functions import REGISTERED, Role
from flowrun.expr.limits import EARLIEST, LATEST, LIMIT, ZONE_MARGIN
from flowrun.expr.portable import RECIPES, as_number, exact, in_range, is_truth, stored
from flowrun.expr.predicates import STORED, balanced, bound, comparison, every, fillable, or_else, some, times, whole
from flowrun.expr.size import SHALLOW, depth, is_bounded
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import encode, tags_text

FUNCTIONS = REGISTERED
"""What the database must have beside `fr_local_date(ms, zone)` and `fr_local_text(ms, zone)`, which belong to
whoever knows time zones."""

_COMPUTED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DATETIME})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an expression finds its values.

    `deal` has a column for each name that the expression reads, `today` is the project's date as ISO text, `zone`
    the name of its time zone.
    """

    deal: Mapping[str, ColumnElement[Any]]
    today: ColumnElement[Any]
    zone: str


@dataclass(frozen=True, slots=True)
class Sql:
    """An expression in SQL. `overflow` is two-valued; None says that it cannot overflow."""

    value: ColumnElement[Any]
    overflow: ColumnElement[bool] | None


def condition(expression: tree.Expression, scope: Scope) -> Sql:
    """A condition as a two-valued boolean."""
    compiler = _Compiler(scope)
    value = compiler.truth(expression.tree, wanted=True)
    return Sql(value, compiler.overflow())


def rendered(template: tree.Template, scope: Scope) -> Sql:
    """What a template sets, as the store keeps the target's type; NULL for empty."""
    compiler = _Compiler(scope)
    if template.target.kind is not Kind.TEXT:
        (part,) = template.parts
        assert isinstance(part, tree.Expression)
        value = compiler.value(part.tree)
        if template.target.kind in _COMPUTED and not isinstance(part.tree, tree.Field | tree.Const):
            value = stored(value)
    else:
        value = compiler.joined([compiler.text(part) for part in template.parts])
    return Sql(sa.type_coerce(value, STORED[template.target.kind]), compiler.overflow())


def literal(value: Value, type: Type) -> ColumnElement[Any]:  # noqa: A002
    """A bound parameter with a value as the store keeps it."""
    return sa.literal(encode(value, type), STORED[type.kind])


class _Compiler:
    """Makes the SQL of one expression and gathers the checks for overflow on the way."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._checks: list[ColumnElement[bool]] = []

    def overflow(self) -> ColumnElement[bool] | None:
        """Whether any check fails; a check about something empty is NULL and does not."""
        if not self._checks:
            return None
        failed = some(self._checks)
        return or_else(failed, False)

    def value(self, node: tree.Node) -> ColumnElement[Any]:
        """A part as a value; NULL for empty."""
        made = _VALUES.get(type(node))
        return as_number(self.truth(node, wanted=True)) if made is None else made(self, node)

    def truth(self, node: tree.Node, *, wanted: bool) -> ColumnElement[bool]:
        """Whether a boolean part is (`wanted`) or is not true, two-valued."""
        match node:
            case tree.Not():
                return self.truth(node.item, wanted=not wanted)
            case tree.Logic():
                items = [self.truth(item, wanted=wanted) for item in _deep_first(node.items)]
                return every(items) if node.every is wanted else some(items)
            case tree.Compare():
                return self._chain(node, wanted)
            case tree.Apply() if node.function.name == "none":
                subject = self.value(node.items[0])
                return subject.is_(None) if wanted else subject.is_not(None)
            case tree.Apply() if node.function.role is Role.TEST:
                holds = or_else(self._applied(node), False)
                return holds if wanted else sa.not_(holds)
            case _:
                return is_truth(self.value(node), True, wanted)

    def text(self, part: str | tree.Expression) -> ColumnElement[Any]:
        """A part of a template as a text; NULL for empty."""
        if isinstance(part, str):
            return sa.literal(part, sa.Text())
        value, kind = self.value(part.tree), part.type
        if kind is None or kind.kind in {Kind.TEXT, Kind.ENUM, Kind.DATE}:
            return value
        match kind.kind:
            case Kind.INTEGER | Kind.DECIMAL:
                return sa.func.fr_number_text(value, sa.literal(kind.places, sa.Integer()), type_=sa.Text())
            case Kind.BOOLEAN:
                return sa.case((is_truth(value, True), "true"), (is_truth(value, False), "false"))
            case Kind.DATETIME:
                return sa.func.fr_local_text(*self._zoned(value), type_=sa.Text())
            case _:
                return sa.func.fr_tags_text(value, type_=sa.Text())

    def joined(self, texts: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
        """Texts one after the other, empty ones as nothing; NULL if nothing comes of it."""
        full = [
            text if isinstance(text, sa.BindParameter) and text.value is not None else sa.func.coalesce(text, "")
            for text in texts
        ]
        return sa.func.nullif(balanced(full, lambda items: reduce(lambda a, b: a.op("||")(b), items)), "")

    # Values

    def _const(self, node: tree.Const) -> ColumnElement[Any]:
        return bound(node.value, node.type)

    def _field(self, node: tree.Field) -> ColumnElement[Any]:
        assert node.type is not None
        return sa.type_coerce(self._scope.deal[node.name], STORED[node.type.kind])

    def _today(self, _node: tree.Today) -> ColumnElement[Any]:
        return self._scope.today

    def _sum(self, node: tree.Sum) -> ColumnElement[Any]:
        total = self._operand(node.items[0])
        for at, sign in enumerate(node.signs, start=1):
            other = self._operand(node.items[at])
            if _deepest(node.items, at):
                total = self._bounded((other if sign > 0 else -other) + total)
            else:
                total = self._bounded(total + other if sign > 0 else total - other)
        return total

    def _product(self, node: tree.Product) -> ColumnElement[Any]:
        total = self._operand(node.items[0])
        for at, item in enumerate(node.items[1:], start=1):
            other = self._operand(item)
            total = self._bounded(other * total if _deepest(node.items, at) else total * other)
        return total

    def _negate(self, node: tree.Negate) -> ColumnElement[Any]:
        return -self._operand(node.item)

    def _rescale(self, node: tree.Rescale) -> ColumnElement[Any]:
        return self._bounded(times(self.value(node.item), 10**node.digits))

    def _shift(self, node: tree.Shift) -> ColumnElement[Any]:
        item, amount = self.value(node.item), self._operand(node.amount)
        assert node.type is not None
        if node.type.kind is Kind.DATE:
            moved = sa.func.fr_shift_days(item, amount, whole(node.sign), type_=sa.Text())
            full = [value.is_not(None) for part, value in ((node.item, item), (node.amount, amount)) if fillable(part)]
            self._checks.append(every([*full, moved.is_(None)]))
            return moved
        self._in_years(item)
        item = exact(item)
        distance = self._bounded(times(amount, node.unit))
        return self._in_years(item + distance if node.sign > 0 else item - distance)

    def _retag(self, node: tree.Retag) -> ColumnElement[Any]:
        item, given = self.value(node.item), tags_text(node.tags)
        if given is None:
            return item
        function = sa.func.fr_add_tags if node.sign > 0 else sa.func.fr_drop_tags
        return function(item, sa.literal(given, sa.Text()), type_=sa.Text())

    def _join(self, node: tree.Join) -> ColumnElement[Any]:
        return self.joined([self.value(item) for item in node.items])

    def _choose(self, node: tree.Choose) -> ColumnElement[Any]:
        tests = [self.truth(test, wanted=True) for test in node.tests]
        values = [self.value(value) for value in node.values]
        return sa.case(*zip(tests, values, strict=True), else_=self.value(node.otherwise))

    def _applied(self, node: tree.Apply) -> ColumnElement[Any]:
        function = node.function
        items = [self.value(item) for item in node.items]
        if function.arithmetic:
            self._bounded(items[0])
        if function.zoned:
            items = list(self._zoned(items[0]))
        subject = node.items[0].type
        recipe = function.sql_of_tags if subject is not None and subject.kind is Kind.TAGS else None
        recipe = recipe or function.sql
        assert recipe is not None
        made: ColumnElement[Any] = recipe(RECIPES, *items)
        return made if node.type is None else sa.type_coerce(made, STORED[node.type.kind])

    def _apply(self, node: tree.Apply) -> ColumnElement[Any]:
        is_test = node.function.role is Role.TEST
        return as_number(self.truth(node, wanted=True)) if is_test else self._applied(node)

    def _operand(self, node: tree.Node) -> ColumnElement[Any]:
        """A number that something is computed of."""
        value = self.value(node)
        return exact(value if is_bounded(node) else self._bounded(value))

    def _bounded(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        self._checks.append(sa.not_(number.between(whole(1 - LIMIT), whole(LIMIT - 1))))
        return number

    def _in_years(self, instant: ColumnElement[Any]) -> ColumnElement[Any]:
        self._checks.append(sa.not_(instant.between(whole(EARLIEST), whole(LATEST))))
        return instant

    def _zoned(self, instant: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """The arguments of a function of time zones, which is never given an instant that no zone has."""
        inside = instant.between(whole(EARLIEST + ZONE_MARGIN), whole(LATEST - ZONE_MARGIN))
        self._checks.append(sa.not_(inside))
        return in_range(sa.case((inside, instant))), sa.literal(self._scope.zone, sa.Text())

    def _chain(self, node: tree.Compare, wanted: bool) -> ColumnElement[bool]:
        values = [None if isinstance(item, tree.Items) else self.value(item) for item in node.items]
        pairs = []
        for at, name in enumerate(node.operators):
            left, right = values[at], values[at + 1]
            assert left is not None
            sides = (node.items[at], node.items[at + 1])
            pairs.append(comparison(sides, left, name, right, wanted))
        return every(pairs) if wanted else some(pairs)


def _deep_first(items: Sequence[tree.Node]) -> Sequence[tree.Node]:
    """Operands of `and` or `or`, a deep one first, where a parser needs the least stack for it (see `size`)."""
    return sorted(items, key=lambda item: max(depth(item), SHALLOW), reverse=True)


def _deepest(items: Sequence[tree.Node], at: int) -> bool:
    """Whether an operand of a sum or product is deep, and deeper than those before it: then it is written first."""
    return depth(items[at]) > max(SHALLOW, *(depth(item) for item in items[:at]))


_VALUES: Mapping[type[tree.Node], Callable[[_Compiler, Any], ColumnElement[Any]]] = {
    tree.Const: _Compiler._const,
    tree.Field: _Compiler._field,
    tree.Today: _Compiler._today,
    tree.Sum: _Compiler._sum,
    tree.Product: _Compiler._product,
    tree.Negate: _Compiler._negate,
    tree.Rescale: _Compiler._rescale,
    tree.Shift: _Compiler._shift,
    tree.Retag: _Compiler._retag,
    tree.Join: _Compiler._join,
    tree.Choose: _Compiler._choose,
    tree.Apply: _Compiler._apply,
}
