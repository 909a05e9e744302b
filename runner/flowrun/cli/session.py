"""What the options of the whole come to: the project, the store, the clock and the terminal of one command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.cli.terminal import Terminal
from flowrun.clock import END, Clock, FixedClock, SystemClock, parse_instant
from flowrun.errors import FlowrunError, InvalidFlow, WrongUsage

if TYPE_CHECKING:
    from flowrun.cli.log import Log
    from flowrun.commands.project import Project
    from flowrun.diagnostics import Diagnostic


@dataclass(slots=True)
class Session:
    """One run of a command. Filled by the options as click reads them; `begin` then sets the clock.

    `store` is a URL; `format` is the command's `--format`, `text` where it has none. `given` are the names of those of
    the options that somebody gave, here or in the environment. `log` is where everything goes that is said on stderr,
    where a command was asked for such a log.
    """

    flows: Path = Path("flows")
    store: str = "sqlite:///flowrun.db"
    environment: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    color: str = "auto"
    format: str = "text"
    given: set[str] = field(default_factory=set)
    clock: Clock = field(default_factory=SystemClock)
    log: Log | None = None

    def begin(self, command: str) -> None:
        """Begins that command (`flowrun apply`): a store's lock is taken in its name, and waits for one are told.

        Takes FLOWRUN_NOW for the clock and says so on stderr. Raises WrongUsage if it is no instant with offset.
        """
        from flowrun.store import lock

        lock.introduce(command, self.terminal.note)
        text = os.environ.get("FLOWRUN_NOW")
        if text:
            instant = parse_instant(text)
            if instant is None:
                raise WrongUsage(
                    f"FLOWRUN_NOW is '{text}', which is no instant with an offset",
                    "write for example FLOWRUN_NOW=2026-03-06T16:00+03:00",
                )
            if not 0 <= instant < END:
                raise WrongUsage(f"FLOWRUN_NOW is '{text}'; it may be from 1970 to 9998", "choose another instant")
            self.clock = FixedClock(instant)
            self.terminal.note(f"the clock stands at {text}")

    @property
    def terminal(self) -> Terminal:
        """Where this command prints."""
        return Terminal(self.color, self.masked, self.log)

    def masked(self, text: str) -> str:
        """The text without the secrets of the store's address and the environment."""
        from flowrun.cli.masking import Mask

        return Mask([self.store], os.environ)(text)

    @property
    def address(self) -> str:
        """The store's address as it may be shown."""
        from flowrun.store.identity import without_password

        return without_password(self.store)

    @property
    def project(self) -> Project:
        """The files that this command reads."""
        from flowrun.commands.project import Project

        return Project(self.flows, self.environment, self.variables)

    @property
    def beside(self) -> Path:
        """The folder that the flows folder is in: what the paths in `source` start from."""
        return self.flows.absolute().parent

    def show(self, error: FlowrunError) -> None:
        """Prints why a command can't go on."""
        if isinstance(error, InvalidFlow):
            self._show_findings(error.findings, error.sources, error.subject)
        else:
            self.terminal.complain(str(error), error.help)

    def _show_findings(self, findings: tuple[Diagnostic, ...], sources: Mapping[str, str], subject: str) -> None:
        """Prints findings that stop a command: as its document if it was asked for JSON, else as text on stderr."""
        if self.format == "json":
            from flowrun.render.json import diagnostics_document

            self.terminal.document(diagnostics_document(findings))
            return
        from flowrun.render.text import diagnostics_text, tally

        self.terminal.tell(diagnostics_text(findings, sources, self.terminal.room))
        self.terminal.complain(f"{subject} {tally(findings)}")
