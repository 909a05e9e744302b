"""W5: one, two, four and eight runners on one store: what they do together, and how fairly they share it.

    python tests/bench/w5_runners.py --deals 100000

The runners are running and idle when all deals are put in at once, in one commit; the clock stands when none is awake.
On SQLite runners take turns, so that more of them can be no faster; what is asked is that they are no slower.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flowrun.clock import SystemClock
from tests.bench.hands import Hand, hand
from tests.bench.processes import apply, running
from tests.bench.results import Result, add_option, record
from tests.bench.rules import flow_text
from tests.bench.servers import DATABASES, Place, Places, places

COUNTS = (1, 2, 4, 8)
_PATIENCE = 600.0


def _fill(one: Hand, deals: int) -> None:
    """The deals of W1, all of them asleep."""
    one.begin()
    one.run(
        "INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, amount, currency, "
        "source, seats, account) SELECT 'd' || i, 'Deal ' || i, 'owner ' || d % 50, "
        "'p' || ((i % 20) / 5) || '.s' || (i % 5), 1, :now, :now, :now, a % 10000000, "
        "CASE b % 3 WHEN 0 THEN 'RUB' WHEN 1 THEN 'EUR' ELSE 'USD' END, "
        "CASE c % 3 WHEN 0 THEN 'web' WHEN 1 THEN 'ads' ELSE 'partner' END, d % 100, 'account ' || c % 50000 "
        "FROM (SELECT i, i * 2654435761 % 4294967296 AS a, i * 40503 % 65536 AS b, i * 69069 % 1000003 AS c, "
        f"i * 7919 % 1009 AS d FROM {one.numbers(1, deals)}) AS made",
        now=SystemClock().now(),
    )
    one.commit()
    one.settle()


@dataclass(frozen=True, slots=True)
class Run:
    """What that many runners did: in how many seconds, and how many deals each of them looked at."""

    seconds: float
    looked: list[int]
    fired: int

    @property
    def fairness(self) -> float:
        """The least share times the number of runners: 1 where all did the same."""
        return min(self.looked) * len(self.looked) / sum(self.looked)


def _run(place: Place, count: int, folder: Path) -> Run:
    with hand(place) as one, running(place, count, folder) as processes:
        started = time.perf_counter()
        one.run("INSERT INTO queue (deal, wake_at, round) SELECT seq, :now, 0 FROM deals", now=SystemClock().now())
        while one.one("SELECT 1 FROM queue LIMIT 1") is not None:
            if time.perf_counter() - started > _PATIENCE:
                raise SystemExit("the runners don't come to an end")
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        ended = [process.ended() for process in processes]
        fired = one.one("SELECT count(*) FROM firings")
    if fired != sum(end["fired"] for end in ended):
        raise SystemExit("the runners did something twice, or not at all")
    return Run(seconds, [end["looked"] for end in ended], fired)


def measure(of: Places, place: Place, database: str, folder: Path, options: argparse.Namespace) -> None:
    """All of W5 on that database."""
    apply(place, folder, flow_text())
    with hand(place) as one:
        _fill(one, options.deals)
    alone: Run | None = None
    for count in COUNTS:
        with of.copy(place) as copy:
            run = _run(copy, count, folder)
        alone = alone or run
        if run.fired != alone.fired:
            raise SystemExit(f"{count} runners fired {run.fired}, one {alone.fired}")
        if count > 1:
            _record(database, count, run, alone, options)


def _record(database: str, count: int, run: Run, alone: Run, options: argparse.Namespace) -> None:
    mine, theirs = run.fired / run.seconds, alone.fired / alone.seconds
    cores = os.cpu_count() or 1
    reach = "≥ 1.5" if count == 4 and cores >= 4 and database == "postgresql" else "≥ 1"
    shares = ", ".join(f"{looked / sum(run.looked):.0%}" for looked in sorted(run.looked, reverse=True))
    record(
        options.results,
        Result(
            "W5", f"{count} runners beside one", database, f"{options.deals:,} deals", mine, theirs, "firings/s",
            mine / theirs, reach, note=f"{cores} cores; shares {shares} (fairness {run.fairness:.2f})",
        ),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=100_000)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for database in options.databases:
            with places(database, Path(name)) as of, of.fresh() as place:
                measure(of, place, database, Path(name), options)


if __name__ == "__main__":
    main()
