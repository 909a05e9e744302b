"""How the author of a text writes: what new text follows, so that nobody sees where it came from.

What the text shows most often counts; where it shows nothing, what the documentation of flowrun does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from flowrun.yamldoc.layout import Branch, Layout, Leaf
from flowrun.yamldoc.nodes import Style

T = TypeVar("T")

_NARROWEST, _WIDEST = 100, 120
"""Columns. A text whose lines are all shorter may have lines of the one; none is made longer than the other."""


@dataclass(frozen=True, slots=True)
class Habits:
    """The habits of one text.

    `step` is how much deeper a mapping in a mapping is indented, `dash` how much deeper a dash than its key, `gap` how
    many spaces follow a dash. `width` is where lines are to end, in columns.
    """

    newline: str
    step: int
    dash: int
    gap: int
    quote: str
    width: int


def habits_of(layout: Layout) -> Habits:
    """The habits that a text shows."""
    text = layout.text
    steps: Counter[int] = Counter()
    dashes: Counter[int] = Counter()
    gaps: Counter[int] = Counter()
    quotes: Counter[str] = Counter()
    for part, above in layout.walk():
        if isinstance(part, Leaf):
            if part.style in {Style.SINGLE, Style.DOUBLE}:
                quotes[text[part.start]] += 1
        elif not part.flow and part.heads:
            if not part.mapping:
                gaps.update(_gaps(layout, part))
            if above is not None and above.mapping and not above.flow:
                deeper = layout.column(part.heads[0]) - layout.column(above.heads[0])
                (steps if part.mapping else dashes)[deeper] += 1
    first = text.find("\n")
    step = _usual(steps, 2)
    longest = max(map(len, text.splitlines()), default=0)
    return Habits(
        newline="\r\n" if text[first - 1 : first] == "\r" and first > 0 else "\n",
        step=step,
        dash=_usual(dashes, step),
        gap=_usual(gaps, 1),
        quote=_usual(quotes, '"'),
        width=min(max(longest, _NARROWEST), _WIDEST),
    )


def _gaps(layout: Layout, sequence: Branch) -> Iterable[int]:
    for head, value in zip(sequence.heads, sequence.values, strict=True):
        between = layout.text[head + 1 : value.whole]
        if between and not between.strip(" "):
            yield len(between)


def _usual(counted: Counter[T], otherwise: T) -> T:
    return counted.most_common(1)[0][0] if counted else otherwise
