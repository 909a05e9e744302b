"""The register of runners, the gauges and the check-up on PostgreSQL: the same questions, another database."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from flowrun.clock import FixedClock
from flowrun.commands.doctor import Verdict, doctor
from flowrun.engine.gauges import gauges
from flowrun.engine.live import apply_flow
from flowrun.engine.presence import Presence
from flowrun.store import runners
from flowrun.store.connection import open_store
from flowrun.store.revisions import Author
from flowrun.store.runners import GONE, Registered
from flowrun.store.tables import queue
from tests.postgres import Database
from tests.unit.store.example import NOON, flow


def test_register_gauges_and_check_up(fast_postgres: Database) -> None:
    with open_store(fast_postgres.url, FixedClock(NOON), create=True) as store, store.connect() as connection:
        with store.write() as transaction:
            rows = [{"deal": number, "wake_at": NOON + (number - 3) * 1000, "round": 0} for number in range(6)]
            transaction.connection.execute(insert(queue), rows)
            runners.sign(transaction.connection, Registered("gone", "h", 1, "0", 0, NOON - GONE - 1))
        one = Presence(store, pytest.fail)
        one.sign(connection, 0, 0)
        one.sign(connection, 5, 2)
        with store.read() as reading:
            assert [(row.id, row.ticks) for row in runners.registered(reading)] == [(one.me.id, 5)]
        found = gauges(store)
        assert (found.awake, found.waiting, found.lag, found.runners, found.revision) == (4, 2, 3000, 1, None)
        said = {row.check: row for row in doctor(fast_postgres.url, FixedClock(NOON)).findings}
        assert said["store"].verdict is Verdict.OK, said["store"]
        assert "@" in said["store"].found
        assert said["postgresql"].verdict is Verdict.WARNING, "the tests' clock stands still"
        assert "its clock is" in said["postgresql"].found
        assert said["runners"].found == "1 running"
        assert said["indexes"].verdict is Verdict.OK, said["indexes"]
        one.sign_off(connection)
    gone = {row.check: row for row in doctor(f"{fast_postgres.url}_not", FixedClock(NOON)).findings}
    assert gone["store"].verdict is Verdict.PROBLEM


def test_time_zone_data_that_are_others_than_the_machines(fast_postgres: Database) -> None:
    with open_store(fast_postgres.url, FixedClock(NOON), create=True) as store:
        with store.write(alone=True) as transaction:
            apply_flow(transaction, flow(), {}, Author())
        assert [one.check for one in doctor(fast_postgres.url, FixedClock(NOON)).findings].count("zones") == 1
        with store.write() as transaction:
            transaction.connection.exec_driver_sql("UPDATE zones SET version = 'another'")
        said = [one for one in doctor(fast_postgres.url, FixedClock(NOON)).findings if one.check == "zones"]
        assert [one.verdict for one in said] == [Verdict.OK, Verdict.WARNING]
        assert "the store has other time zone data" in said[1].found
        with store.write(alone=True) as transaction:
            apply_flow(transaction, flow(), {}, Author())
        assert [one.check for one in doctor(fast_postgres.url, FixedClock(NOON)).findings].count("zones") == 1
