"""`# flowrun: ignore[FR310] reason`: comments that silence warnings.

One at the end of a line speaks of that line; one that stands alone, of the next line that is no such comment. The
reason is for readers and may be left out. Errors can't be silenced. A code that silences nothing is a warning itself,
but only where no error has kept warnings from being found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowrun.diagnostics import Diagnostic, Severity, Span, has_errors, warning
from flowrun.yamldoc import Comment

_IGNORE = re.compile(r"\s*flowrun:\s*ignore\b\s*(?:\[([^\]]*)\])?")
_CODE = re.compile(r"FR\d{3}")


@dataclass(frozen=True, slots=True)
class _Ignore:
    code: str
    file: str
    line: int
    """The line that it speaks of."""
    span: Span


def apply_ignores(findings: Iterable[Diagnostic], comments: Iterable[Comment]) -> list[Diagnostic]:
    """The findings that no comment silences, with those about the comments themselves."""
    findings = list(findings)
    ignores, kept = _read(comments)
    by_line: dict[tuple[str, int, str], _Ignore] = {(one.file, one.line, one.code): one for one in ignores}
    used: set[_Ignore] = set()
    for finding in findings:
        ignore = by_line.get((finding.span.file, finding.span.line, finding.code))
        if ignore is not None and finding.severity is Severity.WARNING:
            used.add(ignore)
        else:
            kept.append(finding)
    if not has_errors(kept):
        kept.extend(_idle(one) for one in ignores if one not in used)
    return kept


def _idle(ignore: _Ignore) -> Diagnostic:
    hint = "remove it; it speaks of its own line, or of the line below if it stands alone"
    return warning(
        "FR901", f"this silences nothing: there is no warning {ignore.code} on line {ignore.line}", ignore.span, hint
    )


def _read(comments: Iterable[Comment]) -> tuple[list[_Ignore], list[Diagnostic]]:
    """The comments that are ignores, and findings about those that nearly are."""
    ignores: list[_Ignore] = []
    bad: list[Diagnostic] = []
    for comment, match, line in _spoken_of(comments):
        codes = [code.strip() for code in (match[1] or "").split(",")]
        if all(map(_CODE.fullmatch, codes)):
            ignores.extend(_Ignore(code, comment.span.file, line, comment.span) for code in codes)
        else:
            hint = "for example: # flowrun: ignore[FR310] the deal leaves by hand"
            bad.append(warning("FR902", "an ignore comment names its codes in brackets", comment.span, hint))
    return ignores, bad


def _spoken_of(comments: Iterable[Comment]) -> Iterator[tuple[Comment, re.Match[str], int]]:
    """Ignore comments, each with the line that it speaks of: a run of comments above a line speaks of that line."""
    run: list[tuple[Comment, re.Match[str]]] = []
    last: Comment | None = None
    for comment in comments:
        if last and (comment.span.file, comment.span.line) != (last.span.file, last.span.line + 1):
            yield from ((one, match, last.span.line + 1) for one, match in run)
            run = []
        match = _IGNORE.match(comment.text)
        if not comment.alone:
            if last and run:
                yield from ((one, found, last.span.line + 1) for one, found in run)
                run = []
            if match:
                yield comment, match, comment.span.line
        elif match:
            run.append((comment, match))
        last = comment
    if last:
        yield from ((one, match, last.span.line + 1) for one, match in run)
