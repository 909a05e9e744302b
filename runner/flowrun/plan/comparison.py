"""Two versions of the files beside each other: what leads from one to the other, and where each part of it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowrun.flow.model import Flow, Place, Places
from flowrun.plan.changes import Change, ChangeAction, ChangeKind, Plan

OPTION = "--var"
"""The file that `Places` names for a value from the command line."""

_PATH = {
    ChangeKind.VAR: "vars.",
    ChangeKind.FIELD: "fields.",
    ChangeKind.CALENDAR: "calendars/",
    ChangeKind.SETTING: "settings/",
    ChangeKind.TUNNEL: "tunnels.",
    ChangeKind.WEBHOOK: "webhooks/",
}
"""How the paths of each kind in `Places` begin; pipelines and stages go by their bare id."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version: `revision` of a store, `ref` of git, or else the files. `flow` is None where there is none yet.

    `commit` is that of git: of the ref, or of the checkout in which the files are, or were; `dirty` says whether they
    are changed since. None where it isn't known. `named` is what it is called where it is none of these.
    """

    flow: Flow | None
    places: Places = field(default_factory=dict)
    revision: int | None = None
    ref: str | None = None
    commit: str | None = None
    dirty: bool | None = None
    named: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What leads from `before` to `after`. `after.flow` is never None."""

    before: Side
    after: Side
    plan: Plan

    @property
    def wanted(self) -> Flow:
        """The flow that it leads to."""
        assert self.after.flow is not None
        return self.after.flow

    def place(self, change: Change) -> Place | None:
        """Where the thing stands, or stood if it is gone; None where that isn't known."""
        places = self.before.places if _gone(change) else self.after.places
        return places.get(_path(change))

    def origin(self, change: Change, key: str) -> Place | None:
        """What gives that key its value from outside the declaration; None if the declaration itself does.

        Either a place in the chosen environment's block, or one in the file `OPTION`.
        """
        return None if _gone(change) else self.after.places.get(f"from/{_path(change)}.{key}")


def _path(change: Change) -> str:
    return _PATH.get(change.kind, "") + change.id


def _gone(change: Change) -> bool:
    return change.action is ChangeAction.REMOVE
