"""Results of scenarios as JUnit XML, as CI systems read it: a suite a file, a case a scenario.

What XML 1.0 has no place for (control characters, even escaped) is written as `visible` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from flowrun.engine.expectations import Failure
from flowrun.engine.scenario import Result
from flowrun.render.ink import visible
from flowrun.render.moment import moment


def results_junit(results: Mapping[str, Iterable[Result]], timezone: str) -> str:
    """The document."""
    suites = {file: [*found] for file, found in results.items()}
    every = [result for found in suites.values() for result in found]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<testsuites{_attributes(name='flowrun', **_counts(every))}>",
    ]
    for file, found in suites.items():
        lines.append(f"  <testsuite{_attributes(name=file, **_counts(found))}>")
        for result in found:
            lines += _case(file, result, timezone)
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _counts(results: list[Result]) -> dict[str, object]:
    failed = sum(not result.ok for result in results)
    return {"tests": len(results), "failures": failed, "errors": 0, "skipped": 0}


def _case(file: str, result: Result, timezone: str) -> list[str]:
    scenario = result.scenario
    named = _attributes(name=scenario.name, classname=file, file=file, line=scenario.span.line)
    if result.ok:
        return [f"    <testcase{named}/>"]
    says = [_says(failure, timezone) for failure in result.failures]
    text = "".join(f"\n{escape(visible(one))}" for one in says)
    return [
        f"    <testcase{named}>",
        f"      <failure{_attributes(message=says[0], type='expectation')}>{text}",
        "      </failure>",
        "    </testcase>",
    ]


def _says(failure: Failure, timezone: str) -> str:
    span = failure.span
    at = moment(failure.at, timezone)
    return f"{span.file}:{span.line}:{span.column}: expected {failure.expected}, found {failure.found} ({at})"


def _attributes(**values: object) -> str:
    return "".join(f" {name}={quoteattr(visible(str(value)))}" for name, value in values.items())
