"""What waits for time, for people and as JSON."""

from __future__ import annotations

from flowrun.clock import iso
from flowrun.engine.pending import Pending
from flowrun.render.ink import Line, line
from flowrun.render.moment import counted, moment
from flowrun.render.table import Column, table

_COLUMNS = (Column("due"), Column("deal"), Column("tunnel", flexible=True), Column("waits for"))


def pending_text(found: Pending, columns_wide: int | None) -> list[Line]:
    """A table, soonest first, in the project's zone."""
    if not found.count:
        return [line("Nothing waits for time.")]
    rows = [
        ("" if wait.due_at is None else moment(wait.due_at, found.timezone), wait.deal, wait.tunnel, wait.waits_for)
        for wait in found.waits
    ]
    lines = table(_COLUMNS, rows, columns_wide)
    left = found.count - len(found.waits)
    return [*lines, line(f"… and {counted(left, 'more', 'more')}.")] if left else lines


def pending_content(found: Pending) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes")."""
    return {
        "now": iso(found.now),
        "next_at": None if found.next_at is None else iso(found.next_at),
        "count": found.count,
        "pending": [
            {
                "deal": wait.deal,
                "tunnel": wait.tunnel,
                "due_at": None if wait.due_at is None else iso(wait.due_at),
                "waits_for": wait.waits_for,
            }
            for wait in found.waits
        ],
    }
