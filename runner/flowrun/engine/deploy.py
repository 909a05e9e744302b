"""Deploying a flow: how it differs from the applied one, what that does to the live deals, and making it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowrun.engine.live import apply_flow
from flowrun.engine.losses import Loss, losses
from flowrun.engine.preview import would_fire
from flowrun.errors import StalePlan
from flowrun.flow.model import Flow, Places
from flowrun.plan import Plan, changes
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.revisions import Author, Revision


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying a flow would change. `base` is None for a store without a revision, or none at all.

    `now` counts, per tunnel of the flow, the deals that it would take at once; `losses` refuse the whole.
    """

    base: Revision | None
    plan: Plan
    now: Mapping[str, int] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """Files beside the store that they would be applied to. `folder` and `store` (a URL) are as the user named them."""

    flow: Flow
    places: Places
    folder: str
    store: str
    author: Author
    difference: Difference

    @property
    def changes_anything(self) -> bool:
        """Whether applying it makes a new revision: there is a change, or no revision yet."""
        return self.difference.base is None or bool(self.difference.plan)


def difference(store: Store | None, flow: Flow) -> Difference:
    """Compare the flow with the store's applied revision (None: the store is yet to be made). Nothing is written."""
    if store is None:
        return Difference(None, changes(None, flow), dict.fromkeys(flow.tunnels, 0))
    with store.read() as connection:
        base = revisions.current(connection)
        if base is None:
            return Difference(None, changes(None, flow), dict.fromkeys(flow.tunnels, 0))
        plan = changes(base.flow, flow)
        lost = losses(connection, base.flow, flow)
        now = {} if lost else would_fire(connection, flow, store.clock.now())
        return Difference(base, plan, now, lost)


def deploy(store: Store, proposal: Proposal) -> int:
    """Make the proposal's flow the applied revision, entirely or not at all; its number.

    Raises StalePlan if, since the proposal was made, another revision was applied, or the deals have come to hold what
    it would lose.
    """
    seen = proposal.difference.base
    with store.write() as transaction:
        base = revisions.current(transaction.connection)
        if (base.number if base else None) != (seen.number if seen else None):
            raise StalePlan(
                "another revision was applied in the meantime", "look at the difference again: flowrun diff"
            )
        if lost := losses(transaction.connection, base.flow if base else None, proposal.flow):
            raise StalePlan(f"the deals have changed in the meantime: {lost[0].message}", lost[0].help)
        return apply_flow(transaction, proposal.flow, proposal.places, proposal.author)
