"""Findings as SARIF 2.1.0, for code scanning (OASIS standard, sections 3.13 to 3.27)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from flowrun import __version__
from flowrun.diagnostics import Diagnostic, Span, in_order

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def diagnostics_sarif(findings: Iterable[Diagnostic], rules: Mapping[str, str]) -> str:
    """A log of one run. `rules` maps every code that may occur to its one-line meaning."""
    ordered = in_order(findings)
    codes = sorted({*rules, *(finding.code for finding in ordered)})
    index = {code: position for position, code in enumerate(codes)}
    run = {
        "tool": {
            "driver": {"name": "flowrun", "version": __version__, "rules": [_rule(code, rules) for code in codes]}
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, index[finding.code]) for finding in ordered],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2) + "\n"


def _rule(code: str, rules: Mapping[str, str]) -> dict[str, object]:
    return {"id": code, "shortDescription": {"text": rules.get(code, code)}}


def _result(finding: Diagnostic, rule: int) -> dict[str, object]:
    message = finding.message + (f"\n{finding.help}" if finding.help else "")
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": str(finding.severity),
        "message": {"text": message},
        "locations": [{"physicalLocation": _location(finding.span)}],
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": related.message}, "physicalLocation": _location(related.span)}
            for number, related in enumerate(finding.related, start=1)
        ]
    return result


def _location(span: Span) -> dict[str, object]:
    return {
        "artifactLocation": {"uri": quote(span.file)},
        "region": {
            "startLine": span.line,
            "startColumn": span.column,
            "endLine": span.end_line,
            "endColumn": span.end_column,
        },
    }
