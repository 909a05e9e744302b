"""Expressions as values: what they read, where their parts stand, and how far a hostile text gets."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest

from flowrun.expr import has_template, parse_condition, parse_template, tree
from flowrun.expr.limits import CHARACTERS
from flowrun.expr.types import DATE, TEXT, Type, decimal
from tests.calls import calls
from tests.unit.expr.names import NAMES


def test_reads_are_the_names_of_the_deal() -> None:
    expression, _ = parse_condition("deal.stage == 'sales.won' and (deal.amount > vars.big or true)", NAMES)
    assert expression is not None
    assert expression.reads == {"stage", "amount"}
    assert not expression.uses_today


def test_today_is_seen_wherever_it_stands() -> None:
    template, _ = parse_template("a {{ deal.title }} {{ today() if deal.paid else deal.renewal_on }}", NAMES, TEXT)
    assert template is not None
    assert template.reads == {"title", "paid", "renewal_on"}
    assert template.uses_today


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(deal.amount + 1) * 2 > 3", ["(deal.amount + 1) * 2", "3"]),
        ("deal.account  |  trim == ('a')", ["deal.account  |  trim", "'a'"]),
        ("( (deal.seats) ) in [1, (2)]", ["deal.seats", "[1, (2)]"]),
        ("deal.account == 'a' 'b'", ["deal.account", "'a' 'b'"]),
        ("deal.amount|round( 1 ) == -(2)", ["deal.amount|round( 1 )", "-(2)"]),
        (
            "(deal.paid) is none == ((deal.account) is startingwith ('a'))",
            ["(deal.paid) is none", "(deal.account) is startingwith ('a')"],
        ),
        ("date( 2026, 1, 1 ) < today( )", ["date( 2026, 1, 1 )", "today( )"]),
        ("(1 if (deal.paid) else 2) == (((3)))", ["1 if (deal.paid) else 2", "3"]),
    ],
)
def test_parts_stand_where_they_are_written(text: str, parts: list[str]) -> None:
    expression, problems = parse_condition("  " + text + " ", NAMES)
    assert expression is not None, problems
    assert isinstance(expression.tree, tree.Compare)
    found = [expression.text[item.start : item.end] for item in expression.tree.items]
    assert found == parts


def test_a_template_part_counts_in_the_whole_text() -> None:
    template, _ = parse_template("Ж😀 {{ deal.title }}{{deal.amount}}", NAMES, TEXT)
    assert template is not None
    expressions = [part for part in template.parts if isinstance(part, tree.Expression)]
    assert [part.text[part.tree.start : part.tree.end] for part in expressions] == ["deal.title", "deal.amount"]
    assert template.parts[0] == "Ж😀 "


@pytest.mark.parametrize(
    ("text", "target", "kind"),
    [("{{ deal.amount }}", decimal(2), decimal(2)), ("{{ deal.renewal_on }}", DATE, DATE), ("{{ none }}", DATE, None)],
)
def test_one_part_alone_keeps_its_type(text: str, target: Type, kind: Type | None) -> None:
    template, _ = parse_template(text, NAMES, target)
    assert template is not None
    (part,) = template.parts
    assert isinstance(part, tree.Expression)
    assert part.type == kind


@pytest.mark.parametrize("text", ["a {{ b", "{%", "{# x", "{{}}"])
def test_has_template(text: str) -> None:
    assert has_template(text)


@pytest.mark.parametrize("text", ["", "a } b", "{ x }", "}} %}"])
def test_has_no_template(text: str) -> None:
    assert not has_template(text)


def test_names_of_python_are_fields_like_others() -> None:
    names = type(NAMES)({"items": TEXT, "keys": TEXT, "in": TEXT, "not": TEXT, "_": TEXT}, {})
    expression, problems = parse_condition("deal.items == deal.keys and deal.in == deal.not", names)
    assert expression is not None, problems
    assert expression.reads == {"items", "keys", "in", "not"}


HOSTILE = {
    "brackets": "(",
    "lists": "[",
    "closed": "()",
    "nots": "not ",
    "minuses": "-",
    "plus": "1+",
    "filters": "|lower",
    "arguments": "|default(",
    "ladder": "1 if true else ",
    "ifs": " if true",
    "power": "2**",
    "dots": ".a",
    "calls": "()",
    "subscripts": "[0]",
    "texts": "'a'",
    "joined": "'a'~",
    "compared": "1<",
    "commas": ",",
    "quotes": "'",
    "escapes": "'\\",
    "braces": "{{",
    "dictionaries": "{'a':",
    "or": "deal.paid or ",
    "tests": " is none",
    "digits": "9",
    "blanks": " ",
    "dashes": "deal.amount*deal.seats-",
    "starred": "f(*",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("start", ["", "deal.paid", "deal.amount > 1 and (", "1"])
@pytest.mark.parametrize("end", ["", "deal.paid", "1"])
def test_a_hostile_text_is_answered_at_once(name: str, start: str, end: str) -> None:
    for size in (CHARACTERS, 10 * CHARACTERS):
        text = (start + HOSTILE[name] * size)[: size - len(end)] + end
        assert calls(partial(parse_condition, text, NAMES)) < 100 * CHARACTERS
        template = "{{" + text[: CHARACTERS - 4] + "}}"
        assert calls(partial(parse_template, template, NAMES, TEXT)) < 100 * CHARACTERS
        expression, problems = parse_condition(text, NAMES)
        assert (expression is None) is bool(problems)
        assert all(0 <= problem.start <= problem.end <= len(text) for problem in problems)


def test_a_condition_is_read_with_little_work() -> None:
    """1,657 calls, which take less than a millisecond."""
    text = "deal.amount >= vars.big and deal.source in ['web', 'ads'] and 'vip' not in deal.tags"
    parse_condition(text, NAMES)
    assert calls(lambda: parse_condition(text, NAMES)) < 2_500


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("a[", "]"), ("1|default(", ")"), ("f(", ")"), ("[", "]"), ("1 is x(", ")"), ("{1:", "}"), ("(1 if ", " else 1)")],
)
@pytest.mark.parametrize("levels", [13, 20, 39, 40, 41])
def test_brackets_of_every_kind_never_exhaust_the_stack(opening: str, closing: str, levels: int) -> None:
    def called_from(frames: int) -> bool:
        if frames:
            return called_from(frames - 1)
        return bool(parse_condition(opening * levels + "1" + closing * levels, NAMES)[1])

    assert called_from(200)


@pytest.mark.parametrize("link", ["(1 or 1 and 1 == 1 + 'a' ~ 2 * ", "(1 == 1 + 2 * ", "[1 or 1 and 1 + "])
def test_many_operations_within_few_brackets_are_too_deep(link: str) -> None:
    for levels in (14, 25, 39):
        text = link * levels + "1" + {"(": ")", "[": "]"}[link[0]] * levels
        expression, problems = parse_condition(text, NAMES)
        assert expression is None
        assert [problem.code for problem in problems] == ["FR202"]
        assert "levels deep" in problems[0].message


def test_the_package_is_cheap_to_import() -> None:
    check = "import sys, flowrun.expr, flowrun.expr.values; print(*({'jinja2', 'sqlalchemy'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_parsing_needs_no_database() -> None:
    check = (
        "import sys; from flowrun.expr import *; parse_condition('1 == 1', Names({}, {}));"
        "print('jinja2' in sys.modules, 'sqlalchemy' in sys.modules, 'jinja2.compiler' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout.split()[:2] == ["True", "False"]
