"""Going live: the applied flow's tunnels, routes and live dates, and which deals must be looked at again.

A tunnel is live for a stage since the instant at which the two were first applied together (semantics.md, "Applying a
revision"). Only the deals of tunnels whose meaning changed are queued: applying costs nothing for the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TypedDict

from sqlalchemy import ColumnElement, Connection, FromClause, and_, delete, exists, insert, or_, select, update

from flowrun.engine import underway
from flowrun.engine.carry import Latecomers, carry, relocate
from flowrun.engine.journalling import PARKED
from flowrun.engine.judge import Route, route_of
from flowrun.engine.source import provide_source
from flowrun.engine.waking import wake
from flowrun.expr import Expression, Template
from flowrun.flow.codec import route_digest
from flowrun.flow.model import Flow, Mode, Pipeline, Places, Tunnel
from flowrun.plan import Renames, relocations, renames
from flowrun.plan.identity import carried
from flowrun.store import columns, revisions, schema
from flowrun.store.connection import Transaction
from flowrun.store.revisions import DIRECT, Author, Occasion
from flowrun.store.tables import activity, aliased, deals_table, existing, firings, routes, tunnels
from flowrun.store.watching import asked_of_origins


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store knows of a tunnel: its mode, and since when it is live for which stage (of several that are merged
    into one, the earliest)."""

    mode: str
    live: dict[str, int]


@dataclass(frozen=True, slots=True)
class Leaving:
    """What leaves one stage of the applied revision: the moves in file order, the line in which one that waits holds
    those after it; since when each tunnel is live for the stage; and what each does with its deals, as a digest.

    `stage` is what the stage is in the new flow: where its deals are, unless `removed` relocates them.
    """

    stage: str
    line: tuple[str, ...]
    live: Mapping[str, int]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of its applied revision. Tunnels, and the stages of `tunnels`, go by the ids that they have
    in the new flow; the keys of `stages` are the old ids.

    `holding` are the tunnels that may hold deals: paused, tripped, or with parked firings.
    """

    tunnels: Mapping[str, Standing]
    stages: Mapping[str, Leaving]
    holding: Collection[str]


@dataclass(frozen=True, slots=True)
class Again:
    """Which deals must be looked at again, by the stages of the new flow: all in `stages`; in `just_now` those that
    entered at this very instant. Deals that `removed` relocates are looked at besides."""

    stages: frozenset[str] = frozenset()
    just_now: frozenset[str] = frozenset()

    def where(self, deals: FromClause, now: int) -> ColumnElement[bool]:
        """The condition on these deals."""
        return or_(deals.c.stage.in_(self.stages), and_(deals.c.stage.in_(self.just_now), deals.c.entered_at >= now))


def apply_flow(
    transaction: Transaction, flow: Flow, places: Places, author: Author, occasion: Occasion = DIRECT
) -> int:
    """Make that flow the applied revision, in this transaction; its number.

    The caller has checked that no rail refuses it (`plan.rails`).
    """
    connection, now = transaction.connection, transaction.now
    base = revisions.current(connection)
    renamed = Renames() if base is None else renames(base.flow, flow)
    relocated = {} if base is None else relocations(base.flow, flow)
    before = known(connection, renamed)
    rows = route_rows(flow, before.tunnels, now)
    _rename(connection, renamed.tunnels)
    schema.lift(connection)
    schema.provide_times(connection, flow, base.flow if base else None)
    columns.install(connection, base, flow, renamed.fields)
    schema.open_stages(connection, flow)
    carry(connection, renamed.stages, relocated, _latecomers(flow, before, rows, now))
    if base is not None and base.flow.source.elsewhere and base.flow.source == flow.source:
        underway.follow(connection, base.flow, flow, renamed, relocated)
    routed = {row["stage"] for row in rows}
    relocate(connection, relocated, now, routed, asked_of_origins=bool(asked_of_origins(flow)))
    schema.settle(connection, flow)
    number = revisions.add(transaction, flow, places, author, occasion)
    provide_source(connection, flow, None if base is None else base.flow)
    for column in (tunnels.c.id, activity.c.tunnel, existing.c.tunnel):
        connection.execute(delete(column.table).where(column.not_in(list(flow.tunnels))))
    connection.execute(delete(routes))
    if rows:
        connection.execute(insert(routes), rows)
    for tunnel in flow.tunnels.values():
        mode = tunnel.mode.value
        if tunnel.id not in before.tunnels:
            connection.execute(insert(tunnels).values(id=tunnel.id, mode=mode))
        else:
            connection.execute(update(tunnels).where(tunnels.c.id == tunnel.id).values(mode=mode))
    again = looked_at_again(flow, before, now)
    if again != Again():
        deals = deals_table(flow)
        wake(connection, deals, again.where(deals, now), now)
    if base is not None and base.flow.source.elsewhere and base.flow.source != flow.source:
        underway.leave(connection, flow, now)
    return number


def known(connection: Connection, renamed: Renames) -> Known:
    """What the store knows now, for a new flow that renames so. Nothing is written."""
    base = revisions.current(connection)
    if base is None:
        return Known({}, {}, ())
    tunnel_ids, stages = renamed.tunnels, renamed.stages
    found = {tunnel_ids.get(row.id, row.id): Standing(row.mode, {}) for row in connection.execute(select(tunnels))}
    live: dict[str, dict[str, int]] = {stage: {} for stage in base.flow.stages}
    lines: dict[str, list[str]] = {stage: [] for stage in base.flow.stages}
    for row in connection.execute(select(routes).order_by(routes.c.position)):
        tunnel, stage = tunnel_ids.get(row.tunnel, row.tunnel), stages.get(row.stage, row.stage)
        live[row.stage][tunnel] = row.live_at
        since = found[tunnel].live
        since[stage] = min(since.get(stage, row.live_at), row.live_at)
        if row.kind == Route.MOVE.value:
            lines[row.stage].append(tunnel)
    digests = _digests(base.flow, renamed)
    leaving = {
        stage: Leaving(
            stages.get(stage, stage),
            tuple(lines[stage]),
            live[stage],
            {tunnel: digests(tunnel, stage) for tunnel in live[stage]},
        )
        for stage in base.flow.stages
    }
    waiting = select(tunnels.c.id).where(or_(tunnels.c.paused_at.is_not(None), tunnels.c.tripped_at.is_not(None)))
    parked = select(firings.c.tunnel).where(firings.c.result == PARKED)
    holding = {tunnel_ids.get(id_, id_) for id_ in connection.execute(waiting.union(parked)).scalars()}
    return Known(found, leaving, holding)


def looked_at_again(flow: Flow, before: Known, now: int) -> Again:
    """The deals for which the flow may mean something else than what was known before it."""
    routed: dict[str, dict[str, RouteRow]] = {}
    lines: dict[str, list[str]] = {}
    for row in route_rows(flow, before.tunnels, now):
        routed.setdefault(row["stage"], {})[row["tunnel"]] = row
        if row["kind"] == Route.MOVE.value:
            lines.setdefault(row["stage"], []).append(row["tunnel"])
    digests = _digests(flow, Renames())
    origins_merged = _merged(before)
    stages, just_now = set[str](), set[str]()
    for old, leaving in before.stages.items():
        stage = leaving.stage
        for id_, row in routed.get(stage, {}).items():
            tunnel, was = flow.tunnels[id_], before.tunnels.get(id_)
            same = (
                was is not None
                and was.mode == tunnel.mode
                and leaving.digests.get(id_) == digests(id_, stage)
                and not (old != stage and _reads_stage(tunnel))
                and not (tunnel.origin and not origins_merged.isdisjoint((tunnel.target, *(tunnel.origin_in or ()))))
            )
            if not same:
                # Where a tunnel goes live only now, a deal that entered at this very instant is none of the existing.
                just_now.add(stage)
                if row["include"] or _kept(tunnel, was, leaving.live.get(id_), now) != now:
                    stages.add(stage)
        if list(leaving.line) != lines.get(stage, []) and not set(before.holding).isdisjoint(leaving.line):
            stages.add(stage)
    return Again(frozenset(stages & flow.stages.keys()), frozenset(just_now))


def _merged(before: Known) -> set[str]:
    """The stages, by their new ids, that are made of several."""
    counts = Counter(leaving.stage for leaving in before.stages.values())
    return {stage for stage, count in counts.items() if count > 1}


def _reads_stage(tunnel: Tunnel) -> bool:
    """Whether what the tunnel does depends on the name of the deal's stage or pipeline."""
    parts = (tunnel.when, *(setting for _, setting in tunnel.set))
    read = {name for part in parts if isinstance(part, Expression | Template) for name in part.reads}
    return not read.isdisjoint({"stage", "pipeline"})


def _digests(flow: Flow, renamed: Renames) -> Callable[[str, str], str]:
    """What tells whether a tunnel (by its new id) does the same with the deals of a stage of that flow (by its old
    id)."""
    worded = flow if renamed == Renames() else _under_new_ids(flow, renamed)
    # Where the target is merged into another stage, that one may require something else.
    requires = {
        renamed.tunnels.get(id_, id_): [renamed.fields.get(name, name) for name in flow.stages[tunnel.target].requires]
        for id_, tunnel in flow.tunnels.items()
    }

    @cache
    def by_calendar(tunnel: str, calendar: str | None) -> str:
        return route_digest(worded, tunnel, calendar, requires[tunnel])

    return lambda tunnel, stage: by_calendar(tunnel, flow.pipelines[stage.partition(".")[0]].calendar)


def _under_new_ids(flow: Flow, renamed: Renames) -> Flow:
    """The flow with everything under its new id, also stages whose pipeline is new; only the texts keep the old names
    of stages, since a text may be about something else than the stage of that name."""
    new_ids = carried(flow, renamed)
    only_fields = carried(flow, Renames(fields=renamed.fields)).tunnels
    texts = {renamed.tunnels.get(id_, id_): tunnel for id_, tunnel in only_fields.items()}
    pipelines = dict(new_ids.pipelines)
    for old, new in renamed.stages.items():
        home, stage = new.partition(".")[0], flow.stages[old]
        if home not in new_ids.pipelines:
            there = pipelines.get(home, Pipeline(home, home, ()))
            requires = tuple(renamed.fields.get(name, name) for name in stage.requires)
            pipelines[home] = replace(there, stages=(*there.stages, replace(stage, id=new, requires=requires)))
    return replace(
        new_ids,
        pipelines=pipelines,
        tunnels={
            id_: replace(tunnel, when=texts[id_].when, set=texts[id_].set) for id_, tunnel in new_ids.tunnels.items()
        },
    )


def _latecomers(flow: Flow, before: Known, rows: Iterable[RouteRow], now: int) -> Iterator[Latecomers]:
    """Of stages that are merged: the deals for which a tunnel goes live later than for those of another."""
    merged = _merged(before)
    for row in rows:
        if row["stage"] not in merged:
            continue
        id_ = row["tunnel"]
        for old, leaving in before.stages.items():
            if leaving.stage == row["stage"]:
                since = _kept(flow.tunnels[id_], before.tunnels.get(id_), leaving.live.get(id_), now)
                if since > row["live_at"]:
                    yield Latecomers(old, id_, row["live_at"], since)


def _rename(connection: Connection, renamed: Mapping[str, str]) -> None:
    """Carry what the store knows of these tunnels to their new ids: state, live dates, and what they fired."""
    for old, new in renamed.items():
        connection.execute(update(tunnels).where(tunnels.c.id == old).values(id=new))
        connection.execute(update(routes).where(routes.c.tunnel == old).values(tunnel=new))
        connection.execute(update(activity).where(activity.c.tunnel == old).values(tunnel=new))
        connection.execute(update(existing).where(existing.c.tunnel == old).values(tunnel=new))
        # A tunnel removed long ago may have fired under the new id, for the same entry even: that row stands.
        there = aliased(firings, "there")
        same = [there.c[name] == firings.c[name] for name in ("deal", "entry", "shadow")]
        fired = update(firings).where(firings.c.tunnel == old, ~exists().where(there.c.tunnel == new, *same))
        connection.execute(fired.values(tunnel=new))


class RouteRow(TypedDict):
    """A row of `routes`."""

    stage: str
    tunnel: str
    position: int
    kind: str
    live_at: int
    include: int


def route_rows(flow: Flow, before: Mapping[str, Standing], now: int) -> list[RouteRow]:
    """The rows of `routes` that the flow has if it is applied at that instant."""
    return [
        {
            "stage": stage,
            "tunnel": tunnel.id,
            "position": position,
            "kind": route_of(tunnel).value,
            "live_at": _live_since(tunnel, before.get(tunnel.id), stage, now),
            "include": int(tunnel.include_existing),
        }
        for position, tunnel in enumerate(flow.tunnels.values())
        if tunnel.mode is not Mode.OFF
        for stage in tunnel.sources
    ]


def _live_since(tunnel: Tunnel, known: Standing | None, stage: str, now: int) -> int:
    """Since when the tunnel is live for a stage of the new flow."""
    return _kept(tunnel, known, None if known is None else known.live.get(stage), now)


def _kept(tunnel: Tunnel, known: Standing | None, before: int | None, now: int) -> int:
    """The live date that a tunnel keeps of one stage: that of before (None: it wasn't live there), or now."""
    return now if before is None or known is None or _comes_back(tunnel, known) else before


def _comes_back(tunnel: Tunnel, known: Standing) -> bool:
    return known.mode == Mode.OFF or (known.mode == Mode.SHADOW and tunnel.mode is Mode.LIVE)


def stays_live(tunnel: Tunnel, before: Known, leaving: Leaving) -> bool:
    """Whether the tunnel of the new flow was live for that stage already, and its live date is kept."""
    known = before.tunnels.get(tunnel.id)
    return known is not None and tunnel.id in leaving.live and not _comes_back(tunnel, known)
