"""The cost of the way out: as many statements for 400 deals as for ten, and no scan of a table of deals."""

from __future__ import annotations

import re
from typing import Any

from flowrun.engine.settlement import Result, Told
from tests.unit.engine.elsewhere import claim, settle, world_away
from tests.unit.engine.kit import World
from tests.unit.engine.test_statements import EVERYTHING, REST, scans, watched


def filled(deals: int) -> World:
    w = world_away(EVERYTHING, rest=REST)
    w.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
        "INSERT INTO deals (id, stage, title, account, amount, day) "
        "SELECT 'd' || i, 'sales.new', 't', 'acme' || i, (i % 10) * 100, '2026-03-05' FROM n",
        count=deals,
    )
    return w


def steps(deals: int) -> tuple[list[list[tuple[str, Any]]], World]:
    """The statements of a tick, a claim and a settlement."""
    w = filled(1)
    with w.ticking() as tick:
        tick()  # loads the revision and makes the working tables
        w.sql(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
            "INSERT INTO deals (id, stage, title, account, amount, day) "
            "SELECT 'd' || i, 'sales.new', 't', 'acme' || i, 800, '2026-03-05' FROM n",
            count=deals,
        )
        with watched(w) as ticked:
            assert tick() is not None
    with watched(w) as claimed:
        found = claim(w, limit=deals)
    assert len(found.to_perform) == deals
    with watched(w) as settled:
        told = [Told.DONE, Told.REFUSED, Told.LATER, Told.UNKNOWN, Told.CONFLICT]
        results = [
            Result(call, told[at % 5], id=call.new_id or call.target) for at, call in enumerate(found.to_perform)
        ]
        settle(w, results)
    return [ticked, claimed, settled], w


def shape(step: list[tuple[str, Any]]) -> list[str]:
    """The statements, however many values a list in them has."""
    return [re.sub(r"\(\?(, \?)*\)", "(?)", text) for text, _ in step]


def test_a_tick_a_claim_and_a_settlement_take_as_many_statements_for_400_deals_as_for_ten() -> None:
    few, _ = steps(10)
    many, _ = steps(400)
    assert [shape(step) for step in few] == [shape(step) for step in many]
    assert [len(step) < 60 for step in few] == [True, True, True]


def test_they_scan_no_table_of_deals() -> None:
    done, w = steps(10)
    with w.ticking() as tick:
        tick()
        with w.store.read() as connection:
            found = [step for part in done for statement, given in part for step in scans(connection, statement, given)]
    assert found == []
