"""Applied revisions, for people and as JSON; and how the impact of a saved plan has grown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowrun.clock import iso
from flowrun.engine.history import Entry, Told
from flowrun.plan import Comparison, Side
from flowrun.plan.saved import Growth
from flowrun.render.diff import diff_text, summary_text
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import moment
from flowrun.render.notes import deals_text, impact_notes, impact_of
from flowrun.render.table import Column, table

_SHORT = 7
_COLUMNS = (
    Column("revision", right=True),
    Column("applied"),
    Column("by", flexible=True),
    Column("git"),
    Column("environment", flexible=True),
    Column("changes"),
    Column("", flexible=True),
)
_ACTIONS = ("add", "change", "rename", "remove")


def history_text(entries: Sequence[Entry], timezone: str, columns_wide: int | None) -> list[Line]:
    """A table in that zone, in the order of the entries."""
    rows = [
        (
            Run(str(entry.number), Ink.BOLD if entry.current else Ink.PLAIN),
            moment(entry.applied_at, timezone),
            _who(entry),
            _git(entry),
            entry.environment or "",
            _summary(entry.summary),
            ", ".join(_remarks(entry)),
        )
        for entry in entries
    ]
    return table(_COLUMNS, rows, columns_wide)


def history_content(entries: Iterable[Entry]) -> dict[str, object]:
    """The content of the JSON document."""
    return {"revisions": [_entry_content(entry) for entry in entries]}


def told_text(told: Told) -> list[Line]:
    """One revision, in the layout of `diff`."""
    entry, said = told.entry, told.difference
    git = f"   git {_git(entry)}" if entry.author.commit else ""
    title = f"revision {entry.number}   {moment(entry.applied_at, told.timezone)}   {_who(entry)}{git}"
    lines = [line(Run(title.rstrip(), Ink.BOLD))]
    facts = [f"environment {entry.environment}"] if entry.environment else []
    facts += [f"plan {entry.plan}"] if entry.plan else []
    facts += [f"allowed {', '.join(said['allowed'])}"] if said and said.get("allowed") else []
    facts += _remarks(entry, plan=False)
    if facts:
        lines.append(line(Run(", ".join(facts), Ink.DIM)))
    if told.plan is None:
        lines.append(line(f"What it changed can't be shown: revision {entry.number - 1} is pruned."))
        return lines
    before = told.before
    compared = Comparison(
        Side(before.flow, before.places, before.number) if before else Side(None),
        Side(told.revision.flow, told.revision.places, told.revision.number),
        told.plan,
    )
    impact = impact_of(said["impact"]) if said and said["base_revision"] is not None else None
    lines += diff_text(compared, impact_notes(compared, impact))
    lines.append(line(f"{summary_text(told.plan)} {deals_text(impact) if impact else ''}".rstrip()))
    return lines


def told_content(told: Told) -> dict[str, object]:
    """The content of the JSON document. `difference` is null for a revision that nothing was remembered of."""
    return {"revision": _entry_content(told.entry), "difference": told.difference}


def growth_text(growth: Iterable[Growth]) -> list[Line]:
    """What a plan would now do to more deals than its reviewer saw."""
    lines = [line(Run("The impact has grown since the plan was made:", Ink.WARNING))]
    lines += [line(f"  {one.what}: {one.before:,} then, {one.now:,} now") for one in growth]
    return lines


def _entry_content(entry: Entry) -> dict[str, object]:
    return {
        "number": entry.number,
        "applied_at": iso(entry.applied_at),
        "applied_by": entry.author.name,
        "host": entry.author.host,
        "git_commit": entry.author.commit,
        "git_dirty": entry.author.dirty,
        "environment": entry.environment,
        "summary": None if entry.summary is None else dict(entry.summary),
        "plan": entry.plan,
        "back_to": entry.back_to,
        "current": entry.current,
    }


def _who(entry: Entry) -> str:
    return "@".join(part for part in (entry.author.name, entry.author.host) if part)


def _git(entry: Entry) -> str:
    commit = entry.author.commit
    return "" if commit is None else commit[:_SHORT] + (" with changes" if entry.author.dirty else "")


def _summary(summary: Mapping[str, int] | None) -> str:
    if summary is None:
        return "unknown"
    return ", ".join(f"{summary[action]} to {action}" for action in _ACTIONS if summary.get(action)) or "none"


def _remarks(entry: Entry, *, plan: bool = True) -> list[str]:
    found = [f"back to {entry.back_to}"] if entry.back_to is not None else []
    found += ["saved plan"] if plan and entry.plan else []
    return found + (["current"] if entry.current else [])
