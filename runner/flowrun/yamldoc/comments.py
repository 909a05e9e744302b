"""The comments of a file, which the parser's events leave out.

A `#` outside of every scalar starts a comment: nothing else in YAML may hold one. (Tags might; they are refused.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flowrun.diagnostics import Span
from flowrun.yamldoc.document import Comment
from flowrun.yamldoc.source import Source


def comments(source: Source, scalars: Iterable[tuple[int, int]], end: int) -> Iterator[Comment]:
    """The comments before the offset `end`, given the stretches that scalars take, in the order of the file.

    A bare `#` says nothing and is left out.
    """
    ahead = iter(scalars)
    scalar_start, scalar_end = next(ahead, (end, end))
    at = source.text.find("#", 0, end)
    while at >= 0:
        while scalar_end <= at and scalar_start < end:
            scalar_start, scalar_end = next(ahead, (end, end))
        if scalar_start <= at:
            after = scalar_end
        else:
            after = source.line_end(at)
            if after > at + 1:
                yield _comment(source, at, after)
        at = source.text.find("#", after, end)


def _comment(source: Source, start: int, end: int) -> Comment:
    line, column = source.place(start)
    alone = not source.text[start - column + 1 : start].strip(" \t")
    return Comment(source.text[start + 1 : end], Span(source.file, line, column, line, column + end - start), alone)
