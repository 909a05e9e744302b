"""What is chosen from outside the files: the environment, and --var.

Both come from the command line, which is no file; so that a mistake there has a place like any other, they are
given as the texts of two pseudo-files, `--env` and `--var` (a line a variable).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flowrun.config.findings import Findings
from flowrun.config.models import EnvironmentBlock
from flowrun.config.namespace import Declared, Namespace
from flowrun.config.reading import shown
from flowrun.diagnostics import Span
from flowrun.expr.types import Type, Value
from flowrun.expr.values import BadValue, LocalTime, read

ENV = "--env"
VAR = "--var"


@dataclass(frozen=True, slots=True)
class Overrides:
    """`environment` is None without --env; `variables` are the texts given by --var.

    `everywhere`: none is chosen because all are looked at, one after the other.
    """

    environment: str | None
    variables: Mapping[str, str]
    everywhere: bool = False

    def sources(self) -> dict[str, str]:
        """The pseudo-files that findings may point into."""
        sources = {}
        if self.variables:
            sources[VAR] = "".join(f"{name}={text}\n" for name, text in self.variables.items())
        if self.environment is not None:
            sources[ENV] = self.environment
        return sources

    def choose(self, namespace: Namespace, findings: Findings) -> Declared[EnvironmentBlock] | None:
        """The environment, None without one; an unknown one is reported."""
        if self.environment is None:
            return None
        chosen = namespace.environments.get(self.environment)
        if chosen is None and namespace.complete:
            known = namespace.environments
            hint = findings.near(self.environment, known) or (f"choose from: {', '.join(known)}" if known else None)
            span = Span(ENV, 1, 1, 1, len(self.environment) + 1)
            findings.error("FR506", f"there is no environment {shown(self.environment)}", span, hint)
        return chosen

    def check_names(self, known: Mapping[str, object], findings: Findings) -> None:
        """Reports variables that no file declares."""
        for name in self.variables:
            if name not in known:
                span = self._span(name, 0, len(name))
                findings.error("FR505", f"there is no variable {shown(name)}", span, findings.near(name, known))

    def value(self, name: str, of: Type, zone: LocalTime, findings: Findings) -> Value:
        """The value that --var gives to a variable; None, and a finding, if it does not fit."""
        try:
            return read(self.variables[name], of, zone)
        except BadValue as error:
            start = len(name) + 1
            span = self._span(name, start, start + len(self.variables[name]))
            findings.error("FR409", f"`{name}` does not fit: {error}", span)
            return None

    def span(self, name: str) -> Span:
        """Where --var gives that variable."""
        return self._span(name, 0, len(name))

    def _span(self, name: str, start: int, end: int) -> Span:
        line = list(self.variables).index(name) + 1
        return Span(VAR, line, start + 1, line, end + 1)
