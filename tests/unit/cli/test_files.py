"""The commands that need the files only, as a user calls them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from flowrun.cli import main
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.config import load
from flowrun.store.connection import files_of

_FLOW = """\
flowrun: 1
project: acme
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
tunnels:
  quick: {from: sales.new, to: sales.won, action: move, when: deal.title is not none}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FLOWS", "STORE", "ENV", "VAR", "COLOR", "NOW"):
        monkeypatch.delenv(f"FLOWRUN_{name}", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(_FLOW)
    return tmp_path


def _break(project: Path) -> None:
    (project / "flows" / "a.yaml").write_text(_FLOW.replace("deal.title", "deal.titel"))


def test_validate_is_calm_about_good_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == Status.FINE
    assert capsys.readouterr() == ("✓ no problems in 1 file\n", "")


def test_validate_shows_errors_beside_the_result(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _break(project)
    assert main(["validate"]) == Status.FAILED
    out, told = capsys.readouterr()
    assert out == ""
    assert told.startswith("error[FR203]: a deal has no field 'titel'\n --> flows/a.yaml:6:")
    assert told.endswith("✗ 1 error in 1 file\n")


def test_validate_writes_one_document(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--format", "json"]) == Status.FINE
    assert json.loads(capsys.readouterr().out)["ok"] is True
    _break(project)
    for format_ in ("json", "sarif", "github"):
        assert main(["validate", "--format", format_]) == Status.FAILED
        out, told = capsys.readouterr()
        assert "FR203" in out
        assert told == ""


def test_strict_makes_warnings_fail(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "flows" / "b.yaml").write_text("flowrun: 1\ntunnels:\n")
    assert main(["validate"]) == Status.FINE
    out, told = capsys.readouterr()
    assert out == "✓ 1 warning in 2 files\n"
    assert told.startswith("warning[FR")
    assert main(["validate", "--strict"]) == Status.FAILED
    assert main(["validate", "--strict", "--format", "json"]) == Status.FAILED


def test_validate_takes_paths_instead_of_the_folder(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _break(project)
    (project / "good.yaml").write_text(_FLOW)
    assert main(["validate", "good.yaml"]) == Status.FINE
    assert main(["validate", "good.yaml", "gone.yaml"]) == Status.FAILED
    assert "gone.yaml" in capsys.readouterr().err


def test_validate_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(_FLOW.replace("title", "titel").encode())))
    assert main(["validate", "-"]) == Status.FAILED
    assert " --> <stdin>:6:" in capsys.readouterr().err


def test_standard_input_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-", "flows"]) == Status.USAGE
    assert capsys.readouterr().err.startswith("error: '-' is standard input and stands alone\n")


def test_validate_of_a_folder_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--flows", "nowhere"]) == Status.FAILED
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(("format_", "start"), [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg ")])
def test_graph_draws(format_: str, start: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--format", format_]) == Status.FINE
    out = capsys.readouterr().out
    assert out.startswith(start)
    assert "quick" in out


def test_graph_of_a_pipeline_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--pipeline", "sale"]) == Status.USAGE
    assert capsys.readouterr() == ("", "error: there is no pipeline 'sale'\nhelp: did you mean 'sales'?\n")


def test_graph_of_files_with_errors(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _break(project)
    assert main(["graph"]) == Status.FAILED
    out, told = capsys.readouterr()
    assert out == ""
    assert told.endswith("error: the flow files have 1 error\n")


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == Status.FINE
    assert json.loads(capsys.readouterr().out)["title"].startswith("flowrun")


def test_init_starts_a_project_without_a_finding(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "New Shop"]) == Status.FINE
    out = capsys.readouterr().out
    assert "  cd 'New Shop'\n  flowrun validate\n" in out
    loaded = load(project / "New Shop" / "flows")
    assert loaded.findings == ()
    assert loaded.flow is not None
    assert loaded.flow.project == "new-shop"
    assert json.loads((project / "New Shop" / "schemas" / "flow.v1.json").read_text())["title"].startswith("flowrun")


def test_the_starter_names_the_schema_that_comes_with_it(project: Path) -> None:
    main(["init", "shop"])
    for file in (project / "shop" / "flows").iterdir():
        comment = file.read_text().splitlines()[0]
        named = comment.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / named).resolve().is_file()


def test_the_starter_deals_fit_its_flow(project: Path) -> None:
    main(["init", "shop"])
    flow = load(project / "shop" / "flows").flow
    assert flow is not None
    deals = [json.loads(text) for text in (project / "shop" / "deals.jsonl").read_text().splitlines()]
    assert deals
    for deal in deals:
        assert deal["at"] in flow.stages
        assert deal.keys() <= {"id", "at", "title", "owner", *flow.fields}


@pytest.mark.parametrize("there", ["flows/other.yaml", "deals.jsonl", "schemas/flow.v1.json"])
def test_init_overwrites_nothing_and_then_writes_nothing(
    there: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "shop" / there).parent.mkdir(parents=True, exist_ok=True)
    (project / "shop" / there).write_text("mine")
    assert main(["init", "shop"]) == Status.FAILED
    assert capsys.readouterr().err.startswith(f"error: shop/{there} is there already")
    files = [path for path in (project / "shop").rglob("*") if path.is_file()]
    assert [(path.relative_to(project / "shop").as_posix(), path.read_text()) for path in files] == [(there, "mine")]


def test_init_keeps_every_file_of_a_store_out_of_git(project: Path) -> None:
    assert main(["init", "shop"]) == Status.FINE
    patterns = (project / "shop" / ".gitignore").read_text().split()
    for file in files_of(Session().store):
        assert any(file.match(pattern) for pattern in patterns), file


def test_init_leaves_an_ignore_file_as_it_is(project: Path) -> None:
    (project / "shop").mkdir()
    (project / "shop" / ".gitignore").write_text("mine")
    assert main(["init", "shop"]) == Status.FINE
    assert (project / "shop" / ".gitignore").read_text() == "mine"
