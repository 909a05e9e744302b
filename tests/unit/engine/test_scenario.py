"""Scenarios run on the real engine: what holds, what fails and how that is told, time on the way, and the restart."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from flowrun.config import load_texts
from flowrun.engine import scenario as module
from flowrun.engine import tick
from flowrun.engine.rehearsals import WORTH, rehearse
from flowrun.engine.rules import Rules
from flowrun.engine.scenario import Rehearsal, Result
from flowrun.flow.model import Flow
from flowrun.flow.scenario import Scenario

FLOW = """
fields: {amount: decimal, day: date, call_at: datetime, account: text, paid: {type: boolean, default: false}}
pipelines:
  sales: {stages: [new, docs, {id: won, outcome: won}, {id: lost, outcome: lost}]}
  care: {stages: [start, {id: done, outcome: won, requires: [account]}]}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, when: deal.amount > 100}
  chase: {from: sales.docs, to: sales.lost, action: move, after: 2d}
  welcome: {from: sales.won, to: care.start, action: copy, after: 2h, set: {title: "Hello, {{ deal.title }}"}}
  call: {from: sales.lost, to: sales.docs, action: move, at: {field: call_at}}
  finish: {from: care.start, to: care.done, action: move, when: deal.paid}
  trial: {from: sales.docs, to: sales.won, action: move, when: deal.paid, mode: shadow}
"""


def prepared(steps: str, given: str, *, flow: str = FLOW, now: str = "2026-03-02T10:00") -> tuple[Flow, Scenario]:
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "      ")
    test = f"flowrun: 1\ntests:\n  - name: it\n    now: {now}\n    given: {given}\n    steps:\n{body}\n"
    loaded = load_texts({"a.yaml": f"flowrun: 1\n{flow}".encode(), "a.test.yaml": test.encode()})
    assert loaded.flow is not None, loaded.findings
    return loaded.flow, loaded.scenarios["a.test.yaml"][0]


def run(steps: str, *, given: str = "[{id: d1, at: sales.new}]", flow: str = FLOW) -> Result:
    applied, scenario = prepared(steps, given, flow=flow)
    rehearsal = Rehearsal(applied)
    try:
        return rehearsal.run(scenario)
    finally:
        rehearsal.close()


def failures(steps: str, *, given: str = "[{id: d1, at: sales.new}]", flow: str = FLOW) -> list[str]:
    """Expected and found of each failure."""
    return [f"{one.expected} | {one.found}" for one in run(steps, given=given, flow=flow).failures]


def test_all_that_can_be_expected() -> None:
    result = run(
        """
        - set: {deal: d1, amount: 200, title: Acme}
        - expect:
            deals: {d1: {at: sales.won, amount: 200, title: Acme, owner: null, paid: false}}
            count: {sales.won: 1, sales.new: 0}
            fired: [{deal: d1, tunnel: win, time: 2026-03-02T10:00}]
            not_fired: [{deal: d1, tunnel: welcome, because: due}, {deal: d1, tunnel: chase, because: stage}]
            exact: true
        - advance: 2h
        - expect:
            copies: [{of: d1, tunnel: welcome, at: care.start, title: "Hello, Acme"}]
            exact: true
        """
    )
    assert result.failures == ()
    assert result.ok
    assert result.fired == {"win", "welcome"}
    assert result.proven == {"welcome", "chase"}


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ("deals: {d1: {at: sales.won}}", ["sales.won | sales.new"]),
        ("deals: {d1: {amount: 3, title: null}}", ["3.00 | 50.00", "empty | 'Acme'"]),
        ("deals: {d1: {title: Beta, owner: ann}}", ["'Beta' | 'Acme'", "'ann' | empty"]),
        ("deals: {d1: {call_at: 2026-03-02T10:00, paid: true}}", ["2026-03-02T10:00 | empty", "true | false"]),
        ("deals: {d1~welcome: {at: care.start}}", ["the deal | no such deal"]),
        ("count: {sales.new: 2, sales.won: 1}", ["2 deals | 1 deal", "1 deal | 0 deals"]),
        ("copies: [{of: d1, tunnel: welcome}]", ["a copy | none: stage"]),
        ("fired: [{deal: d1, tunnel: win}]", ["a firing | none: condition"]),
        (
            "fired: [{deal: d1, tunnel: win, time: 2026-03-02T09:00}]",
            ["a firing at 2026-03-02 09:00 | none: condition"],
        ),
        ("not_fired: [{deal: d1, tunnel: win, because: due}]", ["due | condition"]),
        ("not_fired: [{deal: d1, tunnel: win}]", []),
        ("not_fired: [{deal: d1~welcome, tunnel: finish}]", ["the deal | no such deal"]),
    ],
)
def test_what_is_not_so(expect: str, told: list[str]) -> None:
    result = run(f"- expect: {{{expect}}}", given="[{id: d1, at: sales.new, amount: 50, title: Acme}]")
    assert [f"{one.expected} | {one.found}" for one in result.failures] == told
    assert result.proven == ({"win"} if told == [] else set())


def test_a_failure_stands_at_the_expectation_and_its_instant() -> None:
    result = run("- advance: 90m\n- expect:\n    deals: {d1: {at: sales.new, amount: 3}}")
    (failure,) = result.failures
    assert (failure.span.file, failure.span.line, failure.span.column, failure.span.end_column) == (
        "a.test.yaml",
        9,
        47,
        48,
    )
    assert failure.at == 1772451000000  # 11:30 UTC


def test_what_has_fired_is_not_what_has_not() -> None:
    told = failures(
        """
        - set: {deal: d1, amount: 200}
        - expect:
            fired: [{deal: d1, tunnel: win, time: 2026-03-02T10:01}]
            not_fired: [{deal: d1, tunnel: win, because: stage}]
        - expect: {fired: [{deal: d1, tunnel: win}]}
        """
    )
    assert told == [
        "a firing at 2026-03-02 10:01 | one at 2026-03-02 10:00",
        "no firing | one at 2026-03-02 10:00",
        "a firing | one at 2026-03-02 10:00, before the last `expect`",
    ]


def test_because_of_a_move_behind_another_is_what_holds_that_one() -> None:
    result = run(
        "- expect: {not_fired: [{deal: d1, tunnel: later, because: due}]}",
        flow=FLOW
        + "  first: {from: care.done, to: care.start, action: move, breaker: {firings: 1, per: 1h}}\n"
        + "  later: {from: care.done, to: sales.new, action: move}\n",
        given="[{id: d0, at: care.done, amount: 5, account: a}, {id: d1, at: care.done, amount: 5, account: a}]",
    )
    assert [f"{one.expected} | {one.found}" for one in result.failures] == ["due | breaker"]


def test_exact_forbids_every_firing_that_is_not_named() -> None:
    won = "- set: {deal: d1, amount: 200}\n- advance: 2h\n"
    assert failures(won + "- expect: {exact: true}") == [
        "no other firing | win for d1 at 2026-03-02 10:00, welcome for d1 at 2026-03-02 12:00"
    ]
    named = "fired: [{deal: d1, tunnel: win}]"
    copied = "copies: [{of: d1, tunnel: welcome}]"
    assert failures(f"{won}- expect: {{{named}, exact: true}}") == [
        "no other firing | welcome for d1 at 2026-03-02 12:00"
    ]
    assert failures(f"{won}- expect: {{{named}, {copied}, exact: true}}") == []
    assert failures(f"{won}- expect: {{{named}}}\n- expect: {{exact: true}}") == []


def test_a_firing_answers_for_one_expectation_only() -> None:
    twice = "{deal: d1, tunnel: win}, {deal: d1, tunnel: win}"
    assert failures(f"- set: {{deal: d1, amount: 200}}\n- expect: {{fired: [{twice}]}}") == [
        "a firing | one at 2026-03-02 10:00, before the last `expect`"
    ]
    again = "- set: {deal: d1, amount: 200}\n- move: {deal: d1, to: sales.new}\n"
    assert failures(f"{again}- expect: {{fired: [{twice}], exact: true}}") == []


def test_an_expected_time_chooses_first() -> None:
    story = """
        - set: {deal: d1, amount: 200}
        - move: {deal: d1, to: sales.docs}
        - advance: 1h
        - move: {deal: d1, to: sales.new}
        - expect:
            fired: [{deal: d1, tunnel: win}, {deal: d1, tunnel: win, time: 2026-03-02T10:00}]
            exact: true
        """
    assert failures(story) == []


def test_each_copy_is_one_of_its_own() -> None:
    story = """
        - set: {deal: d1, title: One}
        - move: {deal: d1, to: sales.won}
        - advance: 2h
        - set: {deal: d1, title: Two}
        - move: {deal: d1, to: sales.docs}
        - move: {deal: d1, to: sales.won}
        - advance: 2h
        - expect: {copies: [%s]}
        """
    one, two = '{of: d1, tunnel: welcome, title: "Hello, One"}', '{of: d1, tunnel: welcome, title: "Hello, Two"}'
    some = "{of: d1, tunnel: welcome}"
    assert failures(story % f"{one}, {two}") == []
    assert failures(story % f"{some}, {one}") == []  # the vague one makes room
    assert failures(story % f"{one}, {one}") == ["'Hello, One' | 'Hello, Two'"]
    assert failures(story % f"{one}, {two}, {some}") == ["one more copy | no more than 2"]


def test_a_copy_is_named_by_what_made_it() -> None:
    assert (
        failures(
            """
            - move: {deal: d1, to: sales.won}
            - advance: 2h
            - set: {deal: d1~welcome, paid: true, account: Acme}
            - expect:
                deals: {d1~welcome: {at: care.done}}
                fired: [{deal: d1, tunnel: welcome}, {deal: d1~welcome, tunnel: finish}]
                exact: true
            - delete: d1
            - move: {deal: d1~welcome, to: care.start}
            - expect: {deals: {d1~welcome: {at: care.done}}}
            """
        )
        == []
    )


def test_a_scenario_that_can_not_go_on_fails_with_all_that_nothing_checked() -> None:
    told = failures(
        """
        - expect: {deals: {d1: {at: sales.new}}}
        - set: {deal: d1~welcome, paid: true}
        - expect: {deals: {d1: {at: sales.new}}}
        - expect: {exact: true}
        """
    )
    assert told == [
        "the deal | no such deal by now",
        "to be checked | the end before",
        "to be checked | the end before",
    ]


def test_time_stops_at_every_instant_on_the_way() -> None:
    """Each firing at its own instant, and what follows from it counts from there."""
    assert (
        failures(
            """
            - advance: 30d
            - expect:
                fired:
                  - {deal: d1, tunnel: chase, time: 2026-03-04T10:00}
                  - {deal: d1, tunnel: call, time: 2026-03-10T09:00}
                  - {deal: d1, tunnel: chase, time: 2026-03-12T09:00}
                  - {deal: d1, tunnel: call, time: 2026-03-12T09:00}
                  - {deal: d1, tunnel: chase, time: 2026-03-14T09:00}
                  - {deal: d1, tunnel: call, time: 2026-03-14T09:00}
            """,
            given="[{id: d1, at: sales.docs, call_at: 2026-03-10T09:00}]",
        )
        == []
    )


def test_what_happens_in_shadow_counts_as_if_it_had() -> None:
    shadow = "- expect: {deals: {d1: {at: sales.docs}}, fired: [{deal: d1, tunnel: trial}], exact: true}"
    result = run(shadow, given="[{id: d1, at: sales.docs, paid: true}]")
    assert result.failures == ()
    assert result.fired == {"trial"}
    (failure,) = run("- expect: {exact: true}", given="[{id: d1, at: sales.docs, paid: true}]").failures
    assert failure.found == "trial for d1 at 2026-03-02 10:00"


def test_a_restart_keeps_nothing_but_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def compiled(number: int, text: str) -> Rules:
        made.append(number)
        return original(number, text)

    original = tick.compiled
    monkeypatch.setattr(module, "compiled", compiled)
    stores: list[int] = []
    begin = module._Run._begin

    def watched(self: module._Run, store: object, compile_: Callable[[int, str], Rules]) -> None:
        stores.append(id(store))
        begin(self, store, compile_)  # type: ignore[arg-type]

    monkeypatch.setattr(module._Run, "_begin", watched)
    result = run(
        """
        - move: {deal: d1, to: sales.won}
        - restart: true
        - advance: 2h
        - expect: {copies: [{of: d1, tunnel: welcome}], exact: true}
        - restart: true
        - advance: 2h
        - expect: {exact: true, count: {care.start: 1}}
        """
    )
    assert result.failures == ()
    assert made == [1, 1]  # once for all scenarios, and once after the restart; after the other there was nothing to do
    assert len(set(stores)) == 3


def test_scenarios_know_nothing_of_each_other() -> None:
    flow, scenario = prepared("- expect: {count: {sales.new: 1}}", "[{id: d1, at: sales.new}]")
    rehearsal = Rehearsal(flow)
    assert [rehearsal.run(scenario).ok for _ in range(3)] == [True] * 3
    rehearsal.close()


def test_a_flow_that_never_comes_to_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCHES", 20)
    loop = """
limits: {max_hops: 1000000}
pipelines: {a: {stages: [x, y]}}
tunnels:
  there: {from: a.x, to: a.y, action: move, when: deal.title is none}
  back: {from: a.y, to: a.x, action: move, when: deal.title is none}
"""
    told = failures("- expect: {exact: true}", given="[{id: d1, at: a.x}]", flow=loop)
    assert told == [
        "a flow that comes to rest | still busy after 22 batches at one instant",
        "to be checked | the end before",
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_many_scenarios_come_back_in_their_order(jobs: int) -> None:
    flow, good = prepared("- expect: {count: {sales.new: 1}}", "[{id: d1, at: sales.new}]")
    _, bad = prepared("- expect: {count: {sales.new: 2}}", "[{id: d1, at: sales.new}]")
    many = [good, bad, good] * WORTH
    results = [*rehearse(flow, many, jobs)]
    assert [result.ok for result in results] == [True, False, True] * WORTH
    assert results[1].failures[0].found == "1 deal"
