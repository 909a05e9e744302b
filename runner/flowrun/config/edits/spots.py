"""Where in a tunnel's values a finding lies: the key, and the characters of the text that stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowrun.config.loader import SCENARIOS
from flowrun.diagnostics import Span
from flowrun.yamldoc import Document, Node, Scalar, Sequence
from flowrun.yamldoc import Mapping as Map
from flowrun.yamldoc.locate import Locator
from flowrun.yamldoc.plain import Path


@dataclass(frozen=True, slots=True)
class Spot:
    """A stretch of a value. `path` leads to its scalar from the tunnel, its first step is the tunnel's key.

    `start` and `end` are offsets in characters in the scalar's text; None where they can't be told.
    """

    path: Path
    start: int | None
    end: int | None


def spot(documents: Mapping[str, Document], tunnel: str, span: Span) -> Spot | None:
    """The spot of a finding's span in that tunnel; None where it lies elsewhere."""
    document = documents.get(span.file)
    if document is None or span.file.endswith(SCENARIOS) or not isinstance(document.root, Map):
        return None
    tunnels = document.root.get("tunnels")
    node = tunnels.get(tunnel) if isinstance(tunnels, Map) else None
    for entry in node.entries if isinstance(node, Map) else ():
        if span == entry.key.span:
            return Spot((entry.key.text,), None, None)
        if found := _within(entry.value, (entry.key.text,), span):
            return found
    return None


def _within(node: Node, path: Path, span: Span) -> Spot | None:
    if not _covers(node.span, span):
        return None
    match node:
        case Scalar(locate=Locator() as locate):
            found = locate.offsets(span)
            return Spot(path, *(found or (None, None)))
        case Map(entries=entries):
            inside = [_within(one.value, (*path, one.key.text), span) for one in entries]
            inside += [Spot((*path, one.key.text), None, None) for one in entries if one.key.span == span]
        case Sequence(items=items):
            inside = [_within(one, (*path, n), span) for n, one in enumerate(items)]
        case _:
            inside = []
    return next((one for one in inside if one), Spot(path, None, None))


def _covers(outer: Span, inner: Span) -> bool:
    begins = (outer.line, outer.column) <= (inner.line, inner.column)
    return begins and (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column)
