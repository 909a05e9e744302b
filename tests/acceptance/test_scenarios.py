"""Scenarios of time and order, run by the installed command: a folder of flows and scenarios each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.place import ROOT, Place

FOLDERS = sorted(folder for folder in (Path(__file__).parent / "scenarios").iterdir() if folder.is_dir())

DUE = """\
flowrun: 1
fields: {call_at: datetime}
pipelines:
  sales: {stages: [waiting, calling]}
  calls: {stages: [list]}
tunnels:
  call: {from: sales.waiting, to: sales.calling, action: move, at: {field: call_at}}
  note: {from: sales.waiting, to: calls.list, action: copy, at: {field: call_at}}
"""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_they_hold(folder: Path, tmp_path: Path) -> None:
    done = Place(tmp_path).run("test", "--flows", str(folder), "--format", "json")
    assert [one for one in done.json["scenarios"] if not one["ok"]] == []
    assert done.status == 0
    assert not list(tmp_path.iterdir()), "a test leaves nothing behind"


def test_every_tunnel_of_the_living_example_is_seen_to_fire_and_to_hold_back(tmp_path: Path) -> None:
    options = ("--flows", str(ROOT / "flows"), "--format", "json", "--min-coverage", "100")
    done = Place(tmp_path).run("test", *options)
    assert done.status == 0, done.out
    assert done.json["coverage"]["percent"] == 100


def test_fifty_thousand_deals_due_in_one_instant_fire_once_each(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", DUE)
    place.run("apply", "--yes", now="2029-01-01T00:00Z").fine()
    due = 1893488400000  # 2030-01-01T09:00Z
    with place.sql() as connection:
        deals = ((f"d{number}", "sales.waiting", due) for number in range(50_000))
        connection.execute("UPDATE flowrun SET fixed_now = 1861920000000")  # the clock of the triggers: 2029-01-01
        connection.executemany("INSERT INTO deals (id, stage, call_at) VALUES (?, ?, ?)", deals)
        connection.execute("UPDATE flowrun SET fixed_now = NULL")
    place.run("run", "--until-idle", now="2030-01-01T08:59:59.999Z").fine()
    assert place.value("SELECT count(*) FROM firings") == 0
    pending = place.run("pending", "--limit", "1", "--format", "json", now="2030-01-01T08:59:59.999Z").json
    assert pending["next_at"] == "2030-01-01T09:00:00.000Z"
    done = place.run("run", "--until-idle", now="2030-01-01T09:00Z", measured=False).fine()
    print(f"{done.seconds:.1f} s, {done.peak:.0f} MiB")
    for tunnel in ("call", "note"):
        counted = "SELECT count(*), count(DISTINCT deal), min(fired_at), max(fired_at) FROM firings WHERE tunnel = ?"
        assert place.rows(counted, tunnel) == [(50_000, 50_000, due, due)]
    by_stage = dict(place.rows("SELECT stage, count(*) FROM deals GROUP BY stage"))
    assert by_stage == {"sales.calling": 50_000, "calls.list": 50_000}
    assert done.peak < 300
