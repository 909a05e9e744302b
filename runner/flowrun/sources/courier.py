"""The courier: both ways between a store and the source of its applied revision, in turns.

A turn does what is due: calls out, deals that are to be read again, the question for changes, now and then a full
read. The source is opened for the revision that is applied, and anew when another is. What goes wrong is told once,
kept in the store for `status`, and told again when it is over; in between the courier comes back less and less often.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import TypeVar

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from flowrun.engine.calls import give_up, runners_calling
from flowrun.engine.events import Carried as WasCarried
from flowrun.engine.events import Event, Pulled, Recovered, Warned
from flowrun.engine.judge import route_of
from flowrun.errors import FlowrunError, Interfered, Locked, Stopped, Unreachable
from flowrun.flow.codec import source_digest
from flowrun.flow.model import Flow
from flowrun.sources import intake as intakes
from flowrun.sources.carrier import Carried, Carrier
from flowrun.sources.intake import Intake, Superseded, note_trouble
from flowrun.sources.interface import Source, Waking
from flowrun.sources.registry import opened
from flowrun.store.connection import Store
from flowrun.store.revisions import current
from flowrun.store.runners import Registered
from flowrun.store.tables import flowrun, rereads, sources

LONGEST = 1.0
"""Seconds between two looks for what is due: others may have added calls."""

FIRST_ABSENCE = 1.0
LONGEST_ABSENCE = 60.0
"""Seconds before a source that had trouble is tried again: at first, and at most."""

NOT_WHOLE = 600_000
"""Milliseconds before a full read is tried again that did not come to its end: rows can't be read, or too many are
missing, and a person has to look at it."""

REFUSED = 60_000
"""Milliseconds before a source is asked for changes again that answers with full reads, and lacks too many deals."""

PATIENT = 2_000
"""Milliseconds that a run until idle waits for the next call."""

_WAKES = 1.0
_TRIES = 10

Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Open:
    """The source of one revision, opened. `asked`: it was asked for changes, so it knows what the mark says there was;
    `whole_after` is when a full read may be tried again (ms) that did not come to its end."""

    revision: int
    flow: Flow
    source: Source
    intake: Intake
    carrier: Carrier
    waking: Flag | None = None
    closed: Flag = field(default_factory=Flag)
    asked: bool = False
    whole_after: int = 0

    def close(self) -> None:
        self.closed.set()
        with suppress(Exception):
            self.source.close()


class Courier:
    """Carries between one store and its source, over one connection, as that runner.

    `hear` is told what happens, `stopped` asked in between. `awake`, if given, is set where the source says by itself
    that something changed.
    """

    def __init__(
        self,
        store: Store,
        connection: Connection,
        folder: Path,
        runner: Registered,
        hear: Callable[[Event], None],
        stopped: Callable[[], bool] = lambda: False,
        awake: Flag | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._connection = connection
        self._folder = folder
        self._runner = f"{runner.host}/{runner.pid}/{runner.id}"
        self._hear = hear
        self._stopped = stopped
        self._awake = awake
        self._chance = chance
        self._open: _Open | None = None
        self._ask_after = 0
        self._elsewhere = True
        self._called_at: int | None = None
        self._trouble: str | None = None
        self._bad: tuple[int, str | None] | None = None
        self._absent = 0.0
        self._away_until = 0

    def close(self) -> None:
        """Give the source back."""
        if self._open is not None:
            with suppress(FlowrunError, DBAPIError):
                self._open.intake.release()
            self._open.close()
        self._open = None

    @property
    def elsewhere(self) -> bool:
        """Whether deals live elsewhere, as far as the last turn has seen."""
        return self._elsewhere

    # In turns without end

    def turn(self) -> float:
        """Do what is due; how many seconds there is nothing to do then, unless somebody wakes it."""
        now = self._store.clock.now()
        if now < self._away_until:
            return min(LONGEST, (self._away_until - now) / 1000)
        try:
            waits = self._turn(now)
        except (Superseded, Interfered):
            return self._chance() * 0.05
        except (Stopped, Unreachable, Locked):
            raise
        except FlowrunError as error:
            return self._fails(error)
        self._recovers()
        return waits

    def _turn(self, now: int) -> float:
        open_ = self._opened()
        if open_ is None:
            return LONGEST
        if self._carries(open_) and not self._stopped():
            return 0.0
        self._reads_again(open_)
        woken = open_.waking is not None and open_.waking.is_set()
        if woken and open_.waking is not None:
            open_.waking.clear()
        ability = open_.source.ability
        asked_at, read_at, whole_at = self._last(open_)
        if self._stopped():
            return 0.0
        if now < self._ask_after:
            pass
        elif self._whole_is_due(open_, whole_at, now) and read_at is not None:
            pulled = self._pull(open_.intake.everything)
            if not pulled.whole and not pulled.wait:
                open_.whole_after = now + NOT_WHOLE
            self._tell(open_, pulled)
        elif woken or not open_.asked or _due(asked_at, ability.every, now):
            pulled = self._pull(open_.intake.changes)
            open_.asked = open_.asked or not pulled.wait
            self._tell(open_, pulled)
        soonest = min(ability.every, LONGEST)
        if self._called_at is not None:
            soonest = min(soonest, max(0.0, (self._called_at - self._store.clock.now()) / 1000))
        return soonest

    def _whole_is_due(self, open_: _Open, whole_at: int | None, now: int) -> bool:
        every = open_.source.ability.whole_every
        return every is not None and open_.asked and now >= open_.whole_after and _due(whole_at, every, now)

    def _pull(self, question: Callable[[], intakes.Pulled]) -> intakes.Pulled:
        pulled = question()
        if wait := max(pulled.wait, REFUSED if pulled.refused else 0):
            self._ask_after = self._store.clock.now() + wait
        return pulled

    # In turn with a run that ends

    def bring_in(self) -> bool:
        """Ask for what has changed, and for what is to be read again; whether the store is other than before.

        Raises what the source raises. Where no source is elsewhere, nothing is done.
        """
        return self._insisting(self._bring_in)

    def _bring_in(self) -> bool:
        open_ = self._opened()
        if open_ is None:
            return False
        pulled = open_.intake.changes()
        open_.asked = open_.asked or not pulled.wait
        self._tell(open_, pulled)
        news = pulled.news
        if self._whole_is_due(open_, self._last(open_)[2], self._store.clock.now()):
            pulled = open_.intake.everything()
            self._tell(open_, pulled)
            news = news or pulled.news
        return self._reads_again(open_) or news

    def _insisting(self, work: Callable[[], Answer]) -> Answer:
        """Do it again where others were in the way, or another revision is applied by now."""
        for _ in range(_TRIES):
            try:
                return work()
            except Superseded:
                self._opened(anew=True)
            except Interfered:
                time.sleep(self._chance() * 0.02)
        return work()

    def carry_out(self, wait: Callable[[float], None], *, once: bool = False) -> bool:
        """Make the calls that are due, and those that come to be due within a moment; whether any was made.

        Raises what the source said if it had trouble, when all that could be done is done.
        """
        open_ = self._opened()
        made = False
        while open_ is not None and not self._stopped():
            mine = open_
            carried = self._insisting(lambda mine=mine: self._carried(mine))  # type: ignore[misc]
            if not carried.current:
                open_ = self._opened(anew=True)
                continue
            made = made or carried.carried > 0
            if carried.trouble is not None:
                raise carried.trouble
            if once:
                break
            if carried.carried == 0 or not carried.more:
                now = self._store.clock.now()
                if carried.again_at is None or carried.again_at - now > PATIENT:
                    break
                wait(max(0.0, (carried.again_at - now) / 1000))
                if carried.carried == 0 and self._store.clock.now() < carried.again_at:
                    break  # the clock stands still
        return made

    # Both

    def _opened(self, *, anew: bool = False) -> _Open | None:
        """The source of the applied revision; None where deals live in the store."""
        connection = self._connection
        with self._store.read(connection):
            number = connection.execute(select(flowrun.c.revision)).scalar_one()
            if self._open is not None and self._open.revision == number and not anew:
                return self._open
            revision = current(connection)
        self.close()
        self._elsewhere = revision is not None and revision.flow.source.elsewhere
        if revision is None or not self._elsewhere:
            return None
        self._give_up_the_dead()
        flow = revision.flow
        source = opened(flow, self._folder)
        try:
            more = (self._store, connection, revision.number, flow, source, self._runner)
            self._open = _Open(
                revision.number,
                flow,
                source,
                Intake(*more, stopped=self._stopped),
                Carrier(*more, chance=self._chance),
            )
        except BaseException:
            source.close()
            raise
        if self._awake is not None and isinstance(source, Waking):
            self._open.waking = Flag()
            Thread(target=_listen, args=(source, self._open, self._awake), name="flowrun-waking", daemon=True).start()
        return self._open

    def _give_up_the_dead(self) -> None:
        """What a process of this host has left behind that is no more need not be waited for."""
        with self._store.read(self._connection):
            reader = self._connection.execute(select(sources.c.reader)).scalars()
            names = {*reader, *runners_calling(self._connection)} - {None, self._runner}
        if dead := sorted(name for name in names if name and _is_dead(name, self._runner)):
            with self._store.write(self._connection) as transaction:
                for name in dead:
                    give_up(transaction.connection, name, transaction.now)

    def _carries(self, open_: _Open) -> bool:
        """Make the calls that are due, a batch of them; whether there may be more."""
        carried = self._carried(open_)
        self._called_at = carried.again_at
        if not carried.current:
            self._opened(anew=True)
            return True
        if carried.trouble is not None:
            raise carried.trouble
        return carried.more

    def _carried(self, open_: _Open) -> Carried:
        carried = open_.carrier.carry()
        if carried.carried:
            counts = Counter(carried.settled.by_tunnel)
            results: Counter[tuple[str, str]] = Counter()
            for (tunnel, what), count in counts.items():
                if tunnel in open_.flow.tunnels:
                    results[route_of(open_.flow.tunnels[tunnel]).value, what] += count
            now = self._store.clock.now()
            self._hear(WasCarried(now, open_.flow.timezone, dict(results), dict(counts)))
        return carried

    def _reads_again(self, open_: _Open) -> bool:
        with self._store.read(self._connection):
            any_ = self._connection.execute(select(rereads.c.deal).limit(1)).first()
        if any_ is None:
            return False
        pulled = open_.intake.again()
        self._tell(open_, pulled)
        return pulled.news

    def _last(self, open_: _Open) -> tuple[int | None, int | None, int | None]:
        """When changes were last asked for, the last answer came, and a full read last ended."""
        mine = select(sources.c.asked_at, sources.c.read_at, sources.c.whole_at)
        with self._store.read(self._connection):
            row = self._connection.execute(mine.where(sources.c.id == source_digest(open_.flow.source))).one_or_none()
        return (None, None, None) if row is None else (row.asked_at, row.read_at, row.whole_at)

    def _tell(self, open_: _Open, pulled: intakes.Pulled) -> None:
        """What came in; bad records alone are told of once, until they are others."""
        tally = pulled.tally
        bad = pulled.bad, pulled.example
        if pulled.news or (pulled.bad and bad != self._bad):
            counts = (tally.added, tally.changed, tally.moved, pulled.gone, pulled.bad)
            self._hear(Pulled(self._store.clock.now(), open_.flow.timezone, *counts, example=pulled.example))
        self._bad = bad if pulled.bad else self._bad

    def _fails(self, error: FlowrunError) -> float:
        """Tell of a trouble, unless it is told already, and stay away for a while; how many seconds."""
        text = str(error)
        self._absent = min(LONGEST_ABSENCE, self._absent * 2 or FIRST_ABSENCE)
        wait = self._absent * (0.5 + self._chance() / 2)
        self._away_until = self._store.clock.now() + int(wait * 1000)
        if text != self._trouble:
            self._hear(Warned(f"the source: {text}" + (f" ({error.help})" if error.help else ""), "source"))
            self.note(text)
        self._trouble = text
        return min(LONGEST, wait)

    def _recovers(self) -> None:
        if self._trouble is not None:
            self._hear(Recovered("the source can be used again", "source"))
            self.note(None)
        self._trouble, self._absent = None, 0.0

    def note(self, trouble: str | None) -> None:
        """Keep it for `status`, None if all is well; that it can't be kept is no other trouble."""
        with suppress(FlowrunError), self._store.write(self._connection) as transaction:
            revision = current(transaction.connection)
            if revision is not None:
                note_trouble(transaction, revision.flow, trouble)


def _listen(source: Waking, open_: _Open, awake: Flag) -> None:
    """Wait for the source to say that something changed, until it is closed or can't say."""
    while not open_.closed.is_set():
        try:
            changed = source.wait(_WAKES)
        except Exception:  # noqa: BLE001 - another's code
            return  # it is asked every so often all the same
        if changed and open_.waking is not None:
            open_.waking.set()
            awake.set()


def _is_dead(name: str, me: str) -> bool:
    """Whether a runner is certainly gone: one of this host whose process is no more."""
    host, _, rest = name.rpartition("/")[0].rpartition("/")
    if host != me.rpartition("/")[0].rpartition("/")[0] or not rest.isdigit():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _due(last: int | None, every: float, now: int) -> bool:
    return last is None or now - last >= every * 1000 or now < last
