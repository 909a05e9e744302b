"""One text before and after, with what changed standing out: short where the change is an addition at the end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from flowrun.render.ink import Ink, Line, Run, line, visible, width

_ONE_LINE = 72
_WORD = re.compile(r"'[^']*'|\w+(?:[.-]\w+)*|[<>=!]=|\S")
_LIST = re.compile(r"\[(.*)\]")


def marked(before: str | None, after: str | None) -> list[Line]:
    """`+ added`, `- taken away`, `2h → 1d`, or the two texts on two lines, with signs under the words that differ.

    None stands for a key that is not given.
    """
    if before is None or after is None:
        sign, text, ink = ("+", after, Ink.GREEN) if before is None else ("-", before, Ink.RED)
        return [line(Run(f"{sign} {visible(text or '')}", ink))]
    before, after = visible(before), visible(after)
    items = _items(before), _items(after)
    if items[0] is not None and items[1] is not None:
        return _lists(before, after, items[0], items[1])
    if len(before) > 1 and after.startswith(before + " ") and after[len(before) + 1].isalpha():
        return [line(Run(f"+ {after[len(before) :].strip()}", Ink.GREEN))]
    if len(after) > 1 and before.startswith(after + " ") and before[len(after) + 1].isalpha():
        return [line(Run(f"- {before[len(after) :].strip()}", Ink.RED))]
    return _both(before, after)


def _items(text: str) -> list[str] | None:
    match = _LIST.fullmatch(text)
    return None if match is None else [item for item in match[1].split(", ") if item]


def _lists(before: str, after: str, old: Sequence[str], new: Sequence[str]) -> list[Line]:
    """What came and what went, if that is all; the whole lists if their order is another."""
    gone, come = [item for item in old if item not in new], [item for item in new if item not in old]
    if [item for item in old if item in new] != [item for item in new if item in old] or not (gone or come):
        return _both(before, after)
    runs = []
    if gone:
        runs.append(Run(f"- {', '.join(gone)}", Ink.RED))
    if come:
        runs.append(Run(f"+ {', '.join(come)}", Ink.GREEN))
    return [tuple(runs[:1] if len(runs) == 1 else [runs[0], Run("   "), runs[1]])]


def _both(before: str, after: str) -> list[Line]:
    left, right = _pieces(before, after)
    if width(before) + width(after) <= _ONE_LINE:
        return [(*left, Run(" → "), *right)]
    lines: list[Line] = [(Run("- ", Ink.RED), *left), (Run("+ ", Ink.GREEN), *right)]
    if under := _under(right):
        return [*lines, line(Run(f"  {under}", Ink.GREEN))]
    if under := _under(left):
        return [lines[0], line(Run(f"  {under}", Ink.RED)), lines[1]]
    return lines


def _under(runs: Sequence[Run]) -> str:
    """`^^^` under the words in ink, so that they stand out without colour too; nothing if they are all, or none."""
    if all(run.ink or run.text.isspace() for run in runs):
        return ""
    return "".join(("^" if run.ink else " ") * width(run.text) for run in runs).rstrip()


def _pieces(before: str, after: str) -> tuple[list[Run], list[Run]]:
    """Both texts in runs, the words that differ in red and green."""
    words = [list(_WORD.finditer(text)) for text in (before, after)]
    old, new = ([word.group() for word in side] for side in words)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    blocks = [(tag, spans) for tag, *spans in matcher.get_opcodes()]
    sides = []
    for text, found, ink, offset in ((before, words[0], Ink.RED, 0), (after, words[1], Ink.GREEN, 2)):
        runs: list[Run] = []
        done = 0
        for tag, spans in blocks:
            start, end = spans[offset], spans[offset + 1]
            if tag == "equal" or start == end:
                continue
            first, last = found[start].start(), found[end - 1].end()
            runs += [Run(text[done:first]), Run(text[first:last], ink)]
            done = last
        sides.append([run for run in (*runs, Run(text[done:])) if run.text])
    return sides[0], sides[1]
