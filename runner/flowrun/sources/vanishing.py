"""Vanishing: how many deals may be gone at one look before it is taken for an accident.

A file that was saved empty, a view that lost its rights, the wrong database: a place that suddenly has nothing looks
like one that was cleared. So beyond a share of all deals (`rails.deleted`) none is taken as deleted, whoever inferred
it from their not being there: a full read (`sources.intake`), or a source that compares. A deal that the place itself
says is gone (a trigger's note, an event) is gone.
"""

from __future__ import annotations

FEW = 5
"""Deals that may vanish at once whatever their share is."""


def too_many(vanished: int, before: int, most: int) -> str | None:
    """Why these are too many to have been deleted, of so many deals and with the rail at `most` percent; or None."""
    if most >= 100 or vanished <= 0 or before <= 1:
        return None
    if vanished < before and (vanished <= FEW or vanished * 100 <= before * most):
        return None
    much = f"all {before:,}" if vanished >= before else f"{vanished:,} of {before:,}"
    return (
        f"{much} deals are missing, more than {most} %: none is taken as deleted; bring them back, or if they are "
        "gone, apply `rails: {deleted: 100}` for once"
    )
