"""Ten mistakes in four files: `validate` tells all of them, each at its exact place, in one run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.acceptance.place import Place

FILES = {
    "flows/1-project.yaml": """\
flowrun: 1
project: acme
timezone: «Europe/Berlni»
fields:
  amount: {type: decimal, places: 2}
  source: {type: enum, values: [web, ads], default: «wbe»}
  account: text
  contract: text
""",
    "flows/2-sales.yaml": """\
flowrun: 1
pipelines:
  sales:
    name: Продажи 🚀
    stages:
      - {id: new, name: "Новая 🌱"}
      - {id: won, outcome: won}
      - {id: lost, outcome: «lsot»}
  onboarding: {stages: [kickoff, {id: live, outcome: won, requires: [«contarct»]}]}
""",
    "flows/sub/3-tunnels.yml": """\
flowrun: 1
tunnels:
  won-to-onboarding:
    from: sales.won
    to: onboarding.«kick-off»
    action: copy
    after: «2 hours»
    when: >-
      deal.source == 'web'
      and deal.account != '🚀🚀' and deal.«amuont» >= 1000
    set:
      title: "Онбординг 🚀: {{ deal.«titel» }}"
  lost-again:
    from: sales.new
    to: sales.lost
    action: move
    after: 30d
    «wathc»: false
""",
    "flows/sub/4-more.yaml": """\
flowrun: 1
tunnels:
  «lost-again»: {from: sales.won, to: sales.lost, action: move, when: deal.amount > 10}
""",
}
"""What is wrong stands between « and »."""

MISTAKES = (
    ("FR411", "did you mean 'Europe/Berlin'?"),
    ("FR409", None),
    ("FR404", "did you mean 'lost'?"),
    ("FR502", "did you mean 'contract'?"),
    ("FR501", "did you mean 'onboarding.kickoff'?"),
    ("FR405", None),
    ("FR203", "did you mean 'amount'?"),
    ("FR203", "did you mean 'title'?"),
    ("FR401", "did you mean 'watch'?"),
    ("FR510", None),
)
"""The code of each, in their order, and the help where it names the right word."""


def planted() -> list[tuple[str, int, int, int]]:
    """File, line, column and end of column of each mistake, once the marks are gone."""
    found = []
    for name, text in FILES.items():
        for number, line in enumerate(text.splitlines(), 1):
            for marks, match in enumerate(re.finditer("«([^»]*)»", line)):
                column = match.start() - 2 * marks + 1
                found.append((name, number, column, column + len(match[1])))
    return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    for name, text in FILES.items():
        place.write(name, re.sub("[«»]", "", text))
    return place


def test_all_ten_in_json(place: Place) -> None:
    assert len(planted()) == len(MISTAKES) == 10
    done = place.run("validate", "--format", "json")
    assert done.status == 1
    found = done.json["diagnostics"]
    assert [(one["file"], one["line"], one["column"], one["end_column"]) for one in found] == planted()
    assert all(one["end_line"] == one["line"] and one["severity"] == "error" for one in found)
    assert [one["code"] for one in found] == [code for code, _ in MISTAKES]
    for one, (code, help_) in zip(found, MISTAKES, strict=True):
        assert help_ is None or one["help"] == help_, code
    assert found[9]["related"][0]["file"] == "flows/sub/3-tunnels.yml", "a second declaration names the first"
    assert found[9]["related"][0]["line"] == 13


def test_all_ten_in_text(place: Place) -> None:
    done = place.run("validate")
    assert (done.status, done.out) == (1, "")
    places = re.findall(r"^ *--> (.+):(\d+):(\d+)$", done.err, re.MULTILINE)
    assert [(file, int(line), int(column)) for file, line, column in places] == [mistake[:3] for mistake in planted()]
    codes = re.findall(r"^error\[(FR\d+)\]: ", done.err, re.MULTILINE)
    assert codes == [code for code, _ in MISTAKES]
    assert done.err.rstrip().splitlines()[-1] == "✗ 10 errors in 4 files"
    for mistake in re.findall("«([^»]*)»", "".join(FILES.values())):
        assert mistake in done.err


def test_without_the_mistakes_nothing_is_said(place: Place) -> None:
    right = {
        "Europe/Berlni": "Europe/Berlin",
        "wbe": "web",
        "lsot": "lost",
        "contarct": "contract",
        "kick-off": "kickoff",
        "2 hours": "2h",
        "amuont": "amount",
        "titel": "title",
        "wathc": "watch",
    }
    for name in FILES:
        text = (place.folder / name).read_text("utf-8")
        for wrong, better in right.items():
            text = text.replace(wrong, better)
        place.write(name, text.replace("  lost-again: {", "  other: {"))
    done = place.run("validate", "--strict")
    assert (done.status, done.out) == (0, "✓ no problems in 4 files\n"), done.err
