"""A difference as a comment in a pull request: what to know at a glance, a picture, and the rest folded.

The same input gives the same text: a bot can edit its comment in place. All data stands in code, out of which it can't
get: there it is no markup, calls nobody, and links nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from flowrun.plan import Comparison
from flowrun.render.changed import changed
from flowrun.render.ink import Line, plain, visible

MAX_CHARACTERS = 65_536
"""What GitHub takes as a comment; GitLab takes more."""
_PICTURE = 20_000
_REFUSALS = 12_000
_TITLE = 500
_FENCE = 12
"""Characters of a fence beyond which no run of backticks in a line is believed."""


def review(title: str, summary: str, compared: Comparison, body: Sequence[Line], refused: Sequence[Line]) -> str:
    """The comment: heading, summary, refusals, picture, and the lines of the difference in a fold."""
    parts = [f"### {_code(title)}", f"**{summary}**"]
    if refused:
        parts += ["Refused as it is:", _fenced("text", plain(refused), _REFUSALS, "the list")]
    drawn = changed(compared)
    if drawn.chart and len(drawn.chart) <= _PICTURE:
        parts.append(f"```mermaid\n{drawn.chart}```")
        if drawn.left_out:
            parts.append(f"The picture leaves out {drawn.left_out:,} more arrows.")
    elif drawn.chart:
        parts.append("The picture of the changed tunnels is too large for a comment.")
    if body:
        before, after = "<details>\n<summary>All changes</summary>", "</details>"
        room = MAX_CHARACTERS - sum(len(part) + 2 for part in (*parts, before, after))
        parts += [before, _fenced("diff", plain(body), room, "the difference"), after]
    return "\n\n".join(parts) + "\n"


def _fenced(language: str, text: str, room: int, what: str) -> str:
    """The text in a fence that it can't close, in at most so many characters, with a line that says what is missing."""
    ticks = "`" * min(_FENCE, max([2, *(len(run) for run in re.findall("`+", text))]) + 1)
    text = re.sub(f"`{{{len(ticks)},}}", "`" * (len(ticks) - 1), text)
    lines = text.splitlines(keepends=True)
    left_out = f"… {len(lines):,} more lines: `flowrun diff` shows all of {what}\n"
    room -= len(f"{ticks}{language}\n{ticks}")
    if len(text) > room:
        room -= len(left_out) + 10
        kept = 0
        while kept < len(lines) and room >= len(lines[kept]):
            room -= len(lines[kept])
            kept += 1
        rest = len(lines) - kept
        ending = f"… {rest:,} more line{'' if rest == 1 else 's'}: `flowrun diff` shows all of {what}\n"
        text = "".join([*lines[:kept], ending])
    return f"{ticks}{language}\n{text}{ticks}"


def _code(text: str) -> str:
    """The text as code on one line."""
    shown = visible(text)
    if len(shown) > _TITLE:
        shown = shown[: _TITLE - 1] + "…"
    ticks = "`" * (max([0, *(len(run) for run in re.findall("`+", shown))]) + 1)
    pad = " " if shown[:1] in {"`", ""} or shown.endswith("`") else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"
