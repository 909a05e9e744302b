"""`flowrun apply`: make the store as the files say, or as a saved plan says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from flowrun.clock import Clock
from flowrun.commands import plan_file
from flowrun.commands.allowed import words
from flowrun.commands.author import person
from flowrun.commands.diff import diff
from flowrun.commands.project import Project
from flowrun.engine.deploy import Proposal, deploy, difference, renew_times
from flowrun.engine.preview import USUAL, Question
from flowrun.errors import InvalidFlow, Locked, NoStore, Refused, StalePlan, WorkFailed, WrongUsage
from flowrun.flow.codec import digest
from flowrun.plan import Allowed, changes
from flowrun.plan.saved import BadPlan, Bound, Growth, SavedPlan, Sealed, grown, unsealed
from flowrun.render.moment import moment
from flowrun.render.proposal import proposal_content
from flowrun.store import revisions
from flowrun.store.connection import Store, open_store
from flowrun.store.identity import identity
from flowrun.store.revisions import DIRECT, Occasion

_T = TypeVar("_T")


def apply(
    project: Project,
    store: str,
    clock: Clock,
    agreed: Callable[[Proposal], bool],
    allowed: Allowed | None = None,
    question: Question = USUAL,
) -> int | None:
    """Apply the files; the number of the new revision, or None where there was nothing to change.

    `agreed` is shown the proposal and says whether to go on; it is asked only for what no rail refuses. Raises Refused
    for a "no", for rails that `allowed` doesn't lift, and for an environment that takes only saved plans; StalePlan
    where the store changed in between, or another writer keeps it; else as `diff`.
    """
    proposal = diff(project, store, clock, question, allowed, writing=True)
    if proposal.changes_anything and proposal.flow.confirm == "plan":
        environment = proposal.flow.environment
        raise Refused(
            f"the environment '{environment}' takes only a saved plan (confirm: plan)",
            f"make one and apply it: flowrun diff --env {environment} --out plan.json; flowrun apply plan.json",
        )
    return carry_out(proposal, clock, agreed, allowed or {})


def apply_plan(
    file: Path,
    project: Project,
    store: str | None,
    clock: Clock,
    agreed: Callable[[Proposal, tuple[Growth, ...]], bool],
    allowed: Allowed | None = None,
    question: Question = USUAL,
) -> int | None:
    """Apply the saved plan of that file; the number of the new revision, or None where there was nothing to change.

    `project` is where its files may stand: if its folder is there, it must still say what the plan says. `store` is
    None for the plan's own. `agreed` is shown the proposal, and what has grown of its impact since it was reviewed.
    Raises WorkFailed for what is no plan, was changed, or is another store's; StalePlan for one that is applied
    already, expired, overtaken by another revision, or by the files; WrongUsage for an environment or a variable that
    is not the plan's; else as `apply`.
    """
    sealed = _unsealed(file)
    claim = _good(file, sealed.claim)
    url = store or claim.url
    try:
        with open_store(url, clock) as opened:
            plan = _of_store(file, sealed, claim, opened)
            _check_words(project, plan)
            _check_time(plan, opened, clock)
            _check_files(project, plan)
            found = difference(opened, plan.flow, question, allowed)
    except NoStore:
        if sealed.keyed:
            raise WorkFailed(
                f"{file} was made for the store {url}, which is not there", "say where it is: --store URL"
            ) from None
        plan = _good(file, lambda: sealed.plan(None))
        _check_words(project, plan)
        _check_expiry(plan, clock)
        _check_files(project, plan)
        found = difference(None, plan.flow, question, allowed)
    author = replace(person(), commit=plan.maker.commit, dirty=plan.maker.dirty)
    proposal = Proposal(plan.flow, plan.places, None, url, author, found, "the plan")
    growth = grown(plan.difference, proposal_content(proposal))
    return carry_out(proposal, clock, lambda shown: agreed(shown, growth), allowed or {}, Occasion(plan=plan.id))


def carry_out(
    proposal: Proposal,
    clock: Clock,
    agreed: Callable[[Proposal], bool],
    allowed: Allowed,
    occasion: Occasion = DIRECT,
) -> int | None:
    """Make the proposal the applied revision if nothing refuses it and it is agreed to; see `apply`.

    The revision remembers the occasion, with what `diff` says of the proposal and what was allowed.
    """
    found = proposal.difference
    go_on = agreed(proposal)
    if not proposal.changes_anything:
        if proposal.store.startswith("postgresql"):
            with open_store(proposal.store, clock) as opened:
                renew_times(opened, proposal.flow)
        return None
    if found.refusals:
        count = len(found.refusals)
        raise Refused(f"not applied: {count} refusal{'' if count == 1 else 's'}, above")
    if not go_on:
        raise Refused("not applied")
    said = json.dumps({**proposal_content(proposal), "allowed": words(allowed)}, ensure_ascii=False)
    try:
        with open_store(proposal.store, clock, create=True) as opened:
            return deploy(opened, proposal, allowed, replace(occasion, difference=said))
    except Locked as error:
        raise StalePlan(str(error), error.help) from error


def _unsealed(file: Path) -> Sealed:
    return _good(file, lambda: unsealed(plan_file.read(file)))


def _good(file: Path, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except BadPlan as error:
        raise WorkFailed(f"{file} {error}", error.help) from None


def _of_store(file: Path, sealed: Sealed, claim: Bound, store: Store) -> SavedPlan:
    """The plan, if it was made for that store."""
    with store.read() as connection:
        own = identity(connection)
    if sealed.keyed and claim.identity != own.id:
        raise WorkFailed(
            f"{file} was made for another store than {store.url}",
            "say for which: --store URL; or make a plan for this one: flowrun diff --out PLAN",
        )
    return _good(file, lambda: sealed.plan(own.key if sealed.keyed else None))


def _anew(plan: SavedPlan) -> str:
    environment = f" --env {plan.flow.environment}" if plan.flow.environment else ""
    return f"make a new plan: flowrun diff{environment} --out PLAN"


def _check_words(project: Project, plan: SavedPlan) -> None:
    """A plan has its environment and variables; others given beside it can't be meant."""
    if project.environment is not None and project.environment != plan.flow.environment:
        own = "no environment" if plan.flow.environment is None else f"the environment '{plan.flow.environment}'"
        raise WrongUsage(
            f"the plan is for {own}, not for '{project.environment}'", f"leave --env away, or {_anew(plan)}"
        )
    for name, text in project.variables.items():
        if plan.variables.get(name) != text:
            raise WrongUsage(f"the plan was made without --var {name}={text}", f"leave --var away, or {_anew(plan)}")


def _check_time(plan: SavedPlan, store: Store, clock: Clock) -> None:
    """A plan is for one revision, one time, and some time."""
    with store.read() as connection:
        number = revisions.made_by(connection, plan.id)
        if number is not None:
            done = revisions.revision(connection, number)
            raise StalePlan(
                f"the plan was applied already, as revision {number} at {moment(done.applied_at, plan.flow.timezone)}",
                _anew(plan),
            )
        now = revisions.current(connection)
    _check_expiry(plan, clock)
    bound = plan.bound
    if (bound.revision, bound.digest) != ((now.number, now.digest) if now else (None, None)):
        was = "a store without a revision" if bound.revision is None else f"revision {bound.revision}"
        by = (
            f"; {now.author.name} applied it at {moment(now.applied_at, plan.flow.timezone)}"
            if now and now.author.name
            else ""
        )
        is_now = "none is applied" if now is None else f"the store has revision {now.number} now{by}"
        raise StalePlan(f"the plan is stale: it was made for {was}, and {is_now}", _anew(plan))


def _check_expiry(plan: SavedPlan, clock: Clock) -> None:
    if clock.now() >= plan.valid_until:
        made, until = (moment(instant, plan.flow.timezone) for instant in (plan.made_at, plan.valid_until))
        says = f"the plan has expired: it was made at {made} and valid until {until}"
        raise StalePlan(says, f"{_anew(plan)} --valid 3d")


def _check_files(project: Project, plan: SavedPlan) -> None:
    """Where the files are there, they must say what was reviewed."""
    if not project.folder.exists():
        return
    files = replace(project, environment=plan.flow.environment, variables=plan.variables)
    way_out = f"{_anew(plan)}; or apply the plan where the files are not there, or are those that it was made of"
    try:
        flow, _ = files.flow()
    except InvalidFlow as error:
        first = next(iter(error.findings), None)
        reason = f": {first.message}" if first else ""
        raise StalePlan(
            f"the files in {project.folder} differ from the plan: they have errors{reason}", way_out
        ) from None
    if digest(flow) != digest(plan.flow):
        found = changes(plan.flow, flow).changes
        first_of = f": {found[0].kind} {found[0].id}" if found else ": moved or removed"
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise StalePlan(f"the files in {project.folder} differ from the plan{first_of}{more}", way_out)
