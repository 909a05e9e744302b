"""Cuts the text of an expression into tokens, each with its exact place, and bounds it before a parser sees it.

Jinja's own lexer has line numbers only, rewrites line ends, turns decimals into floats and big numbers into errors,
and its parser goes a dozen calls deeper with every bracket. So the tokens are made here, under the names that
Jinja's parser knows them by, with exact values, and counted; what is too long or too deep goes no further.

Operators of other languages (`=`, `&&`, `!`) are reported and replaced by what their author meant, so that the rest
of the expression is checked in the same run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from flowrun.expr.codes import Problem
from flowrun.expr.limits import CHARACTERS, ITEMS, LEVELS
from flowrun.expr.types import DIGITS, MAX_PLACES
from flowrun.expr.values import LARGEST


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `kind` is Jinja's name for it; `value` the name, text, exact number or operator."""

    kind: str
    value: str | int | Decimal
    start: int
    end: int

    def is_name(self, *names: str) -> bool:
        """Whether it is one of those names."""
        return self.kind == "name" and self.value in names


@dataclass(slots=True)
class Scan:
    """The tokens of an expression, the bracket that closes each opening one (by index), and what was wrong."""

    tokens: list[Token]
    closing: dict[int, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    readable: bool = True
    """Whether a parser should be given the tokens."""
    end: int = 0
    """Where the expression ends in the text."""


_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<name>[^\W\d]\w*)
      | (?P<number>[0-9]\w*(?:\.[0-9]\w*)?)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<braces>\{\{|\}\}|\{%|%\}|\{\#|\#\})
      | (?P<operator>===|!==|<=>|\*\*|//|==|!=|<>|>=|=>|<=|=<|&&|\|\||[-+/*%~\[\](){}<>=.:|,;!&])
      | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_KINDS = {
    "**": "pow",
    "//": "floordiv",
    "==": "eq",
    "!=": "ne",
    ">=": "gteq",
    "<=": "lteq",
    "-": "sub",
    "+": "add",
    "/": "div",
    "*": "mul",
    "%": "mod",
    "~": "tilde",
    "[": "lbracket",
    "]": "rbracket",
    "(": "lparen",
    ")": "rparen",
    "{": "lbrace",
    "}": "rbrace",
    "<": "lt",
    ">": "gt",
    "=": "assign",
    ".": "dot",
    ":": "colon",
    "|": "pipe",
    ",": "comma",
    ";": "semicolon",
}
_FOREIGN = {
    "=": "==",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "&&": "and",
    "&": "and",
    "||": "or",
    "!": "not",
}
_SHOUTED = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in", "IS": "is", "IF": "if", "ELSE": "else"}
_DIVISIONS = {
    "/": "compare products instead: `deal.a > 2 * deal.b` rather than `deal.a / deal.b > 2`",
    "//": "compare products instead: `deal.a >= 2 * deal.b` rather than `deal.a // deal.b >= 2`",
    "%": None,
    "**": "write the product: `deal.a * deal.a`",
}
_OPENING = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "“”„‘’‚«»`"

_PREFIX_PLACES = frozenset({"and", "or", "not", "in", "if", "else"})
_ESCAPE = re.compile(r"\\(?:([\\'\"nrt])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL)
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "r": "\r", "t": "\t"}


def scan(text: str, start: int = 0, *, template: bool = False) -> Scan:
    """The tokens of the expression that begins at `start`.

    A condition goes to the end of the text; a template's expression to the `}}` outside of all brackets, and
    `Scan.end` is where that stands, or the end of the text if it is missing.
    """
    result = Scan([])
    if len(text) > CHARACTERS:
        message = f"{len(text):,} characters are too many; an expression has at most {CHARACTERS:,}"
        result.problems.append(Problem("FR202", message, 0, len(text), "split the condition over several tunnels"))
        result.readable = False
        return result
    _Scanner(text, result, template=template).run(start)
    return result


@dataclass(slots=True)
class _Group:
    """An open bracket, or the whole expression, and how deep things stand in it."""

    index: int
    bracket: str
    call: bool
    level: int
    suffixes: int = 0
    commas: int = 0
    choices: int = 0


class _Scanner:
    """One pass over a text. It counts levels as the parser will nest: brackets, prefixes, filters, `if`s."""

    def __init__(self, text: str, result: Scan, *, template: bool) -> None:
        self._text = text
        self._result = result
        self._template = template
        self._groups = [_Group(-1, "", False, 0)]
        self._prefixes = 0
        self._suffixes = 0

    def run(self, start: int) -> None:
        result = self._result
        result.end = len(self._text)
        for found in _TOKEN.finditer(self._text, start):
            kind = found.lastgroup or ""
            if kind == "braces" and self._template and found.group() == "}}" and len(self._groups) == 1:
                result.end = found.start()
                break
            for token in self._read(kind, found.group(), found.start()):
                self._count(token)
                result.tokens.append(token)
            if not result.readable:
                return
        self._finish()

    def _read(self, kind: str, text: str, at: int) -> Iterator[Token]:
        end = at + len(text)
        match kind:
            case "name":
                yield self._name(text, at, end)
            case "number":
                yield self._number(text, at, end)
            case "string":
                yield Token("string", self._string(text, at), at, end)
            case "braces":
                yield from self._braces(text, at)
            case "operator":
                yield self._operator(text, at, end)
            case "other":
                self._other(text, at)

    def _problem(self, code: str, message: str, start: int, end: int, help: str | None = None) -> None:  # noqa: A002
        self._result.problems.append(Problem(code, message, start, end, help))

    def _stop(self, code: str, message: str, start: int, end: int, help: str | None = None) -> None:  # noqa: A002
        self._problem(code, message, start, end, help)
        self._result.readable = False

    def _last(self, back: int = 1) -> Token | None:
        tokens = self._result.tokens
        return tokens[-back] if len(tokens) >= back else None

    def _name(self, text: str, at: int, end: int) -> Token:
        last = self._last()
        if text in _SHOUTED and not (last and last.kind in {"dot", "pipe"}):
            meant = _SHOUTED[text]
            self._problem("FR207", f"'{text}' is written in small letters here: {meant}", at, end)
            return Token("name", meant, at, end)
        return Token("name", text, at, end)

    def _number(self, text: str, at: int, end: int) -> Token:
        whole, _, fraction = text.partition(".")
        code, message, tip = "FR217", "", None
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            message, tip = f"'{_short(text)}' is no number", "write digits and a point only, for example 1000000 or 0.5"
        elif len(whole) > 1 and whole[0] == "0":
            message, tip = f"'{_short(text)}' starts with a 0", "write the number without it, or in quotes for a text"
        elif not fraction and (len(whole) > DIGITS + 1 or int(whole) > LARGEST):
            message = f"{_short(text)} is too large; an integer has at most 64 bits"
        elif fraction and len(fraction) > MAX_PLACES:
            message = f"{_short(text)} has {len(fraction)} decimal places; at most {MAX_PLACES} are possible"
        elif fraction and len((whole + fraction).lstrip("0")) > DIGITS:
            message = f"{_short(text)} is too large; a decimal has at most {DIGITS} digits in all"
        if message:
            self._problem(code, message, at, end, tip)
            return Token("integer", 0, at, end)
        return Token("float", Decimal(text), at, end) if fraction else Token("integer", int(whole), at, end)

    def _string(self, text: str, at: int) -> str:
        """The text of a literal: Jinja's escapes that name a character plainly, line ends as \\n."""

        def escaped(found: re.Match[str]) -> str:
            plain, short, medium, long, unknown = found.groups()
            if plain:
                return _ESCAPES[plain]
            code = int(short or medium or long or "0", 16)
            start, end = at + 1 + found.start(), at + 1 + found.end()
            if unknown is not None:
                self._problem(
                    "FR217",
                    f"'{found.group()}' is no escape",
                    start,
                    end,
                    r"write \\ for a backslash, or one of \n \t \u0416",
                )
            elif code == 0 or 0xD800 <= code <= 0xDFFF or code > 0x10FFFF:
                self._problem("FR217", f"'{found.group()}' is no character that a text may have", start, end)
            else:
                return chr(code)
            return ""

        body = text[1:-1]
        return re.sub(r"\r\n?", "\n", _ESCAPE.sub(escaped, body) if "\\" in body else body)

    def _braces(self, text: str, at: int) -> Iterator[Token]:
        end = at + len(text)
        if text in {"{%", "%}", "{#", "#}"}:
            kind = "comments" if "#" in text else "statements"
            self._stop("FR208", f"'{text}': {kind} have no place here", at, end, "write one expression")
        elif text == "}}" and len(self._groups) > 1:
            # Two closing braces of dictionaries; the parser says what it thinks of them.
            yield Token("rbrace", "}", at, at + 1)
            yield Token("rbrace", "}", at + 1, end)
        elif not self._template:
            if not any(problem.code == "FR208" for problem in self._result.problems):
                self._problem("FR208", f"'{text}': a condition is written without braces", at, end)
        else:
            self._stop("FR208", f"'{text}' inside of braces", at, end, "a literal one is {{ '{{' }}")

    def _operator(self, text: str, at: int, end: int) -> Token:
        if text == "=" and self._names_argument():
            return Token("assign", text, at, end)
        if text in _FOREIGN:
            meant = _FOREIGN[text]
            self._problem("FR207", f"'{text}' is no operator here; write '{meant}'", at, end)
            return Token(_KINDS.get(meant, "name"), meant, at, end)
        if text in _DIVISIONS:
            self._problem("FR206", f"'{text}' is not part of the language", at, end, _DIVISIONS[text])
        if text not in _KINDS:
            self._stop("FR201", f"'{text}' has no place in an expression", at, end)
        return Token(_KINDS.get(text, "other"), text, at, end)

    def _names_argument(self) -> bool:
        name, before = self._last(), self._last(2)
        return bool(
            self._groups[-1].call and name and name.kind == "name" and before and before.kind in {"lparen", "comma"}
        )

    def _other(self, text: str, at: int) -> None:
        if text in "'\"":
            self._stop("FR201", f"the text that starts here has no closing {text}", at, len(self._text))
        elif text in _QUOTES:
            self._stop("FR201", f"'{text}' is no quote of the language", at, at + 1, "write straight quotes: 'web'")
        elif text == "?":
            self._stop("FR206", "'?' is not part of the language", at, at + 1, "write `a if condition else b`")
        else:
            shown = text if text.isprintable() else f"U+{ord(text):04X}"
            self._stop("FR201", f"'{shown}' has no place in an expression", at, at + 1)

    def _count(self, token: Token) -> None:
        """Keeps the brackets and the level, and stops at what is too deep."""
        group, value = self._groups[-1], token.value
        index = len(self._result.tokens)
        if token.kind in {"lparen", "lbracket", "lbrace"}:
            after = ends_value(self._last())
            self._suffixes += after
            level = group.level + group.choices + self._prefixes + self._suffixes + (not after)
            self._groups.append(_Group(index, str(value), after, level, self._suffixes))
            self._prefixes = self._suffixes = 0
        elif token.kind in {"rparen", "rbracket", "rbrace"}:
            self._close(token, index)
            return
        elif token.kind == "comma":
            self._comma(group)
        elif (token.is_name("not") or token.kind in {"sub", "add"}) and not ends_value(self._last()):
            self._prefixes += 1
        elif token.kind == "pipe" or token.is_name("is") or (token.kind == "dot" and self._dotted()):
            self._suffixes += 1
        elif token.is_name("if"):
            group.choices += 1
            self._prefixes = self._suffixes = 0
        elif token.is_name("and", "or", "in", "else") or token.kind not in {
            "name",
            "dot",
            "string",
            "integer",
            "float",
        }:
            self._prefixes = self._suffixes = 0
        group = self._groups[-1]
        if group.level + group.choices + self._prefixes + self._suffixes > LEVELS:
            message = f"here the expression is more than {LEVELS} levels deep"
            self._stop("FR202", message, token.start, token.end, "split the condition over several tunnels")

    def _dotted(self) -> bool:
        """Whether the dot before this name follows another dotted name: `deal.a` is no level, `deal.a.b` is."""
        before = self._last(2)
        return before is not None and before.kind == "dot"

    def _comma(self, group: _Group) -> None:
        group.commas += 1
        group.choices = 0
        self._prefixes = self._suffixes = 0

    def _close(self, token: Token, index: int) -> None:
        group = self._groups[-1]
        if _OPENING.get(group.bracket) != token.value:
            expected = f"expected '{_OPENING[group.bracket]}'" if group.bracket else "nothing is open"
            self._stop("FR201", f"'{token.value}' closes nothing here; {expected}", token.start, token.end)
            return
        self._groups.pop()
        self._result.closing[group.index] = index
        self._prefixes = 0
        self._suffixes = group.suffixes if group.call else 0
        last = self._last()
        items = group.commas + (last is not None and last.kind not in {"comma", "lbracket"})
        if group.bracket == "[" and items > ITEMS:
            start = self._result.tokens[group.index].start
            self._problem("FR202", f"a list of {items:,} items; at most {ITEMS} are possible", start, token.end)

    def _finish(self) -> None:
        if len(self._groups) > 1:
            opened = self._result.tokens[self._groups[-1].index]
            self._stop("FR201", f"'{opened.value}' is never closed", opened.start, opened.end)


def ends_value(token: Token | None) -> bool:
    """Whether a value may end with that token, so that an operator may follow it."""
    if token is None:
        return False
    if token.kind == "name":
        return token.value not in _PREFIX_PLACES
    return token.kind in {"string", "integer", "float", "rparen", "rbracket", "rbrace"}


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
