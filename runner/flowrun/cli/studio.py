"""The studio: `studio`, its page and what it may do."""

from __future__ import annotations

import gc
import hmac
import secrets
import signal
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from flowrun.cli.frame import Command
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.errors import WorkFailed, WrongUsage
from flowrun.render.ink import Ink, Line, Run, line

if TYPE_CHECKING:
    from flowrun.studio.launch import Launch

USUAL = "127.0.0.1:8765"


@click.command(
    cls=Command,
    epilog="""
    flowrun studio
    flowrun studio --open --allow-apply
    flowrun studio --read-only --store postgresql://reader@db/sales
    flowrun studio --listen 0.0.0.0:8765 --token-file tokens.txt
    """,
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default=USUAL,
    show_default=True,
    envvar="FLOWRUN_STUDIO_LISTEN",
    help="Where to serve the page. [FLOWRUN_STUDIO_LISTEN]",
)
@click.option("--read-only", is_flag=True, help="Write nothing: neither files nor deals.")
@click.option("--allow-apply", is_flag=True, help="Let the page apply what it has previewed.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Let in whoever has a token of this file, one a line; needed where other machines can reach it.",
)
@click.option("--open", "browse", is_flag=True, help="Open the page in the browser.")
@click.pass_obj
def studio(
    session: Session, listen: str, read_only: bool, allow_apply: bool, token_file: Path | None, browse: bool
) -> Status:
    """Show and edit the flows in the browser: a page over the files.

    Draws pipelines and tunnels with what the store says of them. Each edit is a small change of the YAML files, shown
    as a diff. Nothing reaches the live deals but what is previewed and, with --allow-apply, applied. Goes on until it
    is stopped: SIGTERM or Ctrl-C.
    """
    from flowrun.serving.address import parsed
    from flowrun.serving.tokens import Tokens
    from flowrun.store.connection import files_of
    from flowrun.studio.launch import Launch

    if read_only and allow_apply:
        raise WrongUsage("--read-only and --allow-apply exclude each other", "give one of them")
    files_of(session.store)  # an address that is none is told now, not by the page
    address = parsed(listen)
    try:
        from flowrun.studio.guard import is_loopback
        from flowrun.studio.server import serving
    except ImportError as error:
        raise WorkFailed(
            f"the studio needs packages that are not installed ({error.name})", "pip install 'flowrun[server]'"
        ) from None
    if token_file is None and not is_loopback(address.host):
        raise WrongUsage(
            f"--listen {listen}: other machines could reach the studio there, so it needs tokens",
            "make some (openssl rand -hex 32 > tokens.txt) and add --token-file tokens.txt; "
            f"or listen at {USUAL}, for this machine alone",
        )
    token = secrets.token_urlsafe(32) if token_file is None else None
    fits = _only(token) if token is not None else Tokens(token_file, None).fits
    launch = Launch(session.project, session.store, session.clock, session.masked, read_only, allow_apply)
    terminal = session.terminal
    with _stopping() as stopped, serving(launch, address, fits, terminal.note) as url:
        page = f"{url}/?token={token or 'TOKEN'}"
        terminal.result(_banner(launch, session.address, page, token_file))
        if browse:
            threading.Thread(target=webbrowser.open, args=(page if token else url,), daemon=True).start()
        try:
            stopped.wait()
            status = Status.FINE
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
    # The interpreter ends with a last look for garbage among all that was made; that would take longer than the rest.
    gc.freeze()
    return status


def _only(token: str) -> Callable[[str], bool]:
    return lambda given: hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


def _banner(launch: Launch, store: str, page: str, token_file: Path | None) -> list[Line]:
    may = (
        "it writes nothing (--read-only)"
        if launch.read_only
        else "edits change the files; previews can be applied (--allow-apply)"
        if launch.allow_apply
        else "edits change the files; nothing is applied without --allow-apply"
    )
    lines = [
        line(Run("flowrun studio", Ink.BOLD), f"  {launch.project.folder.as_posix().rstrip('/')}/ and {store}"),
        line("  ", Run(page, Ink.CYAN)),
        line(f"  {may}; stop with Ctrl-C"),
    ]
    return [*lines, line(f"  TOKEN is one of {token_file}")] if token_file is not None else lines


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGTERM sets. Ctrl-C is a KeyboardInterrupt, as in every command."""
    stop = threading.Event()

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = signal.signal(signal.SIGTERM, asked)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
