"""What `diff` is asked beside the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.clock import FixedClock
from flowrun.commands.diff import diff
from flowrun.commands.project import Project
from flowrun.engine.preview import Question
from flowrun.errors import WrongUsage

FLOW = """
flowrun: 1
fields: {amount: decimal, note: text}
pipelines: {sales: {stages: [new, {id: won, outcome: won}]}}
tunnels: {win: {from: sales.new, to: sales.won, action: move}}
"""


@pytest.mark.parametrize(
    ("name", "says", "help_"),
    [
        ("amuont", "there is no field 'amuont' to sum", "did you mean 'amount'?"),
        ("note", "'note' has the type text: no numbers", "choose from: amount"),
    ],
)
def test_only_numbers_are_summed(name: str, says: str, help_: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FLOW, "utf-8")
    store = f"sqlite:///{tmp_path / 'none.db'}"
    diff(Project(tmp_path), store, FixedClock(0), Question(total="amount"))
    with pytest.raises(WrongUsage, match=says) as raised:
        diff(Project(tmp_path), store, FixedClock(0), Question(total=name))
    assert raised.value.help == help_
