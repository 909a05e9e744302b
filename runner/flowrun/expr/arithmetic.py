"""Checks what is computed: numbers, dates and what moves them, tags, joined texts.

Whatever literals and variables alone decide is computed here and now, and what can only overflow is a mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowrun.expr import tree, words
from flowrun.expr.evaluate import Overflow, compute
from flowrun.expr.functions import NUMBERS, ROUND, TEXTS
from flowrun.expr.limits import LIMIT
from flowrun.expr.parse import Syntax
from flowrun.expr.tree import Const, Node
from flowrun.expr.types import DATE, DATETIME, INTEGER, MAX_PLACES, TAGS, TEXT, Kind, Type, decimal

if TYPE_CHECKING:
    from flowrun.expr.check import Checker

UNITS = {"days": (DATE, 1), "hours": (DATETIME, 3_600_000), "minutes": (DATETIME, 60_000)}
"""The functions that move a date or a datetime: what they move, and by how much for each."""


class Arithmetic:
    """The part of a checker that knows what can be computed with what."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def sum(self, syntax: Syntax) -> Node | None:
        """A chain of `+` and `-`; what it begins with says what may follow."""
        signs: tuple[int, ...] = syntax.value
        first = self._checker.value(syntax.items[0])
        kind = first.type.kind if first is not None and first.type is not None else None
        if first is not None and kind in {Kind.DATE, Kind.DATETIME}:
            return self._shifts(first, syntax.items[1:], signs)
        if first is not None and kind is Kind.TAGS:
            return self._retags(first, syntax.items[1:], signs)
        names = ["+" if sign > 0 else "-" for sign in signs]
        if first is None:
            self._unread(syntax.items[1:])
            return None
        others = [self._checker.value(item) for item in syntax.items[1:]]
        items = self._numbers([first, *others], [names[0], *names])
        if items is None:
            return None
        target = widest([item.type for item in items if item.type is not None])
        alike = self.rescaled(items, target)
        return None if alike is None else self._folded(tree.Sum(syntax.start, syntax.end, target, alike, signs))

    def product(self, syntax: Syntax) -> Node | None:
        """A chain of `*`; its places are the sum of the places of its items (format.md, "Numbers")."""
        items = self._numbers([*map(self._checker.value, syntax.items)], ["*"] * len(syntax.items))
        if items is None:
            return None
        kinds = [item.type for item in items if item.type is not None]
        places = sum(kind.places for kind in kinds)
        if places > MAX_PLACES:
            message = f"this product has {places} decimal places; at most {MAX_PLACES} are possible"
            self._checker.problem("FR219", message, syntax, "round a factor first: (a * b) | round(2) * c")
            return None
        target = INTEGER if all(kind == INTEGER for kind in kinds) else decimal(places)
        return self._folded(tree.Product(syntax.start, syntax.end, target, items))

    def negate(self, syntax: Syntax) -> Node | None:
        """A minus sign before a value."""
        items = self._numbers([self._checker.value(syntax.items[0])], ["-"])
        return None if items is None else self._folded(tree.Negate(syntax.start, syntax.end, items[0].type, items[0]))

    def join(self, syntax: Syntax) -> Node | None:
        """A chain of `~`."""
        nodes = [self._checker.value(item) for item in syntax.items]
        fits = True
        for node in nodes:
            if node is not None and node.type is not None and node.type.kind not in TEXTS:
                fits = False
                tip = words.bracket_help(node) or "a value in 'set' writes anything: \"{{ a }} {{ b }}\""
                self._checker.problem("FR213", f"'~' joins texts; {self._checker.told(node)}", node, tip)
        items = every(nodes)
        return self._folded(tree.Join(syntax.start, syntax.end, TEXT, items)) if items and fits else None

    def rescaled(self, values: Sequence[Node], target: Type) -> tuple[Node, ...] | None:
        """Numbers as ones of that type, which has at least their places; None if one can only overflow."""
        return every([self._rescale(value, target) for value in values])

    def _rescale(self, node: Node, target: Type) -> Node | None:
        digits = target.places - (node.type.places if node.type else target.places)
        if not digits:
            return retyped(node, target)
        return self._folded(tree.Rescale(node.start, node.end, target, node, digits))

    def rounded(self, at: Syntax | Node, node: Node, target: Type) -> Node:
        """A number rounded to the places of the type, if it has more."""
        assert node.type is not None
        digits = node.type.places - target.places
        if digits < 0 or (digits == 0 and node.type.kind is target.kind):
            return node
        return tree.Apply(at.start, at.end, target, ROUND, (node, Const(at.start, at.end, INTEGER, digits)))

    def _numbers(self, nodes: Sequence[Node | None], operators: Sequence[str]) -> tuple[Node, ...] | None:
        """The operands if all of them are numbers; each has the operator that it belongs to, for the message."""
        fits = True
        for node, operator in zip(nodes, operators, strict=True):
            if node is not None and (node.type is None or node.type.kind not in NUMBERS):
                fits = False
                text = operator != "*" and node.type is not None and node.type.kind in TEXTS
                tip = "join texts with ~" if text else words.bracket_help(node)
                self._checker.problem("FR213", f"'{operator}' takes numbers; {self._checker.told(node)}", node, tip)
        return every(nodes) if fits else None

    def _shifts(self, first: Node, items: Sequence[Syntax], signs: Sequence[int]) -> Node | None:
        """A date or datetime and what moves it, from the left."""
        current: Node | None = first
        assert first.type is not None
        for item, sign in zip(items, signs, strict=True):
            moved = self._distance(item, first.type)
            if moved is None or current is None:
                current = None
                continue
            unit, amount = moved
            current = self._folded(tree.Shift(first.start, item.end, first.type, current, sign, unit, amount))
        return current

    def _distance(self, item: Syntax, type: Type) -> tuple[int, Node] | None:  # noqa: A002
        """How far `days(n)`, `hours(n)` or `minutes(n)` moves a value of the type: the unit and the number of them."""
        fitting = " or ".join(f"{name}(n)" for name, (moves, _) in UNITS.items() if moves == type)
        name = str(item.items[0].value) if item.form == "call" else ""
        if name not in UNITS or len(item.items) != 2:
            node = self._checker.value(item)
            if node is not None:
                source = self._checker.source(node)
                tip = words.added_to_date(node, source) or words.bracket_help(node)
                message = f"only {fitting} can be added to {words.describe(type)}; {self._checker.told(node)}"
                self._checker.problem("FR213", message, node, tip)
            return None
        moves, unit = UNITS[name]
        amount = self._checker.value(item.items[1])
        if moves != type:
            message = f"{words.describe(type)} moves by {fitting}, not by {name}(n)"
            self._checker.problem("FR213", message, item, words.shift_help(type))
            return None
        if amount is None:
            return None
        if amount.type != INTEGER:
            message = f"'{name}' takes an integer; {self._checker.told(amount)}"
            self._checker.problem("FR212", message, amount)
            return None
        return unit, amount

    def _unread(self, items: Sequence[Syntax]) -> None:
        """Checks what is added to something that is itself a mistake, and so of no known type."""
        for item in items:
            moving = item.form == "call" and item.items[0].value in UNITS
            for part in item.items[1:] if moving else (item,):
                self._checker.value(part)

    def _retags(self, first: Node, items: Sequence[Syntax], signs: Sequence[int]) -> Node | None:
        """Tags and the lists added to and taken from them, from the left."""
        current: Node | None = first
        for item, sign in zip(items, signs, strict=True):
            node = self._checker.value(item)
            if node is not None and not (isinstance(node, Const) and node.type == TAGS):
                tip = f"write [{self._checker.source(node)}]" if isinstance(node, Const) else words.bracket_help(node)
                self._checker.problem("FR213", f"to tags a list is added; {self._checker.told(node)}", node, tip)
            elif isinstance(node, Const) and current is not None:
                members = node.value if isinstance(node.value, tuple) else ()
                current = self._folded(tree.Retag(first.start, item.end, TAGS, current, sign, members))
                continue
            current = None
        return current

    def _folded(self, node: Node) -> Node | None:
        """The node, or the constant that it comes to; None if it can only overflow."""
        if isinstance(node, tree.Sum | tree.Product | tree.Negate | tree.Rescale | tree.Shift):
            for child in node.children:
                if isinstance(child, Const) and isinstance(child.value, int) and abs(child.value) >= LIMIT:
                    self._overflows(child)
                    return None
        if not all(isinstance(child, Const) for child in node.children):
            return node
        try:
            value = compute(node, {}, None)
        except Overflow:
            self._overflows(node)
            return None
        variable = any(isinstance(child, Const) and child.variable for child in node.children)
        return Const(node.start, node.end, node.type, value, variable)

    def _overflows(self, node: Node) -> None:
        limit = "the years 1 to 9999" if node.type in {DATE, DATETIME} else "18 digits"
        message = f"{self._checker.source(node)} always overflows: it goes beyond {limit}"
        self._checker.problem("FR219", message, node)


def widest(kinds: Sequence[Type]) -> Type:
    """The number type that holds all of those."""
    return INTEGER if all(kind == INTEGER for kind in kinds) else decimal(max(kind.places for kind in kinds))


def every(nodes: Sequence[Node | None]) -> tuple[Node, ...] | None:
    """The nodes if none of them is missing."""
    found = tuple(node for node in nodes if node is not None)
    return found if len(found) == len(nodes) else None


def retyped(node: Node, target: Type) -> Node:
    """A constant under another type of the same values; whatever is computed keeps its own."""
    return Const(node.start, node.end, target, node.value, node.variable) if isinstance(node, Const) else node
