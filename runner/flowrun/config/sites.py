"""Where declared things stand in the files, for the checks and for whoever gets the flow (`flow.model.Places`).

Paths: `tunnels.renewal`, `tunnels.renewal.when`, `fields.amount`, `vars.big`, a pipeline `sales`, a stage
`sales.won`. `tunnels`, `fields` and `vars` are no pipeline ids, so these can't meet; the rest, whose names could,
has a slash: `calendars/office`, `environments/prod`, `settings/timezone`. `tunnels.renewal.when` is the key; the text
of the condition begins at `tunnels.renewal.when.start` and ends, but for blanks, at `tunnels.renewal.when.end`. What
gives a key its value from outside the declaration stands at `from/` and the key's path: `from/vars.big.value`,
`from/tunnels.renewal.mode`, `from/settings/limits.per`: in the chosen environment, or in the pseudo-file `--var`.
"""

from __future__ import annotations

from types import MappingProxyType

from flowrun.diagnostics import Span
from flowrun.flow.model import Place, Places
from flowrun.yamldoc import Scalar


class Sites:
    """Spans by path, and the scalars of conditions."""

    def __init__(self) -> None:
        self._spans: dict[str, Span] = {}
        self._conditions: dict[str, Scalar] = {}

    def put(self, path: str, span: Span) -> None:
        """Remembers where something stands: its id or key."""
        self._spans[path] = span

    def put_condition(self, tunnel: str, text: Scalar) -> None:
        """Remembers the text of a tunnel's condition."""
        self._conditions[tunnel] = text

    def span(self, path: str) -> Span:
        """Where that stands. Raises KeyError for what is not declared."""
        return self._spans[path]

    def tunnel(self, tunnel: str) -> Span:
        """Where the tunnel's id stands."""
        return self._spans[f"tunnels.{tunnel}"]

    def condition(self, tunnel: str, start: int, end: int) -> Span:
        """Where the characters from `start` to `end` of the tunnel's condition stand."""
        return self._conditions[tunnel].locate(start, end)

    def places(self) -> Places:
        """All of it as the flow's places."""
        places = {path: _place(span) for path, span in self._spans.items()}
        for tunnel, text in self._conditions.items():
            end = len(text.text.rstrip())
            places[f"tunnels.{tunnel}.when.start"] = _place(text.locate(0, 0))
            places[f"tunnels.{tunnel}.when.end"] = _place(text.locate(end, end))
        return MappingProxyType(places)


def _place(span: Span) -> Place:
    return Place(span.file, span.line, span.column)
