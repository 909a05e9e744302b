"""How long `validate` takes: 2,000 tunnels in 50,000 lines, made in a temporary folder.

    python tests/bench/validate.py [--tunnels N] [--profile]

Prints seconds of wall time and the peak memory of the process. The goal is under 5 s on a machine with two cores.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flowrun.config import Loaded, load

PIPELINES = 20
STAGES = 20
LINES = 50_000
TUNNELS_PER_FILE = 250


def tunnel(number: int, padding: int) -> Iterator[str]:
    """One tunnel, different from all others, with comments that make up the lines."""
    source, target = number % PIPELINES, (number + 1 + number // PIPELINES) % PIPELINES
    yield f"  tunnel-{number}:"
    yield f"    description: Deals of pipeline {source} go on in pipeline {target}."
    yield f"    from: p{source}.s{number % (STAGES - 2)}"
    yield f"    to: p{target}.s{(number * 7) % (STAGES - 2) + 1}"
    yield f"    action: {'copy' if number % 2 else 'move'}"
    yield "    when: >-"
    yield f"      deal.amount >= {number}.50 and deal.amount < vars.big * 2"
    yield f"      and deal.source in ['web', 'ads'] and 'tag-{number}' not in deal.tags"
    yield f"      and (deal.account is not none or deal.seats > {number})"
    yield f"    after: {number % 9 + 1}d"
    yield "    once: deal"
    yield "    set:"
    yield f'      title: "{{{{ deal.title }}}}, part {number}"'
    yield "      owner: {rotate: [ann, bob, cem]}"
    yield "      paid: false"
    yield "    breaker: {firings: 500, per: 1h}"
    yield from (f"    # A remark that says nothing, line {line}." for line in range(padding))


def project(folder: Path, tunnels: int) -> int:
    """Writes the files; returns how many lines they have."""
    head = [
        "flowrun: 1",
        "project: bench",
        "vars: {big: {type: decimal, default: 100000}}",
        "fields:",
        "  amount: decimal",
        "  source: {type: enum, values: [web, ads, partner]}",
        "  account: text",
        "  paid: {type: boolean, default: false}",
        "  seats: integer",
        "  tags: tags",
        "pipelines:",
    ]
    for pipeline in range(PIPELINES):
        head += [f"  p{pipeline}:", "    stages:"]
        head += [f"      - {{id: s{stage}, name: Stage {stage}}}" for stage in range(STAGES - 1)]
        head += [f"      - {{id: s{STAGES - 1}, outcome: won}}"]
    (folder / "a-head.yaml").write_text("\n".join(head) + "\n", "utf-8")
    total = len(head)
    padding = max(0, (LINES - total) // max(1, tunnels) - 16)
    for first in range(0, tunnels, TUNNELS_PER_FILE):
        body = ["flowrun: 1", "tunnels:"]
        for number in range(first, min(first + TUNNELS_PER_FILE, tunnels)):
            body += tunnel(number, padding)
        (folder / f"tunnels-{first:05}.yaml").write_text("\n".join(body) + "\n", "utf-8")
        total += len(body)
    return total


def main() -> None:
    """Makes the project, loads it, prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tunnels", type=int, default=2_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = project(Path(folder), options.tunnels)
        profile = cProfile.Profile()
        if options.profile:
            profile.enable()
        begin = time.perf_counter()
        loaded: Loaded = load(Path(folder))
        seconds = time.perf_counter() - begin
        profile.disable()
    errors = [finding for finding in loaded.findings if finding.severity == "error"]
    assert not errors, errors[:3]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{options.tunnels:,} tunnels, {lines:,} lines, {len(loaded.findings):,} warnings")
    print(f"{seconds:.2f} s, {peak} MiB at most")
    if options.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
