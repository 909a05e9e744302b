"""Deals that flowrun's own commands may write: those that live in the store."""

from __future__ import annotations

from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow


class DealsElsewhere(WorkFailed):
    """Deals live in a source, so that none may be written here."""


def writable(flow: Flow) -> Flow:
    """The flow itself. Raises DealsElsewhere where its deals live elsewhere: what is written here would not be true
    there."""
    if flow.source.elsewhere:
        raise DealsElsewhere(
            f"the deals of {flow.project} live in its source '{flow.source.type}', not in the store",
            "change them where they live; 'flowrun run' brings in what changed",
        )
    return flow
