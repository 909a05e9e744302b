"""Holds: a paused, tripped or parked move holds its deal; copies go on."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.engine.kit import world

LINE = """
early: {from: sales.new, to: sales.won, action: move, when: deal.source == 'web'}
m: {from: sales.new, to: sales.docs, action: move, when: deal.amount > 0}
late: {from: sales.new, to: sales.lost, action: move}
c: {from: sales.new, to: care.kickoff, action: copy}
"""


def test_a_paused_move_holds_those_after_it_but_no_copies() -> None:
    w = world(LINE).pause("m").add("a", amount=Decimal(1)).run()
    assert w.fired() == [("c", "a")]
    assert w.resume("m").run().fired() == [("c", "a"), ("m", "a")]


def test_a_paused_copy_waits_and_holds_nothing() -> None:
    w = world(LINE).pause("c").add("a").run()
    assert w.fired() == [("late", "a")]
    w.later("1h").add("b").run().resume("c").add("c").run()
    assert w.fired()[-2:] == [("c", "c"), ("late", "c")]


def test_a_move_before_it_in_file_order_goes_on() -> None:
    w = world(LINE).pause("m").add("a", amount=Decimal(1)).run().set("a", source="web").run()
    assert w.fired() == [("c", "a"), ("early", "a")]


def test_a_paused_move_that_would_not_fire_holds_nothing() -> None:
    assert world(LINE).pause("m").add("a").run().fired() == [("c", "a"), ("late", "a")]


def test_a_tripped_move_holds() -> None:
    tunnels = LINE.replace("when: deal.amount > 0", "breaker: {firings: 1, per: 1h}")
    w = world(tunnels, deals=["a", "b"]).run()
    assert w.fired() == [("c", "a"), ("m", "a"), ("c", "b")]
    assert w.resume("m").run().fired()[-1] == ("m", "b")


OVERFLOWING = LINE.replace("deal.amount > 0", "deal.amount * deal.amount > 0")


def test_a_parked_move_holds_all_moves_of_its_entry() -> None:
    w = world(OVERFLOWING).add("a", amount=Decimal("9999999999999999.99")).run()
    assert w.results() == [("c", "a", "fired"), ("m", "a", "parked overflow")]
    w.set("a", source="web", amount=Decimal(0)).run()
    assert w.stage("a") == "sales.new"
    assert w.move("a", "sales.docs").move("a", "sales.new").run().fired()[-1] == ("early", "a")


@pytest.mark.parametrize("mode", ['"off"', "shadow", None])
def test_a_parked_move_that_goes_off_or_away_holds_nothing(mode: str | None) -> None:
    w = world(OVERFLOWING).add("a", amount=Decimal("9999999999999999.99")).run().later("1h")
    line = f"m: {{from: sales.new, to: sales.docs, action: move, mode: {mode}}}" if mode else ""
    w.apply("\n".join(line if text.startswith("m:") else text for text in OVERFLOWING.splitlines())).run()
    assert w.fired()[-1] == ("late", "a")


def test_a_paused_move_that_goes_off_lets_the_others_go_at_once() -> None:
    w = world(LINE).pause("m").add("a", amount=Decimal(1)).run().later("1h")
    w.apply(LINE.replace("when: deal.amount > 0", 'mode: "off"')).run()
    assert w.fired()[-1] == ("late", "a")


def test_a_paused_move_put_later_in_the_file_lets_the_others_go_at_once() -> None:
    w = world(LINE).pause("m").add("a", amount=Decimal(1)).run().later("1h")
    texts = LINE.strip().splitlines()
    w.apply("\n".join([texts[0], texts[2], texts[1], texts[3]])).run()
    assert w.fired()[-1] == ("late", "a")


def test_a_paused_move_of_the_origin_holds_nothing() -> None:
    w = (
        world("""
    o: {from: sales.new, to: sales.won, action: move, which: origin}
    late: {from: sales.new, to: sales.lost, action: move}
    """)
        .pause("o")
        .add("a")
        .run()
    )
    assert w.fired() == [("late", "a")]
