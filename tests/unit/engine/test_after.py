"""`after`: seconds, minutes and hours are exact; days and weeks are days on the wall clock of the project's zone."""

from __future__ import annotations

import pytest

from tests.unit.engine.kit import World, world


def moving(after: str, at: str, zone_name: str = "Europe/Berlin") -> World:
    w = world(f"m: {{from: sales.new, to: sales.docs, action: move, after: {after}}}", zone_name=zone_name, at=at)
    return w.add("a").run()


@pytest.mark.parametrize(
    ("after", "entered", "due"),
    [
        ("0s", "2026-03-02T10:00", "2026-03-02T10:00"),
        ("90m", "2026-03-02T10:00", "2026-03-02T11:30"),
        ("1d", "2026-03-28T10:00", "2026-03-29T10:00"),
        ("24h", "2026-03-28T10:00", "2026-03-29T11:00"),
        ("1d", "2026-03-28T02:30", "2026-03-29T03:00"),
        ("1d", "2026-10-24T02:30", "2026-10-25T02:30"),
        ("1w", "2026-03-25T10:00", "2026-04-01T10:00"),
        ("1d12h", "2026-03-28T20:00", "2026-03-30T08:00"),
        ("1d12h", "2026-03-28T01:00", "2026-03-29T14:00"),
    ],
)
def test_the_due_instant(after: str, entered: str, due: str) -> None:
    w = moving(after, entered)
    if after != "0s":
        assert w.queued() == {"a": due}
        w.at(due)
        before = w.now - 1
        w.run(w.local(before)).at(due)
        assert w.fired() == []
    assert w.run(due).fired() == [("m", "a")]
    assert w.local(w.journal()[0].due_at) == due


def test_a_local_time_that_exists_twice_is_the_first_of_the_two() -> None:
    w = moving("1d", "2026-10-24T02:30")
    due = w.instant("2026-10-25T02:30")
    assert w.later("30h").run().journal()[0].due_at == due
    assert due == w.instant("2026-10-25T00:00") + 2 * 3_600_000 + 1_800_000


def test_days_in_a_zone_without_summer_time_are_plain() -> None:
    assert moving("2d", "2026-03-28T10:00", "UTC").queued() == {"a": "2026-03-30T10:00"}


def test_due_is_counted_from_the_entry_not_from_the_condition() -> None:
    w = (
        world("m: {from: sales.new, to: sales.docs, action: move, after: 1h, when: deal.paid}")
        .add("a")
        .later("2h")
        .run()
    )
    assert w.queued() == {}
    assert w.set("a", paid=True).run().fired() == [("m", "a")]


def test_a_condition_that_came_true_early_waits_for_the_time() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, after: 1h, when: deal.paid}").add("a").later("30m")
    assert w.set("a", paid=True).run().queued() == {"a": "2026-03-02T11:00"}


def test_today_is_looked_at_again_at_local_midnight() -> None:
    from datetime import date

    w = world(
        "m: {from: sales.new, to: sales.docs, action: move, when: deal.day <= today()}", zone_name="Europe/Berlin"
    )
    w.add("a", day=date(2026, 3, 4)).run()
    assert w.queued() == {"a": "2026-03-03T00:00"}
    assert w.run("2026-03-03T00:00").queued() == {"a": "2026-03-04T00:00"}
    assert w.run("2026-03-04T00:00").fired() == [("m", "a")]
