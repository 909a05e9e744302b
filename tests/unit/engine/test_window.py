"""`window`, `bd` and `bh`: a tunnel fires only while its calendar is open, and counts its time by it."""

from __future__ import annotations

from datetime import date

import pytest

from flowrun.engine.explain import explain
from flowrun.engine.pending import pending
from flowrun.store import revisions
from tests.unit.engine.kit import SALES, World, world

OFFICE = (
    SALES
    + """
calendars:
  office:
    timezone: Europe/Berlin
    hours: {mon-fri: "09:00-18:00"}
    closed: [2026-04-06]
"""
)


def office(tunnel: str, at: str) -> World:
    text = f"m: {{from: sales.new, to: sales.docs, action: move, {tunnel}}}"
    return world(text, rest=OFFICE, zone_name="Europe/Berlin", at=at)


@pytest.mark.parametrize(
    ("tunnel", "entered", "fires"),
    [
        ("window: office", "2026-03-06T16:00", "2026-03-06T16:00"),
        ("window: office", "2026-03-06T18:00", "2026-03-09T09:00"),
        ("window: office, after: 2h", "2026-03-06T17:00", "2026-03-09T09:00"),
        ("window: office, after: 2h", "2026-03-06T16:00", "2026-03-09T09:00"),
        ("after: 1bd", "2026-03-06T16:00", "2026-03-09T16:00"),
        ("after: 10bd", "2026-04-01T10:00", "2026-04-16T10:00"),
        ("after: 16bh", "2026-04-02T15:00", "2026-04-07T13:00"),
        ("after: 4bh", "2026-03-06T14:00", "2026-03-06T18:00"),
        ("after: 4bh, window: office", "2026-03-06T14:00", "2026-03-09T09:00"),
        ("after: 1bd, window: office", "2026-03-07T20:00", "2026-03-10T09:00"),
    ],
)
def test_when_it_fires(tunnel: str, entered: str, fires: str) -> None:
    w = office(tunnel, entered).add("a").run()
    if fires != entered:
        assert w.queued() == {"a": fires}
        assert w.fired() == []
        w.at(fires)
        before = w.now - 1
        w.run(w.local(before)).at(fires)
        assert w.fired() == []
    assert w.run(fires).fired() == [("m", "a")]


def test_the_journal_has_the_due_instant_not_the_opening() -> None:
    w = office("window: office, after: 2h", "2026-03-06T17:00").add("a").run("2026-03-09T09:00")
    (firing,) = w.journal()
    assert w.local(firing.due_at) == "2026-03-06T19:00"
    assert w.local(firing.fired_at) == "2026-03-09T09:00"


def test_a_runner_that_comes_back_after_closing_time_waits_for_the_next_opening() -> None:
    w = office("window: office", "2026-03-06T19:00").add("a").run()
    assert w.run("2026-03-09T18:00").fired() == []
    assert w.queued() == {"a": "2026-03-10T09:00"}


def test_business_days_before_a_date() -> None:
    w = office("at: {field: day, offset: -3bd, time: '08:30'}", "2026-03-02T10:00")
    w.add("a", day=date(2026, 4, 8)).run()
    assert w.queued() == {"a": "2026-04-02T08:30"}


def test_watch_false_is_judged_when_due_and_open() -> None:
    w = office("window: office, watch: false, when: deal.paid", "2026-03-06T19:00").add("a").run()
    assert w.journal() == []
    w.set("a", paid=True).run("2026-03-09T09:00")
    assert [(one.result, one.fired_at) for one in w.journal()] == [("fired", w.now)]


def test_watch_false_settled_in_the_night_stays_settled() -> None:
    w = office("window: office, watch: false, when: deal.paid", "2026-03-06T12:00").add("a").run()
    assert [one.result for one in w.journal()] == ["declined"]
    w.later("10h").set("a", paid=True).run().later("3d").run()
    assert [one.result for one in w.journal()] == ["declined"]


def test_pending_says_what_it_waits_for() -> None:
    w = office("window: office, after: 2h", "2026-03-06T17:00").add("a").run()
    assert [(one.deal, w.local(one.due_at), str(one.waits_for)) for one in pending(w.store).waits] == [
        ("a", "2026-03-09T09:00", "due")
    ]
    w.later("3h").run()
    assert [str(one.waits_for) for one in pending(w.store).waits] == ["window"]


def test_pending_all_adds_what_waits_for_data() -> None:
    w = world(
        """
        paid: {from: sales.new, to: sales.docs, action: move, when: deal.paid}
        dated: {from: sales.new, to: sales.lost, action: move, at: {field: day}}
        """
    )
    w.add("a").run()
    assert pending(w.store).waits == ()
    assert [(one.tunnel, one.due_at, str(one.waits_for)) for one in pending(w.store, every=True).waits] == [
        ("paid", None, "condition"),
        ("dated", None, "date"),
    ]


def test_explain_says_window() -> None:
    w = office("window: office", "2026-03-06T19:00").add("a").run()
    with w.store.read() as connection:
        (told,) = explain(connection, revisions.applied(connection), "a", w.now).tunnels
    assert (str(told.verdict), str(told.reason)) == ("waits", "window")
    assert w.local(told.next_at) == "2026-03-09T09:00"


def test_each_pipeline_counts_by_its_own_calendar() -> None:
    rest = """
pipelines:
  sales: {calendar: office, stages: [new, won]}
  care: {calendar: nights, stages: [kickoff, live]}
calendars:
  office: {hours: {mon-fri: "09:00-18:00"}}
  nights: {hours: {mon-sun: "20:00-24:00"}}
"""
    text = "m: {from: [sales.new, care.kickoff], to: sales.won, action: move, after: 2bh}"
    w = world(text, rest=rest, at="2026-03-06T17:00")
    w.add("a").add("b", "care.kickoff").run()
    assert w.queued() == {"a": "2026-03-09T10:00", "b": "2026-03-06T22:00"}


@pytest.mark.parametrize("offset", ["5bd", "-5bd"])
@pytest.mark.parametrize("day", [date(9999, 12, 31), date(1, 1, 1)])
def test_business_days_beyond_the_calendar_stop_nobody(offset: str, day: date) -> None:
    w = office(f"at: {{field: day, offset: {offset}}}", "2026-03-02T10:00")
    w.add("odd", day=day).add("b", day=date(2026, 2, 2)).run()
    assert ("m", "b") in w.fired()
