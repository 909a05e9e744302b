"""Four runners on one PostgreSQL store do together what one does, also where they must count together, and die.

What is done doesn't depend on who does what and in which order: each kind of flow here is made so, and says by itself
what there must be in the end. Each kind has a mistake that makes it wrong.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.store.connection import open_store
from flowrun.store.revisions import Author
from tests.faults.zygote import Zygote
from tests.postgres import Database
from tests.unit.engine.kit import SALES, flow_of

RUNNERS = 4
ACCOUNTS, MOST, COPIES = 40, 150, 50
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A flow, how many deals enter it at once, and in batches of how many; `check` is told the address and the deals.

    `mutant` is the mistake that it finds, with a `few` deals.
    """

    tunnels: str
    deals: int
    few: int
    size: int
    check: Callable[[str, int], None]
    mutant: str
    rest: str = SALES


def rows(url: str, statement: str) -> list[Row]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement.encode()).fetchall()


def eventually(url: str, statement: str, answer: Row) -> None:
    """Wait until the database says so."""
    give_up = time.monotonic() + 60
    while (found := rows(url, statement)) != [answer]:
        assert time.monotonic() < give_up, (statement, found)
        time.sleep(0.01)


def fired(url: str) -> list[Row]:
    """How often each tunnel has fired, by its own count, which the journal must bear out."""
    counted = rows(url, "SELECT id, fired FROM tunnels WHERE fired > 0 ORDER BY id")
    journal = "SELECT tunnel, count(*) FROM firings WHERE result = 'fired' GROUP BY tunnel ORDER BY tunnel"
    assert rows(url, journal) == counted
    return counted


def stages(url: str) -> list[Row]:
    return rows(url, "SELECT stage, count(*) FROM deals GROUP BY stage ORDER BY stage")


def check_guarded(url: str, deals: int) -> None:
    """That `unless_exists` has seen what the other runners made."""
    copies = "SELECT account, count(*) FROM deals WHERE stage = 'care.kickoff' GROUP BY account ORDER BY 2 DESC"
    assert [count for _, count in rows(url, copies)] == [1] * ACCOUNTS
    assert fired(url) == [("m", deals), ("once", ACCOUNTS)]


def check_counted(url: str, deals: int) -> None:
    """That turns and firings were counted across all runners."""
    turns = rows(url, "SELECT owner, count(*) FROM deals WHERE stage = 'sales.docs' GROUP BY owner ORDER BY owner")
    assert turns == [(owner, deals // 4) for owner in ("ann", "bob", "cem", "dee")]
    assert stages(url) == [("care.setup", MOST), ("sales.docs", deals)]
    assert rows(url, "SELECT tripped_at IS NOT NULL FROM tunnels WHERE id = 'capped'") == [(True,)]
    assert rows(url, "SELECT id, turn FROM tunnels ORDER BY id") == [("capped", 0), ("turn", deals)]
    assert fired(url) == [("capped", MOST), ("turn", deals)]


def check_related(url: str, deals: int) -> None:
    """That each lineage has as many copies as it may, whoever made them."""
    copies = "SELECT _root, count(*) FROM deals WHERE origin IS NOT NULL GROUP BY _root ORDER BY 2 DESC"
    assert [count for _, count in rows(url, copies)] == [COPIES] * deals
    assert rows(url, "SELECT DISTINCT reason FROM firings WHERE result = 'parked'") == [("copies",)]


def check_chained(url: str, deals: int) -> None:
    """That each deal went the whole way once, and its copy took it along."""
    both = [(name, deals) for name in ("again", "back", "go", "note")]
    assert fired(url) == sorted([*both, ("on", 2 * deals), ("work", deals)])
    assert stages(url) == [("care.live", deals), ("care.setup", deals), ("sales.won", deals)]


def check_journal(url: str) -> None:
    """That every effect has its row, and every row its effect, and that nothing is left to do."""
    made = "SELECT target FROM firings WHERE result = 'fired' AND action = 'copy' ORDER BY target"
    assert rows(url, made) == rows(url, "SELECT id FROM deals WHERE origin IS NOT NULL ORDER BY id")
    entries = "SELECT sum(entry - 1) FROM deals"
    assert rows(url, "SELECT count(*) FROM firings WHERE result = 'fired' AND action = 'move'") == rows(url, entries)
    assert rows(url, "SELECT deal FROM firings GROUP BY deal, entry, tunnel HAVING count(*) > 1") == []
    tripped = "SELECT count(*) FROM tunnels WHERE tripped_at IS NOT NULL"
    if rows(url, tripped) == [(0,)]:
        assert rows(url, "SELECT count(*) FROM queue") == [(0,)]


KINDS = {
    "guarded": Kind(
        """
        once: {from: sales.new, to: care.kickoff, action: copy, fields: [account], unless_exists: {same: [account]}}
        m: {from: sales.new, to: sales.docs, action: move}
        """,
        deals=4_000,
        few=1_000,
        size=50,
        check=check_guarded,
        mutant="pipelines are not locked",
    ),
    "counted": Kind(
        f"""
        turn: {{from: sales.new, to: sales.docs, action: move, set: {{owner: {{rotate: [ann, bob, cem, dee]}}}}}}
        capped: {{from: sales.docs, to: care.setup, action: copy, breaker: {{firings: {MOST}, per: 1h}}}}
        """,
        deals=4_000,
        few=1_000,
        size=50,
        check=check_counted,
        mutant="what is counted is not locked",
    ),
    "related": Kind(
        "\n".join(
            f"{source}-{n}: {{from: {at}, to: {to}, action: copy}}"
            for source, at, to in (
                ("a", "sales.new", "care.kickoff"),
                ("b", "care.kickoff", "care.setup"),
                ("c", "care.setup", "care.live"),
            )
            for n in range(4)
        ),
        deals=20,
        few=20,
        size=2,
        check=check_related,
        mutant="what is counted is not locked",
        rest=f"{SALES}limits: {{max_copies: {COPIES}}}",
    ),
    "chained": Kind(
        """
        go: {from: sales.new, to: sales.docs, action: move}
        work: {from: sales.new, to: care.kickoff, action: copy}
        note: {from: care.kickoff, to: care.live, action: copy, once: deal}
        on: {from: care.kickoff, to: care.setup, action: move}
        again: {from: care.setup, to: care.kickoff, action: move, when: not deal.paid, set: {paid: true}}
        back: {from: care.setup, to: sales.won, action: move, which: origin, when: deal.paid}
        """,
        deals=1_000,
        few=200,
        size=50,
        check=check_chained,
        mutant="what is claimed is not locked",
    ),
}


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as one:
        yield one


def filled(url: str, kind: Kind, deals: int) -> None:
    """A store with that flow, and as many deals that have just entered."""
    with open_store(url, create=True) as store, store.write(alone=True) as transaction:
        apply_flow(transaction, flow_of(kind.tunnels, rest=kind.rest), {}, Author())
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO deals (id, stage, account) SELECT 'd' || i, 'sales.new', 'a' || i %% %s "
            "FROM generate_series(1, %s) AS i",
            (ACCOUNTS, deals),
        )


@contextmanager
def held_back(url: str) -> Iterator[None]:
    """Inside, no tick can begin; it ends when as many runners wait as there are, so that all begin at once."""
    key = "(SELECT oid::int FROM pg_namespace WHERE nspname = current_schema())"
    with psycopg.connect(url) as connection:
        connection.execute(f"SELECT pg_advisory_xact_lock({0x666C6F77}, {key})".encode())
        yield
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        give_up = time.monotonic() + 30
        while connection.execute(waiting).fetchone() != (RUNNERS,):
            assert time.monotonic() < give_up
            time.sleep(0.01)


def run_together(url: str, zygote: Zygote, kind: Kind, mutant: str | None = None) -> list[int]:
    """How many deals each of the runners looked at."""
    with held_back(url):
        runners = [zygote.start("share", url=url, size=kind.size, mutant=mutant) for _ in range(RUNNERS)]
    ended = [zygote.wait(runner) for runner in runners]
    return [one.json if one.status == 0 else 0 for one in ended] if mutant else [one.fine().json for one in ended]


@pytest.mark.parametrize("name", KINDS)
def test_four_runners_do_what_one_does(name: str, zygote: Zygote, fast_postgres: Database) -> None:
    kind, url = KINDS[name], fast_postgres.url
    filled(url, kind, kind.deals)
    looked = run_together(url, zygote, kind)
    zygote.run("share", url=url, size=kind.size).fine()
    kind.check(url, kind.deals)
    check_journal(url)
    assert min(looked) > sum(looked) / RUNNERS / 10, looked


@pytest.mark.parametrize("name", KINDS)
def test_without_its_locks_they_get_it_wrong(name: str, zygote: Zygote, fast_postgres: Database) -> None:
    kind, url = KINDS[name], fast_postgres.url
    filled(url, kind, kind.few)
    run_together(url, zygote, kind, kind.mutant)
    zygote.run("share", url=url, size=kind.size)
    with pytest.raises(AssertionError):
        kind.check(url, kind.few)


@pytest.mark.parametrize("name", KINDS)
def test_four_runners_that_are_killed_do_what_one_does(name: str, zygote: Zygote, fast_postgres: Database) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    kind, url, chance = KINDS[name], fast_postgres.url, random.Random(seed)
    filled(url, kind, kind.few)
    with held_back(url):
        runners = [zygote.start("share", url=url, size=kind.size) for _ in range(RUNNERS)]
    for _ in range(8):
        time.sleep(chance.uniform(0, 0.1))
        zygote.kill(runners.pop(chance.randrange(RUNNERS)))
        runners.append(zygote.start("share", url=url, size=kind.size))
    for runner in runners:
        zygote.wait(runner).fine()
    # What the dead had begun is undone when the server has noticed, which is not at once.
    eventually(url, f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{fast_postgres.name}'", (1,))
    zygote.run("share", url=url, size=kind.size).fine()
    kind.check(url, kind.few)
    check_journal(url)


PLAIN = "on: {from: sales.new, to: sales.docs, action: move}\nout: {from: sales.docs, to: sales.won, action: move}"
WON = "SELECT count(*) FROM deals WHERE stage = 'sales.won'"
ADD = "INSERT INTO deals (id, stage) SELECT %s || i, 'sales.new' FROM generate_series(1, %s) AS i"


def test_each_of_four_endless_runners_has_its_share_and_none_waits_for_a_deal_that_is_held(
    zygote: Zygote, fast_postgres: Database
) -> None:
    url = fast_postgres.url
    with open_store(url, create=True) as store, store.write(alone=True) as transaction:
        apply_flow(transaction, flow_of(PLAIN), {}, Author())
    with psycopg.connect(url, autocommit=True) as writer, psycopg.connect(url) as holder:
        writer.execute(ADD, ("held", 3))
        holder.execute("SELECT FROM deals WHERE id LIKE 'held%' FOR UPDATE")
        with held_back(url):
            runners = [zygote.start("watch", url=url) for _ in range(RUNNERS)]
        for number in range(200):
            writer.execute(ADD, (f"d{number}-", 20))
            time.sleep(0.005)
        eventually(url, WON, (4_000,))
        assert rows(url, "SELECT DISTINCT stage FROM deals WHERE id LIKE 'held%'") == [("sales.new",)]
        holder.rollback()
        eventually(url, WON, (4_003,))
    for runner in runners:
        os.kill(runner, signal.SIGTERM)
    ended = [zygote.wait(runner).fine() for runner in runners]
    assert [one.err for one in ended] == [""] * RUNNERS
    looked = [one.json for one in ended]
    print(f"deals looked at by each: {looked}")
    assert min(looked) > sum(looked) / RUNNERS / 10
    assert fired(url) == [("on", 4_003), ("out", 4_003)]
    check_journal(url)


RELATED = """
work: {from: sales.new, to: care.kickoff, action: copy}
more: {from: care.kickoff, to: care.live, action: copy, when: deal.paid}
back: {from: care.setup, to: sales.won, action: move, which: origin}
"""


@pytest.mark.parametrize(
    ("change", "stage"), [("paid = 1", "care.live"), ("stage = 'care.setup'", "sales.won")], ids=["lineage", "origin"]
)
def test_a_deal_whose_origin_is_held_is_left_while_others_go_on(
    change: str, stage: str, fast_postgres: Database
) -> None:
    url, done = fast_postgres.url, f"SELECT count(*) FROM deals WHERE stage = '{stage}'"
    with open_store(url, create=True) as store, psycopg.connect(url, autocommit=True) as writer:
        with store.write(alone=True) as transaction:
            apply_flow(transaction, flow_of(RELATED), {}, Author())
        writer.execute(ADD, ("d", 5))
        Runner(store).until_idle()
        with psycopg.connect(url) as holder:
            holder.execute("SELECT FROM deals WHERE id = 'd2' FOR UPDATE")
            writer.execute(f"UPDATE deals SET {change} WHERE origin IS NOT NULL".encode())
            Runner(store).until_idle()
            assert rows(url, done) == [(4,)]
            assert rows(url, "SELECT origin FROM deals JOIN queue ON deal = deals.seq") == [("d2",)]
            holder.rollback()
        Runner(store).until_idle()
        assert rows(url, done) == [(5,)]
        assert rows(url, "SELECT count(*) FROM queue") == [(0,)]
