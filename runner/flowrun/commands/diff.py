"""`flowrun diff`: what applying the files would change, what that does to the live deals, and saving it as a plan."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from flowrun.calendars.durations import DAY, MINUTE, BadDuration, Duration, parse_duration
from flowrun.calendars.zones import zone
from flowrun.clock import Clock
from flowrun.commands import plan_file
from flowrun.commands.author import author
from flowrun.commands.project import Project
from flowrun.engine.deploy import Proposal, difference
from flowrun.engine.preview import USUAL, Question
from flowrun.errors import NoStore, StalePlan, WrongUsage
from flowrun.plan import Allowed
from flowrun.plan.saved import Bound, Maker, SavedPlan, content, sealed
from flowrun.render.json import document
from flowrun.render.proposal import proposal_content
from flowrun.store import revisions
from flowrun.store.connection import check_makeable, open_store
from flowrun.store.identity import Identity, identity, without_password

USUALLY_VALID = "24h"
"""How long a plan is valid where nothing else is said."""

_LONGEST_DAYS = 30


def diff(
    project: Project,
    store: str,
    clock: Clock,
    question: Question = USUAL,
    allowed: Allowed | None = None,
    *,
    writing: bool = False,
) -> Proposal:
    """Compare the files with the store. Writes nothing, and makes no store.

    `allowed` are the rails to leave out. `writing`: the caller is about to write, so the tables of an older store may
    be brought up to date; without it, one is refused. Raises InvalidFlow for files with errors, WorkFailed for a store
    that can't be used, or made where there is none.
    """
    flow, loaded = project.flow()
    try:
        with open_store(store, clock, read_only=not writing) as opened:
            found = difference(opened, flow, question, allowed)
    except NoStore:
        check_makeable(store)
        found = difference(None, flow, question, allowed)
    return Proposal(flow, loaded.places, str(project.folder), store, author(project.folder), found)


def validity(text: str) -> Duration:
    """How long a plan is to be valid: from a minute to 30 days. Raises WrongUsage."""
    try:
        found = parse_duration(text, business=False)
    except BadDuration as error:
        raise WrongUsage(f"--valid: {error}", "write for example 24h or 3d") from None
    if not MINUTE <= found.days * DAY + found.ms <= _LONGEST_DAYS * DAY:
        raise WrongUsage(
            f"--valid: a plan can be valid from a minute to {_LONGEST_DAYS} days, not for '{text}'",
            "write for example 24h or 3d",
        )
    return found


def save(proposal: Proposal, variables: Mapping[str, str], clock: Clock, valid: Duration, path: Path) -> SavedPlan:
    """Write the proposal to that file as a plan, which is what it returns. `variables` are those of the command line.

    Raises StalePlan if another revision was applied since the proposal was made, WorkFailed where the file can't be
    written.
    """
    base = proposal.difference.base
    store = _identity(proposal.store, clock, base.number) if base is not None else None
    now = clock.now()
    plan = SavedPlan(
        id=secrets.token_hex(16),
        made_at=now,
        valid_until=zone(proposal.flow.timezone).shift(now, valid),
        maker=Maker(*astuple(proposal.author)),
        bound=Bound(
            without_password(proposal.store),
            store.id if store else None,
            base.number if base else None,
            base.digest if base else None,
        ),
        variables=variables,
        flow=proposal.flow,
        places=proposal.places,
        difference=proposal_content(proposal),
    )
    plan_file.write(path, sealed(document(content(plan)), store.key if store else None))
    return plan


def _identity(store: str, clock: Clock, revision: int) -> Identity:
    with open_store(store, clock, read_only=True) as opened, opened.read() as connection:
        now = revisions.current(connection)
        if now is None or now.number != revision:
            raise StalePlan("another revision was applied in the meantime", "make the difference again: flowrun diff")
        return identity(connection)
