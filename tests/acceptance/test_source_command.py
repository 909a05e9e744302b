"""`flowrun source`: a place is looked at, set up and cleared by hand, for the flow files, applied or not."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.place import Place

FLOW = """\
flowrun: 1
project: table
source:
  type: sql
  url: {env: CRM}
  table: deals
  id: id
  stage: status
  stages: {Open: sales.new, Won: sales.won}
  columns: {value: amount}
  notice: outbox
fields: {amount: {type: decimal, places: 2}}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, when: deal.amount > 10}
"""


@pytest.fixture
def crm(tmp_path: Path) -> Path:
    file = tmp_path / "crm.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE deals (id TEXT PRIMARY KEY, status TEXT NOT NULL, value NUMERIC)")
        connection.execute("INSERT INTO deals VALUES ('a', 'Open', 50), ('b', 'Open', 5)")
    return file


def made(file: Path) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    return names - {"deals", "sqlite_sequence"}


def test_it_is_set_up_used_and_cleared(tmp_path: Path, crm: Path) -> None:
    place = Place(tmp_path)
    env = {"CRM": f"sqlite:///{crm}"}
    place.write("flows/flow.yaml", FLOW)
    shown = place.run("source", "install", "--show", env=env).fine()
    assert "CREATE TRIGGER" in shown.out
    assert not made(crm), "shown, not made"
    assert place.run("source", "install", env=env).fine().out == "Installed: 5 statements.\n"
    assert len(made(crm)) == 5
    assert place.run("source", "install", env=env).fine().out == "Nothing was missing.\n"
    checked = place.run("source", "check", env=env).fine()
    assert checked.out.startswith("The source 'sql' is there.\ndeals: Open\n")
    place.run("apply", "--yes", env=env).fine()
    place.run("run", "--until-idle", env=env).fine()
    with closing(sqlite3.connect(crm)) as connection:
        assert connection.execute("SELECT id, status FROM deals ORDER BY id").fetchall() == [
            ("a", "Won"),
            ("b", "Open"),
        ]
    assert place.run("source", "uninstall", "--show", env=env).fine().out.startswith("DROP TRIGGER")
    assert place.run("source", "uninstall", env=env).fine().out == "Removed: 4 statements.\n"
    assert made(crm) == {"flowrun_keys"}, "the keys of what was written stay"


def test_what_is_not_there_is_said(tmp_path: Path, crm: Path) -> None:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    lacking = place.run("source", "check", env={"CRM": f"sqlite:///{crm}"})
    assert (lacking.status, "has no flowrun_outbox_deals" in lacking.err) == (1, True)
    unset = place.run("source", "check", env={})
    assert (unset.status, "CRM" in unset.err) == (1, True)
    place.write("flows/flow.yaml", FLOW.partition("source:")[0] + "pipelines:\n  sales: {stages: [new]}\n")
    store = place.run("source", "install", env={})
    assert (store.status, "live in the store" in store.err) == (64, True)
    place.write(
        "flows/flow.yaml",
        "flowrun: 1\nsource: {type: files, path: x.csv, at_column: at}\npipelines: {p: {stages: [a]}}\n",
    )
    for what in ("install", "uninstall"):
        files = place.run("source", what, env={})
        assert (files.status, files.out, "needs nothing to be installed" in files.err) == (0, "", True)


def test_what_cannot_be_read_is_listed(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(
        "flows/flow.yaml",
        "flowrun: 1\ntimezone: Europe/Berlin\nsource: {type: files, path: deals.csv}\n"
        "fields: {amount: integer}\npipelines: {sales: {stages: [new]}}\n",
    )
    rows = "".join(f"d{at},sales.new,{at if at % 2 else 'much'}\n" for at in range(20))
    place.write("deals.csv", f"id,at,amount\n{rows}")
    unapplied = place.run("source", "unreadable", env={})
    assert (unapplied.status, "flowrun apply" in unapplied.err) == (1, True)
    place.run("apply", "--yes", env={}).fine()
    assert place.run("source", "unreadable", env={}).fine().out == "All that was read could be read as deals.\n"
    place.run("run", "--until-idle", env={}).fine()
    status = place.run("status", env={}).fine().out
    assert "and 5 more that can't be read as deals: 'flowrun source unreadable' lists them" in status
    found = json.loads(place.run("source", "unreadable", "--format", "json", env={}).fine().out)
    assert (found["count"], [one["deal"] for one in found["bad_records"]]) == (10, [f"d{at}" for at in range(0, 20, 2)])
    listed = place.run("source", "unreadable", "--limit", "2", env={}).fine().out.splitlines()
    assert [line.split()[:2] for line in listed[1:3]] == [["deals.csv:2", "d0"], ["deals.csv:4", "d2"]]
    assert listed[3] == "… and 8 more."
    place.write("deals.csv", f"id,at,amount\n{rows.replace('much', '0')}")
    place.run("run", "--until-idle", env={}).fine()
    assert place.run("source", "unreadable", env={}).fine().out == "All that was read could be read as deals.\n"
    place.write("flows/flow.yaml", "flowrun: 1\nfields: {amount: integer}\npipelines: {sales: {stages: [new]}}\n")
    place.run("apply", "--yes", env={}).fine()
    here = place.run("source", "unreadable", env={})
    assert (here.status, "live in the store" in here.err) == (64, True)
