"""What is wrong with a text that is not YAML, in a user's words and at the place to look at.

The scanner and the parser say what they were doing when they gave up ("while scanning a simple key, could not find
expected ':'"), and often far from the mistake. Here each of their sentences has a function that looks at the text round
it. libyaml and PyYAML word the same thing differently; `_RULES` knows both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from flowrun.diagnostics import Diagnostic, Related, Span, error, excerpt
from flowrun.yamldoc.events import NotYaml
from flowrun.yamldoc.source import Source

QUOTE_TEMPLATE = "a value with '{{ }}' needs quotes round the whole of it"
_QUOTE = "put the whole value in quotes"
_MAX_KEY = 1024
"""YAML 1.1, 7.4.2: a key without `?` has at most that many characters."""

_TOKEN = re.compile(r"[,\[\]{}]|[^\s,\[\]{}]+")
_ESCAPE = re.compile(r"\\(?:x\w{0,2}|u\w{0,4}|U\w{0,8}|.)?")
_QUOTE_INSIDE = {"'": "a quote inside is doubled, ''", '"': 'a quote inside is written \\"'}
_CLOSED = {"single", "double", "flow", "alias"}


@dataclass(frozen=True, slots=True)
class Finished:
    """The last node that was read whole before the mistake: its offsets, and how it was written.

    `form` is a scalar's style, `alias`, `flow` or `block`.
    """

    start: int
    end: int
    form: str


@dataclass(frozen=True, slots=True)
class _Mistake:
    """What a rule looks at."""

    source: Source
    at: int
    context: str
    context_at: int
    finished: Finished | None
    opening: int | None

    @property
    def char(self) -> str:
        """The character at the place, or nothing at the end of the file."""
        return self.source.text[self.at : self.at + 1]

    @property
    def before(self) -> str:
        """What stands before the place on its line."""
        return self.source.text[self.source.line_start(self.at) : self.at]

    @property
    def after_finished(self) -> bool:
        """Whether it follows, on the same line, a node that has an end of its own: a quote, a bracket, an alias."""
        if self.finished is None or self.finished.form not in _CLOSED:
            return False
        between = self.source.text[self.finished.end : self.at]
        return "\n" not in between and not between.strip()

    @property
    def first_on_line(self) -> bool:
        """Whether nothing but blanks stands before the place on its line."""
        return not self.before.strip()

    def token(self, at: int) -> Span:
        """The word or bracket at a place."""
        found = _TOKEN.match(self.source.text, at)
        return self.source.span(at, found.end() if found else at)

    def rest(self, at: int) -> Span:
        """From a place to the end of its line."""
        return self.source.span(at, at + len(self.source.text[at : self.source.line_end(at)].rstrip()))

    def shown(self, at: int) -> str:
        """The word or bracket at a place, for a message."""
        found = _TOKEN.match(self.source.text, at)
        return f"'{excerpt(found.group(), 30)}'" if found else "the end of the line or file"


def explain(failure: NotYaml, source: Source, finished: Finished | None, opening: int | None) -> Diagnostic:
    """The finding for what the parser raised.

    `finished` is the last node that it gave, `opening` the offset of the innermost bracket that is still open.
    """
    mistake = _Mistake(source, failure.at, failure.context, failure.context_at, finished, opening)
    for words, rule in _RULES:
        if words in failure.problem or words in failure.context:
            return rule(mistake)
    return error("FR101", f"this is not YAML: unexpected {mistake.shown(failure.at)}", mistake.token(failure.at))


def tag_finding(span: Span, text: str) -> Diagnostic:
    """The finding for a tag, or for what was read as one."""
    help_ = "a value that starts with '!' needs quotes; for text, write the value in quotes instead of the tag"
    return error("FR121", f"tags such as '{excerpt(text, 30)}' are not part of the format", span, help_)


def _start(mistake: _Mistake) -> Diagnostic:
    """A character that no token starts with."""
    if mistake.char == "\t":
        return _tab(mistake)
    if mistake.char in "@`%":
        message = f"'{mistake.char}' can't start a value or key that has no quotes"
        return error("FR109", message, mistake.source.span(mistake.at, mistake.at + 1), _QUOTE)
    message = f"unexpected {mistake.shown(mistake.at)}; expected a key or a value"
    return error("FR101", message, mistake.token(mistake.at), _QUOTE)


def _tab(mistake: _Mistake) -> Diagnostic:
    text, start = mistake.source.text, mistake.source.line_start(mistake.at)
    tab = text.find("\t", start, mistake.source.line_end(mistake.at))
    tab = mistake.at if tab < 0 else tab
    end = tab + len(text[tab:]) - len(text[tab:].lstrip("\t"))
    where = "in the indentation" if not text[start:tab].strip() else "before a value"
    return error("FR103", f"a tab {where}", mistake.source.span(tab, end), "YAML wants spaces: replace the tab")


def _colon(mistake: _Mistake) -> Diagnostic:
    if len(mistake.before.lstrip()) > _MAX_KEY:
        return _long_key(mistake.rest(mistake.source.line_start(mistake.at)))
    if re.search(r":[ \t]", mistake.before):
        span = mistake.source.span(mistake.at, mistake.at + 1)
        return error("FR105", "a ': ' inside a value that has no quotes", span, _QUOTE)
    above = mistake.source.text[: mistake.source.line_start(mistake.at)].rstrip()
    if above and not mistake.before.startswith(" "):
        return _colon_after(mistake.source, mistake.source.line_start(len(above)))
    return _indentation(mistake)


def _indentation(mistake: _Mistake) -> Diagnostic:
    source = mistake.source
    start = source.line_start(mistake.at)
    line = source.text[start : source.line_end(mistake.at)]
    first = len(line) - len(line.lstrip(" "))
    message = f"this line starts in column {first + 1}, which fits nothing above it"
    help_ = "keys of one mapping, and items of one list, start in the same column"
    return error("FR102", message, source.span(start + first, start + len(line.rstrip())), help_)


def _no_colon(mistake: _Mistake) -> Diagnostic:
    return _colon_after(mistake.source, mistake.context_at)


def _colon_after(source: Source, at: int) -> Diagnostic:
    """A line, from `at` on, that should be a key and has no colon."""
    line = source.text[at : source.line_end(at)].split(" #")[0].rstrip()
    span = source.span(at, at + len(line))
    if len(line) > _MAX_KEY:
        return _long_key(span)
    if re.match(r"[\w-]+:\S", line):
        return error("FR104", f"no space after the ':' in '{excerpt(line)}'", span, "write 'key: value'")
    help_ = "write 'key: value'; text that goes on from the line above is indented deeper than its key"
    return error("FR104", f"no ':' after '{excerpt(line)}'", span, help_)


def _long_key(span: Span) -> Diagnostic:
    return error("FR104", f"a key of more than {_MAX_KEY:,} characters", span, "write 'key: value', the key shorter")


def _quote(mistake: _Mistake) -> Diagnostic:
    span = mistake.source.span(mistake.context_at, mistake.context_at + 1)
    help_ = f"close it; {_QUOTE_INSIDE.get(mistake.source.text[mistake.context_at], '')}"
    return error("FR106", "the quote that opens here is never closed", span, help_)


def _escape(mistake: _Mistake) -> Diagnostic:
    text, at = mistake.source.text, mistake.at
    at = at - 2 if re.fullmatch(r"\\[xuU]", text[at - 2 : at]) else max(text.rfind("\\", 0, at + 1), 0)
    found = _ESCAPE.match(text, at)
    end = found.end() if found else at + 1
    message = f"'{excerpt(text[at:end])}' is no escape for a character in a double-quoted text"
    help_ = "write '\\\\' for a backslash, or put the text in single quotes"
    if end - at > len("\\q"):
        help_ = "write the character itself"
    return error("FR108", message, mistake.source.span(at, end), help_)


def _flow(mistake: _Mistake) -> Diagnostic:
    return _open_bracket(mistake, mistake.context_at)


def _open_bracket(mistake: _Mistake, opening: int) -> Diagnostic:
    """A bracket whose list or mapping neither goes on nor ends."""
    source = mistake.source
    bracket = source.text[opening : opening + 1]
    closing = {"[": "]", "{": "}"}.get(bracket, "]")
    place = source.span(opening, opening + 1)
    if not source.text[mistake.at :].strip():
        return error("FR107", f"the '{bracket}' that opens here is never closed", place, f"close it with '{closing}'")
    message = f"unexpected {mistake.shown(mistake.at)}; expected ',' or '{closing}'"
    help_ = f"close the '{bracket}' with '{closing}'; values with ',', ':' or brackets need quotes"
    if source.text.startswith("{{", opening - 1):
        help_ = QUOTE_TEMPLATE
    return error("FR107", message, mistake.token(mistake.at), help_, [Related(f"the '{bracket}' opens here", place)])


def _no_content(mistake: _Mistake) -> Diagnostic:
    if mistake.opening is not None and not mistake.source.text[mistake.at :].strip():
        return _open_bracket(mistake, mistake.opening)
    message = f"unexpected {mistake.shown(mistake.at)}; expected a value"
    return error("FR101", message, mistake.token(mistake.at), _QUOTE)


def _block(mistake: _Mistake) -> Diagnostic:
    """Something that is neither the next key (or item) of its collection nor the end of it."""
    if mistake.after_finished:
        return _after_closing(mistake)
    if mistake.char == ":":
        return error("FR123", "a key is missing here", mistake.token(mistake.at), "write 'key: value'")
    if not mistake.first_on_line:
        return error("FR101", f"unexpected {mistake.shown(mistake.at)}", mistake.token(mistake.at), _QUOTE)
    column = mistake.at - mistake.source.line_start(mistake.at)
    if column != mistake.context_at - mistake.source.line_start(mistake.context_at):
        return _indentation(mistake)
    started = Related("the others start here", mistake.token(mistake.context_at))
    if mistake.char == "-":
        message = "a list item where a key is expected"
        return error("FR101", message, mistake.rest(mistake.at), "write 'key: value'", [started])
    message = "a key where a list item is expected"
    return error("FR101", message, mistake.rest(mistake.at), "start it with '- '", [started])


def _after_closing(mistake: _Mistake) -> Diagnostic:
    source, finished = mistake.source, mistake.finished
    assert finished is not None  # `after_finished` said so
    what = {"flow": "the closing bracket", "alias": "an alias"}.get(finished.form, "the closing quote")
    quote = source.text[finished.start]
    help_ = f"{_QUOTE}; {_QUOTE_INSIDE[quote]}" if quote in _QUOTE_INSIDE else _QUOTE
    if source.text.startswith("{{", finished.start):
        help_ = QUOTE_TEMPLATE
    starts = Related("it starts here", source.span(finished.start, finished.start + 1))
    return error("FR111", f"text after {what}", mistake.rest(mistake.at), help_, [starts])


def _item(mistake: _Mistake) -> Diagnostic:
    message = f"a '{mistake.char}' item can't start on the line of its key"
    return error("FR101", message, mistake.rest(mistake.at), "start it on a line of its own, or quote the value")


def _header(mistake: _Mistake) -> Diagnostic:
    indicator = mistake.source.text[mistake.context_at : mistake.context_at + 1]
    message = f"after '{indicator}' only '+', '-' and a digit from 1 to 9 may stand on its line"
    help_ = f"start the text on the next line, or quote a value that starts with '{indicator}'"
    return error("FR110", message, mistake.rest(mistake.context_at), help_)


def _anchor(mistake: _Mistake) -> Diagnostic:
    char = mistake.source.text[mistake.context_at : mistake.context_at + 1]
    what = "an anchor, '&name'" if char == "&" else "an alias, '*name'"
    message = f"a '{char}' that is no name of {what}"
    return error("FR114", message, mistake.token(mistake.context_at), f"a value that starts with '{char}' needs quotes")


def _tag(mistake: _Mistake) -> Diagnostic:
    at = mistake.context_at if mistake.source.text[mistake.context_at : mistake.context_at + 1] == "!" else mistake.at
    found = _TOKEN.match(mistake.source.text, at)
    return tag_finding(mistake.token(at), found.group() if found else "!")


def _directive(mistake: _Mistake) -> Diagnostic:
    at = mistake.source.line_start(mistake.context_at)
    message = "a line that starts with '%' is a directive; this one is unknown or wrong"
    return error("FR113", message, mistake.rest(at), "take it out, or put a value that starts with '%' in quotes")


def _document(mistake: _Mistake) -> Diagnostic:
    """Something after the end of the document, or before its start."""
    if mistake.finished is None:
        return error("FR113", "no '---' after the directives", mistake.token(mistake.at), "take the directives out")
    if mistake.after_finished:
        return _after_closing(mistake)
    ended = "\n..." in mistake.source.text[mistake.finished.end : mistake.at]
    if mistake.first_on_line and mistake.finished.form == "block" and not ended:
        return _indentation(mistake)
    message = f"unexpected {mistake.shown(mistake.at)} after the end of the document"
    return error("FR101", message, mistake.token(mistake.at), "a file is one mapping of keys and values")


_RULES: tuple[tuple[str, Callable[[_Mistake], Diagnostic]], ...] = (
    ("directive", _directive),
    ("incompatible YAML document", _directive),
    ("found a tab character", _tab),
    ("a tag", _tag),
    ("tag handle", _tag),
    ("an anchor", _anchor),
    ("an alias", _anchor),
    ("a block scalar", _header),
    ("escape", _escape),
    ("hexdecimal number", _escape),
    ("quoted scalar", _quote),
    ("cannot start any token", _start),
    ("mapping values are not allowed", _colon),
    ("sequence entries are not allowed", _item),
    ("mapping keys are not allowed", _item),
    ("could not find expected ':'", _no_colon),
    ("',' or '", _flow),
    ("node content", _no_content),
    ("document start", _document),
    ("a block mapping", _block),
    ("a block collection", _block),
)
"""Words of a problem or its context, and whose mistake that is; the first that fits."""
