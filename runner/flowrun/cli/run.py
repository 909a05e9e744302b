"""The runner: `run`, its log, and what it serves beside its work."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from flowrun.cli.frame import Command
from flowrun.cli.session import Session
from flowrun.errors import WorkFailed, WrongUsage

if TYPE_CHECKING:
    from flowrun.engine.events import Event
    from flowrun.serving.server import Watch


def _logging(context: click.Context, _option: click.Parameter, value: str) -> None:
    """From here on, whatever is said on stderr is a line of the log."""
    if value == "json":
        from flowrun.cli.log import Log

        session = context.ensure_object(Session)
        session.log = Log(session.masked)


def _served(
    session: Session, listen: str, token_file: Path | None, tell: Callable[[Event], None]
) -> AbstractContextManager[Watch]:
    from flowrun.serving.address import parsed
    from flowrun.serving.tokens import Tokens

    address = parsed(listen)
    tokens = Tokens(token_file, os.environ.get("FLOWRUN_TOKEN"))
    try:
        from flowrun.serving.server import serving
    except ImportError as error:
        raise WorkFailed(
            f"--listen needs packages that are not installed ({error.name})", "pip install 'flowrun[server]'"
        ) from None
    return serving(address, session.store, session.clock, session.masked, tell, tokens)


@click.command(
    cls=Command,
    epilog="""
    flowrun run
    flowrun run --until-idle
    flowrun run --listen :9464 --log-format json
    flowrun run --listen :9464 --token-file tokens.txt
    """,
)
@click.option("--until-idle", is_flag=True, help="End when no deal is awake, but for those that someone else holds.")
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
@click.option(
    "--listen",
    metavar="HOST:PORT",
    envvar="FLOWRUN_LISTEN",
    help="Serve /healthz, /readyz and /metrics there; :PORT is for this machine alone. [FLOWRUN_LISTEN]",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="FLOWRUN_TOKEN_FILE",
    help="With --listen: take deals (PUT /deals/ID, POST /deals:batch) from whoever has a token of this file, one a "
    "line. [FLOWRUN_TOKEN_FILE]",
)
@click.pass_obj
def run(session: Session, until_idle: bool, once: bool, listen: str | None, token_file: Path | None) -> None:
    """Run the applied revision: watch the deals and fire tunnels.

    Obeys the applied revision, not the files. Goes on until it is stopped: SIGTERM or Ctrl-C finish the batch, a second
    one ends it at once.
    """
    from flowrun.cli.progress import counting
    from flowrun.commands.run import Until
    from flowrun.commands.run import run as go
    from flowrun.engine.events import Began, Ticked
    from flowrun.render.events import event_content, event_text
    from flowrun.render.totals import totals_text

    if until_idle and once:
        raise WrongUsage("--until-idle and --once exclude each other", "give one of them")
    typed = click.get_current_context().get_parameter_source("token_file") is ParameterSource.COMMANDLINE
    if typed and listen is None:
        raise WrongUsage("--token-file is for deals that come over HTTP", "say where to listen: --listen HOST:PORT")
    until = Until.IDLE if until_idle else Until.ONCE if once else Until.STOPPED
    log, terminal = session.log, session.terminal
    folder = session.beside
    with (
        counting("deals looked at", shown=until is Until.IDLE and log is None) as progress,
        ExitStack() as stack,
    ):

        def tell(event: Event) -> None:
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

        if listen is None:
            totals = go(session.store, session.clock, until, tell, folder=folder)
        else:
            watch = stack.enter_context(_served(session, listen, token_file, tell))

            def hear(event: Event) -> None:
                watch.hear(event)
                tell(event)

            totals = go(session.store, session.clock, until, hear, watch.step, folder)
    if log is None:
        terminal.result(totals_text(totals))
