"""Scenario files become scenarios: what each step means, and when nothing is said about what can't be known."""

from __future__ import annotations

import pickle
import textwrap
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.config import Loaded, is_scenario, load, load_texts
from flowrun.flow.model import Reason
from flowrun.flow.scenario import (
    Add,
    Delete,
    Expect,
    ExpectedFiring,
    ExpectedRest,
    Move,
    Restart,
    Scenario,
    Set,
    Until,
)

FLOW = """
flowrun: 1
timezone: Europe/Berlin
fields: {amount: decimal, day: date, paid: {type: boolean, default: false}, labels: tags}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
  care: {stages: [start, {id: done, outcome: won}]}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, when: deal.amount > 100}
  welcome: {from: sales.won, to: care.start, action: copy, after: 2h}
"""
HOUR = 3_600_000


def loaded(steps: str, *, given: str = "[{id: d1, at: sales.new}]", now: str = "2026-03-02T10:00") -> Loaded:
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "      ")
    test = f"flowrun: 1\ntests:\n  - name: it\n    now: {now}\n    given: {given}\n    steps:\n{body}\n"
    return load_texts({"a.yaml": FLOW.encode(), "a.test.yaml": test.encode()})


def scenario(steps: str, *, given: str = "[{id: d1, at: sales.new}]", now: str = "2026-03-02T10:00") -> Scenario:
    result = loaded(steps, given=given, now=now)
    assert result.findings == ()
    (found,) = result.scenarios["a.test.yaml"]
    return found


def test_values_are_read_by_their_fields_types() -> None:
    given = "[{id: 7, at: sales.new, amount: 1200, day: 2026-03-06, paid: true, labels: [b, a], title: on}]"
    found = scenario("- expect: {exact: true}", given=given)
    values = {
        "amount": Decimal("1200.00"),
        "day": date(2026, 3, 6),
        "paid": True,
        "labels": ("a", "b"),
        "title": "on",
    }
    (deal,) = found.given
    assert (deal.id, deal.stage, dict(deal.values)) == ("7", "sales.new", values)
    assert found.now == 1772442000000  # 09:00 UTC


def test_every_step() -> None:
    found = scenario(
        """
        - set: {deal: d1, amount: null}
        - move: {deal: d1, to: sales.won}
        - add: {id: d2, at: care.start}
        - delete: d2
        - advance: 1d12h
        - until: 2026-03-05T10:00
        - restart: true
        - expect:
            fired: [{deal: d1~welcome, tunnel: win, time: 2026-03-05T10:00}]
            not_fired: [{deal: d1, tunnel: win, because: stage}]
        """
    )
    set_, move, add, delete, advance, until, restart, expect = found.steps
    assert isinstance(set_, Set)
    assert (set_.deal.name, set_.values) == ("d1", (("amount", None),))
    assert isinstance(move, Move)
    assert move.stage == "sales.won"
    assert isinstance(add, Add)
    assert isinstance(delete, Delete)
    assert isinstance(advance, Until)
    assert advance.instant == found.now + 36 * HOUR
    assert isinstance(until, Until)
    assert until.instant == found.now + 72 * HOUR
    assert isinstance(restart, Restart)
    assert isinstance(expect, Expect)
    assert expect.fired == (ExpectedFiring(expect.fired[0].deal, "win", until.instant, expect.fired[0].span),)
    assert expect.fired[0].deal.name == "d1~welcome"
    rest = expect.rests[0]
    assert rest == ExpectedRest(rest.deal, "win", Reason.STAGE, rest.why, rest.span)
    assert expect.exact is None


def test_days_pass_on_the_wall_clock() -> None:
    """The clocks go forward on the 29th: a day of 23 hours, then exact hours."""
    found = scenario("- advance: 1d\n- advance: 24h\n- expect: {exact: true}", now="2026-03-28T10:00")
    first, second, _ = found.steps
    assert isinstance(first, Until)
    assert isinstance(second, Until)
    assert (first.instant, second.instant) == (found.now + 23 * HOUR, found.now + 47 * HOUR)


@pytest.mark.parametrize(
    ("now", "utc"),
    [
        ("2026-03-29T02:30", "2026-03-29T01:00Z"),  # left out: the end of the gap
        ("2026-10-25T02:30", "2026-10-25T00:30Z"),  # twice: the first
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30Z"),
    ],
)
def test_moments_are_local_unless_they_say_otherwise(now: str, utc: str) -> None:
    assert scenario("- expect: {exact: true}", now=now).now == scenario("- expect: {exact: true}", now=utc).now


def test_scenarios_travel_to_other_processes() -> None:
    found = scenario("- expect: {deals: {d1: {at: sales.new, amount: 3}}, count: {sales.new: 1}, exact: true}")
    assert pickle.loads(pickle.dumps(found)) == found


def test_a_scenario_with_a_mistake_is_left_out_and_the_others_stay() -> None:
    good = "  - {name: good, now: 2026-03-02T10:00, steps: [expect: {exact: true}]}\n"
    bad = "  - {name: bad, now: 2026-03-02T10:00, steps: [expect: {count: {sales.nwe: 1}}]}\n"
    result = load_texts({"a.yaml": FLOW.encode(), "a.test.yaml": f"flowrun: 1\ntests:\n{bad}{good}".encode()})
    assert [finding.code for finding in result.findings] == ["FR501"]
    assert [one.name for one in result.scenarios["a.test.yaml"]] == ["good"]
    assert result.flow is None


def test_a_mistake_in_the_flow_is_not_told_a_second_time() -> None:
    """A field that can't be made out, a pipeline whose stages aren't known: nothing is said about who names them."""
    flow = FLOW.replace("amount: decimal", "amount: decimla").replace("[start, {", "[{nam: start}, {")
    steps = "deals: {d1: {amount: 3}}, count: {care.start: 1}, not_fired: [{deal: d1, tunnel: welcome}]"
    test = (
        "flowrun: 1\ntests:\n  - name: it\n    now: 2026-03-02T10:00\n    given: [{id: d1, at: sales.new}]\n"
        f"    steps: [expect: {{{steps}}}]\n"
    )
    result = load_texts({"a.yaml": flow.encode(), "a.test.yaml": test.encode()})
    assert {finding.span.file for finding in result.findings} == {"a.yaml"}
    assert result.scenarios == {"a.test.yaml": ()}


def test_scenarios_alone_are_checked_for_their_shape_only() -> None:
    test = "flowrun: 1\ntests: [{name: it, now: 2026-03-02T10:00, stepz: [], given: [{id: d1, at: sales.new}]}]\n"
    result = load_texts({"a.test.yaml": test.encode()})
    assert [finding.code for finding in result.findings] == ["FR401"]


def test_other_scenarios_may_be_read_than_those_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW)
    (tmp_path / "flows" / "broken.test.yaml").write_text("not: one")
    (tmp_path / "more" / "deep").mkdir(parents=True)
    test = "flowrun: 1\ntests: [{name: it, now: 2026-03-02T10:00, steps: [expect: {exact: true}]}]\n"
    (tmp_path / "more" / "deep" / "b.test.yaml").write_text(test)
    (tmp_path / "more" / "no-flow.yaml").write_text("not: read")
    assert load(tmp_path / "flows").flow is None
    result = load(tmp_path / "flows", scenarios=[tmp_path / "more"])
    assert result.findings == ()
    assert [Path(name).name for name in result.files] == ["a.yaml", "b.test.yaml"]
    gone = load(tmp_path / "flows", scenarios=[tmp_path / "gone.test.yaml"])
    assert [finding.code for finding in gone.findings] == ["FR010"]


def test_which_files_hold_scenarios() -> None:
    assert [is_scenario(Path(name)) for name in ("a.test.yaml", "a.test.yml", "test.yaml", "a.yaml")] == [
        True,
        True,
        False,
        False,
    ]
