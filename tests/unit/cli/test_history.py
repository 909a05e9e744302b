"""`explain` and `prune` as commands, on a store in a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowrun.cli import main
from flowrun.cli.status import Status
from flowrun.clock import SystemClock
from flowrun.config import load_texts
from flowrun.engine.live import apply_flow
from flowrun.errors import Refused
from flowrun.store.connection import open_store
from flowrun.store.revisions import Author

_FLOW = """flowrun: 1
project: acme
fields: {paid: {type: boolean, default: false}}
pipelines: {sales: {stages: [new, docs, won]}}
tunnels:
  first: {from: sales.new, to: sales.docs, action: move}
  then: {from: sales.docs, to: sales.won, action: move, after: 1h, when: deal.paid}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FLOWS", "STORE", "ENV", "VAR", "COLOR", "NOW", "DEBUG"):
        monkeypatch.delenv(f"FLOWRUN_{name}", raising=False)
    Path("flows").mkdir()
    Path("flows/a.yaml").write_text(_FLOW)
    _at(monkeypatch, "2026-03-02T10:00Z")
    assert main(["apply", "--yes"]) == Status.FINE
    assert main(["deals", "add", "--id", "d1", "--at", "sales.new", "paid=true"]) == Status.FINE
    assert main(["run", "--until-idle"]) == Status.FINE
    capsys.readouterr()


def _at(monkeypatch: pytest.MonkeyPatch, instant: str) -> None:
    monkeypatch.setenv("FLOWRUN_NOW", instant)


def test_explain_says_when_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "d1"]) == Status.FINE
    out = capsys.readouterr().out
    assert "then   move to sales.won   flows/a.yaml:7\n  waits until 2026-03-02 11:00: due\n" in out
    column = _FLOW.splitlines()[6].index("deal.paid") + 1
    assert f"  ✓ deal.paid   flows/a.yaml:7:{column}\n" in out
    assert main(["explain", "d1", "--tunnel", "first", "--format", "json"]) == Status.FINE
    shown = json.loads(capsys.readouterr().out)
    assert shown["version"] == 1
    assert [(one["tunnel"], one["verdict"], one["reason"]) for one in shown["tunnels"]] == [
        ("first", "blocked", "stage")
    ]


def test_explain_of_names_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "d2"]) == Status.FAILED
    assert main(["explain", "d1", "--tunnel", "fist"]) == Status.FAILED
    told = capsys.readouterr().err
    assert "error: there is no deal 'd2'\n" in told
    assert "error: there is no tunnel 'fist'\nhelp: did you mean 'first'?\n" in told


def test_prune_asks_and_says_how_much(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _at(monkeypatch, "2026-03-02T12:00Z")
    main(["run", "--until-idle"])
    _at(monkeypatch, "2026-06-02T12:00Z")
    capsys.readouterr()
    line = "Older than 2026-05-03 12:00 and of no use: 1 row of the journal, 0 revisions, 0 counts of breakers.\n"
    assert main(["prune", "--older-than", "30d", "--dry-run"]) == Status.FINE
    assert capsys.readouterr().out == line
    monkeypatch.setattr("sys.stdin", None)
    assert main(["prune", "--older-than", "30d"]) == Refused.exit_status
    assert "--yes" in capsys.readouterr().err
    assert main(["prune", "--older-than", "30d", "--yes"]) == Status.FINE
    assert capsys.readouterr().out == f"{line}Pruned 1 row of the journal, 0 revisions, 0 counts of breakers.\n"
    assert main(["prune", "--older-than", "30d", "--yes"]) == Status.FINE
    assert capsys.readouterr().out == "Nothing may go of what is older than 2026-05-03 12:00.\n"


def test_prune_names_what_it_drops_of_removed_fields(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FLOWRUN_NOW")
    assert main(["prune", "--fields", "--yes"]) == Status.FINE
    assert capsys.readouterr().out == "No column of a removed field is left.\n"
    text = _FLOW.replace("boolean, default: false", "text").replace(", when: deal.paid", "")
    changed = load_texts({"a.yaml": text.encode()}).flow
    assert changed is not None
    with open_store("sqlite:///flowrun.db", SystemClock()) as store, store.write() as transaction:
        apply_flow(transaction, changed, {}, Author())
    left = "1 column of fields that the applied revision doesn't have so:\n"
    told = f"{left}  paid (boolean, revision 1): 1 deal holds a value\n"
    assert main(["prune", "--fields", "--dry-run"]) == Status.FINE
    assert capsys.readouterr().out == told
    assert main(["prune", "--fields", "--yes"]) == Status.FINE
    assert capsys.readouterr().out == f"{told}Dropped 1 column:\n  paid (boolean, revision 1): 1 deal held a value\n"


def test_prune_of_nothing_in_particular(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune"]) == Status.USAGE
    assert "--older-than DURATION, --fields" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["30", "10bd", "-3d", "soon"])
def test_prune_of_what_is_no_length_of_time(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prune", f"--older-than={text}"]) == Status.USAGE
    assert capsys.readouterr().err.splitlines()[-1] == "help: write for example 365d or 52w"
