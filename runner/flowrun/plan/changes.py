"""The changes that lead from one flow to another: a pure function, and the only place that compares two flows.

Things are compared by what they mean: references to a renamed stage or field are the same reference, lists that are
sets have no order, a default that is written out is no change. What a person sees before and after a key is text, as an
author writes it. Order is a change where it has a meaning: of the stages of a pipeline, and of two tunnels that leave
one stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from flowrun.flow.model import Action, Flow, Tunnel
from flowrun.plan.identity import Renames, carried, renames
from flowrun.plan.order import overtakings
from flowrun.plan.written import (
    Keys,
    calendar_keys,
    field_keys,
    list_text,
    pipeline_keys,
    setting_keys,
    stage_keys,
    tokens,
    tunnel_keys,
    var_keys,
    webhook_keys,
)

_Thing = TypeVar("_Thing")


class ChangeAction(StrEnum):
    """What happens to the thing."""

    RENAME = "rename"
    REMOVE = "remove"
    CHANGE = "change"
    ADD = "add"


class ChangeKind(StrEnum):
    """What sort of thing it is."""

    SETTING = "setting"
    VAR = "var"
    FIELD = "field"
    CALENDAR = "calendar"
    PIPELINE = "pipeline"
    STAGE = "stage"
    TUNNEL = "tunnel"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key, before and after, as an author writes it; None where the key is not given."""

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one thing. `old_id` is set for renames only, whose `keys` are what else changed.

    `keys` of an added or removed thing are those that differ from their default. A setting's only value has the key
    `value`.
    """

    action: ChangeAction
    kind: ChangeKind
    id: str
    keys: tuple[KeyChange, ...] = ()
    old_id: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, by kind, then removed before added, then in the order of the files."""

    changes: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def summary(self) -> Mapping[ChangeAction, int]:
        """How many changes there are of each action, none left out."""
        counts = Counter(change.action for change in self.changes)
        return {action: counts[action] for action in ChangeAction}


def changes(base: Flow | None, wanted: Flow) -> Plan:
    """What leads from `base` to `wanted`; everything is added where `base` is None (an empty store)."""
    old = base or _EMPTY
    renamed = renames(old, wanted)
    new_names = carried(old, renamed)
    found = [
        *_things(ChangeKind.SETTING, setting_keys(old) if base else {}, setting_keys(wanted)),
        *_things(ChangeKind.VAR, _each(old.vars, var_keys), _each(wanted.vars, var_keys)),
        *_things(
            ChangeKind.FIELD,
            _each(new_names.fields, field_keys),
            _each(wanted.fields, field_keys),
            renamed.fields,
        ),
        *_things(ChangeKind.CALENDAR, _each(old.calendars, calendar_keys), _each(wanted.calendars, calendar_keys)),
        *_things(ChangeKind.PIPELINE, *_pipelines(new_names, wanted, renamed), renamed.pipelines, old.pipelines),
        *_things(ChangeKind.STAGE, *_stages(new_names, wanted), _on_their_own(renamed), old.stages),
        *_things(ChangeKind.TUNNEL, *_tunnels(new_names, wanted), renamed.tunnels),
        *_things(ChangeKind.WEBHOOK, _each(old.webhooks, webhook_keys), _each(wanted.webhooks, webhook_keys)),
    ]
    kinds, actions = list(ChangeKind), list(ChangeAction)
    found.sort(key=lambda change: (kinds.index(change.kind), actions.index(change.action)))
    return Plan(tuple(found))


_EMPTY = Flow(project="")
_TUNNEL = tunnel_keys(Tunnel(id="", sources=(), target="", action=Action.COPY), {})


def _default(kind: ChangeKind, id_: str) -> Keys:
    """What the keys of a thing are where its author gives none; an added or removed thing doesn't list these."""
    if kind is ChangeKind.SETTING:
        return setting_keys(_EMPTY)[id_]
    return {**_TUNNEL, "action": None} if kind is ChangeKind.TUNNEL else {}


def _each(things: Mapping[str, _Thing], keys: Callable[[_Thing], Keys]) -> dict[str, Keys]:
    return {id_: keys(thing) for id_, thing in things.items()}


def _things(
    kind: ChangeKind,
    before: Mapping[str, Keys],
    after: Mapping[str, Keys],
    renamed: Mapping[str, str] | None = None,
    known: Collection[str] = (),
) -> Iterator[Change]:
    """The changes of one kind. `before` goes by the new ids; `known` are the ids that the base had, for merges."""
    fresh: set[str] = set()
    for old, new in (renamed or {}).items():
        merged = new in known or new in fresh
        yield Change(ChangeAction.RENAME, kind, new, () if merged else _differences(before[new], after[new]), old)
        if new not in known:
            fresh.add(new)
    for id_, keys in before.items():
        if id_ not in after:
            given = _differences(_default(kind, id_), keys)
            gone = tuple(KeyChange(key.key, key.after, None) for key in given if key.after is not None)
            yield Change(ChangeAction.REMOVE, kind, id_, gone)
    for id_, keys in after.items():
        if id_ not in before:
            given = _differences(_default(kind, id_), keys)
            come = tuple(KeyChange(key.key, None, key.after) for key in given if key.after is not None)
            if come or kind is not ChangeKind.SETTING:
                yield Change(ChangeAction.ADD, kind, id_, come)
        elif id_ not in fresh and (differences := _differences(before[id_], keys)):
            yield Change(ChangeAction.CHANGE, kind, id_, differences)


def _differences(before: Keys, after: Keys) -> tuple[KeyChange, ...]:
    keys = dict.fromkeys([*after, *before])
    return tuple(KeyChange(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key))


def _pipelines(old: Flow, wanted: Flow, renamed: Renames) -> tuple[dict[str, Keys], dict[str, Keys]]:
    """The pipelines' keys, with `stages` where the order of those that stay is another."""
    before, after = _each(old.pipelines, pipeline_keys), _each(wanted.pipelines, pipeline_keys)
    arrived = {new for id_, new in renamed.stages.items() if _home(id_, renamed) != new.partition(".")[0]}
    for id_ in before.keys() & after.keys():
        was = [stage.id for stage in old.pipelines[id_].stages if stage.id not in arrived]
        now = [stage.id for stage in wanted.pipelines[id_].stages]
        stay = set(was) & set(now)
        orders = [list_text(stage.partition(".")[2] for stage in order if stage in stay) for order in (was, now)]
        if orders[0] != orders[1]:
            before[id_] = {**before[id_], "stages": orders[0]}
            after[id_] = {**after[id_], "stages": orders[1]}
    return before, after


def _home(stage: str, renamed: Renames) -> str:
    pipeline = stage.partition(".")[0]
    return renamed.pipelines.get(pipeline, pipeline)


def _on_their_own(renamed: Renames) -> dict[str, str]:
    """Renames of stages that don't just follow from their pipeline's."""
    return {old: new for old, new in renamed.stages.items() if new != f"{_home(old, renamed)}.{old.partition('.')[2]}"}


def _stages(old: Flow, wanted: Flow) -> tuple[dict[str, Keys], dict[str, Keys]]:
    was, now = old.stages, wanted.stages
    aligned = {
        id_: replace(stage, requires=_aligned(stage.requires, now[id_].requires)) if id_ in now else stage
        for id_, stage in was.items()
    }
    return _each(aligned, stage_keys), _each(now, stage_keys)


def _tunnels(old: Flow, wanted: Flow) -> tuple[dict[str, Keys], dict[str, Keys]]:
    was, now = old.tunnels, wanted.tunnels
    before = {
        id_: tunnel_keys(_alike(tunnel, now[id_]) if id_ in now else tunnel, old.fields) for id_, tunnel in was.items()
    }
    after = {id_: tunnel_keys(tunnel, wanted.fields) for id_, tunnel in now.items()}
    for id_ in before.keys() & after.keys():
        if before[id_]["fields"] != after[id_]["fields"] and _alike(was[id_], now[id_]).copies == now[id_].copies:
            before[id_] = {**before[id_], "fields": after[id_]["fields"]}
    for id_, (passed, let_pass) in overtakings(old, wanted).items():
        before[id_] = {**before[id_], "order": _order(after=passed, before=let_pass)}
        after[id_] = {**after[id_], "order": _order(before=passed, after=let_pass)}
    return before, after


def _order(*, before: Sequence[str], after: Sequence[str]) -> str:
    parts = [("before", before), ("after", after)]
    return "; ".join(f"{word} {', '.join(ids)}" for word, ids in parts if ids)


def _alike(old: Tunnel, new: Tunnel) -> Tunnel:
    """The old tunnel with whatever means the same as in the new one written like there."""
    when, unless, origin_in = old.when, old.unless_exists, old.origin_in
    if when and new.when and tokens(when.text) == tokens(new.when.text):
        when = new.when
    if unless and new.unless_exists:
        unless = replace(unless, same=_aligned(unless.same, new.unless_exists.same))
    if origin_in is not None and new.origin_in is not None:
        origin_in = _aligned(origin_in, new.origin_in)
    return replace(
        old,
        sources=_aligned(old.sources, new.sources),
        when=when,
        unless_exists=unless,
        copies=_aligned(old.copies, new.copies),
        origin_in=origin_in,
    )


def _aligned(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    """The old list in the order of the new one if both are the same set."""
    return new if set(old) == set(new) else old
