"""The commands that compare the files with a store and deploy them: `diff` and `apply`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from flowrun.cli.frame import Command, format_option
from flowrun.cli.session import Session
from flowrun.cli.status import Status

if TYPE_CHECKING:
    from flowrun.engine.deploy import Proposal


@click.command(
    cls=Command,
    epilog="""
    flowrun diff
    flowrun diff --format markdown > comment.md
    """,
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 if there are differences.")
@format_option("text", "json", "markdown")
@click.pass_obj
def diff(session: Session, exit_code: bool, format_: str) -> Status:
    """Show what 'apply' would change, and what that does to the live deals.

    Compares the files with the applied revision, and counts the deals that each tunnel would take at once. Writes
    nothing.
    """
    from flowrun.commands.diff import diff as run
    from flowrun.render.proposal import proposal_content, proposal_markdown, proposal_text

    proposal = run(session.project, session.store, session.clock)
    match format_:
        case "json":
            from flowrun.render.json import document

            session.terminal.document(document(proposal_content(proposal)))
        case "markdown":
            session.terminal.document(proposal_markdown(proposal))
        case _:
            session.terminal.result(proposal_text(proposal))
    differs = bool(proposal.difference.plan)
    return Status.DIFFERENCES if exit_code and differs else Status.FINE


@click.command(
    cls=Command,
    epilog="""
    flowrun apply
    flowrun apply --yes --env prod
    """,
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def apply(session: Session, yes: bool) -> None:
    """Make the store as the files say.

    Shows the difference and asks. Makes the store where there is none yet. Either all of it happens, or nothing.
    """
    from flowrun.commands.apply import apply as run
    from flowrun.errors import Refused
    from flowrun.render.ink import line
    from flowrun.render.proposal import proposal_text

    terminal = session.terminal

    def agreed(proposal: Proposal) -> bool:
        terminal.result(proposal_text(proposal))
        if yes or proposal.difference.refusals or not proposal.changes_anything:
            return True
        if not sys.stdin or not sys.stdin.isatty():
            raise Refused("there is no terminal to ask at", "add --yes to apply without being asked")
        return click.confirm("Apply?", err=True)

    number = run(session.project, session.store, session.clock, agreed)
    if number is not None:
        terminal.result([line(f"Applied as revision {number}.")])
