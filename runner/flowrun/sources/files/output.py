"""The output: a file of firings beside deals that flowrun may not write, one JSON object a line, in their order.

It is read along with the deals: a deal stands where the file of deals says, and from there goes the moves that begin
where it stands. So a move counts until whoever keeps the deals has made it there too (then it no longer begins where
the deal stands), or has put the deal somewhere else. Copies are deals of their own until the files have them.

Lines are only ever added, by one write under a lock, and made durable. A process that dies within it leaves half a line
at most, which nobody has been told of; it is passed over, and taken off before the next line.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowrun.clock import iso, parse_instant
from flowrun.expr.types import Type, Value
from flowrun.expr.values import BadValue, from_json, to_json
from flowrun.sources.files.rewriting import sync
from flowrun.sources.interface import Action, Order, Record


@dataclass(frozen=True, slots=True)
class Firing:
    """A line: the deal `id` moved to `to`, or made there."""

    key: str
    action: Action
    id: str
    from_: str
    to: str
    fields: Mapping[str, Value]
    fired_at: int | None
    end: int


@dataclass(slots=True)
class Output:
    """The firings in that file, as of the last `refresh`: by deal, and the keys of all. `place` is how far that goes:
    the file's inode, and bytes of it."""

    path: Path
    types: Mapping[str, Type]
    firings: dict[str, list[Firing]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    place: tuple[int, int] = (0, 0)

    def refresh(self) -> None:
        """Read what was added. Raises OSError."""
        if not self.path.exists():
            self._forget()
            return
        with self.path.open("rb") as file:
            self._take(file.fileno())

    def made(self) -> set[str]:
        """The deals that copies made."""
        return {id_ for id_, firings in self.firings.items() if firings[0].action is Action.COPY}

    def since(self, place: tuple[int, int]) -> list[str]:
        """The deals of lines that came after that place; of all, where the file is another one."""
        at = place[1] if place[0] == self.place[0] else 0
        return [id_ for id_, firings in self.firings.items() if firings[-1].end > at]

    def said(self, id_: str, record: Record | None) -> Record | None:
        """The deal as the firings leave it; `record` is what the files say, None if nothing."""
        for firing in self.firings.get(id_, ()):
            if firing.action is Action.COPY:
                if record is None:
                    fields = {**dict.fromkeys(self.types), **firing.fields}
                    record = Record(id_, firing.to, fields, firing.fired_at, firing.key)
            elif record is not None and record.stage == firing.from_:
                known = {name: value for name, value in firing.fields.items() if name in self.types}
                record = replace(record, stage=firing.to, fields={**record.fields, **known})
        return record

    def add(self, orders: Sequence[Order], now: int) -> None:
        """Add lines for these orders; those that have one already get none. Raises OSError."""
        made = not self.path.exists()
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            whole = self._take(file.fileno())
            file.truncate(whole)
            text = "".join(self._line(order, now) for order in orders if order.key not in self.keys)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            self._take(file.fileno())
        if made:
            sync(self.path.parent)

    def _line(self, order: Order, now: int) -> str:
        content = {
            "key": order.key,
            "action": order.action.value,
            "deal": order.id,
            "id": order.new_id if order.action is Action.COPY else order.id,
            "from": order.from_stage,
            "to": order.to_stage,
            "tunnel": order.tunnel,
            "fired_at": iso(now),
            "fields": {name: to_json(value, self.types[name]) for name, value in order.fields.items()},
        }
        return json.dumps(content, ensure_ascii=False) + "\n"

    def _take(self, descriptor: int) -> int:
        """Read the file on, or anew where it is another one; how many bytes of it are whole lines."""
        stat = os.fstat(descriptor)
        inode, at = self.place
        if inode != stat.st_ino or at > stat.st_size:
            self._forget()
            at = 0
        data = os.pread(descriptor, stat.st_size - at, at)
        for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
            at += len(line)
            self._note(line, at)
        self.place = stat.st_ino, at
        return at

    def _note(self, line: bytes, end: int) -> None:
        try:
            found = json.loads(line)
            fields = {
                name: from_json(value, self.types[name])
                for name, value in found["fields"].items()
                if name in self.types
            }
            action = Action(found["action"])
            fired_at = parse_instant(found["fired_at"])
            firing = Firing(found["key"], action, found["id"], found["from"], found["to"], fields, fired_at, end)
        except (ValueError, LookupError, TypeError, AttributeError, BadValue):
            return  # no line of ours: whoever wrote it there has his reasons
        if firing.key not in self.keys:
            self.keys.add(firing.key)
            self.firings.setdefault(firing.id, []).append(firing)

    def _forget(self) -> None:
        self.firings.clear()
        self.keys.clear()
        self.place = (0, 0)
