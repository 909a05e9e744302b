"""Four runners on one PostgreSQL store do together what one does: what must be counted across them is."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.store.connection import open_store
from flowrun.store.revisions import Author
from tests.postgres import Database
from tests.unit.engine.kit import flow_of

RUNNERS = 4
BATCH = 50
"""Deals of a batch: more than there are accounts, so that runners come upon the same ones at once."""
DEALS, ACCOUNTS, MOST = 4_000, 40, 150
GUARDED = """
once: {from: sales.new, to: care.kickoff, action: copy, fields: [account], unless_exists: {same: [account]}}
m: {from: sales.new, to: sales.docs, action: move}
"""
COUNTED = f"""
turn: {{from: sales.new, to: sales.docs, action: move, set: {{owner: {{rotate: [ann, bob, cem, dee]}}}}}}
capped: {{from: sales.docs, to: care.setup, action: copy, breaker: {{firings: {MOST}, per: 1h}}}}
"""
Row = tuple[Any, ...]


def _nothing(*_: object) -> None:
    """Takes no lock."""


MUTANTS: dict[str, Callable[[], None]] = {}


def mutant(change: Callable[[], None]) -> Callable[[], None]:
    MUTANTS[change.__name__] = change
    return change


@mutant
def pipelines_are_not_locked() -> None:
    from flowrun.engine import gather

    gathering: Any = gather
    gathering.lock_pipelines = _nothing


@mutant
def tunnels_are_not_locked() -> None:
    from flowrun.engine.alone import Locks

    locks: Any = Locks
    locks.take = _nothing


def work(url: str, change: str | None, done: Any) -> None:
    """A runner in a process of its own."""
    if change is not None:
        MUTANTS[change]()
    with open_store(url) as store:
        done.put(Runner(store, size=BATCH).until_idle().looked)


@contextmanager
def held_back(url: str) -> Iterator[None]:
    """Inside, no tick can begin: so all runners begin at once."""
    key = "(SELECT oid::int FROM pg_namespace WHERE nspname = current_schema())"
    with psycopg.connect(url) as connection:
        connection.execute(f"SELECT pg_advisory_xact_lock({0x666C6F77}, {key})")
        yield


def run_together(url: str, change: str | None = None) -> list[int]:
    """How many deals each of the runners looked at."""
    context = multiprocessing.get_context("spawn")
    done = context.Queue()
    processes = [context.Process(target=work, args=(url, change, done)) for _ in range(RUNNERS)]
    with held_back(url):
        for process in processes:
            process.start()
        with psycopg.connect(url, autocommit=True) as connection:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while connection.execute(waiting).fetchone() != (RUNNERS,):
                assert all(process.is_alive() for process in processes)
    looked = [done.get(timeout=120) for _ in processes]
    for process in processes:
        process.join()
    return looked


def filled(url: str, tunnels: str, deals: int) -> None:
    """A store with these tunnels, and as many deals that have just entered."""
    with open_store(url, create=True) as store, store.write(alone=True) as transaction:
        apply_flow(transaction, flow_of(tunnels), {}, Author())
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO deals (id, stage, account) SELECT 'd' || i, 'sales.new', 'a' || i %% %s "
            "FROM generate_series(1, %s) AS i",
            (ACCOUNTS, deals),
        )


def rows(url: str, statement: str) -> list[Row]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def check_guarded(url: str) -> None:
    """That `unless_exists` has seen what the other runners made."""
    copies = rows(url, "SELECT account, count(*) FROM deals WHERE stage = 'care.kickoff' GROUP BY account")
    assert Counter(count for _, count in copies) == {1: ACCOUNTS}
    assert rows(url, "SELECT id, fired FROM tunnels ORDER BY id") == [("m", DEALS), ("once", ACCOUNTS)]


def check_counted(url: str) -> None:
    """That turns and firings were counted across all runners."""
    turns = rows(url, "SELECT owner, count(*) FROM deals WHERE stage = 'sales.docs' GROUP BY owner ORDER BY owner")
    assert turns == [(owner, DEALS // 4) for owner in ("ann", "bob", "cem", "dee")]
    assert rows(url, "SELECT count(*) FROM deals WHERE stage = 'care.setup'") == [(MOST,)]
    assert rows(url, "SELECT tripped_at IS NOT NULL FROM tunnels WHERE id = 'capped'") == [(True,)]
    assert rows(url, "SELECT id, fired, turn FROM tunnels ORDER BY id") == [("capped", MOST, 0), ("turn", DEALS, DEALS)]


def check_journal(url: str) -> None:
    """That every effect has its row, and every row its effect, and that nothing is left to do."""
    made = "SELECT target FROM firings WHERE result = 'fired' AND action = 'copy' ORDER BY target"
    assert rows(url, made) == rows(url, "SELECT id FROM deals WHERE origin IS NOT NULL ORDER BY id")
    moved = "SELECT target FROM firings WHERE result = 'fired' AND action = 'move' ORDER BY target"
    assert rows(url, moved) == rows(url, "SELECT id FROM deals WHERE stage = 'sales.docs' ORDER BY id")
    assert rows(url, "SELECT count(*) FROM queue") == [(0,)]


CHECKS: dict[str, tuple[str, Callable[[str], None]]] = {
    "guarded": (GUARDED, check_guarded),
    "counted": (COUNTED, check_counted),
}


@pytest.mark.parametrize("kind", CHECKS)
def test_four_runners_do_what_one_does(kind: str, fast_postgres: Database) -> None:
    flow, check = CHECKS[kind]
    filled(fast_postgres.url, flow, DEALS)
    looked = run_together(fast_postgres.url)
    check(fast_postgres.url)
    check_journal(fast_postgres.url)
    assert min(looked) > sum(looked) / RUNNERS / 10, looked


@pytest.mark.parametrize(
    ("kind", "change"), [("guarded", "pipelines_are_not_locked"), ("counted", "tunnels_are_not_locked")]
)
def test_without_its_locks_they_get_it_wrong(kind: str, change: str, fast_postgres: Database) -> None:
    flow, check = CHECKS[kind]
    filled(fast_postgres.url, flow, DEALS)
    run_together(fast_postgres.url, change)
    with pytest.raises(AssertionError):
        check(fast_postgres.url)
