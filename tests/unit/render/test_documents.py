"""Findings as documents: the shapes that programs rest on, and the escapes of each format."""

from __future__ import annotations

import json
from typing import Any

from flowrun.diagnostics import Related, Span, error, warning
from flowrun.render.github import diagnostics_github
from flowrun.render.json import diagnostics_document, document
from flowrun.render.sarif import diagnostics_sarif

_FILE = "flows/продажи, a.yaml"
_SPAN = Span(_FILE, 4, 3, 4, 9)
_FINDING = error("FR510", "100% of 'x'", _SPAN, "rename it", [Related("first", Span("b.yaml", 1, 2, 1, 3))])


def test_json_is_as_documented() -> None:
    assert json.loads(diagnostics_document([_FINDING])) == {
        "version": 1,
        "ok": False,
        "count": 1,
        "diagnostics": [
            {
                "code": "FR510",
                "severity": "error",
                "message": "100% of 'x'",
                "file": _FILE,
                "line": 4,
                "column": 3,
                "end_line": 4,
                "end_column": 9,
                "help": "rename it",
                "related": [{"message": "first", "file": "b.yaml", "line": 1, "column": 2}],
            }
        ],
    }


def test_json_is_ok_with_warnings_unless_strict() -> None:
    findings = [warning("FR310", "w", _SPAN)]
    assert json.loads(diagnostics_document(findings))["ok"] is True
    assert json.loads(diagnostics_document(findings, strict=True))["ok"] is False
    assert json.loads(diagnostics_document([], strict=True))["ok"] is True


def test_json_lists_a_thousand_errors_first_and_counts_all() -> None:
    findings = [warning("FR310", "w", Span("a", line, 1, line, 2)) for line in range(1, 1500)]
    shown = json.loads(diagnostics_document([*findings, error("FR401", "e", Span("z", 1, 1, 1, 2))]))
    assert (shown["count"], len(shown["diagnostics"])) == (1500, 1000)
    assert shown["diagnostics"][-1]["code"] == "FR401"


def test_json_keeps_text_readable_and_escapes_what_steers_or_breaks() -> None:
    nasty = "Ж🎉 \x1b \x7f \x9b \u2028 \u202e \ud800 \n"
    text = document({"text": nasty})
    assert "Ж🎉" in text
    assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}
    assert json.loads(text)["text"] == nasty
    text.encode()


def test_github_escapes_properties_and_data() -> None:
    assert diagnostics_github([_FINDING]) == (
        "::error file=flows/продажи%2C a.yaml,line=4,endLine=4,title=FR510,col=3,endColumn=9::"
        "100%25 of 'x'%0Afirst: b.yaml:1%0Ahelp: rename it\n"
    )


def test_github_data_can_not_start_a_command_of_its_own() -> None:
    text = diagnostics_github([warning("FR310", "x\n::error::y", Span("a\n::b", 1, 1, 3, 2))])
    assert text.count("\n") == 1
    assert text.startswith("::warning file=a\\n%3A%3Ab,line=1,endLine=3,title=FR310::")
    assert "col=" not in text


def test_sarif_has_rules_exact_regions_and_uris() -> None:
    log: Any = json.loads(diagnostics_sarif([_FINDING], {"FR510": "declared twice", "FR401": "an unknown key"}))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["FR401", "FR510"]
    (result,) = run["results"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "FR510"
    assert result["level"] == "error"
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 4, "startColumn": 3, "endLine": 4, "endColumn": 9}
    assert place["artifactLocation"]["uri"] == "flows/%D0%BF%D1%80%D0%BE%D0%B4%D0%B0%D0%B6%D0%B8%2C%20a.yaml"
    assert result["relatedLocations"][0]["message"] == {"text": "first"}
