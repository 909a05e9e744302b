"""Exporting: deals as JSON Lines or CSV, a text a deal, so that any number of them streams.

JSON Lines is exact and can be imported again; CSV is for spreadsheets (its tags are one cell, joined by commas). What
a deal's own life has made is not part of it: entries, journal, and which deal a copy was made of.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from flowrun.clock import iso
from flowrun.expr.values import to_json
from flowrun.flow.model import Flow
from flowrun.store.deals import Deal

COLUMNS = ("id", "at", "title", "owner", "entered_at")
"""What stands before the fields."""


def jsonl(flow: Flow, deals: Iterable[Deal]) -> Iterator[str]:
    """A line for each deal, with all keys; empty values are null. One with something invisible in it is all escapes."""
    for deal in deals:
        content = _flat(flow, deal)
        text = json.dumps(content, ensure_ascii=False)
        yield (text if text.isprintable() else json.dumps(content)) + "\n"


def separated(flow: Flow, deals: Iterable[Deal]) -> Iterator[str]:
    """A header, then a row for each deal; instants are UTC, empty values empty cells."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")

    def row(cells: Iterable[object]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()

    yield row([*COLUMNS, *flow.fields])
    for deal in deals:
        yield row(_cell(value) for value in _flat(flow, deal).values())


FORMATS: Mapping[str, Callable[[Flow, Iterable[Deal]], Iterator[str]]] = {"jsonl": jsonl, "csv": separated}
"""By the word of `--format`."""


def _flat(flow: Flow, deal: Deal) -> dict[str, object]:
    return {
        "id": deal.id,
        "at": deal.stage,
        "title": deal.title,
        "owner": deal.owner,
        "entered_at": iso(deal.entered_at),
        **{field.id: to_json(deal.fields[field.id], field.type) for field in flow.fields.values()},
    }


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list) else value
