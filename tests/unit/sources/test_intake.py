"""What a source says comes into the store: whole, once, never older than what the store knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flowrun.engine.rereads import read_again
from flowrun.errors import SourceTrouble
from flowrun.flow.model import Rails
from flowrun.sources.intake import Superseded
from flowrun.sources.interface import Ability, Bad, Change, Gone, Page, Record
from flowrun.testing.memory import Memory, MemorySource
from tests.unit.sources.elsewhere import elsewhere

pytestmark = pytest.mark.usefixtures("database")

CLOSE = """
close: {from: sales.docs, to: sales.won, action: move}
"""


def paged(place: Memory) -> MemorySource:
    return MemorySource(place, page=2)


def test_deals_come_in_with_their_values_and_follow_what_becomes_of_them() -> None:
    e = elsewhere()
    e.put("a", title="Acme", amount=Decimal("1200.50"), paid=True, day=date(2026, 3, 2), call_at=5, labels=("x", "y"))
    e.put("b", "sales.docs")
    with e.intake() as intake:
        first = intake.changes()
    assert (first.tally.added, first.tally.changed, first.stale, first.bad) == (2, 0, 0, 0)
    a = e.world.deal("a")
    assert (a.title, a.stage, a.entry) == ("Acme", "sales.new", 1)
    assert a.fields["amount"] == Decimal("1200.50")
    assert (a.fields["paid"], a.fields["day"], a.fields["call_at"]) == (True, date(2026, 3, 2), 5)
    assert a.fields["labels"] == ("x", "y")
    e.put("a", "sales.docs", amount=None, paid=None, title="")
    e.place.delete(["b"])
    with e.intake() as intake:
        second = intake.changes()
    assert (second.tally.moved, second.gone) == (1, 1)
    a = e.world.deal("a")
    assert (a.stage, a.entry, a.fields["amount"], a.title) == ("sales.docs", 2, None, None)
    assert a.fields["paid"] is False  # its default
    assert [deal.id for deal in e.world.deals()] == ["a"]
    with e.intake() as intake:
        assert not intake.changes().news


def test_a_field_that_is_left_out_stays_and_so_does_a_stage() -> None:
    e = elsewhere()
    e.put("a", title="Acme", account="acme").put("b", account="bee")
    with e.intake() as intake:
        intake.changes()
    e.place.put([Record("a", None, {"title": "Other"}), Record("b", "sales.docs", {})])
    with e.intake() as intake:
        intake.changes()
    a, b = e.world.deal("a"), e.world.deal("b")
    assert (a.title, a.fields["account"], a.stage) == ("Other", "acme", "sales.new")
    assert (b.fields["account"], b.stage) == ("bee", "sales.docs")


def test_what_cannot_be_a_deal_is_told_and_keeps_nothing_else_out() -> None:
    e = elsewhere()
    e.put("good").put("kept", title="Before")
    with e.intake() as intake:
        intake.changes()
    e.place.put(
        [
            Record("kept", "sales.new", {"title": 5}),
            Record("stage", "sales.nwe", {}),
            Record("amount", "sales.new", {"amount": Decimal("1.005")}),
            Record("large", "sales.new", {"amount": Decimal("1e40")}),
            Record("float", "sales.new", {"amount": 1.5}),  # type: ignore[dict-item]
            Record("word", "sales.new", {"source": "wep"}),
            Record("truth", "sales.new", {"paid": "yes"}),
            Record("field", "sales.new", {"colour": "red"}),
            Record("none", None, {}),
            Record("", "sales.new", {}),
            Record("x" * 201, "sales.new", {}),
            Record("after", "sales.new", {"title": "fine"}),
        ]
    )
    e.place.spoilt.add("good")
    e.place.log.append("good")
    with e.intake() as intake:
        pulled = intake.changes()
    assert (pulled.tally.added, pulled.bad) == (1, 12)
    assert e.world.deal("kept").title == "Before"
    assert e.world.deal("good").stage == "sales.new"
    bad = dict(e.bad())
    assert bad["stage"] == "the stage: there is no stage 'sales.nwe'; did you mean 'sales.new'?"
    assert bad["amount"] == "'amount': 1.005 has more than 2 places; its field has 2"
    assert "beyond 18 digits" in bad["large"]
    assert bad["float"] == "'amount': 1.5 is no decimal"
    assert "did you mean 'web'?" in bad["word"]
    assert bad["field"] == "a deal has no field 'colour'"
    assert bad["good"] == "'abc' is no number"
    e.put("stage", "sales.new")
    e.place.delete(["amount"])
    with e.intake() as intake:
        intake.changes()
    assert "stage" not in dict(e.bad())
    assert "amount" not in dict(e.bad())


def test_reading_goes_on_after_the_last_page_kept() -> None:
    e = elsewhere(source=paged)
    for n in range(5):
        e.put(f"d{n}")

    class Dies(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            for number, page in enumerate(super().changes(mark)):
                if number == 1:
                    raise RuntimeError("the wire is cut")
                yield page

    with e.intake(source=Dies(e.place, page=2)) as intake, pytest.raises(SourceTrouble, match="RuntimeError: the wire"):
        intake.changes()
    assert (len(e.world.deals()), e.mark()) == (2, "2")
    with e.intake() as intake:
        assert intake.changes().tally.added == 3


def test_one_reads_at_a_time_and_who_is_overtaken_keeps_nothing() -> None:
    e = elsewhere(source=paged)
    for n in range(4):
        e.put(f"d{n}")
    with e.intake("me") as mine:
        mine.changes()
    e.put("d4")
    with e.intake("you") as yours:
        assert yours.changes().wait == 60_000
    with e.intake("me") as mine:
        mine.release()
    with e.intake("you") as yours:
        assert yours.changes().tally.added == 1
        yours.release()
    e.put("d4", title="Changed")

    class Slow(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            yield from super().changes(mark)
            e.world.later("2m")
            e.put("d5")
            with e.intake("you") as yours:
                yours.changes()
            yield Page([Record("d4", "sales.lost", {})], "99")

    with e.intake("me", Slow(e.place)) as mine, pytest.raises(Superseded):
        mine.changes()
    assert e.world.stage("d4") == "sales.new"
    assert e.mark() == "7"


def test_another_revision_stops_the_reading() -> None:
    e = elsewhere()
    e.put("a")
    with e.intake() as intake:
        e.world.apply_flow(e.world.flow)
        with pytest.raises(Superseded):
            intake.changes()


def test_a_full_read_takes_away_what_is_gone_and_only_if_it_came_to_its_end() -> None:
    e = elsewhere(source=paged)
    for n in range(5):
        e.put(f"d{n}")
    with e.intake() as intake:
        intake.changes()
    del e.place.deals["d3"]  # nobody tells of it

    class Breaks(MemorySource):
        def everything(self) -> Iterator[Page]:
            pages = list(super().everything())
            yield from pages[:1]
            raise SourceTrouble("away")

    class Ends(MemorySource):
        def everything(self) -> Iterator[Page]:
            yield from list(super().everything())[:1]

    with e.intake(source=Breaks(e.place, page=2)) as intake, pytest.raises(SourceTrouble):
        intake.everything()
    with e.intake(source=Ends(e.place, page=2)) as intake:
        assert not intake.everything().whole
    assert len(e.world.deals()) == 5
    with e.intake() as intake:
        whole = intake.everything()
    assert (whole.whole, whole.gone) == (True, 1)
    assert [deal.id for deal in e.world.deals()] == ["d0", "d1", "d2", "d4"]


def test_a_full_read_that_lacks_too_many_deals_takes_none_away_until_the_rail_is_lifted() -> None:
    e = elsewhere()
    for n in range(30):
        e.put(f"d{n}")
    with e.intake() as intake:
        intake.changes()
        assert intake.everything().whole
    for n in range(7):  # nobody tells of it
        del e.place.deals[f"d{n}"]
    e.put("d29", title="News")
    mark = e.mark()
    with e.intake() as intake:
        refused = intake.everything()
        assert (refused.whole, refused.refused, refused.gone, refused.bad) == (False, True, 0, 1)
    assert len(e.world.deals()) == 30
    assert e.world.deal("d29").title == "News"
    assert e.mark() == mark
    ((_, reason),) = e.bad()
    assert reason.startswith("7 of 30 deals are missing, more than 20 %: none is taken as deleted;")
    assert refused.example == f"the source 'memory': {reason}"
    e.wait(1)
    e.world.apply_flow(replace(e.world.flow, rails=Rails(deleted=25)))
    with e.intake() as intake:
        assert intake.everything().gone == 7
    assert len(e.world.deals()) == 23
    assert e.bad() == []


def test_what_a_source_says_is_gone_is_gone_however_many() -> None:
    e = elsewhere()
    for n in range(30):
        e.put(f"d{n}")
    with e.intake() as intake:
        intake.changes()
        e.place.delete([f"d{n}" for n in range(29)])
        assert intake.changes().gone == 29


def test_a_page_that_is_older_than_a_settled_call_is_not_believed() -> None:
    e = elsewhere(CLOSE)
    e.put("a", "sales.docs").put("b", "sales.new")
    with e.intake() as intake:
        intake.changes()
    e.world.run()

    class Late(MemorySource):
        """Says how things stood before the call, after it."""

        def changes(self, mark: str | None) -> Iterator[Page]:
            old = list(self.place.deals.values())
            with e.carrier() as carrier:
                assert carrier.carry().settled.count("fired") == 1
            yield Page([*old, Record("c", "sales.new", {})], "1000")

    e.place.log.append("a")
    with e.intake(source=Late(e.place)) as intake:
        pulled = intake.changes()
    assert (pulled.stale, pulled.tally.added) == (1, 1)
    assert (e.world.stage("a"), e.world.deal("a").entry) == ("sales.won", 2)
    assert e.to_read() == ["a"]
    with e.intake() as intake:
        again = intake.again()
    assert (again.tally.unchanged, e.to_read()) == (1, [])
    assert e.world.deal("a").entry == 2


def test_a_deal_whose_call_is_on_its_way_is_left_alone() -> None:
    e = elsewhere(CLOSE)
    e.put("a", "sales.docs")
    with e.intake() as intake:
        intake.changes()
    e.world.run()

    class Amid(MemorySource):
        """Is asked for changes in the middle of a call."""

        def perform(self, orders: Sequence) -> Sequence:  # type: ignore[type-arg]
            e.put("a", "sales.docs", title="Amid")
            with e.intake() as intake:
                assert intake.changes().stale == 1
                assert intake.again().stale == 0
            assert e.to_read() == ["a"]
            return super().perform(orders)

    with e.carrier(source=Amid(e.place)) as carrier:
        assert carrier.carry().settled.count("fired") == 1
    assert e.world.deal("a").title is None
    with e.intake() as intake:
        intake.again()
    assert (e.world.deal("a").title, e.world.stage("a"), e.to_read()) == ("Amid", "sales.won", [])


def test_a_page_that_is_older_than_a_conflict_is_not_believed_either() -> None:
    e = elsewhere(CLOSE)
    e.put("a", "sales.docs")
    with e.intake() as intake:
        intake.changes()
    e.world.run()

    class Late(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            old = Record("a", "sales.docs", {"title": "Old"})
            e.put("a", "sales.lost")
            with e.carrier() as carrier:
                assert carrier.carry().settled.count("conflict") == 1
            yield Page([old], "1000")

    with e.intake(source=Late(e.place)) as intake:
        assert intake.changes().stale == 1
    assert (e.world.deal("a").title, e.world.run().fired()) == (None, [])
    with e.intake() as intake:
        intake.again()
    assert (e.world.stage("a"), e.to_read()) == ("sales.lost", [])


def test_a_full_read_that_began_before_a_copy_was_made_does_not_take_it_away() -> None:
    e = elsewhere("on: {from: sales.docs, to: care.kickoff, action: copy}")
    e.put("a", "sales.docs")
    with e.intake() as intake:
        intake.changes()
    e.world.run()

    class Early(MemorySource):
        def everything(self) -> Iterator[Page]:
            pages = list(super().everything())
            with e.carrier() as carrier:
                assert carrier.carry().settled.count("fired") == 1
            yield from pages

    with e.intake(source=Early(e.place)) as intake:
        assert intake.everything().gone == 0
    (made,) = e.world.copies("a")
    assert made.id in e.to_read()
    with e.intake() as intake:
        intake.again()
        assert intake.everything().gone == 0
    assert len(e.world.copies("a")) == 1


def test_a_copy_that_comes_back_with_its_key_is_its_confirmation() -> None:
    e = elsewhere(
        "on: {from: sales.docs, to: care.kickoff, action: copy}",
        source=lambda place: MemorySource(place, Ability(own_ids=True)),
    )
    e.put("a", "sales.docs")
    with e.intake() as intake:
        intake.changes()
    e.world.run()

    class Silent(MemorySource):
        """Does it, says nothing, and can't tell."""

        def perform(self, orders: Sequence) -> Sequence:  # type: ignore[type-arg]
            super().perform(orders)
            raise TimeoutError("no answer")

    with e.carrier(source=Silent(e.place, Ability(own_ids=True))) as carrier:
        carried = carrier.carry()
    assert carried.settled.count("unknown") == 1
    assert "TimeoutError: no answer" in str(carried.trouble)
    with e.intake() as intake:
        assert intake.changes().confirmed == 1
        intake.again()
    (made,) = e.world.copies("a")
    assert (made.id, made.stage, e.states(), e.to_read()) == ("m1", "care.kickoff", [], [])
    assert e.world.fired() == [("on", "a")]


def test_deals_that_are_asked_for_and_not_answered_are_a_defect_of_the_source() -> None:
    e = elsewhere(CLOSE)
    e.put("a", "sales.docs").put("b", "sales.docs")
    with e.intake() as intake:
        intake.changes()
    e.world.run()
    e.put("a", "sales.lost").put("b", "sales.lost")
    with e.carrier() as carrier:
        assert carrier.carry().settled.count("conflict") == 2

    class Forgetful(MemorySource):
        def read(self, ids: Sequence[str]) -> Sequence[Change]:
            return super().read(ids)[:1]

    with e.intake(source=Forgetful(e.place)) as intake, pytest.raises(SourceTrouble, match="no answer for 1 of them"):
        intake.again()
    assert (e.world.stage("a"), e.to_read()) == ("sales.lost", ["b"])


def test_what_is_no_change_and_a_mark_that_is_too_long_are_told() -> None:
    e = elsewhere()

    class Odd(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            yield Page([{"id": "a"}, Bad("line 3", "torn"), Gone(5)], "1")  # type: ignore[list-item, arg-type]
            yield Page([], "x" * 10_001)

    with e.intake(source=Odd(e.place)) as intake, pytest.raises(SourceTrouble, match="a mark of 10,001 characters"):
        intake.changes()
    assert [reason for _, reason in e.bad()] == [
        "its id is no text", "torn", "it gives {'id': 'a'}, which is no change of a deal",
    ]  # fmt: skip


def test_a_budget_that_is_spent_is_waited_for() -> None:
    e = elsewhere(source=lambda place: MemorySource(place, Ability(per_second=0.5)))
    e.put("a")
    with e.intake() as intake:
        assert intake.changes().tally.added == 1
        assert intake.changes().wait == 2_000
    e.world.later("2s")
    with e.intake() as intake:
        assert intake.changes().wait == 0


def test_who_comes_back_from_the_store_follows_its_source() -> None:
    """Deals that were in the store before it had a source elsewhere stand where that says."""
    e = elsewhere()
    e.world.add("a", "sales.docs", title="Old")
    e.put("a", "sales.won", title="New")
    with e.intake() as intake:
        assert intake.changes().tally.moved == 1
    assert (e.world.stage("a"), e.world.deal("a").title) == ("sales.won", "New")


NO_IDS: tuple[Any, ...] = ("", "x" * 201, "a\nb", "a\0b", "\x7f", "a\ud800", None, 7, ["a"])


@pytest.mark.parametrize("whole", [False, True], ids=["changes", "whole"])
def test_what_no_deal_can_be_is_told_alone_and_stops_nothing(whole: bool) -> None:
    odd: list[Any] = [kind(id_) for id_ in NO_IDS for kind in (Gone, lambda id_: Record(id_, "sales.new"))]
    odd += [Bad("row\0", "a\ud800", id_) for id_ in NO_IDS]
    odd += [None, "a", object(), Page([], None), Record("a", ["sales.new"]), Record("b", "sales.new", None)]  # type: ignore[arg-type]
    odd += [Record("c", "sales.new", {7: 7}), Record("d", "sales.new", {"title": "x\0"})]  # type: ignore[dict-item]

    class Odd(MemorySource):
        def pages(self) -> Iterator[Page]:
            yield Page([*odd, Record("good", "sales.new", key="no key\0")], "1", whole=whole)

        def changes(self, mark: str | None) -> Iterator[Page]:
            return self.pages()

        def everything(self) -> Iterator[Page]:
            return self.pages()

        def read(self, ids: Sequence[str]) -> Sequence[Change]:
            return [*odd, *(Gone(id_) for id_ in ids)]

    e = elsewhere(source=Odd)
    with e.intake() as intake:
        assert intake.changes().bad == len(odd)
        assert [deal.id for deal in e.world.deals()] == ["good"]
        assert intake.everything().bad == len(odd)
    with e.world.store.write() as transaction:
        read_again(transaction.connection, ["good"], 0)
    with e.intake() as intake:
        assert intake.again().gone == 1


@pytest.mark.parametrize("page", ["page", Page(7, "1"), Page([], 7), Page([], "\0"), Page([], "x" * 10_001)])  # type: ignore[arg-type]
def test_a_page_that_is_none_is_the_sources_trouble(page: Any) -> None:
    class Odd(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            yield page
            yield Page([Record("a", "sales.new")], "2")

    e = elsewhere(source=Odd)
    with e.intake() as intake, pytest.raises(SourceTrouble, match="the source gave") as caught:
        intake.changes()
    assert "defect of the source" in str(caught.value.help)
