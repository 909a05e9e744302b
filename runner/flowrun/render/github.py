"""Findings as GitHub Actions workflow commands, which become annotations of a pull request.

Source of the form and its escapes: GitHub's "Workflow commands for GitHub Actions" and `actions/toolkit`.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowrun.diagnostics import Diagnostic, in_order
from flowrun.render.ink import visible


def diagnostics_github(findings: Iterable[Diagnostic]) -> str:
    """One line a finding; columns only where the finding is on one line, since GitHub takes no others."""
    return "".join(_command(finding) for finding in in_order(findings))


def _command(finding: Diagnostic) -> str:
    span = finding.span
    properties = {"file": span.file, "line": span.line, "endLine": span.end_line, "title": finding.code}
    if span.line == span.end_line:
        properties |= {"col": span.column, "endColumn": span.end_column}
    where = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    parts = [finding.message, *(f"{one.message}: {one.span.file}:{one.span.line}" for one in finding.related)]
    if finding.help:
        parts.append(f"help: {finding.help}")
    return f"::{finding.severity} {where}::{'%0A'.join(_data(part) for part in parts)}\n"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
