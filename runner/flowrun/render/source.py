"""Where deals live, if that isn't the store, as a part of `status`."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.clock import iso
from flowrun.diagnostics import excerpt
from flowrun.engine.calls import PARKED, UNKNOWN
from flowrun.engine.elsewhere import MOST, Bad, Elsewhere, Unreadable
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import counted, moment
from flowrun.render.table import Column, table
from flowrun.sources.interface import Described


def source_text(found: Elsewhere, zone: str) -> list[Line]:
    """What is on its way there and what came from there, in the project's zone; a line for each thing in the way."""
    parts = [f"Deals live in {found.type}"]
    parts.append("never read" if found.read_at is None else f"last read {moment(found.read_at, zone)}")
    if found.on_way:
        since = "" if found.oldest is None else f" (the oldest since {moment(found.oldest, zone)})"
        least = "at least " if any(count >= MOST for count in found.calls.values()) else ""
        parts.append(f"{least}{counted(found.on_way, 'firing')} on the way{since}")
    if found.calls[UNKNOWN]:
        parts.append(f"{found.calls[UNKNOWN]:,} of unknown outcome")
    if found.rereads:
        parts.append(f"{counted(found.rereads, 'deal')} to be read again")
    lines = [line(", ".join(parts))]
    if found.trouble is not None:
        when = "" if found.trouble_at is None else f" (since {moment(found.trouble_at, zone)})"
        lines.append(line(Run("source: ", Ink.WARNING), f"{found.trouble}{when}"))
    for one in found.stuck:
        word = "parked: " if one.state == PARKED else "tried in vain: "
        lines.append(line(Run(word, Ink.WARNING), f"{one.tunnel} of {one.deal}: {one.said}"))
    lines += [line(Run("unreadable: ", Ink.WARNING), f"{bad.place}: {bad.reason}") for bad in found.bad]
    if found.bad_count > len(found.bad):
        more = f"and {found.bad_count - len(found.bad):,} more that can't be read as deals"
        lines.append(line(f"{more}: 'flowrun source unreadable' lists them"))
    return lines


def source_content(found: Elsewhere) -> dict[str, object]:
    """`source` of the JSON document."""
    instants = ("oldest", "asked_at", "read_at", "whole_at", "paused_until", "trouble_at")
    times = {name: None if (at := getattr(found, name)) is None else iso(at) for name in instants}
    return {
        "type": found.type,
        "calls": dict(found.calls),
        **times,
        "trouble": found.trouble,
        "rereads": found.rereads,
        "bad": found.bad_count,
        "bad_records": _records(found.bad),
        "stuck": [
            {
                "tunnel": one.tunnel,
                "deal": one.deal,
                "state": one.state,
                "attempts": one.attempts,
                "said": one.said,
            }
            for one in found.stuck
        ],
    }


def unreadable_text(found: Unreadable, zone: str, columns_wide: int | None) -> list[Line]:
    """A table of what can't be read as deals."""
    if not found.count:
        return [line("All that was read could be read as deals.")]
    rows = [(bad.place, bad.deal or "", moment(bad.seen_at, zone), bad.reason) for bad in found.records]
    titles = (Column("place"), Column("deal"), Column("last seen"), Column("reason", flexible=True))
    lines = table(titles, rows, columns_wide)
    left = found.count - len(found.records)
    return [*lines, line(f"… and {counted(left, 'more', 'more')}.")] if left else lines


def unreadable_content(found: Unreadable) -> dict[str, object]:
    """The content of the JSON document."""
    return {"count": found.count, "bad_records": _records(found.records)}


def _records(found: Sequence[Bad]) -> list[dict[str, object]]:
    return [{"place": one.place, "reason": one.reason, "deal": one.deal, "seen_at": iso(one.seen_at)} for one in found]


def described_text(kind: str, found: Described) -> list[Line]:
    """What a source that was reached says of itself: its stages, its fields, and what it can't promise."""
    lines = [line(f"The source '{kind}' is there.")]
    lines += [line(f"{excerpt(name)}: {', '.join(map(excerpt, stages))}") for name, stages in found.pipelines.items()]
    if found.fields:
        named = (f"{excerpt(name)} ({excerpt(word)})" if word else excerpt(name) for name, word in found.fields.items())
        lines.append(line(f"fields: {', '.join(named)}"))
    return [*lines, *(line(Run("note: ", Ink.WARNING), note) for note in found.notes)]
