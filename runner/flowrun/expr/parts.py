"""The parts of a condition as they are written, each with its value over one deal: what `explain` shows.

Parts that tell nothing are left out: literals, and the steps that the type checker puts in between (a number that
gets more places is that number). What variables and literals alone make up is one part, as it was computed ahead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flowrun.expr import tree
from flowrun.expr.evaluate import Context, Overflow, compute
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import unscaled


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an expression.

    `start` and `end` are its offsets in the expression's text, `text` is what stands there. `type` is None for `none`;
    `value` is of the domain, None where it is empty or where the part overflows.
    """

    text: str
    start: int
    end: int
    type: Type | None
    value: Value
    overflows: bool
    parts: tuple[Part, ...]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Part]]:
        """The part and those in it, in the order of the text, each with its depth; this one's is `depth`."""
        yield depth, self
        for part in self.parts:
            yield from part.walk(depth + 1)


def evaluated(expression: tree.Expression, deal: Mapping[str, Value], context: Context) -> Part:
    """The expression and its parts over a deal; a name that `deal` lacks is empty."""
    return _part(expression.text, expression.tree, deal, context)


def _part(text: str, node: tree.Node, deal: Mapping[str, Value], context: Context) -> Part:
    try:
        value, overflows = _plain(compute(node, deal, context), node.type), False
    except Overflow:
        value, overflows = None, True
    children = tuple(_part(text, child, deal, context) for child in _telling(node))
    return Part(text[node.start : node.end], node.start, node.end, node.type, value, overflows, children)


def _telling(node: tree.Node) -> list[tree.Node]:
    """The nearest parts below that say something, in the order of the text."""
    found: list[tree.Node] = []
    for child in sorted(node.children, key=lambda one: one.start):
        if isinstance(child, tree.Rescale):
            found += _telling(child) if not _tells(child.item) else [child.item]
        elif _tells(child):
            found.append(child)
    return found


def _tells(node: tree.Node) -> bool:
    return node.variable if isinstance(node, tree.Const) else not isinstance(node, tree.Items | tree.Rescale)


def _plain(value: object, type_: Type | None) -> Value:
    """A value of the tree as a value of the domain."""
    if type_ is not None and type_.kind is Kind.DECIMAL and isinstance(value, int):
        return unscaled(value, type_.places)
    result: Value = value  # type: ignore[assignment]
    return result
