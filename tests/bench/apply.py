"""`flowrun apply` over a million deals: time and memory of each change that reaches into the deals themselves.

    python tests/bench/apply.py --deals 1000000

Every change is shown, and applied to a copy of the same store, in a process of its own. No deal is awake, and none
fires: all were there before the tunnels were. `prune --fields` comes after the removal of a field. Beside them, as
control, the one UPDATE that a person would write for the renamed stage.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.bench.rules import flow_text
from tests.bench.servers import Place
from tests.bench.work import make

NOW = "2026-03-06T12:05Z"
ALLOWED = ("remove-stage", "remove-field", "field-type", "leave-won", "existing", "share")


def reworded(ids: Mapping[str, str], text: str) -> str:
    """The flow whose tunnels name these stages so; one that would lead to where it comes from is left out."""
    head, _, tail = text.partition("tunnels:\n")
    kept = []
    for block in tail.split("\n  t"):
        for old, new in ids.items():
            block = block.replace(f": {old}\n", f": {new}\n")
        lines = dict(line.strip().split(": ") for line in block.splitlines() if ": " in line)
        if lines["from"] != lines["to"]:
            kept.append(block)
    return head + "tunnels:\n" + "\n  t".join(kept)


def changes() -> dict[str, str]:
    """The flows by change."""
    base = flow_text()
    p0 = "  p0: {stages: [s0, s1, s2, s3, s4]}"
    assert p0 in base
    stages = [f"s{number}" for number in range(5)]
    return {
        "only a text": base.replace("  t03:\n", "  t03:\n    description: Roubles only.\n"),
        "rename a stage": reworded({"p0.s1": "p0.docs"}, base).replace(p0, p0.replace("s1", "docs"))
        + "moved: [{from: p0.s1, to: p0.docs}]\n",
        "merge a stage": reworded({"p0.s1": "p0.s2"}, base).replace(p0, p0.replace("s1, ", ""))
        + "moved: [{from: p0.s1, to: p0.s2}]\n",
        "remove a stage": reworded({"p0.s1": "p0.s2"}, base).replace(p0, p0.replace("s1, ", ""))
        + "removed: [{stage: p0.s1, deals: {to: p0.s2}}]\n",
        "rename a pipeline": reworded({f"p0.{one}": f"q0.{one}" for one in stages}, base).replace("  p0:", "  q0:")
        + "moved: [{from: p0, to: q0}]\n",
        "rename a field": base.replace("amount", "total") + "moved: [{from: fields.amount, to: fields.total}]\n",
        "another place": base.replace("places: 2", "places: 3"),
        "another type": base.replace("seats: integer", "seats: decimal"),
        "a default": base.replace("account: text", "account: {type: text, default: nobody}"),
        "remove a field": base.replace("  account: text\n", ""),
    }


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak MiB of a process."""
    started = time.perf_counter()
    environment = os.environ | {"FLOWRUN_NOW": NOW}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"{command} failed:\n{complaint.decode()}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def by_hand(store: Path) -> float:
    """Seconds of the control."""
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")
    triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for (name,) in triggers:
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute("PRAGMA defer_foreign_keys = ON")
    connection.execute("UPDATE deals SET stage = 'p0.docs' WHERE stage = 'p0.s1'")
    connection.execute("COMMIT")
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def copied(store: Path, to: Path) -> Path:
    for suffix in ("-wal", "-shm"):
        Path(f"{to}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(store, to)
    return to


def main() -> None:
    """Measures and prints them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--only", help="one change")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        idle = folder / "bench.db"
        make(Place(f"sqlite:///{idle}", path=idle), folder, options.deals)
        connection = sqlite3.connect(idle)
        connection.execute("UPDATE routes SET live_at = live_at + 1")
        connection.execute("DELETE FROM queue")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        control = by_hand(copied(idle, folder / "hand.db"))
        print(f"{options.deals:,} deals, {idle.stat().st_size >> 20} MiB; one UPDATE of a stage: {control:.1f} s")
        flows, store = folder / "changed", folder / "changed.db"
        flows.mkdir()
        flowrun = [sys.executable, "-m", "flowrun", "--flows", str(flows), "--store", f"sqlite:///{store}"]
        for change, text in changes().items():
            if options.only and change != options.only:
                continue
            copied(idle, store)
            (flows / "flow.yaml").write_text(text, encoding="utf-8")
            allowed = [f"--allow={rail}" for rail in ALLOWED]
            _tell("diff: " + change, measured([*flowrun, "diff"]))
            _tell(change, measured([*flowrun, "apply", "--yes", *allowed]))
        _tell("prune --fields", measured([*flowrun, "prune", "--fields", "--yes"]))


def _tell(what: str, figures: tuple[float, float, float]) -> None:
    seconds, work, peak = figures
    print(f"{what:24} {seconds:6.1f} s   {work:6.1f} s of CPU   {peak:5.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
