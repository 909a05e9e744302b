"""The documentation tells the truth: its flows are valid, its links lead somewhere, its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowrun.cli.catalogue import COMMANDS
from flowrun.config import load_texts
from flowrun.diagnostics import in_order
from flowrun.engine.rehearsals import rehearse
from flowrun.sources.registry import KINDS

TOP = Path(__file__).parent.parent.parent.parent
PAGES = sorted([*(TOP / "docs").rglob("*.md"), *TOP.glob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"\bflowrun(?: --\w+ \S+)* ([a-z]+)")


def blocks(page: Path, *languages: str) -> list[tuple[int, str]]:
    """The fenced blocks of these languages, each with the line at which it begins."""
    text = page.read_text(encoding="utf-8")
    found = [block for block in BLOCK.finditer(text) if block[1] in languages]
    return [(text.count("\n", 0, block.start()) + 2, block[2]) for block in found]


FLOWS = [
    pytest.param(text, id=f"{page.relative_to(TOP)}:{line}")
    for page in PAGES
    for line, text in blocks(page, "yaml")
    if "flowrun: 1" in text and "pipelines:" in text
]


SCENARIOS = [
    pytest.param(page, text, id=f"{page.relative_to(TOP)}:{line}")
    for page in PAGES
    for line, text in blocks(page, "yaml")
    if "flowrun: 1\ntests:" in text
]


def test_there_are_examples() -> None:
    assert len(FLOWS) >= 5
    assert SCENARIOS


@pytest.mark.parametrize(("page", "text"), SCENARIOS)
def test_scenarios_hold_for_the_flow_on_their_page(page: Path, text: str) -> None:
    flow = next(block for _, block in blocks(page, "yaml") if "pipelines:" in block)
    loaded = load_texts({"flows/a.yaml": flow.encode(), "flows/a.test.yaml": text.encode()})
    assert loaded.findings == ()
    assert loaded.flow is not None
    assert [result.failures for result in rehearse(loaded.flow, loaded.scenarios["flows/a.test.yaml"], 1)] == [(), ()]


@pytest.mark.parametrize("text", FLOWS)
def test_flows_are_valid_without_a_warning(text: str) -> None:
    loaded = load_texts({"flows/example.yaml": text.encode()}, kinds=KINDS)
    assert in_order(loaded.findings) == ()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_links_lead_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_commands_exist(page: Path) -> None:
    used = {command for _, text in blocks(page, "sh") for command in COMMAND.findall(text)}
    assert used <= {*COMMANDS}
