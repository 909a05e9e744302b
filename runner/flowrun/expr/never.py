"""Finds conditions that can never hold: `a == 1 and a == 2`, `a > 5 and a < 3`, `a is none and a > 3`.

Each part of an `and` that compares one field with constants says which values that field may have; where the parts
leave a field no value, not even empty, the condition is dead. Nothing is ever claimed of a condition that might
hold: what this module does not understand says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flowrun.expr.evaluate import Overflow, compute
from flowrun.expr.functions import NUMBERS
from flowrun.expr.tree import Apply, Compare, Const, Expression, Field, Items, Logic, Node, Not, Today, walk
from flowrun.expr.types import Kind, Type
from flowrun.expr.words import short

_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<", "in": "not in", "not in": "in"}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def contradiction(expression: Expression) -> tuple[int, int, str] | None:
    """Where a condition contradicts itself, and how, as (start, end, reason); None if it may hold, as far as one sees.

    The offsets are those of `expression.text`.
    """
    found = _impossible(expression.tree, wanted=True)
    if found is None:
        return None
    part, other = found
    reason = f"'{_written(expression, part)}' never holds"
    if other is not None:
        reason += f" together with '{_written(expression, other)}'"
    return part[0].start, part[0].end, reason


_Part = tuple[Node, bool]
"""A part of a condition that must be true, or with False must not be."""

_Found = tuple[_Part, _Part | None]
"""The part that never holds, and the earlier part that it contradicts, if it takes two."""


def _written(expression: Expression, part: _Part) -> str:
    node, wanted = part
    return ("" if wanted else "not ") + short(" ".join(expression.text[node.start : node.end].split()))


def _impossible(node: Node, *, wanted: bool) -> _Found | None:
    """Why a part can never be true (`wanted`), or never be false."""
    if isinstance(node, Logic) and node.every is not wanted:
        reasons = [_impossible(item, wanted=wanted) for item in node.items]
        return None if None in reasons else reasons[0]
    return _conflict(_parts(node, wanted=wanted))


def _parts(node: Node, *, wanted: bool) -> Iterator[_Part]:
    """The parts that must all be true (or, with False, not true) for the whole to be so."""
    match node:
        case Not():
            yield from _parts(node.item, wanted=not wanted)
        case Logic() if node.every is wanted:
            for item in node.items:
                yield from _parts(item, wanted=wanted)
        case _:
            yield node, wanted


def _conflict(parts: Iterable[_Part]) -> _Found | None:
    """The first part that leaves nothing possible, with the last before it that limits the same field."""
    domains: dict[str, _Domain] = {}
    limiting: dict[str, _Part] = {}
    for node, wanted in parts:
        if isinstance(node, Logic) and (found := _impossible(node, wanted=wanted)) is not None:
            return found
        if not any(isinstance(part, Field | Today) for part in walk(node)) and not _may_be(node, wanted=wanted):
            return (node, wanted), None
        for field, operator, values in _claims(node, wanted=wanted):
            assert field.type is not None
            domain = domains.get(field.name, _domain(field.type)).limited(operator, values)
            if domain.is_empty:
                return (node, wanted), limiting.get(field.name)
            domains[field.name] = domain
        limiting.update({field.name: (node, wanted) for field, _, _ in _claims(node, wanted=wanted)})
    return None


def _may_be(node: Node, *, wanted: bool) -> bool:
    """Whether a constant part is what is wanted; one that overflows parks the deal and is neither."""
    try:
        return (compute(node, {}, None) is True) is wanted
    except Overflow:
        return True


def _claims(node: Node, *, wanted: bool) -> Iterator[tuple[Field, str, tuple[Any, ...]]]:
    """What a part says of fields: `field operator values`, the values as the tree has them."""
    match node:
        case Field():
            yield node, "==" if wanted else "!=", (True,)
        case Apply(items=(Field() as field,)) if node.function.name == "none":
            yield field, "==" if wanted else "!=", (None,)
        case Compare() if wanted or len(node.operators) == 1:
            for left, operator, right in zip(node.items, node.operators, node.items[1:], strict=False):
                name = operator if wanted else _NEGATED[operator]
                # The opposite of an order comparison is true of an empty field too.
                loose = not wanted and name in _MIRRORED
                if isinstance(left, Field) and isinstance(right, Const | Items):
                    yield from _claim(left, name, right, loose=loose)
                elif isinstance(right, Field) and isinstance(left, Const) and operator not in {"in", "not in"}:
                    yield from _claim(right, _MIRRORED.get(name, name), left, loose=loose)
        case _:
            return


def _claim(field: Field, operator: str, other: Const | Items, *, loose: bool) -> Iterator[tuple[Field, str, Any]]:
    if isinstance(other, Items):
        yield field, operator, other.values
        return
    if operator in {"in", "not in"}:
        return
    value = other.value
    if field.type is not None and field.type.kind in NUMBERS and other.type is not None and isinstance(value, int):
        digits = field.type.places - other.type.places
        if digits < 0 and value % 10**-digits:
            return
        value = value * 10**digits if digits >= 0 else value // 10**-digits
    yield field, f"{operator}?" if loose else operator, (value,)


@dataclass(frozen=True, slots=True)
class _Domain:
    """The values that a field may have: those of `only` if that is not None, within the bounds, without `out`."""

    empty: bool = True
    only: frozenset[Any] | None = None
    out: frozenset[Any] = frozenset()
    low: Any = None
    low_open: bool = False
    high: Any = None
    high_open: bool = False
    whole: bool = False

    def limited(self, operator: str, values: tuple[Any, ...]) -> _Domain:
        """The values that also satisfy the comparison."""
        loose = operator.endswith("?")
        operator = operator.removesuffix("?")
        full = frozenset(value for value in values if value is not None)
        if operator in {"==", "in"}:
            only = full if self.only is None else self.only & full
            return replace(self, only=only, empty=self.empty and None in values)
        if operator in {"!=", "not in"}:
            return replace(self, out=self.out | full, empty=self.empty and None not in values)
        (bound,) = values
        if bound is None:
            # An order comparison with nothing is false, and its opposite true.
            return self if loose else replace(self, only=frozenset(), empty=False)
        limited = replace(self, empty=self.empty and loose)
        is_open = operator in {"<", ">"}
        if operator in {">", ">="}:
            if self.low is None or (bound, is_open) > (self.low, self.low_open):
                limited = replace(limited, low=bound, low_open=is_open)
        elif self.high is None or (bound, not is_open) < (self.high, not self.high_open):
            limited = replace(limited, high=bound, high_open=is_open)
        return limited

    @property
    def is_empty(self) -> bool:
        """Whether no value is left."""
        if self.empty:
            return False
        if self.only is not None:
            return not any(self._within(value) for value in self.only - self.out)
        if self.low is None or self.high is None:
            return False
        if self.whole:
            low, high = _step(self.low, int(self.low_open)), _step(self.high, -int(self.high_open))
            return low is None or high is None or low > high or (low == high and low in self.out)
        is_point = self.low == self.high
        return bool(self.low > self.high or (is_point and (self.low_open or self.high_open or self.low in self.out)))

    def _within(self, value: Any) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return bool(above and below)


def _step(value: Any, by: int) -> Any:
    """The next value up or down of a kind that is counted; None beyond the last."""
    if isinstance(value, date):
        ordinal = value.toordinal() + by
        return date.fromordinal(ordinal) if 1 <= ordinal <= date.max.toordinal() else None
    return value + by


def _domain(type: Type) -> _Domain:  # noqa: A002
    """All values of a type."""
    match type.kind:
        case Kind.BOOLEAN:
            return _Domain(only=frozenset({True, False}))
        case Kind.ENUM:
            return _Domain(only=frozenset(type.values))
        case Kind.TEXT:
            return _Domain()
        case _:
            return _Domain(whole=type.kind is not Kind.TAGS)
