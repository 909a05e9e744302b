"""Pages of a source as batches: every value held to the type of its field, and of each deal the last word alone.

What a source says is taken as a stranger's: a value of another type, a stage that there is not, an id that no deal can
have make a bad record of that deal, and keep nothing else from being taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from flowrun.clock import from_ms
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.expr.types import DIGITS, Kind, Type
from flowrun.expr.values import BadValue, encode, scaled, tags
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Flow
from flowrun.sources.batches import Batch
from flowrun.sources.cells import Stored
from flowrun.sources.interface import Bad, Change, Gone, Record
from flowrun.store.deals import storable, types

_KEY = re.compile("[A-Za-z0-9-]{1,64}")
"""What a firing's key looks like (`interface.Order`)."""

_INTEGERS = range(-(2**63), 2**63)


@dataclass(slots=True)
class Sorted:
    """What a page says: deals as they are, ids of those that are gone, what can't be read, the firings (by their keys)
    that made deals (by their ids), and the ids of all."""

    records: list[Record]
    gone: set[str]
    bad: list[Bad]
    keys: dict[str, str] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)


def sort(changes: Iterable[Any], source: str) -> Sorted:
    """The changes, the last word on each deal alone. `source` names it where it says something that can't be."""
    said: dict[str | None, Change] = {}
    bad: list[Bad] = []
    for change in changes:
        if isinstance(change, Bad):
            if not fits(change):
                bad.append(replace(change, id=None))
            else:
                said[change.id] = change
        elif type(change) not in {Record, Gone}:
            bad.append(Bad(f"the source '{source}'", f"it gives {excerpt(repr(change))}, which is no change of a deal"))
        elif not isinstance(change.id, str):
            bad.append(Bad(f"a deal {excerpt(repr(change.id))}", "its id is no text"))
        elif problem := id_problem(change.id, new=False):
            bad.append(Bad(f"deal '{excerpt(change.id)}'", problem))
        elif not isinstance(getattr(change, "fields", {}), Mapping):
            said[change.id] = Bad(f"deal '{excerpt(change.id)}'", "its fields are no mapping", change.id)
        else:
            # Said again, it takes its place among the latest.
            said.pop(change.id, None)
            said[change.id] = change
    records = [change for change in said.values() if isinstance(change, Record)]
    return Sorted(
        records=records,
        gone={change.id for change in said.values() if isinstance(change, Gone)},
        bad=bad + [change for change in said.values() if isinstance(change, Bad)],
        keys={one.key: one.id for one in records if isinstance(one.key, str) and _KEY.fullmatch(one.key)},
        named={id_ for id_ in said if id_ is not None},
    )


def batch_of(records: list[Record], flow: Flow, now: int) -> Batch:
    """The deals as a batch, each line its place among them, from 1. `entered_at` is never after `now` (ms, UTC)."""
    batch = Batch(list(range(1, len(records) + 1)), [one.id for one in records])
    stages = flow.stages

    def stage(value: object) -> Stored:
        if value is not None and not (isinstance(value, str) and value in stages):
            hint = did_you_mean(str(value), stages)
            raise BadValue(f"there is no stage '{excerpt(str(value), 40)}'" + (f"; {hint}" if hint else ""))
        return value if isinstance(value, str) else None

    def entered_at(value: object) -> Stored:
        if value is None:
            return None
        stored = _INSTANT(value)
        return min(stored, now) if isinstance(stored, int) else None

    batch.columns["stage"] = batch.read("the stage", [one.stage for one in records], stage)
    if any(one.entered_at is not None for one in records):
        batch.columns["entered_at"] = batch.read("`entered_at`", [one.entered_at for one in records], entered_at)
    known = types(flow)
    for name, reader in readers(flow).items():
        lacking = [line for line, one in zip(batch.lines, records, strict=True) if name not in one.fields]
        if len(lacking) < len(records):
            batch.columns[name] = batch.read(f"'{name}'", [one.fields.get(name) for one in records], reader)
            if lacking:
                batch.absent[name] = lacking
    for line, one in zip(batch.lines, records, strict=True):
        if not one.fields.keys() <= known.keys():
            names = ", ".join(f"'{name}'" for name in one.fields if name not in known)
            batch.fault(line, f"a deal has no field {names}")
    return batch


def readers(flow: Flow) -> Mapping[str, Callable[[object], Stored]]:
    """By field what makes a value ready to be stored; empty ones get the field's default. They raise BadValue."""
    found: dict[str, Callable[[object], Stored]] = {}
    for name, type_ in types(flow).items():
        declared = flow.fields.get(name)
        default = None if declared is None else encode(declared.default, type_)
        found[name] = partial(_stored, _CHECKS[type_.kind], type_, default)
    return found


def fits(change: object) -> bool:
    """Whether it is a change of a deal, by an id that a deal can have."""
    id_ = change.id if isinstance(change, (Record, Gone, Bad)) else None
    return isinstance(id_, str) and id_problem(id_, new=False) is None


def _stored(check: Callable[[object, Type], Stored], type_: Type, default: Stored, value: object) -> Stored:
    if value is None:
        return default
    stored = check(value, type_)
    return default if stored is None else stored


def _text(value: object, type_: Type) -> Stored:
    if not isinstance(value, str):
        raise _no(value, type_)
    storable(value)
    return value or None


def _word(value: object, type_: Type) -> Stored:
    if value == "":
        return None
    if not isinstance(value, str) or value not in type_.values:
        hint = did_you_mean(value, type_.values) if isinstance(value, str) else None
        raise BadValue(f"{excerpt(repr(value), 60)} is none of its values" + (f"; {hint}" if hint else ""))
    return value


def _integer(value: object, type_: Type) -> Stored:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _no(value, type_)
    if value not in _INTEGERS:
        raise BadValue(f"{excerpt(str(value))} is beyond 64 bits")
    return value


def _decimal(value: object, type_: Type) -> Stored:
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise _no(value, type_)
    if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > DIGITS):
        if value.is_finite() and not value:
            return 0
        raise BadValue(f"{excerpt(str(value))} is beyond {DIGITS} digits")
    try:
        number = scaled(value, type_.places)
    except ValueError as problem:
        raise BadValue(f"{problem}; its field has {type_.places}") from None
    if abs(number) >= 10**DIGITS:
        raise BadValue(f"{excerpt(str(value))} is beyond {DIGITS} digits")
    return number


def _boolean(value: object, type_: Type) -> Stored:
    if not isinstance(value, bool):
        raise _no(value, type_)
    return int(value)


def _date(value: object, type_: Type) -> Stored:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise _no(value, type_)
    return value.isoformat()


def _instant(value: object, type_: Type) -> Stored:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _no(value, type_)
    try:
        from_ms(value)
    except OverflowError:
        raise BadValue(f"{value} ms is beyond the years 1 to 9999") from None
    return value


def _tags(value: object, type_: Type) -> Stored:
    if not isinstance(value, (tuple, list, set, frozenset)) or not all(isinstance(one, str) for one in value):
        raise _no(value, type_)
    members = tags(value)
    storable(members)
    return encode(members, type_)


def _no(value: object, type_: Type) -> BadValue:
    return BadValue(f"{excerpt(repr(value), 60)} is no {type_}")


_CHECKS: Mapping[Kind, Callable[[object, Type], Stored]] = {
    Kind.TEXT: _text,
    Kind.ENUM: _word,
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATETIME: _instant,
    Kind.TAGS: _tags,
}
_INSTANT: Callable[[object], Stored] = partial(_instant, type_=Type(Kind.DATETIME))
