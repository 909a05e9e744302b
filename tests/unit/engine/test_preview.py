"""The preview: what a flow would do to the live deals, with nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from flowrun.engine.deploy import difference
from flowrun.engine.preview import Question
from flowrun.errors import WrongUsage
from flowrun.plan import Figure, Impact
from tests.unit.engine.kit import SALES, World, flow_of, world

MOVE = "m: {from: sales.new, to: sales.docs, action: move, when: deal.paid}"


def seen(w: World, tunnels: str, rest: str = SALES, **question: object) -> Impact:
    return difference(w.store, flow_of(tunnels, rest=rest), Question(**question)).impact  # type: ignore[arg-type]


def figures(impact: Impact, figure: Figure = Figure.NOW) -> Mapping[str, int]:
    return {tunnel: effect[figure] for tunnel, effect in impact.tunnels.items()}


def stock() -> World:
    return world(MOVE).add("a").add("b", paid=True).add("c", "sales.docs", paid=True).run().later("1h")


@pytest.mark.parametrize(
    ("tunnels", "now"),
    [
        (MOVE, {"m": 0}),
        (MOVE.replace("deal.paid", "not deal.paid"), {"m": 1}),
        (MOVE.replace("when: deal.paid", "after: 2h"), {"m": 0}),
        ("n: {from: sales.new, to: sales.won, action: move}", {"n": 0, "m": 0}),
        ("n: {from: sales.new, to: sales.won, action: move, existing: include}", {"n": 1, "m": 0}),
        ("n: {from: sales.*, to: care.setup, action: copy, existing: include}", {"n": 3, "m": 0}),
        ('n: {from: sales.*, to: care.setup, action: copy, existing: include, mode: "off"}', {"n": 0, "m": 0}),
        (
            MOVE.replace("deal.paid", "not deal.paid")
            + "\n"
            + MOVE.replace("m:", "o:", 1)[:-1]
            + ", existing: include}",
            {"m": 1, "o": 0},
        ),
    ],
)
def test_what_it_says_is_what_fires(tunnels: str, now: dict[str, int]) -> None:
    w = stock()
    assert figures(seen(w, tunnels)) == now
    before = len(w.fired())
    w.apply(tunnels).run()
    fired = [tunnel for tunnel, _ in w.fired()[before:]]
    assert {tunnel: fired.count(tunnel) for tunnel in now} == now


def test_chains_and_copies_are_followed() -> None:
    w = stock()
    chain = """
        n: {from: sales.new, to: sales.docs, action: move, existing: include}
        o: {from: sales.docs, to: care.kickoff, action: copy}
        p: {from: care.kickoff, to: care.setup, action: move}
    """
    impact = seen(w, chain)
    assert figures(impact) == {"n": 1, "o": 1, "p": 1, "m": 0}
    assert (impact.moved, impact.copied, impact.touched, impact.total) == (2, 1, 1, 3)
    w.apply(chain).run()
    assert w.fired()[-3:-1] == [("n", "a"), ("o", "a")]


def test_a_renamed_tunnel_is_the_same_tunnel() -> None:
    copying = "{from: sales.new, to: care.kickoff, action: copy, when: deal.paid, once: deal}"
    w = world(f"old: {copying}").add("a", paid=True).add("b").run().later("1h")
    w.move("a", "sales.won").move("a", "sales.new").set("b", paid=True)
    moved = SALES + "moved: [{from: tunnels.old, to: tunnels.new}]"
    impact = seen(w, f"new: {copying}", moved)
    assert figures(impact) == {"new": 1} == figures(impact, Figure.ALREADY_DUE)
    assert impact.touched == 0
    assert w.apply(f"new: {copying}", rest=moved).run().fired() == [("new", "a"), ("new", "b")]


def test_a_paused_tunnel_takes_none_under_any_id() -> None:
    w = stock().pause("m")
    assert figures(seen(w, MOVE.replace("deal.paid", "not deal.paid"))) == {"m": 0}
    moved = SALES + "moved: [{from: tunnels.m, to: tunnels.n}]"
    assert figures(seen(w, MOVE.replace("m: ", "n: ", 1).replace("deal.paid", "not deal.paid"), moved)) == {"n": 0}


WAITING = "w: {from: sales.new, to: sales.docs, action: move, after: 2h}"


def test_what_waits_is_retimed_cancelled_or_stays() -> None:
    w = world(WAITING, deals=["a", "b"]).run().later("1h").add("c").run()
    later = seen(w, WAITING.replace("2h", "1d")).of("w")
    assert (later[Figure.WAITING], later[Figure.RETIMED], later[Figure.CANCELLED]) == (3, 3, 0)
    assert later.later == (22 * 3_600_000, 22 * 3_600_000)
    assert later.samples[Figure.RETIMED] == ("a", "b", "c")
    sooner = seen(w, WAITING.replace("2h", "90m")).of("w")
    assert sooner.later == (-30 * 60_000, -30 * 60_000)
    at_once = seen(w, WAITING.replace("2h", "1h")).of("w")
    assert (at_once[Figure.NOW], at_once[Figure.ALREADY_DUE], at_once[Figure.WAITING]) == (2, 0, 1)
    gone = seen(w, "n: {from: sales.docs, to: sales.won, action: move}").of("w")
    assert (gone[Figure.CANCELLED], gone[Figure.WAITING]) == (3, 0)
    unlike = seen(w, WAITING.replace("after", "when: deal.paid, after")).of("w")
    assert (unlike[Figure.CANCELLED], unlike[Figure.WAITING]) == (3, 0)


def test_existing_deals_are_skipped_or_counted_apart() -> None:
    w = stock()
    new = "n: {from: [sales.new, sales.docs], to: sales.won, action: move}"
    assert seen(w, new).of("n").counts[Figure.SKIPPED] == 3
    including = seen(w, new[:-1] + ", existing: include}")
    assert (including.of("n")[Figure.SKIPPED], including.existing, including.touched) == (0, 3, 3)
    later = seen(w, new[:-1] + ", existing: include, after: 1w}")
    assert (later.existing, later.touched, later.of("n")[Figure.WAITING]) == (3, 0, 3)
    shadow = seen(w, new[:-1] + ", existing: include, mode: shadow}")
    assert (shadow.of("n")[Figure.NOW], shadow.existing, shadow.touched, shadow.moved) == (3, 0, 0, 0)


def test_leaving_a_won_stage_is_counted_unless_it_happens_anyway() -> None:
    w = world("m: {from: sales.won, to: care.kickoff, action: move}").add("a", "sales.won")
    assert seen(w, "m: {from: sales.won, to: care.kickoff, action: move}").left_won == 0
    w.run().move("a", "sales.won").pause("m").run().later("1h")
    back = "n: {from: sales.won, to: sales.docs, action: move, existing: include}"
    assert seen(w, back).left_won == 1
    assert seen(w, back.replace("sales.docs", "care.live")).left_won == 0


def test_sums_are_exact_beyond_what_the_database_adds_up() -> None:
    w = world(MOVE)
    huge = Decimal("9999999999999999.99")
    for number in range(12):
        w.add(f"d{number}", amount=huge)
    w.run().later("1h")
    effect = seen(w, "n: {from: sales.new, to: sales.docs, action: move, existing: include}", total="amount").of("n")
    assert effect.sums[Figure.NOW] == huge * 12
    w.add("minus", amount=Decimal("-0.01"))
    effect = seen(w, "n: {from: sales.new, to: sales.docs, action: move, existing: include}", total="amount").of("n")
    assert effect.sums[Figure.NOW] == huge * 12 - Decimal("0.01")


def test_only_numbers_of_the_flow_can_be_summed() -> None:
    with pytest.raises(WrongUsage, match="there is no field 'amout' to sum"):
        seen(stock(), MOVE, total="amout")
    with pytest.raises(WrongUsage, match="'paid' has the type boolean: no numbers"):
        seen(stock(), MOVE, total="paid")


def test_copies_look_for_deals_that_the_plan_does_not_concern() -> None:
    w = world(MOVE, deals=["a"]).set("a", account="acme").run().later("1h")
    w.add("there", "care.setup", account="acme").run()
    copying = """
        n:
          from: sales.new
          to: care.kickoff
          action: copy
          existing: include
          unless_exists: {same: [account], in: care, open: true}
    """
    assert figures(seen(w, copying)) == {"n": 0, "m": 0}
    w.set("there", account="beta").run()
    assert figures(seen(w, copying)) == {"n": 1, "m": 0}


def test_a_renamed_field_and_stage_are_found_beyond_too() -> None:
    w = world(MOVE, deals=["a"]).set("a", account="acme").run().later("1h")
    w.add("there", "care.setup", account="acme").run()
    rest = SALES.replace("account: text", "customer: text").replace("setup", "ready")
    rest += "moved: [{from: fields.account, to: fields.customer}, {from: care.setup, to: care.ready}]"
    copying = """
        n:
          from: sales.new
          to: care.kickoff
          action: copy
          existing: include
          unless_exists: {same: [customer], in: care, open: true}
    """
    assert figures(seen(w, copying, rest)) == {"n": 0, "m": 0}


@pytest.mark.sqlite
def test_nothing_is_written(tmp_path: object) -> None:
    w = stock()

    def everything() -> list[object]:
        with w.store.read() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            return list(driver.iterdump())

    before = everything()
    seen(w, "n: {from: sales.new, to: care.kickoff, action: copy, existing: include}")
    assert everything() == before


def test_a_breaker_that_trips_holds_what_is_due_and_cancels_nothing() -> None:
    w = world(WAITING, deals=[f"d{number}" for number in range(5)]).run().later("1h")
    tripping = WAITING.replace("2h", "30m")[:-1] + ", breaker: {firings: 3, per: 1h}}"
    impact = seen(w, tripping)
    assert (impact.of("w")[Figure.NOW], impact.of("w")[Figure.CANCELLED], impact.trips) == (3, 0, ("w",))
    w.apply(tripping).run()
    assert len(w.fired()) == 3
    assert seen(w, tripping.replace("30m", "20m")).trips == ()


def test_a_deal_that_is_moved_twice_is_one_deal() -> None:
    w = stock()
    chain = """
        n: {from: sales.new, to: sales.docs, action: move, existing: include}
        o: {from: sales.docs, to: sales.won, action: move, when: not deal.paid}
    """
    impact = seen(w, chain)
    assert (figures(impact), impact.moved, impact.touched) == ({"n": 1, "o": 1, "m": 0}, 1, 1)


def test_a_plan_that_can_t_be_applied_is_not_played() -> None:
    w = stock()
    rest = SALES.replace("[new, docs,", "[docs,").replace("care:", "care:")
    impact = seen(w, "n: {from: sales.docs, to: sales.won, action: move, existing: include}", rest)
    assert (impact.played, impact.stages, impact.of("n")[Figure.NOW]) == (False, {"sales.new": 1}, 0)
