"""From tokens to a syntax tree, through Jinja's parser: the only module that imports jinja2, and only when called.

Jinja's parser alone is used. Its compiler and its run time are not: it computes constants while it compiles, so
that `'a' * 2000000000` would hang a mere check. The tokens are ours (`scan`), with their offsets in the place of
line numbers; what Jinja makes of them is turned into `Syntax`, flat where Jinja nests chains to the left, with the
start and end that each part has in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from flowrun.expr.codes import Problem
from flowrun.expr.limits import LEVELS
from flowrun.expr.scan import Scan, Token, ends_value

if TYPE_CHECKING:
    from jinja2 import nodes
    from jinja2.environment import Environment


@dataclass(frozen=True, slots=True)
class Syntax:
    """A part of an expression as it is written, without meaning yet.

    `form` says what it is; `items` are its parts, `value` its name, literal or operators:

    - `literal` (value), `name` (value), `list` (items)
    - `attribute` (item, value: the name), `call` (items: callee, arguments), `named` (value: an argument's name)
    - `filter`, `test` (items: subject, arguments; value: its name, a `word` (value))
    - `not`, `negate`, `plus` (item); `and`, `or`, `join`, `product` (items)
    - `sum` (items; value: the signs of all but the first), `compare` (items; value: the operators between them)
    - `choose` (items: test, value, test, value, …, otherwise)
    - `unknown` (items; value: what it is in words): something that Jinja has and the language has not
    """

    form: str
    start: int
    end: int
    items: tuple[Syntax, ...] = ()
    value: Any = None


class _TooDeep(Exception):
    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset


def ready() -> None:
    """Import Jinja now, before there are threads: two that do so at once find it half made."""
    import jinja2  # noqa: F401


def parse(scan: Scan) -> tuple[Syntax | None, tuple[Problem, ...]]:
    """The syntax tree of readable tokens, or the one problem that keeps them from being read."""
    from jinja2.exceptions import TemplateSyntaxError
    from jinja2.lexer import Token as JinjaToken
    from jinja2.lexer import TokenStream
    from jinja2.parser import Parser

    tokens = scan.tokens
    if not tokens:
        return None, (Problem("FR201", "there is no expression here", scan.end, scan.end),)
    parser = Parser(_environment(), "")
    stream: Any = []
    for index, token in enumerate(tokens):
        stream.append(JinjaToken(token.start, token.kind, token.value))  # type: ignore[arg-type]
        if _is_bare_test(tokens, index):
            # Jinja would take the operator for the test's argument: `a is none if b else c`.
            stream += [JinjaToken(token.start, "lparen", "("), JinjaToken(token.start, "rparen", ")")]
    stream.append(JinjaToken(scan.end, "variable_end", ""))
    parser.stream = TokenStream(stream, None, None)
    try:
        tree = parser.parse_expression()
        if parser.stream.current.type != "variable_end":
            return None, (_unexpected(scan, parser.stream.current.lineno, None),)
        return _Reader(scan).read(tree), ()
    except TemplateSyntaxError as error:
        return None, (_unexpected(scan, error.lineno, error.message or ""),)
    except _TooDeep as error:
        message = f"here the expression is more than {LEVELS} levels deep"
        help_line = "split the condition over several tunnels"
        return None, (Problem("FR202", message, error.offset, error.offset + 1, help_line),)


def _is_bare_test(tokens: Sequence[Token], index: int) -> bool:
    """Whether that token names a test without arguments, with an operator after it that is a word."""
    if index + 1 == len(tokens) or not tokens[index + 1].is_name("if", "in", "not"):
        return False
    before = index - 1 - tokens[index - 1].is_name("not")
    return (
        tokens[index].kind == "name"
        and before > 0
        and tokens[before].is_name("is")
        and tokens[before - 1].kind != "dot"
    )


@cache
def _environment() -> Environment:
    from jinja2.environment import Environment

    return Environment(autoescape=False)


_BETWEEN = ("and", "or", "in", "if", "else", "is")
_EXPECTED = re.compile(r"expected token '(.+?)', got")
_SHOWN = {"name": "a name", "name:else": "else", "end of print statement": "the end"}


def _unexpected(scan: Scan, at: int, message: str | None) -> Problem:
    """A syntax error in the author's words; Jinja's own speak of templates."""
    for before, keyword in zip([None, *scan.tokens], scan.tokens, strict=False):
        named = before is not None and before.kind in {"dot", "pipe"}
        if keyword.start < at and keyword.is_name(*_BETWEEN) and not named and not ends_value(before):
            message = f"'{keyword.value}' is not expected here; expected a value"
            return Problem("FR201", message, keyword.start, keyword.end)
    token = next((token for token in scan.tokens if token.start == at), None)
    found = _EXPECTED.match(message or "")
    expected = _SHOWN.get(found.group(1), f"'{found.group(1)}'") if found else None
    if message is None:
        expected = "an operator or the end"
    elif "chain multiple tests" in message:
        expected = "'and' or 'or' before another 'is'"
    elif expected is None:
        expected = "a value"
    if token is None:
        return Problem("FR201", f"the expression ends too early; expected {expected}", scan.end, scan.end)
    shown = "this text" if token.kind == "string" else f"'{token.value}'"
    return Problem("FR201", f"{shown} is not expected here; expected {expected}", token.start, token.end)


class _Reader:
    """Turns Jinja's nodes, whose line numbers are offsets of one of their tokens, into `Syntax`."""

    def __init__(self, scan: Scan) -> None:
        self._tokens = scan.tokens
        self._closing = scan.closing
        self._at = {token.start: index for index, token in enumerate(scan.tokens)}
        self._ending = {token.end: index for index, token in enumerate(scan.tokens)}
        self._level = 0

    def read(self, node: nodes.Node) -> Syntax:
        return _READ.get(type(node).__name__, _Reader._unknown)(self, node)

    def _deeper(self, node: nodes.Node) -> Syntax:
        """A part of an operation. Operations may stand `LEVELS` deep in each other; what they are about, below."""
        self._level += 1
        if self._level >= LEVELS and type(node).__name__ not in _LEAVES:
            raise _TooDeep(node.lineno)
        syntax = self.read(node)
        self._level -= 1
        return syntax

    def _outer(self, syntax: Syntax) -> tuple[int, int]:
        """Where a part begins and ends with the brackets that group it."""
        first, last = self._at[syntax.start], self._ending[syntax.end]
        while (
            first > 0
            and self._closing.get(first - 1) == last + 1
            and self._tokens[first - 1].kind == "lparen"
            and not self._called(first - 1)
        ):
            first, last = first - 1, last + 1
        return self._tokens[first].start, self._tokens[last].end

    def _called(self, bracket: int) -> bool:
        before: Token | None = self._tokens[bracket - 1] if bracket else None
        if before is None:
            return False
        if before.kind == "name":
            return not before.is_name("and", "or", "not", "in", "is", "if", "else")
        return before.kind in {"rparen", "rbracket", "string"}

    def _over(self, form: str, items: list[Syntax], value: Any = None) -> Syntax:
        """An operation that spans its items."""
        start, end = self._outer(items[0])[0], self._outer(items[-1])[1]
        return Syntax(form, start, end, tuple(items), value)

    def _closed(self, offset: int) -> int:
        """Where the bracket that opens at that offset is closed."""
        return self._tokens[self._closing[self._at[offset]]].end

    def _const(self, node: nodes.Const) -> Syntax:
        index = self._at[node.lineno]
        last = index
        while self._tokens[index].kind == "string" and self._is_string(last + 1):
            last += 1
        return Syntax("literal", self._tokens[index].start, self._tokens[last].end, value=node.value)

    def _is_string(self, index: int) -> bool:
        return index < len(self._tokens) and self._tokens[index].kind == "string"

    def _name(self, node: nodes.Name) -> Syntax:
        token = self._tokens[self._at[node.lineno]]
        return Syntax("name", token.start, token.end, value=node.name)

    def _attribute(self, node: nodes.Getattr) -> Syntax:
        item = self._deeper(node.node)
        end = self._tokens[self._at[node.lineno] + 1].end
        return Syntax("attribute", self._outer(item)[0], end, (item,), node.attr)

    def _subscript(self, node: nodes.Getitem) -> Syntax:
        item = self._deeper(node.node)
        index = self._at[node.lineno]
        bracket = self._tokens[index].kind == "lbracket"
        # After a dot Jinja marks the number instead.
        end = self._closed(node.lineno) if bracket else self._tokens[index].end
        return Syntax("unknown", self._outer(item)[0], end, (item,), "a subscript")

    def _list(self, node: nodes.List) -> Syntax:
        items = tuple(self._deeper(item) for item in node.items)
        return Syntax("list", node.lineno, self._closed(node.lineno), items)

    def _call(self, node: nodes.Call) -> Syntax:
        callee = self._deeper(node.node)
        items = (callee, *self._arguments(node))
        return Syntax("call", self._outer(callee)[0], self._closed(node.lineno), items)

    def _arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> Iterator[Syntax]:
        for argument in node.args:
            yield self._deeper(argument)
        for named in node.kwargs:
            value = self._deeper(named.value)
            yield Syntax("named", value.start, value.end, (value,), named.key)
        for spread in (node.dyn_args, node.dyn_kwargs):
            if spread is not None:
                value = self._deeper(spread)
                yield Syntax("unknown", value.start, value.end, (value,), "a spread argument")

    def _filter(self, node: nodes.Filter) -> Syntax:
        assert node.node is not None
        item = self._deeper(node.node)
        arguments = tuple(self._arguments(node))
        return self._applied("filter", self._at[node.lineno], item, arguments, node.name)

    def _test(self, node: nodes.Test) -> Syntax:
        item = self._deeper(node.node)
        arguments = tuple(self._arguments(node))
        index = self._at[node.lineno] + 1
        index += self._tokens[index].is_name("not")
        return self._applied("test", index, item, arguments, node.name)

    def _applied(self, form: str, index: int, item: Syntax, arguments: tuple[Syntax, ...], name: str) -> Syntax:
        """A filter or test whose name begins at that token."""
        first = index
        while index + 2 < len(self._tokens) and self._tokens[index + 1].kind == "dot":
            index += 2
        word = Syntax("word", self._tokens[first].start, self._tokens[index].end, value=name)
        end = arguments[-1].end if arguments else word.end
        if index + 1 in self._closing and self._tokens[index + 1].kind == "lparen":
            end = self._tokens[self._closing[index + 1]].end
        return Syntax(form, self._outer(item)[0], end, (item, *arguments), word)

    def _not(self, node: nodes.Not) -> Syntax:
        item = self._deeper(node.node)
        if self._tokens[self._at[node.lineno]].is_name("is"):
            return Syntax("not", item.start, item.end, (item,))
        return Syntax("not", node.lineno, self._outer(item)[1], (item,))

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Syntax:
        item = self._deeper(node.node)
        form = "negate" if type(node).__name__ == "Neg" else "plus"
        end = self._outer(item)[1]
        number = item.form == "literal" and isinstance(item.value, int | Decimal) and not isinstance(item.value, bool)
        if form == "negate" and number:
            return Syntax("literal", node.lineno, end, value=-item.value)
        return Syntax(form, node.lineno, end, (item,))

    def _chain(self, node: nodes.BinExpr) -> Syntax:
        """A chain of one operator, or of operators that bind alike: Jinja nests it to the left."""
        form, alike = _CHAINS[type(node).__name__]
        parts: list[nodes.Node] = []
        names: list[str] = []
        left: nodes.Node = node
        while type(left).__name__ in alike:
            assert hasattr(left, "right")
            assert hasattr(left, "left")
            parts.append(left.right)
            names.append(type(left).__name__)
            left = left.left
        items = [self._deeper(part) for part in [left, *reversed(parts)]]
        if set(names) & _LEFT_OUT:
            return self._over("unknown", items)
        signs = tuple(-1 if name == "Sub" else 1 for name in reversed(names))
        return self._over(form, items, signs if form == "sum" else None)

    def _join(self, node: nodes.Concat) -> Syntax:
        return self._over("join", [self._deeper(item) for item in node.nodes])

    def _compare(self, node: nodes.Compare) -> Syntax:
        items = [self._deeper(item) for item in (node.expr, *(operand.expr for operand in node.ops))]
        return self._over("compare", items, tuple(_COMPARISONS[operand.op] for operand in node.ops))

    def _choose(self, node: nodes.CondExpr) -> Syntax:
        items: list[Syntax] = []
        start, current = None, node
        while True:
            value, test = self._deeper(current.expr1), self._deeper(current.test)
            start = self._outer(value)[0] if start is None else start
            items += [test, value]
            if type(current.expr2).__name__ != "CondExpr":
                break
            assert current.expr2 is not None
            current = current.expr2  # type: ignore[assignment]
        if current.expr2 is None:
            return Syntax("unknown", start, self._outer(items[-2])[1], tuple(items), "an 'if' without 'else'")
        items.append(self._deeper(current.expr2))
        return Syntax("choose", start, self._outer(items[-1])[1], tuple(items))

    def _unknown(self, node: nodes.Node) -> Syntax:
        """A dictionary, a tuple, a slice: something in brackets that the language has not."""
        name = type(node).__name__
        if name == "Dict":
            return Syntax("unknown", node.lineno, self._closed(node.lineno), (), "a dictionary")
        children = [self._deeper(child) for child in node.iter_child_nodes()]
        if not children:
            token = self._tokens[self._at[node.lineno]]
            return Syntax("unknown", token.start, token.end, (), "an empty pair of brackets")
        return Syntax("unknown", children[0].start, children[-1].end, tuple(children), "a tuple")


_LEAVES = frozenset({"Const", "Name", "Getattr"})
_LEFT_OUT = frozenset({"Div", "FloorDiv", "Mod", "Pow"})
_PRODUCTS = frozenset({"Mul", "Div", "FloorDiv", "Mod"})
_CHAINS: dict[str, tuple[str, frozenset[str]]] = {
    "And": ("and", frozenset({"And"})),
    "Or": ("or", frozenset({"Or"})),
    "Add": ("sum", frozenset({"Add", "Sub"})),
    "Sub": ("sum", frozenset({"Add", "Sub"})),
    **dict.fromkeys(_PRODUCTS, ("product", _PRODUCTS)),
    "Pow": ("unknown", frozenset({"Pow"})),
}
_COMPARISONS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_READ: dict[str, Callable[[_Reader, Any], Syntax]] = {
    "Const": _Reader._const,
    "Name": _Reader._name,
    "Getattr": _Reader._attribute,
    "Getitem": _Reader._subscript,
    "List": _Reader._list,
    "Call": _Reader._call,
    "Filter": _Reader._filter,
    "Test": _Reader._test,
    "Not": _Reader._not,
    "Neg": _Reader._sign,
    "Pos": _Reader._sign,
    "Concat": _Reader._join,
    "Compare": _Reader._compare,
    "CondExpr": _Reader._choose,
    **dict.fromkeys(_CHAINS, _Reader._chain),
}
