"""The command line: click, exit statuses, and the only printing.

`main` runs one command and is the one place that turns an exception into an exit status. The modules beside it:
`catalogue` lists the commands, `frame` is the click machinery they share, `session` is what the options before the
command come to, `terminal` prints, and each further module declares a group of commands and prints their results.
Nothing here imports a command before it is asked for, so that `flowrun --help` stays instant.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.diagnostics import did_you_mean
from flowrun.errors import FlowrunError

_COMPLETION = "_FLOWRUN_COMPLETE"
"""Set by a shell that completes a command line (click's "Shell Completion")."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command that the arguments (by default those of the process) name; returns the exit status."""
    try:
        with _noticing_interrupts() as interrupted:
            status = _run(_texts(sys.argv[1:] if arguments is None else arguments), Session(), interrupted)
    except KeyboardInterrupt:
        status = Status.INTERRUPTED
    return status if _flushed() else status or Status.FAILED


def _texts(arguments: Sequence[str]) -> list[str]:
    """The arguments as UTF-8, whatever the locale; what is none of it keeps its surrogates, and is told later."""
    texts = []
    for argument in arguments:
        try:
            texts.append(os.fsencode(argument).decode())
        except UnicodeError:
            texts.append(argument)
    return texts


@contextmanager
def _noticing_interrupts() -> Iterator[Callable[[], bool]]:
    """Yields a function that says whether there was an interrupt.

    One that comes while the database calls a function of ours is not what it ends with: the database reports a failed
    function.
    """
    seen: list[int] = []

    def notice(number: int, _frame: object) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT)
    ours = usual is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, notice)
    try:
        yield lambda: bool(seen)
    finally:
        if ours:
            signal.signal(signal.SIGINT, usual)


def _run(arguments: list[str], session: Session, interrupted: Callable[[], bool]) -> int:
    from flowrun.cli.frame import root

    try:
        # Not `root.main`, which has its own ideas of closed pipes, interrupts and exit statuses.
        if completion := os.environ.get(_COMPLETION):
            from click.shell_completion import shell_complete

            return shell_complete(root, {}, "flowrun", _COMPLETION, completion)
        with root.make_context("flowrun", arguments, obj=session) as context:
            return root.invoke(context) or Status.FINE
    except click.exceptions.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        return Status.FAILED
    except FlowrunError as error:
        session.show(error)
        return error.exit_status
    except click.UsageError as error:
        session.terminal.complain(*_usage(error))
        return Status.USAGE
    except click.ClickException as error:
        session.terminal.complain(error.format_message())
        return Status.FAILED
    except (click.Abort, KeyboardInterrupt):
        session.terminal.complain("interrupted")
        return Status.INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        session.terminal.complain(f"{where}{error.strerror or error}")
        return Status.FAILED
    except Exception as error:  # noqa: BLE001 - whatever else comes this far is a defect, and says so
        if interrupted():
            session.terminal.complain("interrupted")
            return Status.INTERRUPTED
        from flowrun.cli.defect import report

        session.terminal.complain(*report(error, arguments, session.masked))
        return Status.DEFECT


def _usage(error: click.UsageError) -> tuple[str, str]:
    """The message in flowrun's own manner, and what to do."""
    path = error.ctx.command_path if error.ctx else "flowrun"
    if isinstance(error, click.NoSuchOption):
        message = f"there is no option '{error.option_name}'"
        close = did_you_mean(error.option_name, error.possibilities or ())
        return message, close or f"{path} --help"
    message = error.format_message().removesuffix(".")
    return message[:1].lower() + message[1:], f"{path} --help"


def _flushed() -> bool:
    """Whether everything printed has gone out. What can't is dropped, or the interpreter would complain at its end."""
    done = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            done = False
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return done
