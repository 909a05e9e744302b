"""Documents in JSON: one per command, with `"version": 1` first (cli.md, "JSON shapes")."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from flowrun.diagnostics import Diagnostic, Span, has_errors, in_order
from flowrun.render.text import first

VERSION = 1
"""The version of every JSON document on the command line: keys may be added, never renamed."""

LISTED = 1000
"""How many findings a document lists (cli.md, "Diagnostics"); `count` is of all."""

_RAW = re.compile("[\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def document(content: Mapping[str, object]) -> str:
    """A JSON document: readable text as it is, whatever steers a terminal or has no encoding as `\\u` escapes."""
    text = json.dumps({"version": VERSION, **content}, ensure_ascii=False, indent=2)
    return _RAW.sub(lambda match: f"\\u{ord(match.group()):04x}", text) + "\n"


def diagnostics_document(findings: Iterable[Diagnostic], *, strict: bool = False) -> str:
    """The findings, at most 1,000 of them, and the count of all. `ok` is false if something makes the command fail."""
    ordered = in_order(findings)
    return document(
        {
            "ok": not (has_errors(ordered) or (strict and ordered)),
            "count": len(ordered),
            "diagnostics": [finding_content(finding) for finding in first(ordered, LISTED)],
        }
    )


def finding_content(finding: Diagnostic) -> dict[str, object]:
    """A finding as documents have it (cli.md, "Diagnostics")."""
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "message": finding.message,
        **_start(finding.span),
        "end_line": finding.span.end_line,
        "end_column": finding.span.end_column,
        "help": finding.help,
        "related": [{"message": related.message, **_start(related.span)} for related in finding.related],
    }


def _start(span: Span) -> dict[str, object]:
    return {"file": span.file, "line": span.line, "column": span.column}
