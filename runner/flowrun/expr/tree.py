"""The typed tree of an expression, the only thing that the two evaluators know of it.

Every node knows where it stands in the text (`start`, `end`, offsets in characters, the end exclusive) and its
type; a type of None is that of the literal `none`, which fits everywhere. Chains are flat: `a and b and c` is one
node of three items, as is `a + b - c`, so that a tree is never deeper than the author's own nesting.
Numbers are kept as the store keeps them: a decimal is an integer scaled by its type's places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowrun.expr.functions import Function
from flowrun.expr.types import Type, Value


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression."""

    start: int
    end: int
    type: Type | None

    @property
    def children(self) -> tuple[Node, ...]:
        """The parts of this part, in the order of the text."""
        return ()


@dataclass(frozen=True, slots=True)
class Const(Node):
    """A literal, a variable, or what was computed of these alone; `variable` says that a variable is in it."""

    value: Value
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`deal.<name>`."""

    name: str


@dataclass(frozen=True, slots=True)
class Today(Node):
    """`today()`."""


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list of constants, the right side of `in` and `not in`. Its type is that of the items."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """Items joined by `and` (`every`) or by `or`."""

    every: bool
    items: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not item`."""

    item: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.item,)


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """A chain of comparisons: `items[i] operators[i] items[i + 1]`, all of which must hold.

    Operators: `== != < <= > >= in` and `not in`. Numbers on the two sides may have different places.
    """

    items: tuple[Node, ...]
    operators: tuple[str, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """Numbers added (sign 1) and subtracted (-1), from the left. `signs` belong to `items[1:]`."""

    items: tuple[Node, ...]
    signs: tuple[int, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Product(Node):
    """Numbers multiplied, from the left."""

    items: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Negate(Node):
    """`-item`."""

    item: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.item,)


@dataclass(frozen=True, slots=True)
class Shift(Node):
    """A date, or a datetime, moved by `sign * amount` of `unit` (1 for days of a date, milliseconds of a datetime)."""

    item: Node
    sign: int
    unit: int
    amount: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.item, self.amount)


@dataclass(frozen=True, slots=True)
class Retag(Node):
    """Tags with the constant `tags` added (sign 1) or taken away (-1)."""

    item: Node
    sign: int
    tags: tuple[str, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.item,)


@dataclass(frozen=True, slots=True)
class Join(Node):
    """Texts joined by `~`."""

    items: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


@dataclass(frozen=True, slots=True)
class Choose(Node):
    """`value if test else …`: the value of the first test that holds, else `otherwise`. All of one type."""

    tests: tuple[Node, ...]
    values: tuple[Node, ...]
    otherwise: Node

    @property
    def children(self) -> tuple[Node, ...]:
        return (*self.tests, *self.values, self.otherwise)


@dataclass(frozen=True, slots=True)
class Rescale(Node):
    """A number with more places than it had."""

    item: Node
    digits: int

    @property
    def children(self) -> tuple[Node, ...]:
        return (self.item,)


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """A function, filter or test of the table, applied."""

    function: Function
    items: tuple[Node, ...]

    @property
    def children(self) -> tuple[Node, ...]:
        return self.items


def walk(node: Node) -> Iterator[Node]:
    """The node and every part of it, in no promised order."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(current.children)


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression.

    `text` is what the offsets of `tree` count in: the condition, or the whole template that it is a part of.
    `type` is None for the literal `none`. `reads` are the names of the deal that it reads, built-ins included.
    """

    text: str
    tree: Node
    type: Type | None
    reads: frozenset[str]
    uses_today: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A checked text with `{{ }}` parts, for a field of type `target`.

    `parts` are the literal texts and the expressions between them. `typed` says that the template is one expression
    alone whose value is set as it is; otherwise the parts are written one after the other.
    """

    text: str
    parts: tuple[str | Expression, ...]
    target: Type
    reads: frozenset[str]
    uses_today: bool
