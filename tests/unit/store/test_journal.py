"""The journal, read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowrun.store import journal
from flowrun.store.connection import Store
from tests.unit.store.example import opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path) as found:
        with found.write() as transaction:
            for deal, entry, tunnel, result, fired_at in (
                ("d1", 1, "offers", "fired", 100),
                ("d2", 1, "offers", "parked", 200),
                ("d1", 2, "wins", "fired", 300),
                ("d3", 1, "offers", "fired", 300),
                ("d2", 2, "wins", "shadow", 250),
            ):
                transaction.connection.exec_driver_sql(
                    "INSERT INTO firings (deal, entry, tunnel, shadow, result, target, due_at, fired_at, "
                    "action, from_stage, to_stage, revision) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'move', 'sales.new', 'sales.offer', 1)",
                    (deal, entry, tunnel, result == "shadow", result, deal, fired_at - 1, fired_at),
                )
        yield found


def _read(store: Store, **wanted: Any) -> list[tuple[str, int]]:
    with store.read() as connection:
        return [(firing.deal, firing.entry) for firing in journal.firings(connection, **wanted)]


def test_a_row_is_a_firing(store: Store) -> None:
    with store.read() as connection:
        first = next(journal.firings(connection))
    assert first == journal.Firing(
        tunnel="offers",
        deal="d1",
        entry=1,
        action="move",
        from_stage="sales.new",
        to_stage="sales.offer",
        result="fired",
        target="d1",
        due_at=99,
        fired_at=100,
        revision=1,
        reason=None,
    )


def test_the_oldest_is_first_and_ties_are_in_the_order_of_writing(store: Store) -> None:
    assert _read(store) == [("d1", 1), ("d2", 1), ("d2", 2), ("d1", 2), ("d3", 1)]


def test_a_limit_takes_the_latest_still_oldest_first(store: Store) -> None:
    assert _read(store, limit=2) == [("d1", 2), ("d3", 1)]
    assert _read(store, limit=2, deal="d2") == [("d2", 1), ("d2", 2)]
    assert _read(store, limit=99) == _read(store)


def test_it_can_be_restricted(store: Store) -> None:
    assert _read(store, deal="d1") == [("d1", 1), ("d1", 2)]
    assert _read(store, tunnel="wins") == [("d2", 2), ("d1", 2)]
    assert _read(store, result="parked") == [("d2", 1)]
    assert _read(store, since=250) == [("d2", 2), ("d1", 2), ("d3", 1)]
    assert _read(store, deal="d1", result="shadow") == []
