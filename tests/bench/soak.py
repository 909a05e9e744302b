"""Kills runners again and again, and holds the outcome against undisturbed runs.

    python tests/bench/soak.py --deals 1000000 --deaths 10 --kills 10000 --kills-postgres 2000 --writes 100000

First the installed command amid a million deals, `--deaths` times; then forked runners on smaller stores, `--kills`
times on SQLite and `--kills-postgres` times on PostgreSQL. Prints how each runner of the first kind died, and fails
unless every run left the rows of an undisturbed one: each firing once, none lost, none doubled. Then other programs
make `--writes` writes that they commit late, on each of the two, and it fails if a runner misses one.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.acceptance.killing import killed
from tests.faults.grounds import Files, Ground, Server
from tests.faults.kills import Carnage, kill_at_random
from tests.faults.writers import written
from tests.faults.zygote import Zygote
from tests.postgres import databases


def main() -> None:
    """Makes stores in a temporary folder, runs, kills, compares, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--deaths", type=int, default=10, help="of the command amid so many deals")
    parser.add_argument("--kills", type=int, default=10_000, help="of forked runners, on SQLite")
    parser.add_argument("--kills-postgres", type=int, default=2_000, help="the same on PostgreSQL")
    parser.add_argument("--writes", type=int, default=100_000, help="of other programs, beside a runner")
    parser.add_argument("--seed", type=int, default=None, help="of the moments; printed, to try the same again")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1_000_000)
    print(f"seed {seed}", flush=True)
    if options.deaths:
        _die_amid(options.deals, options.deaths, seed)
    for name, kills in (("sqlite", options.kills), ("postgresql", options.kills_postgres)):
        if kills:
            _die_often(name, kills, seed)
        if kills and options.writes:
            _write_late(name, options.writes)


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


@contextmanager
def _ground(name: str) -> Iterator[Ground]:
    if name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Files(Path(folder))
        return
    with databases(durable=False) as made:
        server = Server(made)
        yield server
        server.close()


def _die_often(name: str, kills: int, seed: int) -> None:
    print(f"{name}: {kills:,} kills", flush=True)
    began = time.monotonic()
    with _ground(name) as ground, Zygote() as zygote:
        done = kill_at_random(ground, zygote, kills, seed, tell=_every_thousand())
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{done.kills:,} kills, {done.amid:,} of them amid the work, on {done.stores:,} stores; {took}")
    if done.found:
        sys.exit("\n".join(done.found))
    print(f"each of {done.firings:,} firings exactly once: 0 lost, 0 doubled")


def _every_thousand() -> Callable[[Carnage], None]:
    told = 0

    def tell(done: Carnage) -> None:
        nonlocal told
        if done.kills // 1_000 > told:
            told = done.kills // 1_000
            print(f"  {done.kills:,} kills, {done.stores:,} stores, {len(done.found)} found", flush=True)

    return tell


def _write_late(name: str, writes: int) -> None:
    began = time.monotonic()
    with _ground(name) as ground, Zygote() as zygote:
        done = written(ground, zygote, writes)
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{name}: {writes:,} late writes: the runner missed {done.missed}, a watermark {done.unseen:,}; {took}")
    if done.missed:
        sys.exit("writes were missed")


if __name__ == "__main__":
    main()
