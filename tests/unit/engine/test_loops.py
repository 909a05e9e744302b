"""Budgets against loops: hops per deal, copies per lineage."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import SALES, World, world


def ring(limits: str, size: int | None = None) -> World:
    tunnels = """
    there: {from: sales.new, to: sales.docs, action: move, when: deal.paid}
    back: {from: sales.docs, to: sales.new, action: move, when: deal.paid}
    """
    return world(tunnels, rest=SALES + f"limits: {limits}", size=size).add("a", paid=True).run()


def test_a_deal_out_of_hops_is_parked() -> None:
    w = ring("{max_hops: 3, per: 1h}")
    assert [result for _, _, result in w.results()] == ["fired", "fired", "fired", "parked hops"]
    assert (w.stage("a"), w.journal()[-1].target) == ("sales.docs", None)


def test_time_alone_frees_nothing_but_retry_does() -> None:
    w = ring("{max_hops: 2, per: 1h}").later("5h").run()
    assert w.results()[-1][2] == "parked hops"
    w.retry("a").run()
    assert [result for _, _, result in w.results()] == ["fired", "fired", "fired", "fired", "parked hops"]


def test_a_retry_lets_one_firing_past_the_budget() -> None:
    w = ring("{max_hops: 2, per: 1h}").retry("a").run()
    assert [result for _, _, result in w.results()] == ["fired", "fired", "fired", "parked hops"]
    assert w.deal("a").entry == 4


def test_hops_count_within_the_last_period_only() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move}", rest=SALES + "limits: {max_hops: 2, per: 1h}")
    for _ in range(2):
        w.add("a") if not w.deals() else w.move("a", "sales.new")
        w.run()
    assert w.later("59m").move("a", "sales.new").run().results()[-1][2] == "parked hops"
    assert w.later("1m").move("a", "sales.lost").move("a", "sales.new").run().results()[-1][2] == "fired"


def test_moves_of_people_are_no_hops() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move}", rest=SALES + "limits: {max_hops: 1}").add(
        "a", "sales.won"
    )
    for stage in ("sales.lost", "sales.won", "sales.lost", "sales.new"):
        w.move("a", stage)
    assert w.run().fired() == [("m", "a")]


def test_a_copy_starts_with_its_origins_hops_and_one_more() -> None:
    tunnels = """
    m: {from: sales.new, to: sales.docs, action: move}
    c: {from: sales.docs, to: care.kickoff, action: copy}
    n: {from: care.kickoff, to: care.setup, action: move}
    """
    w = world(tunnels, rest=SALES + "limits: {max_hops: 2}", deals=["a"]).run()
    assert [result for _, _, result in w.results()] == ["fired", "fired", "parked hops"]


def test_hops_park_copies_too() -> None:
    tunnels = (
        "m: {from: sales.new, to: sales.docs, action: move}\nc: {from: sales.docs, to: care.kickoff, action: copy}"
    )
    w = world(tunnels, rest=SALES + "limits: {max_hops: 1}", deals=["a"]).run()
    assert w.results()[-1] == ("c", "a", "parked hops")


@pytest.mark.parametrize("size", [1, 10_000])
def test_the_copies_of_a_lineage_are_counted_together(size: int) -> None:
    tunnels = """
    c: {from: sales.new, to: care.kickoff, action: copy}
    d: {from: care.kickoff, to: care.setup, action: copy}
    e: {from: care.kickoff, to: care.live, action: copy}
    """
    w = world(tunnels, rest=SALES + "limits: {max_copies: 2}", size=size, deals=["a", "b"]).run()
    results = [(tunnel, result) for tunnel, _, result in w.results()]
    assert results == [
        ("c", "fired"),
        ("c", "fired"),
        ("d", "fired"),
        ("e", "parked copies"),
        ("d", "fired"),
        ("e", "parked copies"),
    ]


def test_copies_of_copies_count_for_the_first_deal() -> None:
    tunnels = """
    c: {from: sales.new, to: care.kickoff, action: copy}
    d: {from: care.kickoff, to: care.setup, action: copy}
    e: {from: care.setup, to: care.live, action: copy}
    """
    w = world(tunnels, rest=SALES + "limits: {max_copies: 2}", deals=["a"]).run()
    assert [result for _, _, result in w.results()] == ["fired", "fired", "parked copies"]


def test_the_copies_budget_parks_no_moves() -> None:
    tunnels = """
    c: {from: sales.new, to: care.kickoff, action: copy}
    d: {from: sales.new, to: care.setup, action: copy}
    m: {from: sales.new, to: sales.docs, action: move}
    """
    w = world(tunnels, rest=SALES + "limits: {max_copies: 1}", deals=["a"]).run()
    assert [result for _, _, result in w.results()] == ["fired", "parked copies", "fired"]


def test_exists_is_judged_before_budgets() -> None:
    tunnels = """
    c: {from: sales.new, to: care.kickoff, action: copy}
    d: {from: sales.new, to: care.setup, action: copy, unless_exists: {same: [account]}}
    """
    w = world(tunnels, rest=SALES + "limits: {max_copies: 1}").add("a", account="acme").run()
    assert w.results()[-1][2] == "exists exists"
