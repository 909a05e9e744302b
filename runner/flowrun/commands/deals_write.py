"""`flowrun deals add`, `set`, `move` and `delete`: one deal, written as any other program would write it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flowrun.calendars.zones import zone
from flowrun.clock import Clock
from flowrun.commands.arguments import Arguments
from flowrun.diagnostics import Diagnostic, Span, did_you_mean, error, excerpt
from flowrun.expr.types import Value
from flowrun.expr.values import BadValue, read
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import RESERVED, Flow
from flowrun.sources.here import writable
from flowrun.sources.mapping import unknown_stage
from flowrun.store import deals
from flowrun.store.connection import Transaction, open_store
from flowrun.store.deals import Deal
from flowrun.store.revisions import applied

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_LENGTH = 10
"""50 random bits: two deals in a million have the same with a chance of 1 to 2,000."""


def add(store: str, clock: Clock, stage: str, id_: str | None, assignments: Sequence[str]) -> tuple[Deal, Flow]:
    """Make a deal at that stage; without an id it gets a random one.

    `assignments` are texts such as `amount=1200.50`. Raises InvalidInput with all that is wrong with any of it.
    """
    with open_store(store, clock) as opened, opened.write() as transaction:
        flow = writable(applied(transaction.connection).flow)
        arguments = Arguments()
        if id_ is not None:
            given = arguments.given(id_, "--id ")
            problem = id_problem(id_, new=True)
            if problem is None and deals.find(transaction.connection, flow, id_) is not None:
                problem = f"there is a deal '{id_}' already"
            if problem is not None:
                arguments.findings.append(error("FR624", problem, given.span))
        arguments.findings += unknown_stage(arguments.given(stage, "--at "), flow)
        values = _values(flow, arguments, assignments)
        arguments.refuse_mistakes()
        new = id_ if id_ is not None else "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        deals.add(transaction, flow, new, stage, values)
        return _there(transaction, flow, new), flow


def change(store: str, clock: Clock, id_: str, assignments: Sequence[str]) -> tuple[Deal, Flow]:
    """Set fields of a deal; an empty value empties one, or gives it its default. Raises as `add`."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        flow = writable(applied(transaction.connection).flow)
        arguments = Arguments()
        _must_be_there(transaction, flow, arguments, id_)
        values = _values(flow, arguments, assignments)
        arguments.refuse_mistakes()
        deals.change(transaction, flow, id_, values)
        return _there(transaction, flow, id_), flow


def move(store: str, clock: Clock, id_: str, stage: str) -> tuple[Deal, Flow]:
    """Set the stage of a deal; the one that it has already changes nothing. Raises as `add`."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        flow = writable(applied(transaction.connection).flow)
        arguments = Arguments()
        _must_be_there(transaction, flow, arguments, id_)
        arguments.findings += unknown_stage(arguments.given(stage), flow)
        arguments.refuse_mistakes()
        deals.move(transaction, flow, id_, stage)
        return _there(transaction, flow, id_), flow


def delete(store: str, clock: Clock, id_: str) -> None:
    """Delete a deal. Its journal stays, and so does `origin` of its copies. Raises as `add`."""
    with open_store(store, clock) as opened, opened.write() as transaction:
        flow = writable(applied(transaction.connection).flow)
        arguments = Arguments()
        _must_be_there(transaction, flow, arguments, id_)
        arguments.refuse_mistakes()
        deals.remove(transaction, flow, id_)


def _must_be_there(transaction: Transaction, flow: Flow, arguments: Arguments, id_: str) -> None:
    given = arguments.given(id_)
    if deals.find(transaction.connection, flow, id_) is None:
        arguments.findings.append(error("FR625", f"there is no deal '{excerpt(id_)}'", given.span))


def _there(transaction: Transaction, flow: Flow, id_: str) -> Deal:
    found = deals.find(transaction.connection, flow, id_)
    assert found is not None  # it was written or found in this transaction
    return found


def _values(flow: Flow, arguments: Arguments, assignments: Sequence[str]) -> dict[str, Value]:
    """The values of `field=value` texts; what is wrong with them is added to the arguments' findings."""
    known = deals.types(flow)
    values: dict[str, Value] = {}
    named: set[str] = set()
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        span = arguments.given(assignment).span
        value_at = replace(span, column=span.column + len(name) + len(equals))
        name_at = replace(span, end_column=span.column + max(1, len(name)))
        if not equals:
            tip = f"write '{excerpt(name)}=' to empty a field"
            arguments.findings.append(error("FR626", f"expected field=value, found '{excerpt(name)}'", span, tip))
        elif name not in known:
            arguments.findings.append(_unknown(name, name_at, known))
        elif name in named:
            arguments.findings.append(error("FR626", f"'{name}' is given twice", name_at, "leave one of them out"))
        else:
            try:
                values[name] = deals.storable(read(text, known[name], zone(flow.timezone)))
            except BadValue as bad:
                arguments.findings.append(error("FR623", f"{name}: {bad}", value_at))
        named.add(name)
    return values


def _unknown(name: str, span: Span, known: Iterable[str]) -> Diagnostic:
    if name in {"at", "stage", "pipeline"}:
        return error("FR622", f"'{name}' of a deal is not set like a field", span, "see 'flowrun deals move --help'")
    if name in RESERVED:
        return error("FR622", f"'{name}' of a deal is kept by flowrun and can't be set", span)
    return error("FR621", f"a deal has no field '{excerpt(name)}'", span, did_you_mean(name, known))
