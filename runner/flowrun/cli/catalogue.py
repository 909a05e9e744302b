"""The commands: name, where each is declared, and its line in `flowrun --help`.

Plain text on purpose: listing the commands imports none of them. A test holds each line equal to the first line of
the command's own help.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A command. `at` is `module:attribute` of the click command; `section` is the heading it is listed under."""

    section: str
    at: str
    help: str


_WRITE = "Write flows"
_DEPLOY = "Deploy them"
_RUN = "Run them"
_OPERATE = "Operate"

COMMANDS: dict[str, Entry] = {
    "init": Entry(_WRITE, "flowrun.cli.files:init", "Start a project: a small commented flow."),
    "validate": Entry(_WRITE, "flowrun.cli.files:validate", "Check the files: every error and warning at once."),
    "test": Entry(_WRITE, "flowrun.cli.rehearse:test", "Run the scenarios: prove what the flows do."),
    "graph": Entry(_WRITE, "flowrun.cli.files:graph", "Draw the pipelines and tunnels."),
    "schema": Entry(_WRITE, "flowrun.cli.files:schema", "Print a JSON Schema, for editors and other tools."),
    "studio": Entry(
        _WRITE, "flowrun.cli.studio:studio", "Show and edit the flows in the browser: a page over the files."
    ),
    "diff": Entry(
        _DEPLOY, "flowrun.cli.deploy:diff", "Show what 'apply' would change, and what that does to the live deals."
    ),
    "apply": Entry(_DEPLOY, "flowrun.cli.deploy:apply", "Make the store as the files say."),
    "history": Entry(_DEPLOY, "flowrun.cli.deploy:history", "Show the applied revisions, newest first."),
    "rollback": Entry(_DEPLOY, "flowrun.cli.deploy:rollback", "Go back to an earlier revision: apply it anew."),
    "run": Entry(_RUN, "flowrun.cli.run:run", "Run the applied revision: watch the deals and fire tunnels."),
    "source": Entry(_RUN, "flowrun.cli.source:source", "Look at the place where deals live, and set it up."),
    "deals": Entry(_RUN, "flowrun.cli.deals:deals", "List, add, change, import and export deals."),
    "journal": Entry(_RUN, "flowrun.cli.work:journal", "Show what fired, oldest first."),
    "pending": Entry(_RUN, "flowrun.cli.work:pending", "Show what time will bring, and when: soonest first."),
    "explain": Entry(
        _RUN,
        "flowrun.cli.work:explain",
        "Show what each tunnel would do with a deal, when, and what holds it back.",
    ),
    "status": Entry(
        _RUN, "flowrun.cli.work:status", "Show the health of the whole: deals by stage, tunnels, and what waits."
    ),
    "pause": Entry(_OPERATE, "flowrun.cli.operate:pause", "Let a tunnel wait until it is resumed."),
    "resume": Entry(_OPERATE, "flowrun.cli.operate:resume", "Let a paused or tripped tunnel go on."),
    "retry": Entry(_OPERATE, "flowrun.cli.operate:retry", "Let parked firings try again: those of one deal, or all."),
    "doctor": Entry(
        _OPERATE, "flowrun.cli.doctor:doctor", "Check the set-up: machine, store, and whether the work goes on."
    ),
    "prune": Entry(_OPERATE, "flowrun.cli.operate:prune", "Forget old history, and values of fields that are no more."),
}
"""In the order of the help; sections appear in the order of their first command."""
