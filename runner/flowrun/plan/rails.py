"""The rails: what a plan may not do to the live deals without being allowed to. This is the one place that decides.

Each rail that a plan runs into is one refusal, with the counts, and with the exact `--allow` that lifts it for one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from flowrun.flow.model import Flow
from flowrun.plan.identity import relocations, renames
from flowrun.plan.impact import Impact, Loses, Loss


class Rail(StrEnum):
    """The rails, by the names that `--allow` takes (cli.md, "Rails")."""

    REMOVE_STAGE = "remove-stage"
    REMOVE_FIELD = "remove-field"
    FIELD_TYPE = "field-type"
    LEAVE_WON = "leave-won"
    EXISTING = "existing"
    SHARE = "share"
    ENVIRONMENT = "environment"
    SOURCE = "source"


Allowed = Mapping[Rail, int | None]
"""What is allowed for one run: up to that number, or without bound (None)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rail that the plan runs into. `allow` is what lifts it, as `--allow` takes it; None where nothing does."""

    rail: Rail
    message: str
    help: str
    allow: str | None


def refusals(
    base: Flow | None, wanted: Flow, impact: Impact, bound: str | None, allowed: Allowed | None = None
) -> tuple[Refusal, ...]:
    """What refuses the plan that leads from `base` (None: an empty store, which holds nothing to lose).

    `bound` is the environment that the store is bound to; None is one too: no environment.
    """
    if base is None:
        return ()
    lifted = allowed or {}
    found = [
        *_stages(base, wanted, impact, lifted),
        *_fields(impact, lifted),
        *_deals(wanted, impact, lifted),
        *_environment(wanted, bound, lifted),
        *_source(base, wanted, impact, lifted),
    ]
    return tuple(found)


def _stages(base: Flow, wanted: Flow, impact: Impact, allowed: Allowed) -> Iterator[Refusal]:
    targets = relocations(base, wanted)
    renamed = renames(base, wanted).stages
    gone = {id_: count for id_, count in impact.stages.items() if count and id_ not in renamed}
    relocated = {id_: count for id_, count in gone.items() if id_ in targets}
    for id_, count in gone.items():
        if id_ not in targets:
            yield Refusal(
                Rail.REMOVE_STAGE,
                f"{_stand(count)} in {id_}, which the files no longer have",
                f"say where they go: 'removed: [{{stage: {id_}, deals: {{to: PIPELINE.STAGE}}}}]', "
                "or rename it by 'moved'; no --allow lifts this",
                None,
            )
    total = sum(relocated.values())
    if total and not _may(allowed, Rail.REMOVE_STAGE, total):
        parts = [f"{_count(count)} from {id_} to {targets[id_]}" for id_, count in relocated.items()]
        yield _liftable(Rail.REMOVE_STAGE, f"removing stages moves {_listed(parts)}", total)


def _fields(impact: Impact, allowed: Allowed) -> Iterator[Refusal]:
    for loss in impact.losses:
        if loss.how is Loses.FOREIGN and loss.deals:
            verb = "holds" if loss.deals == 1 else "hold"
            yield Refusal(
                Rail.REMOVE_FIELD,
                f"the column {loss.field} of deals is another program's, and {_count(loss.deals)} {verb} a value in it",
                f"name the field otherwise, or rename that column: ALTER TABLE deals RENAME COLUMN {loss.field} TO …",
                None,
            )
    for rail, hows in ((Rail.REMOVE_FIELD, {Loses.FIELD, Loses.VALUE, Loses.PLACES}), (Rail.FIELD_TYPE, {Loses.TYPE})):
        lost = [loss for loss in impact.losses if loss.how in hows and loss.deals]
        total = sum(loss.deals for loss in lost)
        if total and not _may(allowed, rail, total):
            yield _liftable(rail, _listed([_loss_text(loss) for loss in lost]), total)


def _deals(wanted: Flow, impact: Impact, allowed: Allowed) -> Iterator[Refusal]:
    rails = wanted.rails
    if impact.left_won and not _may(allowed, Rail.LEAVE_WON, impact.left_won):
        leave = "leaves" if impact.left_won == 1 else "leave"
        yield _liftable(Rail.LEAVE_WON, f"{_count(impact.left_won)} {leave} a won stage at once", impact.left_won)
    if impact.existing > rails.existing and not _may(allowed, Rail.EXISTING, impact.existing):
        says = (
            f"'existing: include' takes {_count(impact.existing)}, more than the {rails.existing:,} of rails.existing"
        )
        yield _liftable(Rail.EXISTING, says, impact.existing)
    share = percent(impact.touched, impact.total)
    if impact.touched * 100 > rails.share * impact.total and not _may(allowed, Rail.SHARE, share):
        verb = "is" if impact.touched == 1 else "are"
        says = (
            f"{impact.touched:,} of {_count(impact.total)} {verb} moved or copied at once: {share} %, "
            f"more than the {rails.share} % of rails.share"
        )
        yield _liftable(Rail.SHARE, says, share)


def _environment(wanted: Flow, bound: str | None, allowed: Allowed) -> Iterator[Refusal]:
    if wanted.environment != bound and Rail.ENVIRONMENT not in allowed:
        yield Refusal(
            Rail.ENVIRONMENT,
            f"the store is bound to {_environment_text(bound)}, and this is {_environment_text(wanted.environment)}",
            f"{_same_environment(bound)}, or bind the store anew: --allow environment",
            str(Rail.ENVIRONMENT),
        )


def _source(base: Flow, wanted: Flow, impact: Impact, allowed: Allowed) -> Iterator[Refusal]:
    if base.source == wanted.source:
        return
    count = impact.unsettled
    if count and not _may(allowed, Rail.SOURCE, count):
        firings = "firing is" if count == 1 else "firings are"
        yield Refusal(
            Rail.SOURCE,
            f"deals are to live elsewhere, and {count:,} {firings} being carried out where they live now",
            "let 'flowrun run --until-idle' bring that to an end first; or, if that place can't be asked any more, "
            f"have them parked: --allow {Rail.SOURCE}={count}",
            f"{Rail.SOURCE}={count}",
        )
    total = 0 if base.source.elsewhere else impact.total
    if total and not _may(allowed, Rail.SOURCE, total):
        yield Refusal(
            Rail.SOURCE,
            f"{_stand(total)} in the store; when deals live in '{wanted.source.type}', those that aren't there are "
            "deleted from the store as soon as all of it has been read",
            "take a store of its own for this source, with --store; or, if these deals are there, or may go: "
            f"--allow {Rail.SOURCE}={total}",
            f"{Rail.SOURCE}={total}",
        )


def percent(part: int, total: int) -> int:
    """The share of the whole in percent, rounded up: what `--allow share=N` must be at least."""
    return -(-part * 100 // total) if total else 0


def _may(allowed: Allowed, rail: Rail, count: int) -> bool:
    if rail not in allowed:
        return False
    most = allowed[rail]
    return most is None or count <= most


def _liftable(rail: Rail, message: str, count: int) -> Refusal:
    allow = f"{rail}={count}"
    return Refusal(rail, message, f"if that is meant: --allow {allow}", allow)


def _loss_text(loss: Loss) -> str:
    verb = "holds" if loss.deals == 1 else "hold"
    match loss.how:
        case Loses.FIELD:
            return f"the field {loss.field} goes, in which {_count(loss.deals)} {verb} a value"
        case Loses.VALUE:
            return f"the value '{loss.what}' of {loss.field} goes, which {_count(loss.deals)} {verb}"
        case Loses.PLACES:
            fate = f", and leaves {loss.emptied:,} of them without it" if loss.emptied else ""
            return (
                f"the places of {loss.field} go from {loss.what}, which rounds the value of {_count(loss.deals)}{fate}"
            )
    kept = loss.deals - loss.emptied
    fate = "all of them keep it" if not loss.emptied else f"{kept:,} keep it, {loss.emptied:,} lose it"
    return f"the type of {loss.field} goes from {loss.what}; {_count(loss.deals)} {verb} a value: {fate}"


def _environment_text(environment: str | None) -> str:
    return "no environment" if environment is None else f"the environment '{environment}'"


def _same_environment(bound: str | None) -> str:
    return "leave --env away" if bound is None else f"use --env {bound}"


def _listed(parts: list[str]) -> str:
    return "; ".join(parts)


def _count(count: int) -> str:
    return f"{count:,} deal{'' if count == 1 else 's'}"


def _stand(count: int) -> str:
    return f"{_count(count)} stand{'s' if count == 1 else ''}"
