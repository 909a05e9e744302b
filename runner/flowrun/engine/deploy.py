"""Deploying a flow: how it differs from the applied one, what that does to the live deals, and making it so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from flowrun.engine.holdings import losses, standing_in
from flowrun.engine.live import apply_flow
from flowrun.engine.preview import NONE, USUAL, Passages, Question, previewed, unmoved
from flowrun.engine.underway import unsettled
from flowrun.errors import StalePlan
from flowrun.flow.model import Flow, Places
from flowrun.plan import Allowed, Impact, Plan, Refusal, changes, refusals
from flowrun.store import revisions, schema
from flowrun.store.connection import Store
from flowrun.store.revisions import DIRECT, Author, Occasion, Revision
from flowrun.store.tables import flowrun


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying a flow would change, at one instant. `base` is None for a store without a revision, or none at all.

    `impact` is what that does to the live deals; `refusals` are the rails that it runs into and that nothing lifts yet.
    `passages` names the deals that would go at once, where that was asked for.
    """

    base: Revision | None
    plan: Plan
    impact: Impact
    refusals: tuple[Refusal, ...] = ()
    passages: Passages = NONE


@dataclass(frozen=True, slots=True)
class Proposal:
    """A flow beside the store that it would be applied to.

    `folder` (None: a saved plan, or an earlier revision) and `store` (a URL) are as the user named them. `named` is
    what the flow is called where it comes from no files.
    """

    flow: Flow
    places: Places
    folder: str | None
    store: str
    author: Author
    difference: Difference
    named: str | None = None

    @property
    def changes_anything(self) -> bool:
        """Whether applying it makes a new revision: there is a change, or no revision yet."""
        return self.difference.base is None or bool(self.difference.plan)


def difference(
    store: Store | None, flow: Flow, question: Question = USUAL, allowed: Allowed | None = None
) -> Difference:
    """Compare the flow with the store's applied revision (None: the store is yet to be made). Nothing is written."""
    base, bound = None, None
    if store is not None:
        with store.read() as connection:
            base, bound = revisions.current(connection), _bound(connection)
    if store is None or base is None:
        return Difference(None, changes(None, flow), unmoved(flow, question))
    with previewed(store, base, flow, question) as preview:
        impact, passages = preview.impact(), preview.passages()
    found = refusals(base.flow, flow, impact, bound, allowed)
    return Difference(base, changes(base.flow, flow), impact, found, passages)


def deploy(store: Store, proposal: Proposal, allowed: Allowed | None = None, occasion: Occasion = DIRECT) -> int:
    """Make the proposal's flow the applied revision, entirely or not at all; its number.

    Raises StalePlan if, since the proposal was made, another revision was applied, or the deals have come to hold what
    it would lose.
    """
    seen = proposal.difference.base
    with store.write(alone=True) as transaction:
        connection = transaction.connection
        base = revisions.current(connection)
        if (base.number if base else None) != (seen.number if seen else None):
            raise StalePlan(
                "another revision was applied in the meantime", "look at the difference again: flowrun diff"
            )
        if base is not None:
            held = Impact(
                stages=standing_in(connection, base.flow, proposal.flow),
                losses=losses(connection, base.flow, proposal.flow),
                unsettled=unsettled(connection),
            )
            if lost := refusals(base.flow, proposal.flow, held, _bound(connection), allowed):
                raise StalePlan(f"the deals have changed in the meantime: {lost[0].message}", lost[0].help)
        return apply_flow(transaction, proposal.flow, proposal.places, proposal.author, occasion)


def renew_times(store: Store, flow: Flow) -> None:
    """Have the database know today's time zone data for the applied flow; nothing on SQLite, which asks Python."""
    if store.engine.dialect.name == "postgresql":
        with store.write(alone=True) as transaction:
            schema.provide_times(transaction.connection, flow, None)


def _bound(connection: Connection) -> str | None:
    found: Any = connection.execute(select(flowrun.c.environment)).scalar_one()
    return None if found is None else str(found)
