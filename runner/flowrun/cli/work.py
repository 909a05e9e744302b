"""What the runner did and would do: `journal`, `pending`, `explain`, `status`."""

from __future__ import annotations

import click

from flowrun.cli.frame import Command, format_option
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.cli.values import how_many


@click.command(
    cls=Command,
    epilog="""
    flowrun journal --deal d1
    flowrun journal --since 2026-03-06 --format json
    """,
)
@click.option("--deal", metavar="ID", help="Only this deal's.")
@click.option("--tunnel", metavar="ID", help="Only this tunnel's.")
@click.option(
    "--result",
    type=click.Choice(["fired", "exists", "declined", "parked", "pending", "shadow"]),
    help="Only with this result.",
)
@click.option("--since", metavar="MOMENT", help="Only from this date or moment on, in the project's zone.")
@click.option("--limit", type=how_many, metavar="N", help="Only the latest so many.")
@format_option("text", "json")
@click.pass_obj
def journal(
    session: Session,
    deal: str | None,
    tunnel: str | None,
    result: str | None,
    since: str | None,
    limit: int | None,
    format_: str,
) -> None:
    """Show what fired, oldest first.

    One row for each deal, tunnel and stage entry: what came of it, when, under which revision, and why.
    """
    from flowrun.commands.journal import journal as read
    from flowrun.render.journal import journal_content, journal_text
    from flowrun.render.json import document

    found = read(session.store, session.clock, deal=deal, tunnel=tunnel, result=result, since=since, limit=limit)
    if format_ == "json":
        session.terminal.document(document(journal_content(found.firings)))
    else:
        session.terminal.result(journal_text(found.firings, found.timezone, session.terminal.width))


@click.command(
    cls=Command,
    epilog="""
    flowrun pending
    flowrun pending --tunnel renewal --limit 20
    """,
)
@click.option("--deal", metavar="ID", help="Only this deal's.")
@click.option("--tunnel", metavar="ID", help="Only this tunnel's.")
@click.option("--limit", type=how_many, metavar="N", help="Only the first so many.")
@click.option("--all", "every", is_flag=True, help="Also what waits for data.")
@format_option("text", "json")
@click.pass_obj
def pending(
    session: Session, deal: str | None, tunnel: str | None, limit: int | None, every: bool, format_: str
) -> None:
    """Show what time will bring, and when: soonest first."""
    from flowrun.commands.pending import pending as read
    from flowrun.render.json import document
    from flowrun.render.pending import pending_content, pending_text

    found = read(session.store, session.clock, deal=deal, tunnel=tunnel, limit=limit, every=every)
    if format_ == "json":
        session.terminal.document(document(pending_content(found)))
    else:
        session.terminal.result(pending_text(found, session.terminal.width))


@click.command(
    cls=Command,
    epilog="""
    flowrun explain d17
    flowrun explain d17 --tunnel won-to-onboarding
    """,
)
@click.argument("deal")
@click.option("--tunnel", metavar="ID", help="Only this tunnel, even if it doesn't leave the deal's stage.")
@format_option("text", "json")
@click.pass_obj
def explain(session: Session, deal: str, tunnel: str | None, format_: str) -> None:
    """Show what each tunnel would do with a deal, when, and what holds it back.

    All tunnels that leave the deal's stage, with the value of each part of the condition. For one that has fired
    already, the journal's row and what the tunnel said then.
    """
    from flowrun.commands.explain import explain as read
    from flowrun.render.explain import explanation_content, explanation_text
    from flowrun.render.json import document

    found = read(session.store, session.clock, deal, tunnel)
    if format_ == "json":
        session.terminal.document(document(explanation_content(found)))
    else:
        session.terminal.result(explanation_text(found))


@click.command(
    cls=Command,
    epilog="""
    flowrun status
    flowrun status --exit-code
    """,
)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 if a tunnel is tripped, a firing parked, a webhook told in vain, or the source in trouble.",
)
@format_option("text", "json")
@click.pass_obj
def status(session: Session, exit_code: bool, format_: str) -> Status:
    """Show the health of the whole: deals by stage, tunnels, and what waits."""
    from flowrun.commands.status import status as read
    from flowrun.render.json import document
    from flowrun.render.status import status_content, status_text

    found = read(session.store, session.clock)
    if format_ == "json":
        session.terminal.document(document(status_content(found, session.address)))
    else:
        session.terminal.result(status_text(found, session.address, session.terminal.width))
    return Status.FAILED if exit_code and not found.healthy else Status.FINE
