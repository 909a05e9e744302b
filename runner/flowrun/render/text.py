"""Findings for people: the message, the place, the source lines with carets under the exact span, and what to do.

The layout is that of compilers people know; the snippet of a second place follows the first. Findings are shown in
the order of the files, but where there are more than fit, errors are shown before warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowrun.diagnostics import Diagnostic, Severity, Span, in_order
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.snippet import Source, snippet

SHOWN = 50
"""How many findings text prints (cli.md, "Diagnostics")."""

_INK = {Severity.ERROR: Ink.ERROR, Severity.WARNING: Ink.WARNING}


def diagnostics_text(findings: Iterable[Diagnostic], sources: Mapping[str, str], room: int = 100) -> list[Line]:
    """All findings, a blank line after each, at most 50; then how many more there are.

    `sources` maps each file to its text; a finding about a file that isn't there has no snippet. `room` is the width
    in terminal columns that source lines may take.
    """
    ordered = in_order(findings)
    shown = first(ordered, SHOWN)
    texts = {file: Source(text) for file, text in sources.items()}
    lines: list[Line] = []
    for finding in shown:
        lines += [*_finding(finding, texts, room), ()]
    if len(ordered) > len(shown):
        lines += [line(f"… and {len(ordered) - len(shown)} more; --format json lists the first 1,000"), ()]
    return lines


def first(findings: Sequence[Diagnostic], limit: int) -> Sequence[Diagnostic]:
    """At most `limit` of the findings, errors before warnings, in the order in which they came."""
    if len(findings) <= limit:
        return findings
    by_weight = sorted(range(len(findings)), key=lambda index: findings[index].severity is not Severity.ERROR)
    return [findings[index] for index in sorted(by_weight[:limit])]


def tally(findings: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; empty where there is nothing."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return ", ".join(counted(count, str(severity)) for severity, count in counts.items() if count)


def verdict(findings: Iterable[Diagnostic], files: int, *, ok: bool) -> Line:
    """The last line: what was found, in how many files."""
    found = tally(findings) or "no problems"
    return line(Run("✓ ", Ink.GREEN) if ok else Run("✗ ", Ink.RED), Run(f"{found} in {counted(files, 'file')}"))


def counted(count: int, noun: str) -> str:
    """`1 file`, `1,200 files`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _finding(finding: Diagnostic, texts: Mapping[str, Source], room: int) -> list[Line]:
    ink = _INK[finding.severity]
    places = [finding.span, *(related.span for related in finding.related)]
    gutter = max(len(str(last_line(span, texts))) for span in places)
    lines = [
        line(Run(f"{finding.severity}[{finding.code}]", ink), Run(f": {finding.message}", Ink.BOLD)),
        *place("-->", finding.span, texts, gutter, Run("^", ink), "", room),
    ]
    for related in finding.related:
        lines += place(":::", related.span, texts, gutter, Run("-", Ink.BLUE), related.message, room)
    if finding.help:
        lines.append(line(" " * gutter, Run(" = help: ", Ink.BLUE), finding.help))
    return lines


def place(
    arrow: str, span: Span, texts: Mapping[str, Source], gutter: int, mark: Run, label: str, room: int
) -> list[Line]:
    """Where something stands: the place, and its lines with marks under it (see `snippet`)."""
    shown = snippet(texts[span.file], span, gutter, mark, label, room) if span.file in texts else []
    where = f"{span.file}:{span.line}:{span.column}"
    if label and not shown:
        where += f": {label}"
    return [line(" " * gutter, Run(f"{arrow} ", Ink.BLUE), where), *shown]


def last_line(span: Span, texts: Mapping[str, Source]) -> int:
    """The last line that is shown of a span: as wide as its number, the gutter is."""
    source = texts.get(span.file)
    return min(span.end_line, len(source.lines)) if source else span.line
