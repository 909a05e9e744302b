"""The journal, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.clock import iso
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import moment
from flowrun.render.table import Column, table
from flowrun.store.journal import Firing

_COLUMNS = (
    Column("fired"),
    Column("deal", flexible=True),
    Column("tunnel", flexible=True),
    Column("from → to", flexible=True),
    Column("result"),
    Column("target", flexible=True),
)


def journal_text(firings: Sequence[Firing], timezone: str, columns_wide: int | None) -> list[Line]:
    """A table, oldest first, in that zone."""
    if not firings:
        return [line("Nothing fired.")]
    rows = [
        (
            moment(firing.fired_at, timezone),
            firing.deal,
            firing.tunnel,
            f"{firing.from_stage} → {firing.to_stage}",
            _result(firing),
            firing.target or "",
        )
        for firing in firings
    ]
    return table(_COLUMNS, rows, columns_wide)


def journal_content(firings: Sequence[Firing]) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes")."""
    return {"firings": [firing_content(firing) for firing in firings]}


def firing_content(firing: Firing) -> dict[str, object]:
    """A row as the JSON document has it."""
    return {
        "tunnel": firing.tunnel,
        "deal": firing.deal,
        "entry": firing.entry,
        "action": firing.action,
        "from": firing.from_stage,
        "to": firing.to_stage,
        "result": firing.result,
        "target": firing.target,
        "due_at": None if firing.due_at is None else iso(firing.due_at),
        "fired_at": iso(firing.fired_at),
        "revision": firing.revision,
        "reason": firing.reason,
    }


def _result(firing: Firing) -> Run:
    if firing.result == "fired":
        return Run("moved" if firing.action == "move" else "copied", Ink.GREEN)
    text = firing.result
    if firing.reason and firing.reason != firing.result:
        text += f" ({firing.reason})"
    return Run(text, Ink.WARNING if firing.result == "parked" else Ink.DIM)
