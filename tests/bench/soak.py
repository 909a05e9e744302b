"""Kills runners again and again, and holds the outcome against undisturbed runs.

    python tests/bench/soak.py --deals 1000000 --deaths 10 --kills 10000 --writes 100000

First the installed command amid a million deals, `--deaths` times; then forked runners on smaller stores, `--kills`
times. Prints how each runner of the first kind died, and fails unless every run left the rows of an undisturbed one:
each firing once, none lost, none doubled. Then other programs make `--writes` writes that they commit late, and it
fails if a runner misses one.
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
from tests.faults.grounds import Files
from tests.faults.kills import kill_at_random
from tests.faults.writers import written
from tests.faults.zygote import Zygote


def main() -> None:
    """Makes stores in a temporary folder, runs, kills, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--deaths", type=int, default=10, help="of the command amid so many deals")
    parser.add_argument("--kills", type=int, default=10_000, help="of forked runners")
    parser.add_argument("--writes", type=int, default=100_000, help="of other programs, beside a runner")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; printed, to try the same again")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    if options.deaths:
        _die_amid(options.deals, options.deaths, seed)
    if options.kills:
        _die_often(options.kills, seed)
    if options.writes:
        _write_late(options.writes)


def _die_amid(deals: int, deaths: int, seed: int) -> None:
    print(f"{deals:,} deals, {deaths} deaths", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(Path(folder), deals, deaths, seed)
    for number, death in enumerate(outcome.deaths, 1):
        print(f"  death {number}: after {death.seconds:.1f} s; journal {death.before:,} → {death.after:,} rows")
    amid = f"{len(outcome.amid)} of {len(outcome.deaths)} deaths amid the work"
    took = f"undisturbed {outcome.seconds:.1f} s, all in all {time.monotonic() - began:.1f} s"
    print(f"each of {outcome.firings:,} firings exactly once; {amid}; {took}", flush=True)


def _die_often(kills: int, seed: int) -> None:
    print(f"{kills:,} kills", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Zygote() as zygote:
        done = kill_at_random(Files(Path(folder)), zygote, kills, seed)
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{done.kills:,} kills, {done.amid:,} of them amid the work, on {done.stores:,} stores; {took}")
    if done.found:
        sys.exit("\n".join(done.found))
    print(f"each of {done.firings:,} firings exactly once: 0 lost, 0 doubled")


def _write_late(writes: int) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Zygote() as zygote:
        done = written(Files(Path(folder)), zygote, writes)
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{writes:,} late writes: the runner missed {done.missed}, a watermark {done.unseen:,}; {took}")
    if done.missed:
        sys.exit("writes were missed")


if __name__ == "__main__":
    main()
