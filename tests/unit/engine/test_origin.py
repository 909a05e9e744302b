"""`which: origin`: the copy's tunnel moves the deal that it was copied from."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import SALES, World, world

COPY = "c: {from: sales.new, to: care.kickoff, action: copy, set: {title: null}}"


def origin(extra: str = "", *more: str, rest: str = SALES, size: int | None = None) -> World:
    closing = f"o: {{from: care.live, to: sales.won, action: move, which: origin{extra}}}"
    w = world("\n".join([COPY, closing, *more]), rest=rest, size=size).add("a", title="A").run()
    w.move(w.copies("a")[0].id, "care.live")
    return w


def test_it_moves_the_origin_and_leaves_the_copy() -> None:
    w = origin().later("1h").run()
    (copy,) = w.copies("a")
    assert (w.stage("a"), copy.stage) == ("sales.won", "care.live")
    row = w.journal()[-1]
    assert (row.tunnel, row.deal, row.entry, row.target, row.from_stage) == ("o", copy.id, 2, "a", "care.live")


def test_expressions_are_the_copys_and_targets_the_origins() -> None:
    w = origin(", when: deal.title == 'C', set: {account: \"{{ deal.title }}\"}").run()
    assert w.stage("a") == "sales.new"
    w.set(w.copies("a")[0].id, title="C").run()
    assert (w.deal("a").stage, w.deal("a").fields["account"], w.deal("a").title) == ("sales.won", "C", "A")


def test_it_leaves_the_copy_free_to_move() -> None:
    w = origin("", "m: {from: care.live, to: care.setup, action: move}").run()
    assert [tunnel for tunnel, _ in w.fired()] == ["c", "o", "m"]


@pytest.mark.parametrize("case", ["gone", "there", "elsewhere"])
def test_an_origin_that_cannot_be_moved_settles_the_entry_as_declined(case: str) -> None:
    w = origin(", origin_in: [sales.docs]" if case == "elsewhere" else "")
    if case == "gone":
        w.delete("a")
    elif case == "there":
        w.move("a", "sales.won")
    w.run()
    assert w.results()[-1][2] == "declined origin"
    assert w.journal()[-1].target is None


def test_a_deal_that_is_no_copy_has_no_origin() -> None:
    w = origin().add("b", "care.live").run()
    assert ("o", "b", "declined origin") in w.results()


def test_requires_are_the_origins_and_its_change_wakes_the_copy() -> None:
    rest = SALES.replace("{id: won, outcome: won}", "{id: won, outcome: won, requires: [account]}")
    w = origin(rest=rest).run()
    assert w.stage("a") == "sales.new"
    assert w.later("1h").set("a", account="acme").run().stage("a") == "sales.won"


def test_a_move_that_fills_the_field_wakes_the_copy_too() -> None:
    rest = SALES.replace("{id: won, outcome: won}", "{id: won, outcome: won, requires: [account]}")
    filling = "m: {from: sales.docs, to: sales.lost, action: move, after: 1h, set: {account: x}}"
    w = origin("", filling, rest=rest).run().move("a", "sales.docs").run()
    assert [tunnel for tunnel, _ in w.fired()] == ["c"]
    assert w.later("1h").run().fired()[-2:] == [("m", "a"), ("o", w.copies("a")[0].id)]


@pytest.mark.parametrize("size", [1, 10_000])
def test_the_origin_is_not_moved_from_a_stage_that_it_has_left(size: int) -> None:
    w = origin("", "m: {from: sales.new, to: sales.docs, action: move, when: deal.paid}", size=size)
    w.set("a", paid=True).run()
    assert [tunnel for tunnel, _ in w.fired()] == ["c", "m", "o"]
    assert (w.stage("a"), w.deal("a").entry) == ("sales.won", 3)


@pytest.mark.parametrize("size", [1, 10_000])
def test_two_copies_move_one_origin_one_after_the_other(size: int) -> None:
    w = world(
        """
        c: {from: sales.new, to: care.kickoff, action: copy}
        d: {from: sales.new, to: care.setup, action: copy}
        first: {from: care.kickoff, to: sales.docs, action: move, which: origin, after: 1h}
        second: {from: care.setup, to: sales.won, action: move, which: origin, after: 1h}
        """,
        size=size,
    )
    w.add("a").run().later("1h").run()
    assert [(tunnel, target) for tunnel, target in w.fired()][2:] == [
        ("first", w.copies("a")[0].id),
        ("second", w.copies("a")[1].id),
    ]
    assert (w.stage("a"), w.deal("a").entry) == ("sales.won", 3)


@pytest.mark.parametrize("size", [1, 10_000])
def test_one_copy_may_move_its_origin_twice(size: int) -> None:
    more = "p: {from: care.live, to: sales.lost, action: move, which: origin, set: {title: twice}}"
    w = origin("", more, size=size).run()
    assert [tunnel for tunnel, _ in w.fired()] == ["c", "o", "p"]
    assert (w.stage("a"), w.deal("a").entry, w.deal("a").title) == ("sales.lost", 3, "twice")


@pytest.mark.parametrize("size", [1, 10_000])
def test_a_chain_of_origins_passes_values_on_in_order(size: int) -> None:
    filler = [
        f"x{n}: {{from: sales.docs, to: sales.lost, action: move, when: deal.account == 'x{n}'}}" for n in range(60)
    ]
    given = 'set: {title: "{{ deal.title }}"}}'
    w = world(
        "\n".join(
            [
                "c: {from: sales.new, to: care.kickoff, action: copy}",
                "d: {from: care.kickoff, to: care.setup, action: copy}",
                "outer: {from: care.setup, to: care.live, action: move, which: origin, after: 1h, set: {title: new}}",
                *filler,
                "inner: {from: care.kickoff, to: sales.won, action: move, which: origin, after: 1h, " + given,
            ]
        ),
        size=size,
    )
    w.add("a", title="old").run().later("1h").run()
    assert [tunnel for tunnel, _ in w.fired()] == ["c", "d", "inner", "outer"]
    assert w.deal("a").title == "old"


def test_a_deal_that_names_itself_as_its_origin_is_moved_once() -> None:
    w = world("""
    o: {from: sales.new, to: sales.docs, action: move, which: origin}
    m: {from: sales.new, to: sales.lost, action: move}
    """)
    w.sql("INSERT INTO deals (id, stage, origin) VALUES ('a', 'sales.new', 'a')")
    assert w.run().fired() == [("o", "a")]
    assert (w.stage("a"), w.deal("a").entry) == ("sales.docs", 2)
