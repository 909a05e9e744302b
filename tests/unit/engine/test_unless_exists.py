"""`unless_exists`: no copy where another deal like it stands already."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import World, world

BATCHES = pytest.mark.parametrize("size", [1, 10_000])


def guarded(guard: str = "{same: [account]}", rest: str = "", size: int | None = None) -> World:
    return world(f"c: {{from: sales.new, to: care.kickoff, action: copy, unless_exists: {guard}{rest}}}", size=size)


def test_a_match_settles_the_entry_as_exists() -> None:
    w = guarded().add("there", "care.setup", account="acme").add("a", account="acme").run()
    assert w.results() == [("c", "a", "exists exists")]
    assert w.journal()[0].target is None
    assert w.delete("there").set("a", account="acme").run().copies("a") == []


def test_all_same_fields_must_be_alike_and_none_empty() -> None:
    w = guarded("{same: [account, title]}").add("there", "care.setup", account="acme", title="T").add("x", "care.setup")
    w.add("a", account="acme", title="T").add("b", account="acme", title="U").add("c", account="acme").add("d").run()
    assert [result for _, _, result in w.results()] == ["exists exists", "fired", "fired", "fired"]


@pytest.mark.parametrize(("open_", "result"), [("true", "fired"), ("false", "exists exists")])
def test_open_looks_only_at_stages_without_outcome(open_: str, result: str) -> None:
    w = guarded(f"{{same: [account], open: {open_}}}").add("there", "care.live", account="acme")
    assert w.add("a", account="acme").run().results() == [("c", "a", result)]


def test_another_pipeline_than_that_of_the_target() -> None:
    w = guarded("{same: [account], in: sales}").add("there", "sales.docs", account="acme")
    w.add("a", account="acme").add("b", account="beta").run()
    assert w.results() == [("c", "a", "exists exists"), ("c", "b", "fired")]


def test_the_source_itself_is_no_match() -> None:
    w = guarded("{same: [account], in: sales}").add("a", account="acme").run()
    assert w.results() == [("c", "a", "fired")]


def test_the_values_are_those_that_the_copy_would_have() -> None:
    w = guarded(rest=", set: {account: beta}").add("there", "care.setup", account="beta").add("a", account="acme").run()
    assert w.results() == [("c", "a", "exists exists")]


@BATCHES
def test_within_a_batch(size: int) -> None:
    w = guarded(size=size).add("a", account="acme").add("b", account="acme").add("c").add("d").run()
    assert [result for _, _, result in w.results()] == ["fired", "exists exists", "fired", "fired"]


@BATCHES
def test_a_deal_that_leaves_makes_room_for_those_after_it_only(size: int) -> None:
    w = world(
        """
        c: {from: sales.new, to: care.kickoff, action: copy, unless_exists: {same: [account]}}
        out: {from: care.setup, to: care.live, action: move, when: deal.paid}
        """,
        size=size,
    )
    w.add("before", account="acme").add("leaver", "care.setup", account="acme", paid=True).add("after", account="acme")
    w.run()
    assert w.results() == [("c", "before", "exists exists"), ("out", "leaver", "fired"), ("c", "after", "fired")]


@BATCHES
def test_a_deal_that_arrives_is_a_match_for_those_after_it(size: int) -> None:
    w = world(
        """
        c: {from: sales.new, to: care.kickoff, action: copy, unless_exists: {same: [account]}}
        into: {from: sales.docs, to: care.setup, action: move}
        """,
        size=size,
    )
    w.add("before", account="acme").add("mover", "sales.docs", account="beta").add("after", account="beta").run()
    assert w.results() == [("c", "before", "fired"), ("into", "mover", "fired"), ("c", "after", "exists exists")]


@BATCHES
def test_a_rotated_value_is_the_one_of_its_turn(size: int) -> None:
    w = guarded("{same: [owner]}", ", set: {owner: {rotate: [ann, bob]}}", size=size)
    w.add("a").add("b").add("c").run()
    assert [result for _, _, result in w.results()] == ["fired", "fired", "exists exists"]


@BATCHES
def test_a_rotated_value_of_another_tunnel(size: int) -> None:
    w = world(
        """
        plain: {from: sales.docs, to: care.setup, action: copy, set: {owner: {rotate: [ann, bob]}}}
        c: {from: sales.new, to: care.kickoff, action: copy, unless_exists: {same: [owner]}}
        """,
        size=size,
    )
    w.add("x", "sales.docs").add("a", owner="ann").add("b", owner="bob").run()
    assert w.results() == [("plain", "x", "fired"), ("c", "a", "exists exists"), ("c", "b", "fired")]
