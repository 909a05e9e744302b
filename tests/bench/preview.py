"""`flowrun diff` over a million deals: time and memory, beside one scan that only counts.

    python tests/bench/preview.py --deals 1000000

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
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.run import CONDITIONS, flow_text, make, measured, tunnels

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


def plans() -> dict[str, str]:
    """The flows by plan."""
    base = flow_text()
    return {
        "nothing": base.replace("  t03:\n", "  t03:\n    description: Roubles only.\n"),
        "one": base.replace(*CHANGED, 1),
        "many": base.replace(*CHANGED).replace("tunnels:\n", "tunnels:" + NEW),
    }


def scan(store: Path) -> float:
    """Seconds of the control."""
    arms = [f"sum(stage = '{source}' AND {CONDITIONS[number][1]})" for _, source, _, _, number in tunnels()]
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA cache_size = -65536")
    started = time.perf_counter()
    connection.execute(f"SELECT {', '.join(arms)} FROM deals").fetchall()
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def main() -> None:
    """Measures and prints them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        awake = make(folder, options.deals)
        idle = folder / "idle.db"
        shutil.copyfile(awake, idle)
        connection = sqlite3.connect(idle)
        connection.execute("DELETE FROM queue")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        control = scan(idle)
        print(f"{options.deals:,} deals, {os.cpu_count()} CPUs; one scan with a CASE per tunnel: {control:.2f} s")
        for plan, store in (("nothing", idle), ("one", idle), ("many", idle), ("awake", awake)):
            flows = folder / plan
            flows.mkdir()
            text = plans()["many" if plan == "awake" else plan]
            (flows / "flow.yaml").write_text(text, encoding="utf-8")
            command = [sys.executable, "-m", "flowrun", "--flows", str(flows), "--store", f"sqlite:///{store}", "diff"]
            seconds, peak = measured(command, os.environ | {"FLOWRUN_NOW": NOW})
            print(f"{plan:8} {seconds:5.1f} s   {peak:4.0f} MiB   {seconds / control:5.1f} × the scan")


if __name__ == "__main__":
    main()
