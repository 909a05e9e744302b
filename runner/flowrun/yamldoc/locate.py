"""Where each character of a scalar stands in the file.

A scalar's text is not its source: quotes, escapes, folded lines, indentation and chomping lie between. Most texts are
never asked about, so nothing is kept but where the scalar stands; on demand it is scanned once more, by the rules of
YAML 1.1 as libyaml and PyYAML read them. That their text and this scan agree is held by a property test; should they
ever differ in length, the answer is the whole scalar, never a wrong place.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Generator, Iterator

from flowrun.diagnostics import Span
from flowrun.yamldoc.nodes import Style
from flowrun.yamldoc.source import Source

Piece = tuple[int, int]
"""The stretch of the file, by offsets, that wrote one character of a text."""

_QUOTES = {Style.SINGLE: "'", Style.DOUBLE: '"'}
_BLANKS = re.compile(r"[ \t\r\n]+")
_BREAK = re.compile(r"\r?\n")
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_NOT_SPACE = re.compile(r"[^ \n]")
_SPACES = re.compile(" +")


class Locator:
    """Finds the places of one scalar's characters; see `Scalar.locate`.

    `start` and `end` are the scalar's offsets in the file, quotes and block header included, properties not.
    """

    __slots__ = ("_end", "_source", "_start", "_style", "_text")

    def __init__(self, source: Source, style: Style, start: int, end: int, text: str) -> None:
        self._source = source
        self._style = style
        self._start = start
        self._end = end
        self._text = text

    def __call__(self, start: int, end: int) -> Span:
        """The span that wrote `text[start:end]`; offsets beyond the text are its ends."""
        start = min(max(start, 0), len(self._text))
        end = min(max(end, start), len(self._text))
        quote = _QUOTES.get(self._style, "")
        inner, inner_end = self._start + len(quote), self._end - len(quote)
        if self._source.text[inner:inner_end] == self._text:
            return self._source.span(inner + start, inner + end)
        pieces = self._pieces()
        if not pieces:
            return self._source.span(self._start, self._end)
        if start < end:
            return self._source.span(pieces[start][0], pieces[end - 1][1])
        at = pieces[start][0] if start < len(pieces) else pieces[-1][1]
        return self._source.span(at, at)

    def offsets(self, span: Span) -> tuple[int, int] | None:
        """The stretch of the text that a span of the file wrote; None where that lies outside of it.

        The span of the whole scalar is the whole text.
        """
        if span == self._source.span(self._start, self._end):
            return 0, len(self._text)
        begin, stop = self._source.offset(span.line, span.column), self._source.offset(span.end_line, span.end_column)
        pieces = self._pieces()
        if not pieces or not self._start <= begin <= stop <= self._end:
            return None
        start = bisect_left(pieces, begin, key=lambda piece: piece[1] - 1)
        return start, max(start, bisect_left(pieces, stop, key=lambda piece: piece[0]))

    def _pieces(self) -> list[Piece]:
        """The stretch of each character; nothing should they not be as many as the text has."""
        quote = _QUOTES.get(self._style, "")
        if self._style in {Style.LITERAL, Style.FOLDED}:
            pieces = _block(self._source.text, self._start, self._text, folded=self._style is Style.FOLDED)
        else:
            pieces = list(_flow(self._source.text, self._start + len(quote), self._end - len(quote), quote))
        return pieces if len(pieces) == len(self._text) else []


def _flow(text: str, position: int, end: int, quote: str) -> Iterator[Piece]:
    """The characters of a plain or quoted scalar: line breaks fold, and each quote has an escape of its own."""
    while position < end:
        char = text[position]
        if char in " \t\r\n":
            position = yield from _fold(text, position, end, joined=False)
        elif char == "'" == quote:
            yield position, position + 2
            position += 2
        elif char == "\\" and quote == '"':
            if line_break := _BREAK.match(text, position + 1):
                position = yield from _fold(text, line_break.end(), end, joined=True)
                continue
            length = 2 + _HEX_DIGITS.get(text[position + 1], 0)
            yield position, position + length
            position += length
        else:
            yield position, position + 1
            position += 1


def _fold(text: str, position: int, end: int, *, joined: bool) -> Generator[Piece, None, int]:
    """A run of blanks and line breaks; `joined` after an escaped line break. Returns where it ends."""
    run = _BLANKS.match(text, position, end)
    if run is None:
        return position
    breaks = [match.span() for match in _BREAK.finditer(text, position, run.end())]
    if joined:
        yield from breaks
    elif breaks:
        yield from breaks[1:] or breaks
    else:
        yield from ((offset, offset + 1) for offset in range(position, run.end()))
    return run.end()


def _block(text: str, start: int, value: str, *, folded: bool) -> list[Piece]:
    """The characters of a block scalar; chomping leaves only line breaks at the end without a character."""
    lines = list(_block_lines(text, start, value))
    return list(_folded(text, lines) if folded else _literal(lines))[: len(value)]


def _block_lines(text: str, start: int, value: str) -> Iterator[tuple[int, int, int]]:
    """The lines of a block scalar: where its content starts and ends, and where its line break ends.

    A line without content has it empty. The last may lack the break.
    """
    position = _line_end(text, start)[1]
    indent = _block_indent(text, position, value)
    while position < len(text):
        end, after = _line_end(text, position)
        spaces = _leading_spaces(text, position, end)
        if spaces < indent and position + spaces < end:
            return
        yield min(position + indent, end), end, after
        position = after


def _block_indent(text: str, position: int, value: str) -> int:
    """How many spaces are indentation: what the lines of the file have more of than those of the text."""
    widest = 0
    written = _NOT_SPACE.search(value)
    while position < len(text):
        end, after = _line_end(text, position)
        spaces = _leading_spaces(text, position, end)
        if position + spaces < end:
            if written is None:
                break
            return spaces - (written.start() - value.rfind("\n", 0, written.start()) - 1)
        widest = max(widest, spaces)
        position = after
    return widest - max((len(run) for run in _SPACES.findall(value)), default=0)


def _literal(lines: list[tuple[int, int, int]]) -> Iterator[Piece]:
    for start, end, after in lines:
        yield from ((offset, offset + 1) for offset in range(start, end))
        yield end, after


def _folded(text: str, lines: list[tuple[int, int, int]]) -> Iterator[Piece]:
    """Breaks between two lines that start with no blank are one space, or fall away where empty lines follow."""
    last: Piece | None = None
    last_is_indented = False
    empty: list[Piece] = []
    for start, end, after in lines:
        if start == end:
            empty.append((end, after))
            continue
        indented = text[start] in " \t"
        if last is not None and (indented or last_is_indented or not empty):
            yield last
        yield from empty
        yield from ((offset, offset + 1) for offset in range(start, end))
        last, last_is_indented, empty = (end, after), indented, []
    if last is not None:
        yield last
    yield from empty


def _line_end(text: str, position: int) -> tuple[int, int]:
    """Where the line ends that starts at `position`, without and with its line break."""
    found = _BREAK.search(text, position)
    return found.span() if found else (len(text), len(text))


def _leading_spaces(text: str, start: int, end: int) -> int:
    spaces = _SPACES.match(text, start, end)
    return spaces.end() - start if spaces else 0
