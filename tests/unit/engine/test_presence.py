"""The register of runners: signing on, again and off; those that went; and that nothing rests on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.calendars.durations import parse_duration
from flowrun.clock import FixedClock
from flowrun.engine import presence, retention
from flowrun.engine.presence import Presence
from flowrun.engine.runner import Runner
from flowrun.engine.status import status
from flowrun.store import runners
from flowrun.store.connection import Store
from flowrun.store.runners import GONE, Registered
from tests.unit.store.example import NOON, opened, rows


def someone(store: Store, id_: str, seen_at: int) -> None:
    with store.write() as transaction:
        runners.sign(transaction.connection, Registered(id_, "h", 1, "0", seen_at, seen_at))


def register(store: Store) -> list[str]:
    return [id_ for (id_,) in rows(store, "SELECT id FROM runners ORDER BY id")]


def test_a_runner_signs_again_and_off(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.connect() as connection:
        one = Presence(store, pytest.fail)
        assert one.due()
        one.sign(connection, 0, 0)
        assert not one.due()
        store.clock = FixedClock(NOON + 9)
        one.sign(connection, 7, 3)
        found = status(store).runners
        assert [(row.id, row.started_at, row.seen_at, row.ticks, row.fired) for row in found] == [
            (one.me.id, NOON, NOON + 9, 7, 3)
        ]
        one.sign_off(connection)
        assert register(store) == []


def test_what_was_carried_out_elsewhere_counts(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.connect() as connection:
        one = Presence(store, pytest.fail, carried=lambda: 5)
        one.sign(connection, 7, 3)
        assert [row.fired for row in status(store).runners] == [8]


def test_signing_on_and_prune_forget_those_that_went(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.connect() as connection:
        someone(store, "here", NOON - GONE)
        someone(store, "went", NOON - GONE - 1)
        assert [row.gone(NOON) for row in status(store).runners] == [True, False]
        assert retention.doomed(store, parse_duration("52w")).runners == 1
        assert retention.prune(store, parse_duration("52w")).runners == 1
        assert register(store) == ["here"]
        someone(store, "went", NOON - GONE - 1)
        one = Presence(store, pytest.fail)
        one.sign(connection, 0, 0)
        assert register(store) == sorted(["here", one.me.id])


def test_a_runner_that_others_took_for_gone_signs_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as store, store.connect() as connection:
        one = Presence(store, pytest.fail)
        one.sign(connection, 0, 0)
        with store.write() as transaction:
            runners.sign_off(transaction.connection, one.me.id)
        one.sign(connection, 1, 1)
        assert register(store) == [one.me.id]


def test_a_register_that_fails_is_told_once_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "EVERY", 0.0)
    told: list[str] = []
    with opened(tmp_path) as store:
        with store.write() as transaction:
            transaction.connection.exec_driver_sql(
                "CREATE TRIGGER no BEFORE INSERT ON runners BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
            transaction.connection.exec_driver_sql(
                "INSERT INTO deals (id, stage, amount) VALUES ('d', 'sales.new', 20000)"
            )
        one = Presence(store, told.append)
        runner = Runner(store, presence=one, warn=told.append)
        runner.stopped = lambda: runner.totals.ticks >= 2
        runner.forever()
        assert runner.totals.count("fired") == 1
        assert told == ["'flowrun status' may show this runner as gone: no"]
