"""Applying a revision that renames, merges or removes stages and pipelines: what the deals there keep, and what not."""

from __future__ import annotations

import pytest

from flowrun.engine.explain import explain
from flowrun.flow.model import Reason
from flowrun.store import revisions
from tests.unit.engine.kit import SALES, World, world

HOUR = "m: {from: sales.new, to: sales.docs, action: move, after: 1h}"
FIRST = SALES.replace("[new, docs,", "[first, docs,") + "moved: [{from: sales.new, to: sales.first}]\n"
FROM_FIRST = HOUR.replace("sales.new", "sales.first")
PIPELINE = SALES.replace("  sales:", "  deals:") + "moved: [{from: sales, to: deals}]\n"
MERGED = SALES.replace("[new, docs,", "[new,") + "moved: [{from: sales.docs, to: sales.new}]\n"
GONE = SALES.replace("[new, docs,", "[docs,") + "removed: [{stage: sales.new, deals: {to: sales.docs}}]\n"


def facts(w: World, id_: str) -> tuple[str, int, int, int]:
    deal = w.deal(id_)
    return deal.stage, deal.entry, deal.entered_at, deal.updated_at


def test_deals_of_a_renamed_stage_keep_their_entry_their_waits_and_the_live_date() -> None:
    w = world(HOUR, deals=["a"]).run()
    _, *before = facts(w, "a")
    w.later("30m").apply(FROM_FIRST, rest=FIRST)
    assert facts(w, "a") == ("sales.first", *before)
    assert w.queued() == {"a": "2026-03-02T11:00"}
    assert w.later("30m").run().fired() == [("m", "a")]


def test_the_journal_keeps_the_names_of_its_time() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy}", deals=["a"]).run()
    w.apply("c: {from: sales.first, to: care.kickoff, action: copy}", rest=FIRST).run()
    assert [(row.from_stage, row.to_stage, row.entry) for row in w.journal()] == [("sales.new", "care.kickoff", 1)]


def test_a_pipeline_takes_its_stages_along() -> None:
    w = world(HOUR, deals=["a"]).run().apply(HOUR.replace("sales", "deals"), rest=PIPELINE)
    assert (w.deal("a").stage, w.deal("a").pipeline) == ("deals.new", "deals")
    assert w.queued() == {"a": "2026-03-02T11:00"}


def test_renames_in_a_chain_skip_revisions_that_were_never_applied() -> None:
    steps = "moved: [{from: sales.new, to: sales.old}, {from: sales.old, to: deals.first}, {from: sales, to: deals}]\n"
    rest = SALES.replace("  sales:", "  deals:").replace("[new,", "[first,") + steps
    w = (
        world(HOUR, deals=["a"])
        .add("b", "sales.won")
        .apply(HOUR.replace("sales.new", "deals.first").replace("sales", "deals"), rest=rest)
    )
    assert [w.stage("a"), w.stage("b")] == ["deals.first", "deals.won"]


def test_moved_can_be_kept_and_applied_again() -> None:
    w = world(HOUR, deals=["a"]).apply(FROM_FIRST, rest=FIRST).apply(FROM_FIRST, rest=FIRST.replace("lost,", "lost, "))
    assert w.stage("a") == "sales.first"


def test_what_an_import_last_had_follows_the_stage() -> None:
    w = world(deals=["a", "b"])
    w.sql("UPDATE deals SET _imported = 'sales.new', entry = entry + 1")
    w.apply("", rest=FIRST)
    with w.store.read() as connection:
        assert connection.exec_driver_sql("SELECT DISTINCT _imported FROM deals").scalars().all() == ["sales.first"]


def test_nobody_is_looked_at_for_a_new_name_alone() -> None:
    paid = "m: {from: sales.new, to: sales.docs, action: move, when: deal.paid}"
    w = world(paid, deals=["a"]).run().later("1h").apply(paid.replace("sales.new", "sales.first"), rest=FIRST)
    assert w.queued() == {}


def test_but_where_a_condition_names_the_stage() -> None:
    text = "m: {from: [sales.new, sales.won], to: sales.docs, action: move, when: deal.stage == 'sales.won'}"
    w = world(text, deals=["a"]).run().later("1h")
    w.apply(text.replace("sales.new", "sales.first").replace("sales.won'", "sales.first'"), rest=FIRST).run()
    assert w.fired() == [("m", "a")]


def test_or_where_the_same_condition_is_about_the_pipeline_that_it_is_in_now() -> None:
    text = "m: {from: [sales.new, sales.won], to: sales.lost, action: move, when: deal.pipeline == 'care'}"
    w = world(text, deals=["a"]).run().later("1h")
    rest = SALES.replace("[new, docs,", "[docs,").replace("[kickoff,", "[new, kickoff,")
    w.apply(text.replace("sales.new", "care.new"), rest=rest + "moved: [{from: sales.new, to: care.new}]\n").run()
    assert w.fired() == [("m", "a")]


def test_where_the_stage_comes_under_another_calendar_waiting_deals_are_dated_anew() -> None:
    hours = "hours: {mon-fri: '09:00-18:00'}"
    calendars = f"calendars: {{a: {{{hours}}}, b: {{{hours}, closed: [2026-03-03]}}}}\n"
    own = SALES.replace("  sales:\n", "  sales:\n    calendar: a\n").replace("  care:\n", "  care:\n    calendar: b\n")
    days = "m: {from: [sales.new, sales.won, care.setup], to: sales.docs, action: move, after: 1bd}"
    w = world(days, rest=own + calendars, deals=["a"]).add("s", "care.setup").run().later("1h")
    assert w.queued() == {"a": "2026-03-03T10:00", "s": "2026-03-04T10:00"}
    after = own.replace("[new, docs,", "[docs,").replace("[kickoff,", "[new, kickoff,") + calendars
    w.apply(days.replace("sales.new", "care.new"), rest=after + "moved: [{from: sales.new, to: care.new}]\n")
    assert w.queued() == {"a": "2026-03-02T11:00", "s": "2026-03-04T10:00"}
    assert w.run().queued() == {"a": "2026-03-04T10:00", "s": "2026-03-04T10:00"}


def test_where_it_is_the_same_calendar_by_another_way_nobody_is_looked_at() -> None:
    calendars = "calendars: {a: {hours: {mon-fri: '09:00-18:00'}}, b: {hours: {mon-fri: '10:00-19:00'}}}\n"
    own = SALES.replace("  sales:\n", "  sales:\n    calendar: a\n").replace("  care:\n", "  care:\n    calendar: b\n")
    days = "m: {from: [sales.new, care.setup], to: sales.docs, action: move, after: 1bd}"
    w = world(days, rest=own + calendars, deals=["a"]).run().later("1h")
    w.apply(days.replace("[sales.new, care.setup]", "sales.new"), rest=own + calendars)
    assert w.queued() == {"a": "2026-03-03T10:00"}


# Merges

ON_NEW = "m: {from: sales.new, to: sales.won, action: move, when: deal.paid}"
ON_DOCS = "m: {from: sales.docs, to: sales.won, action: move, when: deal.paid}"


@pytest.mark.parametrize("text", [ON_NEW, ON_DOCS])
def test_merged_into_one_a_tunnel_goes_live_for_the_deals_of_the_other_stage(text: str) -> None:
    w = world(text).later("1h").add("n", "sales.new").add("d", "sales.docs").later("1h")
    w.apply(ON_NEW, rest=MERGED)
    w.set("n", paid=True).set("d", paid=True).run()
    assert w.fired() == [("m", "n" if text is ON_NEW else "d")]
    assert w.later("1h").add("late", paid=True).move("d" if text is ON_NEW else "n", "sales.lost").run().fired() == [
        ("m", "n" if text is ON_NEW else "d"),
        ("m", "late"),
    ]


def test_each_of_two_stages_keeps_its_own_live_date() -> None:
    both = ON_NEW.replace("sales.new", "[sales.new, sales.docs]")
    w = world(ON_NEW).later("1h").add("n").add("d", "sales.docs").later("1h").apply(both).later("1h")
    w.add("d2", "sales.docs").later("1h").apply(ON_NEW, rest=MERGED)
    for id_ in ("n", "d", "d2"):
        w.set(id_, paid=True)
    assert w.run().fired() == [("m", "n"), ("m", "d2")]


def test_a_new_entry_of_such_a_deal_is_like_any_other() -> None:
    w = world(ON_NEW).later("1h").add("d", "sales.docs", paid=True).later("1h").apply(ON_NEW, rest=MERGED).run()
    assert w.fired() == []
    assert w.later("1h").move("d", "sales.lost").move("d", "sales.new").run().fired() == [("m", "d")]


def test_include_takes_them_at_once_or_later() -> None:
    include = ON_NEW.replace("when", "existing: include, when")
    w = world(ON_NEW).later("1h").add("d", "sales.docs", paid=True).later("1h").apply(include, rest=MERGED).run()
    assert w.fired() == [("m", "d")]
    w = world(ON_NEW).later("1h").add("d", "sales.docs", paid=True).later("1h").apply(ON_NEW, rest=MERGED).run()
    assert w.fired() == []
    assert w.later("1h").apply(include, rest=MERGED).run().fired() == [("m", "d")]


def test_such_a_deal_says_existing() -> None:
    w = world(ON_NEW).later("1h").add("d", "sales.docs", paid=True).later("1h").apply(ON_NEW, rest=MERGED)
    with w.store.connect() as connection, connection.begin():
        told = explain(connection, revisions.applied(connection), "d", w.now)
    assert [one.reasons for one in told.tunnels] == [(Reason.EXISTING,)]


def test_the_tunnel_may_be_renamed_and_the_deal_deleted_in_between() -> None:
    w = world(ON_NEW).later("1h").add("d", "sales.docs").later("1h").apply(ON_NEW, rest=MERGED)
    named = ON_NEW.replace("m: {", "n: {")
    w.apply(named, rest=SALES.replace("[new, docs,", "[new,") + "moved: [{from: tunnels.m, to: tunnels.n}]\n")
    assert w.set("d", paid=True).run().fired() == []
    assert w.delete("d").later("1h").add("d", paid=True).run().fired() == [("n", "d")]


def test_two_stages_merge_into_a_new_one() -> None:
    rest = SALES.replace("[new, docs,", "[open,")
    rest += "moved: [{from: sales.new, to: sales.open}, {from: sales.docs, to: sales.open}]\n"
    w = world(ON_DOCS).later("1h").add("n", paid=True).add("d", "sales.docs").later("1h")
    w.apply(ON_DOCS.replace("sales.docs", "sales.open"), rest=rest).set("d", paid=True).run()
    assert [w.stage("n"), w.stage("d")] == ["sales.open", "sales.won"]


def test_a_merge_lets_go_what_a_paused_move_held() -> None:
    held = "p: {from: sales.docs, to: sales.lost, action: move}\n" + HOUR.replace("sales.new", "sales.docs").replace(
        "to: sales.docs", "to: sales.won"
    )
    w = world(held).pause("p").add("d", "sales.docs").run().later("2h").run()
    assert w.fired() == []
    w.apply(HOUR.replace("to: sales.docs", "to: sales.won"), rest=MERGED).run()
    assert w.fired() == [("m", "d")]


TWO = """
pipelines:
  a: {stages: [new, done]}
  b: {stages: [new, {id: won, outcome: won}]}
fields: {paid: {type: boolean, default: false}}
"""
ONE = """
pipelines:
  c: {stages: [new, done, {id: won, outcome: won}]}
fields: {paid: {type: boolean, default: false}}
moved: [{from: a, to: c}, {from: b, to: c}]
"""


def test_two_pipelines_become_one_with_all_deals_in_their_entries() -> None:
    w = world("m: {from: a.new, to: b.won, action: move, after: 2h}", rest=TWO)
    w.add("x", "a.new").add("y", "b.new").add("z", "b.won").run().later("1h")
    w.sql("UPDATE deals SET _imported = stage")
    before = {deal.id: (deal.entry, deal.entered_at, deal.updated_at) for deal in w.deals()}
    w.apply("m: {from: c.new, to: c.won, action: move, after: 2h}", rest=ONE)
    assert {deal.id: (deal.entry, deal.entered_at, deal.updated_at) for deal in w.deals()} == before
    assert [(deal.stage, deal.pipeline) for deal in w.deals()] == [("c.new", "c"), ("c.new", "c"), ("c.won", "c")]
    with w.store.read() as connection:
        remembered = connection.exec_driver_sql("SELECT _imported FROM deals ORDER BY seq").scalars().all()
    assert remembered == ["c.new", "c.new", "c.won"]
    assert w.queued() == {"x": "2026-03-02T12:00"}
    assert w.later("1h").run().fired() == [("m", "x")], "y stood where m wasn't live"


def test_stages_of_two_pipelines_keep_their_own_live_dates_as_one() -> None:
    only_a = "m: {from: a.new, to: b.won, action: move, when: deal.paid}"
    w = world(only_a, rest=TWO).later("1h").add("x", "a.new").add("y", "b.new").later("1h")
    w.apply(only_a.replace("a.new", "[a.new, b.new]"), rest=TWO).later("1h").add("y2", "b.new").later("1h")
    w.apply("m: {from: c.new, to: c.won, action: move, when: deal.paid}", rest=ONE)
    for id_ in ("x", "y", "y2"):
        w.set(id_, paid=True)
    assert w.run().fired() == [("m", "x"), ("m", "y2")]
    assert w.add("late", "c.new", paid=True).run().fired()[2:] == [("m", "late")]


# Removed stages


def test_deals_of_a_removed_stage_start_an_entry_where_removed_says() -> None:
    w = world(HOUR, deals=["a"]).run().later("30m")
    wins = "w: {from: sales.docs, to: sales.won, action: move, after: 1h}"
    w.apply(wins, rest=GONE)
    assert facts(w, "a") == ("sales.docs", 2, w.now, w.now)
    assert w.queued() == {"a": "2026-03-02T10:30"}
    assert w.run().queued() == {"a": "2026-03-02T11:30"}
    assert w.later("1h").run().fired() == [("w", "a")]


def test_they_count_as_new_there_even_for_a_tunnel_that_goes_live_with_them() -> None:
    at_once = "w: {from: sales.docs, to: sales.won, action: move}"
    w = world(deals=["a"]).add("b", "sales.docs").later("1h").apply(at_once, rest=GONE).run()
    assert w.fired() == [("w", "a")]


def test_nothing_waits_for_them_where_no_tunnel_leaves() -> None:
    w = world(HOUR, deals=["a"]).run().apply("", rest=GONE)
    assert w.queued() == {}
    assert w.stage("a") == "sales.docs"


def test_a_relocation_is_no_hop() -> None:
    rest = SALES + "limits: {max_hops: 1}\n"
    on = "m: {from: sales.new, to: sales.docs, action: move}\nw: {from: sales.docs, to: sales.won, action: move}"
    w = world("", rest=rest, deals=["a"]).later("1h")
    w.apply(on.partition("\n")[2], rest=GONE + "limits: {max_hops: 1}\n").run()
    assert w.fired() == [("w", "a")]


def test_copies_of_relocated_deals_are_looked_at() -> None:
    rest = SALES.replace(
        "{id: won, outcome: won}, {id: lost", "{id: won, outcome: won, requires: [account]}, {id: lost"
    )
    wins = "o: {from: care.kickoff, to: sales.won, action: move, which: origin}"
    w = world(f"c: {{from: sales.new, to: care.kickoff, action: copy}}\n{wins}", rest=rest, deals=["a"]).run()
    gone = rest.replace("[new, docs,", "[docs,") + "removed: [{stage: sales.new, deals: {to: sales.won}}]\n"
    w.later("1h").apply(wins, rest=gone).run()
    assert [row.result for row in w.journal() if row.tunnel == "o"] == ["declined"]


def test_an_empty_stage_just_goes() -> None:
    w = world().add("a", "sales.docs").apply("", rest=SALES.replace("[new, docs,", "[docs,"))
    with w.store.read() as connection:
        stages = connection.exec_driver_sql("SELECT id FROM stages ORDER BY position").scalars().all()
    assert stages[:2] == ["sales.docs", "sales.won"]


LATER_ID = {
    "the stage's": (
        SALES.replace("[new, docs,", "[docs,")
        + "moved: [{from: sales.new, to: sales.first}]\nremoved: [{stage: sales.first, deals: {to: sales.docs}}]\n",
        "sales",
    ),
    "the pipeline's": (
        SALES.replace("  sales:", "  deals:").replace("[new, docs,", "[docs,")
        + "moved: [{from: sales, to: deals}]\nremoved: [{stage: deals.new, deals: {to: deals.docs}}]\n",
        "deals",
    ),
}


@pytest.mark.parametrize("later", LATER_ID)
def test_removed_may_name_a_stage_by_an_id_that_was_never_applied(later: str) -> None:
    rest, home = LATER_ID[later]
    both = "m: {from: sales.new, to: sales.lost, action: move, after: 3h}\n"
    wins = "w: {from: sales.docs, to: sales.won, action: move, after: 2h}\n"
    w = world(both + wins, deals=["a"]).add("b", "sales.docs").run().later("1h")
    w.sql("UPDATE deals SET _imported = stage")
    _, *stood = facts(w, "b")
    w.apply(wins.replace("sales", home), rest=rest)
    assert facts(w, "a") == (f"{home}.docs", 2, w.now, w.now)
    assert facts(w, "b") == (f"{home}.docs", *stood)
    with w.store.read() as connection:
        remembered = connection.exec_driver_sql("SELECT DISTINCT _imported FROM deals").scalars().all()
    assert remembered == [f"{home}.docs"]
    assert w.run().queued() == {"a": "2026-03-02T13:00", "b": "2026-03-02T12:00"}
    assert w.later("2h").run().fired() == [("w", "b"), ("w", "a")]


def test_a_stage_that_is_merged_into_a_removed_one_goes_where_that_goes() -> None:
    rest = SALES.replace("[new, docs,", "[") + (
        "moved: [{from: sales.new, to: sales.docs}]\nremoved: [{stage: sales.docs, deals: {to: sales.lost}}]\n"
    )
    w = world(deals=["a"]).add("b", "sales.docs").later("1h").apply("", rest=rest)
    assert [facts(w, id_) for id_ in "ab"] == [("sales.lost", 2, w.now, w.now)] * 2


def test_deals_are_looked_at_where_the_target_is_merged_into_a_stage_that_requires_less() -> None:
    rest = SALES.replace("docs,", "{id: docs, requires: [account]},")
    m = "m: {from: sales.new, to: sales.docs, action: move}"
    w = world(m, rest=rest, deals=["a"]).run()
    assert w.fired() == []
    merged = SALES.replace("[new, docs,", "[new,") + "moved: [{from: sales.docs, to: sales.lost}]\n"
    w.later("1h").apply(m.replace("docs", "lost"), rest=merged).run()
    assert w.fired() == [("m", "a")]
