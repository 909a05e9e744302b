"""What the resolved flow as a whole is checked for: one check a module, each a function of the flow and its sites.

Two sorts, since the flow of files with errors is only a part of what was meant: what is found in a part is true of
the whole, or it rests on the absence of something and waits until everything can be read. Tunnels that are `off`
count for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowrun.config.checks import dead_ends, fan_out, file_order, loops, never, shadowed, unreachable
from flowrun.config.findings import Findings
from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic
from flowrun.flow.model import Flow

Check = Callable[[Flow, Sites], Iterable[Diagnostic]]

OF_PARTS: tuple[Check, ...] = (loops.check, fan_out.check, shadowed.check, never.check, file_order.check)
"""True of the whole if true of a part."""

OF_WHOLES: tuple[Check, ...] = (unreachable.check, dead_ends.check)
"""These find that something is not there."""


def check(flow: Flow, sites: Sites, findings: Findings) -> None:
    """Adds everything that the checks find; without errors so far, the flow is all that was meant."""
    for one in OF_PARTS:
        findings.extend(one(flow, sites))
    for one in OF_WHOLES if not findings.errors else ():
        findings.extend(one(flow, sites))
