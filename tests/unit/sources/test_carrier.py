"""Firings are carried out where the deals live: once each, whatever the source says or does not say."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from flowrun.errors import SourceTrouble
from flowrun.flow.model import SecretRef, Webhook
from flowrun.sources.interface import Ability, Done, Later, NotDone, Order, Outcome, Refused, Unknown
from flowrun.store.tables import calls, deliveries
from flowrun.testing.memory import Accident, Memory, MemorySource
from tests.unit.sources.elsewhere import Elsewhere, elsewhere

pytestmark = pytest.mark.usefixtures("database")

ONWARD = """
close: {from: sales.docs, to: sales.won, action: move, set: {owner: closer}}
hand-over:
  from: sales.docs
  to: care.kickoff
  action: copy
  set: {title: "{{ deal.title }} (care)"}
"""
DEALS = int(os.environ.get("FLOWRUN_TEST_WRITES", "300"))
"""How many writes the lost answers are tried on; 10,000 to be sure."""


def ready(tunnels: str = ONWARD, count: int = 1, source: Callable[[Memory], MemorySource] = MemorySource) -> Elsewhere:
    """Deals that stand there and here, and what fires for them is to be carried out."""
    e = elsewhere(tunnels, source=source)
    for n in range(count):
        e.put(f"d{n}", "sales.docs", title=f"Deal {n}")
    with e.intake() as intake:
        intake.changes()
    e.world.run()
    return e


def saying(*outcomes: object) -> Callable[[Memory], MemorySource]:
    """A source that does nothing and says that."""

    class Says(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            return list(outcomes)  # type: ignore[arg-type]

    return lambda place: Says(place)


def test_webhooks_are_told_of_it_when_it_has_happened_there() -> None:
    e = elsewhere(ONWARD, source=saying(Refused("no")))
    hooks = {"all": Webhook("all", "http://127.0.0.1:9", (SecretRef(env="X"),), (), ("fired", "parked"))}
    e.world.apply_flow(replace(e.world.flow, webhooks=hooks))
    for n in range(2):
        e.put(f"d{n}", "sales.docs")
    with e.intake() as intake:
        intake.changes()
    e.world.run()

    def told() -> list[tuple[Any, ...]]:
        with e.world.store.read() as connection:
            columns = (
                deliveries.c.deal,
                deliveries.c.tunnel,
                deliveries.c.result,
                deliveries.c.target,
                deliveries.c.reason,
            )
            return [tuple(row) for row in connection.execute(select(*columns).order_by(deliveries.c.seq))]

    assert told() == [], "they are only on their way"
    with e.carrier(source=saying(Refused("no"), Unknown("?"))(e.place)) as carrier:
        carrier.carry()
    assert told() == [("d0", "hand-over", "parked", None, "source")]
    with e.carrier(source=MemorySource(e.place)) as carrier:
        for _ in range(6):
            e.world.run()
            e.wait(400)
            carrier.carry()
    fired = [one for one in told() if one[2] == "fired"]
    assert sorted(one[:2] for one in fired) == [("d0", "close"), ("d1", "close"), ("d1", "hand-over")]
    assert all(one[3] for one in fired), "with the deal that was moved or made there"


def test_one_firing_at_a_time_goes_out_and_becomes_true() -> None:
    e = ready()
    with e.carrier() as carrier:
        assert carrier.carry().settled.count("fired") == 1
        e.world.run()
        assert carrier.carry().settled.count("fired") == 1
        assert carrier.carry().carried == 0
    assert (e.stage("d0"), e.place.deals["d0"].fields["owner"]) == ("sales.won", "closer")
    (made,) = e.world.copies("d0")
    assert (e.place.deals[made.id].stage, e.place.deals[made.id].fields["title"]) == ("care.kickoff", "Deal 0 (care)")
    assert made.title == "Deal 0 (care)"
    assert sorted(e.world.fired()) == [("close", "d0"), ("hand-over", "d0")]
    with e.intake() as intake:
        assert not intake.changes().news
        assert e.to_read() == []
    assert (e.world.deal("d0").entry, len(e.world.deals())) == (2, 2)


@pytest.mark.parametrize(
    ("outcomes", "says"),
    [
        ([], "for 1 orders the source 'memory' gave 0 outcomes in `perform`"),
        ([Done("d0"), Done("d0")], "gave 2 outcomes"),
        (["done"], "gave 'done' for an outcome"),
        ([Done], "for an outcome"),
        ([None], "gave None for an outcome"),
    ],
)
def test_an_answer_that_is_none_leaves_all_unknown_and_is_told(outcomes: Sequence[Any], says: str) -> None:
    e = ready(source=saying(*outcomes))
    with e.carrier() as carrier:
        carried = carrier.carry()
    assert says in str(carried.trouble)
    assert "defect of the source" in (carried.trouble.help or "") if carried.trouble else False
    assert e.states() == [("d0", "unknown")]


@pytest.mark.parametrize("id_", ["", None, 7])
def test_a_deal_that_has_no_name_is_none(id_: Any) -> None:
    e = ready(source=saying(Done(id_)))
    with e.carrier() as carrier:
        carrier.carry()
    assert e.states() == [("d0", "unknown")]


def test_what_raises_is_unknown_and_found_before_it_is_tried_again() -> None:
    class Breaks(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            super().perform(orders)
            raise ConnectionResetError("by peer")

    e = ready("close: {from: sales.docs, to: sales.won, action: move}", source=Breaks)
    with e.carrier() as carrier:
        carried = carrier.carry()
        assert str(carried.trouble) == "`perform` of the source 'memory' failed: ConnectionResetError: by peer"
        assert carrier.carry().carried == 0
        e.world.later("1s")
        assert carrier.carry().settled.count("fired") == 1
    assert e.place.effects == dict.fromkeys(e.place.effects, 1)
    assert e.place.calls == 1


def test_a_look_up_that_can_not_be_made_is_made_again_however_long_that_takes() -> None:
    """The source is away for hours, and nothing is given up for that."""
    away = True

    class Away(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            super().perform(orders)
            raise SourceTrouble("away")

        def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            if away:
                raise SourceTrouble("away")
            return super().find(orders)

    e = ready("close: {from: sales.docs, to: sales.won, action: move}", source=lambda place: Away(place, Ability()))
    with e.carrier() as carrier:
        for _ in range(20):
            assert str(carrier.carry().trouble) == "away"
            assert e.states() == [("d0", "unknown")]
            e.world.later("6m")
        away = False
        assert carrier.carry().settled.count("fired") == 1


def test_a_rate_limit_holds_every_call_back() -> None:
    e = ready(count=3, source=saying(*[Later("slowly", after=30.0, all_=True)] * 3))
    with e.carrier() as carrier:
        assert carrier.carry().settled.count("again") == 3
    with e.carrier(source=MemorySource(e.place)) as carrier:
        held = carrier.carry()
        assert (held.carried, held.again_at) == (0, e.world.now + 30_000)
        e.world.later("30s")
        assert carrier.carry().settled.count("fired") == 3


def test_what_is_refused_is_parked_for_a_person() -> None:
    e = ready("close: {from: sales.docs, to: sales.won, action: move}", source=saying(Refused("a locked deal")))
    with e.carrier() as carrier:
        assert carrier.carry().settled.count("parked") == 1
    assert e.world.results() == [("close", "d0", "parked source")]


def test_an_order_that_did_not_happen_is_tried_again() -> None:
    e = ready("close: {from: sales.docs, to: sales.won, action: move}", source=saying(NotDone()))
    with e.carrier() as carrier:
        assert carrier.carry().settled.count("again") == 1
    e.world.later("5m")
    with e.carrier(source=MemorySource(e.place)) as carrier:
        assert carrier.carry().settled.count("fired") == 1


def test_orders_go_out_in_batches_that_the_source_takes() -> None:
    sizes: list[int] = []

    class Counts(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            sizes.append(len(orders))
            return super().perform(orders)

    e = ready(
        "close: {from: sales.docs, to: sales.won, action: move}",
        count=7,
        source=lambda place: Counts(place, Ability(batch=3)),
    )
    with e.carrier() as carrier:
        while carrier.carry().more:
            pass
    assert sizes == [3, 3, 1]


def test_another_revision_is_told_before_anything_is_asked() -> None:
    e = ready()
    with e.carrier() as carrier:
        e.world.apply_flow(e.world.flow)
        assert not carrier.carry().current
    assert e.place.calls == 0


@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "plain"])
def test_answers_that_are_lost_double_nothing_and_lose_nothing(idempotent: bool, database: str) -> None:
    """A tenth of all calls happen and the caller sees a time-out, or don't happen and it sees the same."""
    chance = random.Random(6)
    deals = DEALS // 2
    e = ready(count=deals, source=lambda place: MemorySource(place, Ability(idempotent=idempotent)))

    def accident(order: Order) -> Accident | None:
        thrown = chance.random()
        if thrown < 0.10:
            return Accident.ANSWER_LOST
        if thrown < 0.12:
            return Accident.CALL_LOST
        return Accident.BREAK if thrown < 0.121 else None

    e.place.accident = accident
    with e.carrier() as carrier:
        for _ in range(deals):
            e.world.run()
            while carrier.carry().more:
                pass
            if not e.states():
                e.world.run()
                if not e.states():
                    break
            e.world.later("10s")
    fired = e.world.fired()
    parked = [row for row in e.world.results() if row[2].startswith("parked")]
    assert set(e.place.effects.values()) == {1}  # none doubled
    assert len(fired) + len(parked) == 2 * deals  # none lost
    assert len(parked) <= 2 * deals / 1_000
    assert len(e.place.effects) == len(fired)
    for deal in e.world.deals():
        assert e.stage(deal.id) == deal.stage
    assert set(e.place.deals) == {deal.id for deal in e.world.deals()}


def test_unknown_that_stays_unknown_is_parked_where_repeating_is_not_safe() -> None:
    class Never(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            return [Unknown("time-out")] * len(orders)

        def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            return [Unknown("no way to tell")] * len(orders)

    e = ready("close: {from: sales.docs, to: sales.won, action: move}", source=lambda place: Never(place, Ability()))
    with e.carrier() as carrier:
        for _ in range(8):
            carrier.carry()
            e.world.later("6m")
    assert e.world.results() == [("close", "d0", "parked unknown")]


def test_a_source_that_is_away_leaves_few_calls_of_which_nobody_knows() -> None:
    class Away(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            raise SourceTrouble("away")

        def find(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            raise SourceTrouble("away")

    e = ready("close: {from: sales.docs, to: sales.won, action: move}", count=60)
    with e.carrier(source=Away(e.place, Ability(batch=10))) as carrier:
        for _ in range(20):
            assert carrier.carry().trouble
            e.world.later("1m")
    unknown = [deal for deal, state in e.states() if state == "unknown"]
    assert len(unknown) <= 30
    with e.carrier() as carrier:
        for _ in range(3):
            e.world.later("6m")
            while carrier.carry().more:
                pass
    assert len(e.world.fired()) == 60
    assert set(e.place.effects.values()) == {1}


def test_a_copy_with_an_id_that_no_deal_can_have_is_parked_alone() -> None:
    ids = ["\t", "x" * 201, "a\nb", "d3", "a\0b", "fine"]  # d3 is the deal that it is copied from

    class Own(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            return [Done(ids[int(order.id[1:])]) for order in orders]

    tunnel = "care: {from: sales.docs, to: care.kickoff, action: copy}"
    e = ready(tunnel, count=len(ids), source=lambda place: Own(place, Ability(own_ids=True)))
    with e.carrier() as carrier:
        settled = carrier.carry().settled
    assert (settled.count("fired"), settled.count("parked")) == (1, 5)
    assert [copy.id for n in range(len(ids)) for copy in e.world.copies(f"d{n}")] == ["fine"]
    with e.world.store.read() as connection:
        (said,) = connection.execute(select(calls.c.reason).where(calls.c.deal == "d2")).scalars()
    assert said == "it was made there as 'a\\nb', which can't be a deal here: the id holds a control character"
