"""`flowrun` with deals that live elsewhere, in a source that another package offers: the one that the docs write."""

from __future__ import annotations

import json
import os
import signal
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

import flowrun
from tests.acceptance.place import Done, Place, Running, eventually
from tests.shelf import file_of, install, put, stages

FLOW = """\
flowrun: 1
project: shelved
source: {type: shelf, path: deals}
fields: {amount: {type: decimal, places: 2}}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
  care: {stages: [start]}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, when: deal.amount >= 100, set: {owner: ann}}
  welcome: {from: sales.won, to: care.start, action: copy}
"""
HANGS = """
import shelf, time

class Hangs(shelf.Shelf):
    def perform(self, orders):
        if (self.folder / "hang").exists():
            (self.folder / "hangs").touch()
            time.sleep(3600)
        return super().perform(orders)

class Kind(shelf.ShelfKind):
    def open(self, options, place):
        return Hangs(place.folder / str(options.path), place)

KIND = Kind()
"""


FLOWRUN = Path(flowrun.__file__).resolve().parents[1]


@dataclass(slots=True)
class Shelved:
    """A project whose deals are on a shelf, where the package of that source is installed."""

    place: Place
    env: dict[str, str]

    @property
    def deals(self) -> Path:
        return self.place.folder / "deals"

    def run(self, *arguments: str) -> Done:
        return self.place.run(*arguments, env=self.env)

    def running(self) -> AbstractContextManager[Running]:
        return self.place.running("run", env=self.env)

    def apply(self, flow: str = FLOW) -> Done:
        self.place.write("flows/flow.yaml", flow)
        return self.run("apply", "--yes").fine()


@pytest.fixture
def shelved(tmp_path: Path) -> Shelved:
    packages = install(tmp_path / "packages", hangs=HANGS)
    shelved = Shelved(Place(tmp_path / "project"), {"PYTHONPATH": os.pathsep.join((str(FLOWRUN), str(packages)))})
    shelved.deals.mkdir(parents=True)
    put(shelved.deals, "d1", "sales.new", title="Acme", amount="1200.50")
    put(shelved.deals, "d2", "sales.new", title="Beta", amount="5.00")
    return shelved


def started(runner: Running) -> None:
    eventually(lambda: "running; stop with" in runner.said())


def test_in_turn_deals_come_in_and_firings_go_out_and_nothing_here_is_written_by_hand(shelved: Shelved) -> None:
    shelved.apply()
    done = shelved.run("run", "--until-idle").fine()
    assert "1 moved, 1 copied.\n" in done.out
    there = stages(shelved.deals)
    (copy,) = {id_ for id_ in there if "~" in id_}
    assert there == {"d1": "sales.won", "d2": "sales.new", copy: "care.start"}
    assert json.loads(file_of(shelved.deals, "d1").read_bytes())["fields"]["owner"] == "ann"
    results = "SELECT tunnel, result FROM firings ORDER BY seq"
    assert shelved.place.rows(results) == [("win", "fired"), ("welcome", "fired")]
    refused = shelved.run("deals", "move", "d1", "sales.new")
    assert refused.status == 1
    assert "the deals of shelved live in its source 'shelf', not in the store" in refused.err
    assert "change them where they live" in refused.err
    shelved.deals.rename(shelved.deals.with_name("away"))
    away = shelved.run("run", "--until-idle")
    assert away.status == 1
    assert "there is no folder" in away.err
    shelved.env = {"PYTHONPATH": str(FLOWRUN)}
    missing = shelved.run("run", "--until-idle")
    assert missing.status == 1
    assert "there is no source 'shelf' here" in missing.err
    assert shelved.place.rows(results) == [("win", "fired"), ("welcome", "fired")]


def test_a_run_without_end_sees_what_changes_and_tells_of_trouble_and_its_end(shelved: Shelved) -> None:
    shelved.apply()
    with shelved.running() as runner:
        started(runner)
        eventually(lambda: stages(shelved.deals)["d1"] == "sales.won")
        put(shelved.deals, "d3", "sales.new", amount="100.00")
        eventually(lambda: stages(shelved.deals)["d3"] == "sales.won")
        away = shelved.deals.rename(shelved.deals.with_name("away"))
        eventually(lambda: "the source:" in runner.said())
        away.rename(shelved.deals)
        eventually(lambda: "the source can be used again" in runner.said())
        put(shelved.deals, "d4", "sales.new", amount="100.00")
        eventually(lambda: stages(shelved.deals)["d4"] == "sales.won")
        assert runner.said().count("the source:") == 1
        runner.send(signal.SIGTERM)
        assert runner.wait(20).status == 0


def test_a_source_that_hangs_keeps_neither_the_tunnels_nor_the_end_waiting(shelved: Shelved) -> None:
    shelved.apply(FLOW.replace("type: shelf", "type: hangs"))
    (shelved.deals / "hang").touch()
    with shelved.running() as runner:
        started(runner)
        eventually(lambda: (shelved.deals / "hangs").exists())
        with shelved.place.sql() as other:
            other.execute("UPDATE deals SET amount = 20000 WHERE id = 'd2'")
        eventually(lambda: shelved.place.value("SELECT count(*) FROM calls WHERE deal = 'd2'") == 1)  # it ticks
        runner.send(signal.SIGTERM)
        assert runner.wait(20).status == 0
    (shelved.deals / "hang").unlink()
    shelved.run("run", "--until-idle").fine()  # what hung is looked up, and done
    assert stages(shelved.deals)["d1"] == "sales.won"
    assert shelved.place.value("SELECT count(*) FROM calls") == 0
