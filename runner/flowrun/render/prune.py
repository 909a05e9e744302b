"""What retention lets go, for people."""

from __future__ import annotations

from flowrun.engine.retention import Doomed
from flowrun.render.ink import Line, line
from flowrun.render.moment import counted, moment


def doomed_text(found: Doomed, *, done: bool) -> list[Line]:
    """One line: how much may go, or went."""
    before = moment(found.before, found.timezone)
    if not found:
        return [line(f"Nothing {'went' if done else 'may go'} of what is older than {before}.")]
    parts = [
        counted(found.firings, "row of the journal", "rows of the journal"),
        counted(found.revisions, "revision"),
        counted(found.activity, "count of breakers", "counts of breakers"),
    ]
    return [
        line(f"{'Pruned' if done else 'Older than'} {'' if done else before + ' and of no use: '}{', '.join(parts)}.")
    ]
