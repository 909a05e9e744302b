"""`flowrun run` as a process: signals, noticing, idling, and company: other runners and other programs' SQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.killing import assert_whole, fill
from tests.acceptance.place import Place, Running, eventually

FLOW = """\
flowrun: 1
project: running
fields: {amount: {type: decimal, places: 2}}
pipelines:
  sales: {stages: [new, big, slow, asleep, {id: won, outcome: won}]}
  care: {stages: [start, later]}
tunnels:
  grow: {from: sales.new, to: sales.big, action: move, when: deal.amount >= 100}
  welcome: {from: sales.big, to: care.start, action: copy}
  doze: {from: sales.slow, to: sales.asleep, action: move, after: 1s}
"""

LATER = """\
flowrun: 1
tunnels:
  on: {from: care.start, to: care.later, action: move, existing: include}
"""

NEW = "INSERT INTO deals (id, stage, amount) VALUES (?, ?, ?)"

_WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for number in range(int(sys.argv[2])):
    if number % 3 == 2:
        connection.execute("UPDATE deals SET amount = 20000 WHERE id = ?", (f"w{number - 2}",))
    stage, amount = "sales.new", (100, 20000)[number % 3 > 0]
    connection.execute("INSERT INTO deals (id, stage, amount) VALUES (?, ?, ?)", (f"w{number}", stage, amount))
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    return place


def started(runner: Running) -> None:
    eventually(lambda: "running; stop with" in runner.said())


def awake(place: Place) -> int:
    return int(place.value("SELECT count(*) FROM queue WHERE wake_at < strftime('%s', 'now', '+2 seconds') * 1000"))


def done(place: Place, tunnel: str, times: int = 1) -> bool:
    return bool(place.value("SELECT count(*) FROM firings WHERE tunnel = ? AND result = 'fired'", tunnel) == times)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_batch(tmp_path: Path, number: signal.Signals) -> None:
    place = Place(tmp_path)
    fill(place, 20_000)
    with place.running("run", measured=False) as runner:
        eventually(lambda: place.value("SELECT count(*) FROM firings") > 0)
        runner.send(number)
        ended = runner.wait(20)
    assert ended.status == 0
    rows = place.value("SELECT count(*) FROM firings")
    counts = re.findall(r"([\d,]+) (?:moved|copied|existed already)", ended.out)
    assert sum(int(count.replace(",", "")) for count in counts) == rows, "what it says it did is what is there"
    assert awake(place) > 0, "it stopped amid the work"
    assert_whole(place)


def test_another_programs_sql_is_noticed_within_a_second(place: Place) -> None:
    with place.running("run", measured=False) as runner:
        started(runner)
        delays = []
        for number in range(1, 6):
            time.sleep(0.3)  # long enough for the runner to have backed off
            with place.sql() as connection:
                connection.execute(NEW, (f"d{number}", "sales.new", 20_000))
            delays.append(eventually(lambda number=number: done(place, "welcome", number)))  # type: ignore[misc]
        runner.send(signal.SIGTERM)
        assert runner.wait().status == 0
    assert sorted(delays)[2] < 1.0, delays


def test_time_alone_makes_it_fire(place: Place) -> None:
    with place.sql() as connection:
        connection.execute(NEW, ("d1", "sales.slow", 0))
    with place.running("run") as runner:
        started(runner)
        eventually(lambda: done(place, "doze"))
    entered, due, fired = place.rows(
        "SELECT (SELECT created_at FROM deals WHERE id = 'd1'), due_at, fired_at FROM firings"
    )[0]
    assert due == entered + 1000
    assert due <= fired


def test_an_applied_revision_is_noticed(place: Place) -> None:
    with place.sql() as connection:
        connection.execute(NEW, ("d1", "sales.new", 20_000))
    with place.running("run") as runner:
        eventually(lambda: done(place, "welcome"))
        place.write("flows/later.yaml", LATER)
        time.sleep(0.3)
        assert not done(place, "on"), "it obeys the applied revision, never the files"
        place.run("apply", "--yes", "--allow", "share").fine()
        eventually(lambda: done(place, "on"))
        assert runner.going
    assert place.rows("SELECT revision FROM firings WHERE tunnel = 'on'") == [(2,)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the CPU time of a running process is read in /proc")
def test_an_idle_runner_sleeps(place: Place) -> None:
    def spent(runner: Running) -> float:
        fields = Path(f"/proc/{runner.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    with place.running("run", measured=False) as runner:
        started(runner)
        time.sleep(0.5)
        before = spent(runner)
        time.sleep(3)
        assert spent(runner) - before < 0.15


def test_a_clock_that_stands_still_is_no_clock_for_an_endless_run(place: Place) -> None:
    ended = place.run("run", now="2040-01-01T00:00Z", patience=20)
    assert ended.status == 64
    assert ended.complaints == [
        "error: with FLOWRUN_NOW the clock stands still, so a run would never see a later moment",
        "help: add --until-idle or --once",
    ]
    for option in ("--until-idle", "--once"):
        place.run("run", option, now="2040-01-01T00:00Z", patience=20).fine()


def test_once_is_one_batch(place: Place) -> None:
    with place.sql() as connection:
        connection.executemany(NEW, [(f"d{number}", "sales.new", 20_000) for number in range(600)])
    place.run("run", "--once").fine()
    assert 0 < place.value("SELECT count(*) FROM firings") < 600
    place.run("run", "--until-idle").fine()
    assert done(place, "welcome", 600)


def test_nothing_applied_is_nothing_to_run(tmp_path: Path) -> None:
    place = Place(tmp_path)
    ended = place.run("run")
    assert (ended.status, ended.out) == (1, "")
    assert ended.complaints == [
        "error: there is no store at sqlite:///flowrun.db",
        "help: make one with 'flowrun apply'",
    ]
    assert not place.store.exists()


def test_two_runners_share_the_work_and_double_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    fill(place, 20_000)
    with place.running("run", measured=False) as one, place.running("run", measured=False) as other:
        eventually(lambda: awake(place) == 0, patience=60)
        looked = []
        for runner in (one, other):
            runner.send(signal.SIGTERM)
            ended = runner.wait()
            assert ended.status == 0, ended
            looked.append(int(re.findall(r"Looked at ([\d,]+) deal", ended.out)[0].replace(",", "")))
    assert min(looked) > 0, "both worked"
    assert_whole(place)
    by_tunnel = dict(place.rows("SELECT tunnel, count(*) FROM firings WHERE result = 'fired' GROUP BY tunnel"))
    rich = "SELECT count(*) FROM deals WHERE origin IS NULL AND amount >= 2000"
    assert by_tunnel["sort"] == place.value(rich)
    settled = "SELECT count(*) FROM firings WHERE tunnel = 'to-work'"
    assert place.value(settled) == place.value(rich), "each was copied, or found to exist already"
    assert by_tunnel["assign"] == by_tunnel["bill"] == by_tunnel["to-work"]


def test_a_program_that_hammers_the_store_loses_nothing(place: Place) -> None:
    deals = 1_500
    with place.running("run", measured=False) as runner:
        started(runner)
        writer = subprocess.run(
            [sys.executable, "-c", _WRITER, str(place.store), str(deals)], capture_output=True, text=True, timeout=100
        )
        assert writer.returncode == 0, writer.stderr
        eventually(lambda: awake(place) == 0)
        assert runner.going, runner.said()
        runner.send(signal.SIGTERM)
        assert runner.wait().status == 0
    written = place.value("SELECT count(*) FROM deals WHERE origin IS NULL")
    assert written == deals
    assert place.value("SELECT count(*) FROM deals WHERE origin IS NULL AND amount < 10000") == 0
    assert done(place, "grow", deals)
    assert done(place, "welcome", deals)
    assert place.value("SELECT count(*) FROM deals WHERE stage = 'care.start'") == deals
