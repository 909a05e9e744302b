"""What the runner did: one line a batch while it runs, and a summary at the end."""

from __future__ import annotations

from flowrun.engine.events import Carried, Pulled
from flowrun.engine.judge import Route
from flowrun.engine.runner import Totals
from flowrun.engine.tick import Tick
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import counted, moment

_WORDS = {
    "pending": "to carry out",
    "exists": "existed already",
    "declined": "declined",
    "parked": "parked",
    "shadow": "in shadow",
}
_CARRIED = {"again": "to be tried again", "unknown": "to be looked up", "conflict": "elsewhere by now"}


def tick_text(tick: Tick) -> Line:
    """`2026-03-06 12:00:07  3 moved, 2 copied`, in the project's zone."""
    return line(Run(moment(tick.at, tick.timezone), Ink.DIM), "  ", _results(tick.results))


def carried_text(carried: Carried) -> Line:
    """`2026-03-06 12:00:07  carried out: 3 moved, 2 copied`."""
    done = _results(carried.results)
    more = []
    for word, says in _CARRIED.items():
        count = sum(number for (_, was), number in carried.results.items() if was == word)
        more += [f"{count:,} {says}"] * bool(count)
    told = ", ".join(filter(None, [done, *more])) or "nothing"
    return line(Run(moment(carried.at, carried.timezone), Ink.DIM), "  carried out: ", told)


def pulled_text(pulled: Pulled) -> Line:
    """`2026-03-06 12:00:07  brought in: 3 added, 1 unreadable (deals.csv:17: it has no id)`."""
    words = {
        "added": pulled.added,
        "changed": pulled.changed,
        "moved": pulled.moved,
        "gone": pulled.gone,
        "unreadable": pulled.bad,
    }
    told = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
    example = "" if pulled.example is None else f" ({pulled.example})"
    return line(Run(moment(pulled.at, pulled.timezone), Ink.DIM), "  brought in: ", f"{told}{example}")


def totals_text(totals: Totals) -> list[Line]:
    """`Looked at 40 deals: 9 moved, 12 copied, 1 existed already.`"""
    return [line(f"Looked at {counted(totals.looked, 'deal')}: {_results(totals.results) or 'nothing to do'}.")]


def _results(results: dict[tuple[str, str], int]) -> str:
    moved = results.get((Route.MOVE, "fired"), 0) + results.get((Route.ORIGIN, "fired"), 0)
    copied = results.get((Route.COPY, "fired"), 0)
    parts = [f"{moved:,} moved"] * bool(moved) + [f"{copied:,} copied"] * bool(copied)
    for result, word in _WORDS.items():
        count = sum(number for (_, was), number in results.items() if was == result)
        parts += [f"{count:,} {word}"] * bool(count)
    return ", ".join(parts)
