"""What a backlog costs: a source that has been away for a day, and many firings on their way to it.

    python tests/bench/backlog.py --calls 10000 300000

Stores with so many calls that wait, half of them copies that must be the only ones of their kind. Beside them the same
work is done: a tick of a hundred new deals, a turn of the carrier to a source that is away and to one that is back, a
page of a hundred changes, `status`. Each is told with its statements, its time, and the memory that Python took.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, insert, text

sys.path.insert(0, str(Path(__file__).parents[2]))
from flowrun.clock import FixedClock
from flowrun.config import load_texts
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.engine.status import status
from flowrun.errors import SourceTrouble
from flowrun.flow.model import SourceSpec
from flowrun.sources.carrier import Carrier
from flowrun.sources.intake import Intake
from flowrun.sources.interface import Order, Outcome, Record
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author, applied
from flowrun.store.tables import calls, firings
from flowrun.testing.memory import Memory, MemorySource
from tests.bench.servers import DATABASES, places

NOW = 2_208_988_800_000
FLOW = """\
flowrun: 1
project: backlog
fields: {account: text}
pipelines:
  sales: {stages: [new, docs, {id: won, outcome: won}]}
  care: {stages: [kickoff, {id: done, outcome: won}]}
tunnels:
  docs: {from: sales.new, to: sales.docs, action: move}
  care: {from: sales.docs, to: care.kickoff, action: copy, unless_exists: {same: [account]}}
  close: {from: sales.docs, to: sales.won, action: move}
"""


class Away(MemorySource):
    """Can't be reached."""

    def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
        raise SourceTrouble("away")

    find = perform


def filled(store: Store, count: int) -> None:
    """The store with so many firings on their way, of as many deals."""
    loaded = load_texts({"flow.yaml": FLOW.encode()})
    assert loaded.flow is not None, loaded.findings
    flow = replace(loaded.flow, source=SourceSpec("memory"))
    with store.write() as transaction:
        apply_flow(transaction, flow, {}, Author())
        put(transaction.connection, rows(range(count)))


def rows(numbers: range) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """A deal, its firing and its call, for each."""
    at = NOW - 1_000
    for n in numbers:
        name, copies = f"b{n}", n % 2 == 1
        start, into = ("sales.docs", "care.kickoff") if copies else ("sales.new", "sales.docs")
        tunnel, action = ("care", "copy") if copies else ("docs", "move")
        way = {"deal": name, "entry": 1, "tunnel": tunnel, "action": action, "from_stage": start, "to_stage": into}
        dates = dict.fromkeys(("entered_at", "created_at", "updated_at"), at)
        result = {"shadow": 0, "result": "pending", "fired_at": at, "due_at": at, "revision": 1, "_retry": 0}
        content = {"account": f"a{n}", "title": "A deal", "owner": None} if copies else {}
        new_id = f"{name}~0123456789" if copies else None
        call = {"key": f"k{n}", "target": name, "content": json.dumps(content), "new_id": new_id, "next_at": at}
        yield (
            {"id": name, "stage": start, "entry": 1, **dates, "account": f"a{n}"},
            {"seq": n + 1, **way, **result},
            {"firing": n + 1, **way, **call, "state": "due", "attempts": 0, "finds": 0},
        )


def put(connection: Connection, given: Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]) -> None:
    """Write them, past all triggers' thoughts."""
    while some := list(islice(given, 5_000)):
        deals, *others = zip(*some, strict=True)
        names = list(deals[0])
        columns, marks = ", ".join(names), ", ".join(f":{name}" for name in names)
        connection.execute(text(f"INSERT INTO deals ({columns}) VALUES ({marks})"), deals)
        for table, made in zip((firings, calls), others, strict=True):
            connection.execute(insert(table), made)
    connection.exec_driver_sql("DELETE FROM queue")


class Measured:
    """Counts statements of a store, and tells what work took."""

    def __init__(self, store: Store, calls_: int) -> None:
        self._statements = 0
        self._calls = calls_
        event.listen(store.engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self._statements += 1

    def __call__(self, name: str, work: Callable[[], object]) -> None:
        before = self._statements
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        count = self._statements - before
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{self._calls:>8,}  {name:<28} {count:>4} statements {took * 1000:>9,.1f} ms {peak / 2**20:>7,.1f} MiB")


def measure(store: Store, count: int) -> None:
    """All that is done beside a backlog."""
    measured = Measured(store, count)
    numbers = iter(range(1_000))
    with store.connect() as connection:
        store.database.tune(connection)
        with store.read(connection):
            revision = applied(connection)
        away, back = Away(place := Memory()), MemorySource(place)
        how = (store, connection, revision.number, revision.flow)

        def ticks() -> Any:
            first = next(numbers) * 100
            stage = "sales.docs" if first % 200 else "sales.new"
            with store.write(connection) as transaction:
                transaction.connection.exec_driver_sql(
                    "INSERT INTO deals (id, stage, account) VALUES "
                    + ", ".join(f"('n{first + n}', '{stage}', 'n{first + n}')" for n in range(100))
                )
            Runner(store).until_idle()

        measured("ticks of 200 new deals", lambda: [ticks() for _ in range(2)])
        intake = Intake(*how, back, "me")

        def pull() -> None:
            place.put(
                [Record(f"b{n}", "sales.docs" if n % 2 else "sales.new", {"account": f"a{n}"}) for n in range(100)]
            )
            intake.changes()

        measured("a page of 100 changes", pull)
        carrier = Carrier(*how, away, "me", chance=lambda: 1.0)
        measured("a turn, the source away", carrier.carry)
        measured("status", lambda: status(store))
        for n in range(count):
            place.deals[f"b{n}"] = Record(f"b{n}", "sales.docs" if n % 2 else "sales.new", {})
        carrier = Carrier(*how, back, "you", chance=lambda: 1.0)
        measured("a turn, the source back", carrier.carry)


def main() -> None:
    """Measure each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[10_000, 300_000])
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, places(given.database, Path(folder)) as there:
        for count in given.calls:
            with there.fresh() as place, open_store(place.url, FixedClock(NOW), create=True) as store:
                filled(store, count)
                measure(store, count)


if __name__ == "__main__":
    main()
