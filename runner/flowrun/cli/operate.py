"""Operations on tunnels, parked firings, old history and old fields: `pause`, `resume`, `retry`, `prune`."""

from __future__ import annotations

import sys

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
    What webhooks could not be told is told again, too.
    """
    from flowrun.commands.retry import retry as run
    from flowrun.render.ink import line

    found = run(session.store, session.clock, deal)
    noun = "firing tries" if found.firings == 1 else "firings try"
    lines = [line(f"{found.firings} parked {noun} again." if found.firings else "No firing is parked.")]
    if found.deliveries:
        noun = "firing is" if found.deliveries == 1 else "firings are"
        lines.append(line(f"{found.deliveries} {noun} told to webhooks again."))
    session.terminal.result(lines)


@click.command(
    cls=Command,
    epilog="""
    flowrun prune --older-than 365d --dry-run
    flowrun prune --older-than 52w --yes
    flowrun prune --fields --dry-run
    """,
)
@click.option("--older-than", metavar="DURATION", help="Forget old history; this much is kept in any case: 52w, 365d.")
@click.option("--fields", is_flag=True, help="Drop the values of fields that were removed, or became another type.")
@click.option("--dry-run", is_flag=True, help="Only say how much would go.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def prune(session: Session, older_than: str | None, fields: bool, dry_run: bool, yes: bool) -> None:
    """Forget old history, and values of fields that are no more.

    Old history is rows of the journal of stage entries that are over, and revisions that no row tells of. What keeps a
    tunnel from firing twice stays, however old: the rows of present entries, each deal's latest, and what 'once: deal'
    has fired.

    A field that is removed, or becomes another type, keeps its values aside, so that they come back with it: by
    'rollback', or when it is declared again. '--fields' drops them, for good.
    """
    from flowrun.commands.prune import Waste
    from flowrun.commands.prune import prune as run
    from flowrun.errors import Refused
    from flowrun.render.prune import doomed_text, leftovers_text

    terminal = session.terminal

    def say(waste: Waste, *, done: bool) -> None:
        history = [] if waste.history is None else doomed_text(waste.history, done=done)
        columns = [] if waste.fields is None else leftovers_text(waste.fields, done=done)
        terminal.result([*history, *columns])

    def agreed(waste: Waste) -> bool:
        say(waste, done=False)
        if dry_run or not waste:
            return False
        if yes:
            return True
        if not sys.stdin or not sys.stdin.isatty():
            raise Refused("there is no terminal to ask at", "add --yes to prune without being asked")
        return click.confirm("Prune?", err=True)

    done = run(session.store, session.clock, older_than, fields, agreed)
    if done is not None:
        say(done, done=True)
