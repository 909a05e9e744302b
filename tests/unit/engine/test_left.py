"""Deals that a runner leaves, since others have what they need: the rest goes on; they are looked at now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from flowrun.clock import FixedClock
from flowrun.engine import left, runner
from flowrun.engine.left import Left
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.engine.tick import Ticker
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from tests.postgres import Database
from tests.unit.engine.kit import flow_of

pytestmark = pytest.mark.no_cover

RELATED = """
work: {from: sales.new, to: care.kickoff, action: copy}
more: {from: care.kickoff, to: care.live, action: copy, when: deal.paid}
back: {from: care.setup, to: sales.won, action: move, which: origin}
on: {from: sales.docs, to: sales.lost, action: move}
"""
NOW = 1_800_000_000_000


@dataclass
class Hours:
    """A time that passes where it is slept."""

    at: float = 0.0

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += max(seconds, 0.000_1)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    """The time of runners; pauses last as long as they may."""
    found = Hours()
    monkeypatch.setattr(left, "time", found)
    monkeypatch.setattr(runner, "time", found)
    monkeypatch.setattr("flowrun.engine.left.random.uniform", lambda _least, most: most)
    return found


def passed_over(hours: Hours, one: Left) -> float:
    """For how long they were, and are no longer."""
    rest = one.rest
    assert rest > 0
    hours.at += rest
    one.look_again()
    assert one.deals == []
    return round(rest, 6)


def test_the_pause_doubles_while_the_same_is_in_the_way(hours: Hours) -> None:
    one = Left()
    pauses = []
    for _ in range(8):
        one.add([(1,), (2,)], needing=True)
        one.add([(3,)])
        one.add([])
        assert (one.deals, one.needing) == ([1, 2, 3], True)
        pauses.append(passed_over(hours, one))
    assert pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
    assert one.turns == 8
    one.add([(4,)])
    assert (one.turns, passed_over(hours, one)) == (1, 0.02)


def test_the_pause_is_short_again_when_nothing_was_in_the_way(hours: Hours) -> None:
    one = Left()
    for _ in range(2):
        one.add([(1, 5, 0)])
        passed_over(hours, one)
    one.add([])
    one.add([(1, 5, 0)])
    assert (one.turns, passed_over(hours, one)) == (1, 0.02)
    one.add([(1, 6, 0)])
    assert passed_over(hours, one) == 0.02, "it has been done meanwhile, and waits anew"


@dataclass
class Held:
    """A store in which four deals have a copy each, and a program that has the origin of all copies but the last."""

    store: Store
    writer: psycopg.Connection
    holder: psycopg.Connection

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        """By a program that knows no more of flowrun than that its clock stands still."""
        with self.writer.transaction():
            self.writer.execute(f"SET LOCAL flowrun.now = '{NOW}'".encode())
            done = self.writer.execute(statement.encode())
            return done.fetchall() if done.description else []

    def stages(self, which: str) -> list[object]:
        return [stage for (stage,) in self.sql(f"SELECT stage FROM deals WHERE {which} ORDER BY seq")]


@pytest.fixture
def held(fast_postgres: Database) -> Iterator[Held]:
    with (
        open_store(fast_postgres.url, FixedClock(NOW), create=True) as store,
        psycopg.connect(fast_postgres.url, autocommit=True) as writer,
        psycopg.connect(fast_postgres.url) as holder,
    ):
        with store.write(alone=True) as transaction:
            apply_flow(transaction, flow_of(RELATED), {}, Author())
        world = Held(store, writer, holder)
        world.sql("INSERT INTO deals (id, stage) SELECT 'd' || n, 'sales.new' FROM generate_series(1, 4) AS n")
        Runner(store).until_idle()
        holder.execute("SELECT FROM deals WHERE id IN ('d1', 'd2', 'd3') FOR UPDATE")
        yield world


WAYS = pytest.mark.parametrize(
    ("change", "done"), [("paid = 1", "care.live"), ("stage = 'care.setup'", "sales.won")], ids=["lineage", "origin"]
)


@WAYS
@pytest.mark.parametrize("size", [1, 10_000])
def test_what_is_left_is_in_nobodys_way(held: Held, change: str, done: str, size: int) -> None:
    held.sql(f"UPDATE deals SET {change} WHERE origin IS NOT NULL")
    held.sql("INSERT INTO deals (id, stage) VALUES ('later', 'sales.docs')")
    totals = Runner(held.store, size=size).until_idle()
    assert held.stages("id = 'later'") == ["sales.lost"]
    assert held.stages(f"stage = '{done}'") == [done]
    held.holder.rollback()
    assert Runner(held.store, size=size).until_idle().looked > totals.looked - 4
    assert held.stages(f"stage = '{done}'") == [done] * 4
    assert held.sql("SELECT FROM queue") == []


@WAYS
def test_a_deal_that_is_refused_is_found_among_those_that_are_left(held: Held, change: str, done: str) -> None:
    held.sql("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$")
    held.sql(
        "CREATE TRIGGER other AFTER UPDATE OF stage ON deals FOR EACH ROW WHEN (NEW.id = 'bad') EXECUTE FUNCTION no()"
    )
    held.sql(f"UPDATE deals SET {change} WHERE origin IS NOT NULL")
    held.sql("INSERT INTO deals (id, stage) VALUES ('good', 'sales.docs'), ('bad', 'sales.docs'), ('so', 'sales.docs')")
    warned: list[str] = []
    Runner(held.store, warn=warned.append).until_idle()
    assert held.stages("id IN ('good', 'bad', 'so')") == ["sales.lost", "sales.docs", "sales.lost"]
    assert warned == ["deal 'bad' is parked: the database refused 'on': not this one"]
    assert held.stages(f"stage = '{done}'") == [done]
    held.holder.rollback()
    Runner(held.store).until_idle()
    assert held.stages(f"stage = '{done}'") == [done] * 4


@pytest.mark.parametrize("change", ["paid = 1", "stage = 'care.setup'", None], ids=["lineage", "origin", "deal"])
def test_an_endless_runner_looks_at_what_is_held_now_and_then_and_at_the_rest_at_once(
    held: Held, change: str | None, hours: Hours, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change is None:
        held.holder.execute("UPDATE deals SET title = 'mine' WHERE id = 'd1'")
        held.sql("INSERT INTO queue (deal, wake_at, round) SELECT seq, 0, 0 FROM deals WHERE id = 'd1'")
    else:
        held.sql(f"UPDATE deals SET {change} WHERE origin IN ('d1', 'd2', 'd3')")
    ticks = counted(monkeypatch)
    seen: list[float] = []

    def stopped() -> bool:
        if hours.at > 2 and not held.stages("id = 'new'"):
            held.sql("INSERT INTO deals (id, stage) VALUES ('new', 'sales.docs')")
        if not seen and hours.at > 2 and held.stages("id = 'new'") == ["sales.lost"]:
            seen.append(hours.at)
        return hours.at > 4

    Runner(held.store, stopped=stopped).forever()
    assert seen[0] < 2.1
    assert 5 < ticks() < 20


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    count = 0
    tick = Ticker.tick

    def counting(self: Ticker, *how: object) -> object:
        nonlocal count
        count += 1
        return tick(self, *how)  # type: ignore[arg-type]

    monkeypatch.setattr(Ticker, "tick", counting)
    return lambda: count


@contextmanager
def planted(monkeypatch: pytest.MonkeyPatch, name: str, instead: object) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(Left, name, instead)
        yield


def test_these_tests_can_fail(held: Held, hours: Hours, monkeypatch: pytest.MonkeyPatch) -> None:
    with planted(monkeypatch, "add", lambda *_, **__: None), pytest.raises(AssertionError):
        test_an_endless_runner_looks_at_what_is_held_now_and_then_and_at_the_rest_at_once(
            held, None, hours, monkeypatch
        )
