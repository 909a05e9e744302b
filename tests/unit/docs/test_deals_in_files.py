"""What the page about files shows is what happens: its two files, its commands, and the file that comes of them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.acceptance.place import Place

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "deals-in-files.md").read_text("utf-8")


def block(language: str, number: int = 0) -> str:
    """A fenced block of the page."""
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found[number]


def test_the_page_is_true(tmp_path: Path) -> None:
    place = Place(tmp_path / "acme")
    place.write("flows/sales.yaml", block("yaml"))
    deals = tmp_path / "acme" / "deals" / "2026.csv"
    deals.parent.mkdir(parents=True)
    deals.write_bytes(block("csv").encode())
    commands = [shlex.split(line) for line in block("sh").splitlines()]
    assert len(commands) == 3
    assert [program for program, *_ in commands] == ["flowrun"] * 3
    done = [place.run(*arguments).fine() for _, *arguments in commands]
    assert "1 moved, 1 copied" in done[-1].out
    assert deals.read_bytes().decode() == block("csv", 1)
    again = place.run("run", "--until-idle").fine()
    assert "nothing to do" in again.out
    assert deals.read_bytes().decode() == block("csv", 1)
    assert sorted(path.name for path in deals.parent.iterdir()) == ["2026.csv"]
