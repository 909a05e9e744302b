"""A document as plain data, and the changes that a patch may make to it.

What a change means is said here once, on the data alone; `patch` makes it in the text, and the two must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from flowrun.diagnostics import excerpt
from flowrun.yamldoc import nodes

Plain: TypeAlias = "str | Sequence[Plain] | Mapping[str, Plain] | None"
"""Texts, lists and maps (`dict`, whose order counts). None is a plain null; every other scalar is its text."""

Path = tuple[str | int, ...]
"""The way from the root: keys of mappings, and from 0 the items of sequences."""


class Bare(str):
    """A text that has to be written without quotes: a number or a boolean, which quotes would make a text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Put:
    """What stands at the path becomes `value`. The keys of a mapping that stay, stay in their order."""

    path: Path
    value: Plain


@dataclass(frozen=True, slots=True)
class Add:
    """The mapping or sequence at the path gets one entry more: before the entry at `before`, or at its end.

    `key` is that of the entry; None in a sequence.
    """

    path: Path
    key: str | None
    value: Plain
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """The entry or item at the path is taken out, with the comments that belong to it."""

    path: Path


@dataclass(frozen=True, slots=True)
class Rename:
    """The key of the entry at the path becomes another."""

    path: Path
    key: str


@dataclass(frozen=True, slots=True)
class Move:
    """The entry or item at the path goes before the one that is at `before` now, or to the end."""

    path: Path
    before: int | None


Change = Put | Add | Remove | Rename | Move


class Impossible(Exception):
    """A change can't be made. `reason` says why in a user's words, `help` what to do, or is None."""

    def __init__(self, reason: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(reason)
        self.reason = reason
        self.help = help


def plain(node: nodes.Node) -> Plain:
    """A node as plain data."""
    match node:
        case nodes.Scalar():
            return None if node.plain and node.text in nodes.NULLS else node.text
        case nodes.Sequence(items=items):
            return [plain(item) for item in items]
        case nodes.Mapping(entries=entries):
            return {entry.key.text: plain(entry.value) for entry in entries}


def changed(data: Plain, change: Change) -> Plain:
    """The data with one change made. Raises Impossible where there is no such place."""
    match change:
        case Put(path=path, value=value):
            return _at(data, path, lambda old: merged(old, value))
        case Add(path=path, key=key, value=value, before=before):
            return _at(data, path, lambda old: _added(old, key, value, before))
        case Remove(path=path):
            return _at(data, path[:-1], lambda old: _without(old, path[-1]))
        case Rename(path=path, key=key):
            return _at(data, path[:-1], lambda old: _renamed(old, path[-1], key))
        case Move(path=path, before=before):
            return _at(data, path[:-1], lambda old: _moved(old, path[-1], before))


def merged(old: Plain, new: Plain) -> Plain:
    """`new`, the keys that mappings of `old` had already in their old order."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [*new] if isinstance(new, list | tuple) else new
    kept = {key: merged(value, new[key]) for key, value in old.items() if key in new}
    return kept | {key: value for key, value in new.items() if key not in old}


def same(one: Plain, other: Plain) -> bool:
    """Whether both are the same, the order of keys included."""
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _at(data: Plain, path: Path, change: Callable[[Plain], Plain]) -> Plain:
    """The data with what is at the path changed."""
    if not path:
        return change(data)
    step, rest = path[0], path[1:]
    if isinstance(data, dict) and step in data:
        return data | {step: _at(data[step], rest, change)}
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return [_at(item, rest, change) if n == step else item for n, item in enumerate(data)]
    raise _nowhere(step)


def _nowhere(step: str | int) -> Impossible:
    return Impossible(f"there is no entry '{excerpt(str(step))}' at that place", "reload: the file may have changed")


def _added(old: Plain, key: str | None, value: Plain, before: int | None) -> Plain:
    if isinstance(old, dict) and key is not None and key not in old:
        entries = [*old.items()]
        entries.insert(len(entries) if before is None else before, (key, value))
        return dict(entries)
    if isinstance(old, list) and key is None:
        at = len(old) if before is None else before
        return [*old[:at], value, *old[at:]]
    if isinstance(old, dict):
        raise Impossible(f"there is an entry '{excerpt(str(key))}' already")
    raise Impossible("there is nothing to add to")


def _without(old: Plain, step: str | int) -> Plain:
    if isinstance(old, dict) and step in old:
        return {key: value for key, value in old.items() if key != step}
    if isinstance(old, list) and isinstance(step, int) and 0 <= step < len(old):
        return old[:step] + old[step + 1 :]
    raise _nowhere(step)


def _renamed(old: Plain, step: str | int, new: str) -> Plain:
    if not isinstance(old, dict) or step not in old:
        raise _nowhere(step)
    if new in old and new != step:
        raise Impossible(f"there is an entry '{excerpt(new)}' already")
    return {new if key == step else key: value for key, value in old.items()}


def _moved(old: Plain, step: str | int, before: int | None) -> Plain:
    if isinstance(old, dict):
        if step not in old:
            raise _nowhere(step)
        order = moved_order(len(old), list(old).index(str(step)), before)
        entries = [*old.items()]
        return dict(entries[n] for n in order)
    if isinstance(old, list) and isinstance(step, int) and 0 <= step < len(old):
        return [old[n] for n in moved_order(len(old), step, before)]
    raise _nowhere(step)


def moved_order(count: int, at: int, before: int | None) -> list[int]:
    """The numbers of `count` entries in their order after the one at `at` went before the one at `before`."""
    target = count if before is None else before
    order = [n for n in range(count) if n != at]
    order.insert(target - (target > at), at)
    return order
