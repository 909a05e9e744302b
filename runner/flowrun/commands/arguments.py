"""The words of a command, laid out as the lines of a file, so that a mistake in them is shown at its exact place."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowrun.diagnostics import Diagnostic, Span
from flowrun.errors import InvalidInput
from flowrun.sources.mapping import Given

FILE = "command line"
"""The name of that file."""

_BREAK = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")


class Arguments:
    """The words of one command that may have mistakes, and what was found in them."""

    def __init__(self) -> None:
        self.findings: list[Diagnostic] = []
        self.sources: dict[str, str] = {}
        self._lines: list[str] = []

    def given(self, text: str, before: str = "") -> Given:
        """A word of the command, with its place; `before` is what stands before it on its line, such as `--at `."""
        self._lines.append(_BREAK.sub(" ", before + text))
        self.sources[FILE] = "\n".join(self._lines)
        line, column = len(self._lines), len(before) + 1
        return Given(text, Span(FILE, line, column, line, column + max(1, len(text))))

    def refuse_mistakes(self, sources: Mapping[str, str] | None = None) -> None:
        """Raises InvalidInput if anything was found; `sources` are further files that findings are about."""
        if self.findings:
            raise InvalidInput(tuple(self.findings), {**self.sources, **(sources or {})})
