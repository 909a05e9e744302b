"""What a check comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """A problem is in the way of the work, or will be; a warning deserves a look."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was looked at, the verdict, what was found, and what to do (null: nothing)."""

    check: str
    verdict: Verdict
    found: str
    help: str | None = None


def fine(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check, Verdict.OK, found)


def warning(check: str, found: str, help: str) -> Finding:  # noqa: A002
    """This deserves a look."""
    return Finding(check, Verdict.WARNING, found, help)


def problem(check: str, found: str, help: str | None) -> Finding:  # noqa: A002
    """This is in the way."""
    return Finding(check, Verdict.PROBLEM, found, help)


def size(number: int) -> str:
    """Bytes for people: `12 MiB`."""
    value = float(number)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def span(ms: int) -> str:
    """A stretch of time for people: `45 s`, `3 min`, `5 h`, `12 d`."""
    seconds = ms // 1000
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def counted(number: int, noun: str) -> str:
    """`1 deal`, `12 deals`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
