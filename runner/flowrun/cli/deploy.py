"""The commands that compare the files with a store and deploy them: `diff`, `apply`, `rollback`, and `history`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowrun.cli.frame import Command, format_option
from flowrun.cli.progress import counting
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.cli.values import PlanPath, how_many, revision_number
from flowrun.errors import Refused, WrongUsage

if TYPE_CHECKING:
    from flowrun.engine.deploy import Proposal
    from flowrun.plan import Refusal
    from flowrun.plan.saved import Growth


_LOOKED_AT = "deals looked at"
"""What a preview counts while it goes on."""


def _allow_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--allow`, which lifts rails for this run."""
    return click.option(
        "--allow",
        "allow",
        multiple=True,
        metavar="RAIL[=N]",
        help="Lift a rail for this run, up to that number of deals (share: percent). Repeatable.",
    )(command)


@click.command(
    cls=Command,
    epilog="""
    flowrun diff
    flowrun diff --env prod --out plan.json
    flowrun diff --samples 5 --sum amount
    flowrun diff --against origin/main --format markdown > comment.md
    """,
)
@click.option("--exit-code", is_flag=True, help="Exit with 2 if there are differences.")
@click.option("--against", metavar="REF", help="Compare with a git revision, or two (A..B), without a store.")
@click.option("--samples", type=click.IntRange(0, 1000), metavar="N", help="Name N deals for each figure.")
@click.option("--sum", "total", metavar="FIELD", help="Sum that field over the deals of each figure.")
@click.option(
    "--out",
    type=PlanPath(),
    metavar="PLAN",
    help="Save it as a plan that 'apply' takes as it was reviewed.",
)
@click.option("--valid", metavar="DURATION", help="How long that plan may be applied. Default: 24h")
@_allow_option
@format_option("text", "json", "markdown")
@click.pass_obj
def diff(
    session: Session,
    exit_code: bool,
    against: str | None,
    samples: int | None,
    total: str | None,
    out: Path | None,
    valid: str | None,
    allow: tuple[str, ...],
    format_: str,
) -> Status:
    """Show what 'apply' would change, and what that does to the live deals.

    Compares the files with the applied revision. Writes nothing but, with '--out', the plan. JSON names three deals for
    each figure; text and Markdown name some where --samples says how many.

    With --against, compares two versions of the files, and needs no store: REF with the files here, A..B, or A...B,
    which begins where the two parted. A folder that wasn't there yet is an empty one.
    """
    if against is not None:
        if samples is not None or total is not None:
            raise WrongUsage("--against looks at no deals", "leave --samples and --sum out")
        if out is not None or allow:
            raise WrongUsage("--against compares files alone", "leave --out and --allow out")
        return _diff_against(session, against, format_, exit_code=exit_code)
    from flowrun.commands import plan_file
    from flowrun.commands.allowed import allowed
    from flowrun.commands.diff import USUALLY_VALID, save, validity
    from flowrun.commands.diff import diff as run
    from flowrun.engine.preview import USUAL, Question
    from flowrun.render.proposal import proposal_content, proposal_markdown, proposal_text

    if valid is not None and out is None:
        raise WrongUsage("--valid is about a saved plan", "add --out PLAN")
    length = validity(USUALLY_VALID if valid is None else valid)
    lifted = allowed(allow)
    if out is not None:
        plan_file.check(out, session.store, session.flows)
    with counting(_LOOKED_AT) as progress:
        question = Question(USUAL.samples if samples is None else samples, total, progress)
        proposal = run(session.project, session.store, session.clock, question, lifted)
    named = samples is not None
    match format_:
        case "json":
            from flowrun.render.json import document

            session.terminal.document(document(proposal_content(proposal)))
        case "markdown":
            session.terminal.document(proposal_markdown(proposal, samples=named))
        case _:
            session.terminal.result(proposal_text(proposal, samples=named))
    if out is not None:
        from flowrun.render.moment import moment

        plan = save(proposal, session.variables, session.clock, length, out)
        until = moment(plan.valid_until, plan.flow.timezone)
        refusals = proposal.difference.refusals if proposal.changes_anything else ()
        session.terminal.note(f"saved as {out}, valid until {until}; {_way_on(out, allow, refusals)}")
    differs = bool(proposal.difference.plan)
    return Status.DIFFERENCES if exit_code and differs else Status.FINE


def _way_on(plan: Path, allow: tuple[str, ...], refusals: tuple[Refusal, ...]) -> str:
    """How to apply that plan, or what apply will say to it; `allow` are the words that it was previewed with."""
    import shlex

    stuck = [str(refusal.rail) for refusal in refusals if refusal.allow is None]
    if stuck:
        rails = ", ".join(dict.fromkeys(stuck))
        return f"apply will refuse it: solve first what no --allow lifts ({rails}), then save it anew"
    rails_left = {str(refusal.rail) for refusal in refusals}
    words = [word for word in allow if word.partition("=")[0] not in rails_left]
    words += [refusal.allow for refusal in refusals if refusal.allow]
    options = [part for word in words for part in ("--allow", word)]
    if refusals:
        return f"apply will refuse it as it is: add {shlex.join(options)} if that is meant"
    return f"apply it with: {shlex.join(['flowrun', 'apply', str(plan), *options])}"


def _diff_against(session: Session, revisions: str, format_: str, *, exit_code: bool) -> Status:
    from flowrun.commands.against import against
    from flowrun.render.proposal import comparison_content, comparison_markdown, comparison_text

    compared = against(session.project, revisions)
    match format_:
        case "json":
            from flowrun.render.json import document

            session.terminal.document(document(comparison_content(compared)))
        case "markdown":
            session.terminal.document(comparison_markdown(compared, str(session.flows)))
        case _:
            session.terminal.result(comparison_text(compared, str(session.flows)))
    return Status.DIFFERENCES if exit_code and compared.plan else Status.FINE


@click.command(
    cls=Command,
    epilog="""
    flowrun apply
    flowrun apply plan.json
    flowrun apply --yes --env staging --allow existing=214
    """,
)
@click.argument("plan", metavar="[PLAN]", required=False, type=PlanPath())
@click.option("--yes", is_flag=True, help="Don't ask. It lifts no rail.")
@_allow_option
@click.pass_obj
def apply(session: Session, plan: Path | None, yes: bool, allow: tuple[str, ...]) -> None:
    """Make the store as the files say.

    Shows the difference and asks; makes the store where there is none yet. With PLAN, a file that 'diff --out' wrote,
    makes the store as that plan says, without files or questions, unless its impact has grown since. Either all of it
    happens, or nothing.
    """
    if plan is not None and "flows" in session.given and not session.flows.exists():
        raise WrongUsage(f"there is no folder '{session.flows}' of flow files", "leave --flows away, or name another")
    from flowrun.commands.allowed import allowed
    from flowrun.commands.apply import apply as run
    from flowrun.commands.apply import apply_plan
    from flowrun.engine.preview import Question
    from flowrun.render.ink import line
    from flowrun.render.proposal import proposal_text

    terminal, lifted, looking = session.terminal, allowed(allow), ExitStack()

    def settled(proposal: Proposal) -> bool:
        looking.close()
        if plan is not None and not proposal.changes_anything:
            terminal.result([line("No changes: the store is as the plan says.")])
        else:
            terminal.result(proposal_text(proposal))
        return bool(proposal.difference.refusals) or not proposal.changes_anything

    def agreed(proposal: Proposal) -> bool:
        return settled(proposal) or yes or _asked("Apply?", "add --yes to apply without being asked")

    def still_agreed(proposal: Proposal, growth: tuple[Growth, ...]) -> bool:
        from flowrun.render.history import growth_text

        if settled(proposal) or not growth:
            return True
        terminal.result(growth_text(growth))
        return yes or _asked("Apply all the same?", "make a new plan, or add --yes to apply this one all the same")

    with looking:
        question = Question(progress=looking.enter_context(counting(_LOOKED_AT)))
        if plan is None:
            number = run(session.project, session.store, session.clock, agreed, lifted, question)
        else:
            store = session.store if "store" in session.given else None
            number = apply_plan(plan, session.project, store, session.clock, still_agreed, lifted, question)
    if number is not None:
        terminal.result([line(f"Applied as revision {number}.")])


@click.command(
    cls=Command,
    epilog="""
    flowrun rollback 41
    flowrun rollback 41 --yes --allow remove-stage=12
    """,
)
@click.argument("revision", metavar="REV", type=revision_number)
@click.option("--yes", is_flag=True, help="Don't ask. It lifts no rail.")
@_allow_option
@click.pass_obj
def rollback(session: Session, revision: int, yes: bool, allow: tuple[str, ...]) -> None:
    """Go back to an earlier revision: apply it anew.

    Shows the difference and asks, as 'apply' does, under the same rails. What was renamed since is renamed back; deals
    and the journal stay. The files stay as they are: the next 'apply' of them goes forward again.
    """
    from flowrun.commands.allowed import allowed
    from flowrun.commands.rollback import rollback as run
    from flowrun.engine.preview import Question
    from flowrun.render.ink import line
    from flowrun.render.proposal import proposal_text

    terminal, looking = session.terminal, ExitStack()

    def agreed(proposal: Proposal) -> bool:
        looking.close()
        if not proposal.changes_anything:
            terminal.result([line(f"No changes: the store is as revision {revision} says.")])
            return True
        terminal.result(proposal_text(proposal))
        return (
            bool(proposal.difference.refusals) or yes or _asked("Go back?", "add --yes to go back without being asked")
        )

    with looking:
        question = Question(progress=looking.enter_context(counting(_LOOKED_AT)))
        number = run(session.store, session.clock, revision, agreed, allowed(allow), question)
    if number is not None:
        terminal.result([line(f"Back at revision {revision}, as revision {number}.")])


@click.command(
    cls=Command,
    epilog="""
    flowrun history
    flowrun history 41
    """,
)
@click.argument("revision", metavar="[REV]", required=False, type=revision_number)
@click.option("--limit", type=how_many, metavar="N", help="Only the newest N revisions.")
@format_option("text", "json")
@click.pass_obj
def history(session: Session, revision: int | None, limit: int | None, format_: str) -> None:
    """Show the applied revisions, newest first.

    With who applied each, when, from where and which git commit. With REV, what that one changed, and what it was said
    to do to the deals when it was applied.
    """
    from flowrun.commands.history import history as run
    from flowrun.commands.history import told
    from flowrun.render import history as show
    from flowrun.render.json import document

    terminal = session.terminal
    if revision is not None:
        if limit is not None:
            raise WrongUsage("--limit is about the list of revisions", "leave it away, or REV")
        one = told(session.store, session.clock, revision)
        if format_ == "json":
            terminal.document(document(show.told_content(one)))
        else:
            terminal.result(show.told_text(one))
        return
    listed = run(session.store, session.clock, limit)
    if format_ == "json":
        terminal.document(document(show.history_content(listed.entries)))
    else:
        terminal.result(show.history_text(listed.entries, listed.timezone, terminal.width))


def _asked(question: str, otherwise: str) -> bool:
    """Whether the answer is yes. Raises Refused where nobody can answer, which `otherwise` says how to do without."""
    if not sys.stdin or not sys.stdin.isatty():
        raise Refused("there is no terminal to ask at", otherwise)
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, EOFError):
            raise Refused("not applied: the terminal gave no answer", otherwise) from None
        raise
