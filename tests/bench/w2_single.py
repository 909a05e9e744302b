"""W2: changes that arrive one by one, one commit each, beside a runner that waits for them.

    python tests/bench/w2_single.py --changes 500

A program that knows nothing of flowrun moves a deal and commits; the clock stands when another connection sees what the
tunnel did. In turn with that, the same rows are written by hand in one commit: a row of the journal, the deal, its row
of the queue. Then the highest rate of single changes at which the runner keeps up, beside that of a loop of bare
commits; and what a runner costs that has nothing to do.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parents[2]))

from flowrun.clock import SystemClock
from tests.bench.hands import Hand, hand
from tests.bench.processes import Process, apply, cpu_of, running
from tests.bench.results import Result, add_option, record
from tests.bench.rules import flow_text
from tests.bench.servers import DATABASES, Place, places

_LOOK = 0.000_1
"""Seconds between two looks for what the runner did."""
_FROM, _OVER, _TUNNEL = "p3.s4", "p3.s3", "t19"
"""Deals lie where no tunnel leaves; a program puts them one stage back, and the tunnel brings them home."""
_LONGEST = 20.0
_DRAINED = 0.25
"""Seconds after the last change within which a runner that kept up has done it."""


def _fill(one: Hand, deals: int) -> None:
    now = SystemClock().now()
    one.begin()
    one.run(
        "INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, amount, currency, "
        "source, seats, account) SELECT CASE i % 2 WHEN 0 THEN 'd' ELSE 'c' END || (i / 2), 'Deal ' || i, 'ann', "
        f"'{_FROM}', 1, :now, :now, :now, 2000000, 'RUB', 'web', 50, 'account ' || i % 5000 "
        f"FROM {one.numbers(0, deals * 2 - 1)}",
        now=now,
    )
    one.run("INSERT INTO queue (deal, wake_at, round) SELECT seq, :never, 0 FROM deals WHERE id LIKE 'c%'", never=2**47)
    one.commit()
    one.settle()


@dataclass(slots=True)
class Changes:
    """Makes changes, each of another deal. `bare` makes the rows of one firing by hand."""

    deals: int
    _next: Iterator[int] = field(default_factory=count)
    _bare: Iterator[int] = field(default_factory=count)

    def change(self, one: Hand) -> tuple[str, int]:
        """A program's change; the id of the deal, and in which entry it is then."""
        number = next(self._next)
        id_, entry = f"d{number % self.deals}", number // self.deals * 2 + 2
        one.run("UPDATE deals SET stage = :stage WHERE id = :id", stage=_OVER, id=id_)
        return id_, entry

    def bare(self, one: Hand) -> None:
        """The same rows as a firing's."""
        number = next(self._bare)
        id_, entry = f"c{number % self.deals}", number // self.deals + 1
        now = SystemClock().now()
        one.begin()
        one.run(
            "INSERT INTO firings (deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at, "
            "fired_at, revision) VALUES (:id, :entry, :tunnel, 0, 'move', :old, :new, 'fired', :id, :now, :now, 1)",
            id=id_, entry=entry, tunnel=_TUNNEL, old=_OVER, new=_FROM, now=now,
        )  # fmt: skip
        one.run(
            "UPDATE deals SET stage = :new, entry = entry + 1, entered_at = :now, updated_at = :now, _hops = :hops "
            "WHERE id = :id",
            new=_FROM, now=now, hops=f"{now:015}", id=id_,
        )  # fmt: skip
        one.run("DELETE FROM queue WHERE deal = (SELECT seq FROM deals WHERE id = :id)", id=id_)
        one.commit()


def _seen(watcher: Hand, id_: str, entry: int) -> None:
    """Return as soon as the firing can be read."""
    until = time.perf_counter() + _LONGEST
    sql = "SELECT 1 FROM firings WHERE deal = :id AND entry = :entry AND tunnel = :tunnel AND shadow = 0"
    while watcher.one(sql, id=id_, entry=entry, tunnel=_TUNNEL) is None:
        if time.perf_counter() > until:
            raise SystemExit(f"the change of {id_} had no effect within {_LONGEST:.0f} s")
        time.sleep(_LOOK)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds: from a change's commit until its effect is seen, that of the commit itself, and of a bare one."""

    effect: list[float]
    change: list[float]
    bare: list[float]


def latencies(writer: Hand, watcher: Hand, changes: Changes, number: int, gap: float) -> Latencies:
    """Measure, with `gap` seconds between two changes on the average, none of them in step with the runner."""
    found = Latencies([], [], [])
    for _ in range(number):
        started = time.perf_counter()
        id_, entry = changes.change(writer)
        committed = time.perf_counter()
        _seen(watcher, id_, entry)
        found.effect.append(time.perf_counter() - committed)
        found.change.append(committed - started)
        began = time.perf_counter()
        changes.bare(writer)
        found.bare.append(time.perf_counter() - began)
        time.sleep(max(0.0, random.uniform(0.5, 1.5) * gap - (time.perf_counter() - started)))
    return found


def bare_rate(writer: Hand, changes: Changes, seconds: float) -> float:
    """Bare commits a second, one after the other."""
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        changes.bare(writer)
        done += 1
    return done / (time.perf_counter() - started)


def attempt(writer: Hand, watcher: Hand, changes: Changes, pace: float | None, seconds: float) -> tuple[float, float]:
    """Changes a second that were made, at most `pace`, and how long after the last one the runner was done."""
    done, started = 0, time.perf_counter()
    while (now := time.perf_counter()) - started < seconds:
        if pace is not None and done / pace > now - started:
            time.sleep(done / pace - (now - started))
        changes.change(writer)
        done += 1
    ended = time.perf_counter()
    while watcher.one("SELECT 1 FROM queue WHERE wake_at < :never LIMIT 1", never=2**47) is not None:
        time.sleep(0.002)
    return done / (ended - started), time.perf_counter() - ended


def highest_rate(writer: Hand, watcher: Hand, changes: Changes, seconds: float) -> float:
    """The highest rate of single changes that a runner keeps up with."""
    most, late = attempt(writer, watcher, changes, None, seconds)
    if late <= _DRAINED:
        return most
    low, high = 0.0, most
    for _ in range(4):
        middle = (low + high) / 2 if low else high * seconds / (seconds + late)
        made, late = attempt(writer, watcher, changes, middle, seconds)
        low, high = (made, high) if late <= _DRAINED else (low, middle)
    return low


def idle_share(process: Process, backends: list[int], seconds: float) -> float:
    """The share of a core that a runner takes that has nothing to do, and its connection's with it."""
    time.sleep(1.0)
    pids = [process.popen.pid, *backends]
    before, started = sum(map(cpu_of, pids)), time.perf_counter()
    time.sleep(seconds)
    return (sum(map(cpu_of, pids)) - before) / (time.perf_counter() - started)


def _backends(one: Hand) -> list[int]:
    if one.sqlite:
        return []
    rows = one.run(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'flowrun%' AND datname = current_database()"
    )
    return [row[0] for row in rows]


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]


def measure(place: Place, database: str, folder: Path, options: argparse.Namespace) -> None:
    """All of W2 on that database."""
    apply(place, folder, flow_text())
    changes = Changes(options.deals)
    with hand(place) as writer, hand(place) as watcher:
        _fill(writer, options.deals)
        with running(place, 1, folder) as (process,):
            latencies(writer, watcher, changes, 30, 0.02)
            found = latencies(writer, watcher, changes, options.changes, options.gap)
            rare = latencies(writer, watcher, changes, options.rare, 1.0)
            share = idle_share(process, _backends(watcher), options.idle)
            memory = process.peak()
            rates = []
            for _ in range(2):
                bare = bare_rate(writer, changes, options.seconds)
                rates.append((highest_rate(writer, watcher, changes, options.seconds), bare))
    effect, bare_commit = found.effect, found.bare
    size = f"{options.changes:,} changes, {options.gap * 1000:.0f} ms apart"
    for name, of, reach in (("p50", median, ""), ("p99", _p99, "≤ 5")):
        mine, theirs = of(effect) * 1000, of(bare_commit) * 1000
        record(
            options.results,
            Result(
                "W2", f"from commit to effect, {name}, beside a bare commit of the same rows", database, size,
                mine, theirs, "ms", mine / theirs, reach, memory,
                f"the change's own commit {of(found.change) * 1000:.2f} ms; worst {max(effect) * 1000:.1f} ms",
            ),
        )  # fmt: skip
    mine, theirs = median(rare.effect) * 1000, median(rare.bare) * 1000
    record(
        options.results,
        Result(
            "W2", "the same after a second of quiet, p50", database, f"{options.rare} changes", mine, theirs, "ms",
            mine / theirs, "", note=f"worst {max(rare.effect) * 1000:.1f} ms",
        ),
    )  # fmt: skip
    rate, loop = max(rates, key=lambda pair: pair[0] / pair[1])
    record(
        options.results,
        Result(
            "W2", "highest rate of single changes that is held, beside a loop of bare commits", database,
            f"{options.seconds:.0f} s each", rate, loop, "changes/s", rate / loop, "≥ 0.5",
        ),
    )  # fmt: skip
    record(
        options.results,
        Result(
            "W2", "an idle runner's share of a core" + ("" if database == "sqlite" else ", its session's included"),
            database, f"{options.idle:.0f} s", share, 1.0, "cores", share, "", note="engine.md says 1 %",
        ),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=500, help="how many single changes are timed")
    parser.add_argument("--gap", type=float, default=0.02, help="seconds between two of them, on the average")
    parser.add_argument("--rare", type=int, default=10, help="how many are timed after a second of quiet each")
    parser.add_argument("--deals", type=int, default=20_000, help="how many deals lie in the store, twice")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each rate is tried")
    parser.add_argument("--idle", type=float, default=5.0, help="how long an idle runner is watched")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=DATABASES)
    add_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for database in options.databases:
            with places(database, Path(name)) as of, of.fresh() as place:
                measure(place, database, Path(name), options)


if __name__ == "__main__":
    main()
