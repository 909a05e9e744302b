"""Two-valued SQL: comparisons that are true or false whatever is empty, and what they are put together of.

The comparison of a column says beside it what it means for an empty column (`amount >= ? AND amount IS NOT NULL`);
anything else that may be empty is settled by `coalesce`, since no index would serve it anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement, Grouping

from flowrun.expr import tree
from flowrun.expr.functions import TEXTS, Role
from flowrun.expr.portable import by_code_point, either, exact, has_tag, position
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import LARGEST, tags_text

STORED: Mapping[Kind, sa.types.TypeEngine[Any]] = {
    Kind.TEXT: sa.Text(),
    Kind.ENUM: sa.Text(),
    Kind.DATE: sa.Text(),
    Kind.TAGS: sa.Text(),
    Kind.INTEGER: sa.BigInteger(),
    Kind.DECIMAL: sa.BigInteger(),
    Kind.DATETIME: sa.BigInteger(),
    Kind.BOOLEAN: sa.Integer(),
}
"""How the store keeps each kind (see `values.encode`)."""

_FLAT = 16
"""A longer row of operands is grouped as a tree: SQLite takes expressions up to a depth of 1000 only."""

_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_ORDER: Mapping[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def comparison(
    nodes: tuple[tree.Node, tree.Node],
    left: ColumnElement[Any],
    name: str,
    right: ColumnElement[Any] | None,
    wanted: bool,
) -> ColumnElement[bool]:
    """Whether two sides compare so (`wanted`), or do not; `right` is None where the second node is a list."""
    if name in {"not in", "!="}:
        name, wanted = {"not in": "in", "!=": "=="}[name], not wanted
    one, two = nodes
    if isinstance(two, tree.Items):
        return _listed(one, left, two, wanted)
    assert right is not None
    if name == "in":
        return _contains(two, left, right, wanted)
    left, right = _alike(one, left, two, right)
    if name == "==":
        return _equal(one, left, two, right, wanted)
    if two.type is not None and two.type.kind in TEXTS | {Kind.DATE}:
        right = by_code_point(right)
    holds = _ORDER[name if wanted else _OPPOSITE[name]](left, right)
    return _despite_empty(holds, ((one, left), (two, right)), when_empty=not wanted)


def _equal(
    one: tree.Node,
    left: ColumnElement[Any],
    two: tree.Node,
    right: ColumnElement[Any],
    wanted: bool,
) -> ColumnElement[bool]:
    for node, other in ((one, right), (two, left)):
        if isinstance(node, tree.Const) and node.value is None:
            return other.is_(None) if wanted else other.is_not(None)
    if fillable(one) and fillable(two):
        return left.is_not_distinct_from(right) if wanted else left.is_distinct_from(right)
    holds = left == right if wanted else left != right
    return _despite_empty(holds, ((one, left), (two, right)), when_empty=not wanted)


def _listed(node: tree.Node, value: ColumnElement[Any], items: tree.Items, wanted: bool) -> ColumnElement[bool]:
    full = [item for item in items.values if item is not None]
    empty = len(full) < len(items.values)
    if node.type is None or not full:
        return (value.is_(None) if wanted else value.is_not(None)) if empty else _constant(not wanted)
    listed = [bound(item, items.type) for item in full]
    holds = value.in_(listed) if wanted else value.not_in(listed)
    return _despite_empty(holds, ((node, value),), when_empty=empty is wanted)


def _contains(
    container: tree.Node, text: ColumnElement[Any], inside: ColumnElement[Any], wanted: bool
) -> ColumnElement[bool]:
    assert container.type is not None
    if container.type.kind is Kind.TAGS:
        holds: ColumnElement[bool] = has_tag(inside, text)
    else:
        holds = or_else(position(inside, text) > 0, False)
    return holds if wanted else sa.not_(holds)


def _alike(
    one: tree.Node, left: ColumnElement[Any], two: tree.Node, right: ColumnElement[Any]
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Two sides of a comparison with the same places: a constant is scaled rather than a column.

    A column times a power of ten may go beyond 64 bits and become a REAL on SQLite; it is then larger than any number
    that the other side can be, so that the comparison is right.
    """
    places = [node.type.places if node.type else 0 for node in (one, two)]
    if places[0] == places[1]:
        return left, right
    if places[0] > places[1]:
        right, left = _alike(two, right, one, left)
        return left, right
    factor = 10 ** (places[1] - places[0])
    if isinstance(one, tree.Const) and isinstance(one.value, int):
        return bound(one.value * factor, one.type), right
    if isinstance(two, tree.Const) and isinstance(two.value, int) and two.value % factor == 0:
        return left, bound(two.value // factor, two.type)
    return times(left, factor), right


def _despite_empty(
    holds: ColumnElement[bool],
    sides: Sequence[tuple[tree.Node, ColumnElement[Any]]],
    *,
    when_empty: bool,
) -> ColumnElement[bool]:
    """A comparison that is NULL where a side is empty, made to be `when_empty` there; bare columns stay bare."""
    emptied = [(node, value) for node, value in sides if fillable(node)]
    if not all(isinstance(node, tree.Field) for node, _ in emptied):
        return or_else(holds, when_empty)
    if when_empty:
        return some([holds, *(value.is_(None) for _, value in emptied)])
    return every([holds, *(value.is_not(None) for _, value in emptied)])


def fillable(node: tree.Node) -> bool:
    """Whether a part can be empty."""
    match node:
        case tree.Const():
            return node.value is None
        case tree.Today() | tree.Logic() | tree.Not() | tree.Compare():
            return False
        case tree.Sum() | tree.Product() | tree.Negate() | tree.Rescale() | tree.Shift():
            return any(fillable(child) for child in node.children)
        case tree.Apply() if node.function.role is Role.TEST or node.function.name == "length":
            return False
        case _:
            return True


def bound(value: Value, type: Type | None) -> ColumnElement[Any]:  # noqa: A002
    """A constant of the tree as a parameter. One beyond 64 bits is a float on SQLite, which compares alike there."""
    if type is None:
        return sa.null()
    if value is None:
        return sa.literal(None, STORED[type.kind])
    if isinstance(value, bool):
        return sa.literal(int(value), sa.Integer())
    if isinstance(value, int):
        return whole(value) if abs(value) <= LARGEST else _beyond(value)
    if isinstance(value, date):
        return sa.literal(value.isoformat(), sa.Text())
    return sa.literal(tags_text(value) if isinstance(value, tuple) else str(value), STORED[type.kind])


def whole(number: int) -> ColumnElement[Any]:
    return sa.literal(number, sa.BigInteger())


def _beyond(number: int) -> ColumnElement[Any]:
    return either(sa.literal(float(number), sa.Float()), sa.literal(Decimal(number), sa.Numeric()))


def times(number: ColumnElement[Any], factor: int) -> ColumnElement[Any]:
    return number if factor == 1 else exact(number) * whole(factor)


def or_else(condition: ColumnElement[bool], value: bool) -> ColumnElement[bool]:
    """A condition that is `value` where it is NULL."""
    return sa.func.coalesce(condition, _constant(value), type_=sa.Boolean())


def _constant(value: bool) -> ColumnElement[bool]:
    return sa.true() if value else sa.false()


def every(items: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return balanced(items, lambda operands: sa.and_(*operands))


def some(items: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return balanced(items, lambda operands: sa.or_(*operands))


def balanced(
    items: Sequence[ColumnElement[Any]], join: Callable[[Sequence[ColumnElement[Any]]], ColumnElement[Any]]
) -> ColumnElement[Any]:
    """Operands of one associative operator; a long row in brackets of `_FLAT`, so that it is not a deep tree."""
    while len(items) > _FLAT:
        items = [Grouping(join(items[at : at + _FLAT])) for at in range(0, len(items), _FLAT)]
    return join(items)
