"""What flowrun tells an author about a file: one finding, with the exact place it is about.

A user's mistake is a value, collected and returned, never raised: so one run can show all of them.
Codes are stable; people put them in `# flowrun: ignore[FR310]` comments and in CI filters. Each floor
that finds things declares its own codes (`CODES` in `yamldoc`, `expr`, `config`, `sources` and `commands`), in its own
hundred:

- FR0xx  files and projects        - FR3xx  the graph: loops, shadows, dead ends
- FR1xx  YAML as text              - FR4xx  keys and values of the format
- FR2xx  conditions and templates  - FR5xx  references and duplicates
- FR6xx  deals: how a file is mapped, and what a command gives
- FR7xx  scenarios
- FR9xx  flowrun's own comments
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: errors stop every command, warnings only `--strict` ones."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of one file. Lines and columns count from 1, in characters (code points); the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that a finding is also about, such as the first of two declarations."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `message` is a single line in the user's words; `help` says what to do, or is None."""

    code: str
    severity: Severity
    message: str
    span: Span
    help: str | None = None
    related: tuple[Related, ...] = ()


def error(
    code: str,
    message: str,
    span: Span,
    help: str | None = None,  # noqa: A002
    related: Iterable[Related] = (),
) -> Diagnostic:
    """A finding that stops the work."""
    return Diagnostic(code, Severity.ERROR, message, span, help, tuple(related))


def warning(
    code: str,
    message: str,
    span: Span,
    help: str | None = None,  # noqa: A002
    related: Iterable[Related] = (),
) -> Diagnostic:
    """A finding that deserves a look."""
    return Diagnostic(code, Severity.WARNING, message, span, help, tuple(related))


def in_order(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Findings by file, line and column, exact repetitions dropped: the order in which they are shown."""
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda finding: (finding.span, finding.code, finding.message)))


def has_errors(findings: Iterable[Diagnostic]) -> bool:
    """Whether any of the findings is an error."""
    return any(finding.severity is Severity.ERROR for finding in findings)


_LONGEST_WORD = 100
"""Comparing two texts takes a time that grows with their product; nobody mistypes a longer word."""


def did_you_mean(found: str, known: Iterable[str]) -> str | None:
    """A help line naming the closest known word, or None when nothing is close enough to be a typo."""
    from difflib import get_close_matches

    if len(found) > _LONGEST_WORD:
        return None
    close = get_close_matches(found, [word for word in known if len(word) <= _LONGEST_WORD], n=1, cutoff=0.6)
    return f"did you mean '{close[0]}'?" if close else None


def excerpt(text: str, limit: int = 60) -> str:
    """A user's text as a message may show it: on one line, nothing invisible, cut to about `limit` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in cut)
