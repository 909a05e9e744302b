"""The order of the work: rounds, wake instants, creation, file order; the same whatever the batch size."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import World, world

BOTH = """
m: {from: sales.new, to: sales.docs, action: move}
c: {from: sales.new, to: care.kickoff, action: copy}
later: {from: sales.docs, to: sales.won, action: move}
"""


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_copies_come_before_the_move_and_the_next_stage_in_the_next_round(size: int) -> None:
    w = world(BOTH, size=size, deals=["a", "b"]).run()
    assert w.fired() == [("c", "a"), ("m", "a"), ("c", "b"), ("m", "b"), ("later", "a"), ("later", "b")]


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
def test_so_they_do_where_the_deals_are_settled_in_order(size: int) -> None:
    w = world(BOTH.replace("copy}", "copy, set: {owner: {rotate: [x, y]}}}"), size=size, deals=["a", "b"]).run()
    assert w.fired() == [("c", "a"), ("m", "a"), ("c", "b"), ("m", "b"), ("later", "a"), ("later", "b")]


@pytest.mark.parametrize("size", [1, 2, 10_000])
def test_a_round_ends_before_the_next_begins_however_late_the_runner_is(size: int) -> None:
    tunnels = """
    one: {from: sales.new, to: sales.docs, action: move, after: 1h}
    two: {from: sales.docs, to: sales.won, action: move}
    three: {from: sales.won, to: sales.lost, action: move}
    """
    w = world(tunnels, size=size, deals=["a", "b", "c"]).later("2h").run()
    assert w.fired() == [(tunnel, deal) for tunnel in ("one", "two", "three") for deal in "abc"]


@pytest.mark.parametrize("size", [1, 10_000])
def test_deals_are_taken_by_wake_instant_then_by_creation(size: int) -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, after: 1h}", size=size)
    w.add("late").later("10m").add("b").add("a").later("-5m").later("5m")
    w.later("-10m").move("late", "sales.docs").later("20m").move("late", "sales.new")
    assert w.later("5h").run().fired() == [("m", "b"), ("m", "a"), ("m", "late")]


def test_file_order_decides_between_tunnels_that_fell_due_while_no_runner_ran() -> None:
    tunnels = """
    slow: {from: sales.new, to: sales.docs, action: move, after: 2h}
    quick: {from: sales.new, to: sales.lost, action: move, after: 1h}
    """
    assert world(tunnels, deals=["a"]).later("3h").run().fired() == [("slow", "a")]
    assert world(tunnels, deals=["a"]).later("1h").run().fired() == [("quick", "a")]


@pytest.mark.parametrize("size", [1, 10_000])
def test_what_a_deal_leaves_is_there_for_the_next(size: int) -> None:
    tunnels = """
    c: {from: sales.new, to: care.kickoff, action: copy, unless_exists: {same: [account]}}
    """
    w = world(tunnels, size=size).add("a", account="acme").add("b", account="acme").add("c", account="beta").run()
    assert w.results() == [("c", "a", "fired"), ("c", "b", "exists exists"), ("c", "c", "fired")]


def test_a_batch_never_spans_two_rounds() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move}\nn: {from: sales.docs, to: sales.won, action: move}")
    w.add("a").add("b").add("c").run()
    assert [(tick.looked, tick.fired) for tick in w.ticks] == [(3, 3), (3, 3)]


def busy() -> World:
    w = world(
        """
        c: {from: [sales.new, sales.docs], to: care.kickoff, action: copy, set: {owner: {rotate: [x, y, z]}}}
        m: {from: sales.new, to: sales.docs, action: move, when: deal.paid, breaker: {firings: 3, per: 1h}}
        n: {from: sales.docs, to: sales.won, action: move, after: 1h}
        o: {from: care.kickoff, to: sales.won, action: move, which: origin, after: 30m}
        """
    )
    for number in range(9):
        w.add(f"d{number}", paid=number % 2 == 0)
    return w


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_batch_size_changes_nothing(size: int) -> None:
    one, other = busy(), busy()
    one.size, other.size = size, 10_000
    for w in (one, other):
        w.run().later("35m").run().resume("m").later("2h").run()
    assert one.journal() == other.journal()
    assert one.deals() == other.deals()
    assert len(one.journal()) > 20
