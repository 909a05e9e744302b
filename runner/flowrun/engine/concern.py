"""Which live deals a plan concerns: those that a preview must copy, so that what it plays is what would happen.

A deal is concerned if it is awake (it acts whatever is applied), if applying looks at it again (`live.Again`), if it
waits for time where a tunnel changes or goes, or if it is relocated. Of many that are looked at again, only those are
for which a tunnel would do something. What such a deal may reach comes along: its lineage where tunnels move origins.
The deal that was made last is always there, so that copies get the numbers that they would get in the store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Column, Connection, Executable, FromClause, MetaData, Select, Table, func, insert, select
from sqlalchemy.schema import CreateTable

from flowrun.engine.guards import Beyond
from flowrun.engine.judge import Ground, judge_parameters, judging
from flowrun.engine.live import Again, Known, known, looked_at_again, route_rows
from flowrun.engine.rules import chunked
from flowrun.flow.model import Flow, Mode
from flowrun.plan import Renames, relocations, renames
from flowrun.store.scratch import live_table
from flowrun.store.tables import Number, Text, aliased, deals_table, queue, routes
from flowrun.store.upsert import upsert
from flowrun.store.watching import WRITABLE_BUILTINS

concerned = Table("concerned", MetaData(), Column("seq", Number, primary_key=True))
"""The concerned deals."""

_links = Table(
    "links",
    MetaData(),
    Column("origin", Text, primary_key=True),
    Column("seq", Number, primary_key=True),
)


FEW = 1_000
"""So many deals are rather played for nothing than asked whether a tunnel would do anything for them."""

_routes = routes.to_metadata(MetaData(), name="routes_to_be")
"""The routes of the new flow, as applying it now would make them."""


@dataclass(frozen=True)
class Step:
    """The step from the applied flow to another one, and which of the old names stand for which of the new."""

    base: Flow
    flow: Flow

    @cached_property
    def renamed(self) -> Renames:
        """Old id → new id."""
        return renames(self.base, self.flow)

    @cached_property
    def relocated(self) -> Mapping[str, str]:
        """Where the deals of removed stages go: old stage → new stage."""
        return relocations(self.base, self.flow)

    @cached_property
    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """New stage → the old ones whose deals keep their entry in it."""
        found: dict[str, tuple[str, ...]] = {}
        for old in self.base.stages:
            new = self.renamed.stages.get(old, old)
            found[new] = (*found.get(new, ()), old)
        return found

    @cached_property
    def fields(self) -> Mapping[str, str]:
        """New field → old one, of those (and of `title`, `owner`) whose values stay as they are in every deal."""
        old_ids = {new: old for old, new in self.renamed.fields.items()}
        found = {name: name for name in WRITABLE_BUILTINS}
        for field in self.flow.fields.values():
            old = self.base.fields.get(old_ids.get(field.id, field.id))
            if old is None or (old.type.kind, old.type.places) != (field.type.kind, field.type.places):
                continue
            if set(old.type.values) <= set(field.type.values) and field.default in (None, old.default):
                found[field.id] = old.id
        return found

    @property
    def in_place(self) -> bool:
        """Whether the live deals can be judged by the new flow where they are: nothing of theirs, nor of what they
        fired, goes by another name or comes from elsewhere."""
        return (
            self.renamed == Renames()
            and not self.relocated
            and self.flow.source == self.base.source
            and all(self.fields.get(name) == name for name in self.flow.fields)
        )

    def old_stages(self, new: Collection[str]) -> list[str]:
        """The old stages of these new ones."""
        return [old for stage in new for old in self.stages.get(stage, ())]

    @property
    def live_deals(self) -> FromClause:
        """The live deals, beside a scratch."""
        return live_table(deals_table(self.base))

    @property
    def beyond(self) -> Beyond:
        """The live deals as the new flow has them."""
        return Beyond(self.live_deals, self.stages, self.fields)

    @property
    def beyond_before(self) -> Beyond:
        """The live deals as the applied flow has them."""
        names = (*WRITABLE_BUILTINS, *self.base.fields)
        return Beyond(self.live_deals, {id_: (id_,) for id_ in self.base.stages}, {name: name for name in names})


def find_concerned(connection: Connection, step: Step, now: int) -> None:
    """Fill the temporary table `concerned`; unqualified names must be the live store's."""
    connection.exec_driver_sql(f"CREATE TEMP TABLE concerned (seq {_number(connection)} PRIMARY KEY)")
    before = known(connection, step.renamed)
    again = looked_at_again(step.flow, before, now)
    for statement in _parts(step, before, again, now):
        connection.execute(_adding(statement))
    if step.in_place and _are_many(connection, again, now):
        _add_finding(connection, step, before, again, now)
    else:
        for statement in _looked_at(step, again, now):
            connection.execute(_adding(statement))
    if any(tunnel.origin for flow in (step.base, step.flow) for tunnel in flow.tunnels.values()):
        _add_lineages(connection)
    deals = deals_table(None)
    connection.execute(_adding(select(func.max(deals.c.seq)).having(func.max(deals.c.seq).is_not(None))))


def _looked_at(step: Step, again: Again, now: int) -> Iterator[Select[tuple[int]]]:
    deals = deals_table(None)
    yield select(deals.c.seq).where(deals.c.stage.in_(step.old_stages(again.stages)))
    just_now = deals.c.stage.in_(step.old_stages(again.just_now))
    yield select(deals.c.seq).where(just_now, deals.c.entered_at >= now)


def _are_many(connection: Connection, again: Again, now: int) -> bool:
    deals = deals_table(None)
    beyond = select(deals.c.seq).where(again.where(deals, now)).limit(1).offset(FEW)
    return connection.execute(beyond).first() is not None


def _parts(step: Step, before: Known, again: Again, now: int) -> Iterator[Select[tuple[int]]]:
    deals = deals_table(None)
    yield select(queue.c.deal).where(queue.c.wake_at <= now)
    yield (
        select(queue.c.deal)
        .select_from(queue.join(deals, deals.c.seq == queue.c.deal))
        .where(deals.c.stage.in_(_changed(step, before, again)))
    )
    yield select(deals.c.seq).where(deals.c.stage.in_(list(step.relocated)))
    unlike = {
        stage.id
        for tunnel in step.flow.tunnels.values()
        if (guard := tunnel.unless_exists) and not step.fields.keys() >= set(guard.same)
        for stage in step.flow.pipelines[guard.pipeline].stages
    }
    yield select(deals.c.seq).where(deals.c.stage.in_(step.old_stages(unlike)))


def _add_finding(connection: Connection, step: Step, before: Known, again: Again, now: int) -> None:
    """Those that are looked at again and for which the new flow's tunnels are candidates: a look that finds none
    leaves a deal as it is."""
    connection.exec_driver_sql(
        str(CreateTable(_routes).compile(connection)).replace("CREATE TABLE", "CREATE TEMP TABLE")
    )
    rows = route_rows(step.flow, before.tunnels, now)
    if rows:
        connection.execute(insert(_routes), rows)
    deals = aliased(deals_table(step.flow), "d")
    ground = Ground(
        source=deals.join(_routes, _routes.c.stage == deals.c.stage), deal=deals, route=_routes, order=deals.c.seq
    )
    stages = again.stages | again.just_now
    leaving = {
        at: tunnel
        for at, tunnel in enumerate(step.flow.tunnels.values())
        if tunnel.mode is not Mode.OFF and not stages.isdisjoint(tunnel.sources)
    }
    moment = judge_parameters(step.flow, now)
    for mine in chunked(leaving).values():
        found = judging(step.flow, mine, ground).where(again.where(deals, now))
        connection.execute(_adding(found.with_only_columns(deals.c.seq)), moment)


def _changed(step: Step, before: Known, again: Again) -> list[str]:
    """The old stages that a tunnel leaves which the new flow hasn't, has otherwise, or hasn't from there."""
    tunnels = [tunnel for tunnel in step.flow.tunnels.values() if tunnel.mode is not Mode.OFF]
    leaving = {(tunnel.id, stage) for tunnel in tunnels for stage in tunnel.sources}
    return [
        old
        for old, was in before.stages.items()
        if was.stage in again.just_now or any((id_, was.stage) not in leaving for id_ in was.live)
    ]


def _add_lineages(connection: Connection) -> None:
    """Whoever a concerned deal comes from, and whatever comes from it."""
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE links (origin TEXT, seq {_number(connection)}, PRIMARY KEY (origin, seq))"
    )
    deals, origin = deals_table(None), aliased(deals_table(None), "o")
    linked = select(deals.c.origin, deals.c.seq).where(deals.c.origin.is_not(None))
    connection.execute(_links.insert().from_select(["origin", "seq"], linked))
    mine = concerned.join(deals, deals.c.seq == concerned.c.seq)
    up = select(origin.c.seq).select_from(mine.join(origin, origin.c.id == deals.c.origin))
    down = select(_links.c.seq).select_from(mine.join(_links, _links.c.origin == deals.c.id))
    while sum(connection.execute(_adding(statement)).rowcount for statement in (up, down)):
        pass


def _number(connection: Connection) -> str:
    return Number.compile(connection.dialect)


def _adding(which: Select[tuple[int]]) -> Executable:
    return upsert(concerned).from_select(["seq"], which).on_conflict_do_nothing()
