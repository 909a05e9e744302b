"""What is on its way where deals live, when another revision is applied.

A call has been promised, and may have happened already: it is carried out with what it was made of, but under the
names that stages, tunnels and fields have by now, as deals are carried over (`engine.carry`). So a call is always in
the terms of the applied revision. Where deals go to live somewhere else, what hasn't begun is taken back and judged
anew; what nobody knows the end of is parked, and a rail refuses that until a person allows it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from flowrun.calendars.zones import zone
from flowrun.engine.calls import DUE, PARKED, Stored, in_flight, on_their_way, take_back, wake_after
from flowrun.engine.journalling import PENDING
from flowrun.expr.convert import converted, keeps_all
from flowrun.expr.types import Type
from flowrun.expr.values import decode, encode
from flowrun.flow.model import Action, Flow, Reason
from flowrun.plan import Renames
from flowrun.store.deals import types
from flowrun.store.tables import calls, firings


def on_way(connection: Connection) -> int:
    """How many firings are on their way."""
    return int(connection.execute(select(func.count()).select_from(calls).where(on_their_way())).scalar_one())


def unsettled(connection: Connection) -> int:
    """How many of them may have happened, as far as anybody knows."""
    return int(connection.execute(select(func.count()).select_from(calls).where(in_flight())).scalar_one())


def heading_for(connection: Connection, stages: list[str]) -> dict[str, int]:
    """How many calls bring a deal into each of these stages; no zeros."""
    if not stages:
        return {}
    counted = select(calls.c.to_stage, func.count()).where(calls.c.to_stage.in_(stages)).group_by(calls.c.to_stage)
    return dict(connection.execute(counted).all())


def follow(connection: Connection, base: Flow, flow: Flow, renamed: Renames, relocated: Mapping[str, str]) -> None:
    """Put all calls into the terms of the new flow."""
    stages = {**relocated, **renamed.stages}
    values = _Values(base, flow, renamed.fields)
    fresh = []
    for row in connection.execute(select(calls)):
        now = {
            "tunnel": renamed.tunnels.get(row.tunnel, row.tunnel),
            "from_stage": stages.get(row.from_stage, row.from_stage),
            "to_stage": stages.get(row.to_stage, row.to_stage),
            "content": values.carried(row.content, copy=row.action == Action.COPY.value),
        }
        if any(row._mapping[name] != value for name, value in now.items()):
            fresh.append({"_firing": row.firing, **{f"_{name}": value for name, value in now.items()}})
    if fresh:
        names = ("tunnel", "from_stage", "to_stage", "content")
        changed = update(calls).where(calls.c.firing == bindparam("_firing"))
        connection.execute(changed.values({name: bindparam(f"_{name}") for name in names}), fresh)


def leave(connection: Connection, flow: Flow, now: int) -> None:
    """Let go of all calls to a source that is no longer where deals live; `flow` is the new one."""
    take_back(connection, flow, calls.c.state == DUE, now)
    lost = connection.execute(
        select(calls.c.firing, calls.c.deal, calls.c.target, calls.c.to_stage).where(in_flight())
    ).all()
    parked = {"result": PARKED, "reason": Reason.UNKNOWN.value, "fired_at": now}
    connection.execute(
        update(firings)
        .where(firings.c.result == PENDING, firings.c.seq.in_(select(calls.c.firing).where(in_flight())))
        .values(parked)
    )
    connection.execute(delete(calls))
    held = [id_ for row in lost for id_ in (row.deal, row.target)]
    wake_after(connection, flow, held, [row.to_stage for row in lost], now)


class _Values:
    """The values of calls, from one flow to the next."""

    def __init__(self, base: Flow, flow: Flow, renamed: Mapping[str, str]) -> None:
        self._before, self._after = types(base), types(flow)
        self._renamed = renamed
        self._zone = zone(flow.timezone)
        self._defaults = {one.id: encode(one.default, one.type) for one in flow.fields.values()}

    def carried(self, text: str, *, copy: bool) -> str:
        """The JSON object of a call, under the new names and types. A copy has all fields, new ones with their
        default."""
        found: dict[str, Any] = dict(self._defaults) if copy else {}
        for name, value in json.loads(text).items():
            new = self._renamed.get(name, name)
            if name in self._before and new in self._after:
                found[new] = self._converted(value, self._before[name], self._after[new])
        return text if found == json.loads(text) else json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    def _converted(self, value: Stored, before: Type, after: Type) -> Stored:
        if before == after or keeps_all(before, after):
            return value
        return encode(converted(decode(value, before), before, after, self._zone), after)
