"""`requires` of the target stage: of the moved deal or the copy, after `set`."""

from __future__ import annotations

from datetime import date

from tests.unit.engine.kit import SALES, world

REST = SALES.replace("[new, docs,", "[new, {id: docs, requires: [account]},").replace(
    "[kickoff,", "[{id: kickoff, requires: [account, title]},"
)


def test_a_missing_field_holds_the_tunnel_back_until_someone_fills_it() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move}", rest=REST, deals=["a"]).run()
    assert w.journal() == []
    assert w.later("1h").set("a", account="acme").run().fired() == [("m", "a")]


def test_set_may_fill_it_or_empty_it() -> None:
    w = world('m: {from: sales.new, to: sales.docs, action: move, set: {account: "{{ deal.title }}"}}', rest=REST)
    w.add("a").add("b", title="B").add("c", account="acme").run()
    assert w.fired() == [("m", "b")]


def test_a_field_that_only_set_reads_wakes_the_deal() -> None:
    w = world('m: {from: sales.new, to: sales.docs, action: move, set: {account: "{{ deal.title }}"}}', rest=REST)
    w.add("a").run()
    assert w.later("1h").set("a", title="A").run().fired() == [("m", "a")]


def test_of_a_copy_what_counts_is_what_it_takes_along() -> None:
    w = world("c: {from: sales.new, to: care.kickoff, action: copy, fields: none}", rest=REST)
    assert w.add("a", account="acme", title="A").run().journal() == []
    w = world("c: {from: sales.new, to: care.kickoff, action: copy}", rest=REST)
    assert w.add("a", account="acme").add("b", account="acme", title="B").run().fired() == [("c", "b")]


def test_a_required_value_that_overflows_parks_instead_of_waiting_in_silence() -> None:
    rest = SALES.replace("[new, docs,", "[new, {id: docs, requires: [day]},")
    w = world('m: {from: sales.new, to: sales.docs, action: move, set: {day: "{{ deal.day + days(1) }}"}}', rest=rest)
    w.add("a", day=date(9999, 12, 31)).add("b").run()
    assert w.results() == [("m", "a", "parked overflow")]


def test_people_are_not_bound() -> None:
    assert world(rest=REST).add("a").move("a", "sales.docs").stage("a") == "sales.docs"
