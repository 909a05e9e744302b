"""What the store was told to obey, and when: its revisions one by one, and what each of them changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowrun.errors import WorkFailed
from flowrun.plan import Plan, changes
from flowrun.store import revisions
from flowrun.store.connection import Store
from flowrun.store.revisions import Author, Revision


@dataclass(frozen=True, slots=True)
class Entry:
    """One applied revision. `applied_at` is an instant (ms, UTC).

    `summary` counts its changes by action, and is None where what it followed on is pruned. `plan` is the id of the
    saved plan that it came from, `back_to` the revision that it went back to; None where there is none.
    """

    number: int
    applied_at: int
    author: Author
    environment: str | None
    summary: Mapping[str, int] | None
    plan: str | None
    back_to: int | None
    current: bool


@dataclass(frozen=True, slots=True)
class History:
    """Revisions, newest first, and the zone of the project that they are shown in."""

    timezone: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One revision with what it changed.

    `before` is the revision that it followed on (None: it was the first). `plan` is None where that is pruned,
    `difference` (the content of the JSON document that `diff` would have written then, with what was `allowed`) where
    nothing was remembered.
    """

    timezone: str
    entry: Entry
    before: Revision | None
    revision: Revision
    plan: Plan | None
    difference: Mapping[str, Any] | None


def history(store: Store, limit: int | None = None) -> History:
    """The applied revisions, the newest `limit` of them; None: all that aren't pruned.

    Raises WorkFailed for a store without a revision.
    """
    with store.read() as connection:
        current = revisions.applied(connection)
        entries = []
        for number in revisions.numbers(connection, limit):
            one = current if number == current.number else revisions.revision(connection, number)
            said = _said(one)
            plan = None
            if said is None:
                before = revisions.find(connection, number - 1)
                plan = changes(before.flow if before else None, one.flow) if before or number == 1 else None
            entries.append(_entry(one, current.number, said, plan))
        return History(current.flow.timezone, tuple(entries))


def told(store: Store, number: int) -> Told:
    """That revision, with what it changed. Raises WorkFailed as `history`, and where there is no such revision."""
    with store.read() as connection:
        current = revisions.applied(connection)
        one = revisions.find(connection, number)
        if one is None:
            raise unknown(number, revisions.numbers(connection))
        before = revisions.find(connection, number - 1)
        plan = changes(before.flow if before else None, one.flow) if before or number == 1 else None
        said = _said(one)
        return Told(current.flow.timezone, _entry(one, current.number, said, plan), before, one, plan, said)


def unknown(number: int, known: list[int]) -> WorkFailed:
    """What to say where there is no such revision; `known` are those that there are, newest first."""
    newest, oldest = known[0], known[-1]
    if number > newest:
        return WorkFailed(f"there is no revision {number}; the newest is {newest}", "see: flowrun history")
    which = f"the oldest is {oldest}" if number < oldest else f"the nearest are {_nearest(number, known)}"
    return WorkFailed(f"revision {number} is gone by 'flowrun prune'; {which}", "see: flowrun history")


def _nearest(number: int, known: list[int]) -> str:
    before = max(one for one in known if one < number)
    after = min(one for one in known if one > number)
    return f"{before} and {after}"


def _said(one: Revision) -> dict[str, Any] | None:
    text = one.occasion.difference
    said: dict[str, Any] | None = None if text is None else json.loads(text)
    return said


def _entry(one: Revision, current: int, said: Mapping[str, Any] | None, plan: Plan | None) -> Entry:
    computed = None if plan is None else {str(action): count for action, count in plan.summary.items()}
    return Entry(
        number=one.number,
        applied_at=one.applied_at,
        author=one.author,
        environment=one.flow.environment,
        summary=computed if said is None else said["summary"],
        plan=one.occasion.plan,
        back_to=one.occasion.back_to,
        current=one.number == current,
    )
