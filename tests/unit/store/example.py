"""A small flow, and stores that have it applied, for the tests of `store`, `sources` and the deals' commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flowrun.clock import Clock, FixedClock, parse_instant
from flowrun.config import load_texts
from flowrun.engine.live import apply_flow
from flowrun.flow.model import Flow
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author

FILES = {
    "flows/example.yaml": """
flowrun: 1
project: example
timezone: Europe/Berlin
fields:
  amount: {type: decimal, places: 2}
  seats: integer
  source: {type: enum, values: [web, ads, partner]}
  currency: {type: enum, values: [EUR, USD], default: EUR}
  paid: {type: boolean, default: false}
  account: text
  closes: date
  call_at: datetime
  tags: tags
pipelines:
  sales: {stages: [new, offer, {id: won, outcome: won}]}
  support: {stages: [open, {id: closed, outcome: won}]}
tunnels:
  offers:
    from: sales.new
    to: sales.offer
    action: move
    when: deal.amount > 100
  wins:
    from: sales.offer
    to: sales.won
    action: move
    when: deal.paid
""",
}


def instant(text: str) -> int:
    """The instant of an ISO 8601 text with offset."""
    found = parse_instant(text)
    assert found is not None
    return found


NOON = instant("2026-03-06T12:00Z")


def flow(**more: str) -> Flow:
    """The example flow; more files may be given by name."""
    files = FILES | {f"flows/{name}.yaml": text for name, text in more.items()}
    loaded = load_texts({name: text.encode() for name, text in files.items()})
    assert loaded.flow is not None, loaded.findings
    return loaded.flow


@contextmanager
def opened(folder: Path, clock: Clock | None = None, applied: Flow | None = None) -> Iterator[Store]:
    """A new store in that folder with the example flow (or another) applied; its clock stands at noon by default."""
    with open_store(url(folder), clock or FixedClock(NOON), create=True) as store:
        with store.write() as transaction:
            apply_flow(transaction, applied or flow(), {}, Author())
        yield store


def url(folder: Path) -> str:
    """The address of the store in that folder."""
    return f"sqlite:///{folder / 'store.db'}"


def rows(store: Store, query: str) -> list[tuple[Any, ...]]:
    """What a query gives."""
    with store.read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]
