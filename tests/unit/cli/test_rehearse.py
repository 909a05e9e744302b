"""`flowrun test`, as a user calls it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from flowrun.cli import main
from flowrun.cli.status import Status

FLOW = """\
flowrun: 1
project: acme
vars: {big: {type: integer, default: 5}}
fields: {seats: integer}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
tunnels:
  quick: {from: sales.new, to: sales.won, action: move, when: deal.seats >= vars.big}
  never: {from: sales.new, to: sales.won, action: move, when: deal.seats == 1, mode: off}
environments:
  easy: {vars: {big: 1}}
"""
TESTS = """\
flowrun: 1
tests:
  - name: a big one is quick
    now: 2026-03-02T10:00
    given: [{id: d1, at: sales.new, seats: 5}]
    steps:
      - expect: {deals: {d1: {at: sales.won}}}
  - name: a SMALL one waits
    now: 2026-03-02T10:00
    given: [{id: d1, at: sales.new, seats: 4}]
    steps:
      - expect: {not_fired: [{deal: d1, tunnel: quick, because: condition}]}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FLOWS", "STORE", "ENV", "VAR", "COLOR", "NOW"):
        monkeypatch.delenv(f"FLOWRUN_{name}", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW)
    (tmp_path / "flows" / "a.test.yaml").write_text(TESTS)
    return tmp_path


def test_it_is_calm_about_what_holds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test"]) == Status.FINE
    assert capsys.readouterr() == ("✓ 2 scenarios in 1 file\n", "")
    assert sorted(path.name for path in project.rglob("*")) == ["a.test.yaml", "a.yaml", "flows"]


def test_what_does_not_hold_is_shown_at_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--env", "easy"]) == Status.FAILED
    out, told = capsys.readouterr()
    assert told == ""
    assert (
        out
        == """\
failed: a SMALL one waits

expected no firing, found one at 2026-03-02 10:00 (2026-03-02 10:00)
  --> flows/a.test.yaml:12:30
   |
12 |       - expect: {not_fired: [{deal: d1, tunnel: quick, because: condition}]}
   |                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ one at 2026-03-02 10:00

✗ 1 of 2 scenarios failed, in 1 file
"""
    )
    assert main(["test", "--var", "big=4"]) == Status.FAILED


def test_only_some_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "-k", "small", "--env", "easy"]) == Status.FAILED
    assert main(["test", "-k", "BIG", "--env", "easy"]) == Status.FINE
    assert "✓ 1 scenario in 1 file" in capsys.readouterr().out
    assert main(["test", "-k", "nothing"]) == Status.FAILED
    assert capsys.readouterr() == ("", "error: there is no scenario with 'nothing' in its name\n")


def test_scenarios_may_lie_elsewhere(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "more").mkdir()
    (project / "flows" / "a.test.yaml").rename(project / "more" / "b.test.yml")
    assert main(["test", "more"]) == Status.FINE
    assert main(["test", "more/b.test.yml"]) == Status.FINE
    assert main(["test"]) == Status.FAILED
    assert capsys.readouterr().err == (
        "error: there is no scenario in flows\nhelp: write one: a file *.test.yaml with `tests:`\n"
    )


def test_a_folder_or_file_without_a_scenario_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "empty").mkdir()
    assert main(["test", "flows", "empty"]) == Status.FAILED
    assert capsys.readouterr().err.startswith("error: there is no scenario in empty\n")
    (project / "flows" / "b.test.yaml").write_text("flowrun: 1\ntests: []\n")
    assert main(["test"]) == Status.FAILED
    assert "error[FR707]" in capsys.readouterr().err
    assert main(["test", "flows/a.test.yaml"]) == Status.FINE
    assert main(["test", "gone.test.yaml"]) == Status.FAILED
    assert main(["test", "flows/a.yaml"]) == Status.USAGE
    assert "flows/a.yaml is no file of scenarios" in capsys.readouterr().err


def test_files_with_errors_are_not_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "flows" / "a.yaml").write_text(FLOW.replace("deal.seats >=", "deal.seets >="))
    assert main(["test"]) == Status.FAILED
    out, told = capsys.readouterr()
    assert out == ""
    assert told.endswith("error: the flow files have 1 error\n")


def test_coverage_says_what_no_scenario_shows(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A tunnel that is off can't fire, and is not asked for."""
    assert main(["test", "--coverage", "--min-coverage", "100"]) == Status.FINE
    assert capsys.readouterr().out == "✓ 2 scenarios in 1 file\ncoverage 100 %\n"
    assert main(["test", "--coverage", "-k", "big"]) == Status.FINE
    assert capsys.readouterr().out.endswith("coverage 50 %\n  never held back: quick\n")
    assert main(["test", "--min-coverage", "51", "-k", "small"]) == Status.FAILED
    says = "✗ coverage 50 %, and at least 51 % is asked for\n  never fired: quick\n"
    assert capsys.readouterr().out.endswith(says)
    assert main(["test", "--min-coverage", "50", "-k", "small"]) == Status.FINE


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--format", "json", "--env", "easy", "--coverage"]) == Status.FAILED
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    assert document["ok"] is False
    assert document["summary"] == {"scenarios": 2, "failed": 1}
    good, bad = document["scenarios"]
    assert good == {
        "name": "a big one is quick",
        "file": "flows/a.test.yaml",
        "line": 3,
        "column": 11,
        "ok": True,
        "failures": [],
    }
    assert bad["failures"] == [
        {
            "expected": "no firing",
            "found": "one at 2026-03-02 10:00",
            "at": "2026-03-02T10:00:00.000Z",
            "file": "flows/a.test.yaml",
            "line": 12,
            "column": 30,
            "end_line": 12,
            "end_column": 75,
        }
    ]
    assert document["coverage"] == {
        "percent": 50,
        "tunnels": [{"id": "quick", "fired": True, "held_back": False}],
    }


def test_junit_is_xml_whatever_a_scenario_is_called(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = TESTS.replace("a big one is quick", "\"<big> & 'quick'\"").replace("a SMALL one waits", "größer ]]>")
    (project / "flows" / "a.test.yaml").write_text(names)
    assert main(["test", "--format", "junit", "--env", "easy", "--coverage"]) == Status.FAILED
    out, told = capsys.readouterr()
    assert told == "coverage 50 %\n  never held back: quick\n"
    suites = ET.fromstring(out)
    assert suites.attrib == {"name": "flowrun", "tests": "2", "failures": "1", "errors": "0", "skipped": "0"}
    (suite,) = suites
    file = "flows/a.test.yaml"
    assert suite.attrib["name"] == file
    good, bad = suite
    assert good.attrib["name"] == "<big> & 'quick'"
    assert len(good) == 0
    assert bad.attrib == {"name": "größer ]]>", "classname": file, "file": file, "line": "8"}
    failure = bad[0]
    says = "expected no firing, found one at 2026-03-02 10:00 (2026-03-02 10:00)"
    assert failure.attrib["message"] == f"{file}:12:30: {says}"
    assert failure.text is not None
    assert failure.attrib["message"] in failure.text


def test_junit_shows_what_xml_has_no_place_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TESTS.replace("not_fired: [", "deals: {d1: {title: x}}, not_fired: [")
    text = text.replace("seats: 4", 'title: "\\u009b<\\r"')
    (project / "flows" / "a.test.yaml").rename(project / "flows" / "\x01.test.yaml").write_text(text)
    assert main(["test", "--format", "junit"]) == Status.FAILED
    suites = ET.fromstring(capsys.readouterr().out)
    (failure,) = suites.iter("failure")
    assert suites[0].attrib["name"] == "flows/\\x01.test.yaml"
    assert failure.text is not None
    for says in (failure.attrib["message"], failure.text):
        assert "flows/\\x01.test.yaml:12:38: expected 'x', found '\\x9b<\\r'" in says


@pytest.mark.parametrize("command", ["test", "validate"])
def test_watching_is_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--watch", "--format", "json"]) == Status.USAGE
    assert capsys.readouterr().err.startswith("error: --watch shows text")


def test_standard_input_is_not_watched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-", "--watch"]) == Status.USAGE
    assert "standard input is read once" in capsys.readouterr().err
