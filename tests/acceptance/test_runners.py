"""Runners that run without end, as processes: the register of them, and how they stop."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.place import Place, Running, eventually

FLOW = """\
flowrun: 1
project: running
pipelines: {sales: {stages: [new, next]}}
tunnels: {on: {from: sales.new, to: sales.next, action: move, breaker: {firings: 5, per: 1h}}}
"""
NEW = "INSERT INTO deals (id, stage) VALUES (?, 'sales.new')"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    return place


def runners(place: Place) -> list[Any]:
    found: list[Any] = place.run("status", "--format", "json").fine().json["runners"]
    return found


def registered(place: Place, *running: Running) -> bool:
    pids = {pid for (pid,) in place.rows("SELECT pid FROM runners")}
    return {runner.pid for runner in running} <= pids


def test_status_shows_who_runs_until_it_stops(place: Place) -> None:
    with place.running("run") as one, place.running("run") as other:
        eventually(lambda: registered(place, one, other))
        assert {row["pid"] for row in runners(place)} == {one.pid, other.pid}
        assert {row["state"] for row in runners(place)} == {"running"}
        assert f" {one.pid} " in place.run("status").fine().out
        one.send(signal.SIGTERM)
        assert one.wait().status == 0
        assert [row["pid"] for row in runners(place)] == [other.pid]
        other.send(signal.SIGINT)
        assert other.wait().status == 0
    assert runners(place) == []


@pytest.mark.parametrize("option", ["--once", "--until-idle"])
def test_a_run_that_ends_by_itself_is_no_runner(place: Place, option: str) -> None:
    with place.sql() as connection:
        connection.execute("CREATE TABLE seen (id)")
        connection.execute("CREATE TRIGGER noted AFTER INSERT ON runners BEGIN INSERT INTO seen VALUES (NEW.id); END")
    place.run("run", option).fine()
    assert place.rows("SELECT * FROM seen") == []


def test_one_that_was_killed_is_shown_as_gone_until_the_next_comes(place: Place) -> None:
    with place.running("run", measured=False) as runner:
        eventually(lambda: registered(place, runner))
        runner.kill()
    assert len(runners(place)) == 1, "nobody knows yet that it is dead"
    with place.sql() as connection:
        connection.execute("UPDATE runners SET seen_at = seen_at - 61000")
    assert [row["state"] for row in runners(place)] == ["gone"]
    assert ", gone" in place.run("status").fine().out
    dry = place.run("prune", "--older-than", "365d", "--dry-run").fine().out
    assert "1 runner that has gone" in dry
    with place.running("run") as next_:
        eventually(lambda: registered(place, next_))
        assert [row["pid"] for row in runners(place)] == [next_.pid]


def test_an_idle_runner_writes_no_more_than_its_signature(place: Place) -> None:
    with place.running("run", measured=False) as runner:
        eventually(lambda: registered(place, runner))
        with place.sql() as connection:
            connection.execute("CREATE TABLE seen (id)")
            for event in ("INSERT", "UPDATE"):
                connection.execute(
                    f"CREATE TRIGGER on_{event} AFTER {event} ON runners BEGIN INSERT INTO seen VALUES (NEW.id); END"
                )
        time.sleep(2)
        assert place.value("SELECT count(*) FROM seen") <= 1


def test_a_breaker_counts_over_all_runners_and_each_of_them_obeys_it(place: Place) -> None:
    with place.running("run", measured=False) as one, place.running("run", measured=False) as other:
        eventually(lambda: registered(place, one, other))
        for number in range(8):
            with place.sql() as connection:
                connection.execute(NEW, (f"d{number}",))
            time.sleep(0.03)
        eventually(lambda: place.run("status", "--format", "json").json["tunnels"][0]["state"] == "tripped")
        time.sleep(0.2)
        assert place.value("SELECT count(*) FROM firings WHERE result = 'fired'") == 5
        assert place.run("status", "--exit-code").status == 1
        place.run("resume", "on").fine()
        eventually(lambda: bool(place.value("SELECT count(*) FROM firings WHERE result = 'fired'") == 8))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_waiting_for_another_writer(place: Place, number: signal.Signals) -> None:
    with place.running("run") as runner:
        eventually(lambda: registered(place, runner))
        with place.sql() as other:
            other.execute(NEW, ("d1",))
            other.execute("UPDATE queue SET wake_at = wake_at + 1000")
            other.commit()
            other.execute("BEGIN IMMEDIATE")
            time.sleep(2)  # by now the deal is awake, and the runner waits for the lock
            runner.send(number)
            ended = runner.wait(20)
            other.rollback()
    assert ended.status == 0, "nothing was begun, so it stopped well"


def test_two_signals_at_once_are_obeyed_at_once(place: Place) -> None:
    with place.sql() as other:
        with place.running("run", measured=False) as runner:
            eventually(lambda: registered(place, runner))
            other.execute("BEGIN IMMEDIATE")
            runner.send(signal.SIGSTOP)
            runner.send(signal.SIGTERM)
            runner.send(signal.SIGINT)
            runner.send(signal.SIGCONT)
            assert runner.wait(10).status in {-signal.SIGTERM, -signal.SIGINT}
        other.rollback()
