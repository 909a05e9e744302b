"""The runner: `run`, its log, and what it serves beside its work."""

from __future__ import annotations

import click

from flowrun.cli.frame import Command
from flowrun.cli.session import Session
from flowrun.errors import WrongUsage


def _logging(context: click.Context, _option: click.Parameter, value: str) -> None:
    """From here on, whatever is said on stderr is a line of the log."""
    if value == "json":
        from flowrun.cli.log import Log

        session = context.ensure_object(Session)
        session.log = Log(session.masked)


@click.command(
    cls=Command,
    epilog="""
    flowrun run
    flowrun run --until-idle
    """,
)
@click.option("--until-idle", is_flag=True, help="End when no deal is awake.")
@click.option("--once", is_flag=True, help="Do one batch and end.")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    envvar="FLOWRUN_LOG_FORMAT",
    callback=_logging,
    expose_value=False,
    help="How to tell what happens, on stderr. [FLOWRUN_LOG_FORMAT]",
)
@click.pass_obj
def run(session: Session, until_idle: bool, once: bool) -> None:
    """Run the applied revision: watch the deals and fire tunnels.

    Obeys the applied revision, not the files. Goes on until it is stopped: SIGTERM or Ctrl-C finish the batch, a second
    one ends it at once.
    """
    from flowrun.cli.progress import counting
    from flowrun.commands.run import Until
    from flowrun.commands.run import run as go
    from flowrun.engine.events import Began, Event, Ticked
    from flowrun.render.events import event_content, event_text
    from flowrun.render.totals import totals_text

    if until_idle and once:
        raise WrongUsage("--until-idle and --once exclude each other", "give one of them")
    until = Until.IDLE if until_idle else Until.ONCE if once else Until.STOPPED
    log, terminal = session.log, session.terminal
    with counting("deals looked at", shown=until is Until.IDLE and log is None) as progress:

        def hear(event: Event) -> None:
            if isinstance(event, Ticked):
                progress(event.totals.looked)
            if log is None:
                told = event_text(event)
                terminal.tell([told] if told else [])
                return
            if isinstance(event, Began):
                log.bind(runner=event.runner.id)
            if content := event_content(event):
                level, name, more = content
                log.write(level, name, **more)

        totals = go(session.store, session.clock, until, hear)
    if log is None:
        terminal.result(totals_text(totals))
