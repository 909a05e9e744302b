"""The courier goes both ways in turns, follows the applied revision, and tells a trouble once and when it is over."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event as Flag

import pytest
from sqlalchemy import select

from flowrun.engine.events import Carried, Event, Pulled, Recovered, Warned
from flowrun.engine.live import apply_flow
from flowrun.engine.runner import Runner
from flowrun.errors import Interfered, SourceTrouble
from flowrun.flow.model import Rails, SourceSpec
from flowrun.sources import registry
from flowrun.sources.beside import carrying
from flowrun.sources.courier import Courier
from flowrun.sources.intake import Superseded
from flowrun.sources.interface import Ability, Order, Outcome, Page, Record
from flowrun.store.connection import Store, open_store
from flowrun.store.revisions import Author
from flowrun.store.runners import Registered
from flowrun.store.tables import sources
from flowrun.testing.memory import Memory, MemorySource
from tests.acceptance.place import eventually
from tests.unit.engine.kit import flow_of
from tests.unit.sources.elsewhere import ME, MemoryKind, elsewhere

CHAIN = """
docs: {from: sales.new, to: sales.docs, action: move}
close: {from: sales.docs, to: sales.won, action: move}
hand-over: {from: sales.won, to: care.kickoff, action: copy}
"""


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Callable[[MemoryKind], None]:
    """Makes `memory` the name of that kind."""

    def put(kind: MemoryKind) -> None:
        monkeypatch.setitem(sys.modules[__name__].__dict__, "KIND", kind)
        monkeypatch.setattr(registry, "BUILT_IN", {"memory": f"{__name__}:KIND"})

    return put


def test_in_turn_all_is_brought_in_fired_and_carried_out(there: Callable[[MemoryKind], None]) -> None:
    e = elsewhere(CHAIN)
    e.put("a").put("b", "sales.docs")
    with e.courier(there) as courier:
        e.until_idle(courier)
    assert {id_: one.stage for id_, one in e.place.deals.items() if "~" not in id_} == {
        "a": "sales.won",
        "b": "sales.won",
    }
    assert len(e.world.copies("a")) == len(e.world.copies("b")) == 1
    assert set(e.place.effects.values()) == {1}
    assert (len(e.world.fired()), e.to_read(), e.states()) == (5, [], [])
    pulled = [event for event in e.told if isinstance(event, Pulled)]
    carried = [event for event in e.told if isinstance(event, Carried)]
    assert [event.added for event in pulled] == [2]
    assert sum(event.by_tunnel.get(("close", "fired"), 0) for event in carried) == 2
    assert carried[0].results == {("move", "fired"): 2}
    first = [deal.entry for deal in e.world.deals()]
    with e.courier(there) as courier:
        e.until_idle(courier)
    assert [deal.entry for deal in e.world.deals()] == first


def test_in_turn_what_is_gone_goes_too_where_only_a_full_read_tells(there: Callable[[MemoryKind], None]) -> None:
    e = elsewhere(CHAIN)
    e.put("a", "sales.lost").put("b", "sales.lost")
    with e.courier(there) as courier:
        e.until_idle(courier)
        del e.place.deals["b"]
        e.until_idle(courier)
        assert len(e.world.deals()) == 2
        e.world.later("1h")
        e.until_idle(courier)
    assert [deal.id for deal in e.world.deals()] == ["a"]


def test_in_turn_others_that_are_in_the_way_are_waited_for(there: Callable[[MemoryKind], None]) -> None:
    e = elsewhere(CHAIN)
    e.put("a")
    ways = [Interfered("others wrote"), Superseded()]

    class Crowded(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            if ways:
                raise ways.pop()
            return super().changes(mark)

    e.source = Crowded
    with e.courier(there) as courier:
        e.until_idle(courier)
    assert e.stage("a") == "sales.won"


def test_turns_ask_as_often_as_the_source_wants(there: Callable[[MemoryKind], None]) -> None:
    asked: list[str] = []

    class Counts(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            asked.append("changes")
            return super().changes(mark)

        def everything(self) -> Iterator[Page]:
            asked.append("everything")
            return super().everything()

    e = elsewhere(CHAIN, source=lambda place: Counts(place, Ability(every=5.0, whole_every=60.0)))
    e.put("a")
    with e.courier(there) as courier:
        courier.turn()
        assert asked == ["changes"]
        courier.turn()
        assert asked == ["changes", "everything"]  # nobody has made one yet
        for _ in range(4):
            e.world.later("1s")
            courier.turn()
        assert asked == ["changes", "everything"]
        e.world.later("1s")
        courier.turn()
        assert asked[2:] == ["changes"]
        e.world.later("60s")
        courier.turn()
        assert asked[3:] == ["everything"]


def test_a_full_read_comes_after_a_question_and_one_without_an_end_is_not_repeated_at_once(
    there: Callable[[MemoryKind], None],
) -> None:
    asked: list[str] = []

    class Blind(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            asked.append("changes")
            return super().changes(mark)

        def everything(self) -> Iterator[Page]:
            asked.append("everything")
            return (replace(page, whole=False) for page in super().everything())

    e = elsewhere(CHAIN, source=lambda place: Blind(place, Ability(every=5.0, whole_every=60.0)))
    e.put("a")
    with e.courier(there) as courier:
        courier.turn()
    with e.courier(there) as courier:
        for _ in range(4):
            e.world.later("6s")
            courier.turn()
        assert asked == ["changes", "changes", "everything", "changes", "changes"]
        e.world.later("600s")
        courier.turn()
        assert asked[5:] == ["everything"]


def test_a_rail_that_is_lifted_is_heeded_at_once(there: Callable[[MemoryKind], None]) -> None:
    class Whole(MemorySource):
        """Says everything whenever anything is new."""

        def changes(self, mark: str | None) -> Iterator[Page]:
            latest = f"{len(self.place.log)} {len(self.place.deals)}"
            if mark != latest:
                yield from (replace(page, mark=latest) for page in super().everything())

    kinds: tuple[type[MemorySource], ...] = (MemorySource, Whole)
    for kind in kinds:
        e = elsewhere(CHAIN, source=partial(kind, ability=Ability(every=5.0, whole_every=600.0)))
        for n in range(10):
            e.put(f"d{n}")
        with e.courier(there) as courier:
            courier.turn()
            courier.turn()
            for n in range(9):
                del e.place.deals[f"d{n}"]
            e.world.later("601s")
            for _ in range(3):
                courier.turn()
                e.world.later("6s")
            assert len(e.world.deals()) == 10
            told = [event for event in e.told if isinstance(event, Pulled) and event.bad]
            assert len(told) == 1, "it isn't asked again and again"
            assert "9 of 10 deals are missing" in (told[0].example or "")
            e.world.later("61s")
            e.world.apply_flow(replace(e.world.flow, rails=Rails(deleted=100)))
            courier.turn()
            courier.turn()
            assert len(e.world.deals()) == 1


def test_a_full_read_is_due_when_the_rail_is_another(there: Callable[[MemoryKind], None]) -> None:
    e = elsewhere(CHAIN, source=lambda place: MemorySource(place, Ability(every=5.0, whole_every=600.0)))
    e.put("a").put("b")
    with e.courier(there) as courier:
        courier.turn()
        courier.turn()
        del e.place.deals["a"]  # nobody tells of it
        e.world.apply_flow(replace(e.world.flow, rails=Rails(deleted=50)))
        courier.turn()
        courier.turn()
    assert len(e.world.deals()) == 1


def test_a_trouble_is_told_once_and_when_it_is_over_and_the_source_left_alone_between(
    there: Callable[[MemoryKind], None],
) -> None:
    away = True
    asked = 0

    class Away(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            nonlocal asked
            asked += 1
            if away:
                raise SourceTrouble("can't be reached", "look at its host")
            return super().changes(mark)

    e = elsewhere(CHAIN, source=Away)
    e.put("a")
    with e.courier(there) as courier:
        for _ in range(60):
            courier.turn()
            e.world.later("1s")
        assert asked == 6  # after 1, 2, 4, 8, 16, 32 seconds
        assert e.told == [Warned("the source: can't be reached (look at its host)", "source")]
        away = False
        for _ in range(10):
            e.world.later("10s")
            courier.turn()
        assert [event for event in e.told if isinstance(event, Warned | Recovered)][1:] == [
            Recovered("the source can be used again", "source")
        ]
    assert e.world.deals()


def test_a_trouble_that_another_runner_had_is_over_when_a_question_goes_well(
    there: Callable[[MemoryKind], None],
) -> None:
    e = elsewhere(CHAIN)
    trouble = select(sources.c.trouble)
    with e.courier(there) as courier:
        courier.note("can't be reached")
        with e.world.store.read() as connection:
            assert connection.execute(trouble).scalar_one() == "can't be reached"
        courier.bring_in()
        with e.world.store.read() as connection:
            assert connection.execute(trouble).scalar_one() is None


def test_beside_a_run_the_source_wakes_the_courier(there: Callable[[MemoryKind], None], tmp_path: Path) -> None:
    changed, waits = Flag(), Flag()

    class Wakes(MemorySource):
        def wait(self, seconds: float) -> bool:
            waits.set()
            if changed.wait(seconds):
                changed.clear()
                return True
            return False

    place = Memory()
    there(MemoryKind(place, lambda at: Wakes(at, Ability(every=3600.0))))
    url = f"sqlite:///{tmp_path / 'flowrun.db'}"
    told: list[Event] = []
    with open_store(url, create=True) as store:
        flow = replace(flow_of("docs: {from: sales.new, to: sales.docs, action: move}"), source=SourceSpec("memory"))
        with store.write(alone=True) as transaction:
            apply_flow(transaction, flow, {}, Author())
        with carrying(lambda: open_store(url), tmp_path, ME, told.append, 10.0) as beside:
            assert waits.wait(60)
            place.put([Record("a", "sales.new", {})])
            changed.set()
            eventually(lambda: bool(told))
            Runner(store).until_idle()
            beside.wake()
            eventually(lambda: place.deals["a"].stage == "sales.docs")
        assert isinstance(told[0], Pulled)
        with store.read() as connection:
            assert connection.execute(select(sources.c.reader)).scalar_one() is None


def test_another_source_is_opened_when_it_is_applied_and_none_where_deals_live_here(
    there: Callable[[MemoryKind], None],
) -> None:
    closed: list[int] = []

    class Closes(MemorySource):
        def close(self) -> None:
            closed.append(1)

    e = elsewhere(CHAIN, source=Closes)
    e.put("a")
    with e.courier(there) as courier:
        e.until_idle(courier)
        assert e.world.stage("a") == "sales.won"
        e.world.apply_flow(replace(flow_of(CHAIN), source=SourceSpec("memory")))
        e.put("b")
        e.until_idle(courier)
        assert (closed, e.world.stage("b")) == ([1], "sales.won")
        e.world.apply_flow(flow_of(CHAIN))
        e.put("c")
        e.until_idle(courier)
        assert closed == [1, 1]
        courier.turn()
        assert not courier.elsewhere
    assert {deal.id for deal in e.world.deals() if "~" not in deal.id} == {"a", "b"}


def test_what_a_dead_process_of_this_host_has_left_is_not_waited_for(there: Callable[[MemoryKind], None]) -> None:
    e = elsewhere("close: {from: sales.docs, to: sales.won, action: move}")
    e.put("a", "sales.docs")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    host = socket.gethostname()
    gone, here, else_where = f"{host}/{child.pid}/x", f"{host}/{os.getpid()}/y", f"other/{child.pid}/z"

    class Dies(MemorySource):
        def perform(self, orders: Sequence[Order]) -> Sequence[Outcome]:
            super().perform(orders)
            raise KeyboardInterrupt

    for name, waits in ((gone, False), (here, True), (else_where, True)):
        e = elsewhere("close: {from: sales.docs, to: sales.won, action: move}")
        e.put("a", "sales.docs")
        with e.intake(name) as intake:
            intake.changes()
        e.world.run()
        with e.carrier(name, Dies(e.place)) as carrier, pytest.raises(KeyboardInterrupt):
            carrier.carry()
        assert e.states() == [("a", "calling")]
        with e.courier(there, Registered("me", host, os.getpid(), "0", 0, 0)) as courier:
            courier.turn()
            assert bool(e.states()) is waits
        assert set(e.place.effects.values()) == {1}


def test_who_has_nothing_to_do_sleeps_until_another_revision_is_applied(
    tmp_path: Path, there: Callable[[MemoryKind], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    place, begun, idle, opened = Memory(), Flag(), Flag(), 0
    place.put([Record("a", "sales.new", {})])
    close = Courier.close

    def closed(courier: Courier) -> None:
        close(courier)
        idle.set()

    monkeypatch.setattr(Courier, "close", closed)

    def opening() -> Store:
        nonlocal opened
        opened += 1
        return open_store(url)

    class Tells(MemorySource):
        def changes(self, mark: str | None) -> Iterator[Page]:
            begun.set()
            return super().changes(mark)

    there(MemoryKind(place, Tells))
    with open_store(url, create=True) as store:
        with store.write(alone=True) as transaction:
            apply_flow(transaction, flow_of(CHAIN), {}, Author())
        with carrying(opening, tmp_path, ME, lambda _event: None, 10.0) as beside:
            assert idle.wait(60)
            with store.write(alone=True) as transaction:
                apply_flow(transaction, replace(flow_of(CHAIN), source=SourceSpec("memory")), {}, Author())
            assert not begun.wait(0.2)
            beside.look()
            assert begun.wait(60)
        assert opened == 2
