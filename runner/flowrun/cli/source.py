"""The place where deals live: `source check`, `unreadable`, `install`, `uninstall`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowrun.cli.frame import Group, format_option
from flowrun.cli.session import Session
from flowrun.cli.values import how_many

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.group(
    cls=Group,
    epilog="""
    flowrun source check
    flowrun source install --show
    """,
)
def source() -> None:
    """Look at the place where deals live, and set it up.

    It is the one that `source` names in the flow files, applied or not; 'unreadable' is about the applied one.
    """


@source.command(
    epilog="""
    flowrun source check
    """,
)
@click.pass_obj
def check(session: Session) -> None:
    """Reach the source, and say what is there and what it can't promise."""
    from flowrun.commands.source import look
    from flowrun.render.source import described_text

    found = look(session.project, session.beside)
    session.terminal.result(described_text(found.type, found.described))


@source.command(
    epilog="""
    flowrun source unreadable
    flowrun source unreadable --limit 20 --format json
    """,
)
@click.option("--limit", type=how_many, metavar="N", help="Only the first so many.")
@format_option("text", "json")
@click.pass_obj
def unreadable(session: Session, limit: int | None, format_: str) -> None:
    """List what runs have met there that can't be read as a deal, and why.

    At most 10,000 are kept. One that is mended leaves the list when it is read again.
    """
    from flowrun.commands.unreadable import unreadable as read
    from flowrun.render.json import document
    from flowrun.render.source import unreadable_content, unreadable_text

    found = read(session.store, session.clock, limit=limit)
    if format_ == "json":
        session.terminal.document(document(unreadable_content(found.unreadable)))
    else:
        session.terminal.result(unreadable_text(found.unreadable, found.timezone, session.terminal.width))


def _showing(command: click.decorators.FC) -> click.decorators.FC:
    return click.option("--show", is_flag=True, help="Only print the statements, for you or someone else to run.")(
        command
    )


@source.command(
    epilog="""
    flowrun source install --show
    flowrun source install
    """,
)
@_showing
@click.pass_obj
def install(session: Session, show: bool) -> None:
    """Make in the place what the source rests on: triggers and tables of a database.

    Only what is missing is made, so that installing again mends what someone dropped. Some kinds of source need
    nothing: that is said, and is fine.
    """
    from flowrun.commands.source import install as run

    _tell(session, run(session.project, session.beside, make=not show), show, "installed", "nothing was missing")


@source.command(
    epilog="""
    flowrun source uninstall --show
    """,
)
@_showing
@click.pass_obj
def uninstall(session: Session, show: bool) -> None:
    """Take away what 'source install' made there.

    What it has noticed and no run has read is lost with it; the next full reading finds it.
    """
    from flowrun.commands.source import uninstall as run

    _tell(session, run(session.project, session.beside, make=not show), show, "removed", "nothing was there")


def _tell(session: Session, statements: Sequence[str] | None, show: bool, done: str, nothing: str) -> None:
    from flowrun.render.ink import line

    if statements is None:
        session.terminal.tell([line("This kind of source needs nothing to be installed.")])
        return
    for statement in statements if show else ():
        session.terminal.result([line(statement.rstrip("; \n") + ";")])
    if show:
        return
    count = len(statements)
    said = f"{done}: {count} statement{'' if count == 1 else 's'}" if count else nothing
    session.terminal.result([line(said[0].upper() + said[1:] + ".")])
