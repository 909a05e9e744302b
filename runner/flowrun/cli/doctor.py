"""`doctor`: a check of the set-up."""

from __future__ import annotations

import click

from flowrun.cli.frame import Command, format_option
from flowrun.cli.session import Session
from flowrun.cli.status import Status


@click.command(
    cls=Command,
    epilog="""
    flowrun doctor
    flowrun doctor --full --format json
    """,
)
@click.option("--full", is_flag=True, help="Look through the whole database, however long that takes.")
@format_option("text", "json")
@click.pass_obj
def doctor(session: Session, full: bool, format_: str) -> Status:
    """Check the set-up: machine, store, and whether the work goes on.

    Versions, clock, zone data and holidays; permissions, disk and log of the store, and whether it is whole; deals that
    nobody works on, tripped tunnels, parked firings, runners that have gone; webhooks that could not be told. Exits
    with 1 if there is a problem; a warning is none. Works with a store in any state, and writes nothing.
    """
    from flowrun.cli.progress import counting
    from flowrun.commands.doctor import doctor as run
    from flowrun.render.doctor import checkup_content, checkup_text
    from flowrun.render.json import document

    with counting("seconds of looking through the database", shown=format_ == "text") as progress:
        found = run(session.store, session.clock, full=full, progress=progress, folder=session.beside)
    if format_ == "json":
        session.terminal.document(document(checkup_content(found.findings)))
    else:
        session.terminal.result(checkup_text(found.findings))
    return Status.FINE if found.ok else Status.FAILED
