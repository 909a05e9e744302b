"""A check-up, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from flowrun.engine.checkup.finding import Finding, Verdict
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import counted

_SIGNS = {
    Verdict.OK: Run("✓", Ink.GREEN),
    Verdict.WARNING: Run("!", Ink.WARNING),
    Verdict.PROBLEM: Run("✗", Ink.ERROR),
}


def checkup_text(findings: Sequence[Finding]) -> list[Line]:
    """A line for each finding, with what to do below it, and the sum."""
    wide = max((len(finding.check) for finding in findings), default=0)
    lines: list[Line] = []
    for finding in findings:
        lines.append(line(_SIGNS[finding.verdict], f" {finding.check:<{wide}}  {finding.found}"))
        if finding.help:
            lines.append(line(" " * (wide + 4), Run("help: ", Ink.CYAN), finding.help))
    problems, warnings = (
        sum(finding.verdict is verdict for finding in findings) for verdict in (Verdict.PROBLEM, Verdict.WARNING)
    )
    parts = [counted(problems, "problem")] * bool(problems) + [counted(warnings, "warning")] * bool(warnings)
    return [*lines, line(), line(f"{', '.join(parts) or 'All is well'}.")]


def checkup_content(findings: Sequence[Finding]) -> dict[str, object]:
    """The content of the JSON document."""
    return {
        "ok": all(finding.verdict is not Verdict.PROBLEM for finding in findings),
        "checks": [
            {"check": finding.check, "verdict": str(finding.verdict), "found": finding.found, "help": finding.help}
            for finding in findings
        ],
    }
