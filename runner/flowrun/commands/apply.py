"""`flowrun apply`: make the store as the files say."""

from __future__ import annotations

from collections.abc import Callable

from flowrun.clock import Clock
from flowrun.commands.diff import diff
from flowrun.commands.project import Project
from flowrun.engine.deploy import Proposal, deploy
from flowrun.errors import Refused
from flowrun.store.connection import open_store


def apply(project: Project, store: str, clock: Clock, agreed: Callable[[Proposal], bool]) -> int | None:
    """Apply the files; the number of the new revision, or None where there was nothing to change.

    `agreed` is shown the proposal and says whether to go on. Raises Refused for a "no", and where deals or values
    would be lost; StalePlan where the store changed in between; else as `diff`.
    """
    proposal = diff(project, store, clock)
    found = proposal.difference
    if not proposal.changes_anything:
        agreed(proposal)
        return None
    if proposal.flow.confirm == "plan":
        raise Refused(
            f"the environment '{proposal.flow.environment}' takes only a saved plan (confirm: plan)",
            "saved plans are not possible yet; apply without 'confirm: plan'",
        )
    go_on = agreed(proposal)
    if found.refusals:
        count = len(found.refusals)
        raise Refused(f"not applied: {count} refusal{'' if count == 1 else 's'}, above")
    if not go_on:
        raise Refused("not applied")
    with open_store(store, clock, create=True) as opened:
        return deploy(opened, proposal)
