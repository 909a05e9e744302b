"""Posted deals: objects that another system sends, as a batch for `merging`, with what is wrong with each of them.

An object is what a line of JSON Lines is (`sources.jsonl`): `id`, `at`, `title`, `owner`, `entered_at` and the fields,
flat. What is wrong is told key by key: what was found there, what was expected, and the whole in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flowrun.clock import iso
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.expr.types import Kind, Type
from flowrun.expr.values import BadValue
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Flow
from flowrun.sources import jsonl
from flowrun.sources.batches import Batch
from flowrun.sources.cells import Stored
from flowrun.store.deals import types

_NAMED = 12
"""Stages, or values of an enum, that an expectation names at most."""

_KINDS: Mapping[Kind, str] = {
    Kind.TEXT: "a text",
    Kind.TAGS: "a list of texts",
    Kind.INTEGER: "an integer of at most 64 bits",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date, such as 2026-12-31",
    Kind.DATETIME: "a date and time, such as 2026-12-31T16:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an object: `detail` in one line; under which key, what was found there and what was expected,
    each null where it can't be said."""

    detail: str
    field: str | None = None
    found: str | None = None
    expected: str | None = None


@dataclass(slots=True)
class Posted:
    """The objects of one request. Lines of the batch are their positions, from 0; `faults` are by position too."""

    batch: Batch
    faults: dict[int, list[Fault]]


class Form:
    """What the deals of a flow look like when they are sent, and how they are read."""

    def __init__(self, flow: Flow) -> None:
        settable = types(flow)
        self._known = list(dict.fromkeys([*jsonl.OWN_KEYS, *settable]))
        self._expected = {
            "id": "the id of the deal, a text of 1 to 200 characters",
            "at": f"a stage: {_some(list(flow.stages))}",
            "entered_at": "a date and time that is not in the future",
            **{name: expected(type_) for name, type_ in settable.items()},
        }
        self._flow = flow
        self._settable = settable
        self._readers = {name: jsonl.reader(flow, name) for name in settable}

    def read(self, items: Sequence[object], now: int) -> Posted:
        """Read the objects. `now` (ms, UTC) bounds `entered_at`."""
        posted = Posted(Batch([], []), {})
        columns: dict[str, dict[int, Stored]] = {}
        first: dict[str, int] = {}
        readers: dict[str, tuple[str, Callable[[object], Stored]]] = {
            "at": ("stage", self._stage),
            "entered_at": ("entered_at", lambda value: self._past(value, now)),
            **{name: (name, reader) for name, reader in self._readers.items()},
        }
        for line, item in enumerate(items):
            posted.batch.lines.append(line)
            posted.batch.ids.append("")
            if not isinstance(item, Mapping):
                fault = Fault("a deal is an object", None, jsonl.shown(item), 'an object: { "id": …, "at": … }')
                _note(posted, line, fault)
                continue
            self._name(posted, line, item, first)
            for key, value in item.items():
                if key == "id":
                    continue
                if key not in readers:
                    _note(posted, line, self._unknown(key))
                    continue
                column, reader = readers[key]
                try:
                    columns.setdefault(column, {})[line] = reader(value)
                except BadValue as bad:
                    _note(posted, line, self._fault(key, value, str(bad)))
        for column, given in columns.items():
            posted.batch.columns[column] = [given.get(line) for line in posted.batch.lines]
            absent = [line for line in posted.batch.lines if line not in given]
            if absent and column in self._settable:
                posted.batch.absent[column] = absent
        return posted

    def _name(self, posted: Posted, line: int, item: Mapping[str, object], first: dict[str, int]) -> None:
        given = item.get("id")
        try:
            id_ = jsonl.text_of(given) or ""
            problem = id_problem(id_, new=False)
        except BadValue as bad:
            id_, problem = "", str(bad)
        posted.batch.ids[line] = id_
        if problem is None and id_ in first:
            problem = f"the id came before, in item {first[id_]}"
        if problem is not None:
            _note(posted, line, self._fault("id", given, problem))
        else:
            first[id_] = line

    def _fault(self, key: str, value: object, problem: str) -> Fault:
        return Fault(f"{key}: {problem}", key, jsonl.shown(value), self._expected[key])

    def _unknown(self, key: str) -> Fault:
        says = next(iter(jsonl.unknown_keys({key: None}, self._known)))
        return Fault(says, excerpt(key), None, f"one of {_some(self._known)}")

    def _stage(self, value: object) -> Stored:
        text = jsonl.text_of(value)
        if text is not None and text not in self._flow.stages:
            hint = did_you_mean(text, self._flow.stages)
            raise BadValue(f"there is no stage '{excerpt(text, 40)}'" + (f"; {hint}" if hint else ""))
        return text

    def _past(self, value: object, now: int) -> Stored:
        found = jsonl.instant(self._flow, value)
        if found is not None and found > now:
            raise BadValue(f"{iso(found)} is in the future")
        return found


def expected(type_: Type) -> str:
    """What a value of that type has to be, in words."""
    match type_.kind:
        case Kind.DECIMAL:
            return f"a number with at most {type_.places} decimal places"
        case Kind.ENUM:
            return f"one of {_some(type_.values)}"
        case kind:
            return _KINDS[kind]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _note(posted: Posted, line: int, fault: Fault) -> None:
    posted.batch.fault(line, fault.detail)
    posted.faults.setdefault(line, []).append(fault)
