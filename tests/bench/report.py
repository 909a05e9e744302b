"""The page of the benchmark, from what the benchmarks found: `docs/benchmark.md` and its plot.

    python tests/bench/report.py bench.jsonl docs --command "make bench"

It names the machine in general terms, and says of each figure whether it is what was to be reached.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.plot import plot
from tests.bench.results import Result, recorded
from tests.bench.servers import places
from tests.postgres import NoServer

PAGE, PLOT = "benchmark.md", "benchmark.svg"

ABOUT = {
    "W1": """A million deals that just entered

        Twenty tunnels, ten that move and ten that copy; 30 % of the deals match, and what moved or was copied goes on.
        Beside it the same work as a careful person would write it in SQL for these tunnels alone
        (`tests/bench/by_hand.py`): a few statements a tunnel, each over all deals, one transaction a round, the same
        journal. Both must leave the same deals and the same journal. The ratio is its time / flowrun's: more is
        better. The alternatives do the same work too (`tests/bench/alternatives.py`).
    """,
    "W2": """Single changes, one commit each

        From the commit of a program that changes a deal to the commit of its effect, beside a bare commit of the same
        rows; and the highest rate that is held, beside a bare loop.
    """,
    "W3": """A million timers

        What a tick costs for the deals that are due, beside hand-written SQL, and beside ten times the idle deals.
    """,
    "W4": """A preview over a million deals

        `flowrun diff`, the whole command, beside one scan that counts with a CASE per tunnel. The ratio is flowrun's
        time / the scan's: less is better. The scan follows no chain; the preview plays what would happen to its end,
        once with the plan and once without.
    """,
    "W5": """Many runners on one PostgreSQL

        Throughput beside one runner, and how evenly the runners share the work.
    """,
    "Studio": """A big project on the studio's page

        In Chromium, without a graphics card: from asking for the page to its first picture, from an edit to the picture
        that shows it (the files are patched, read again, checked, written, and drawn), and frames on the way.
    """,
}
"""A heading and a paragraph for each workload."""

_INTRODUCTION = """
Made by `{command}` on {date}: flowrun beside hand-written SQL, or what else does the same, in the same run on the same
machine. Times depend on the machine; the ratios do so much less. Nobody tuned the databases: SQLite as flowrun opens
it, PostgreSQL with its defaults, waiting for the disk at each commit.
"""


def page(results: Sequence[Result], command: str) -> str:
    """The page, as Markdown."""
    date = time.strftime("%Y-%m-%d", time.gmtime())
    parts = [
        "# How fast it is",
        _INTRODUCTION.format(command=command, date=date).strip(),
        *_busy(),
        *_machine(),
        "![The ratios beside what was to be reached](benchmark.svg)",
        _missed(results),
    ]
    for workload in sorted({result.workload for result in results}, key=list(ABOUT).index):
        title, _, text = ABOUT[workload].partition("\n")
        parts += [f"## {workload}: {title}", textwrap.dedent(text).strip()]
        parts.append(_table([result for result in results if result.workload == workload]))
    parts.append(f"The figures as data, to compare with your own: run `{command}`, and read `bench.jsonl`.")
    return "\n\n".join(parts) + "\n"


def _table(results: Sequence[Result]) -> str:
    lines = [
        "| what | database | size | flowrun | beside it | ratio | to reach | memory | |",
        "|---|---|---|---:|---:|---:|---|---:|---|",
    ]
    for one in results:
        memory = "" if one.memory_mib is None else f"{one.memory_mib:.0f} MiB"
        reached = {True: "", False: " **missed**", None: ""}[one.reached]
        cells = [
            one.what,
            {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(one.database, one.database),
            one.size,
            _amount(one.flowrun, one.unit),
            _amount(one.control, one.unit) if one.control else "–",
            f"{one.ratio:.2f}" if one.control else "–",
            f"{one.reach}{reached}",
            memory,
            one.note,
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _amount(value: float, unit: str) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def _missed(results: Sequence[Result]) -> str:
    promised = [one for one in results if one.reached is not None]
    missed = sum(not one.reached for one in promised)
    if not missed:
        return f"All {len(promised)} figures for which something was to be reached did reach it."
    return (
        f"Of {len(promised)} figures for which something was to be reached, {missed} **missed** it, and say so below."
    )


def _machine() -> list[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return [
        "| | |\n|---|---|\n"
        + "\n".join(
            f"| {name} | {value} |"
            for name, value in {
                "CPU": f"{_cpu()}, {os.cpu_count()} cores",
                "memory": f"{memory:.0f} GiB",
                "disk": _disk(),
                "system": _system(),
                "Python": platform.python_version(),
                "SQLite": sqlite3.sqlite_version,
                "PostgreSQL": _postgresql(),
            }.items()
        )
    ]


def _busy() -> list[str]:
    """A warning where more was going on than the benchmark, which keeps no more than two or three processes busy."""
    load, cores = os.getloadavg()[2], os.cpu_count() or 1
    if load < cores + 2:
        return []
    told = f"**The machine was busy with other work while this was made (load {load:.0f} on {cores} cores):"
    return [f"{told} the figures are provisional.**"]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
    return f"{platform.system()}, {name}"


def _disk() -> str:
    """Its kind, and what its users feel of it: how long a small write takes until it is safe."""
    with tempfile.NamedTemporaryFile() as file:
        spent = []
        for _ in range(100):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - began)
        device = os.fstat(file.fileno()).st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    kinds = {"nvme": "NVMe", "vd": "virtual disk", "xvd": "virtual disk", "sd": "SATA or SCSI disk"}
    kind = next((kind for start, kind in kinds.items() if name.startswith(start)), "disk")
    return f"{kind}; 4 KiB are written and synced in {statistics.median(spent) * 1000:.2f} ms"


def _postgresql() -> str:
    try:
        with places("postgresql", Path()) as where, where.fresh() as place, psycopg.connect(place.url) as server:
            number = server.info.server_version
    except NoServer:
        return "none"
    return f"{number // 10_000}.{number % 10_000}"


def main() -> None:
    """Writes the page and the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("docs", type=Path, help="the folder to write to")
    parser.add_argument("--command", default="make bench", help="how the results were made")
    options = parser.parse_args()
    results = recorded(options.results)
    (options.docs / PLOT).write_text(plot([one for one in results if one.reached is not None]), encoding="utf-8")
    (options.docs / PAGE).write_text(page(results, options.command), encoding="utf-8")
    print(f"written: {options.docs / PAGE}, {options.docs / PLOT}")


if __name__ == "__main__":
    main()
