"""W1 beside users' alternatives, at a size that they can bear: deals per second of each, and of flowrun.

    python tests/bench/w1_alternatives.py --database postgresql --deals 20000

Each does the same work on a copy of the same store (`alternatives.py`), and leaves the same, which is checked.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import alternatives
from tests.bench.results import Result, add_option, record
from tests.bench.servers import DATABASES, Places, places
from tests.bench.work import command, environment, left, make, measured

WAYS = {
    "sqlite": {"jinja": "a Python loop with Jinja's `compile_expression`"},
    "postgresql": {
        "jinja": "a Python loop with Jinja's `compile_expression`",
        "pgqueuer": "pgqueuer, a job a deal",
        "procrastinate": "procrastinate, a job a deal",
    },
}


def beside(where: Places, folder: Path, database: str, deals: int) -> list[Result]:
    """flowrun, then each alternative that is installed."""
    results = []
    with where.fresh() as store:
        make(store, folder, deals)
        with where.copy(store) as mine:
            own = measured([command(mine, "run", "--until-idle")], environment())
            expected = left(mine)
        for way, what in WAYS[database].items():
            size, mine_rate = f"{deals:,} deals", deals / own.seconds
            if way != "jinja" and importlib.util.find_spec(way) is None:
                print(f"NOT MEASURED: {way} is not installed (pip install -e '.[bench]')", flush=True)
                note = "NOT MEASURED: it is not installed"
                results.append(Result("W1", what, database, size, mine_rate, 0.0, "deals/s", 0.0, "", None, note))
                continue
            with where.copy(store) as other:
                run = [sys.executable, alternatives.__file__, way, other.url]
                if way != "jinja":
                    subprocess.run([*run, "--prepare"], check=True, stdout=subprocess.DEVNULL)
                theirs = measured([run])
                if left(other) != expected:
                    raise SystemExit(f"{way} did not do the same work")
            results.append(
                Result(
                    workload="W1",
                    what=f"beside {what}",
                    database=database,
                    size=size,
                    flowrun=mine_rate,
                    control=deals / theirs.seconds,
                    unit="deals/s",
                    ratio=theirs.seconds / own.seconds,
                    reach="",
                    memory_mib=own.memory,
                    note="times as fast as the alternative",
                )
            )
    return results


def main() -> None:
    """Measures and prints them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=DATABASES, default="postgresql")
    parser.add_argument("--deals", type=int, default=20_000)
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, places(options.database, Path(name)) as where:
        for result in beside(where, Path(name), options.database, options.deals):
            record(options.results, result)


if __name__ == "__main__":
    main()
