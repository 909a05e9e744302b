"""Why flowrun can't go on. Each exception knows its exit status; `cli` is the only place that turns one into it.

    FlowrunError
    ├── InvalidFlow      1   the files have errors; carries the findings
    │   └── InvalidInput 1   so has what was given beside the flow files: values of deals, a mapping, a condition
    ├── WorkFailed       1   part of the work failed, or a store can't be used
    │   ├── NoStore      1   there is no store at that address yet
    │   ├── NoDeal       1   there is no deal of that id
    │   ├── Locked       1   another flowrun keeps the store's write lock
    │   ├── Unreachable  1   the database is gone, or not to be reached; a runner waits for it
    │   ├── SourceTrouble 1  the place where the deals live can't be reached; a runner waits for it
    │   ├── Interfered   1   others wrote the same at once, and the database ended one of them; a runner tries again
    │   └── Stopped      1   a signal asked to stop while another writer was waited for; a runner ends well with it
    ├── StalePlan        3   the plan is stale or another apply holds the lock
    ├── Refused          4   a rail, a "no", or no terminal to ask at
    └── WrongUsage      64   the command line makes no sense

A user's mistake in a file is a `Diagnostic`, not one of these (see `diagnostics`).
"""

from __future__ import annotations

from collections.abc import Mapping

from flowrun.diagnostics import Diagnostic


class FlowrunError(Exception):
    """The work can't go on. `str(error)` is one line for the user; `help` says what to do, or is None."""

    exit_status = 1

    def __init__(self, message: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.help = help


class InvalidFlow(FlowrunError):
    """The files have errors. `sources` maps each file to its text, to show the findings in."""

    subject = "the flow files have"
    """How the line that counts the findings begins."""

    def __init__(self, findings: tuple[Diagnostic, ...], sources: Mapping[str, str] | None = None) -> None:
        super().__init__("the flow files have errors")
        self.findings = findings
        self.sources = sources or {}


class InvalidInput(InvalidFlow):
    """Something that was given beside the flow files has errors: values of deals, a mapping, a condition."""

    subject = "what was given has"


class WorkFailed(FlowrunError):
    """Part of the work failed, or a store or file can't be used."""


class NoStore(WorkFailed):
    """There is no store at that address yet: nothing, or a database with nothing in it."""


class NoDeal(WorkFailed):
    """There is no deal of that id."""


class Locked(WorkFailed):
    """Another flowrun keeps the store's write lock. `apply` and `rollback` make a StalePlan of it."""


class Unreachable(WorkFailed):
    """The database can't be reached, or has gone amid the work. What was not committed has not happened."""


class SourceTrouble(WorkFailed):
    """The place where the deals live can't be used just now. What it was asked to do may have happened all the same."""


class Interfered(WorkFailed):
    """Others wrote the same at once, and the database has undone this transaction. Trying again will do."""


class Stopped(WorkFailed):
    """This process was asked to stop while it waited for another writer. Nothing was begun, so nothing is undone."""


class StalePlan(FlowrunError):
    """The plan no longer fits the store, or another apply holds the lock."""

    exit_status = 3


class Refused(FlowrunError):
    """A rail refused it, the user said no, or there was no terminal to ask at."""

    exit_status = 4


class WrongUsage(FlowrunError):
    """The command line makes no sense."""

    exit_status = 64
