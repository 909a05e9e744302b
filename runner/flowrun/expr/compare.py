"""Checks comparisons: what can be compared with what, and literals that could never be equal.

A number beside a text, a literal with more places than its field, a value that the enum does not have: each is an
error and never simply false (format.md, "Numbers").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowrun.diagnostics import did_you_mean
from flowrun.expr import words
from flowrun.expr.arithmetic import every
from flowrun.expr.functions import DEFAULT, NUMBERS, TEXTS
from flowrun.expr.parse import Syntax
from flowrun.expr.tree import Apply, Choose, Compare, Const, Items, Node
from flowrun.expr.types import BOOLEAN, Kind, Value

if TYPE_CHECKING:
    from flowrun.expr.check import Checker

_ORDERED = NUMBERS | {Kind.TEXT, Kind.DATE, Kind.DATETIME}


class Comparisons:
    """The part of a checker that knows what can be compared."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def chain(self, syntax: Syntax) -> Node | None:
        """A comparison, or several in a chain; each pair of neighbours is checked."""
        operators: tuple[str, ...] = syntax.value
        nodes: list[Node | None] = [self._checker.value(syntax.items[0])]
        fits = True
        for operator, left, right in zip(operators, syntax.items, syntax.items[1:], strict=False):
            before = nodes[-1]
            if isinstance(before, Items):
                message = f"a list has no place left of '{operator}'"
                self._checker.problem("FR213", message, left, "split the chain with 'and'")
                before, fits = None, False
            if operator in {"in", "not in"}:
                if right.form == "list":
                    nodes.append(self._items(before, right))
                else:
                    nodes.append(self._checker.value(right))
                    fits = self._container(before, operator, nodes[-1]) and fits
            else:
                nodes.append(self._checker.value(right))
                fits = self._pair(before, operator, nodes[-1]) and fits
        found = every(nodes)
        return Compare(syntax.start, syntax.end, BOOLEAN, found, operators) if found is not None and fits else None

    def _items(self, left: Node | None, syntax: Syntax) -> Node | None:
        constants = self._checker.constants(syntax)
        if constants is None or left is None:
            return None
        fits = [self._pair(left, "==", constant) for constant in constants]
        if not all(fits):
            return None
        places = left.type.places if left.type is not None else 0
        values = [_at_places(constant, places) for constant in constants]
        kept = tuple(dict.fromkeys(value for value in values if not isinstance(value, _Never)))
        return Items(syntax.start, syntax.end, left.type, kept)

    def _container(self, left: Node | None, operator: str, right: Node | None) -> bool:
        """Whether the right side can contain the left: a text in a text or in tags."""
        if left is None or right is None:
            return False
        inside = right.type is not None and right.type.kind in TEXTS | {Kind.TAGS}
        if not inside:
            message = f"right of '{operator}' stands a list, a text or tags; {self._checker.told(right)}"
            equal = "==" if operator == "in" else "!="
            self._checker.problem("FR213", message, right, f"write [{self._checker.source(right)}], or '{equal}'")
            return False
        if left.type is not None and left.type.kind not in TEXTS:
            container = words.describe(right.type)
            self._checker.problem("FR214", f"{container} contains texts; {self._checker.told(left)}", left)
            return False
        return True

    def _pair(self, left: Node | None, operator: str, right: Node | None) -> bool:
        """Whether two values can be compared so; notes why not."""
        if left is None or right is None:
            return False
        pair = Syntax("", left.start, max(left.end, right.end)) if left.start <= right.start else right
        if operator not in {"==", "!="}:
            for node in (left, right):
                if node.type is None or node.type.kind not in _ORDERED:
                    message = f"'{operator}' needs an order, and {words.describe(node.type)} has none"
                    tip = "write 'is none'" if node.type is None else "compare with == or 'in'"
                    self._checker.problem("FR214", message, node, tip)
                    return False
        if left.type is None or right.type is None:
            return True
        if words.group(left.type) != words.group(right.type):
            message = f"cannot compare {self._told(left)} with {self._told(right)}"
            self._checker.problem("FR214", message, pair, words.compare_help(left, right, self._checker.source))
            return False
        return self._literals(left, right) and self._literals(right, left) and self._enums(left, right, pair)

    def _told(self, node: Node) -> str:
        return f"{self._checker.source(node)} ({words.describe(node.type)})"

    def _literals(self, literal: Node, other: Node) -> bool:
        """Whether the constants that one side may be can be values of the other side at all."""
        assert other.type is not None
        fits = True
        for constant in _constants(literal):
            if other.type.kind is Kind.ENUM:
                fits = self._member(constant, other) and fits
            elif other.type.kind in NUMBERS and not isinstance(other, Const) and not constant.variable:
                fits = self._places(constant, other) and fits
        return fits

    def _member(self, constant: Const, other: Node) -> bool:
        assert other.type is not None
        if constant.value is None or constant.value in other.type.values:
            return True
        values = other.type.values
        tip = did_you_mean(str(constant.value), values) or f"its values are {words.listed(values)}"
        message = f"{self._checker.source(other)} never is {self._checker.source(constant)}"
        self._checker.problem("FR215", message, constant, tip)
        return False

    def _places(self, constant: Const, other: Node) -> bool:
        assert other.type is not None
        if constant.type is None or _at_places(constant, other.type.places) is not _NEVER:
            return True
        places = words.places(other.type.places)
        source = self._checker.source
        message = f"{source(constant)} has more decimal places than {source(other)}, which has {places}"
        self._checker.problem("FR216", message, constant, f"write a number with {places}")
        return False

    def _enums(self, left: Node, right: Node, pair: Syntax | Node) -> bool:
        one, two = left.type, right.type
        assert one is not None
        assert two is not None
        if one.kind is not Kind.ENUM or two.kind is not Kind.ENUM or set(one.values) & set(two.values):
            return True
        source = self._checker.source
        message = f"{source(left)} and {source(right)} have no value in common"
        self._checker.problem("FR214", message, pair)
        return False


class _Never:
    """Marks a constant that no value of the other side can equal."""


_NEVER = _Never()


def _at_places(constant: Const, places: int) -> Value | _Never:
    """A constant number as one with so many places; anything else as it is."""
    if constant.type is None or not isinstance(constant.value, int) or constant.type.kind not in NUMBERS:
        return constant.value
    digits = places - constant.type.places
    if digits >= 0:
        return constant.value * int(10**digits)
    whole, rest = divmod(constant.value, 10**-digits)
    return _NEVER if rest else whole


def _constants(node: Node) -> Sequence[Const]:
    """The constants that a value may come from."""
    if isinstance(node, Const):
        return [node]
    if isinstance(node, Choose):
        return [constant for value in (*node.values, node.otherwise) for constant in _constants(value)]
    if isinstance(node, Apply) and node.function is DEFAULT:
        return [constant for item in node.items for constant in _constants(item)]
    return []
