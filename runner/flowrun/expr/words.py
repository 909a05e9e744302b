"""The words of messages: how types and names are called, and what to write instead of a common mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from flowrun.diagnostics import did_you_mean
from flowrun.expr.functions import ANY, FILTERS, FUNCTIONS, NUMBERS, TESTS, TEXTS, Role
from flowrun.expr.tree import Apply, Const, Field, Node
from flowrun.expr.types import DATE, Kind, Type

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
"""Names that are operators wherever they stand alone."""

_KINDS = {
    Kind.TEXT: "a text",
    Kind.INTEGER: "an integer",
    Kind.DECIMAL: "a decimal",
    Kind.BOOLEAN: "a boolean",
    Kind.DATE: "a date",
    Kind.DATETIME: "a datetime",
    Kind.ENUM: "an enum",
    Kind.TAGS: "tags",
}
_CONSTANTS = {
    "null": "none",
    "nil": "none",
    "NULL": "none",
    "NONE": "none",
    "undefined": "none",
    "TRUE": "true",
    "yes": "true",
    "on": "true",
    "FALSE": "false",
    "no": "false",
    "off": "false",
}
_FILTERS = {
    "int": "a decimal becomes an integer by round(0)",
    "float": "numbers are exact here; use them as they are",
    "string": "a value in 'set' writes anything: \"{{ a }}\"",
    "count": "write 'length'",
    "d": "write 'default(x)'",
    "strip": "write 'trim'",
    "join": "join texts with ~",
}
_TESTS = {
    "defined": "write 'is not none'",
    "undefined": "write 'is none'",
    "true": "use the boolean as it is",
    "false": "write 'not' before the boolean",
    "in": "write 'x in […]'",
    "eq": "write '=='",
    "equalto": "write '=='",
    "sameas": "write '=='",
    "ne": "write '!='",
    "lt": "write '<'",
    "le": "write '<='",
    "gt": "write '>'",
    "ge": "write '>='",
    "empty": "write 'is none'",
    "null": "write 'is none'",
    "containing": "write \"'x' in text\"",
}


def short(text: str) -> str:
    """A text for a message: whole up to 60 characters."""
    return text if len(text) <= 60 else text[:59] + "…"


def describe(type: Type | None) -> str:  # noqa: A002
    """A type with its article: `a decimal`; `none` for that of the literal."""
    return "none" if type is None else _KINDS[type.kind]


def group(type: Type) -> str:  # noqa: A002
    """What values of the type can be compared with: texts and enums, integers and decimals are each alike."""
    if type.kind in TEXTS:
        return "text"
    return "number" if type.kind in NUMBERS else str(type.kind)


def one_of(kinds: frozenset[Kind]) -> str:
    """What a function takes: `a text or tags`."""
    if kinds == ANY:
        return "any value"
    if kinds == NUMBERS:
        return "a number"
    return " or ".join(name for kind, name in _KINDS.items() if kind in kinds and kind is not Kind.ENUM)


def places(count: int) -> str:
    """A number of decimal places in words."""
    return {0: "none", 1: "1 decimal place"}.get(count, f"{count} decimal places")


def listed(names: Iterable[str], most: int = 8) -> str:
    """The first names of a list."""
    known = list(names)
    return ", ".join(known[:most]) + (", …" if len(known) > most else "")


def bare_name(name: str, deal: Mapping[str, Type], variables: Mapping[str, object]) -> str | None:
    """What the author of a name without `deal.` or `vars.` may have meant."""
    if name in _CONSTANTS:
        return f"write {_CONSTANTS[name]}"
    if name in deal:
        return f"write deal.{name}"
    if name in variables:
        return f"write vars.{name}"
    return did_you_mean(name, ["deal", "vars", *FUNCTIONS]) or f"a text is written in quotes: '{short(name)}'"


def make_boolean(node: Node, source: str) -> str | None:
    """How to make a condition of a value that is none."""
    if node.type is None or isinstance(node, Const):
        return None
    if node.type.kind in NUMBERS:
        return f"compare it: {source} > 0"
    if node.type.kind is Kind.DATE:
        return f"compare it: {source} <= today()"
    return f"compare it, or write: {source} is not none"


def compare_help(left: Node, right: Node, source: Callable[[Node], str]) -> str | None:
    """How two values of unlike types may have been meant."""
    kinds = {node.type.kind: node for node in (left, right) if node.type is not None}
    if kinds.keys() == {Kind.DATE, Kind.DATETIME}:
        return f"compare its date: {source(kinds[Kind.DATETIME])} | date"
    text = next(
        (node for node in (left, right) if isinstance(node, Const) and node.type and group(node.type) == "text"), None
    )
    other = right if text is left else left
    if text is not None and other.type is not None:
        if other.type.kind is Kind.DATE:
            return "a date is written date(2026, 12, 31)"
        if other.type.kind in NUMBERS | {Kind.BOOLEAN}:
            return "write it without quotes"
        if other.type.kind is Kind.TAGS:
            return f"write: {source(text)} in {source(other)}"
    constant = next((node for node in (left, right) if isinstance(node, Const)), None)
    if constant is not None and any(
        isinstance(node, Field) and node.type and group(node.type) == "text" for node in (left, right)
    ):
        return f"a text is written in quotes: '{source(constant)}'"
    return None


def shift_help(type: Type) -> str:  # noqa: A002
    """How to move a date or a datetime."""
    return "a date moves by whole days" if type == DATE else "a datetime moves by exact time: 24 hours, hours(24)"


def added_to_date(node: Node, source: str) -> str | None:
    """What may have been meant by adding that to a date."""
    if node.type is None:
        return None
    if node.type.kind is Kind.INTEGER:
        return f"write days({source}) or hours({source})"
    if node.type.kind in {Kind.DATE, Kind.DATETIME}:
        return "compare dates instead: deal.due < today() - days(30)"
    return None


def bracket_help(node: Node) -> str | None:
    """What to do about `a + b is none`, where the test has taken `b` alone."""
    test = isinstance(node, Apply) and node.function.role is Role.TEST
    return "a test takes what is next to it; write brackets: (a + b) is none" if test else None


def unknown_function(name: str) -> str | None:
    """What may have been meant by a function that does not exist."""
    if name in FILTERS:
        return f"'{name}' is a filter: {FILTERS[name].signature}"
    if name in TESTS:
        return f"'{name}' is a test: {TESTS[name].signature}"
    return did_you_mean(name, FUNCTIONS) or f"the functions are {listed(FUNCTIONS)}"


def unknown_filter(name: str) -> str | None:
    """What may have been meant by a filter that does not exist."""
    return _FILTERS.get(name) or did_you_mean(name, FILTERS) or f"the filters are {listed(FILTERS)}"


def unknown_test(name: str) -> str | None:
    """What may have been meant by a test that does not exist."""
    return _TESTS.get(name) or did_you_mean(name, TESTS) or f"the tests are {listed(TESTS)}"


def filter_help(name: str) -> str | None:
    """How a function is written."""
    table = {**FUNCTIONS, **TESTS, **FILTERS}
    return f"write {table[name].signature}" if name in table else None
