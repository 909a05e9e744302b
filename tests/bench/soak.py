"""Kills the runner again and again amid a million deals, and holds the outcome against an undisturbed run.

    python tests/bench/soak.py --deals 1000000 --kills 10

Prints how each runner died, and fails unless both runs left the same rows: each firing once, none lost, none doubled.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.acceptance.killing import killed


def main() -> None:
    """Makes a store in a temporary folder, runs, kills, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None, help="of the moments; printed, to try the same again")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(f"{options.deals:,} deals, {options.kills} kills, seed {seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(Path(folder), options.deals, options.kills, seed)
    for number, death in enumerate(outcome.deaths, 1):
        print(f"  kill {number}: after {death.seconds:.1f} s; journal {death.before:,} → {death.after:,} rows")
    amid = f"{len(outcome.amid)} of {len(outcome.deaths)} kills amid the work"
    took = f"undisturbed {outcome.seconds:.1f} s, all in all {time.monotonic() - began:.1f} s"
    print(f"each of {outcome.firings:,} firings exactly once; {amid}; {took}")


if __name__ == "__main__":
    main()
