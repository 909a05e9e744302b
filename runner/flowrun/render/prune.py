"""What `prune` lets go, for people."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.engine.leftovers import Leftover
from flowrun.engine.retention import Doomed
from flowrun.render.ink import Line, line, visible
from flowrun.render.moment import counted, moment


def doomed_text(found: Doomed, *, done: bool) -> list[Line]:
    """One line: how much history may go, or went."""
    before = moment(found.before, found.timezone)
    if not found:
        return [line(f"Nothing {'went' if done else 'may go'} of what is older than {before}.")]
    parts = [
        counted(found.firings, "row of the journal", "rows of the journal"),
        counted(found.revisions, "revision"),
        counted(found.activity, "count of breakers", "counts of breakers"),
        *[counted(found.runners, "runner that has gone", "runners that have gone")] * bool(found.runners),
        *[counted(found.deliveries, "dead letter", "dead letters")] * bool(found.deliveries),
    ]
    return [
        line(f"{'Pruned' if done else 'Older than'} {'' if done else before + ' and of no use: '}{', '.join(parts)}.")
    ]


def leftovers_text(found: Sequence[Leftover], *, done: bool) -> list[Line]:
    """Which columns of fields may go, or went: one line each, with what is lost with them."""
    if not found:
        return [line(f"No column of a removed field {'went' if done else 'is left'}.")]
    columns = counted(len(found), "column")
    return [
        line(f"Dropped {columns}:" if done else f"{columns} of fields that the applied revision doesn't have so:"),
        *(
            line(
                f"  {one.field} ({one.kind}, revision {one.revision}): "
                f"{counted(one.deals, 'deal')} {'held' if done else 'holds' if one.deals == 1 else 'hold'} a value"
                f"{_indexes(one, done=done)}"
            )
            for one in found
        ),
    ]


def _indexes(of: Leftover, *, done: bool) -> str:
    if not of.indexes:
        return ""
    several = len(of.indexes) > 1
    verb = "went" if done else "go" if several else "goes"
    return f"; the index{'es' if several else ''} {', '.join(map(visible, of.indexes))} {verb} with it"
