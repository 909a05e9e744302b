"""A kit: a world whose deals live in a place in memory, and a courier that goes between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from sqlalchemy import Connection, select

from flowrun.config.reading import Block
from flowrun.engine.events import Event
from flowrun.engine.runner import Runner
from flowrun.expr.types import Value
from flowrun.flow.model import SourceSpec
from flowrun.sources.carrier import Carrier
from flowrun.sources.courier import Courier
from flowrun.sources.intake import Intake
from flowrun.sources.interface import Place, Record
from flowrun.store.revisions import applied
from flowrun.store.runners import Registered
from flowrun.store.tables import bad_records, calls, rereads, sources
from flowrun.testing.memory import Memory, MemorySource
from tests.unit.engine.kit import SALES, START, World, flow_of, world

ME = Registered("me", "here", 1, "0", 0, 0)


class Options(Block):
    """None."""

    noun: ClassVar[str] = "the source 'memory'"


class MemoryKind:
    """The kind of a place in memory: opens whatever `source` makes of the place."""

    options = Options

    def __init__(self, place: Memory, source: Callable[[Memory], MemorySource]) -> None:
        self._place, self._source = place, source

    def open(self, options: Options, place: Place) -> MemorySource:
        return self._source(self._place)


@dataclass(slots=True)
class Elsewhere:
    """A world, the place where its deals live, and what was told."""

    world: World
    place: Memory = field(default_factory=Memory)
    source: Callable[[Memory], MemorySource] = MemorySource
    told: list[Event] = field(default_factory=list)
    chance: Callable[[], float] = lambda: 1.0
    waited: float = 0.0

    def put(self, id_: str, stage: str = "sales.new", **fields: Value) -> Elsewhere:
        """Make a deal there, or give it a stage and fields."""
        before = self.place.deals.get(id_)
        there = before.fields if before else dict.fromkeys(("title", "owner", *self.world.flow.fields))
        self.place.put([Record(id_, stage, {**there, **fields})])
        return self

    def stage(self, id_: str) -> str | None:
        """Where a deal stands there."""
        found = self.place.deals.get(id_)
        return found.stage if found else None

    @contextmanager
    def intake(self, runner: str = "me", source: MemorySource | None = None) -> Iterator[Intake]:
        w = self.world
        with w.store.connect() as connection:
            number = self.revision(connection)
            yield Intake(w.store, connection, number, w.flow, source or self.source(self.place), runner)

    @contextmanager
    def carrier(self, runner: str = "me", source: MemorySource | None = None) -> Iterator[Carrier]:
        w = self.world
        with w.store.connect() as connection:
            number = self.revision(connection)
            source = source or self.source(self.place)
            yield Carrier(w.store, connection, number, w.flow, source, runner, self.chance)

    def revision(self, connection: Connection) -> int:
        with self.world.store.read(connection):
            return applied(connection).number

    @contextmanager
    def courier(self, monkeypatch_kind: Callable[[MemoryKind], None], runner: Registered = ME) -> Iterator[Courier]:
        monkeypatch_kind(MemoryKind(self.place, self.source))
        with self.world.store.connect() as connection:
            courier = Courier(
                self.world.store, connection, Path(), runner, self.told.append, chance=lambda: self.chance()
            )
            yield courier
            courier.close()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waited += seconds
        clock = self.world.store.clock
        self.world.store.clock = replace(clock, instant=clock.now() + max(1, round(seconds * 1000)))  # type: ignore[type-var]

    def until_idle(self, courier: Courier) -> Elsewhere:
        """In turn, as `flowrun run --until-idle` does."""
        for _ in range(1_000):
            courier.bring_in()
            Runner(self.world.store).until_idle()
            if not courier.carry_out(self.wait):
                return self
        raise AssertionError("it never comes to rest")

    def to_read(self) -> list[str]:
        with self.world.store.read() as connection:
            return list(connection.execute(select(rereads.c.deal).order_by(rereads.c.deal)).scalars())

    def bad(self) -> list[tuple[str | None, str]]:
        with self.world.store.read() as connection:
            rows = connection.execute(select(bad_records).order_by(bad_records.c.place))
            return [(row.deal, row.reason) for row in rows]

    def states(self) -> list[tuple[str, str]]:
        with self.world.store.read() as connection:
            return [tuple(row) for row in connection.execute(select(calls.c.target, calls.c.state))]

    def mark(self) -> str | None:
        with self.world.store.read() as connection:
            mark: str | None = connection.execute(select(sources.c.mark)).scalar_one()
            return mark


def elsewhere(
    tunnels: str = "", *, rest: str = SALES, source: Callable[[Memory], MemorySource] = MemorySource
) -> Elsewhere:
    """A world whose deals live in memory."""
    w = world("", rest=rest)
    w.at(START).apply_flow(replace(flow_of(tunnels, rest=rest), source=SourceSpec("memory")))
    return Elsewhere(w, source=source)
