"""The cost of a tick: as many statements for thousands of deals as for ten, and never a scan of a big table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event

from tests.unit.engine.kit import SALES, World, world

EVERYTHING = """
m: {from: sales.new, to: sales.docs, action: move, when: deal.amount > 5}
c:
  from: sales.new
  to: care.kickoff
  action: copy
  unless_exists: {same: [account]}
  set: {owner: {rotate: [ann, bob]}, title: "{{ deal.title }}!"}
  breaker: {firings: 100000, per: 1h}
o: {from: care.kickoff, to: sales.won, action: move, which: origin}
later: {from: sales.docs, to: sales.lost, action: move, after: 1d, once: deal}
dated: {from: sales.docs, to: care.setup, action: copy, at: {field: day}}
today: {from: sales.docs, to: care.live, action: copy, when: deal.day <= today()}
shadow: {from: sales.docs, to: care.live, action: copy, mode: shadow}
"""
REST = SALES.replace("{id: won, outcome: won}", "{id: won, outcome: won, requires: [account]}")
CALM = """
m: {from: sales.new, to: sales.docs, action: move, when: deal.amount > 5}
c: {from: sales.new, to: care.kickoff, action: copy, when: deal.amount > 7}
"""


@contextmanager
def watched(w: World) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are executed, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_c: Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool) -> None:
        seen.append((statement, parameters[0] if many else parameters))

    event.listen(w.store.engine, "before_cursor_execute", note)
    yield seen
    event.remove(w.store.engine, "before_cursor_execute", note)


def filled(tunnels: str, deals: int, idle: int = 0) -> World:
    w = world(tunnels, rest=REST)
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
    if idle:
        w.sql(
            f"{numbers} INSERT INTO deals (id, stage, account, origin, entry, entered_at, created_at, updated_at) "
            "SELECT 'idle' || i, CASE i % 3 WHEN 0 THEN 'sales.new' WHEN 1 THEN 'care.kickoff' ELSE 'care.setup' END, "
            "'account' || (i % 5000), CASE WHEN i % 2 THEN 'idle' || (i - 1) END, 1, 0, 0, 0 FROM n",
            count=idle,
        )
        w.sql(
            f"{numbers} INSERT INTO firings "
            "(deal, entry, tunnel, action, from_stage, to_stage, result, fired_at, revision, _lineage) "
            "SELECT 'idle' || i, 1, 'c', 'copy', 'sales.new', 'care.kickoff', 'fired', 0, 1, 'idle' || i FROM n",
            count=idle,
        )
        w.sql("INSERT INTO queue (deal, wake_at, round) SELECT seq, :never, 0 FROM deals", never=2**47)
    w.sql(
        f"{numbers} INSERT INTO deals (id, stage, title, account, amount, day) "
        "SELECT 'd' || i, 'sales.new', 't', 'acme' || (i % 50), (i % 10) * 100, '2026-03-05' FROM n",
        count=deals,
    )
    return w


def first_tick(w: World) -> list[tuple[str, Any]]:
    with w.ticking() as tick:
        tick()  # loads the revision and makes the working tables; takes the first deals
        w.sql("UPDATE deals SET stage = 'sales.new', amount = 800 WHERE id LIKE 'd%' AND id NOT LIKE '%~%'")
        with watched(w) as seen:
            done = tick()
    assert done is not None
    assert done.looked >= 10
    return seen


@pytest.mark.parametrize("tunnels", [EVERYTHING, CALM])
def test_a_tick_takes_as_many_statements_for_5000_deals_as_for_10(tunnels: str) -> None:
    few, many = first_tick(filled(tunnels, 10)), first_tick(filled(tunnels, 5_000))
    assert [statement for statement, _ in few] == [statement for statement, _ in many]
    assert len(few) < 60


AFTER = (
    REST.replace("[new, docs,", "[start,")
    .replace("amount: decimal", "sum: {type: decimal, places: 3}")
    .replace("account: text", "account: {type: text, default: none}")
    .replace("day: date", "day: text")
    .replace(", setup,", ",")
    + "moved: [{from: sales.new, to: sales.start}, {from: sales.docs, to: sales.start}, "
    + "{from: fields.amount, to: fields.sum}]\n"
    + "removed: [{stage: care.setup, deals: {to: care.kickoff}}]\n"
)
AFTERWARDS = """
c: {from: sales.start, to: care.kickoff, action: copy, when: deal.sum > 5}
o: {from: care.kickoff, to: sales.won, action: move, which: origin}
"""


def applying(deals: int) -> list[str]:
    w = filled(EVERYTHING, deals)
    w.sql("UPDATE deals SET stage = 'care.setup' WHERE seq % 3 = 0")
    w.sql("UPDATE deals SET stage = 'sales.docs' WHERE seq % 3 = 1")
    w.later("1h")
    with watched(w) as seen:
        w.apply(AFTERWARDS, rest=AFTER)
    assert {deal.stage for deal in w.deals()} == {"sales.start", "care.kickoff"}
    return [statement for statement, _ in seen]


def test_so_does_carrying_deals_over_to_another_flow() -> None:
    assert applying(10) == applying(3_000)


_SCAN = re.compile(r"^SCAN (\w+)|^SEARCH (\w+) USING AUTOMATIC")
_BIG = {"deals", "firings", "queue"}


def scans(connection: Connection, statement: str, parameters: Sequence[object]) -> list[str]:
    """Which steps of the statement's plan go through a whole table or index that grows with the deals."""
    if statement.split()[0] not in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
        return []
    plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, tuple(parameters))
    aliases = dict(re.findall(r"\b(?:(?:main|temp)\.)?(\w+) AS (\w+)", statement))
    named = {alias: table for table, alias in aliases.items()}
    found = []
    for *_, detail in plan:
        match = _SCAN.match(detail)
        name = match and (match[1] or match[2])
        if name and named.get(name, name) in _BIG:
            found.append(f"{detail}\n  in {statement[:300]}")
    return found


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("tunnels", [EVERYTHING, CALM])
@pytest.mark.sqlite
def test_a_tick_beside_200000_idle_deals_scans_none_of_them(tunnels: str, analyzed: bool) -> None:
    w = filled(tunnels, 20, idle=200_000)
    if analyzed:
        w.sql("ANALYZE")
    seen = first_tick(w)
    with w.ticking() as tick:
        tick()
        with w.store.read() as connection:
            found = [step for statement, parameters in seen for step in scans(connection, statement, parameters)]
    assert found == []


@pytest.mark.sqlite
def test_the_test_sees_a_scan() -> None:
    w = filled(CALM, 1)
    with w.store.read() as connection:
        assert scans(connection, "SELECT count(*) FROM deals AS d WHERE d.title = ?", ["x"])
        assert not scans(connection, "SELECT count(*) FROM deals AS d WHERE d.id = ?", ["x"])
