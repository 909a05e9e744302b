"""What came of scenarios: text with what was expected and found beside the line that says so, and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flowrun.clock import iso
from flowrun.diagnostics import Span
from flowrun.engine.expectations import Failure
from flowrun.engine.scenario import Result
from flowrun.render.ink import Ink, Line, Run, line
from flowrun.render.moment import moment
from flowrun.render.snippet import Source
from flowrun.render.text import counted, last_line, place


def failures_text(
    results: Mapping[str, Iterable[Result]], sources: Mapping[str, str], timezone: str, room: int
) -> list[Line]:
    """Every failed scenario with all that is not as expected, a blank line after each."""
    lines: list[Line] = []
    for result in _all(results):
        if result.ok:
            continue
        lines += [line(Run("failed", Ink.ERROR), Run(f": {result.scenario.name}", Ink.BOLD)), ()]
        for failure in result.failures:
            lines += [*_failure(failure, sources, timezone, room), ()]
    return lines


def totals_text(results: Mapping[str, Iterable[Result]]) -> Line:
    """The last line: how many scenarios there were, and how many of them failed."""
    every = _all(results)
    failed = sum(not result.ok for result in every)
    where = counted(len(results), "file")
    if not failed:
        return line(Run("✓ ", Ink.GREEN), f"{counted(len(every), 'scenario')} in {where}")
    return line(Run("✗ ", Ink.RED), f"{failed:,} of {counted(len(every), 'scenario')} failed, in {where}")


def coverage_text(percent: int, never_fired: Iterable[str], never_held: Iterable[str], least: int | None) -> list[Line]:
    """How much of the tunnels the scenarios show, and which of them they don't; `least` is what is asked for."""
    short = f", and at least {least} % is asked for" if least is not None and percent < least else ""
    lines = [line(*([Run("✗ ", Ink.RED)] if short else []), f"coverage {percent} %{short}")]
    for title, tunnels in (("never fired", [*never_fired]), ("never held back", [*never_held])):
        if tunnels:
            lines.append(line(f"  {title}: ", ", ".join(tunnels)))
    return lines


def results_content(results: Mapping[str, Iterable[Result]]) -> dict[str, object]:
    """The results for a JSON document."""
    every = _all(results)
    failed = sum(not result.ok for result in every)
    return {
        "ok": not failed,
        "summary": {"scenarios": len(every), "failed": failed},
        "scenarios": [
            {
                "name": result.scenario.name,
                **_start(result.scenario.span),
                "ok": result.ok,
                "failures": [_content(failure) for failure in result.failures],
            }
            for result in every
        ],
    }


def _all(results: Mapping[str, Iterable[Result]]) -> list[Result]:
    return [result for found in results.values() for result in found]


def _failure(failure: Failure, sources: Mapping[str, str], timezone: str, room: int) -> list[Line]:
    span = failure.span
    texts = {span.file: Source(sources[span.file])} if span.file in sources else {}
    gutter = len(str(last_line(span, texts)))
    when = moment(failure.at, timezone)
    return [
        line("expected ", Run(failure.expected, Ink.BOLD), ", found ", Run(failure.found, Ink.BOLD), f" ({when})"),
        *place("-->", span, texts, gutter, Run("^", Ink.ERROR), failure.found, room),
    ]


def _content(failure: Failure) -> dict[str, object]:
    return {
        "expected": failure.expected,
        "found": failure.found,
        "at": iso(failure.at),
        **_start(failure.span),
        "end_line": failure.span.end_line,
        "end_column": failure.span.end_column,
    }


def _start(span: Span) -> dict[str, object]:
    return {"file": span.file, "line": span.line, "column": span.column}
