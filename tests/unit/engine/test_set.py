"""`set`: literals, templates and defaults; all expressions see the values before the firing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.unit.engine.kit import world


def test_values_before_the_firing() -> None:
    w = world("""
    m:
      from: sales.new
      to: sales.docs
      action: move
      set: {title: "{{ deal.owner }}", owner: "{{ deal.title }}", amount: "{{ deal.amount * 2 }}"}
    """).add("a", title="T", owner="O", amount=Decimal("1.50"))
    deal = w.run().deal("a")
    assert (deal.title, deal.owner, deal.fields["amount"]) == ("O", "T", Decimal("3.00"))


def test_the_copy_and_the_move_of_one_deal_see_the_same_values() -> None:
    w = (
        world("""
    m: {from: sales.new, to: sales.docs, action: move, set: {title: "moved {{ deal.title }}"}}
    c: {from: sales.new, to: care.kickoff, action: copy, set: {title: "copy of {{ deal.title }}"}}
    """)
        .add("a", title="T")
        .run()
    )
    assert (w.deal("a").title, w.copies("a")[0].title) == ("moved T", "copy of T")


def test_each_type() -> None:
    w = world(
        """
    m:
      from: sales.new
      to: sales.docs
      action: move
      set:
        title: "{{ deal.amount }} {{ deal.day }} {{ deal.paid }} {{ deal.labels }} {{ deal.account }}"
        account: null
        paid: true
        source: ads
        day: "{{ deal.day + days(1) }}"
        call_at: 2026-03-29T02:30
        labels: "{{ deal.labels + ['b'] - ['x'] }}"
    """,
        zone_name="Europe/Berlin",
    ).add("a", amount=Decimal("1.5"), day=date(2026, 2, 28), labels=("a", "x"), account="q")
    deal = w.run().deal("a")
    assert deal.title == "1.50 2026-02-28 false a, x q"
    assert deal.fields == {
        "account": None,
        "amount": Decimal("1.50"),
        "paid": True,
        "source": "ads",
        "day": date(2026, 3, 1),
        "call_at": w.instant("2026-03-29T03:00"),
        "labels": ("a", "b"),
    }


def test_an_emptied_field_takes_its_default() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, set: {paid: null, account: null}}")
    deal = w.add("a", paid=True, account="acme").run().deal("a")
    assert (deal.fields["paid"], deal.fields["account"]) == (False, None)


def test_a_number_beyond_what_a_decimal_holds_parks_the_firing() -> None:
    w = world('m: {from: sales.new, to: sales.docs, action: move, set: {amount: "{{ deal.amount * deal.amount }}"}}')
    w.add("a", amount=Decimal("9999999999999999.99")).add("b", amount=Decimal(2)).run()
    assert w.results() == [("m", "a", "parked overflow"), ("m", "b", "fired")]
    assert w.stage("a") == "sales.new"


def test_a_condition_that_overflows_parks_whatever_its_other_parts_say() -> None:
    w = world("m: {from: sales.new, to: sales.docs, action: move, when: deal.paid and deal.amount * deal.amount > 0}")
    w.add("a", amount=Decimal("9999999999999999.99")).run()
    assert w.results() == [("m", "a", "parked overflow")]
