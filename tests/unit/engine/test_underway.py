"""Applying a revision, and looking at what one would do, while firings are on their way."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from sqlalchemy import func, select

from flowrun.engine.deploy import Proposal, deploy, difference
from flowrun.engine.preview import previewed
from flowrun.engine.settlement import Result, Told
from flowrun.flow.model import Flow, SourceSpec
from flowrun.plan import Rail
from flowrun.store import revisions
from flowrun.store.revisions import Author
from flowrun.store.tables import bad_records, rereads, sources
from tests.unit.engine.elsewhere import away, claim, say, settle, states, to_read, world_away
from tests.unit.engine.kit import SALES, World, flow_of, world

TUNNELS = """
m: {from: sales.new, to: sales.docs, action: move, set: {amount: 7, owner: ann}}
"""
COPY = "c: {from: sales.new, to: care.kickoff, action: copy, set: {amount: 7}}"


def apply(w: World, tunnels: str, rest: str = SALES, source: SourceSpec | None = None) -> Flow:
    flow = away(flow_of(tunnels, rest=rest))
    w.apply_flow(flow if source is None else replace(flow, source=source))
    return w.flow


def test_a_call_goes_on_under_the_names_that_all_have_by_now() -> None:
    w = world_away(COPY, deals=["a"]).set("a", account="x").run()
    rest = SALES.replace("kickoff", "begin").replace("amount: decimal", "sum: {type: decimal, places: 3}")
    rest = rest.replace("account: text", "note: {type: text, default: none}")
    rest += "moved: [{from: care.kickoff, to: care.begin}, {from: fields.amount, to: fields.sum},"
    rest += " {from: tunnels.c, to: tunnels.copy}]\n"
    apply(w, COPY.replace("c:", "copy:").replace("kickoff", "begin").replace("amount", "sum"), rest)
    (call,) = claim(w).to_perform
    assert (call.tunnel, call.to_stage) == ("copy", "care.begin")
    assert (call.content["sum"], call.content["note"]) == (7000, "none")
    assert call.content.keys() == {"title", "owner", *w.flow.fields}
    settle(w, [Result(call, Told.DONE, id="b")])
    deal = w.deal("b")
    assert (deal.stage, deal.fields["sum"], deal.origin_tunnel) == ("care.begin", Decimal("7.000"), "copy")
    assert w.run().results() == [("copy", "a", "fired")]


def test_what_is_under_way_to_a_stage_that_goes_is_counted_there_and_led_on() -> None:
    w = world_away(TUNNELS, deals=["a"]).run()
    (call,) = claim(w).to_perform
    rest = SALES.replace("docs, ", "")
    found = difference(w.store, away(flow_of("", rest=rest)))
    assert [(one.rail, one.allow) for one in found.refusals] == [(Rail.REMOVE_STAGE, None)]
    apply(w, "", rest + "removed: [{stage: sales.docs, deals: {to: sales.won}}]\n")
    settle(w, [Result(call, Told.DONE, id="a")])
    assert (w.stage("a"), w.results()) == ("sales.won", [("m", "a", "fired")])


def test_a_tunnel_that_goes_leaves_its_promise_to_be_kept() -> None:
    w = world_away(TUNNELS, deals=["a"]).run()
    apply(w, "")
    say(w, Told.DONE)
    assert w.run().stage("a") == "sales.docs"


def test_a_deal_that_is_relocated_meanwhile_is_not_moved() -> None:
    w = world_away(TUNNELS, deals=["a"]).run()
    rest = SALES.replace("[new, ", "[") + "removed: [{stage: sales.new, deals: {to: sales.lost}}]\n"
    apply(w, "", rest)
    assert not claim(w)
    assert (w.run().results(), states(w), w.stage("a")) == ([], [], "sales.lost")


def test_where_deals_go_to_live_somewhere_else_what_has_not_begun_is_judged_anew() -> None:
    w = world_away(TUNNELS, deals=["a", "b"]).run()
    (begun,) = claim(w, limit=1).to_perform
    other = SourceSpec("fake", {"name": "elsewhere"})
    flow = replace(w.flow, source=other)
    found = difference(w.store, flow)
    assert [(one.rail, one.allow) for one in found.refusals] == [(Rail.SOURCE, "source=1")]
    assert difference(w.store, flow, allowed={Rail.SOURCE: 1}).refusals == ()
    with w.store.write() as transaction:
        for table, values in (
            (rereads, {"deal": "b", "number": 0}),
            (bad_records, {"place": "x:1", "reason": "no", "seen_at": 0}),
        ):
            transaction.connection.execute(table.insert().values(values))
    deploy(w.store, Proposal(flow, {}, None, "", Author(), found), {Rail.SOURCE: 1})
    w.flow = flow
    assert w.run().results() == [("m", "a", "parked unknown"), ("m", "b", "pending")]
    assert (states(w), to_read(w)) == ([("m", "b", "due")], [])
    assert settle(w, [Result(begun, Told.DONE, id="a")]).by_tunnel == {}
    with w.store.read() as connection:
        assert [tuple(row) for row in connection.execute(select(sources.c.type, sources.c.counter))] == [("fake", 0)]
        assert connection.execute(select(func.count()).select_from(bad_records)).scalar() == 0


def test_a_store_that_holds_deals_is_not_handed_over_to_a_source_by_chance() -> None:
    """The first full read would delete what the source doesn't name."""
    w = world(TUNNELS, deals=["a", "b"])
    flow = replace(w.flow, source=SourceSpec("fake"))
    found = difference(w.store, flow).refusals
    assert [(one.rail, one.allow) for one in found] == [(Rail.SOURCE, "source=2")]
    assert "2 deals stand in the store" in found[0].message
    assert [one.allow for one in difference(w.store, flow, allowed={Rail.SOURCE: 1}).refusals] == ["source=2"]
    assert difference(w.store, flow, allowed={Rail.SOURCE: 2}).refusals == ()


def test_deals_that_come_into_the_store_fire_at_once() -> None:
    w = world_away(TUNNELS, deals=["a"]).run()
    apply(w, TUNNELS, source=SourceSpec())
    assert w.run().results() == [("m", "a", "fired")]
    assert world(TUNNELS, deals=["a"]).run().stage("a") == "sales.docs"


def test_a_preview_leaves_out_what_is_on_its_way_and_counts_it() -> None:
    w = world_away(TUNNELS, deals=["a"]).run().add("b", amount=Decimal(1))
    flow = away(flow_of(TUNNELS + "n: {from: sales.new, to: care.kickoff, action: copy, existing: include}"))
    with w.store.read() as connection:
        base = revisions.applied(connection)
    with previewed(w.store, base, flow) as preview:
        impact = preview.impact()
        fired = [(row.tunnel, row.deal, row.result) for row in preview.firings()]
    assert (impact.underway, impact.unsettled, impact.copied, impact.moved) == (1, 0, 1, 1)
    assert sorted(fired) == [("m", "b", "fired"), ("n", "b", "fired")]
