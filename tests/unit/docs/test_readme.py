"""The README's change of one line does to the deals what it says there."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from flowrun.cli import main

README = (Path(__file__).parent.parent.parent.parent / "README.md").read_text("utf-8")


def test_the_change_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    section = README[README.index("## Ten lines, and a change of one") :]
    blocks = re.findall(r"^```(yaml|text)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (_, flow), (_, shown) = blocks[:2]
    for name in [name for name in os.environ if name.startswith("FLOWRUN_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "flows" / "tiny.yaml"
    file.parent.mkdir()
    file.write_text(flow, "utf-8")

    def run(now: str, *arguments: str) -> str:
        monkeypatch.setenv("FLOWRUN_NOW", now)
        assert main([*arguments]) == 0
        return capsys.readouterr().out

    run("2026-01-01T10:00Z", "apply", "--yes")
    for now, deals in (("2026-01-02T10:00Z", range(30)), ("2026-01-17T10:00Z", range(30, 150))):
        offers = [json.dumps({"id": f"o{number}", "at": "sales.offer", "title": "An offer"}) for number in deals]
        Path("offers.jsonl").write_text("\n".join(offers), "utf-8")
        run(now, "deals", "import", "offers.jsonl")
        run(now, "run", "--until-idle")
    file.write_text(flow.replace("30d", "14d"), "utf-8")
    assert "$ flowrun diff\n" + run("2026-01-18T10:00Z", "diff") == shown
