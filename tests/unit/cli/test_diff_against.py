"""`diff --against`, as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from flowrun.cli import main
from flowrun.cli.status import Status

FLOW = """\
flowrun: 1
pipelines: {sales: {stages: [new, {id: won, outcome: won}]}}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, after: 2d}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("GIT_", "FLOWRUN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("FLOWRUN_STORE", "nonsense://nowhere")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *arguments], check=True)
    return tmp_path


def test_against_a_revision_needs_no_store(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "--against", "main", "--exit-code"]) == Status.FINE
    assert capsys.readouterr().out.endswith("\nNo changes: both mean the same.\n")
    (project / "flows" / "a.yaml").write_text(FLOW.replace("2d", "1d"))
    assert main(["diff", "--against", "main", "--exit-code"]) == Status.DIFFERENCES
    out, told = capsys.readouterr()
    assert out.endswith("with changes\n~ tunnel win   flows/a.yaml:4\n    after: 2d → 1d\nPlan: 1 to change.\n")
    assert told == ""
    assert main(["diff", "--against", "main", "--format", "json"]) == Status.FINE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["version"], shown["impact"]["deals"], shown["base"]["ref"]) == (1, None, "main")
    assert main(["diff", "--against", "main", "--format", "markdown"]) == Status.FINE
    out = capsys.readouterr().out
    assert '  n_sales_snew -->|"changed: win · move, after 1d"| n_sales_swon\n' in out
    assert sorted(path.name for path in project.iterdir()) == [".git", "flows"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--against", "nowhere"], 1, "error: git has no commit 'nowhere' here\nhelp: "),
        (["--against", "-x"], 64, "error: '-x' is no git revision\nhelp: "),
        (["--against", "main", "--samples", "3"], 64, "error: --against looks at no deals\nhelp: "),
        (["--against", "main", "--sum", "amount"], 64, "error: --against looks at no deals\nhelp: "),
    ],
)
def test_what_makes_no_sense_is_said(
    arguments: list[str], status: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", *arguments]) == status
    assert capsys.readouterr().err.startswith(says)


def test_mistakes_of_the_past_are_named_with_the_revision(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "flows" / "a.yaml").write_text(FLOW.replace("2d", "2x"))
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-a", "-m", "x"], check=True)
    (project / "flows" / "a.yaml").write_text(FLOW)
    assert main(["diff", "--against", "main"]) == Status.FAILED
    told = capsys.readouterr().err
    assert " --> main:flows/a.yaml:4:" in told
    assert told.endswith("error: the flow files at main have 1 error\n")
