"""Rotations: the next value in turn, per tunnel, kept in the store."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import World, world

ROTATING = "c: {from: sales.new, to: care.kickoff, action: copy, set: {owner: {rotate: [ann, bob, cem]}}}"


def owners(w: World) -> list[str | None]:
    return [deal.owner for deal in w.deals() if deal.origin]


@pytest.mark.parametrize("size", [1, 2, 10_000])
def test_turns_go_round_in_order(size: int) -> None:
    w = world(ROTATING, size=size, deals=["a", "b", "c", "d"]).run()
    assert owners(w) == ["ann", "bob", "cem", "ann"]


def test_the_position_outlasts_runners_and_revisions() -> None:
    w = world(ROTATING, deals=["a"]).run().add("b").run()
    w.apply(ROTATING + "\nother: {from: sales.docs, to: sales.lost, action: move}").add("c").add("d").run()
    assert owners(w) == ["ann", "bob", "cem", "ann"]


def test_each_tunnel_has_its_own_turn() -> None:
    w = world(ROTATING + "\nd: {from: sales.docs, to: care.setup, action: copy, set: {owner: {rotate: [x, y]}}}")
    w.add("a").add("b", "sales.docs").add("c").add("d", "sales.docs").run()
    assert owners(w) == ["ann", "x", "bob", "y"]


def test_what_does_not_fire_takes_no_turn() -> None:
    w = world(
        """
        c:
          from: sales.new
          to: care.kickoff
          action: copy
          unless_exists: {same: [account]}
          set: {owner: {rotate: [ann, bob]}}
        shadow: {from: sales.new, to: care.setup, action: copy, mode: shadow, set: {owner: {rotate: [x, y]}}}
        """
    )
    w.add("a", account="acme").add("b", account="acme").add("c", account="beta").run()
    assert owners(w) == ["ann", "bob"]


def test_a_move_takes_turns_too() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, set: {owner: {rotate: [ann, bob]}}}")
    w.add("a").add("b").add("c").run()
    assert [deal.owner for deal in w.deals()] == ["ann", "bob", "ann"]
