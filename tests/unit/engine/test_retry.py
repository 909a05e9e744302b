"""`retry`: parked firings try again; their row becomes what comes of it."""

from __future__ import annotations

from decimal import Decimal

from flowrun.engine import operate
from flowrun.engine.status import status
from tests.unit.engine.kit import World, world

HUGE = Decimal("9999999999999999.99")
MOVE = "m: {from: sales.new, to: sales.docs, action: move, when: deal.amount * deal.amount > 0}"


def parked(*deals: str) -> World:
    w = world(MOVE)
    for deal in deals:
        w.add(deal, amount=HUGE)
    return w.run()


def test_the_row_becomes_fired() -> None:
    w = parked("a").later("1h").set("a", amount=Decimal(2)).run()
    assert w.results() == [("m", "a", "parked overflow")]
    w.later("1h").retry("a").run()
    assert w.results() == [("m", "a", "fired")]
    (row,) = w.journal()
    assert (row.entry, row.target, row.fired_at) == (1, "a", w.now)


def test_what_overflows_again_is_parked_again() -> None:
    w = parked("a").later("1h").retry("a").run()
    assert w.results() == [("m", "a", "parked overflow")]
    assert status(w.store).parked == 1


def test_one_deal_or_all() -> None:
    w = parked("a", "b", "c")
    for deal in "abc":
        w.set(deal, amount=Decimal(2))
    assert w.retry("b").run().fired() == [("m", "b")]
    assert [deal for _, deal in w.retry().run().fired()] == ["a", "b", "c"]


def test_a_parked_firing_of_an_entry_that_is_over_stays() -> None:
    w = parked("a").move("a", "sales.lost")
    with w.store.write() as transaction:
        assert operate.retry(transaction, None) == 0
    assert w.run().results() == [("m", "a", "parked overflow")]


def test_a_retried_firing_still_needs_its_condition() -> None:
    w = parked("a").set("a", amount=Decimal(0)).retry("a").run()
    assert w.results() == [("m", "a", "parked overflow")]
    assert w.set("a", amount=Decimal(1)).run().results() == [("m", "a", "fired")]


def test_a_deal_that_is_awake_already_keeps_its_place() -> None:
    w = parked("a").later("1h").set("a", amount=Decimal(2)).later("1h").retry("a")
    assert w.queued() == {"a": "2026-03-02T11:00"}
