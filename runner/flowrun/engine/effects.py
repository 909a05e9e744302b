"""What a firing leaves behind: the value of each column of the deal that was moved or made, as SQL.

Every expression sees the deal as it was before the firing (format.md, "Values").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Integer, Text, case, cast, func, literal, null

from flowrun.engine.statement import parameter
from flowrun.expr import Template
from flowrun.expr import sql as expressions
from flowrun.expr.portable import first_of_last, last, padded
from flowrun.expr.sql import Scope, rendered
from flowrun.expr.types import TEXT, Type
from flowrun.flow.model import Flow, Literal, Rotate, Setting, Tunnel

NOW: ColumnElement[int] = parameter("now", BigInteger)
TODAY: ColumnElement[str] = parameter("today", Text)

_HOP_DIGITS = 15
CARRIED = ("title", "owner")
"""The built-ins that every copy takes along and that `set` may give (semantics.md, "Copy")."""


def scope_of(flow: Flow, deal: FromClause) -> Scope:
    """The names that expressions see, as columns of that row."""
    return Scope(deal={column.name: column for column in deal.c}, today=TODAY, zone=flow.timezone)


def type_of(flow: Flow, name: str) -> Type:
    """The type of a field, or of `title` and `owner`."""
    return flow.fields[name].type if name in flow.fields else TEXT


def setting_value(
    flow: Flow, name: str, setting: Setting, scope: Scope, turn: ColumnElement[int] | None
) -> ColumnElement[Any]:
    """What `set` gives that field. `turn` is how many turns of a rotation came before this one."""
    type_ = type_of(flow, name)
    match setting:
        case Literal(value=None):
            value: ColumnElement[Any] = null()
        case Literal():
            value = expressions.literal(setting.value, type_)
        case Template():
            value = rendered(setting, scope).value
        case _:
            assert turn is not None
            turns = {at: literal(text, Text) for at, text in enumerate(setting.values)}
            value = case(turns, value=turn % len(setting.values))
    default = flow.fields[name].default if name in flow.fields else None
    if default is None or (isinstance(setting, Literal) and setting.value is not None):
        return value
    return func.coalesce(value, expressions.literal(default, type_))


def copied_value(
    flow: Flow, tunnel: Tunnel, name: str, deal: FromClause, turn: ColumnElement[int] | None
) -> ColumnElement[Any]:
    """What a copy has in that field: what `set` gives, else what it takes along, else the default."""
    settings = dict(tunnel.set)
    if name in settings:
        return setting_value(flow, name, settings[name], scope_of(flow, deal), turn)
    if name in tunnel.copies or name in CARRIED:
        return deal.c[name]
    default = flow.fields[name].default
    return null() if default is None else expressions.literal(default, flow.fields[name].type)


def rotates(tunnel: Tunnel) -> bool:
    """Whether the tunnel takes turns."""
    return any(isinstance(setting, Rotate) for _, setting in tunnel.set)


def always_filled(flow: Flow, name: str, setting: Setting) -> bool:
    """Whether that setting can't leave the field empty."""
    if name in flow.fields and flow.fields[name].default is not None:
        return True
    return isinstance(setting, Rotate) or (isinstance(setting, Literal) and setting.value is not None)


def one_hop_more(flow: Flow, hops: ColumnElement[str | None]) -> ColumnElement[str]:
    """`_hops` with the present instant appended, the oldest dropped beyond `max_hops`."""
    longer = func.coalesce(hops, "", type_=Text) + padded(NOW, _HOP_DIGITS)
    return last(longer, _HOP_DIGITS * flow.limits.max_hops)


def out_of_hops(flow: Flow, hops: ColumnElement[str | None]) -> ColumnElement[bool]:
    """Whether the deal has `max_hops` hops within the last `per` (semantics.md, "Loops")."""
    length = _HOP_DIGITS * flow.limits.max_hops
    oldest = cast(first_of_last(hops, length, _HOP_DIGITS), BigInteger)
    return case(
        (func.coalesce(func.length(hops), 0) < literal(length, Integer), literal(False)),
        else_=oldest > NOW - literal(flow.limits.per, BigInteger),
    )


def settable(flow: Flow, tunnels: Iterable[Tunnel]) -> tuple[str, ...]:
    """The columns that `set` of any of these tunnels gives, in the order of the table."""
    given = {name for tunnel in tunnels for name, _ in tunnel.set}
    return tuple(name for name in (*CARRIED, *flow.fields) if name in given)
