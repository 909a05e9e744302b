"""Runners beside each other on one PostgreSQL store: some tick, some carry out, and nothing is done twice or lost."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from flowrun.clock import SystemClock
from flowrun.engine import outgoing
from flowrun.engine.calls import Call, claim_calls
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.engine.settlement import Result, Told, settle_calls
from flowrun.engine.source import Budget
from flowrun.engine.status import status
from flowrun.errors import Interfered
from flowrun.store import journal, revisions
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from flowrun.store.tables import calls, deals_table, queue
from tests.postgres import Database
from tests.unit.engine.elsewhere import Place, away
from tests.unit.engine.kit import flow_of

DEALS = 60
TUNNELS = """
c: {from: sales.new, to: care.kickoff, action: copy, set: {owner: {rotate: [ann, bob, cid]}}}
g:
  from: care.kickoff
  to: care.live
  action: copy
  set: {title: "only {{ deal.account }}"}
  unless_exists: {same: [title], open: false}
o: {from: care.kickoff, to: sales.lost, action: move, which: origin, when: deal.paid}
m: {from: sales.new, to: sales.won, action: move, when: not deal.paid}
"""


class Shared(Place):
    """One place for all; a tenth of its answers is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def do(self, call: Call) -> Result:
        with self.lock:
            done = super().do(call)
        return Result(call, Told.UNKNOWN) if random.random() < 0.1 else done


def again(act: Callable[[], None]) -> None:
    """Do it once it isn't in anyone's way."""
    while True:
        try:
            return act()
        except Interfered:
            time.sleep(random.uniform(0, 0.02))


def carries(store: Store, place: Place, name: str, idle: threading.Event) -> None:
    """Carry out what is due until all is done."""
    with store.read() as connection:
        applied = revisions.applied(connection)
    while not idle.is_set():
        with store.write() as transaction:
            found = claim_calls(transaction, applied.number, applied.flow, name, limit=7, lease=60_000, budget=Budget())
        results = [place.do(call) for call in found.to_perform] + [place.find(call) for call in found.to_find]

        def settle(results: list[Result] = results) -> None:
            with store.write() as transaction:
                settle_calls(transaction, applied.flow, name, results, chance=lambda: 0.0)

        again(settle)
        if not results:
            time.sleep(0.005)


def ticks(store: Store, idle: threading.Event) -> None:
    """Tick without end."""
    Runner(store, size=9, stopped=idle.is_set).forever()


def is_idle(store: Store) -> bool:
    with store.read() as connection:
        left = [connection.execute(select(func.count()).select_from(one)).scalar_one() for one in (calls, queue)]
    return left == [0, 0]


@pytest.mark.no_cover
def test_runners_that_tick_and_carry_beside_each_other_do_each_firing_once(fast_postgres: Database) -> None:
    place, idle = Shared(), threading.Event()
    flow = away(flow_of(TUNNELS))
    stores = [open_store(fast_postgres.url, SystemClock(), create=True) for _ in range(4)]
    with stores[0].write(alone=True) as transaction:
        apply_flow(transaction, flow, {}, Author())
    with stores[0].write() as transaction:
        rows = [
            {"id": f"d{at}", "stage": "sales.new", "account": f"a{at % 7}", "paid": int(at % 2 == 0)}
            for at in range(DEALS)
        ]
        transaction.connection.execute(deals_table(flow).insert(), rows)
    threads = [threading.Thread(target=ticks, args=(store, idle)) for store in stores[:2]]
    threads += [
        threading.Thread(target=carries, args=(store, place, f"r{at}", idle)) for at, store in enumerate(stores[2:])
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 60
    while time.monotonic() < until and not (is_idle(stores[0]) and is_idle(stores[0])):
        time.sleep(0.02)
    idle.set()
    for thread in threads:
        thread.join()
    with stores[0].read() as connection:
        done = Counter((row.tunnel, row.result) for row in journal.firings(connection))
        owners = Counter(connection.execute(select(deals_table(None).c.owner)).scalars())
    for store in stores:
        store.close()
    assert place.doubled == []
    assert done == {
        ("c", "fired"): DEALS,
        ("g", "fired"): 7,
        ("g", "exists"): DEALS - 7,
        ("o", "fired"): DEALS // 2,
        ("m", "fired"): DEALS // 2,
    }
    assert len(place.effects) == 2 * DEALS + 7
    assert all(abs(owners[name] - DEALS // 3) <= 7 for name in ("ann", "bob", "cid"))


@pytest.mark.no_cover
def test_who_begins_to_wait_while_what_it_waits_for_is_settled_is_looked_at_again(
    fast_postgres: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = away(flow_of("c: {from: sales.new, to: care.kickoff, action: copy, unless_exists: {same: [account]}}"))
    stores = [open_store(fast_postgres.url, SystemClock(), create=True) for _ in range(3)]
    with stores[0].write(alone=True) as transaction:
        number = apply_flow(transaction, flow, {}, Author())

    def add(id_: str) -> None:
        with stores[0].write() as transaction:
            row = {"id": id_, "stage": "sales.new", "account": "x"}
            transaction.connection.execute(deals_table(flow).insert(), row)

    def settle(results: list[Result]) -> None:
        with stores[1].write() as transaction:
            settle_calls(transaction, flow, "me", results)

    add("a")
    Runner(stores[0]).until_idle()
    with stores[1].write() as transaction:
        found = claim_calls(transaction, number, flow, "me", limit=9, lease=60_000, budget=Budget())
    add("b")
    reached, go = threading.Event(), threading.Event()
    remember = outgoing.remember_waiting

    def paused(*what: Any) -> None:
        reached.set()
        go.wait(60)
        remember(*what)

    monkeypatch.setattr("flowrun.engine.tick.remember_waiting", paused)
    tick = threading.Thread(target=Runner(stores[0]).until_idle)
    tick.start()
    assert reached.wait(60)
    results = [Result(call, Told.DONE, id=call.new_id) for call in found.to_perform]
    settles = threading.Thread(target=settle, args=(results,))
    settles.start()
    while settles.is_alive() and not blocked(stores[2]):
        time.sleep(0.01)
    go.set()
    for thread in (tick, settles):
        thread.join()
    monkeypatch.undo()
    Runner(stores[0]).until_idle()
    with stores[0].read() as connection:
        done = [(row.deal, row.result) for row in journal.firings(connection)]
    for store in stores:
        store.close()
    assert sorted(done) == [("a", "fired"), ("b", "exists")]


def blocked(store: Store) -> bool:
    """Whether anybody waits for a lock."""
    with store.read() as connection:
        return bool(connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one())


@pytest.mark.no_cover
def test_of_two_who_settle_a_call_at_once_one_does(fast_postgres: Database) -> None:
    flow = away(flow_of("m: {from: sales.new, to: sales.docs, action: move}"))
    stores = [open_store(fast_postgres.url, SystemClock(), create=True) for _ in range(3)]
    with stores[0].write(alone=True) as transaction:
        number = apply_flow(transaction, flow, {}, Author())
    with stores[0].write() as transaction:
        transaction.connection.execute(deals_table(flow).insert(), {"id": "a", "stage": "sales.new"})
    Runner(stores[0]).until_idle()
    with stores[0].write() as transaction:
        found = claim_calls(transaction, number, flow, "me", limit=9, lease=60_000, budget=Budget())
    results = [Result(call, Told.DONE, id="a") for call in found.to_perform]
    counts: list[int] = []

    def settle() -> None:
        with stores[1].write() as transaction:
            counts.append(settle_calls(transaction, flow, "late", results).count("fired"))

    late = threading.Thread(target=settle)
    with stores[0].write() as transaction:
        counts.append(settle_calls(transaction, flow, "me", results).count("fired"))
        late.start()
        while late.is_alive() and not blocked(stores[2]):
            time.sleep(0.01)
    late.join()
    told = status(stores[0])
    for store in stores:
        store.close()
    assert counts == [1, 0]
    assert told.tunnels[0].fired == 1
    assert told.source is not None
    assert told.source.rereads == 0
