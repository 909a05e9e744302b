"""Runs an expression over one deal, in Python: for `explain`, and to hold the SQL to the same answers.

Overflow is strict: whatever part of an expression overflows, the whole does, whether or not that part decides the
answer. So `and` and `if` look at all their parts here, as the SQL's separate overflow check does.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flowrun.expr import tree
from flowrun.expr.functions import Role, shift_days
from flowrun.expr.limits import EARLIEST, LATEST, LIMIT, ZONE_MARGIN
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import LocalTime, scaled, unscaled, write

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Context:
    """What an expression knows beside the deal: the project's date and time zone."""

    today: date
    zone: LocalTime


class Overflow(Exception):
    """The expression left what the format can hold: 18 digits, the years 1 to 9999."""


def holds(expression: tree.Expression, deal: Mapping[str, Value], context: Context) -> bool:
    """Whether a condition is true of the deal; a name that `deal` lacks is empty. Raises Overflow."""
    return compute(expression.tree, deal, context) is True


def render(template: tree.Template, deal: Mapping[str, Value], context: Context) -> Value:
    """The value that a template sets, of its target's type; a text that comes out empty is None. Raises Overflow."""
    if template.target.kind is not Kind.TEXT:
        (expression,) = template.parts
        assert isinstance(expression, tree.Expression)
        return _plain(compute(expression.tree, deal, context), template.target)
    return "".join([_text(part, deal, context) for part in template.parts]) or None


def _text(part: str | tree.Expression, deal: Mapping[str, Value], context: Context) -> str:
    if isinstance(part, str):
        return part
    value = compute(part.tree, deal, context)
    if part.type is None or value is None:
        return ""
    if part.type.kind is Kind.DATETIME:
        _in_years(value, ZONE_MARGIN)
    return write(_plain(value, part.type), part.type, context.zone)


def _plain(value: Any, type: Type) -> Value:  # noqa: A002
    """A value of the tree as a value of the domain."""
    if type.kind is Kind.DECIMAL and value is not None:
        return unscaled(value, type.places)
    result: Value = value
    return result


def compute(node: tree.Node, deal: Mapping[str, Value], context: Context | None) -> Any:
    """The value of a part, as the tree has values. `context` may be None for a tree of constants. Raises Overflow."""
    return _COMPUTE[type(node)](node, deal, context)


def _const(node: tree.Const, _deal: Mapping[str, Value], _context: Context | None) -> Any:
    return node.value


def _field(node: tree.Field, deal: Mapping[str, Value], _context: Context | None) -> Any:
    value = deal.get(node.name)
    if value is None or value == "" or value == ():
        return None
    if node.type is not None and node.type.kind is Kind.DECIMAL:
        assert isinstance(value, Decimal | int)
        return scaled(value, node.type.places)
    return value


def _today(_node: tree.Today, _deal: Mapping[str, Value], context: Context | None) -> Any:
    assert context is not None
    return context.today


def _logic(node: tree.Logic, deal: Mapping[str, Value], context: Context | None) -> bool:
    truths = [compute(item, deal, context) is True for item in node.items]
    return all(truths) if node.every else any(truths)


def _not(node: tree.Not, deal: Mapping[str, Value], context: Context | None) -> bool:
    return compute(node.item, deal, context) is not True


def _compare(node: tree.Compare, deal: Mapping[str, Value], context: Context | None) -> bool:
    values = [None if isinstance(item, tree.Items) else compute(item, deal, context) for item in node.items]
    return all(
        _related(node.items[at], values[at], name, node.items[at + 1], values[at + 1])
        for at, name in enumerate(node.operators)
    )


def _related(left: tree.Node, one: Any, name: str, right: tree.Node, two: Any) -> bool:
    if name in {"in", "not in"}:
        return _contained(one, right, two) is (name == "in")
    places = [item.type.places if item.type else 0 for item in (left, right)]
    if places[0] != places[1] and one is not None and two is not None:
        one, two = one * 10 ** max(0, places[1] - places[0]), two * 10 ** max(0, places[0] - places[1])
    if name in {"==", "!="}:
        return (one == two) is (name == "==")
    return one is not None and two is not None and _ORDER[name](one, two)


def _contained(one: Any, right: tree.Node, two: Any) -> bool:
    if isinstance(right, tree.Items):
        return one in right.values
    return one is not None and two is not None and one in two


def _sum(node: tree.Sum, deal: Mapping[str, Value], context: Context | None) -> int | None:
    values = [_operand(item, deal, context) for item in node.items]
    total = values[0]
    for sign, value in zip(node.signs, values[1:], strict=True):
        total = None if total is None or value is None else _bounded(total + sign * value)
    return total


def _product(node: tree.Product, deal: Mapping[str, Value], context: Context | None) -> int | None:
    values = [_operand(item, deal, context) for item in node.items]
    total = values[0]
    for value in values[1:]:
        total = None if total is None or value is None else _bounded(total * value)
    return total


def _negate(node: tree.Negate, deal: Mapping[str, Value], context: Context | None) -> int | None:
    value = _operand(node.item, deal, context)
    return None if value is None else -value


def _rescale(node: tree.Rescale, deal: Mapping[str, Value], context: Context | None) -> int | None:
    value = compute(node.item, deal, context)
    return None if value is None else _bounded(value * 10**node.digits)


def _shift(node: tree.Shift, deal: Mapping[str, Value], context: Context | None) -> Any:
    item = compute(node.item, deal, context)
    amount = _operand(node.amount, deal, context)
    distance = None if amount is None else _bounded(amount * node.unit)
    moment = isinstance(item, int)
    if moment:
        _in_years(item)
    if item is None or distance is None:
        return None
    if moment:
        return _in_years(item + node.sign * distance)
    moved = shift_days(item, node.sign * distance)
    if moved is None:
        raise Overflow
    return moved


def _retag(node: tree.Retag, deal: Mapping[str, Value], context: Context | None) -> tuple[str, ...] | None:
    value = compute(node.item, deal, context)
    if value is None:
        return None
    members = set(value) | set(node.tags) if node.sign > 0 else set(value) - set(node.tags)
    return tuple(sorted(members)) or None


def _join(node: tree.Join, deal: Mapping[str, Value], context: Context | None) -> str | None:
    return "".join([compute(item, deal, context) or "" for item in node.items]) or None


def _choose(node: tree.Choose, deal: Mapping[str, Value], context: Context | None) -> Any:
    tests = [compute(test, deal, context) is True for test in node.tests]
    values = [compute(value, deal, context) for value in node.values]
    otherwise = compute(node.otherwise, deal, context)
    return next((value for test, value in zip(tests, values, strict=True) if test), otherwise)


def _apply(node: tree.Apply, deal: Mapping[str, Value], context: Context | None) -> Any:
    function = node.function
    values = [compute(item, deal, context) for item in node.items]
    if function.arithmetic and values[0] is not None:
        _bounded(values[0])
    if function.zoned and values[0] is not None:
        _in_years(values[0], ZONE_MARGIN)
    if not function.bears_empty and None in values:
        return False if function.role is Role.TEST else None
    assert function.python is not None
    if function.zoned:
        assert context is not None
        return function.python(*values, context.zone)
    return function.python(*values)


def _operand(node: tree.Node, deal: Mapping[str, Value], context: Context | None) -> int | None:
    value: int | None = compute(node, deal, context)
    return None if value is None else _bounded(value)


def _bounded(number: int) -> int:
    if not -LIMIT < number < LIMIT:
        raise Overflow
    return number


def _in_years(instant: int, margin: int = 0) -> int:
    if not EARLIEST + margin <= instant <= LATEST - margin:
        raise Overflow
    return instant


_COMPUTE: dict[type[tree.Node], Callable[[Any, Mapping[str, Value], Context | None], Any]] = {
    tree.Const: _const,
    tree.Field: _field,
    tree.Today: _today,
    tree.Logic: _logic,
    tree.Not: _not,
    tree.Compare: _compare,
    tree.Sum: _sum,
    tree.Product: _product,
    tree.Negate: _negate,
    tree.Rescale: _rescale,
    tree.Shift: _shift,
    tree.Retag: _retag,
    tree.Join: _join,
    tree.Choose: _choose,
    tree.Apply: _apply,
}
