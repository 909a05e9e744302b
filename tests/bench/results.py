"""What a benchmark found: one line of a table, and the file in which the lines of all benchmarks come together.

Each benchmark takes `--results FILE` and adds its lines there, as JSON; without it, it only prints them. `report.py`
makes the page of them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """flowrun beside its control, both measured in the same run.

    `workload` is 'W1' … 'W5' or 'Studio', `what` says what was measured in a few words, `database` is 'sqlite',
    'postgresql' or '' where there is none to tell. `flowrun` and `control` (0: there is none) are in `unit`. `ratio` is
    what is held against `reach`, a text that starts with '≥' or '≤' and a number ('≥ 0.6'), or is empty where nothing
    was promised. `memory_mib` is the peak of one flowrun process; None: not measured. `note` tells whatever a reader
    must know to read the figures right.
    """

    workload: str
    what: str
    database: str
    size: str
    flowrun: float
    control: float
    unit: str
    ratio: float
    reach: str
    memory_mib: float | None = None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is what was to be reached; None where nothing was promised."""
        if not self.reach:
            return None
        sign, number = self.reach[0], float(self.reach[1:].split()[0])
        rounded = round(self.ratio, 2)
        return rounded >= number if sign == "≥" else rounded <= number


def add_option(parser: argparse.ArgumentParser) -> None:
    """Have the benchmark take `--results FILE`."""
    parser.add_argument("--results", type=Path, metavar="FILE", help="add the results to this file, as JSON lines")


def record(path: Path | None, result: Result) -> None:
    """Print the result, and add it to the file if there is one."""
    ratio = f", ratio {result.ratio:.2f}" + (f" (to reach: {result.reach})" if result.reach else "")
    memory = "" if result.memory_mib is None else f", {result.memory_mib:.0f} MiB"
    where = " ".join(part for part in (result.workload, result.database, result.size) if part)
    unit = f" {result.unit}"
    print(
        f"{where}: {result.what}: flowrun {result.flowrun:,.4g}{unit}"
        f"{f', control {result.control:,.4g}{unit}{ratio}' if result.control else ''}"
        f"{memory}{'; ' + result.note if result.note else ''}",
        flush=True,
    )
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")


def recorded(path: Path) -> list[Result]:
    """The results in the file, in the order in which they were added."""
    return [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
