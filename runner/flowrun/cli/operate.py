"""Operations on tunnels and parked firings: `pause`, `resume`, `retry`."""

from __future__ import annotations

import click

from flowrun.cli.frame import Command
from flowrun.cli.session import Session


@click.command(
    cls=Command,
    epilog="""
    flowrun pause won-to-onboarding
    """,
)
@click.argument("tunnel")
@click.pass_obj
def pause(session: Session, tunnel: str) -> None:
    """Let a tunnel wait until it is resumed.

    A deal that a paused move would take stays where it is, and its later moves wait too.
    """
    from flowrun.commands.pause import pause as run
    from flowrun.render.ink import line

    done = run(session.store, session.clock, tunnel)
    session.terminal.result([line(f"{tunnel} {'is paused' if done else 'was paused already'}.")])


@click.command(
    cls=Command,
    epilog="""
    flowrun resume won-to-onboarding
    """,
)
@click.argument("tunnel")
@click.pass_obj
def resume(session: Session, tunnel: str) -> None:
    """Let a paused or tripped tunnel go on.

    A tripped breaker starts to count anew."""
    from flowrun.commands.resume import resume as run
    from flowrun.render.ink import line

    done = run(session.store, session.clock, tunnel)
    session.terminal.result([line(f"{tunnel} {'goes on' if done else 'was neither paused nor tripped'}.")])


@click.command(
    cls=Command,
    epilog="""
    flowrun retry
    flowrun retry d17
    """,
)
@click.argument("deal", required=False)
@click.pass_obj
def retry(session: Session, deal: str | None) -> None:
    """Let parked firings try again: those of one deal, or all.

    Each may pass the budget that parked it once; everything else (stage, condition, time) must still hold.
    """
    from flowrun.commands.retry import retry as run
    from flowrun.render.ink import line

    count = run(session.store, session.clock, deal)
    noun = "firing tries" if count == 1 else "firings try"
    session.terminal.result([line(f"{count or 'No'} parked {noun} again.")])
