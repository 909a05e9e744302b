"""W1: a million deals that just entered, through twenty tunnels, beside the same work as hand-written SQL.

    python tests/bench/w1_million.py --database sqlite --deals 1000000
    python tests/bench/w1_million.py --database postgresql --deals 1000000 --runners 1 2
    python tests/bench/w1_million.py --linear 10000 100000 1000000

Wall time and peak memory of `flowrun run --until-idle` (with `--runners 2`, of two at once) and of the hand-written SQL
of `by_hand.py`, each in a process of its own on a copy of the same store, in turn; the ratio is hand-written time /
flowrun's time (higher is better for flowrun). Both leave the same deals and the same journal, which is checked.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import by_hand
from tests.bench.results import Result, add_option, record
from tests.bench.servers import DATABASES, Places, places
from tests.bench.work import Left, Measured, command, environment, left, make, measured

REACH = {("sqlite", 1): "≥ 1.0", ("postgresql", 1): "≥ 0.6", ("postgresql", 2): "≥ 0.8"}
LINEAR = "≤ 1.2"
"""How much more a deal may cost in a larger store, for that to be called linear."""


def beside(where: Places, folder: Path, database: str, deals: int, runners: Sequence[int], rounds: int) -> list[Result]:
    """flowrun with each number of runners beside the hand-written SQL, in turn."""
    spent: dict[int, list[Measured]] = {count: [] for count in (0, *runners)}
    fired = 0
    with where.fresh() as store:
        make(store, folder, deals)
        for number in range(rounds):
            found: dict[int, Left] = {}
            for count in (*runners, 0):
                with where.copy(store) as mine:
                    hand = [sys.executable, by_hand.__file__, mine.url]
                    commands = [command(mine, "run", "--until-idle")] * count or [hand]
                    spent[count].append(measured(commands, environment()))
                    found[count] = left(mine)
                who = f"{count} runner{'s' * (count > 1)}" if count else "by hand"
                last = spent[count][-1]
                print(f"  round {number + 1}: {who}: {last.seconds:.1f} s, {last.memory:.0f} MiB", flush=True)
            if len(set(found.values())) != 1:
                raise SystemExit("they did not do the same work")
            fired = found[0].fired
    results = []
    for count in runners:
        ratios = [hand.seconds / mine.seconds for hand, mine in zip(spent[0], spent[count], strict=True)]
        results.append(
            Result(
                workload="W1",
                what=f"{count} runner{'s' * (count > 1)} beside hand-written SQL",
                database=database,
                size=f"{deals:,} deals",
                flowrun=statistics.median(one.seconds for one in spent[count]),
                control=statistics.median(one.seconds for one in spent[0]),
                unit="s",
                ratio=statistics.median(ratios),
                reach=REACH.get((database, count), ""),
                memory_mib=max(one.memory for one in spent[count]),
                note=f"{fired:,} firings; median of {rounds}, from {min(ratios):.2f} to {max(ratios):.2f}",
            )
        )
    return results


def linear(where: Places, folder: Path, database: str, sizes: Sequence[int]) -> list[Result]:
    """One runner on stores of these sizes: what a deal costs in each, beside what it costs in the one before."""
    results: list[Result] = []
    before: tuple[int, float] | None = None
    for deals in sizes:
        with where.fresh() as store:
            make(store, folder, deals)
            seconds, memory = measured([command(store, "run", "--until-idle")], environment())
            left(store)
        print(f"  {deals:,} deals: {seconds:.1f} s, {memory:.0f} MiB", flush=True)
        if before is not None:
            expected = before[1] * deals / before[0]
            results.append(
                Result(
                    workload="W1",
                    what=f"growth from {before[0]:,} deals (control: in proportion)",
                    database=database,
                    size=f"{deals:,} deals",
                    flowrun=seconds,
                    control=expected,
                    unit="s",
                    ratio=seconds / expected,
                    reach=LINEAR,
                    memory_mib=memory,
                )
            )
        before = deals, seconds
    return results


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--runners", type=int, nargs="+", default=[1], help="at once; more than one on PostgreSQL only")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured, in turn")
    parser.add_argument("--linear", type=int, nargs="+", metavar="DEALS", help="instead: growth over these sizes")
    parser.add_argument("--large", action="store_true", help="with --linear: 3,000,000 deals too")
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, places(options.database, Path(name)) as where:
        folder = Path(name)
        if options.linear:
            sizes = sorted({*options.linear, *([3_000_000] if options.large else [])})
            results = linear(where, folder, options.database, sizes)
        else:
            results = beside(where, folder, options.database, options.deals, options.runners, options.rounds)
    for result in results:
        record(options.results, result)


if __name__ == "__main__":
    main()
