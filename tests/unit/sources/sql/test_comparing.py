"""Comparison tells of what has changed and of little else, and a time to come hides nothing."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from flowrun.flow.model import Flow, Pipeline, Stage
from flowrun.sources.interface import Bad, Gone
from flowrun.sources.sql.source import SqlSource
from tests.unit.sources.sql.grounds import Ground, opened, options

FLOW = Flow(project="comparing", pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"),))})
KEYS = "table: deals\nstage: stage\ncolumns: {name: title}\n"
TIMED = KEYS + "notice: timestamp\nchanged_at: changed_at\noverlap: 10s\n"
_TIME = {"sqlite": "TIMESTAMP", "postgresql": "timestamptz", "mysql": "TIMESTAMP(6) NULL"}
_NOW = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '{}')",
    "postgresql": "clock_timestamp() + interval '{}'",
    "mysql": "CURRENT_TIMESTAMP(6) + INTERVAL {}",
}
PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "deals-in-a-database.md"


def now(ground: Ground, shift: str = "+0 seconds") -> str:
    """The time in SQL, moved by that."""
    return _NOW[ground.name].format(shift.removesuffix("s").lstrip("+") if ground.name == "mysql" else shift)


def table(ground: Ground, rows: int) -> None:
    text = "VARCHAR(40)" if ground.name == "mysql" else "text"
    ground.run(
        f"CREATE TABLE deals (id {text} PRIMARY KEY NOT NULL, stage {text}, name {text}, "
        f"changed_at {_TIME[ground.name]})"
    )
    for n in range(rows):
        ground.run(f"INSERT INTO deals VALUES ('d{n}', 'sales.new', 'x', {now(ground, '-1 hours')})")


def told(source: SqlSource, mark: str | None) -> tuple[set[str | None], str | None]:
    said: set[str | None] = set()
    for page in source.changes(mark):
        said |= {change.id for change in page.changes}
        mark = page.mark
    return said, mark


def test_the_process_that_asked_before_is_told_of_just_what_changed(ground: Ground) -> None:
    table(ground, 30)
    with closing(opened(ground, FLOW, KEYS + "notice: compare\n")) as source:
        said, mark = told(source, None)
        assert len(said) == 30
        assert list(source.changes(mark)) == []
        ground.run("UPDATE deals SET name = 'y' WHERE id = 'd1'")
        ground.run("DELETE FROM deals WHERE id = 'd2'")
        (page,) = source.changes(mark)
        assert {change.id for change in page.changes} == {"d1", "d2"}
        assert Gone("d2") in page.changes
        assert list(source.changes(page.mark)) == []
        assert told(source, mark)[0] >= {"d1"}  # died, and asks with the mark from before


def test_of_too_many_rows_that_are_gone_none_is_told_as_gone(ground: Ground) -> None:
    table(ground, 12)
    with closing(opened(ground, FLOW, KEYS + "notice: compare\n")) as source:
        _, mark = told(source, None)
        ground.run("DELETE FROM deals WHERE id <> 'd1' AND id <> 'd2'")
        ground.run("UPDATE deals SET name = 'y' WHERE id = 'd1'")
        (page,) = source.changes(mark)
    assert [change.id for change in page.changes] == ["d1", None]
    bad = page.changes[-1]
    assert isinstance(bad, Bad)
    assert bad.reason.startswith("10 of 12 deals are missing")


def test_a_time_to_come_hides_nothing(ground: Ground) -> None:
    table(ground, 3)
    with closing(opened(ground, FLOW, TIMED)) as source:
        ground.run(f"UPDATE deals SET changed_at = {now(ground, '+2 days')} WHERE id = 'd1'")
        _, mark = told(source, None)
        _, mark = told(source, mark)
        ground.run(f"UPDATE deals SET name = 'y', changed_at = {now(ground)} WHERE id = 'd2'")
        said, mark = told(source, mark)
        assert "d2" in said
        ground.run(f"UPDATE deals SET name = 'z', changed_at = {now(ground)} WHERE id = 'd0'")
        said, mark = told(source, mark)
        assert "d0" in said
        assert told(source, mark)[0] == set()


def test_only_what_is_new_is_read(ground: Ground) -> None:
    table(ground, 5)
    with closing(opened(ground, FLOW, TIMED)) as source:
        _, mark = told(source, None)
        ground.run(f"UPDATE deals SET changed_at = {now(ground)} WHERE id = 'd3'")
        _, mark = told(source, mark)
        ground.run("UPDATE deals SET name = 'unseen' WHERE id = 'd4'")
        assert told(source, mark)[0] == set()
        assert {change.id for page in source.everything() for change in page.changes} == {f"d{n}" for n in range(5)}


def test_another_way_of_noticing_begins_anew(ground: Ground) -> None:
    table(ground, 3)
    with closing(opened(ground, FLOW, KEYS + "notice: compare\n")) as source:
        _, mark = told(source, None)
    with closing(opened(ground, FLOW, TIMED)) as source:
        assert len(told(source, mark)[0]) == 3


def test_the_example_of_the_docs_is_read() -> None:
    (text,) = re.findall("```yaml\nsource:\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    keys = [line[2:] for line in text.splitlines() if not re.match("  (type|url):", line)]
    found = options("\n".join(keys))
    assert found.stages["Reopened"] == "sales.new"  # type: ignore[index]


@pytest.mark.parametrize("ground", ["sqlite"], indirect=True)
def test_what_it_can_not_promise_is_said(ground: Ground) -> None:
    table(ground, 1)
    with closing(opened(ground, FLOW, TIMED)) as source:
        assert any("deleted rows" in note for note in source.describe().notes)
