"""Templates: texts with `{{ expression }}` parts, checked against the type of the field that they set.

format.md, "Values (`set`)": one part alone keeps its type, text around it makes a text. White space around a part
alone, such as the line end of a YAML block, is nothing to a field that is no text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowrun.expr import words
from flowrun.expr.check import Checker
from flowrun.expr.codes import Problem
from flowrun.expr.functions import DEFAULT
from flowrun.expr.limits import CHARACTERS
from flowrun.expr.names import Names
from flowrun.expr.scan import scan
from flowrun.expr.tree import Apply, Choose, Const, Expression, Node, Template
from flowrun.expr.types import Kind, Type

_OPENING = re.compile(r"\{[{%#]")


def has_template(text: str) -> bool:
    """Whether there is something in the text that a template would read: `{{`, `{%` or `{#`."""
    return _OPENING.search(text) is not None


def parse_template(text: str, names: Names, target: Type) -> tuple[Template | None, tuple[Problem, ...]]:
    """The template that a text writes, or None, and everything that is wrong with it in the order of the text."""
    if len(text) > CHARACTERS:
        message = f"{len(text):,} characters are too many; a template has at most {CHARACTERS:,}"
        return None, (Problem("FR202", message, 0, len(text)),)
    return _Reader(text, names, target).read()


class _Reader:
    """Reads the parts of one template."""

    def __init__(self, text: str, names: Names, target: Type) -> None:
        self._text = text
        self._target = target
        self._checker = Checker(text, names)

    def read(self) -> tuple[Template | None, tuple[Problem, ...]]:
        pieces = self._pieces()
        if self._target.kind is not Kind.TEXT:
            pieces = self._alone(pieces)
        parts = [piece if isinstance(piece, str) else self._checker.finish(piece) for piece in pieces]
        problems = self._checker.sorted_problems()
        if problems:
            return None, problems
        found = tuple(part for part in parts if part is not None)
        expressions = [part for part in found if isinstance(part, Expression)]
        reads = frozenset[str]().union(*(part.reads for part in expressions))
        today = any(part.uses_today for part in expressions)
        return Template(self._text, found, self._target, reads, today), ()

    def _pieces(self) -> list[str | Node | None]:
        """The texts and the typed expressions between them; None for an expression with a mistake."""
        pieces: list[str | Node | None] = []
        at = 0
        while opening := _OPENING.search(self._text, at):
            start, end = opening.span()
            if start > at:
                pieces.append(self._text[at:start])
            if opening.group() != "{{":
                self._statement(opening.group(), start)
                pieces.append(None)
                at = self._after(opening.group()[1] + "}", end)
                continue
            if self._text[end : end + 1] in {"-", "+"} and self._text[end + 1 : end + 2].isspace():
                message = f"'{{{{{self._text[end]}' is not part of the language"
                self._checker.note(Problem("FR206", message, start, end + 1, "write '{{'; no white space is removed"))
                pieces.append(None)
                at = self._after("}}", end)
                continue
            scanned = scan(self._text, end, template=True)
            if scanned.readable and scanned.end == len(self._text):
                self._checker.note(Problem("FR208", "'{{' has no closing '}}'", start, end))
                return [None]
            pieces.append(self._checker.read(scanned))
            at = scanned.end + 2 if scanned.readable else self._after("}}", end)
        if at < len(self._text):
            pieces.append(self._text[at:])
        return pieces

    def _statement(self, opening: str, start: int) -> None:
        what = "statements" if opening == "{%" else "comments"
        tip = "write {{ expression }}; a literal one is {{ '" + opening + "' }}"
        self._checker.note(Problem("FR208", f"'{opening}': {what} have no place in a template", start, start + 2, tip))

    def _after(self, closing: str, start: int) -> int:
        found = self._text.find(closing, start)
        return len(self._text) if found < 0 else found + 2

    def _alone(self, pieces: Sequence[str | Node | None]) -> list[str | Node | None]:
        """The one expression that a field which is no text is set to, fitted to the field's type."""
        parts = [piece for piece in pieces if not isinstance(piece, str) or piece.strip()]
        if len(parts) == 1 and not isinstance(parts[0], str):
            return [None if parts[0] is None else self._fitted(parts[0])]
        if not any(part is None for part in parts):
            message = f"text around '{{{{ }}}}' makes a text; the field is {words.describe(self._target)}"
            self._checker.note(Problem("FR221", message, 0, len(self._text), "write one {{ expression }} alone"))
        return list(parts)

    def _fitted(self, node: Node) -> Node | None:
        """The expression as a value of the target's type; None if it can't be one."""
        kind, target = node.type, self._target
        if kind is None:
            return node
        if target.kind is Kind.ENUM and kind.kind in {Kind.TEXT, Kind.ENUM}:
            return node if self._member(node) else None
        if target.kind is Kind.DECIMAL and kind.kind in {Kind.INTEGER, Kind.DECIMAL}:
            if kind.places > target.places:
                return self._checker.arithmetic.rounded(node, node, target)
            alike = self._checker.arithmetic.rescaled([node], target)
            return None if alike is None else alike[0]
        if kind.kind is target.kind:
            return node
        tip = None
        if kind.kind is Kind.DECIMAL and target.kind is Kind.INTEGER:
            tip = f"round it: ({self._checker.source(node)}) | round(0)"
        elif kind.kind is Kind.DATETIME and target.kind is Kind.DATE:
            tip = f"take its date: ({self._checker.source(node)}) | date"
        message = f"the field is {words.describe(target)}; {self._checker.told(node)}"
        self._checker.problem("FR221", message, node, tip)
        return None

    def _member(self, node: Node) -> bool:
        """Whether every value that a text or enum may have is one of the target's; notes which is not."""
        if isinstance(node, Choose):
            fits = [self._member(value) for value in (*node.values, node.otherwise)]
            return all(fits)
        if isinstance(node, Apply) and node.function is DEFAULT:
            fits = [self._member(item) for item in node.items]
            return all(fits)
        if node.type is None:
            return True
        if isinstance(node, Const):
            outside = [str(node.value)] if node.value is not None and node.value not in self._target.values else []
        elif node.type.kind is Kind.ENUM:
            outside = [value for value in node.type.values if value not in self._target.values]
        else:
            message = f"the field is an enum; {self._checker.told(node)} and may be anything"
            self._checker.problem("FR221", message, node, f"its values are {words.listed(self._target.values)}")
            return False
        if outside:
            message = f"the field has no value '{words.short(outside[0])}'"
            tip = f"its values are {words.listed(self._target.values)}"
            self._checker.problem("FR215", message, node, tip)
        return not outside
