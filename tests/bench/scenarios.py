"""A thousand scenarios, and fifty thousand deals due in one instant: time and memory.

    python tests/bench/scenarios.py

Each runs as a process of its own, as users run it.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SCENARIOS = 1_000
DEALS = 50_000
DUE = 1893488400000
FLOWS = Path(__file__).parents[2] / "flows"
FLOW = """\
flowrun: 1
fields: {call_at: datetime}
pipelines: {sales: {stages: [waiting, calling]}, calls: {stages: [list]}}
tunnels:
  call: {from: sales.waiting, to: sales.calling, action: move, at: {field: call_at}}
  note: {from: sales.waiting, to: calls.list, action: copy, at: {field: call_at}}
"""


def main() -> None:
    """Measures and prints both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = many(folder / "many")
        seconds, peak = measured(folder, "test", "--flows", str(FLOWS), "many")
        where = f"{os.cpu_count()} CPUs"
        print(f"{count:,} scenarios of the living example, {where}: {seconds:.1f} s, {peak:.0f} MiB a process")
        (folder / "flows").mkdir()
        (folder / "flows" / "flow.yaml").write_text(FLOW, encoding="utf-8")
        measured(folder, "apply", "--yes", now="2029-01-01T00:00Z")
        instant(folder / "flowrun.db")
        seconds, peak = measured(folder, "run", "--until-idle", now="2030-01-01T09:00Z")
        fired = asked(folder / "flowrun.db", "SELECT count(*) FROM firings WHERE result = 'fired'")
        print(f"{DEALS:,} deals due in one instant, {fired:,} firings: {seconds:.1f} s, {peak:.0f} MiB")


def many(folder: Path) -> int:
    """The living example's scenarios, file after file until there are at least a thousand; how many there are."""
    folder.mkdir()
    texts = [file.read_text(encoding="utf-8") for file in sorted(FLOWS.glob("*.test.yaml"))]
    count = number = 0
    while count < SCENARIOS:
        text = texts[number % len(texts)]
        (folder / f"{number:04d}.test.yaml").write_text(text, encoding="utf-8")
        count += text.count("\n  - name: ")
        number += 1
    return count


def instant(store: Path) -> None:
    """Deals that are all due then."""
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE flowrun SET fixed_now = ?", (DUE - 30_000_000_000,))
        rows = ((f"d{number}", "sales.waiting", DUE) for number in range(DEALS))
        connection.executemany("INSERT INTO deals (id, stage, call_at) VALUES (?, ?, ?)", rows)
        connection.execute("UPDATE flowrun SET fixed_now = NULL")
    connection.close()


def asked(store: Path, query: str) -> int:
    """The number that a query finds."""
    connection = sqlite3.connect(store)
    (number,) = connection.execute(query).fetchone()
    connection.close()
    return int(number)


def measured(folder: Path, *arguments: str, now: str | None = None) -> tuple[float, float]:
    """Seconds, and peak MiB of its largest process, of a command that ends well."""
    environment = {**os.environ, **({"FLOWRUN_NOW": now} if now else {})}
    began = time.monotonic()
    command = [sys.executable, "-m", "flowrun", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
