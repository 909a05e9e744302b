"""Firings of deals that live elsewhere: first an intent, then what the source says of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flowrun.engine import tick
from flowrun.engine.outgoing import coming
from flowrun.engine.rereads import lock_deals, read_again, was_read
from flowrun.engine.settle import Key
from flowrun.engine.settlement import LOOK_UPS, Result, Told
from flowrun.engine.source import Budget
from flowrun.store.tables import sources
from tests.unit.engine.elsewhere import LEASE, Place, carry, claim, say, settle, states, to_read, world_away
from tests.unit.engine.kit import SALES, World, world

MOVE = "m: {from: sales.new, to: sales.docs, action: move, set: {owner: ann}}"
COPY = "c: {from: sales.new, to: care.kickoff, action: copy, set: {title: 'For {{ deal.id }}'}}"
NEXT = "n: {from: sales.docs, to: sales.won, action: move}"


def alike(w: World) -> list[tuple[object, ...]]:
    """All that a deal is, but for its times."""
    return [
        (deal.id, deal.stage, deal.entry, deal.title, deal.owner, deal.origin, deal.origin_tunnel, deal.fields)
        for deal in w.deals()
    ]


def test_what_fires_is_pending_until_the_source_has_done_it() -> None:
    w = world_away(f"{MOVE}\n{NEXT}", deals=["a"]).run()
    assert w.results() == [("m", "a", "pending")]
    assert (w.stage("a"), w.deal("a").entry, w.journal()[0].target) == ("sales.new", 1, None)
    w.set("a", amount=Decimal(7)).later("1m").run()
    assert w.results() == [("m", "a", "pending")]
    (call,) = claim(w).to_perform
    assert (call.target, call.from_stage, call.to_stage, call.content) == (
        "a",
        "sales.new",
        "sales.docs",
        {"owner": "ann"},
    )
    assert not claim(w, "another")
    w.later("30s")
    settle(w, [Result(call, Told.DONE, id="a")])
    deal = w.deal("a")
    assert (deal.stage, deal.entry, deal.owner, deal.entered_at) == ("sales.docs", 2, "ann", w.now)
    assert [(row.result, row.target, row.fired_at) for row in w.journal()] == [("fired", "a", w.now)]
    assert states(w) == []
    assert w.run().results()[1:] == [("n", "a", "pending")]


TUNNELS = """
c:
  from: sales.new
  to: care.kickoff
  action: copy
  fields: [account, paid]
  set: {title: "For {{ deal.id }}", owner: {rotate: [ann, bob]}, amount: "{{ deal.amount * 2 }}"}
k: {from: care.kickoff, to: sales.won, action: move, which: origin, set: {labels: "{{ deal.labels }}"}}
m: {from: [sales.new, care.kickoff], to: care.setup, action: move, when: deal.paid, set: {title: null, day: 2026-03-05}}
g: {from: sales.won, to: care.live, action: copy, unless_exists: {same: [account]}}
"""


def test_all_that_tunnels_do_is_done_there_as_it_would_be_here() -> None:
    here, there = world(TUNNELS), world_away(TUNNELS)
    for w in (here, there):
        for at in range(4):
            w.add(f"d{at}", account="é\"'\\" if at % 2 else "acme", amount=Decimal(at), paid=at > 1, labels=("x", "y"))
    here.run()
    place = Place()
    assert carry(there, place) == len(place.effects) == len(set(place.effects))
    assert sorted(alike(there)) == sorted(alike(here))
    assert sorted((*one, row.target) for one, row in zip(there.results(), there.journal(), strict=True)) == sorted(
        (*one, row.target) for one, row in zip(here.results(), here.journal(), strict=True)
    )


@pytest.mark.sqlite
def test_one_firing_of_a_deal_is_on_its_way_at_a_time_in_the_usual_order() -> None:
    w = world_away(f"{MOVE}\n{COPY}", deals=["a"]).run()
    assert w.results() == [("c", "a", "pending")]
    say(w, Told.DONE)
    assert w.run().results()[1:] == [("m", "a", "pending")]


def test_an_origin_that_is_to_move_fires_nothing_else_and_nothing_else_moves_it() -> None:
    tunnels = "o: {from: care.kickoff, to: sales.won, action: move, which: origin}\n" + COPY
    w = world_away(f"{tunnels}\nm: {{from: sales.new, to: sales.lost, action: move, when: deal.paid}}", deals=["a"])
    w.run()
    say(w, Told.DONE)
    w.run()
    assert [row for row in w.results() if row[2] == "pending"] == [("o", w.copies("a")[0].id, "pending")]
    w.set("a", paid=True).run()
    assert [row for row in w.results() if row[2] == "pending"] == [("o", w.copies("a")[0].id, "pending")]
    say(w, Told.DONE)
    assert w.run().stage("a") == "sales.won"


def test_an_origin_whose_own_firing_is_on_its_way_is_moved_after_it_and_before_what_comes_next() -> None:
    w = world_away(
        f"""
{COPY}
{MOVE}
o: {{from: care.kickoff, to: sales.won, action: move, which: origin, when: deal.paid}}
k: {{from: care.kickoff, to: care.setup, action: move, when: deal.paid}}
""",
        deals=["a"],
    ).run()
    say(w, Told.DONE)
    copy = w.run().copies("a")[0].id
    w.set(copy, paid=True).run()
    assert [row for row in w.results() if row[2] == "pending"] == [("m", "a", "pending")]
    for expected in (("o", copy, "pending"), ("k", copy, "pending")):
        say(w, Told.DONE)
        assert [row for row in w.run().results() if row[2] == "pending"] == [expected]
    assert w.stage("a") == "sales.won"


ONCE = "c: {from: sales.new, to: care.kickoff, action: copy, unless_exists: {same: [account]}}"


def test_a_copy_that_must_be_the_only_one_waits_for_what_becomes_of_another() -> None:
    w = world_away(ONCE)
    for id_, account in (("a", "x"), ("b", "x"), ("d", "y")):
        w.add(id_, account=account)
    w.run()
    assert w.results() == [("c", "a", "pending"), ("c", "d", "pending")]
    (first, _) = claim(w).to_perform
    settle(w, [Result(first, Told.REFUSED, "too long")])
    w.run()
    assert w.results() == [("c", "a", "parked source"), ("c", "d", "pending"), ("c", "b", "pending")]
    say(w, Told.DONE)
    w.add("e", account="x").run()
    assert ("c", "e", "exists exists") in w.results()


@pytest.mark.sqlite
def test_what_comes_after_such_a_copy_waits_with_it() -> None:
    w = world_away(f"{ONCE}\n{MOVE}").add("a", account="x").add("b", account="x").run()
    assert w.results() == [("c", "a", "pending")]
    say(w, Told.DONE)
    assert sorted(w.run().results()) == [
        ("c", "a", "fired"),
        ("c", "b", "exists exists"),
        ("m", "a", "pending"),
        ("m", "b", "pending"),
    ]


def test_so_it_does_for_a_deal_that_is_to_move_there() -> None:
    w = world_away("m: {from: sales.docs, to: care.setup, action: move}\n" + ONCE).add("a", "sales.docs", account="x")
    w.run().add("b", account="x").run()
    assert w.results() == [("m", "a", "pending")]
    say(w, Told.DONE)
    assert w.run().results() == [("m", "a", "fired"), ("c", "b", "exists exists")]


def test_so_it_does_for_a_deal_that_is_given_there_what_makes_it_alike() -> None:
    w = world_away("m: {from: sales.docs, to: care.setup, action: move, set: {account: x}}\n" + ONCE)
    w.add("a", "sales.docs", account="y").run().add("b", account="x").add("c", account="y").run()
    assert w.results() == [("m", "a", "pending"), ("c", "c", "pending")]


def test_so_it_does_where_a_turn_makes_them_alike() -> None:
    by_turn = "set: {owner: {rotate: [ann, bob]}}, unless_exists: {same: [owner, account]}"
    w = world_away(f"c: {{from: sales.new, to: care.kickoff, action: copy, {by_turn}}}")
    w.add("a", account="x").run().add("b", account="x").add("d", account="y").run()
    w.add("e", account="y").add("f", account="x").run()
    assert [deal for _, deal, _ in w.results()] == ["a", "b", "d", "e"]


@pytest.mark.sqlite
def test_of_what_is_on_its_way_only_that_is_read_that_a_batch_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[set[Key]] = []

    def noted(*given: Any, **how: Any) -> set[Key]:
        read.append(coming(*given, **how))
        return read[-1]

    monkeypatch.setattr(tick, "coming", noted)
    w = world_away(ONCE)
    for account in "vwxyz":
        w.add(account, account=account)
    w.run().add("b", account="x").run()
    assert read == [set(), {("x",)}]
    assert len(w.results()) == 5


@pytest.mark.sqlite
def test_turns_breakers_and_families_count_from_the_intent() -> None:
    tunnel = COPY.replace("set: {", "breaker: {firings: 3, per: 1h}, set: {owner: {rotate: [ann, bob, cid]}, ")
    w = world_away(tunnel, deals=["a", "b"]).run().add("d").add("e").run()
    assert [call.content["owner"] for call in claim(w).to_perform] == ["ann", "bob", "cid"]
    assert w.results() == [("c", "a", "pending"), ("c", "b", "pending"), ("c", "d", "pending")]
    w = world_away(COPY, rest=SALES + "limits: {max_copies: 1}\n", deals=["a"]).run().move("a", "sales.docs").run()
    w.move("a", "sales.new").run()
    assert w.results() == [("c", "a", "pending")]
    say(w, Told.DONE)
    assert w.run().results() == [("c", "a", "fired"), ("c", "a", "parked copies")]


@pytest.mark.sqlite
def test_shadows_are_written_down_and_carried_nowhere() -> None:
    w = world_away(f"s: {COPY[3:-1]}, mode: shadow}}", deals=["a"]).run()
    assert (w.results(), states(w)) == ([("s", "a", "shadow")], [])


# What the source says


def test_what_it_refuses_is_parked_and_made_anew_with_new_values_when_a_person_says_so() -> None:
    w = world_away(COPY + "\n" + MOVE.replace("ann", "'{{ deal.title }}'"), deals=["a"])
    w.set("a", title="old").run()
    say(w, Told.DONE)
    w.run()
    assert say(w, Told.REFUSED, reason="no such owner").count("parked") == 1
    assert w.run().results()[1:] == [("m", "a", "parked source")]
    assert states(w) == [("m", "a", "parked")]
    assert not claim(w)
    w.set("a", title="new").retry("a").run()
    assert w.results()[1:] == [("m", "a", "pending")]
    (call,) = claim(w).to_perform
    assert call.content == {"owner": "new"}


def test_a_deal_that_stands_elsewhere_there_fires_nothing_before_it_has_been_read() -> None:
    w = world_away(MOVE, deals=["a"]).run()
    assert say(w, Told.CONFLICT).count("conflict") == 1
    assert (w.run().results(), states(w), to_read(w)) == ([], [], ["a"])
    w.set("a", amount=Decimal(1)).run()
    assert w.results() == []
    with w.store.write() as transaction:
        lock_deals(transaction.connection, ["a"])
        was_read(transaction.connection, w.flow, ["a"], 0, w.now)
    assert to_read(w) == ["a"]  # that was asked before the call was settled
    with w.store.write() as transaction:
        was_read(transaction.connection, w.flow, ["a"], 1, w.now)
    assert w.run().results() == [("m", "a", "pending")]
    assert claim(w).to_perform[0].key


@pytest.mark.sqlite
def test_what_did_not_happen_is_tried_again_ever_later() -> None:
    w = world_away(MOVE, deals=["a"]).run()
    waits = []
    for _ in range(12):
        assert say(w, Told.LATER, reason="busy").count("again") == 1
        nothing = claim(w)
        assert not nothing
        assert nothing.again_at is not None
        waits.append(nothing.again_at - w.now)
        w.later(f"{waits[-1] // 1000}s")
    assert waits == [1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000, 300000]
    say(w, Told.LATER, after=20_000, every=True)
    w.add("b").run()
    assert claim(w).again_at == w.now + 20_000
    assert len(claim(w.later("20s")).to_perform) == 2


def test_what_nobody_knows_is_looked_up_before_it_is_done_again() -> None:
    w = world_away(MOVE, deals=["a"]).run()
    key = claim(w).to_perform[0].key
    w.later("2m")  # its runner is dead
    (lost,) = claim(w).to_find
    assert lost.key == key
    assert settle(w, [Result(lost, Told.NOT_DONE)]).count("again") == 1
    (again,) = claim(w).to_perform
    assert again.key == key
    settle(w, [Result(again, Told.UNKNOWN, "timed out")])
    (lost,) = claim(w.later("1s")).to_find
    settle(w, [Result(lost, Told.DONE, id="a")])
    assert (w.stage("a"), w.fired()) == ("sales.docs", [("m", "a")])


@pytest.mark.sqlite
@pytest.mark.parametrize("idempotent", [False, True])
def test_what_even_looking_cannot_tell_is_given_up_unless_doing_it_twice_does_no_harm(idempotent: bool) -> None:
    w = world_away(MOVE, deals=["a"]).run()
    say(w, Told.UNKNOWN)
    for _ in range(LOOK_UPS):
        (lost,) = claim(w.later("1m")).to_find
        settle(w, [Result(lost, Told.UNKNOWN, "can't tell")], idempotent=idempotent)
    if idempotent:
        assert len(claim(w.later("1m")).to_perform) == 1
        return
    assert (w.run().results(), states(w)) == ([("m", "a", "parked unknown")], [("m", "a", "parked")])
    w.retry()
    assert w.results() == [("m", "a", "pending")]
    (lost,) = claim(w).to_find
    settle(w, [Result(lost, Told.DONE, id="a")])
    assert w.run().stage("a") == "sales.docs"


# Who holds a call, and what comes late


def test_what_another_runner_has_by_now_is_settled_by_it_but_done_is_done() -> None:
    w = world_away(MOVE, deals=["a", "b"]).run()
    mine = claim(w, "slow").to_perform
    w.later("2m")
    (first, second) = claim(w, "quick").to_find
    assert settle(w, [Result(mine[0], Told.REFUSED, "no")], "slow").count("late") == 1
    assert settle(w, [Result(mine[1], Told.DONE, id="b")], "slow").count("fired") == 1
    settle(w, [Result(first, Told.DONE, id="a"), Result(second, Told.NOT_DONE)], "quick")
    assert (w.stage("a"), w.stage("b"), sorted(w.fired())) == ("sales.docs", "sales.docs", [("m", "a"), ("m", "b")])


def test_a_call_whose_deal_has_moved_on_before_it_began_is_none() -> None:
    w = world_away(MOVE, deals=["a"]).run().move("a", "sales.lost")
    assert not claim(w)
    assert (w.run().results(), states(w)) == ([], [])


def test_a_deal_that_moved_on_meanwhile_is_not_moved_again() -> None:
    w = world_away(MOVE, deals=["a", "b"]).run()
    calls = claim(w).to_perform
    w.move("a", "sales.lost").delete("b")
    settle(w, [Result(call, Told.DONE, id=call.target) for call in calls])
    assert (w.stage("a"), w.deal("a").entry, to_read(w)) == ("sales.lost", 2, ["a", "b"])
    assert w.fired() == [("m", "a"), ("m", "b")]


def test_a_copy_that_was_read_before_it_was_known_is_made_one() -> None:
    w = world_away(COPY + "\nn: {from: care.kickoff, to: care.setup, action: move}", deals=["a"]).run()
    (call,) = claim(w).to_perform
    w.add("there-7", "care.kickoff", title="For a")
    settle(w, [Result(call, Told.DONE, id="there-7")])
    deal = w.deal("there-7")
    assert (deal.origin, deal.origin_tunnel, w.journal()[0].target) == ("a", "c", "there-7")
    assert carry(w, Place()) == 1
    assert w.results() == [("c", "a", "fired"), ("n", "there-7", "fired")]


@pytest.mark.sqlite
def test_all_runners_share_one_budget() -> None:
    w = world_away(MOVE, deals=[f"d{at}" for at in range(9)]).run()
    budget = Budget(per_second=2.0, burst=3)
    for runner in ("one", "two", "one"):
        assert len(claim(w, runner, limit=2, budget=budget).to_perform) == 2  # a batch is one question
    nothing = claim(w, "two", limit=2, budget=budget)
    assert (bool(nothing), nothing.again_at) == (False, w.now + 500)
    w.later("1s")
    assert [len(claim(w, "two", limit=1, budget=budget).to_perform) for _ in range(3)] == [1, 1, 0]
    assert len(claim(w.later("30s"), "two", budget=budget).to_perform) == 1


def test_with_one_question_left_it_is_either_made_or_looked_up() -> None:
    w = world_away(MOVE, deals=["a", "b"]).run()
    (call,) = claim(w, limit=1).to_perform
    settle(w, [Result(call, Told.UNKNOWN, "time-out")])
    budget = Budget(per_second=1.0, burst=1)
    first = claim(w.later("1s"), budget=budget)
    second = claim(w.later("1s"), budget=budget)
    assert sorted((len(one.to_perform), len(one.to_find)) for one in (first, second)) == [(0, 1), (1, 0)]


@pytest.mark.sqlite
def test_a_runner_that_has_another_revision_gets_nothing() -> None:
    w = world_away(MOVE, deals=["a"]).run()
    before = w.flow
    w.apply(COPY)
    w.flow = before
    with w.store.read() as connection:
        assert connection.execute(sources.select()).all() == []
    assert not claim(w).current


def test_a_deal_is_read_again_once_however_often_it_is_asked_for() -> None:
    w = world_away(MOVE)
    with w.store.write() as transaction:
        read_again(transaction.connection, ["a", "b", "a"], 1)
        read_again(transaction.connection, ["a"], 2)
        was_read(transaction.connection, w.flow, ["a", "b"], 1, w.now)
    assert to_read(w) == ["a"]
    assert LEASE
