"""One deal written by a command: what it becomes, and everything that is wrong with what was given."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.clock import FixedClock
from flowrun.commands import deals_write as write
from flowrun.commands.deals_read import shown
from flowrun.errors import InvalidInput, WorkFailed
from flowrun.store.connection import open_store
from tests.unit.store.example import NOON, opened, rows, url

_CLOCK = FixedClock(NOON)


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The address of a store with the example flow."""
    with opened(tmp_path):
        pass
    return url(tmp_path)


def _found(caught: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str, str, str]]:
    """Code, message, and the text that is marked."""
    lines = caught.value.sources["command line"].split("\n")
    return [
        (found.code, found.message, lines[found.span.line - 1][found.span.column - 1 : found.span.end_column - 1])
        for found in caught.value.findings
    ]


def test_a_deal_is_added_with_typed_values(store: str) -> None:
    values = (
        "title=Acme = good",
        "owner=ann",
        "amount=1200.5",
        "seats=-3",
        "source=web",
        "paid=true",
        "account=",
        "closes=2026-12-31",
        "call_at=2026-03-06T13:00",
        "tags=b, a,b",
    )
    deal, _ = write.add(store, _CLOCK, "sales.new", "d1", values)
    assert (deal.id, deal.title, deal.owner, deal.stage, deal.entry) == ("d1", "Acme = good", "ann", "sales.new", 1)
    assert deal.fields == {
        "amount": Decimal("1200.50"),
        "seats": -3,
        "source": "web",
        "currency": "EUR",
        "paid": True,
        "account": None,
        "closes": date(2026, 12, 31),
        "call_at": NOON,
        "tags": ("a", "b"),
    }
    assert shown(store, _CLOCK, "d1")[0] == deal


def test_without_an_id_it_gets_a_random_one(store: str) -> None:
    first, _ = write.add(store, _CLOCK, "sales.new", None, ())
    second, _ = write.add(store, _CLOCK, "sales.new", None, ())
    assert first.id != second.id
    assert len(first.id) == 10
    assert set(first.id) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_everything_wrong_with_a_new_deal_is_said_at_once(store: str) -> None:
    write.add(store, _CLOCK, "sales.new", "d1", ())
    values = ("amuont=5", "amount=5.555", "seats=1,000", "stage=sales.won", "entry=5", "title", "paid=yes", "amount=1")
    with pytest.raises(InvalidInput) as caught:
        write.add(store, _CLOCK, "sales.nwe", "d1", values)
    assert _found(caught) == [
        ("FR624", "there is a deal 'd1' already", "d1"),
        ("FR604", "there is no stage 'sales.nwe'", "sales.nwe"),
        ("FR621", "a deal has no field 'amuont'", "amuont"),
        ("FR623", "amount: 5.555 has 3 decimal places; at most 2 are allowed", "5.555"),
        ("FR623", "seats: '1,000' is no integer; expected digits only, for example 1200", "1,000"),
        ("FR622", "'stage' of a deal is not set like a field", "stage"),
        ("FR622", "'entry' of a deal is kept by flowrun and can't be set", "entry"),
        ("FR626", "expected field=value, found 'title'", "title"),
        ("FR623", "paid: 'yes' is no boolean; expected true or false", "yes"),
        ("FR626", "'amount' is given twice", "amount"),
    ]
    assert [found.help for found in caught.value.findings[1:3]] == [
        "did you mean 'sales.new'?",
        "did you mean 'amount'?",
    ]


@pytest.mark.parametrize(
    ("id_", "message"),
    [("a~b", "hold a '~'"), ("", "empty"), ("a\nb", "control character"), ("x" * 201, "201 characters")],
)
def test_ids_that_no_new_deal_can_have(store: str, id_: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write.add(store, _CLOCK, "sales.new", id_, ())
    ((code, found, _),) = _found(caught)
    assert code == "FR624"
    assert message in found


@pytest.mark.parametrize("value", ["a\udcffb", "a\0b", "x" * 1_000_001])
def test_texts_that_no_store_takes(store: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write.add(store, _CLOCK, "sales.new", "d1", (f"title={value}",))
    assert [code for code, *_ in _found(caught)] == ["FR623"]


def test_a_mistake_after_a_line_break_is_still_at_its_place(store: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        write.add(store, _CLOCK, "sales.new", "d1", ("title=two\nlines", "seats=x\r\ny"))
    assert [(code, marked) for code, _, marked in _found(caught)] == [("FR623", "x  y")]


def test_set_changes_and_empties(store: str) -> None:
    write.add(store, _CLOCK, "sales.new", "d1", ("title=Acme", "seats=3", "currency=USD", "source=web"))
    deal, _ = write.change(store, FixedClock(NOON + 5), "d1", ("title=", "currency=", "seats=4"))
    assert (deal.title, deal.fields["currency"], deal.fields["seats"], deal.fields["source"]) == (None, "EUR", 4, "web")
    assert (deal.updated_at, deal.entry) == (NOON + 5, 1)


def test_set_says_all_that_is_wrong_and_changes_nothing(store: str) -> None:
    write.add(store, _CLOCK, "sales.new", "d1", ("seats=3",))
    with pytest.raises(InvalidInput) as caught:
        write.change(store, _CLOCK, "d2", ("seats=4", "amuont=1"))
    assert [code for code, *_ in _found(caught)] == ["FR625", "FR621"]
    with pytest.raises(InvalidInput):
        write.change(store, _CLOCK, "d1", ("seats=4", "amuont=1"))
    assert shown(store, _CLOCK, "d1")[0].fields["seats"] == 3


def test_move(store: str) -> None:
    write.add(store, _CLOCK, "sales.new", "d1", ())
    deal, _ = write.move(store, FixedClock(NOON + 5), "d1", "support.open")
    assert (deal.stage, deal.entry, deal.entered_at) == ("support.open", 2, NOON + 5)
    deal, _ = write.move(store, FixedClock(NOON + 9), "d1", "support.open")
    assert (deal.entry, deal.entered_at, deal.updated_at) == (2, NOON + 5, NOON + 5)
    with pytest.raises(InvalidInput) as caught:
        write.move(store, FixedClock(NOON + 9), "d2", "support.opne")
    assert [(code, marked) for code, _, marked in _found(caught)] == [("FR625", "d2"), ("FR604", "support.opne")]


def test_delete(store: str) -> None:
    write.add(store, _CLOCK, "sales.new", "d1", ())
    write.delete(store, _CLOCK, "d1")
    with pytest.raises(InvalidInput):
        write.delete(store, _CLOCK, "d1")
    with pytest.raises(WorkFailed, match="there is no deal 'd1'"):
        shown(store, _CLOCK, "d1")


def test_copies_can_be_changed_moved_and_deleted(store: str) -> None:
    with open_store(store, _CLOCK) as opened_store, opened_store.write() as transaction:
        transaction.connection.exec_driver_sql(
            "INSERT INTO deals (id, stage, entry, entered_at, created_at, updated_at, origin) "
            f"VALUES ('d1~abc', 'sales.won', 1, {NOON}, {NOON}, {NOON}, 'd1')"
        )
    assert write.change(store, _CLOCK, "d1~abc", ("title=x",))[0].title == "x"
    assert write.move(store, _CLOCK, "d1~abc", "support.open")[0].entry == 2
    write.delete(store, _CLOCK, "d1~abc")
    with open_store(store, _CLOCK) as opened_store:
        assert rows(opened_store, "SELECT id FROM deals") == []


def test_before_the_first_revision(tmp_path: Path) -> None:
    with open_store(url(tmp_path), _CLOCK, create=True):
        pass
    with pytest.raises(WorkFailed, match="no revision is applied"):
        write.add(url(tmp_path), _CLOCK, "sales.new", "d1", ())
