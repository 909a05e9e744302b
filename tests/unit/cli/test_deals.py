"""The `deals` commands at the terminal: what they print where, and how they exit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowrun.cli import main
from tests.unit.store.example import opened, url


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a store, which is the one that commands use; the clock stands."""
    with opened(tmp_path):
        pass
    monkeypatch.setenv("FLOWRUN_STORE", url(tmp_path))
    monkeypatch.setenv("FLOWRUN_NOW", "2026-03-06T13:00Z")
    return tmp_path


def _lines(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    out, err = capsys.readouterr()
    return out.splitlines(), [line for line in err.splitlines() if "the clock stands" not in line]


@pytest.mark.usefixtures("store")
def test_the_life_of_a_deal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deals", "add", "--at", "sales.new", "--id", "d1", "title=Acme", "amount=5"]) == 0
    assert _lines(capsys) == (["d1"], [])
    assert main(["deals", "set", "d1", "amount=7.5", "title=", "call_at=2026-03-06T14:00"]) == 0
    assert _lines(capsys) == (["d1: amount is 7.50, title is empty, call_at is 2026-03-06 14:00"], [])
    assert main(["deals", "move", "d1", "sales.won"]) == 0
    assert _lines(capsys) == (["d1 stands in sales.won."], [])
    assert main(["deals", "list"]) == 0
    out, _ = _lines(capsys)
    assert [line.split() for line in out] == [
        ["id", "stage", "since", "owner", "title"],
        ["d1", "sales.won", "2026-03-06", "14:00"],
    ]
    assert main(["deals", "show", "d1"]) == 0
    out, _ = _lines(capsys)
    assert out[0] == "d1"
    assert "  since     2026-03-06 14:00 (entry 2)" in out
    assert "  amount    7.50" in out
    assert main(["deals", "delete", "d1"]) == 0
    assert _lines(capsys) == (["d1 is deleted."], [])
    assert main(["deals", "list"]) == 0
    assert _lines(capsys) == (["No deals."], [])


@pytest.mark.usefixtures("store")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    shape = {
        "id": "d1",
        "title": "Acme",
        "owner": None,
        "pipeline": "sales",
        "stage": "sales.new",
        "entry": 1,
        "entered_at": "2026-03-06T13:00:00.000Z",
        "created_at": "2026-03-06T13:00:00.000Z",
        "updated_at": "2026-03-06T13:00:00.000Z",
        "origin": None,
        "origin_tunnel": None,
        "fields": {
            "amount": "5.00",
            "seats": None,
            "source": None,
            "currency": "EUR",
            "paid": False,
            "account": None,
            "closes": None,
            "call_at": "2026-03-06T13:00:00.000Z",
            "tags": ["a", "b"],
        },
    }
    values = ["title=Acme", "amount=5", "call_at=2026-03-06T14:00", "tags=b,a"]
    for command, expected in (
        (["add", "--at", "sales.new", "--id", "d1", *values], {"deal": shape}),
        (["set", "d1", "title=Acme"], {"deal": shape}),
        (["move", "d1", "sales.new"], {"deal": shape}),
        (["show", "d1"], {"deal": shape}),
        (["list"], {"count": 1, "deals": [shape]}),
        (["list", "--count", "--pipeline", "support"], None),
        (["delete", "d1"], {"deleted": "d1"}),
    ):
        assert main(["deals", *command, "--format", "json"]) == 0
        found = json.loads(capsys.readouterr().out)
        if expected is None:
            stages = [{"id": "support.open", "deals": 0}, {"id": "support.closed", "deals": 0}]
            expected = {"count": 0, "stages": stages}
        assert found == {"version": 1, **expected}


@pytest.mark.usefixtures("store")
def test_mistakes_are_shown_at_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deals", "add", "--at", "sales.nwe", "amuont=5"]) == 1
    out, err = _lines(capsys)
    assert out == []
    assert err == [
        "error[FR604]: there is no stage 'sales.nwe'",
        " --> command line:1:6",
        "  |",
        "1 | --at sales.nwe",
        "  |      ^^^^^^^^^",
        "  = help: did you mean 'sales.new'?",
        "",
        "error[FR621]: a deal has no field 'amuont'",
        " --> command line:2:1",
        "  |",
        "2 | amuont=5",
        "  | ^^^^^^",
        "  = help: did you mean 'amount'?",
        "",
        "error: what was given has 2 errors",
    ]
    assert main(["deals", "show", "d1"]) == 1
    assert _lines(capsys) == ([], ["error: there is no deal 'd1'"])
    assert main(["deals", "list", "--count", "--limit", "1"]) == 64


@pytest.mark.usefixtures("store")
def test_a_condition_that_overflows_is_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    main(["deals", "add", "--at", "sales.new", "amount=9000000000000000"])
    capsys.readouterr()
    for command in (["list"], ["list", "--count"], ["export"]):
        assert main(["deals", *command, "--where", "deal.amount * deal.amount > 0"]) == 0
        _, err = _lines(capsys)
        assert err == ["note: a deal is left out: a number of the condition grows beyond 18 digits there"]


def test_an_import_says_what_it_did(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = store / "deals.csv"
    file.write_text("id,Deal,Value\n" + "d1,Acme,5\n" + "".join(f"e{at},x,oops\n" for at in range(7)))
    command = ["deals", "import", str(file), "--map", "Deal=title", "--map", "Value=amount", "--at", "sales.new"]
    assert main(command) == 1
    out, err = _lines(capsys)
    assert out == ["8 rows: 1 added, 7 rejected."]
    problem = "column 'Value': 'oops' is no decimal; expected digits and a point, for example 1200.50"
    assert err == [
        *(f"line {line}: {problem}" for line in range(3, 8)),
        "… and 2 more",
        f"rejected rows: {store / 'deals.rejects.csv'}",
    ]
    file.write_text("id,Deal,Value\nd1,Acme,6\n")
    assert main(command) == 0
    assert _lines(capsys) == (["1 row: 1 changed."], [])
    assert main(["deals", "move", "d1", "sales.won"]) == 0
    capsys.readouterr()
    assert main(command) == 0
    kept = "1 deal keeps another stage than the file has; --restage sets it."
    assert _lines(capsys) == (["1 row: 1 unchanged.", kept], [])
    assert main([*command, "--restage", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "version": 1,
        "rows": 1,
        "added": 0,
        "changed": 0,
        "moved": 1,
        "unchanged": 0,
        "kept": 0,
        "rejected": 0,
        "rejects": None,
        "examples": [],
    }


def test_an_export_goes_to_the_output_or_a_file(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["deals", "add", "--at", "sales.new", "--id", "d1", "title=Ж"])
    capsys.readouterr()
    assert main(["deals", "export"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["title"] == "Ж"
    assert main(["deals", "export", "--out", str(store / "out.jsonl")]) == 0
    assert capsys.readouterr().out == ""
    assert (store / "out.jsonl").read_text() == printed
    assert main(["deals", "export", "--format", "csv"]) == 0
    assert capsys.readouterr().out.startswith("id,at,title,owner,entered_at,amount,")


@pytest.mark.usefixtures("store")
def test_text_shows_a_thousand_and_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": f"d{at}", "at": "sales.won"}) + "\n" for at in range(1002))
    (tmp_path / "many.jsonl").write_text(lines)
    assert main(["deals", "import", str(tmp_path / "many.jsonl")]) == 0
    capsys.readouterr()
    assert main(["deals", "list"]) == 0
    out, err = _lines(capsys)
    assert len(out) == 1001
    assert err == ["note: 2 more; --limit shows more, 'flowrun deals export' all"]
    assert main(["deals", "list", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["deals"]) == 1002
