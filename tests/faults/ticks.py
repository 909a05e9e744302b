"""Stores that are about to be run: each kind stands for another way through a tick.

`calm`: nothing stands in any firing's way. `settled`: guards, rotation, breakers, budgets, origins, copies, retries,
what is parked, holds, declines, shadows. `poisoned`: the database turns down one deal. `crowded`: many deals, moves,
copies and chains, for kills at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from flowrun.engine import operate
from flowrun.engine.runner import Runner
from flowrun.store.connection import Store
from tests.faults.grounds import Ground, add, at, make, query

START = 2_208_988_800_000
"""2040-01-01: after all that the making of a store leaves behind."""
NOW = START + 3 * 3_600_000
"""When the store is run."""

CALM = """\
flowrun: 1
project: calm
fields: {amount: {type: decimal, places: 2}, account: text}
pipelines:
  sales: {stages: [new, next, {id: won, outcome: won}]}
  work: {stages: [todo, {id: done, outcome: won}]}
tunnels:
  copy: {from: sales.new, to: work.todo, action: copy, set: {title: "Work for {{ deal.account }}"}}
  move: {from: sales.new, to: sales.next, action: move, when: deal.amount > 5}
  wait: {from: sales.next, to: sales.won, action: move, after: 1d}
"""

SETTLED = """\
flowrun: 1
project: settled
limits: {max_hops: 2}
fields: {amount: {type: decimal, places: 2}, account: text}
pipelines:
  sales: {stages: [new, next, talks, {id: won, outcome: won}, {id: lost, outcome: lost}]}
  work: {stages: [todo, doing, {id: done, outcome: won}]}
tunnels:
  guarded:
    from: sales.new
    to: work.todo
    action: copy
    unless_exists: {same: [account]}
    set: {owner: {rotate: [ann, bob, cem]}}
  broken: {from: sales.new, to: work.done, action: copy, when: deal.amount > 90, breaker: {firings: 2, per: 1h}}
  dry: {from: sales.new, to: work.done, action: copy, mode: shadow}
  huge: {from: sales.next, to: sales.talks, action: move, when: deal.amount * deal.amount > 100}
  once: {from: sales.next, to: work.done, action: copy, watch: false, when: deal.account == 'a1'}
  on: {from: sales.new, to: sales.next, action: move, set: {owner: {rotate: [dee, eve]}}}
  begin: {from: work.todo, to: work.doing, action: move}
  home: {from: work.doing, to: sales.won, action: move, which: origin, origin_in: [sales.next, sales.talks]}
  later: {from: sales.talks, to: sales.lost, action: move, after: 2d}
"""

CROWDED = """\
flowrun: 1
project: crowded
fields: {amount: {type: decimal, places: 2}, seats: integer, account: text}
pipelines:
  intake: {stages: [new, sorted, {id: dropped, outcome: lost}]}
  work: {stages: [todo, doing, {id: done, outcome: won}]}
  billing: {stages: [open, {id: paid, outcome: won}, {id: waived, outcome: lost}]}
tunnels:
  to-work: {from: intake.new, to: work.todo, action: copy, when: deal.amount >= 20, unless_exists: {same: [account]}}
  sort: {from: intake.new, to: intake.sorted, action: move, when: deal.amount >= 20}
  drop: {from: intake.new, to: intake.dropped, action: move, when: deal.amount < 20}
  assign: {from: work.todo, to: work.doing, action: move, set: {owner: {rotate: [ann, bob, cem, dee, eve]}}}
  bill: {from: work.doing, to: billing.open, action: copy, once: deal, set: {amount: "{{ deal.amount * 2 }}"}}
  pay: {from: billing.open, to: billing.paid, action: move, when: deal.seats >= 50}
  waive: {from: billing.open, to: billing.waived, action: move, when: deal.seats < 10}
  finish: {from: billing.paid, to: work.done, action: move, which: origin}
"""

_HUGE = 999_999_999_999_999_999


def calm(ground: Ground) -> str:
    """Some deals that all do something, one after the other."""
    url = make(ground, CALM, START)
    rows = [{"id": f"d{n}", "stage": "sales.new", "amount": n * 100, "account": f"a{n}"} for n in range(12)]
    at(url, START, lambda store: add(store, rows))
    return url


def settled(ground: Ground) -> str:
    """A past that left something parked, tripped and waiting, and new deals beside it."""
    url = make(ground, SETTLED, START)

    def earlier(store: Store) -> None:
        deals = [("p1", 9_600, "a1"), ("p2", _HUGE, "b1"), ("p3", _HUGE, "b2"), ("p4", 2_000, "a2")]
        add(store, [_deal(*one) for one in deals])
        Runner(store).until_idle()

    def now(store: Store) -> None:
        deals = [(f"d{n}", 9_500 if n % 2 else 1_000, f"a{n % 4}") for n in range(6)]
        add(store, [_deal(*one) for one in deals])
        with store.write() as transaction:
            operate.retry(transaction, "p2")
            operate.resume(transaction, "broken")

    at(url, START, earlier)
    query(url, "UPDATE deals SET amount = 5000 WHERE id = 'p2'")
    at(url, NOW, now)
    return url


def _deal(id_: str, amount: int, account: str) -> dict[str, object]:
    return {"id": id_, "stage": "sales.new", "amount": amount, "account": account}


_REFUSING = {
    "sqlite": (
        """
        CREATE TRIGGER other AFTER UPDATE OF stage ON deals WHEN NEW.id = 'd9'
        BEGIN SELECT RAISE(ABORT, 'not this one'); END
        """,
    ),
    "postgresql": (
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$",
        """
        CREATE TRIGGER other AFTER UPDATE OF stage ON deals FOR EACH ROW WHEN (NEW.id = 'd9')
        EXECUTE FUNCTION no()
        """,
    ),
}
"""What another program may have put beside the engine's triggers."""


def poisoned(ground: Ground) -> str:
    """Four deals, the third of which another program refuses."""
    url = calm(ground)
    refusing = _REFUSING["sqlite" if url.startswith("sqlite") else "postgresql"]
    query(url, "DELETE FROM deals WHERE id NOT IN ('d7', 'd8', 'd9', 'd10')", *refusing)
    return url


def crowded(ground: Ground, deals: int) -> str:
    """Many deals."""
    url = make(ground, CROWDED, START)
    at(url, START, lambda store: add(store, _crowd(deals)))
    return url


def _crowd(deals: int) -> Iterator[dict[str, object]]:
    for n in range(deals):
        yield {
            "id": f"d{n}",
            "stage": "intake.new",
            "amount": n * 7919 % 10_000,
            "seats": n * 40_503 % 100,
            "account": f"account {n * 69_069 % max(1, deals // 2)}",
        }


KINDS: Mapping[str, Callable[[Ground], str]] = {"calm": calm, "settled": settled, "poisoned": poisoned}
"""Those that are small enough to die at every point of."""
