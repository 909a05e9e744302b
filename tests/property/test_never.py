"""A condition that is called impossible is true of no deal: random conjunctions over small domains, evaluated."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.expr import Names, parse_condition
from flowrun.expr.evaluate import Context, holds
from flowrun.expr.never import contradiction
from flowrun.expr.types import BOOLEAN, DATE, INTEGER, TEXT, Value, decimal, enum
from tests.property.expressions import TODAY, ZONE

NAMES = Names(
    {"n": INTEGER, "d": decimal(1), "b": BOOLEAN, "e": enum("x", "y"), "t": TEXT, "on": DATE},
    {"half": (decimal(2), Decimal("0.05"))},
)
VALUES: dict[str, tuple[Value, ...]] = {
    "n": (None, -1, 0, 1, 2, 3),
    "d": (None, *(Decimal(tenths) / 10 for tenths in range(-2, 14))),
    "b": (None, True, False),
    "e": (None, "x", "y"),
    "t": (None, "", "a", "aa", "ab", "b"),
    "on": (None, *(date(2026, 1, day) for day in range(1, 5))),
}
LITERALS = {
    "n": ["0", "1", "2", "none"],
    "d": ["0", "0.1", "0.2", "1", "vars.half", "none"],
    "b": ["true", "false", "none"],
    "e": ["'x'", "'y'", "none"],
    "t": ["'a'", "'aa'", "'b'", "''"],
    "on": ["date(2026, 1, 1)", "date(2026, 1, 2)", "date(2026, 1, 3)"],
}
ORDERED = frozenset({"n", "d", "t", "on"})


@st.composite
def parts(draw: st.DrawFn, name: str) -> str:
    literals = st.sampled_from(LITERALS[name])
    choice = draw(st.sampled_from(["equal", "order", "chain", "list", "none", "bare"]))
    if choice in {"order", "chain"} and name in ORDERED:
        full = st.sampled_from([literal for literal in LITERALS[name] if literal != "none"])
        order = st.sampled_from(["<", "<=", ">", ">="])
        text = f"{draw(full)} {draw(order)} deal.{name}"
        text += f" {draw(order)} {draw(full)}" if choice == "chain" else ""
    elif choice == "list":
        text = (
            f"deal.{name} {draw(st.sampled_from(['in', 'not in']))} [{', '.join(draw(st.lists(literals, max_size=3)))}]"
        )
    elif choice == "none":
        text = f"deal.{name} is {draw(st.sampled_from(['', 'not ']))}none"
    elif choice == "bare" and name == "b":
        text = "deal.b"
    else:
        text = f"deal.{name} {draw(st.sampled_from(['==', '!=']))} {draw(literals)}"
    return f"not ({text})" if draw(st.booleans()) else text


@st.composite
def conditions(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=2, unique=True))
    each = [draw(parts(draw(st.sampled_from(names)))) for _ in range(draw(st.integers(1, 4)))]
    joint = draw(st.sampled_from([" and ", " and ", " or "]))
    text = joint.join(each)
    if draw(st.booleans()):
        text = f"({text}) and {draw(parts(names[0]))}"
    return f"not ({text})" if draw(st.integers(0, 3)) == 0 else text


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(conditions())
def test_no_false_alarm(text: str) -> None:
    expression, problems = parse_condition(text, NAMES)
    assert expression is not None, (text, problems)
    names = sorted(expression.reads)
    deals = [dict(zip(names, values, strict=True)) for values in product(*(VALUES[name] for name in names))]
    possible = any(holds(expression, deal, Context(TODAY, ZONE)) for deal in deals)
    if contradiction(expression) is not None:
        assert not possible, text
