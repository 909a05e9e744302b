"""PostgreSQL's plans for a tick: however many deals lie idle, none of them is passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from flowrun.clock import Clock, FixedClock
from flowrun.config import load_texts
from flowrun.engine.runner import Runner
from flowrun.engine.settlement import Result, Told
from flowrun.flow.model import SourceSpec
from flowrun.store.connection import Store
from tests.bench import rules
from tests.unit.engine import elsewhere, kit
from tests.unit.engine.test_statements import CALM, EVERYTHING, REST

LARGE, SMALL = 60_000, 6_000
_SCAN = re.compile(
    r"(Seq Scan on \w+|Index (?:Only )?Scan using \w+ on \w+)[^\n]*\n"
    r"(?!\s*(?:Index Cond|Recheck Cond): (?!\(\w*\.?shadow = 0\)(?:\n|$)))"
)


def wide(plan: str) -> list[str]:
    """The steps of a plan that pass over all of deals, firings or the queue, or over all of an index of theirs.

    That of parked firings has no others. All firings but those of shadows are all firings.
    """
    found = [match[1] for match in _SCAN.finditer(plan + "\n") if "firings_parked" not in match[1]]
    return [step for step in found if step.split()[-1] in {"deals", "firings"} or step.endswith("Seq Scan on queue")]


@contextmanager
def planned(store: Store) -> Iterator[list[tuple[str, str]]]:
    """All statements that are executed inside, each with its plan."""
    found: list[tuple[str, str]] = []

    def explain(
        connection: Connection, _cursor: object, statement: str, parameters: Any, _context: object, many: bool
    ) -> None:
        parameters = parameters[0] if many else parameters
        if statement.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
            driver: Any = connection.connection.driver_connection
            if "$1" in statement:
                # What is prepared keeps a plan that is made without a look at the parameters.
                driver.execute(f"PREPARE explained AS {statement}")
                nulls = f"({', '.join(['NULL'] * len(parameters))})"
                rows = driver.execute(f"EXPLAIN EXECUTE explained{nulls}").fetchall()
                driver.execute("DEALLOCATE explained")
            else:
                rows = driver.execute("EXPLAIN " + statement, parameters).fetchall()
            found.append((statement, "\n".join(row[0] for row in rows)))

    event.listen(store.engine, "before_cursor_execute", explain)
    yield found
    event.remove(store.engine, "before_cursor_execute", explain)


@contextmanager
def plans(store: Store) -> Iterator[list[str]]:
    """The wide steps of all statements that are executed inside, with their statements, once it has ended."""
    found: list[str] = []
    with planned(store) as all_:
        yield found
    found += [f"{step} in {statement[:300]}" for statement, plan in all_ for step in wide(plan)]


def crowded(store: Store, tunnels: str, idle: int, source: SourceSpec | None = None) -> kit.World:
    flow = replace(kit.flow_of(tunnels, rest=REST), source=source or SourceSpec())
    w = kit.World(store, flow).at(kit.START).apply_flow(flow)
    w.sql(
        "INSERT INTO deals (id, stage, account, origin, entry, entered_at, created_at, updated_at) "
        "SELECT 'idle' || i, (ARRAY['sales.new', 'care.kickoff', 'care.setup'])[i % 3 + 1], 'account' || i % 5000, "
        "CASE WHEN i % 2 = 0 THEN 'idle' || i - 1 END, 1, 0, 0, 0 FROM generate_series(1, :count) AS i",
        count=idle,
    )
    w.sql(
        "INSERT INTO firings (deal, entry, tunnel, action, from_stage, to_stage, result, fired_at, revision, _lineage) "
        "SELECT 'idle' || i, 1, 'c', 'copy', 'sales.new', 'care.kickoff', 'fired', 0, 1, 'idle' || i "
        "FROM generate_series(1, :count) AS i",
        count=idle,
    )
    w.sql("INSERT INTO queue (deal, wake_at, round) SELECT seq, :never, 0 FROM deals", never=2**47)
    for table in ("deals", "firings", "queue"):
        w.sql(f"ANALYZE {table}")
    for number in range(12):
        w.add(f"d{number}", account=f"acme{number % 5}", amount=None)
    w.sql("UPDATE deals SET amount = 800 WHERE id LIKE 'd_' OR id LIKE 'd__'")
    return w


@pytest.mark.parametrize("idle", [LARGE, SMALL])
@pytest.mark.parametrize("tunnels", [EVERYTHING, CALM], ids=["everything", "calm"])
def test_a_tick_passes_over_no_table_of_deals(
    tunnels: str, idle: int, postgresql_store: Callable[[ExitStack, Clock], Store]
) -> None:
    """A plan that is made while there are few serves many later."""
    with ExitStack() as stack:
        store = postgresql_store(stack, FixedClock(0))
        w = crowded(store, tunnels, idle)
        with plans(store) as found:
            totals = Runner(store).until_idle()
        assert totals.looked >= 12
        assert not found, "\n".join(found)
        assert w.fired()


def test_a_tick_begins_with_its_batch_and_not_with_the_routes(
    postgresql_store: Callable[[ExitStack, Clock], Store],
) -> None:
    """Of which there are fewer, as the server knows: it would go through the whole batch for each."""
    loaded = load_texts({"flow.yaml": rules.flow_text().encode()})
    assert loaded.flow is not None
    with ExitStack() as stack:
        w = kit.World(postgresql_store(stack, FixedClock(0)), loaded.flow).at(kit.START).apply_flow(loaded.flow)
        w.sql(
            "INSERT INTO deals (id, stage, amount, seats, source) "
            "SELECT 'd' || i, 'p0.s' || i % 4, 5000000, i % 99, 'web' FROM generate_series(1, 3000) AS i"
        )
        for table in ("deals", "queue", "routes", "tunnels"):
            w.sql(f"ANALYZE {table}")
        with planned(w.store) as found:
            Runner(w.store).until_idle()
        judged = [plan for statement, plan in found if statement.startswith("INSERT INTO candidates")]
        assert len(judged) > 4
        for plan in judged:
            first = re.search(r"Scan (?:using \w+ )?on (\w+)", plan)
            assert first is not None
            assert first[1] == "batch", plan


def test_neither_do_a_tick_a_claim_and_a_settlement_where_deals_live_elsewhere(
    postgresql_store: Callable[[ExitStack, Clock], Store],
) -> None:
    with ExitStack() as stack:
        store = postgresql_store(stack, FixedClock(0))
        w = crowded(store, EVERYTHING, LARGE, elsewhere.PLACE)
        with plans(store) as found:
            Runner(store).until_idle()
            called = elsewhere.claim(w).to_perform
            told = [Told.DONE, Told.DONE, Told.REFUSED, Told.LATER, Told.UNKNOWN, Told.CONFLICT]
            elsewhere.settle(
                w, [Result(one, told[at % 6], id=one.new_id or one.target) for at, one in enumerate(called)]
            )
            Runner(store).until_idle()
        assert len(called) >= 5
        assert not found, "\n".join(found)


def test_the_test_sees_a_scan(
    monkeypatch: pytest.MonkeyPatch, postgresql_store: Callable[[ExitStack, Clock], Store]
) -> None:
    monkeypatch.setattr("flowrun.store.postgresql._BY_KEY", {"enable_indexscan": "off", "enable_bitmapscan": "off"})
    with ExitStack() as stack:
        store = postgresql_store(stack, FixedClock(0))
        crowded(store, CALM, LARGE)
        with plans(store) as found:
            Runner(store).until_idle()
        assert found
