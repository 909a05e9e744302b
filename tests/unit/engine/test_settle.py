"""Settling alone: candidates in, decisions out, no database."""

from __future__ import annotations

import pytest

from flowrun.engine.judge import Route, Verdict
from flowrun.engine.settle import Candidate, Keys, Origin, Settlement, Surroundings, Terms, settle
from flowrun.flow.model import Rotate

COPIES = Terms("c", "care.kickoff", copies=True)
MOVES = Terms("m", "sales.docs", copies=False)


def candidate(
    order: int,
    position: int = 0,
    kind: Route = Route.COPY,
    *,
    verdict: Verdict = Verdict.READY,
    seq: int | None = None,
    again: int = 0,
    spent: bool = False,
    held: bool = False,
    origin: Origin | None = None,
) -> Candidate:
    seq = order if seq is None else seq
    return Candidate(order, position, seq, f"d{seq}", f"d{seq}", kind, verdict, 0, again, spent, held, origin)


def results(settlement: Settlement) -> list[tuple[int, int, str, str | None]]:
    return [(one.order, one.position, one.result, one.reason) for one in settlement.decisions]


def test_all_copies_and_the_first_move() -> None:
    found = [candidate(1), candidate(1, 1, Route.MOVE), candidate(1, 2, Route.MOVE), candidate(2, 2, Route.MOVE)]
    done = settle(found, {0: COPIES, 1: MOVES, 2: MOVES}, Surroundings(100))
    assert results(done) == [(1, 0, "fired", None), (1, 1, "fired", None), (2, 2, "fired", None)]
    assert [(one.target, one.target_id) for one in done.decisions] == [(None, None), (1, "d1"), (2, "d2")]


def test_turns_are_taken_in_order_by_those_that_fire() -> None:
    terms = {0: Terms("c", "care.kickoff", copies=True, turn=5)}
    done = settle([candidate(1), candidate(2, spent=True), candidate(3)], terms, Surroundings(100))
    assert [one.turn for one in done.decisions] == [5, None, 6]


def test_a_breaker_lets_so_many_through_and_then_none_whatever_their_verdict() -> None:
    terms = {0: Terms("m", "sales.docs", copies=False, left=1), 1: MOVES}
    found = [
        candidate(1, 0, Route.MOVE),
        candidate(2, 0, Route.MOVE),
        candidate(2, 1, Route.MOVE),
        candidate(3, 0, Route.MOVE, verdict=Verdict.OVERFLOW),
    ]
    done = settle(found, terms, Surroundings(100))
    assert results(done) == [(1, 0, "fired", None)]
    assert done.tripped == {0}


def test_budgets_unless_it_is_a_retry() -> None:
    found = [candidate(1, spent=True), candidate(2), candidate(3, again=2, spent=True)]
    done = settle(found, {0: COPIES}, Surroundings(1, made={"d2": 1, "d3": 1}))
    assert results(done) == [(1, 0, "parked", "hops"), (2, 0, "parked", "copies"), (3, 0, "fired", None)]


def test_a_parked_move_holds_moves_only() -> None:
    found = [candidate(1, held=True), candidate(1, 1, Route.MOVE, held=True)]
    assert results(settle(found, {0: COPIES, 1: MOVES}, Surroundings(100))) == [(1, 0, "fired", None)]


def test_a_copy_made_here_is_a_match_for_the_next() -> None:
    terms = {0: Terms("c", "care.kickoff", copies=True, guard=0)}
    key = {0: Keys(None, ("acme",), ("acme",))}
    beside = Surroundings(100, keys={(1, 0): key, (2, 0): key}, elsewhere={0: {}})
    assert [one.result for one in settle([candidate(1), candidate(2)], terms, beside).decisions] == ["fired", "exists"]


def test_the_source_alone_is_no_match() -> None:
    terms = {0: Terms("c", "care.kickoff", copies=True, guard=0)}
    keys = {(order, 0): {0: Keys(None, (name,), None)} for order, name in ((1, "a"), (2, "b"))}
    beside = Surroundings(100, keys=keys, elsewhere={0: {("a",): (1, 1), ("b",): (2, 9)}})
    assert [one.result for one in settle([candidate(1), candidate(2)], terms, beside).decisions] == ["fired", "exists"]


def test_a_rotation_fills_the_key_in_its_turn() -> None:
    terms = {0: Terms("c", "care.kickoff", copies=True, guard=0, turn=0)}
    blank = (Rotate(("ann", "bob")),)
    keys = {(order, 0): {0: Keys(None, blank, blank)} for order in (1, 2, 3)}
    done = settle([candidate(order) for order in (1, 2, 3)], terms, Surroundings(100, keys=keys))
    assert [one.result for one in done.decisions] == ["fired", "fired", "exists"]


def test_a_batch_ends_before_an_origin_moves_again() -> None:
    origin = Origin(9, "d9", "sales.new", spent=False, filled=True)
    terms = {
        0: Terms("o", "sales.won", copies=False, origin=True),
        1: Terms("p", "sales.lost", copies=False, origin=True),
    }
    found = [
        candidate(1, 0, Route.ORIGIN, origin=origin),
        candidate(2, 1, Route.ORIGIN, origin=origin),
        candidate(3, 1),
    ]
    done = settle(found, terms, Surroundings(100))
    assert (results(done), done.cut) == ([(1, 0, "fired", None)], 2)


def test_an_origin_that_has_got_there_in_this_batch_is_declined() -> None:
    origin = Origin(9, "d9", "sales.new", spent=False, filled=True)
    terms = {0: Terms("o", "sales.won", copies=False, origin=True)}
    found = [candidate(order, 0, Route.ORIGIN, origin=origin) for order in (1, 2)]
    assert [one.reason for one in settle(found, terms, Surroundings(100)).decisions] == [None, "origin"]


@pytest.mark.parametrize("kind", [Route.COPY, Route.MOVE])
def test_a_deal_moved_by_its_copy_in_this_batch_is_left_for_the_next_round(kind: Route) -> None:
    origin = Origin(2, "d2", "sales.new", spent=False, filled=True)
    terms = {0: Terms("o", "sales.won", copies=False, origin=True), 1: COPIES if kind is Route.COPY else MOVES}
    found = [candidate(1, 0, Route.ORIGIN, origin=origin), candidate(2, 1, kind)]
    done = settle(found, terms, Surroundings(100))
    assert (results(done), done.cut) == ([(1, 0, "fired", None)], None)
