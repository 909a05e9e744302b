"""Checks functions, filters and tests against the table of `functions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from flowrun.expr import words
from flowrun.expr.arithmetic import UNITS, every
from flowrun.expr.functions import DEFAULT, FILTERS, FUNCTIONS, ROUND, TESTS, Function, Role
from flowrun.expr.parse import Syntax
from flowrun.expr.tree import Apply, Const, Node, Today
from flowrun.expr.types import DATE, INTEGER, MAX_PLACES, Kind, decimal

if TYPE_CHECKING:
    from flowrun.expr.check import Checker


class Calls:
    """The part of a checker that knows the table."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def call(self, syntax: Syntax) -> Node | None:
        """`name(…)`."""
        callee, *arguments = syntax.items
        name = str(callee.value)
        function = FUNCTIONS.get(name) if callee.form == "name" else None
        if function is not None and self._counted(syntax, function, arguments):
            if name == "today":
                return Today(syntax.start, syntax.end, DATE)
            if name == "date":
                return self._date(syntax, arguments)
            moved = words.describe(UNITS[name][0])
            message = f"'{name}(n)' stands only right of + or - after {moved}"
            self._checker.problem("FR213", message, syntax, f"write {function.signature}")
        elif callee.form != "name":
            tip = words.unknown_function(name) if name in FILTERS else None
            self._checker.problem("FR206", "calls of values are not part of the language", syntax, tip)
            method = callee.form == "attribute" and callee.items[0].form != "name"
            self._checker.value(callee.items[0] if method else callee)
        elif name == "now":
            tip = "use 'after' or 'at' of the tunnel for times, today() for dates"
            self._checker.problem("FR206", "now() is not part of the language", syntax, tip)
        elif function is None:
            message = f"there is no function '{words.short(name)}'"
            self._checker.problem("FR211", message, callee, words.unknown_function(name))
        for argument in arguments:
            self._checker.value(argument)
        return None

    def filter(self, syntax: Syntax) -> Node | None:
        """`x | name(…)`."""
        return self._applied(syntax, str(syntax.value.value), FILTERS, "FR209", words.unknown_filter)

    def test(self, syntax: Syntax) -> Node | None:
        """`x is name(…)`."""
        name = "none" if syntax.value.value == "None" else str(syntax.value.value)
        return self._applied(syntax, name, TESTS, "FR210", words.unknown_test)

    def _date(self, syntax: Syntax, arguments: Sequence[Syntax]) -> Node | None:
        numbers = []
        for argument in arguments:
            node = self._checker.value(argument)
            if isinstance(node, Const) and node.type == INTEGER and isinstance(node.value, int):
                numbers.append(node.value)
            elif node is not None:
                self._checker.problem("FR212", "'date' takes three integers, for example date(2026, 12, 31)", node)
        if len(numbers) < len(arguments):
            return None
        try:
            return Const(syntax.start, syntax.end, DATE, date(*numbers))
        except (ValueError, OverflowError):
            self._checker.problem("FR217", f"there is no day {self._checker.source(syntax)}", syntax)
            return None

    def _counted(self, syntax: Syntax, function: Function, arguments: Sequence[Syntax]) -> bool:
        """Whether there are as many arguments as the function takes, none of them by name."""
        due = len(function.takes) - (function.role is not Role.FUNCTION)
        named = [argument for argument in arguments if argument.form == "named"]
        for argument in named:
            message = f"'{argument.value}=': arguments have no names here"
            self._checker.problem("FR212", message, argument, "leave the name out")
        if not named and len(arguments) != due:
            expected = {0: "no argument", 1: "one argument"}.get(due, f"{due} arguments")
            message = f"'{function.name}' takes {expected}; found {len(arguments)}"
            self._checker.problem("FR212", message, syntax, f"write {function.signature}")
        return not named and len(arguments) == due

    def _applied(
        self,
        syntax: Syntax,
        name: str,
        table: Mapping[str, Function],
        code: str,
        tip: Callable[[str], str | None],
    ) -> Node | None:
        function = table.get(name)
        nodes = every([self._checker.value(item) for item in syntax.items])
        if function is None:
            what = "filter" if table is FILTERS else "test"
            self._checker.problem(code, f"there is no {what} '{words.short(name)}'", syntax.value, tip(name))
            return None
        if not self._counted(syntax, function, syntax.items[1:]) or nodes is None:
            return None
        for node, takes in zip(nodes, function.takes, strict=True):
            fits = node.type is None or node.type.kind in takes
            if not fits or (node.type is None and not function.bears_empty):
                message = f"'{name}' takes {words.one_of(takes)}; {self._checker.told(node)}"
                self._checker.problem("FR213", message, node, words.filter_help(name))
                return None
        return self._application(syntax, function, nodes)

    def _application(self, syntax: Syntax, function: Function, nodes: tuple[Node, ...]) -> Node | None:
        if function is ROUND:
            return self._rounded(syntax, *nodes)
        if function is DEFAULT:
            unified = self._checker.unified(syntax, nodes, "'default' gives")
            if unified is None:
                return None
            nodes, target = unified
            return Apply(syntax.start, syntax.end, target, function, nodes)
        return Apply(syntax.start, syntax.end, function.returns(*(node.type for node in nodes)), function, nodes)

    def _rounded(self, syntax: Syntax, subject: Node, places: Node) -> Node | None:
        if not isinstance(places, Const) or not isinstance(places.value, int) or not 0 <= places.value <= MAX_PLACES:
            message = f"'round' takes a number of places, 0 to {MAX_PLACES}; found {self._checker.source(places)}"
            self._checker.problem("FR212", message, places)
            return None
        keeps = places.value > 0 and subject.type is not None and subject.type.kind is Kind.DECIMAL
        return self._checker.arithmetic.rounded(syntax, subject, decimal(places.value) if keeps else INTEGER)
