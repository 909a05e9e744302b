"""The findings of one run, as they come: every step of `config` adds to them, none stops at them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flowrun.diagnostics import Diagnostic, Related, Severity, Span, did_you_mean, error, warning

_COMPARISONS = 20_000
"""Words compared for all hints of a run, about half a second: a file of ten thousand unknown names is no typo."""


class Findings:
    """A growing list of diagnostics. `errors` counts the errors, so that a step can tell whether it added any."""

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []
        self.errors = 0
        self._comparisons = _COMPARISONS

    def near(self, found: str, known: Collection[str]) -> str | None:
        """A hint that names the closest known word; None if none is close, or too many were looked for already."""
        self._comparisons -= len(known)
        return did_you_mean(found, known) if self._comparisons >= 0 else None

    def add(self, *findings: Diagnostic) -> None:
        """Takes findings made elsewhere."""
        self.all.extend(findings)
        self.errors += sum(finding.severity is Severity.ERROR for finding in findings)

    def error(self, code: str, message: str, span: Span, hint: str | None = None, *related: Related) -> None:
        """Adds an error."""
        self.add(error(code, message, span, hint, related))

    def warning(self, code: str, message: str, span: Span, hint: str | None = None, *related: Related) -> None:
        """Adds a warning."""
        self.add(warning(code, message, span, hint, related))

    def extend(self, findings: Iterable[Diagnostic]) -> None:
        """Takes all findings of a step."""
        self.add(*findings)
