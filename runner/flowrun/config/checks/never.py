"""Conditions that can never hold, such as `deal.amount > 10 and deal.amount < 5`."""

from __future__ import annotations

from collections.abc import Iterator

from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, warning
from flowrun.expr.never import contradiction
from flowrun.flow.model import Flow, Mode


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR331 at the part of the condition that can't be true."""
    for tunnel in flow.tunnels.values():
        if tunnel.when is None or tunnel.mode is Mode.OFF:
            continue
        found = contradiction(tunnel.when)
        if found is not None:
            start, end, reason = found
            yield warning("FR331", reason, sites.condition(tunnel.id, start, end))
