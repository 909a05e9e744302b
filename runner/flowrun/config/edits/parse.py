"""Edits out of plain JSON: `{"kind": "tunnel.set", "id": "renewal", "key": "when", "value": "deal.paid"}`.

The keys of each kind are those of its class in `model`; `KINDS` has the names that differ. Numbers and booleans in
values become their texts, as YAML writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flowrun.config.edits import model
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.flow.model import JSON
from flowrun.yamldoc.plain import Bare, Plain

MAX_EDITS = 1_000
"""Edits of one batch."""
MAX_DEPTH = 10
"""How deep lists and maps of a value may stand in each other; the format has four levels."""

_Read = Callable[[JSON, str], Any]


class BadEdit(Exception):
    """What was given is no edit. `str(error)` says why, in one line."""


def parse_edit(data: JSON) -> model.Edit:
    """The edit that the JSON is. Raises BadEdit."""
    if isinstance(data, Mapping) and data.get("kind") == "batch":
        edits = data.get("edits")
        _no_others(data, {"edits"})
        if not isinstance(edits, list) or not 0 < len(edits) <= MAX_EDITS:
            raise BadEdit(f"`edits` of a batch must be a list of 1 to {MAX_EDITS:,} edits")
        return model.Batch(tuple(_single(one) for one in edits))
    return _single(data)


def _single(data: JSON) -> model.Single:
    if not isinstance(data, Mapping):
        raise BadEdit(f"an edit must be an object with a `kind`, found {_found(data)}")
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        hint = did_you_mean(kind, _KINDS) if isinstance(kind, str) else None
        raise BadEdit(f"there is no edit of the kind {_found(kind)}; {hint or 'the kinds are ' + ', '.join(_KINDS)}")
    make, keys = _KINDS[kind]
    _no_others(data, keys)
    values = {}
    for key, (name, read, required) in keys.items():
        if key in data:
            values[name] = read(data[key], key)
        elif required:
            raise BadEdit(f"`{kind}` needs `{key}`")
    made: model.Single = make(**values)
    return made


def _no_others(data: Mapping[str, JSON], keys: Mapping[str, object] | set[str]) -> None:
    for key in data:
        if key != "kind" and key not in keys:
            raise BadEdit(f"`{excerpt(str(data.get('kind')))}` has no `{excerpt(key)}`; it has {', '.join(keys)}")


def _text(value: JSON, key: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadEdit(f"`{key}` must be a text with something in it, found {_found(value)}")
    return value


def _optional(value: JSON, key: str) -> str | None:
    return None if value is None else _text(value, key)


def _texts(value: JSON, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise BadEdit(f"`{key}` must be a list with something in it, found {_found(value)}")
    return tuple(_text(one, f"{key}[{n}]") for n, one in enumerate(value))


def _map(value: JSON, key: str) -> Mapping[str, JSON]:
    if not isinstance(value, Mapping):
        raise BadEdit(f"`{key}` must be an object, found {_found(value)}")
    return value


def _keys(value: JSON, key: str) -> Mapping[str, Plain]:
    return {name: _plain(one, f"{key}.{name}") for name, one in _map(value, key).items()}


def _deals(value: JSON, key: str) -> Mapping[str, str]:
    return {} if value is None else {name: _text(one, f"{key}.{name}") for name, one in _map(value, key).items()}


def _one_of(*words: str) -> _Read:
    def read(value: JSON, key: str) -> str:
        if value not in words:
            raise BadEdit(f"`{key}` must be {' or '.join(words)}, found {_found(value)}")
        return str(value)

    return read


def _stage(value: JSON, key: str) -> model.NewStage:
    given = _map(value, key)
    for name in given:
        if name not in {"id", "name", "outcome"}:
            raise BadEdit(f"`{key}` has no `{excerpt(name)}`; it has id, name, outcome")
    id_, name_ = _text(given.get("id"), f"{key}.id"), _optional(given.get("name"), f"{key}.name")
    return model.NewStage(id_, name_, _optional(given.get("outcome"), f"{key}.outcome"))


def _stages(value: JSON, key: str) -> tuple[model.NewStage, ...]:
    if not isinstance(value, list) or not value:
        raise BadEdit(f"`{key}` must be a list of stages, found {_found(value)}")
    return tuple(_stage(one, f"{key}[{n}]") for n, one in enumerate(value))


def _plain(value: JSON, key: str, depth: int = 0) -> Plain:
    """A value as texts, lists and maps."""
    if depth > MAX_DEPTH:
        raise BadEdit(f"`{excerpt(key)}` is nested deeper than {MAX_DEPTH} levels")
    match value:
        case None | str():
            return value
        case bool():
            return Bare("true" if value else "false")
        case int():
            return Bare(value)
        case float():
            raise BadEdit(f"`{excerpt(key)}` must be written as a text: {value} may not be exact")
        case Mapping():
            return {str(name): _plain(one, f"{key}.{name}", depth + 1) for name, one in value.items()}
    return [_plain(one, f"{key}[{n}]", depth + 1) for n, one in enumerate(value)]


def _found(value: JSON) -> str:
    match value:
        case None:
            return "nothing"
        case str():
            return f"'{excerpt(value)}'"
        case Mapping():
            return "an object"
        case list():
            return "a list" if value else "an empty list"
    return str(value)


def _add_stage(
    pipeline: str,
    short: str,
    name: str | None = None,
    outcome: str | None = None,
    before: str | None = None,
) -> model.AddStage:
    return model.AddStage(pipeline, model.NewStage(short, name, outcome), before)


_Keys = dict[str, tuple[str, _Read, bool]]
_ID: _Keys = {"id": ("id", _text, True)}
_STAGE: _Keys = {"stage": ("stage", _text, True)}
_TO: _Keys = {"to": ("to", _text, True)}
_FILE: _Keys = {"file": ("file", _optional, False)}
_BEFORE: _Keys = {"before": ("before", _optional, True)}
_VALUE: _Keys = {"value": ("value", _plain, True)}

_KINDS: dict[str, tuple[Callable[..., model.Single], _Keys]] = {
    "tunnel.add": (
        model.AddTunnel,
        {
            **_ID,
            "from": ("sources", _texts, True),
            "to": ("target", _text, True),
            "action": ("action", _one_of("move", "copy"), True),
            "keys": ("keys", _keys, True),
            **_FILE,
        },
    ),
    "tunnel.set": (model.SetTunnel, {**_ID, "key": ("key", _text, True), **_VALUE}),
    "tunnel.rename": (model.RenameTunnel, {**_ID, **_TO}),
    "tunnel.remove": (model.RemoveTunnel, _ID),
    "pipeline.add": (
        model.AddPipeline,
        {**_ID, "name": ("name", _optional, True), "stages": ("stages", _stages, True), **_FILE},
    ),
    "pipeline.set": (model.SetPipeline, {**_ID, "key": ("key", _one_of("name", "calendar"), True), **_VALUE}),
    "pipeline.rename": (model.RenamePipeline, {**_ID, **_TO}),
    "pipeline.remove": (model.RemovePipeline, {**_ID, "deals": ("deals", _deals, True)}),
    "pipeline.move": (model.MovePipeline, {**_ID, **_BEFORE}),
    "stage.add": (
        _add_stage,
        {
            "pipeline": ("pipeline", _text, True),
            "id": ("short", _text, True),
            "name": ("name", _optional, False),
            "outcome": ("outcome", _optional, False),
            "before": ("before", _optional, False),
        },
    ),
    "stage.set": (
        model.SetStage,
        {**_STAGE, "key": ("key", _one_of("name", "outcome", "requires"), True), **_VALUE},
    ),
    "stage.rename": (model.RenameStage, {**_STAGE, **_TO}),
    "stage.remove": (model.RemoveStage, {**_STAGE, "deals_to": ("deals_to", _optional, True)}),
    "stage.move": (model.MoveStage, {**_STAGE, **_BEFORE}),
}
"""The class of each kind, and of each key: the argument, what reads it, and whether it must be there."""
