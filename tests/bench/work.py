"""The work that is measured: a store with deals in twenty stages that all just entered, and what is left of it when the
work by the tunnels of `rules` is done.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.rules import NOW, NOW_MS, flow_text
from tests.bench.servers import Place

_COLUMNS = (
    "id, title, owner, stage, entry, entered_at, created_at, updated_at, amount, currency, source, seats, account"
)
_DEALS = """
SELECT 'd' || i, 'Deal ' || i, 'owner ' || d % 50, 'p' || ((i % 20) / 5) || '.s' || (i % 5), 1, {now}, {now}, {now},
       a % 10000000, CASE b % 3 WHEN 0 THEN 'RUB' WHEN 1 THEN 'EUR' ELSE 'USD' END,
       CASE c % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'ads' ELSE 'partner' END, d % 100, 'account ' || c % 50000
FROM (SELECT i, i * 2654435761 % 4294967296 AS a, i * 40503 % 65536 AS b, i * 69069 % 1000003 AS c, i * 7919 % 1009 AS d
      FROM {numbers}) AS r ORDER BY i
"""
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {deals}) SELECT i FROM n)",
    "postgresql": "generate_series(1::bigint, {deals}) AS n(i)",
}


def command(place: Place, *arguments: str) -> list[str]:
    """The installed command on that store."""
    return [sys.executable, "-m", "flowrun", "--store", place.url, *arguments]


def environment() -> dict[str, str]:
    """What the command runs in: at the instant at which the deals entered."""
    return os.environ | {"FLOWRUN_NOW": NOW}


def make(place: Place, folder: Path, deals: int, flow: str | None = None) -> None:
    """Make a store with the flow applied, and that many deals, all of them awake. `folder` is for the flow's files."""
    flows = folder / "flows"
    flows.mkdir(exist_ok=True)
    (flows / "flow.yaml").write_text(flow or flow_text(), encoding="utf-8")
    apply = [sys.executable, "-m", "flowrun", "--flows", str(flows), "--store", place.url, "apply", "--yes"]
    done = subprocess.run(apply, check=False, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(f"'flowrun apply' failed:\n{done.stderr.decode()}")
    kind = "sqlite" if place.path else "postgresql"
    rows = _DEALS.format(now=NOW_MS, numbers=_NUMBERS[kind].format(deals=deals))
    fill = [
        f"INSERT INTO deals ({_COLUMNS}) {rows}",
        "INSERT INTO queue (deal, wake_at, round) SELECT seq, entered_at, 0 FROM deals",
    ]
    if place.path:
        connection = sqlite3.connect(place.path)
        with connection:
            for statement in fill:
                connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return
    with psycopg.connect(place.url, autocommit=True) as server:
        for statement in fill:
            server.execute(statement.encode())
        server.execute("VACUUM (ANALYZE)")  # autovacuum would, a minute later


class Left(NamedTuple):
    """What must be the same whoever did the work: digests of the deals and of the journal, and firings by tunnel."""

    deals: str
    journal: str
    firings: tuple[tuple[str, int], ...]

    @property
    def fired(self) -> int:
        """How many firings there are."""
        return sum(count for _, count in self.firings)


_LEFT = {
    "deals": "SELECT id, stage, entry, origin, origin_tunnel, _root, _hops, amount, currency, source, seats, account,"
    " title, owner, entered_at, created_at, updated_at FROM deals",
    "firings": "SELECT deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at, fired_at,"
    " revision, _lineage FROM firings",
}
_COUNTS = "SELECT tunnel, count(*) FROM firings GROUP BY tunnel ORDER BY tunnel"


def left(place: Place) -> Left:
    """What is left in the store. The order in which rows were written doesn't count."""
    if place.path:
        connection = sqlite3.connect(place.path)
        digests = []
        for table, rows in _LEFT.items():
            digest = hashlib.sha256()
            order = "id" if table == "deals" else "deal, entry, tunnel"
            for row in connection.execute(f"{rows} ORDER BY {order}"):
                digest.update(repr(row).encode())
            digests.append(digest.hexdigest())
        counts = connection.execute(_COUNTS).fetchall()
        waiting = connection.execute("SELECT count(*) FROM queue").fetchone()[0]
        connection.close()
    else:
        with psycopg.connect(place.url, autocommit=True) as server:
            digests = []
            for rows in _LEFT.values():
                text = f"SELECT sum(hashtextextended(r::text, 0)::numeric), count(*) FROM ({rows}) AS r"
                digests.append(str(server.execute(text.encode()).fetchone()))
            counts = server.execute(_COUNTS.encode()).fetchall()
            found = server.execute("SELECT count(*) FROM queue").fetchone()
            waiting = -1 if found is None else found[0]
    if waiting:
        raise SystemExit(f"{waiting} deals are still awake")
    return Left(digests[0], digests[1], tuple((str(tunnel), int(count)) for tunnel, count in counts))


class Measured(NamedTuple):
    """Wall seconds from the start of the first process to the end of the last, and the most MiB that one had."""

    seconds: float
    memory: float


def measured(commands: list[list[str]], within: dict[str, str] | None = None) -> Measured:
    """Run these at once, each a process of its own. Ends the benchmark if one fails."""
    began = time.perf_counter()
    processes = [
        subprocess.Popen(one, env=within, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for one in commands
    ]
    memory = 0.0
    for process in processes:
        assert process.stderr is not None
        complaint = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if status:
            raise SystemExit(f"a process that is measured failed:\n{complaint.decode()}")
        memory = max(memory, usage.ru_maxrss / 1024)
    return Measured(time.perf_counter() - began, memory)
