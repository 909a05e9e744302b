"""Deals for people and as JSON: a table, one deal, the board, and what an import did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowrun.calendars.zones import zone
from flowrun.clock import iso
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import to_json, write
from flowrun.flow.model import Flow
from flowrun.render.board import board
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import counted, moment
from flowrun.render.table import Column, table
from flowrun.sources.importing import Imported
from flowrun.store.deals import Deal, types

_COLUMNS = (
    Column("id", flexible=True),
    Column("stage"),
    Column("since"),
    Column("owner", flexible=True),
    Column("title", flexible=True),
)


def listing_text(flow: Flow, deals: Sequence[Deal], columns_wide: int | None) -> list[Line]:
    """A table, in the order of creation; since when each deal stands in its stage is in the project's zone."""
    if not deals:
        return [line("No deals.")]
    rows = [
        (deal.id, deal.stage, moment(deal.entered_at, flow.timezone), deal.owner or "", deal.title or "")
        for deal in deals
    ]
    return table(_COLUMNS, rows, columns_wide)


def listing_content(flow: Flow, deals: Sequence[Deal], count: int) -> dict[str, object]:
    """The content of the JSON document (cli.md, "JSON shapes"); `count` is of all, also of those beyond a limit."""
    return {"count": count, "deals": [deal_content(deal, flow) for deal in deals]}


def deal_content(deal: Deal, flow: Flow) -> dict[str, object]:
    """A deal as JSON output has it (cli.md, "JSON shapes")."""
    return {
        "id": deal.id,
        "title": deal.title,
        "owner": deal.owner,
        "pipeline": deal.pipeline,
        "stage": deal.stage,
        "entry": deal.entry,
        "entered_at": iso(deal.entered_at),
        "created_at": iso(deal.created_at),
        "updated_at": iso(deal.updated_at),
        "origin": deal.origin,
        "origin_tunnel": deal.origin_tunnel,
        "fields": {field.id: to_json(deal.fields[field.id], field.type) for field in flow.fields.values()},
    }


def deal_text(deal: Deal, flow: Flow) -> list[Line]:
    """Everything about a deal, a line each; instants are in the project's zone."""
    local = flow.timezone
    rows: list[tuple[str, str]] = [
        ("title", deal.title or ""),
        ("owner", deal.owner or ""),
        ("stage", deal.stage),
        ("since", f"{moment(deal.entered_at, local)} (entry {deal.entry})"),
        ("created", moment(deal.created_at, local)),
        ("updated", moment(deal.updated_at, local)),
    ]
    if deal.origin is not None:
        rows.append(("origin", f"{deal.origin}, copied by {deal.origin_tunnel or 'nobody knows'}"))
    fields = [(field.id, _shown(deal.fields[field.id], field.type, flow)) for field in flow.fields.values()]
    longest = max(len(name) for name, _ in (*rows, *fields))
    return [
        line(Run(deal.id, Ink.BOLD)),
        *(line(Run(f"  {name.ljust(longest)}  ", Ink.DIM), text) for name, text in rows),
        *([()] if fields else []),
        *(line(Run(f"  {name.ljust(longest)}  ", Ink.DIM), text) for name, text in fields),
    ]


def set_text(deal: Deal, flow: Flow, names: Sequence[str]) -> list[Line]:
    """What these fields of a deal, `title` or `owner` are now, in a line."""
    known, values = types(flow), {"title": deal.title, "owner": deal.owner, **deal.fields}
    parts = [f"{name} is {_shown(values[name], known[name], flow) or 'empty'}" for name in names]
    return [line(f"{deal.id}: {', '.join(parts)}")]


def _shown(value: Value, type_: Type, flow: Flow) -> str:
    if type_.kind is Kind.DATETIME and isinstance(value, int):
        return moment(value, flow.timezone)
    return write(value, type_, zone(flow.timezone))


def board_text(flow: Flow, counts: Mapping[str, int]) -> list[Line]:
    """How many deals stand in each stage, and in all."""
    return [*board(flow, counts), line(counted(sum(counts.values()), "deal"))]


def board_content(counts: Mapping[str, int]) -> dict[str, object]:
    """The content of the JSON document of `deals list --count`."""
    return {
        "count": sum(counts.values()),
        "stages": [{"id": stage, "deals": count} for stage, count in counts.items()],
    }


def imported_text(found: Imported) -> list[Line]:
    """What an import did, in a line or two."""
    tally = found.tally
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (tally.added, "added"),
            (tally.changed, "changed"),
            (tally.moved, "moved"),
            (tally.unchanged, "unchanged"),
            (tally.rejected, "rejected"),
        )
        if count
    ]
    lines = [line(f"{counted(tally.rows, 'row')}: {', '.join(parts) or 'nothing to do'}.")]
    if tally.kept:
        noun, verb = ("deals", "keep") if tally.kept > 1 else ("deal", "keeps")
        lines.append(line(f"{tally.kept:,} {noun} {verb} another stage than the file has; --restage sets it."))
    return lines


def rejects_text(found: Imported) -> list[Line]:
    """The first rows that were not taken, and where all of them are; nothing where all were."""
    if found.rejects is None:
        return []
    lines = [line(Run(f"line {reject.line}: ", Ink.ERROR), "; ".join(reject.reasons)) for reject in found.examples]
    left = found.tally.rejected - len(found.examples)
    if left:
        lines.append(line(f"… and {left:,} more"))
    return [*lines, line(f"rejected rows: {found.rejects}")]


def imported_content(found: Imported) -> dict[str, object]:
    """The content of the JSON document of `deals import`."""
    tally = found.tally
    return {
        "rows": tally.rows,
        "added": tally.added,
        "changed": tally.changed,
        "moved": tally.moved,
        "unchanged": tally.unchanged,
        "kept": tally.kept,
        "rejected": tally.rejected,
        "rejects": None if found.rejects is None else str(found.rejects),
        "examples": [{"line": reject.line, "reason": "; ".join(reject.reasons)} for reject in found.examples],
    }
