"""Types: from what an author wrote to what it means, or to all that is wrong with it, at once.

Every part is checked, also behind a short circuit; a part with a mistake has no type (`None` instead of a node)
and makes no further mistakes of what stands around it. What literals and variables alone decide is computed here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from flowrun.diagnostics import did_you_mean
from flowrun.expr import tree, words
from flowrun.expr.arithmetic import Arithmetic, every, retyped, widest
from flowrun.expr.calls import Calls
from flowrun.expr.codes import Problem
from flowrun.expr.compare import Comparisons
from flowrun.expr.functions import FUNCTIONS, NUMBERS, TEXTS
from flowrun.expr.limits import DEPTH, TERMS
from flowrun.expr.names import Names
from flowrun.expr.parse import Syntax, parse
from flowrun.expr.scan import Scan, scan
from flowrun.expr.size import OVERFLOW_DEPTH, depth, terms
from flowrun.expr.tree import Choose, Const, Expression, Field, Node
from flowrun.expr.types import BOOLEAN, INTEGER, TAGS, TEXT, Kind, Type, Value, decimal
from flowrun.expr.values import scaled, tags


def parse_condition(text: str, names: Names) -> tuple[Expression | None, tuple[Problem, ...]]:
    """The condition that a text writes, or None, and everything that is wrong with it in the order of the text."""
    checker = Checker(text, names)
    node = checker.read(scan(text))
    if node is not None and (node.type is None or node.type.kind is not Kind.BOOLEAN):
        tip = words.make_boolean(node, checker.source(node))
        checker.problem("FR220", f"a condition is true or false; this is {words.describe(node.type)}", node, tip)
    return checker.finish(node), checker.sorted_problems()


class Checker:
    """Checks the expressions of one text and collects their problems."""

    def __init__(self, text: str, names: Names) -> None:
        self._text = text
        self._names = names
        self._problems: list[Problem] = []
        self.arithmetic = Arithmetic(self)
        self.calls = Calls(self)
        self.comparisons = Comparisons(self)

    def read(self, scanned: Scan) -> Node | None:
        """The typed tree of a scanned expression, or None if something is wrong with it."""
        self._problems += scanned.problems
        if not scanned.readable:
            return None
        syntax, problems = parse(scanned)
        self._problems += problems
        return None if syntax is None else self.value(syntax)

    def finish(self, node: Node | None) -> Expression | None:
        """The expression of a tree, unless there were problems or it is too large."""
        if node is not None and not self._problems:
            self._measure(node)
        if node is None or self._problems:
            return None
        parts = list(tree.walk(node))
        reads = frozenset(part.name for part in parts if isinstance(part, Field))
        today = any(isinstance(part, tree.Today) for part in parts)
        return Expression(self._text, node, node.type, reads, today)

    def _measure(self, node: Node) -> None:
        if (count := terms(node)) > TERMS:
            message = f"this computes too much: {count:,} terms in SQL, at most {TERMS:,} are possible"
            self.problem("FR202", message, node, "shorten the longest chain of + - * or of comparisons")
        elif depth(node) + OVERFLOW_DEPTH > DEPTH:
            tip = "nest fewer filters, ifs and sums in each other; a chain of 'if … else …' is flat"
            self.problem("FR202", "this is nested too deeply for a database", node, tip)

    def sorted_problems(self) -> tuple[Problem, ...]:
        """All problems so far, in the order of the text, without repetitions."""
        return tuple(sorted(dict.fromkeys(self._problems), key=lambda problem: (problem.start, problem.end)))

    @property
    def failed(self) -> bool:
        """Whether anything was wrong so far."""
        return bool(self._problems)

    def problem(self, code: str, message: str, at: Syntax | Node, help: str | None = None) -> None:  # noqa: A002
        """Notes a problem with that part."""
        self._problems.append(Problem(code, message, at.start, at.end, help))

    def note(self, problem: Problem) -> None:
        """Notes a problem that has its place already."""
        self._problems.append(problem)

    def told(self, node: Node) -> str:
        """What a part is, for a message: `deal.amount is a decimal`."""
        kind = words.describe(node.type)
        return "found none" if node.type is None else f"{self.source(node)} is {kind}"

    def source(self, at: Syntax | Node) -> str:
        """How a part is written, shortened for a message."""
        return words.short(" ".join(self._text[at.start : at.end].split()))

    def value(self, syntax: Syntax) -> Node | None:
        """The typed node of a part that stands where a value is expected."""
        return _CHECKS[syntax.form](self, syntax)

    def _parts(self, syntax: Syntax) -> None:
        """Checks the parts of something that is itself a mistake."""
        for item in syntax.items:
            self.value(item)

    # Leaves

    def _literal(self, syntax: Syntax) -> Node:
        value = syntax.value
        kind: Type | None = None
        if isinstance(value, bool):
            kind = BOOLEAN
        elif isinstance(value, int):
            kind = INTEGER
        elif isinstance(value, Decimal):
            kind = decimal(-int(value.as_tuple().exponent))
            value = scaled(value, kind.places)
        elif isinstance(value, str):
            kind, value = TEXT, value or None
        return Const(syntax.start, syntax.end, kind, value)

    def _name(self, syntax: Syntax) -> None:
        name = str(syntax.value)
        if name in {"deal", "vars"}:
            self.problem("FR205", f"'{name}' alone is no value", syntax, f"name one: {name}.<name>")
        elif name in words.KEYWORDS:
            self.problem("FR201", f"'{name}' is not expected here; expected a value", syntax)
        elif name in FUNCTIONS:
            self.problem("FR211", f"'{name}' is a function", syntax, f"write {FUNCTIONS[name].signature}")
        else:
            tip = words.bare_name(name, self._names.deal, self._names.vars)
            self.problem("FR205", f"there is no '{name}' here; expected deal.<field> or vars.<name>", syntax, tip)

    def _attribute(self, syntax: Syntax) -> Node | None:
        (item,) = syntax.items
        name = str(syntax.value)
        place = Syntax("name", syntax.end - len(name), syntax.end)
        if item.form != "name":
            self.problem("FR206", f"'.{name}': a value has no parts here", syntax)
            return None
        match item.value:
            case "deal":
                if found := self._names.deal.get(name):
                    return Field(syntax.start, syntax.end, found, name)
                tip = did_you_mean(name, self._names.deal)
                self.problem("FR203", f"a deal has no field '{words.short(name)}'", place, tip)
            case "vars":
                if name in self._names.vars:
                    kind, value = self._names.vars[name]
                    return Const(syntax.start, syntax.end, kind, _inner(value, kind), variable=True)
                tip = did_you_mean(name, self._names.vars)
                self.problem("FR204", f"there is no variable '{words.short(name)}'", place, tip)
            case "origin":
                message = f"'origin.{words.short(name)}' is not available in this version"
                self.problem("FR206", message, syntax, "a copy can carry the value along in a field of its own")
            case _:
                self._name(item)
        return None

    def _list(self, syntax: Syntax) -> Node | None:
        """A list where a value is expected: the members of a set of tags."""
        members = self.constants(syntax)
        if members is None:
            return None
        if all(member.type is not None and member.type.kind in TEXTS for member in members):
            return Const(syntax.start, syntax.end, TAGS, tags(str(member.value or "") for member in members))
        self.problem("FR213", "a list of these stands only right of 'in' and 'not in'", syntax)
        return None

    def constants(self, syntax: Syntax) -> list[Const] | None:
        """The items of a list, which must be literals or variables; None if some are not."""
        found = []
        for item in syntax.items:
            node = self.value(item)
            if isinstance(node, Const):
                found.append(node)
            elif node is not None:
                message = f"a list holds literals; {self.source(item)} is none"
                self.problem("FR218", message, item, "compare with it instead: a == b or a == c")
        return found if len(found) == len(syntax.items) else None

    def _unknown(self, syntax: Syntax) -> None:
        if syntax.value is not None:
            tips = {"an 'if' without 'else'": "add 'else none'", "a tuple": "write a list: [1, 2]"}
            self.problem("FR206", f"{syntax.value} is not part of the language", syntax, tips.get(syntax.value))
        self._parts(syntax)

    def _named(self, syntax: Syntax) -> None:
        self._parts(syntax)

    def _plus(self, syntax: Syntax) -> None:
        self.problem("FR206", "a plus sign before a value is not part of the language", syntax, "leave it out")
        self._parts(syntax)

    # Logic

    def _boolean(self, syntax: Syntax, by: str) -> Node | None:
        node = self.value(syntax)
        if node is not None and (node.type is None or node.type.kind is not Kind.BOOLEAN):
            tip = words.make_boolean(node, self.source(node))
            self.problem("FR213", f"'{by}' takes what is true or false; {self.told(node)}", node, tip)
            return None
        return node

    def _logic(self, syntax: Syntax) -> Node | None:
        items = every([self._boolean(item, syntax.form) for item in syntax.items])
        return None if items is None else tree.Logic(syntax.start, syntax.end, BOOLEAN, syntax.form == "and", items)

    def _not(self, syntax: Syntax) -> Node | None:
        item = self._boolean(syntax.items[0], "not")
        return None if item is None else tree.Not(syntax.start, syntax.end, BOOLEAN, item)

    def _choose(self, syntax: Syntax) -> Node | None:
        *pairs, last = syntax.items
        tests = every([self._boolean(test, "if") for test in pairs[::2]])
        values = every([self.value(value) for value in [*pairs[1::2], last]])
        unified = None if values is None else self.unified(syntax, values, "'if' and 'else' give")
        if tests is None or unified is None:
            return None
        (*chosen, otherwise), target = unified
        return Choose(syntax.start, syntax.end, target, tests, tuple(chosen), otherwise)

    def unified(self, syntax: Syntax, values: Sequence[Node], who: str) -> tuple[tuple[Node, ...], Type | None] | None:
        """Values that may stand for each other, and their type: that with the most places, text for unlike enums."""
        kinds = [value.type for value in values if value.type is not None]
        if not kinds:
            return tuple(values), None
        unlike = next((kind for kind in kinds if words.group(kind) != words.group(kinds[0])), None)
        if unlike is not None:
            message = f"{who} one type; found {words.describe(kinds[0])} and {words.describe(unlike)}"
            self.problem("FR213", message, syntax)
            return None
        if kinds[0].kind in NUMBERS:
            target = widest(kinds)
            alike = self.arithmetic.rescaled(values, target)
            return None if alike is None else (alike, target)
        target = kinds[0] if all(kind == kinds[0] for kind in kinds) else TEXT
        return tuple(retyped(value, target) for value in values), target


def _inner(value: Value, kind: Type) -> Value:
    """A value of the domain as the tree has it."""
    if value is None or value == "" or value == ():
        return None
    return scaled(value, kind.places) if kind.kind is Kind.DECIMAL else value


_CHECKS: dict[str, Callable[[Checker, Syntax], Node | None]] = {
    "literal": Checker._literal,
    "name": Checker._name,
    "attribute": Checker._attribute,
    "list": Checker._list,
    "named": Checker._named,
    "not": Checker._not,
    "plus": Checker._plus,
    "and": Checker._logic,
    "or": Checker._logic,
    "choose": Checker._choose,
    "unknown": Checker._unknown,
    "compare": lambda checker, syntax: checker.comparisons.chain(syntax),
    "sum": lambda checker, syntax: checker.arithmetic.sum(syntax),
    "product": lambda checker, syntax: checker.arithmetic.product(syntax),
    "negate": lambda checker, syntax: checker.arithmetic.negate(syntax),
    "join": lambda checker, syntax: checker.arithmetic.join(syntax),
    "call": lambda checker, syntax: checker.calls.call(syntax),
    "filter": lambda checker, syntax: checker.calls.filter(syntax),
    "test": lambda checker, syntax: checker.calls.test(syntax),
}
