"""`test`: the scenarios of the project, run on the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.commands.project import Project
from flowrun.errors import WorkFailed, WrongUsage
from flowrun.flow.model import Flow, Mode

if TYPE_CHECKING:
    from flowrun.engine.scenario import Result


@dataclass(frozen=True, slots=True)
class Covered:
    """What scenarios show of a tunnel: that it fired, and that it was held back (`not_fired`) where it should be."""

    tunnel: str
    fired: bool
    held_back: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """What scenarios show of every tunnel that is not off, in file order."""

    tunnels: tuple[Covered, ...]

    @property
    def wanted(self) -> int:
        """What there is to show: two things of each tunnel."""
        return 2 * len(self.tunnels)

    @property
    def shown(self) -> int:
        """How much of it was shown."""
        return sum(one.fired + one.held_back for one in self.tunnels)

    @property
    def percent(self) -> int:
        """The share, in whole percent, rounded down; 100 where there is nothing to show."""
        return 100 * self.shown // self.wanted if self.wanted else 100


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of all scenarios, by file. `timezone` is the project's; `sources` has the text of each file."""

    results: Mapping[str, tuple[Result, ...]]
    coverage: Coverage
    timezone: str
    sources: Mapping[str, str]

    @property
    def all(self) -> tuple[Result, ...]:
        """Every result."""
        return tuple(result for results in self.results.values() for result in results)

    @property
    def failed(self) -> int:
        """How many scenarios failed."""
        return sum(not result.ok for result in self.all)


def run_scenarios(
    project: Project,
    paths: Sequence[Path] = (),
    *,
    only: str | None = None,
    jobs: int = 1,
    progress: Callable[[int], None] = lambda _done: None,
) -> Tested:
    """Runs the scenarios in the project's folder, or those of the files and folders given; `only` those whose name
    holds that text, whatever its case.

    Raises InvalidFlow for files with errors, WrongUsage for a file that is none of scenarios, and WorkFailed where
    there is no scenario to run.
    """
    from flowrun.config import is_scenario
    from flowrun.engine.rehearsals import rehearse

    for path in paths:
        if not is_scenario(path) and path.is_file():
            raise WrongUsage(f"{path} is no file of scenarios", "their names end in .test.yaml")
    flow, loaded = project.flow(paths or None)
    files = {name: found for name, found in loaded.scenarios.items() if found}
    for path in paths or (project.folder,):
        if not any(_within(Path(name), path) for name in files):
            raise WorkFailed(f"there is no scenario in {path}", "write one: a file *.test.yaml with `tests:`")
    chosen = [
        (name, scenario)
        for name, scenarios in files.items()
        for scenario in scenarios
        if only is None or only.casefold() in scenario.name.casefold()
    ]
    if not chosen:
        raise WorkFailed(f"there is no scenario with '{only}' in its name")
    results: dict[str, list[Result]] = {}
    for (name, _), result in zip(chosen, rehearse(flow, [scenario for _, scenario in chosen], jobs), strict=True):
        results.setdefault(name, []).append(result)
        progress(sum(map(len, results.values())))
    return Tested(
        results={name: tuple(found) for name, found in results.items()},
        coverage=_coverage(flow, [result for found in results.values() for result in found]),
        timezone=flow.timezone,
        sources=loaded.sources,
    )


def _within(file: Path, path: Path) -> bool:
    return file == path or path in file.parents


def _coverage(flow: Flow, results: Sequence[Result]) -> Coverage:
    fired = frozenset[str]().union(*(result.fired for result in results))
    proven = frozenset[str]().union(*(result.proven for result in results))
    return Coverage(
        tuple(
            Covered(tunnel.id, tunnel.id in fired, tunnel.id in proven)
            for tunnel in flow.tunnels.values()
            if tunnel.mode is not Mode.OFF
        )
    )
