"""Deals as values: found, listed, counted, written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from flowrun.clock import FixedClock
from flowrun.expr import Names, builtins, parse_condition
from flowrun.expr.tree import Expression
from flowrun.expr.types import Value
from flowrun.expr.values import BadValue
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Flow
from flowrun.store import deals
from flowrun.store.connection import Store
from flowrun.store.deals import Deal, Selection
from tests.unit.store.example import NOON, flow, opened, rows

FLOW = flow()

FIELDS: dict[str, Value] = {
    "amount": Decimal("1200.50"),
    "seats": -3,
    "source": "web",
    "currency": "USD",
    "paid": True,
    "account": "Ж",
    "closes": date(2026, 12, 31),
    "call_at": NOON,
    "tags": ("a", "b"),
}
EMPTY: dict[str, Value] = dict.fromkeys(FIELDS) | {"currency": "EUR", "paid": False}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as found:
        yield found


def _add(store: Store, id_: str, stage: str = "sales.new", values: Mapping[str, Value] | None = None) -> None:
    with store.write() as transaction:
        deals.add(transaction, FLOW, id_, stage, values or {})


def _find(store: Store, id_: str) -> Deal | None:
    with store.read() as connection:
        return deals.find(connection, FLOW, id_)


def _listed(store: Store, selection: Selection, limit: int | None = None) -> list[str]:
    with store.read() as connection:
        return [deal.id for deal in deals.listing(connection, FLOW, selection, limit)]


def _condition(text: str, of: Flow = FLOW) -> Expression:
    names = {**builtins(list(of.stages), list(of.pipelines)), **{field.id: field.type for field in of.fields.values()}}
    expression, problems = parse_condition(text, Names(names, {}))
    assert expression is not None, problems
    return expression


def test_a_deal_comes_back_as_it_was_added(store: Store) -> None:
    _add(store, "d1", values={"title": "Acme", "owner": "ann", **FIELDS})
    assert _find(store, "d1") == Deal(
        id="d1",
        title="Acme",
        owner="ann",
        pipeline="sales",
        stage="sales.new",
        entry=1,
        entered_at=NOON,
        created_at=NOON,
        updated_at=NOON,
        origin=None,
        origin_tunnel=None,
        fields=FIELDS,
        seq=1,
    )


def test_what_is_not_given_is_empty_or_at_its_default(store: Store) -> None:
    _add(store, "d1")
    found = _find(store, "d1")
    assert found is not None
    assert (found.title, found.owner) == (None, None)
    assert found.fields == EMPTY


def test_ids_are_compared_exactly(store: Store) -> None:
    _add(store, "7")
    assert _find(store, "007") is None
    assert _find(store, "7") is not None


def test_a_change_sets_only_what_it_names(store: Store) -> None:
    _add(store, "d1", values={"title": "Acme", **FIELDS})
    store.clock = FixedClock(NOON + 5)
    with store.write() as transaction:
        deals.change(transaction, FLOW, "d1", {"amount": Decimal("1.10"), "currency": None, "title": None, "tags": ()})
    found = _find(store, "d1")
    assert found is not None
    assert found.title is None
    assert found.fields == FIELDS | {"amount": Decimal("1.10"), "currency": "EUR", "tags": None}
    assert (found.updated_at, found.created_at, found.entry) == (NOON + 5, NOON, 1)


def test_setting_what_is_there_already_changes_nothing(store: Store) -> None:
    _add(store, "d1", values=FIELDS)
    before = rows(store, "SELECT * FROM deals")
    with store.write() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM queue")
    store.clock = FixedClock(NOON + 5)
    with store.write() as transaction:
        deals.change(transaction, FLOW, "d1", FIELDS)
        deals.change(transaction, FLOW, "d1", {})
        deals.move(transaction, FLOW, "d1", "sales.new")
    assert rows(store, "SELECT * FROM deals") == before
    assert rows(store, "SELECT * FROM queue") == []


def test_a_move_starts_an_entry_at_that_instant(store: Store) -> None:
    _add(store, "d1")
    store.clock = FixedClock(NOON + 5)
    with store.write() as transaction:
        deals.move(transaction, FLOW, "d1", "support.open")
    found = _find(store, "d1")
    assert found is not None
    assert (found.stage, found.pipeline, found.entry, found.entered_at) == ("support.open", "support", 2, NOON + 5)


def test_a_deleted_deal_is_gone(store: Store) -> None:
    _add(store, "d1")
    with store.write() as transaction:
        deals.remove(transaction, FLOW, "d1")
    assert _find(store, "d1") is None
    assert rows(store, "SELECT * FROM queue") == []


def test_deals_are_listed_by_creation_and_selected(store: Store) -> None:
    stages = {"z": "sales.new", "y": "sales.won", "x": "support.open", "w": "sales.new"}
    for at, (id_, stage) in enumerate(stages.items()):
        _add(store, id_, stage, {"seats": at})
    assert _listed(store, Selection()) == ["z", "y", "x", "w"]
    assert _listed(store, Selection(), 2) == ["z", "y"]
    assert _listed(store, Selection(pipeline="sales")) == ["z", "y", "w"]
    assert _listed(store, Selection(stage="sales.new")) == ["z", "w"]
    assert _listed(store, Selection(pipeline="support", stage="sales.new")) == []
    assert _listed(store, Selection(where=_condition("deal.seats >= 1"), pipeline="sales")) == ["y", "w"]


def test_counts_have_every_stage_of_the_selection(store: Store) -> None:
    for id_, stage in [("z", "sales.new"), ("y", "sales.won"), ("x", "support.open"), ("w", "sales.new")]:
        _add(store, id_, stage)
    with store.read() as connection:
        assert deals.counts(connection, FLOW, Selection()) == {
            "sales.new": 2,
            "sales.offer": 0,
            "sales.won": 1,
            "support.open": 1,
            "support.closed": 0,
        }
        assert deals.counts(connection, FLOW, Selection(pipeline="support")) == {"support.open": 1, "support.closed": 0}
        wanted = Selection(stage="sales.new", where=_condition("deal.id == 'w'"))
        assert deals.counts(connection, FLOW, wanted) == {"sales.new": 1}


def test_today_is_that_of_the_selection(store: Store) -> None:
    _add(store, "d1", values={"closes": date(2026, 3, 6)})
    where = _condition("deal.closes == today()")
    assert _listed(store, Selection(where=where, today=date(2026, 3, 6))) == ["d1"]
    assert _listed(store, Selection(where=where, today=date(2026, 3, 7))) == []


@pytest.mark.parametrize("text", ["deal.amount * deal.amount > 5", "not deal.amount * deal.amount > 5"])
def test_where_a_condition_overflows_a_deal_is_neither_in_nor_out(store: Store, text: str) -> None:
    _add(store, "small", values={"amount": Decimal("10.00")})
    _add(store, "huge", values={"amount": Decimal("9000000000000000.00")})
    selection = Selection(where=_condition(text))
    assert _listed(store, selection) == (["small"] if not text.startswith("not") else [])
    with store.read() as connection:
        assert deals.overflowing(connection, FLOW, selection) == 1
        assert deals.overflowing(connection, FLOW, Selection()) == 0
        assert deals.overflowing(connection, FLOW, Selection(stage="sales.won", where=_condition(text))) == 0
        assert sum(deals.counts(connection, FLOW, selection).values()) == len(_listed(store, selection))


@pytest.mark.parametrize(
    ("id_", "new", "problem"),
    [
        ("7", True, None),
        ("x" * 200, True, None),
        ("Ж ⚙ 1", True, None),
        ("a~b", False, None),
        ("", False, "empty"),
        ("x" * 201, False, "201 characters"),
        ("a~b", True, "copies"),
        ("a\nb", False, "control character"),
        ("a\x85b", False, "control character"),
        ("a\0b", False, "control character"),
        ("a\ud800", False, "control character"),
    ],
)
def test_ids(id_: str, new: bool, problem: str | None) -> None:
    found = id_problem(id_, new=new)
    assert (found is None) if problem is None else (found is not None and problem in found)


@pytest.mark.parametrize("value", ["x" * 1_000_001, "a\0b", "a\ud800b", ("ok", "a\0b")])
def test_texts_that_no_store_takes(value: Value) -> None:
    with pytest.raises(BadValue, match="the text"):
        deals.storable(value)


@pytest.mark.parametrize("value", ["x" * 1_000_000, "two\nlines", ("a",), None, 5, True, Decimal(1)])
def test_values_that_a_store_takes(value: Value) -> None:
    assert deals.storable(value) == value
