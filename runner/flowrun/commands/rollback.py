"""`flowrun rollback`: back to an earlier revision, through a difference and the rails like any apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from flowrun.clock import Clock
from flowrun.commands.apply import carry_out
from flowrun.commands.author import person
from flowrun.engine.deploy import Difference, Proposal, difference
from flowrun.engine.history import unknown
from flowrun.engine.preview import USUAL, Question
from flowrun.errors import Refused
from flowrun.flow.model import Flow
from flowrun.plan import Allowed, Rail, Refusal, renames
from flowrun.plan.back import NoWayBack, back
from flowrun.store import revisions
from flowrun.store.connection import open_store
from flowrun.store.revisions import Occasion


def rollback(
    store: str,
    clock: Clock,
    number: int,
    agreed: Callable[[Proposal], bool],
    allowed: Allowed | None = None,
    question: Question = USUAL,
) -> int | None:
    """Apply that revision anew; the number of the new one, or None where there was nothing to change.

    Raises WorkFailed where there is no such revision, Refused where the ids of then can't be had back in one step, else
    as `apply`, but for environments that take only saved plans: going back has to be possible at once.
    """
    with open_store(store, clock) as opened:
        with opened.read() as connection:
            current = revisions.applied(connection)
            then = revisions.find(connection, number)
            if then is None:
                raise unknown(number, revisions.numbers(connection))
            between = [one for one in revisions.numbers(connection) if number < one < current.number]
            middle = [revisions.revision(connection, one).flow for one in reversed(between)]
        try:
            last = [current.flow] if number != current.number else []
            wanted = back([then.flow, *middle, *last])
        except NoWayBack as error:
            raise Refused(
                f"revision {number} can't be had back at once: {error}",
                f"go back step by step: flowrun rollback {current.number - 1}",
            ) from None
        found = _of_then(difference(opened, wanted, question, allowed), current.flow, wanted, number)
    author = replace(person(), commit=then.author.commit, dirty=then.author.dirty)
    proposal = Proposal(wanted, then.places, None, store, author, found, f"revision {number}")
    return carry_out(proposal, clock, agreed, allowed or {}, Occasion(back_to=number))


def _of_then(found: Difference, now: Flow, wanted: Flow, number: int) -> Difference:
    """The difference, with refusals that speak of the earlier revision where they would of the files."""
    hard = {refusal for refusal in found.refusals if refusal.rail is Rail.REMOVE_STAGE and refusal.allow is None}
    others = tuple(refusal for refusal in found.refusals if refusal not in hard)
    return replace(found, refusals=(*_stages(found, now, wanted, number), *others)) if hard else found


def _stages(found: Difference, now: Flow, wanted: Flow, number: int) -> Iterator[Refusal]:
    renamed = renames(now, wanted).stages
    for stage, count in found.impact.stages.items():
        if count and stage not in renamed:
            noun = "deal stands" if count == 1 else "deals stand"
            yield Refusal(
                Rail.REMOVE_STAGE,
                f"{count:,} {noun} in {stage}, which revision {number} doesn't have",
                "move them to another stage first: flowrun deals list --stage "
                f"{stage}; flowrun deals move DEAL PIPELINE.STAGE",
                None,
            )
