"""Which names of stages, pipelines and tunnels an expression mentions, and where: for whoever renames one of them.

Only the syntax is looked at, so that an expression with a mistake of types can be followed too. A literal is such a
name where it is compared with `deal.stage`, `deal.pipeline` or `deal.origin_tunnel`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flowrun.expr.limits import CHARACTERS
from flowrun.expr.parse import Syntax, parse
from flowrun.expr.scan import scan

NAMES = frozenset({"stage", "pipeline", "origin_tunnel"})
"""The built-ins that hold a name which a project declares."""

_SAME = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Mention:
    """A literal beside `deal.<of>`. `start` and `end` are its offsets in the text, quotes included.

    `exact` says that it is a whole name; else it is compared with a part of one, or with what was made of one.
    """

    of: str
    value: str
    start: int
    end: int
    exact: bool


def mentions(text: str, *, template: bool = False) -> tuple[Mention, ...]:
    """All that a condition mentions, or a template; nothing of what can't be read."""
    if len(text) > CHARACTERS or not any(name in text for name in NAMES):
        return ()
    found = dict.fromkeys(one for syntax in _read(text, template=template) for one in _visit(syntax))
    return tuple(sorted(found, key=lambda one: (one.start, one.of)))


def _read(text: str, *, template: bool) -> Iterator[Syntax]:
    at = text.find("{{") if template else 0
    while at >= 0:
        scanned = scan(text, at + 2 if template else 0, template=template)
        if scanned.readable and (syntax := parse(scanned)[0]):
            yield syntax
        if not template:
            return
        at = text.find("{{", max(scanned.end, at + 2))


def _visit(syntax: Syntax) -> Iterator[Mention]:
    if syntax.form == "compare":
        for operator, left, right in zip(syntax.value, syntax.items, syntax.items[1:], strict=False):
            whole = operator in _SAME or right.form == "list"
            yield from _together((left, right), whole=whole)
    elif syntax.form == "filter" and syntax.value.value == "default":
        yield from _together(syntax.items, whole=True)
    elif syntax.form in {"filter", "test", "join"}:
        yield from _together(syntax.items, whole=False)
    for item in syntax.items:
        yield from _visit(item)


def _together(items: tuple[Syntax, ...], *, whole: bool) -> Iterator[Mention]:
    """The literals among operands that are compared with each other."""
    named = {pair for item in items for pair in _named(item)}
    for literal, written in (one for item in items for one in _literals(item)):
        for of, as_it_is in named:
            yield Mention(of, literal.value, literal.start, literal.end, whole and as_it_is and written)


def _named(syntax: Syntax) -> Iterator[tuple[str, bool]]:
    """The names that an operand may be, each with whether it is the name itself or made of it."""
    if syntax.form == "attribute" and syntax.value in NAMES and syntax.items[0].value == "deal":
        yield syntax.value, True
    elif syntax.form == "choose":
        for item in (*syntax.items[1::2], syntax.items[-1]):
            yield from _named(item)
    elif syntax.form in {"filter", "join"}:
        default = syntax.form == "filter" and syntax.value.value == "default"
        for item in syntax.items:
            yield from ((of, as_it_is and default) for of, as_it_is in _named(item))


def _literals(syntax: Syntax) -> Iterator[tuple[Syntax, bool]]:
    """The texts that an operand may be, each with whether it is the text itself or made of it."""
    if syntax.form == "literal" and isinstance(syntax.value, str):
        yield syntax, True
    elif syntax.form == "list":
        for item in syntax.items:
            yield from _literals(item)
    elif syntax.form == "choose":
        for item in (*syntax.items[1::2], syntax.items[-1]):
            yield from _literals(item)
    elif syntax.form in {"filter", "join"}:
        default = syntax.form == "filter" and syntax.value.value == "default"
        for item in syntax.items:
            yield from ((literal, as_it_is and default) for literal, as_it_is in _literals(item))
