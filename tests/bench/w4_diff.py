"""W4: `flowrun diff` over a million deals: time and memory, beside one scan that only counts.

    python tests/bench/w4_diff.py --database sqlite --deals 1000000

The plans, each in a process of its own on the same store:

- nothing   a description changes: no deal is concerned
- one       one tunnel's condition changes: the deals of its stage are concerned
- many      five conditions change, and a new tunnel takes the deals that stand in a stage (`existing: include`)
- awake     the same while every deal is awake: both futures play them all

Beside them, as control, what a hand-written query would count for the plan `many`: one scan with a CASE per tunnel. It
counts what the conditions say, and follows no chain.
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.results import Result, add_option, record
from tests.bench.rules import CONDITIONS, flow_text, tunnels
from tests.bench.servers import DATABASES, Place, Places, places
from tests.bench.work import environment, make, measured

NOW = "2026-03-06T12:05Z"
CHANGED = ("deal.amount > 10000", "deal.amount > 20000")
NEW = """
  extra:
    from: p0.s1
    to: p3.s4
    action: copy
    existing: include
    when: deal.seats > 30
"""
PLANS = {
    "nothing": "a plan that concerns no deal",
    "one": "a plan that changes one condition",
    "many": "a plan that changes five conditions and takes existing deals",
    "awake": "the same while every deal is awake",
}
REACH = "≤ 2.0"


def plans() -> dict[str, str]:
    """The flows by plan."""
    base = flow_text()
    return {
        "nothing": base.replace("  t03:\n", "  t03:\n    description: Roubles only.\n"),
        "one": base.replace(*CHANGED, 1),
        "many": base.replace(*CHANGED).replace("tunnels:\n", "tunnels:" + NEW),
    }


def scan(place: Place) -> float:
    """Seconds of the control."""
    arms = ", ".join(
        f"sum(CASE WHEN stage = '{rule.source}' AND {CONDITIONS[rule.condition][1]} THEN 1 ELSE 0 END)"
        for rule in tunnels()
    )
    query = f"SELECT {arms} FROM deals"
    if place.path:
        connection = sqlite3.connect(place.path)
        connection.execute("PRAGMA cache_size = -65536")
        began = time.perf_counter()
        connection.execute(query).fetchall()
        seconds = time.perf_counter() - began
        connection.close()
        return seconds
    with psycopg.connect(place.url) as server:
        began = time.perf_counter()
        server.execute(query.encode()).fetchall()
        return time.perf_counter() - began


def asleep(place: Place) -> None:
    """Let no deal of the store be awake."""
    if place.path:
        connection = sqlite3.connect(place.path)
        connection.execute("DELETE FROM queue")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return
    with psycopg.connect(place.url, autocommit=True) as server:
        server.execute("DELETE FROM queue")
        server.execute("VACUUM (ANALYZE)")


def previews(where: Places, folder: Path, database: str, deals: int, rounds: int) -> list[Result]:
    """Each plan beside the scan, in turn."""
    results = []
    with where.fresh() as awake:
        make(awake, folder, deals)
        with where.copy(awake) as idle:
            asleep(idle)
            for plan, what in PLANS.items():
                store = awake if plan == "awake" else idle
                flows = folder / plan
                flows.mkdir()
                text = plans()["many" if plan == "awake" else plan]
                (flows / "flow.yaml").write_text(text, encoding="utf-8")
                command = [sys.executable, "-m", "flowrun", "--flows", str(flows), "--store", store.url, "diff"]
                spent, control = [], []
                for _ in range(rounds):
                    control.append(scan(store))
                    spent.append(measured([command], environment() | {"FLOWRUN_NOW": NOW}))
                ratios = [mine.seconds / hand for mine, hand in zip(spent, control, strict=True)]
                results.append(
                    Result(
                        workload="W4",
                        what=f"`diff` of {what}, beside one scan with a CASE per tunnel",
                        database=database,
                        size=f"{deals:,} deals",
                        flowrun=statistics.median(one.seconds for one in spent),
                        control=statistics.median(control),
                        unit="s",
                        ratio=statistics.median(ratios),
                        reach=REACH if plan != "awake" else "",
                        memory_mib=max(one.memory for one in spent),
                        note="" if plan == "nothing" else "plays both futures, which the scan does not",
                    )
                )
    return results


def main() -> None:
    """Measures and prints them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, places(options.database, Path(name)) as where:
        for result in previews(where, Path(name), options.database, options.deals, options.rounds):
            record(options.results, result)


if __name__ == "__main__":
    main()
