"""cli.md's example of a diff, from a real store: the same words and figures as the golden files of `render`.

Deals are made that the example speaks of, and nothing of the store changes while it is looked at.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.acceptance.place import Place

EXAMPLE = Path(__file__).parents[1] / "unit" / "render" / "example"
NOW = "2026-03-02T09:45Z"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The example's store, with the deals that it speaks of, and the files that lead on from it."""
    place = Place(tmp_path)
    shutil.copytree(EXAMPLE / "base" / "flows", tmp_path / "flows")
    place.run("apply", "--yes", now="2026-03-02T09:00Z").fine()
    rows: list[tuple[str, str, int | None, str | None]] = [(f"i{n}", "sales.invoice", None, None) for n in range(37)]
    rows += [(f"p{n}", "sales.parked", None, None) for n in range(12)]
    rows += [(f"w{n}", "sales.won", 10_000_000, "EUR") for n in range(9)]
    rows += [(f"l{n}", "sales.lost", n, None) for n in range(214)]
    with place.sql() as connection:
        connection.execute("UPDATE flowrun SET fixed_now = 1772442000000")
        connection.executemany("INSERT INTO deals (id, stage, amount, currency) VALUES (?, ?, ?, ?)", rows)
        connection.execute("UPDATE flowrun SET fixed_now = NULL")
    place.run("run", "--until-idle", now="2026-03-02T09:30Z").fine()
    shutil.copytree(EXAMPLE / "wanted" / "flows", tmp_path / "flows", dirs_exist_ok=True)
    return place


def sums(place: Place) -> dict[str, str]:
    """A checksum of each table, and of what the database keeps about itself."""
    tables = [name for (name,) in place.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        name: hashlib.sha256(repr(place.rows(f'SELECT * FROM "{name}"')).encode()).hexdigest()
        for name in (*tables, "sqlite_master")
    }


def golden(name: str) -> str:
    """A golden file of the example."""
    return (EXAMPLE / name).read_text("utf-8")


def test_the_example_s_diff_is_as_documented(place: Place) -> None:
    before, file = sums(place), place.store.read_bytes()
    assert len(before) > 8
    allowed = "--allow", "remove-stage=12"
    text = place.run("diff", *allowed, now=NOW).fine().out
    assert text.splitlines()[1:] == golden("diff.txt").splitlines()[1:]
    markdown = place.run("diff", *allowed, "--format", "markdown", now=NOW).fine().out
    assert markdown.splitlines()[1:] == golden("diff.md").splitlines()[1:]
    found = place.run("diff", "--format", "json", now=NOW).fine().json
    expected = json.loads(golden("diff.json"))
    for effect in found["impact"]["tunnels"].values():
        effect.pop("samples", None)
    assert found["impact"]["deals"].pop("total") == 272
    expected["impact"]["deals"].pop("total")
    assert found["changes"] == expected["changes"]
    assert found["summary"] == expected["summary"]
    assert found["impact"] == expected["impact"]
    assert [one["allow"] for one in found["refusals"]] == ["remove-stage=12"]
    assert place.run("diff", "--samples", "3", "--sum", "amount", "--exit-code", now=NOW).status == 2
    assert sums(place) == before
    assert place.store.read_bytes() == file


def test_what_it_says_is_what_apply_does(place: Place) -> None:
    place.run("apply", "--yes", "--allow", "remove-stage=12", now=NOW).fine()
    place.run("run", "--until-idle", now=NOW).fine()
    stages = dict(place.rows("SELECT stage, count(*) FROM deals GROUP BY stage"))
    assert stages == {"sales.prepayment": 37, "sales.new": 12, "sales.won": 9, "sales.lost": 214}
    assert place.value("SELECT count(*) FROM deals WHERE stage = 'sales.prepayment' AND entry = 1") == 37
    assert place.value("SELECT count(*) FROM firings WHERE result = 'shadow'") == 214
    waits = place.run("pending", "--format", "json", now=NOW).fine().json["pending"]
    assert [one["due_at"] for one in waits] == ["2026-03-03T09:00:00.000Z"] * 9
