"""The project that a command works on: a folder of flow files, in one environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.diagnostics import has_errors
from flowrun.errors import InvalidFlow

if TYPE_CHECKING:
    from flowrun.config import Loaded
    from flowrun.flow.model import Flow


@dataclass(frozen=True, slots=True)
class Project:
    """Where the files are and how to read them. `environment` is None for none; `variables` are those of `--var`."""

    folder: Path
    environment: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def load(self, scenarios: Iterable[Path] | None = None, *, everywhere: bool = False) -> Loaded:
        """Everything the files say, and everything there is to say about them.

        `scenarios` are scenario files, and folders of some, to read instead of those in the project's folder.
        `everywhere`: in each environment, where none is chosen.
        """
        from flowrun.config import load
        from flowrun.sources.registry import KINDS

        return load(
            self.folder,
            environment=self.environment,
            variables=self.variables,
            scenarios=scenarios,
            everywhere=everywhere,
            kinds=KINDS,
        )

    def flow(self, scenarios: Iterable[Path] | None = None) -> tuple[Flow, Loaded]:
        """The flow, and what it came from. Raises InvalidFlow if the files have errors."""
        loaded = self.load(scenarios)
        if loaded.flow is None or has_errors(loaded.findings):
            raise InvalidFlow(loaded.findings, loaded.sources)
        return loaded.flow, loaded
