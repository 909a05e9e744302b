"""Comments at the end of lines stay in their column when what stands before them grows or shrinks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator

from flowrun.yamldoc.blocks import Cut
from flowrun.yamldoc.layout import Layout

_APART = 2
"""The fewest spaces before a comment that was set apart; more of them say that it has a column."""


def aligned(layout: Layout, cuts: Iterable[Cut]) -> Iterator[Cut]:
    """What the comments need on the lines of cuts, which stay lines."""
    grown: Counter[int] = Counter()
    cuts = sorted(cuts)
    starts = [start for start, _, _ in cuts]
    for start, end, written in cuts:
        comment = layout.comment_after(end)
        if comment is not None and "\n" not in layout.text[start:end] and "\n" not in written:
            grown[comment] += len(written) - (end - start)
    for comment, more in grown.items():
        last = bisect_left(starts, comment) - 1
        if cuts[last][1] > comment:
            continue  # it stands within something that is written anew
        before = layout.text[layout.line_start(comment) : comment]
        spaces = len(before) - len(before.rstrip(" "))
        if more and spaces and before.strip() and (spaces > _APART or _in_column(layout, comment)):
            yield comment - spaces, comment, " " * max(min(spaces, _APART), spaces - more)


def _in_column(layout: Layout, comment: int) -> bool:
    """Whether the line above or the line below has a comment in the same column."""
    line, column = layout.line_start(comment), layout.column(comment)
    lines = (layout.line_start(max(line - 1, 0)), layout.next_line(comment))
    return any(layout.comment_after(start + column) == start + column for start in lines if start != line)
