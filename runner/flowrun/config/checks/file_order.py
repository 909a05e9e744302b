"""Moves that leave one stage but stand in different files.

Source: format.md, "References": file order is meaning (it decides which of two moves is taken), and between files it
hangs on their names.
"""

from __future__ import annotations

from collections.abc import Iterator

from flowrun.config.checks.shadowed import takes_turn
from flowrun.config.sites import Sites
from flowrun.diagnostics import Diagnostic, Related, warning
from flowrun.flow.model import Flow


def check(flow: Flow, sites: Sites) -> Iterator[Diagnostic]:
    """FR332 at each move that is not in the file of the first move of its stage; once a move."""
    first: dict[str, str] = {}
    for tunnel in filter(takes_turn, flow.tunnels.values()):
        span = sites.tunnel(tunnel.id)
        for source in tunnel.sources:
            other = first.setdefault(source, tunnel.id)
            if sites.tunnel(other).file != span.file:
                message = f"moves leave {source} in two files, so the files' names decide which comes first"
                hint = "declare the moves of one stage in one file"
                yield warning("FR332", message, span, hint, [Related(f"'{other}' leaves it too", sites.tunnel(other))])
                break
