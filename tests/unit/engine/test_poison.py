"""A deal that the database turns down is parked alone; the rest of its batch is done as if it weren't there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from flowrun.engine import operate, poison
from flowrun.engine.explain import Outlook, explain
from flowrun.engine.runner import Runner
from flowrun.engine.status import status
from flowrun.errors import WorkFailed
from flowrun.store import revisions
from tests.unit.engine.kit import World, world

MOVE = "m: {from: sales.new, to: sales.docs, action: move}"
COPY = "c: {from: sales.new, to: care.kickoff, action: copy}"
BOTH = f"{COPY}\n{MOVE}"
GUARDED = """
c:
  from: sales.new
  to: care.kickoff
  action: copy
  unless_exists: {same: [account]}
  set: {owner: {rotate: [ann, bob]}}
  breaker: {firings: 100000, per: 1h}
m: {from: sales.new, to: sales.docs, action: move}
"""


def on_postgresql(w: World) -> bool:
    return w.store.engine.dialect.name == "postgresql"


def refuse(
    w: World, when: str, on: str = "UPDATE OF stage", message: str = "not this one", table: str = "deals"
) -> None:
    """A trigger of another program: what it refuses, it aborts."""
    if on_postgresql(w):
        also(w, f"RAISE EXCEPTION '{message}'", when, on, table)
    else:
        also(w, f"SELECT RAISE(ABORT, '{message}')", when, on, table)


def also(w: World, does: str, when: str, on: str = "UPDATE OF stage", table: str = "deals") -> None:
    """A trigger of another program that does that."""
    if on_postgresql(w):
        body = f"$$ BEGIN {does}; RETURN NULL; END $$"
        w.sql(f"CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS {body}")
        w.sql(f"CREATE TRIGGER other AFTER {on} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION other()")
    else:
        w.sql(f"CREATE TRIGGER other AFTER {on} ON {table} WHEN {when} BEGIN {does}; END")


def allow(w: World, table: str = "deals") -> None:
    """Take that trigger away."""
    w.sql("DROP TRIGGER IF EXISTS other" + (f" ON {table}" if on_postgresql(w) else ""))


def crowd(tunnels: str, count: int) -> World:
    w = world(tunnels)
    w.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
        "INSERT INTO deals (id, stage, account) SELECT 'd' || i, 'sales.new', 'a' || (i % 100) FROM n",
        count=count,
    )
    return w


def run(w: World, size: int | None = 10_000) -> list[str]:
    """Run until idle; what the runner warned of."""
    warned: list[str] = []
    report = lambda tick, _totals: w.ticks.append(tick)  # noqa: E731
    Runner(w.store, size=size, warn=warned.append, report=report).until_idle()
    return warned


def parked(w: World) -> list[tuple[str, str]]:
    return [(row.tunnel, row.deal) for row in w.journal() if (row.result, row.reason) == ("parked", "error")]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of them really."""
    pauses: list[float] = []
    monkeypatch.setattr("flowrun.engine.poison.time.sleep", pauses.append)
    return pauses


@pytest.mark.parametrize("bad", [("d1",), ("d1500",), ("d3000",), ("d1", "d2", "d1777", "d2999", "d3000")])
@pytest.mark.parametrize(("tunnels", "on"), [(MOVE, "UPDATE OF stage"), (COPY, "INSERT")])
def test_the_deal_at_fault_is_parked_and_all_others_fire(bad: Sequence[str], tunnels: str, on: str) -> None:
    w = crowd(tunnels, 3_000)
    column = "id" if tunnels == MOVE else "origin"
    refuse(w, f"NEW.{column} IN ({', '.join(repr(one) for one in bad)})", on)
    run(w)
    tunnel = tunnels[0]
    assert parked(w) == [(tunnel, one) for one in bad]
    assert len(w.fired()) == 3_000 - len(bad)
    assert w.queued() == {}
    assert len(w.ticks) < 20 * len(bad) + 5
    assert w.deal("d1").entry == (1 if tunnels == COPY or "d1" in bad else 2)


@pytest.mark.parametrize("tunnels", [BOTH, GUARDED])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_journal_is_the_same_in_batches_of_any_size(tunnels: str, size: int) -> None:
    w = crowd(tunnels, 40)
    refuse(w, "NEW.id IN ('d3', 'd20', 'd21', 'd40')")
    run(w, size)
    copies = [("c", f"d{n}", "fired") for n in range(1, 41)]
    moves = [("m", f"d{n}", "parked error" if n in {3, 20, 21, 40} else "fired") for n in range(1, 41)]
    expected = [row for pair in zip(copies, moves, strict=True) for row in pair]
    assert w.results() == expected


def test_all_may_be_at_fault(patient: list[float]) -> None:
    w = crowd(MOVE, 100)
    refuse(w, "true")
    warned = run(w)
    assert parked(w) == [("m", f"d{n}") for n in range(1, 101)]
    assert w.fired() == []
    assert [line.partition(":")[0] for line in warned] == [
        *(f"deal 'd{n}' is parked" for n in range(1, 6)),
        "more deals are parked for that; 'flowrun journal --result parked' lists them",
    ]
    assert patient == list(poison.PAUSES), "who waits for the same thing again and again waits for ever"


def test_only_the_firing_at_fault_is_parked() -> None:
    w = crowd(
        """
        one: {from: sales.new, to: care.kickoff, action: copy}
        two: {from: sales.new, to: care.setup, action: copy}
        three: {from: sales.new, to: care.live, action: copy}
        dry: {from: sales.new, to: care.live, action: copy, mode: shadow}
        never: {from: sales.new, to: care.live, action: copy, when: deal.amount > 5}
        m: {from: sales.new, to: sales.docs, action: move}
        n: {from: sales.new, to: sales.won, action: move}
        """,
        3,
    )
    refuse(w, "NEW.origin = 'd2' AND NEW.stage = 'care.setup'", "INSERT")
    run(w)
    assert parked(w) == [("two", "d2")]
    assert [tunnel for tunnel, deal in w.fired() if deal == "d2"] == ["one", "three", "m"]
    assert len(w.fired()) == 11


def test_a_parked_move_holds_its_deal_until_retry() -> None:
    w = crowd(
        "m: {from: sales.new, to: sales.docs, action: move}\nn: {from: sales.new, to: sales.won, action: move}", 2
    )
    refuse(w, "NEW.stage = 'sales.docs' AND NEW.id = 'd1'")
    run(w)
    assert parked(w) == [("m", "d1")]
    assert w.stage("d1") == "sales.new"
    assert status(w.store).parked == 1
    assert not status(w.store).healthy
    with w.store.read() as connection:
        applied = revisions.applied(connection)
        told = {one.tunnel.id: one for one in explain(connection, applied, "d1", w.now).tunnels}
    assert (told["m"].verdict, told["m"].reason) == (Outlook.PARKED, "error")
    assert (told["n"].verdict, told["n"].reason, told["n"].held_by) == (Outlook.HELD, "error", "m")


def test_retry_lets_it_try_once_more() -> None:
    w = crowd(MOVE, 3)
    refuse(w, "NEW.id = 'd2'")
    run(w)
    w.later("1h").set("d2", account="other")
    assert run(w) == []
    assert parked(w) == [("m", "d2")]
    w.retry("d2")
    assert [line for line in run(w) if "'d2' is parked" in line]
    assert parked(w) == [("m", "d2")]
    allow(w)
    w.retry()
    assert run(w) == []
    assert w.results() == [("m", "d1", "fired"), ("m", "d3", "fired"), ("m", "d2", "fired")]


def test_a_new_entry_is_tried() -> None:
    w = crowd(MOVE, 1)
    refuse(w, "NEW.stage = 'sales.docs'")
    run(w)
    allow(w)
    w.move("d1", "sales.lost").move("d1", "sales.new")
    run(w)
    assert w.results() == [("m", "d1", "parked error"), ("m", "d1", "fired")]


ON_D2 = "CREATE TRIGGER other AFTER UPDATE OF stage ON deals WHEN NEW.id = 'd2' BEGIN {} END"


@pytest.mark.parametrize(
    ("table", "statement", "message"),
    [
        (None, "CREATE UNIQUE INDEX other ON deals (account) WHERE stage = 'sales.docs'", "UNIQUE constraint failed"),
        ("x TEXT CHECK (x = 'me')", ON_D2.format("INSERT INTO theirs VALUES (NEW.id);"), "CHECK constraint failed"),
        ("x INTEGER", ON_D2.format("INSERT INTO theirs VALUES (NEW.id);"), "cannot store TEXT value"),
        (
            "x TEXT REFERENCES deals (id) DEFERRABLE INITIALLY DEFERRED",
            ON_D2.format("INSERT INTO theirs VALUES ('nobody');"),
            "FOREIGN KEY constraint failed",
        ),
        (None, ON_D2.format("SELECT RAISE(ROLLBACK, 'all of it');"), "all of it"),
        (None, ON_D2.format("SELECT RAISE(FAIL, 'what was done stays');"), "what was done stays"),
        (None, ON_D2.format("SELECT abs(-9223372036854775807 - 1);"), "integer overflow"),
        (None, ON_D2.format("SELECT value FROM json_each('[');"), "malformed JSON"),
    ],
)
@pytest.mark.sqlite
def test_whatever_another_program_has_there(table: str | None, statement: str, message: str) -> None:
    w = world(MOVE)
    for id_, account in (("d1", "one"), ("d2", "one"), ("d3", "three")):
        w.add(id_, account=account)
    if table is not None:
        w.sql(f"CREATE TABLE theirs ({table}) STRICT")
    w.sql(statement)
    warned = run(w)
    assert w.results() == [("m", "d1", "fired"), ("m", "d2", "parked error"), ("m", "d3", "fired")]
    assert message in warned[0]
    assert len(warned) == 1


def test_what_fails_at_the_commit_alone() -> None:
    w = crowd(f"{BOTH}\nlast: {{from: sales.docs, to: sales.won, action: move}}", 30)
    w.sql("CREATE TABLE theirs (x TEXT REFERENCES deals (id) DEFERRABLE INITIALLY DEFERRED)")
    also(w, "INSERT INTO theirs VALUES ('nobody')", "NEW.id = 'd9'")
    run(w)
    assert parked(w) == [("m", "d9")]
    assert len(w.fired()) == 88


BROKEN = """
labelled: {from: sales.new, to: care.kickoff, action: copy, when: "'vip' in deal.labels"}
c: {from: sales.new, to: care.setup, action: copy}
m: {from: sales.new, to: sales.docs, action: move}
"""


def break_labels(w: World, *ids: str) -> None:
    """A value that is none, past the triggers, as a program does that has dropped them."""
    for trigger in ("deals_update_check", "deals_update", "deals_update_watched"):
        w.sql(f"DROP TRIGGER IF EXISTS {trigger}")
    for id_ in ids:
        w.sql("UPDATE deals SET labels = '[\"vip\", ' WHERE id = :id", id=id_)


@pytest.mark.sqlite
def test_what_can_not_be_judged_is_parked_and_its_deal_goes_on() -> None:
    w = crowd(BROKEN, 200)
    break_labels(w, "d7", "d200")
    warned = run(w)
    assert parked(w) == [("labelled", "d7"), ("labelled", "d200")]
    assert w.fired().count(("m", "d7")) == 1
    assert len(w.fired()) == 400
    assert "malformed JSON" in warned[0]
    assert "'labelled'" in warned[0]
    (row,) = [row for row in w.journal() if row.deal == "d7" and row.tunnel == "labelled"]
    assert (row.due_at, row.target) == (None, None)


@pytest.mark.sqlite
def test_explain_says_of_what_can_not_be_judged_that_it_can_not() -> None:
    w = crowd(BROKEN, 2)
    break_labels(w, "d2")
    with w.store.read() as connection, pytest.raises(WorkFailed, match="deal 'd2' can't be judged: malformed JSON"):
        explain(connection, revisions.applied(connection), "d2", w.now)
    assert [deal.fields["labels"] for deal in w.deals()] == [None, None]


@pytest.mark.sqlite
def test_what_can_not_be_judged_is_not_parked_twice() -> None:
    w = crowd("labelled: {from: sales.new, to: care.kickoff, action: copy, when: \"'vip' in deal.labels\"}", 3)
    break_labels(w, "d2")
    run(w)
    w.sql("INSERT OR REPLACE INTO queue (deal, wake_at, round) SELECT seq, 0, 0 FROM deals")
    assert run(w) == []
    assert parked(w) == [("labelled", "d2")]
    w.retry()
    assert len(run(w)) == 1
    w.sql("UPDATE deals SET labels = '[\"vip\"]' WHERE id = 'd2'")
    w.retry()
    assert run(w) == []
    assert w.results() == [("labelled", "d2", "fired")]


@pytest.mark.sqlite
def test_a_value_of_the_wrong_type_stops_nobody_else() -> None:
    w = crowd("m: {from: sales.new, to: sales.docs, action: move, after: 1d}", 3)
    w.sql("DROP TRIGGER deals_update_check")
    w.sql("UPDATE deals SET entered_at = 'soon', entry = 'first' WHERE id = 'd2'")
    w.later("2d")
    run(w)
    assert [deal for _, deal in w.fired() if deal != "d2"] == ["d1", "d3"]


def test_a_journal_that_is_refused_puts_the_deal_off_for_longer_each_time() -> None:
    w = crowd(MOVE, 50)
    refuse(w, "NEW.deal = 'd20'", "INSERT", "never", "firings")
    warned: list[str] = []
    runner = Runner(w.store, size=10_000, warn=warned.append)
    with pytest.raises(WorkFailed, match="a deal could be neither fired nor parked: never"):
        runner.until_idle()
    assert len(w.fired()) == 49
    assert w.queued() == {"d20": w.local(w.now + poison.FIRST_DELAY)}
    assert warned == ["deal 'd20' can be neither fired nor parked: never; it is tried again in 1 s"]
    allow(w, "firings")
    w.later("1s")
    assert run(w) == []
    assert len(w.fired()) == 50


def test_the_delay_grows_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    w = crowd(MOVE, 1)
    refuse(w, "true", "INSERT", "never", "firings")
    warned: list[str] = []

    def later(pause: float) -> None:
        if pause not in poison.PAUSES:
            w.later("2m")

    monkeypatch.setattr("flowrun.engine.poison.time.sleep", later)
    Runner(w.store, warn=warned.append, stopped=lambda: len(warned) >= 8).forever()
    delays = [int(line.split()[-2]) for line in warned]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]


def test_what_fails_without_a_deal_is_no_deals_fault() -> None:
    w = crowd(MOVE, 10)
    if on_postgresql(w):
        w.sql("CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'nowhere'; END $$")
        w.sql("CREATE TRIGGER other BEFORE UPDATE OF stage ON deals FOR EACH STATEMENT EXECUTE FUNCTION other()")
    else:
        w.sql("CREATE TRIGGER other AFTER UPDATE OF stage ON deals BEGIN INSERT INTO nowhere VALUES (1); END")
    with pytest.raises(WorkFailed, match=r"refuses what a runner writes: .*nowhere"):
        run(w)
    assert w.journal() == []
    assert len(w.queued()) == 10


def test_what_passes_by_itself_is_not_parked(patient: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    w = crowd(MOVE, 10)
    refuse(w, "NEW.id = 'd5'")
    monkeypatch.setattr("flowrun.engine.poison.time.sleep", lambda _pause: allow(w))
    assert run(w) == []
    assert len(w.fired()) == 10


@pytest.mark.parametrize("tries", [1, 2])
def test_it_is_tried_three_times(tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    w = crowd(MOVE, 1)
    refuse(w, "true")
    attempts = 0

    def pause(_seconds: float) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == tries:
            allow(w)

    monkeypatch.setattr("flowrun.engine.poison.time.sleep", pause)
    run(w)
    assert attempts == tries
    assert len(w.fired()) == 1


def test_once_does_the_whole_batch() -> None:
    w = crowd(MOVE, 300)
    refuse(w, "NEW.id IN ('d10', 'd250')")
    Runner(w.store, size=300).once()
    assert (len(w.fired()), len(parked(w))) == (298, 2)


def test_it_costs_nothing_while_nothing_fails() -> None:
    w = crowd(MOVE, 500)
    seen: list[str] = []

    def note(_c: Connection, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(" ".join(statement.replace('"', "").split()[:3]))

    with w.ticking() as tick:
        tick()
        w.sql("UPDATE deals SET stage = 'sales.new'")
        event.listen(w.store.engine, "before_cursor_execute", note)
        tick()
    event.remove(w.store.engine, "before_cursor_execute", note)
    assert len(seen) <= 25, seen
    assert not {"SAVEPOINT", "UPDATE temp.candidates SET"} & set(seen)


def test_the_lock_is_free_between_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    w = crowd(MOVE, 1)
    refuse(w, "true")
    written: list[int] = []

    def pause(_seconds: float) -> None:
        if not on_postgresql(w):
            with w.store.connect() as connection:
                assert not connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
        written.append(operate_once(w))

    monkeypatch.setattr("flowrun.engine.poison.time.sleep", pause)
    run(w)
    assert len(written) == 2


def operate_once(w: World) -> int:
    with w.store.write() as transaction:
        return operate.retry(transaction, None)


def _all_is_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison.Trial, "milder", lambda _self, _at: iter(()))


def _nothing_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "LONGEST_DELAY", poison.FIRST_DELAY)


def _one_attempt_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison, "ATTEMPTS", 1)


def _one_deal_stops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poison.Hunt, "takes", lambda _self, _error: False)


def _what_follows_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = poison.Hunt._go_on

    def forget(self: poison.Hunt) -> None:
        go_on(self)
        self._left = 0

    monkeypatch.setattr(poison.Hunt, "_go_on", forget)


@pytest.mark.parametrize(
    ("mutant", "found"),
    [
        (_all_is_parked, test_only_the_firing_at_fault_is_parked),
        (_nothing_is_put_off, test_the_delay_grows_to_a_minute),
        (_one_attempt_is_enough, test_it_is_tried_three_times),
        (_one_deal_stops_all, test_once_does_the_whole_batch),
        (_what_follows_is_forgotten, test_once_does_the_whole_batch),
    ],
)
def test_the_tests_can_fail(
    mutant: Callable[[pytest.MonkeyPatch], None], found: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    given = {"monkeypatch": monkeypatch, "tries": 2}
    wanted = {name: given[name] for name in signature(found).parameters}
    with pytest.raises((AssertionError, DBAPIError)):
        found(**wanted)
