"""Orders: what becomes of those of one file, and the patches that make it so.

Each order is judged on its row as the file has it now. What a row would say after a change is read before anything is
written: a value that would not come back as it is has no place in the file, and the order is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flowrun.diagnostics import excerpt
from flowrun.expr.types import Value
from flowrun.sources.files.given import Given
from flowrun.sources.files.layout import CantHold
from flowrun.sources.files.looking import Seen
from flowrun.sources.files.rows import Edit, Patch, Table, Written
from flowrun.sources.interface import Action, Bad, Conflict, Done, Later, Order, Outcome, Record, Refused


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done for the order of that number: patches, or a new row (None). `proved`: it was read back."""

    number: int
    id: str
    edit: Edit
    patches: Sequence[Patch] | None
    proved: bool


@dataclass(slots=True)
class Batch:
    """The orders of one file, each with its outcome if the patches of all of them come to pass."""

    seen: Seen
    table: Table
    given: Given
    now: int
    outcomes: list[Outcome] = field(default_factory=list)
    digests: dict[str, int] = field(default_factory=dict)
    _tasks: list[_Task] = field(default_factory=list)

    def take(self, order: Order) -> None:
        """Take an order."""
        edit = Edit(order.to_stage, order.fields, self.now, order.key if order.action is Action.COPY else None)
        try:
            outcome = self._copy(order, edit) if order.action is Action.COPY else self._move(order, edit)
        except CantHold as error:
            outcome = self._refused(error)
        self.outcomes.append(outcome)

    def patches(self) -> Sequence[Patch]:
        """What makes the outcomes true. Those that can't be are refused by now."""
        try:
            return self._proved(self._tasks)
        except CantHold:
            # One of them spoils it for all: each is tried by itself.
            self._tasks = [task for task in self._tasks if self._bears(task)]
            return self._proved(self._tasks)

    def _bears(self, task: _Task) -> bool:
        try:
            self._proved([task])
        except CantHold as error:
            self.outcomes[task.number] = self._refused(error)
            return False
        return True

    def _proved(self, tasks: Sequence[_Task]) -> Sequence[Patch]:
        """The patches of all of these. Raises CantHold where they don't make the rows say what they should."""
        patches = [patch for task in tasks for patch in task.patches or ()]
        if new := [(task.id, task.edit) for task in tasks if task.patches is None]:
            patches += self.table.added(new).patches
        if not all(task.proved for task in tasks):
            proof = self.table.proof(patches)
            for task in tasks:
                written = self._checked(proof.get(task.id, Written((), Bad("", "it would not be there"))), task.edit)
                self.digests[task.id] = written.digest
        return patches

    def _refused(self, error: CantHold) -> Refused:
        return Refused(f"{self.seen.name} can't hold it: {error}")

    def _move(self, order: Order, edit: Edit) -> Outcome:
        row = self.seen.index.row(order.id)
        assert row is not None
        said = self.table.record(row)
        if isinstance(said, Bad):
            return Later(f"{said.where}: {said.reason}")
        if any(task.id == order.id for task in self._tasks):
            return Later("another order for the same deal goes first", 0.0)
        if is_done(said, order, self.table):
            return Done(order.id)
        if said.stage != order.from_stage:
            return Conflict(f"it stands in {said.stage} in {self.seen.name}:{row.line}")
        if self.given.differs(self.seen.name, order.id, row.digest):
            return Conflict(f"{self.seen.name}:{row.line} has been edited since it was read")
        written = self._checked(self.table.changed(row, edit), edit)
        self._tasks.append(_Task(len(self.outcomes), order.id, edit, written.patches, written.says is not None))
        self.digests[order.id] = written.digest
        return Done(order.id)

    def _copy(self, order: Order, edit: Edit) -> Outcome:
        new_id = order.new_id or ""
        if (row := self.seen.index.row(new_id)) is not None:
            said = self.table.record(row)
            if isinstance(said, Record) and is_done(said, order, self.table):
                return Done(new_id)
            return Refused(
                f"{self.seen.name}:{row.line} has the id '{excerpt(new_id)}', and is not as the copy would be"
            )
        if any(task.id == new_id for task in self._tasks):
            return Later("another order for the same deal goes first", 0.0)
        written = self._checked(self.table.added([(new_id, edit)]), edit)
        self._tasks.append(_Task(len(self.outcomes), new_id, edit, None, written.says is not None))
        return Done(new_id)

    def _checked(self, written: Written, edit: Edit) -> Written:
        """Raises CantHold where the row would not say what it should."""
        if written.says is None:
            return written
        if isinstance(written.says, Bad):
            raise CantHold(written.says.reason)
        for name, value in edit.fields.items():
            if self.table.knows(name) and not _same(written.says.fields.get(name), value):
                raise CantHold(f"'{name}' would be read as another value than it is")
        if written.says.stage != edit.stage:
            raise CantHold("the stage would be read as another one")
        return written


def is_done(said: Record, order: Order, table: Table) -> bool:
    """Whether the row is as the order would have it: by the key of the firing, where the file keeps it."""
    by_key = order.action is Action.COPY and said.key == order.key
    return by_key or _holds(said, order.to_stage, order.fields, table)


def _holds(said: Record, stage: str, fields: Mapping[str, Value], table: Table) -> bool:
    """Whether a row says that stage and those values, of the fields that its file has."""
    return said.stage == stage and all(
        _same(said.fields.get(name), value) for name, value in fields.items() if table.knows(name)
    )


def _same(found: Value, value: Value) -> bool:
    """Whether they are the same value; padding of a text is not read, so it does not count."""
    if isinstance(value, str):
        return (found.strip() if isinstance(found, str) else "") == value.strip()
    return found == value
