"""Deals that flowrun's own commands may write: those that live in the store."""

from __future__ import annotations

from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow


def writable(flow: Flow) -> Flow:
    """The flow itself. Raises WorkFailed where its deals live elsewhere, since what is written here would not be true
    there."""
    if flow.source.elsewhere:
        raise WorkFailed(
            f"the deals of {flow.project} live in its source '{flow.source.type}', not in the store",
            "change them where they live; 'flowrun run' brings in what changed",
        )
    return flow
