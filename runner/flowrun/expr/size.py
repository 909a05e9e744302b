"""How large the SQL of an expression becomes, reckoned before it is made: its terms, and how deep they stand.

Most parts appear in the SQL once. The middle of a chained comparison appears in both of its comparisons, and an
overflow check repeats what it checks; nested again and again, that grows without bound: `terms`.

SQLite before 3.46 parses with a stack of a hundred entries, on which every open bracket, function, CASE and left
operand waits for what stands to its right: `depth`. The numbers below count those entries, brackets included, for
the SQL that `sql` makes; a deep operand of `and` and `or` is written first, where nothing waits for it but a bracket.
"""

from __future__ import annotations

from flowrun.expr.functions import Role
from flowrun.expr.tree import (
    Apply,
    Choose,
    Compare,
    Const,
    Items,
    Join,
    Logic,
    Negate,
    Node,
    Not,
    Product,
    Rescale,
    Retag,
    Shift,
    Sum,
)

OVERFLOW_DEPTH = 8
"""What waits for a part within an overflow check."""


SHALLOW = 16
"""Operands no deeper than this are written in the order of their author, who may have put the cheap one first."""


def is_bounded(node: Node) -> bool:
    """Whether a number is known to have no more than 18 digits, by the checker or by the check of what made it."""
    return isinstance(node, Const | Sum | Product | Rescale)


def terms(node: Node) -> int:
    """The number of terms of the SQL of a tree, its overflow checks included."""
    value, checks = _terms(node)
    return value + checks


def _terms(node: Node) -> tuple[int, int]:
    """The terms of a part's value, and those of all overflow checks within it."""
    if isinstance(node, Items):
        return len(node.values), 0
    if not node.children:
        return 1, 0
    counted = [_terms(child) for child in node.children]
    values = [value for value, _ in counted]
    checks = sum(check for _, check in counted)
    total = 1 + sum(values)
    match node:
        case Compare():
            return total + sum(values[1:-1]), checks
        case Sum() | Product():
            partial = values[0]
            checks += sum(value for child, value in zip(node.items, values, strict=True) if not is_bounded(child))
            for value in values[1:]:
                partial += value + 1
                checks += partial
            return total, checks
        case Apply():
            checked = node.function.arithmetic or node.function.zoned
            return total + values[-1] * node.function.repeats, checks + values[0] * checked
        case Negate() | Rescale() | Shift():
            return total, checks + 2 * total
        case _:
            return total, checks


def depth(node: Node) -> int:
    """How many entries of a parser's stack the SQL of a part needs at its deepest place."""
    depths = [depth(child) for child in node.children]
    match node:
        case Logic():
            depths.sort(reverse=True)
            return max(depths[0] + 1, depths[1] + 4, min(depths[0], SHALLOW) + 4)
        case Not():
            return depths[0]
        case Compare() if any(isinstance(item, Items) for item in node.items) or len(depths) > 2:
            return max(depths) + 9
        case Compare():
            containing = 14 * ("in" in node.operators or "not in" in node.operators)
            return max(max(depths[0] + 4, depths[1] + 6), containing + max(depths))
        case Sum() | Product():
            depths.sort(reverse=True)
            minus = isinstance(node, Sum) and -1 in node.signs
            return max(depths[0] + 1 + minus, depths[1] + 3, min(depths[0], SHALLOW) + 3)
        case Negate() | Rescale():
            return depths[0] + 2
        case Shift():
            return max(depths[0] + 3, depths[1] + 6)
        case Retag():
            return depths[0] + 3
        case Join():
            return max(depths) + 9
        case Choose():
            return max(depths) + 7
        case Apply():
            return max(depths) + node.function.depth + 5 * (node.function.role is Role.TEST)
        case _:
            return 1
