"""`at`: a field's value, moved by `offset`, with `time` replacing the local time of day."""

from __future__ import annotations

from datetime import date

import pytest

from flowrun.clock import iso
from flowrun.engine.pending import pending
from flowrun.expr.types import Value
from tests.unit.engine.kit import World, world


def dated(at: str, zone_name: str = "Europe/Berlin", when: str = "2026-03-02T10:00") -> World:
    return world(f"m: {{from: sales.new, to: sales.docs, action: move, at: {at}}}", zone_name=zone_name, at=when)


@pytest.mark.parametrize(
    ("at", "day", "due"),
    [
        ("{field: day}", date(2026, 3, 10), "2026-03-10T00:00"),
        ("{field: day, offset: -3d}", date(2026, 3, 10), "2026-03-07T00:00"),
        ('{field: day, offset: 1d, time: "09:00"}', date(2026, 3, 10), "2026-03-11T09:00"),
        ('{field: day, time: "02:30"}', date(2026, 3, 29), "2026-03-29T03:00"),
        ('{field: day, offset: -1d, time: "09:00"}', date(2026, 3, 30), "2026-03-29T09:00"),
        ("{field: day, offset: 36h}", date(2026, 3, 28), "2026-03-29T13:00"),
    ],
)
def test_a_date(at: str, day: date, due: str) -> None:
    w = dated(at).add("a", day=day).run()
    assert w.queued() == {"a": due}
    assert w.run(due).fired() == [("m", "a")]


@pytest.mark.parametrize(
    ("at", "moment", "due"),
    [
        ("{field: call_at}", "2026-03-10T15:00", "2026-03-10T15:00"),
        ("{field: call_at, offset: 1d}", "2026-03-28T15:00", "2026-03-29T15:00"),
        ("{field: call_at, offset: 24h}", "2026-03-28T15:00", "2026-03-29T16:00"),
        ('{field: call_at, offset: -1d, time: "08:30"}', "2026-03-10T00:30", "2026-03-09T08:30"),
    ],
)
def test_a_datetime(at: str, moment: str, due: str) -> None:
    w = dated(at)
    assert w.add("a", call_at=w.instant(moment)).run().queued() == {"a": due}


def test_an_empty_field_is_not_due_yet() -> None:
    w = dated("{field: day}").add("a").run()
    assert (w.queued(), w.journal()) == ({}, [])
    assert w.set("a", day=date(2026, 3, 1)).run().fired() == [("m", "a")]


def test_a_past_instant_is_due_now() -> None:
    w = dated("{field: day}").add("a", day=date(2020, 1, 1)).run()
    assert [w.local(row.due_at) for row in w.journal()] == ["2020-01-01T00:00"]


@pytest.mark.parametrize(
    ("edited", "due"), [(date(2026, 3, 5), "2026-03-05T00:00"), (date(2026, 3, 20), "2026-03-20T00:00")]
)
def test_an_edited_field_moves_the_instant_both_ways(edited: date, due: str) -> None:
    w = dated("{field: day}").add("a", day=date(2026, 3, 10)).run().set("a", day=edited).run()
    assert w.queued() == {"a": due}


def test_an_emptied_field_is_not_due_any_more() -> None:
    w = dated("{field: day}").add("a", day=date(2026, 3, 10)).run().set("a", day=None).run("2026-04-01T00:00")
    assert w.journal() == []


def test_after_it_has_fired_an_edit_changes_nothing() -> None:
    w = (
        world("c: {from: sales.new, to: care.kickoff, action: copy, at: {field: day}}")
        .add("a", day=date(2026, 3, 1))
        .run()
    )
    assert w.set("a", day=date(2026, 3, 2)).run().fired() == [("c", "a")]


@pytest.mark.parametrize("zone_name", ["UTC", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("{field: day, offset: 1d}", date(9999, 12, 31)),
        ('{field: day, time: "23:00"}', date(9999, 12, 31)),
        ("{field: call_at, offset: 3650d}", 253_402_300_799_999),
        ("{field: call_at, offset: 100h}", 253_402_300_799_999),
    ],
)
def test_what_is_due_beyond_the_calendar_is_due_at_its_end(zone_name: str, at: str, value: Value) -> None:
    w = dated(at, zone_name)
    w.add("never", day=value) if isinstance(value, date) else w.add("never", call_at=value)
    w.add("b", day=date(2020, 1, 1), call_at=0).run()
    assert w.fired() == [("m", "b")]
    (wait,) = pending(w.store).waits
    assert wait.deal == "never"
    assert wait.due_at is not None
    assert iso(wait.due_at).startswith("9999-12-31")


@pytest.mark.parametrize("zone_name", ["UTC", "Asia/Tokyo"])
def test_what_was_due_before_the_calendar_is_due_now(zone_name: str) -> None:
    w = dated("{field: day, offset: -1d}", zone_name).add("a", day=date(1, 1, 1)).run()
    assert w.fired() == [("m", "a")]
