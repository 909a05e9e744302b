"""`explain` names what holds a tunnel back, one by one, and says what would happen otherwise."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Connection, event, text

from flowrun.config import load_texts
from flowrun.engine import batch
from flowrun.engine.explain import Explained, Explanation, Outlook, explain
from flowrun.engine.live import apply_flow
from flowrun.errors import WorkFailed
from flowrun.flow.model import Place, Reason
from flowrun.store import revisions
from flowrun.store.revisions import Author
from tests.unit.engine.kit import SALES, World, world

COPY = """
t:
  from: sales.new
  to: care.kickoff
  action: copy
"""
MOVE = """
t:
  from: sales.new
  to: sales.docs
  action: move
"""


def told(w: World, deal: str = "d", tunnel: str | None = None) -> Explanation:
    with w.store.read() as connection:
        return explain(connection, revisions.applied(connection), deal, w.now, tunnel)


def one(w: World, tunnel: str = "t", deal: str = "d") -> Explained:
    (found,) = [found for found in told(w, deal).tunnels if found.tunnel.id == tunnel]
    return found


def said(w: World, tunnel: str = "t", deal: str = "d") -> tuple[str, str | None]:
    found = one(w, tunnel, deal)
    return str(found.verdict), found.reason


def test_what_fires_fires() -> None:
    w = world(MOVE, deals=["d"])
    assert said(w) == ("fires", None)
    assert one(w).due_at == w.now


def test_stage_only_when_asked_for_the_tunnel() -> None:
    w = world(MOVE).add("d", "sales.docs")
    assert told(w).tunnels == ()
    (found,) = told(w, tunnel="t").tunnels
    assert (found.verdict, found.reason, found.due_at) == (Outlook.BLOCKED, Reason.STAGE, None)


def test_mode_off() -> None:
    assert said(world(MOVE + "  mode: off\n", deals=["d"])) == ("blocked", "mode")


def test_mode_shadow_before_and_after() -> None:
    w = world(MOVE + "  mode: shadow\n", deals=["d"])
    assert said(w) == ("shadows", "mode")
    assert said(w.run()) == ("shadow", None)


def test_paused_and_what_else_is_known() -> None:
    w = world(MOVE + "  when: deal.paid\n  after: 2h\n", deals=["d"]).pause("t")
    assert one(w).reasons == (Reason.PAUSED, Reason.DUE, Reason.CONDITION)
    assert said(w.set("d", paid=True).later("3h").run()) == ("blocked", "paused")
    assert said(w.resume("t")) == ("fires", None)


def test_existing() -> None:
    w = world("", deals=["d"]).later("1h").apply(MOVE)
    assert said(w) == ("blocked", "existing")
    assert said(w.apply(MOVE + "  existing: include\n")) == ("fires", None)


def test_once_per_deal() -> None:
    w = world(COPY + "  once: deal\n", deals=["d"]).run()
    assert said(w) == ("fired", None)
    w.move("d", "sales.docs").move("d", "sales.new").run()
    assert said(w) == ("blocked", "once")


def test_due_waits_for_its_instant() -> None:
    w = world(MOVE + "  after: 2h\n", deals=["d"]).run()
    found = one(w)
    assert (found.verdict, found.reason) == (Outlook.WAITS, Reason.DUE)
    assert found.due_at == found.next_at == w.instant("2026-03-02T12:00")
    assert said(w.later("2h")) == ("fires", None)


def test_date_is_empty() -> None:
    w = world(MOVE + "  at: {field: day}\n", deals=["d"]).run()
    assert said(w) == ("blocked", "date")
    assert one(w).due_at is None
    assert said(w.set("d", day=date(2026, 3, 5))) == ("waits", "due")


def test_condition() -> None:
    w = world(MOVE + "  when: deal.paid\n", deals=["d"]).run()
    assert said(w) == ("blocked", "condition")
    assert said(w.set("d", paid=True)) == ("fires", None)


def test_a_condition_over_today_waits_for_midnight() -> None:
    w = world(MOVE + "  when: deal.day <= today()\n").add("d", day=date(2026, 3, 5)).run()
    found = one(w)
    assert (found.verdict, found.reason) == (Outlook.WAITS, Reason.CONDITION)
    assert found.due_at == w.now
    assert found.next_at == w.instant("2026-03-03T00:00")


def test_requirement_names_the_fields() -> None:
    rest = SALES.replace("stages: [new, docs,", "stages: [new, {id: docs, requires: [account, amount]},")
    w = world(MOVE, rest=rest).add("d", amount=Decimal(1)).run()
    assert said(w) == ("blocked", "requirement")
    assert one(w).missing == ("account",)


def test_requirement_of_an_origin() -> None:
    rest = SALES.replace("{id: won, outcome: won}", "{id: won, outcome: won, requires: [account]}")
    w = world(
        COPY + "back:\n  from: care.kickoff\n  to: sales.won\n  action: move\n  which: origin\n", rest=rest, deals=["d"]
    ).run()
    (copy,) = w.copies("d")
    assert said(w, "back", copy.id) == ("blocked", "requirement")
    assert said(w.set("d", account="acme"), "back", copy.id) == ("fires", None)


def test_exists() -> None:
    w = world(COPY + "  unless_exists: {same: [account]}\n").add("x", "care.setup", account="acme")
    w.add("d", account="acme")
    assert said(w) == ("settles", "exists")
    assert said(w.run()) == ("exists", "exists")


def test_origin_is_gone() -> None:
    w = world(COPY + "back:\n  from: care.kickoff\n  to: sales.won\n  action: move\n  which: origin\n  after: 1h\n")
    w.add("d").run()
    (copy,) = w.copies("d")
    w.delete("d").later("1h")
    assert said(w, "back", copy.id) == ("settles", "origin")
    assert said(w.run(), "back", copy.id) == ("declined", "origin")


def test_hops() -> None:
    rest = SALES + "limits: {max_hops: 1}\n"
    w = world(MOVE + "n:\n  from: sales.docs\n  to: sales.won\n  action: move\n  after: 1h\n", rest=rest, deals=["d"])
    w.run().later("1h")
    assert said(w, "n") == ("parks", "hops")
    assert said(w.run(), "n") == ("parked", "hops")
    assert said(w.retry("d"), "n") == ("fires", None)


def test_copies() -> None:
    rest = SALES + "limits: {max_copies: 1}\n"
    w = world(COPY + "n:\n  from: sales.new\n  to: care.setup\n  action: copy\n  after: 1h\n", rest=rest, deals=["d"])
    w.run().later("1h")
    assert said(w, "n") == ("parks", "copies")
    assert said(w.run(), "n") == ("parked", "copies")


def test_breaker_about_to_trip_and_tripped() -> None:
    w = world(MOVE + "  breaker: {firings: 1, per: 1h}\n", deals=["a"]).run().add("d")
    assert said(w) == ("blocked", "breaker")
    assert _tripped(w) is None
    assert said(w.run()) == ("blocked", "breaker")
    assert _tripped(w) is not None


def test_judged() -> None:
    w = world(MOVE + "  watch: false\n  when: deal.paid\n  after: 1h\n", deals=["d"])
    assert said(w) == ("waits", "due")
    assert said(w.later("1h")) == ("settles", "judged")
    assert said(w.run()) == ("declined", "judged")


def test_what_is_judged_once_lacks_nothing_before() -> None:
    w = world("", deals=["d"]).later("1h").apply(MOVE + "  watch: false\n  when: deal.paid\n  after: 2h\n")
    assert one(w).reasons == (Reason.EXISTING, Reason.DUE)


def test_overflow() -> None:
    w = world(MOVE + "  when: deal.amount * deal.amount > 1\n").add("d", amount=Decimal("9999999999999999.99"))
    assert said(w) == ("parks", "overflow")
    whole = one(w).condition[0]
    assert (whole.value, whole.overflows) == (None, True)
    assert said(w.run()) == ("parked", "overflow")


TWO = MOVE + "later:\n  from: sales.new\n  to: sales.lost\n  action: move\n"


def test_an_earlier_move_goes_first() -> None:
    w = world(TWO, deals=["d"])
    assert said(w) == ("fires", None)
    found = one(w, "later")
    assert (found.verdict, found.held_by, found.reason) == (Outlook.HELD, "t", Reason.STAGE)


def test_an_earlier_move_is_paused() -> None:
    w = world(TWO, deals=["d"]).pause("t").run()
    found = one(w, "later")
    assert (found.verdict, found.held_by, found.reason) == (Outlook.HELD, "t", Reason.PAUSED)


def test_an_earlier_move_is_parked() -> None:
    w = world(TWO.replace("later:", "  when: deal.amount * deal.amount > 1\nlater:"))
    w.add("d", amount=Decimal("9999999999999999.99"))
    found = one(w, "later")
    assert (found.verdict, found.held_by, found.reason) == (Outlook.HELD, "t", Reason.OVERFLOW)
    found = one(w.run(), "later")
    assert (found.verdict, found.held_by, found.reason) == (Outlook.HELD, "t", Reason.OVERFLOW)


def test_an_earlier_move_trips() -> None:
    w = world(TWO.replace("later:", "  breaker: {firings: 1, per: 1h}\nlater:"), deals=["a"]).run().add("d")
    found = one(w, "later")
    assert (found.verdict, found.held_by, found.reason) == (Outlook.HELD, "t", Reason.BREAKER)


def test_a_copy_is_held_by_no_move() -> None:
    w = world(MOVE + "c:\n  from: sales.new\n  to: care.kickoff\n  action: copy\n", deals=["d"]).pause("t")
    assert said(w, "c") == ("fires", None)


def test_the_condition_is_taken_apart() -> None:
    w = world(MOVE + "  when: deal.amount >= 100 and (deal.paid or 'vip' in deal.labels)\n")
    w.add("d", amount=Decimal(120), labels=("x",))
    assert [(piece.depth, piece.text, piece.value) for piece in one(w).condition] == [
        (0, "deal.amount >= 100 and (deal.paid or 'vip' in deal.labels)", False),
        (1, "deal.amount >= 100", True),
        (2, "deal.amount", Decimal("120.00")),
        (1, "deal.paid or 'vip' in deal.labels", False),
        (2, "deal.paid", False),
        (2, "'vip' in deal.labels", False),
        (3, "deal.labels", ("x",)),
    ]


def test_what_has_fired_shows_the_text_of_that_day() -> None:
    w = world(COPY + "  when: deal.paid\n").add("d", paid=True).run().later("1h")
    w.apply(COPY.replace("t:", "t:\n  description: new") + "  when: not deal.paid\n").later("1h")
    found = one(w)
    assert found.verdict is Outlook.FIRED
    assert found.written is not None
    assert found.written.firing.revision == 1
    assert found.written.keys is not None
    assert found.written.keys["when"] == "deal.paid"
    assert found.condition[0].text == "not deal.paid"


def test_a_renamed_tunnel_still_shows_it() -> None:
    w = world(COPY, deals=["d"]).run()
    w.apply(COPY.replace("t:", "new:"), rest=SALES + "moved: [{from: tunnels.t, to: tunnels.new}]\n")
    found = one(w, "new")
    assert found.verdict is Outlook.FIRED
    assert found.written is not None
    assert found.written.keys is not None


FILE = """flowrun: 1
project: test
pipelines: {{sales: {{stages: [new, docs]}}}}
fields: {{paid: boolean, account: text}}
tunnels:
  t:
    from: sales.new
    to: sales.docs
    action: move
    when: {}
"""


@pytest.mark.parametrize(
    ("written", "paid", "account"),
    [
        ("deal.paid and deal.account is none", (10, 11), (10, 25)),
        ('"deal.paid and deal.account is none"', (10, 12), (10, 26)),
        ("|\n      deal.paid\n      and deal.account is none", (11, 7), (12, 11)),
        (">\n      deal.paid\n      and deal.account is none", (11, 7), (11, 7)),
    ],
)
def test_parts_stand_where_they_are_written(written: str, paid: tuple[int, int], account: tuple[int, int]) -> None:
    loaded = load_texts({"flow.yaml": FILE.format(written).encode()})
    assert loaded.flow is not None, loaded.findings
    w = world("")
    with w.store.write() as transaction:
        transaction.connection.execute(text("DELETE FROM deals"))
        apply_flow(transaction, loaded.flow, loaded.places, Author())
    w.add("d")
    places = {piece.text: piece.place for piece in one(w).condition}
    assert places["deal.paid"] == Place("flow.yaml", *paid)
    assert places["deal.account"] == Place("flow.yaml", *account)
    assert one(w).place == Place("flow.yaml", 6, 3)


def test_names_that_are_not_there() -> None:
    w = world(MOVE, deals=["d"])
    with pytest.raises(WorkFailed, match="there is no deal 'nobody'"):
        told(w, "nobody")
    with pytest.raises(WorkFailed, match="there is no tunnel 'u'"):
        told(w, tunnel="u")


def test_it_writes_nothing_and_leaves_a_ticker_be() -> None:
    """A breaker that would trip, a copy, a rotation and an origin: everything that settling could write."""
    w = world(
        COPY
        + "  set: {owner: {rotate: [ann, bob]}}\n  unless_exists: {same: [account]}\n"
        + "m:\n  from: sales.new\n  to: sales.docs\n  action: move\n  breaker: {firings: 1, per: 1h}\n",
        deals=["a", "d"],
    )
    written: list[str] = []

    def note(_c: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.split()[0] not in {"SELECT", "BEGIN", "PRAGMA"}:
            written.append(statement)

    with w.ticking() as tick:
        w.size = 1
        tick()
        event.listen(w.store.engine, "before_cursor_execute", note)
        assert said(w, "m") == ("blocked", "breaker")
        event.remove(w.store.engine, "before_cursor_execute", note)
        working = {table.name for table in (batch.batch, batch.candidates, batch.acts, batch.keyed)}
        written = [one for one in written if not one.startswith("CREATE TEMP TABLE IF NOT EXISTS ")]
        tables = re.compile(r"(?:INSERT INTO|DELETE FROM|UPDATE) (?:temp\.)?(\w+)")
        assert all(tables.findall(one) and {*tables.findall(one)} <= working for one in written), written
        assert _tripped(w, "m") is None
        tick()
    assert w.fired() == [("t", "a"), ("m", "a"), ("t", "d")]


def _tripped(w: World, tunnel: str = "t") -> int | None:
    with w.store.read() as connection:
        found = connection.execute(text("SELECT tripped_at FROM tunnels WHERE id = :id"), {"id": tunnel}).scalar_one()
    assert found is None or isinstance(found, int)
    return found
