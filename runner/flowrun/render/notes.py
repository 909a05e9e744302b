"""What a plan does to the live deals, in words beside the changes that do it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from flowrun.expr.types import Value
from flowrun.flow.model import Action, Flow, Mode, Tunnel
from flowrun.plan import (
    Change,
    ChangeAction,
    ChangeKind,
    Comparison,
    Effect,
    Figure,
    Impact,
    Loses,
    Loss,
    relocations,
    unmerged,
)
from flowrun.render.diff import Notes, Spot, spot
from flowrun.render.ink import shortened, visible
from flowrun.render.moment import counted

TIMES = ("after", "at", "calendar", "window")
"""Keys that say when a tunnel fires: what retimes deals."""
_GATES = ("when", "from", "mode", "once", "existing", "set", *TIMES)
"""Keys that say whether it fires at all, the likeliest first: what cancels waits."""
_NAMES = {
    Figure.NOW: "at once",
    Figure.ALREADY_DUE: "already due",
    Figure.NEWLY_WAITING: "to wait",
    Figure.CANCELLED: "no longer waiting",
    Figure.RETIMED: "retimed",
    Figure.SKIPPED: "left out",
}
_TRIPS = "its breaker trips: more that are due wait for 'flowrun resume'"
_ID = 40
"""Columns that the id of a sample may take."""


def impact_notes(of: Comparison, impact: Impact | None, *, samples: bool = False) -> Notes:
    """The notes for a plan; `impact` is None where there are no deals to look at. `samples` names some of them."""
    beside: dict[Spot, list[str]] = {}
    below: dict[Spot, list[str]] = {}
    told: set[str] = set()
    fates = _Fates(of)
    for change in of.plan.changes:
        for key, note in _notes(change, of, impact, fates):
            beside.setdefault(spot(change, key), []).append(note)
        if impact is not None and change.kind is ChangeKind.TUNNEL:
            told.add(change.id)
            below[spot(change)] = list(_examples(impact.of(change.id), impact.summed, samples=samples))
    apart = []
    for id_, effect in impact.tunnels.items() if impact else ():
        tunnel = of.wanted.tunnels.get(id_)
        notes = [] if id_ in told or tunnel is None else [note for _, note in _effect(tunnel, effect)]
        notes += [_TRIPS] if impact and notes and id_ in impact.trips else []
        if notes:
            apart.append(id_)
            here = (ChangeKind.TUNNEL, id_, None)
            beside[here] = notes
            below[here] = list(_examples(effect, impact.summed if impact else None, samples=samples))
    return Notes(beside, below, apart)


def deals_text(impact: Impact) -> str:
    """`Deals: 12 relocated, 0 moved, 0 copied at once, 9 retimed.`, and more only where there is more."""
    if not impact.played:
        return "Deals: not looked at, since it can't be applied so."
    totals = Counter[Figure]()
    for effect in impact.tunnels.values():
        totals.update(effect.counts)
    parts = [
        f"{impact.relocated:,} relocated",
        f"{impact.moved:,} moved",
        f"{impact.copied:,} copied at once",
        f"{totals[Figure.RETIMED]:,} retimed",
    ]
    if totals[Figure.NEWLY_WAITING]:
        parts.append(f"{totals[Figure.NEWLY_WAITING]:,} to wait")
    if totals[Figure.CANCELLED]:
        parts.append(f"{totals[Figure.CANCELLED]:,} no longer waiting")
    deals = f"Deals: {', '.join(parts)}."
    if not impact.underway:
        return deals
    verb = "is" if impact.underway == 1 else "are"
    return f"{deals} {counted(impact.underway, 'firing')} {verb} on the way to where deals live, and left out."


def impact_content(impact: Impact) -> dict[str, object]:
    """`impact` of the JSON document."""
    return {
        "tunnels": {tunnel: _effect_content(effect) for tunnel, effect in impact.tunnels.items()},
        "deals": {
            "relocated": impact.relocated,
            "moved": impact.moved,
            "copied": impact.copied,
            "touched": impact.touched,
            "total": impact.total,
        },
        "underway": impact.underway,
        "played": impact.played,
        "trips": list(impact.trips),
        "stages": dict(impact.stages),
        "losses": [
            {"how": str(one.how), "field": one.field, "what": one.what, "deals": one.deals, "emptied": one.emptied}
            for one in impact.losses
        ],
        "returning": dict(impact.returning),
    }


def impact_of(content: Mapping[str, Any]) -> Impact:
    """The impact that was written so, without samples and sums; what an older flowrun didn't write is zero."""
    deals = content["deals"]
    return Impact(
        tunnels={id_: _effect_of(effect) for id_, effect in content["tunnels"].items()},
        stages=content.get("stages", {}),
        losses=tuple(
            Loss(Loses(one["how"]), one["field"], one["deals"], one["emptied"], one["what"])
            for one in content.get("losses", ())
        ),
        trips=tuple(content.get("trips", ())),
        underway=content.get("underway", 0),
        played=content.get("played", True),
        returning=content.get("returning", {}),
        **{name: deals.get(name, 0) for name in ("relocated", "moved", "copied", "touched", "total")},
    )


def _effect_of(content: Mapping[str, Any]) -> Effect:
    later = content.get("later_ms")
    return Effect(
        {figure: content.get(str(figure), 0) for figure in Figure},
        later=(later["least"], later["most"]) if later else None,
    )


def _effect_content(effect: Effect) -> dict[str, object]:
    content: dict[str, object] = {str(figure): effect[figure] for figure in Figure}
    if effect.later is not None:
        content["later_ms"] = dict(zip(("least", "most"), effect.later, strict=True))
    if effect.samples:
        content["samples"] = {str(figure): list(ids) for figure, ids in effect.samples.items()}
    if effect.sums:
        content["sums"] = {str(figure): _sum(total, "") for figure, total in effect.sums.items()}
    return content


class _Fates:
    """Where removed stages' deals go, and what is merged: looked up once for all changes."""

    def __init__(self, of: Comparison) -> None:
        base = of.before.flow or Flow("")
        arrivals = Counter((one.kind, one.id) for one in of.plan.changes if one.old_id is not None)
        self.stages = base.stages
        self.targets = relocations(base, of.wanted)
        self.unmerged = unmerged(base, of.wanted)
        self.merged = {spot for spot, count in arrivals.items() if count > 1}
        self.merged |= {(ChangeKind.PIPELINE, id_) for id_ in base.pipelines}
        self.merged |= {(ChangeKind.STAGE, id_) for id_ in base.stages}


def _notes(change: Change, of: Comparison, impact: Impact | None, fates: _Fates) -> Iterator[tuple[str | None, str]]:
    """What one change does, each note with the key that it belongs to."""
    base = of.before.flow
    target = fates.unmerged.get((str(change.kind), change.id))
    if change.action is ChangeAction.REMOVE and target is not None:
        yield None, f"can't be merged into {target}: {change.kind}s are renamed one to one"
    match change.kind:
        case ChangeKind.STAGE | ChangeKind.PIPELINE if base is not None:
            for note in _stood(change, impact, fates):
                yield None, note
        case ChangeKind.FIELD:
            yield from _field(change, impact)
        case ChangeKind.TUNNEL:
            if change.action is ChangeAction.RENAME:
                yield None, "renamed; what it has fired counts"
            if impact is not None:
                removed = change.action is ChangeAction.REMOVE
                tunnel = base.tunnels.get(change.id) if removed and base else of.wanted.tunnels.get(change.id)
                if tunnel is not None:
                    for figure, note in _effect(tunnel, impact.of(change.id)):
                        yield _key(change, figure), note
                    if change.id in impact.trips:
                        yield None, _TRIPS


def _stood(change: Change, impact: Impact | None, fates: _Fates) -> Iterator[str]:
    """What becomes of the deals that stand in a stage or pipeline that is renamed, merged or removed."""
    old = change.old_id if change.old_id is not None else change.id
    if change.action is ChangeAction.RENAME:
        pipeline = change.kind is ChangeKind.PIPELINE
        inside = [id_ for id_ in fates.stages if id_ == old or (pipeline and id_.startswith(f"{old}."))]
        deals = sum(impact.stages.get(id_, 0) for id_ in inside) if impact else 0
        keep = f"; {counted(deals, 'deal')} {'keeps its' if deals == 1 else 'keep their'}" if deals else ""
        if (change.kind, change.id) in fates.merged:
            yield f"merged{keep and f'{keep} history'}"
        else:
            yield f"renamed{keep and f'{keep} place and history'}"
    elif change.action is ChangeAction.REMOVE and change.kind is ChangeKind.STAGE:
        deals = impact.stages.get(old, 0) if impact else 0
        target = fates.targets.get(old)
        if impact is None and target is not None:
            yield f"its deals go to {target}"
        elif deals:
            verb = "goes" if deals == 1 else "go"
            stands = "stands" if deals == 1 else "stand"
            yield (
                f"{counted(deals, 'deal')} {verb} to {target}" if target else f"{counted(deals, 'deal')} {stands} here"
            )


def _field(change: Change, impact: Impact | None) -> Iterator[tuple[str | None, str]]:
    old = change.old_id if change.old_id is not None else change.id
    lost = [loss for loss in impact.losses if loss.deals] if impact else []
    losses = [loss for loss in lost if loss.field == old and loss.how is not Loses.FOREIGN]
    if change.action is ChangeAction.RENAME:
        yield None, "renamed; its values stay"
    if change.action is ChangeAction.ADD and impact and (deals := impact.returning.get(change.id, 0)):
        yield None, f"{counted(deals, 'deal')} {'gets its value' if deals == 1 else 'get their values'} back"
    if change.action is ChangeAction.REMOVE:
        yield None, "".join(_loss(loss) + "; " for loss in losses) + "the column stays, unseen"
        return
    for loss in lost:
        if loss.how is Loses.FOREIGN and loss.field.lower() == change.id:
            verb = "holds" if loss.deals == 1 else "hold"
            yield None, f"another program's column, in which {counted(loss.deals, 'deal')} {verb} a value"
    keys = {key.key for key in change.keys}
    for loss in losses:
        key = {Loses.VALUE: "values", Loses.PLACES: "places", Loses.TYPE: "type"}.get(loss.how)
        yield (key if key in keys else None), _loss(loss)


def _loss(loss: Loss) -> str:
    deals = counted(loss.deals, "deal")
    verb = "holds" if loss.deals == 1 else "hold"
    match loss.how:
        case Loses.FIELD:
            return f"{deals} {verb} a value"
        case Loses.VALUE:
            return f"{deals} {verb} '{loss.what}'"
        case Loses.PLACES:
            fate = f", {loss.emptied:,} lose it" if loss.emptied else ""
            return f"the value of {deals} is rounded{fate}"
    if not loss.emptied:
        return f"{deals} {verb} a value, and all keep it"
    return f"{deals} {verb} a value: {loss.deals - loss.emptied:,} keep it, {loss.emptied:,} lose it"


def _key(change: Change, figure: Figure) -> str | None:
    """The changed key that an effect is most likely due to; None for the tunnel as a whole."""
    if change.action in {ChangeAction.ADD, ChangeAction.REMOVE}:
        return None
    keys = {Figure.RETIMED: TIMES, Figure.CANCELLED: _GATES}.get(figure, ())
    changed = [key.key for key in change.keys]
    return next((key for key in keys if key in changed), None)


def _effect(tunnel: Tunnel, effect: Effect) -> Iterator[tuple[Figure, str]]:
    now, due = effect[Figure.NOW], effect[Figure.ALREADY_DUE]
    if now:
        text = f"{counted(now, 'deal')} {_verb(tunnel)}"
        if due:
            text += f", {f'{due:,} of them' if due < now else 'all'} already due"
        yield Figure.NOW, text
    retimed = effect[Figure.RETIMED]
    if waiting := effect[Figure.NEWLY_WAITING]:
        yield Figure.NEWLY_WAITING, f"{counted(waiting, 'deal')} to wait, due later"
    if retimed:
        how = f": {_shift(*effect.later)}" if effect.later else ": due at another time"
        yield Figure.RETIMED, f"{retimed:,} waiting deal{'' if retimed == 1 else 's'}{how}"
    if cancelled := effect[Figure.CANCELLED]:
        yield Figure.CANCELLED, f"{cancelled:,} no longer {'waits' if cancelled == 1 else 'wait'}"
    if skipped := effect[Figure.SKIPPED]:
        stand = "stands there already is" if skipped == 1 else "stand there already are"
        yield Figure.SKIPPED, f"{skipped:,} that {stand} left out"


def _verb(tunnel: Tunnel) -> str:
    if tunnel.mode is Mode.SHADOW:
        return "would qualify now"
    return "copied at once" if tunnel.action is Action.COPY else "moved at once"


def _shift(least: int, most: int) -> str:
    """`later by 22 h`, `earlier by 1 h to 2 d`, `from 1 h earlier to 2 h later`."""
    if least < 0 < most:
        return f"from {_length(-least)} earlier to {_length(most)} later"
    word = "earlier" if least < 0 else "later"
    low, high = sorted((abs(least), abs(most)))
    return (
        f"{word} by {_length(high)}"
        if _length(low) == _length(high)
        else f"{word} by {_length(low)} to {_length(high)}"
    )


def _length(ms: int) -> str:
    """A length of time in its two largest units; a day is 24 hours here."""
    parts = []
    rest = ms
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count:,} {unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"


def _examples(effect: Effect, summed: str | None, *, samples: bool) -> Iterator[str]:
    """A line for each figure that has sums, or samples where those are wanted."""
    named: Mapping[Figure, tuple[str, ...]] = effect.samples if samples else {}
    for figure in _NAMES:
        parts = []
        if ids := named.get(figure):
            more = [f"… ({effect[figure]:,} in all)"] if effect[figure] > len(ids) else []
            parts.append(", ".join([*(shortened(visible(id_), _ID) for id_ in ids), *more]))
        if figure in effect.sums:
            parts.append(f"sum of {summed}: {_sum(effect.sums[figure], ',')}")
        if parts:
            yield f"{_NAMES[figure]}: {'   '.join(parts)}"


def _sum(total: Value, separator: str) -> str:
    return format(total, f"{separator}f") if isinstance(total, Decimal) else format(int(str(total)), separator)
