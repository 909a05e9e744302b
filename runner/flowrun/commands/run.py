"""`flowrun run`: the runner of the applied revision."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from threading import Lock
from types import FrameType

from flowrun.clock import Clock, FixedClock
from flowrun.engine.events import Began, Carried, Ended, Event, Pulled, Retried, Ticked, Warned
from flowrun.engine.presence import Presence
from flowrun.engine.runner import Runner, Totals
from flowrun.engine.tick import Tick
from flowrun.errors import FlowrunError, Stopped, Unreachable, WrongUsage
from flowrun.expr.parse import ready
from flowrun.sources.beside import Beside, carrying
from flowrun.sources.courier import Courier
from flowrun.sources.webhooks.beside import posting, postman
from flowrun.store import lock
from flowrun.store.connection import open_store


class Until(Enum):
    """When a run ends by itself."""

    STOPPED = "stopped"
    IDLE = "idle"
    ONCE = "once"


def run(
    store: str,
    clock: Clock,
    until: Until,
    hear: Callable[[Event], None],
    step: Callable[[], None] = lambda: None,
    folder: Path = Path(),
) -> Totals:
    """Run until idle, for one batch, or until SIGTERM or SIGINT, which finish the batch; what was done.

    A signal also ends the waiting for another writer, since no batch is begun then. `hear` is told what happens, one
    thing at a time, the end while the store is still open; `step` is called many times a second as long as the run
    isn't stuck. Where deals live elsewhere, what changed there is brought in and firings are carried out there: beside
    the loop in a run without end, else in turn with it. `folder` is where relative paths of that place start.

    Raises WrongUsage for a clock that stands still in a run without end, and at the end what a source said that could
    not be used.
    """
    endless = until is Until.STOPPED
    if isinstance(clock, FixedClock) and endless:
        raise WrongUsage(
            "with FLOWRUN_NOW the clock stands still, so a run would never see a later moment",
            "add --until-idle or --once",
        )
    totals = Totals()
    telling = _Telling(hear, totals, endless=endless)
    hear = telling.hear
    trouble: FlowrunError | None = None
    with suppress(Stopped), _stopping() as stop, open_store(store, clock) as opened, ExitStack() as stack:
        others: list[Beside] = []
        seen: int | None = None

        def applied(revision: int) -> None:
            nonlocal seen
            if revision != seen:
                for one in others:
                    one.look()
            seen = revision

        def begun(revision: int) -> None:
            telling.begun(Began(presence.me, revision, endless))
            applied(revision)

        def report(tick: Tick, totals: Totals) -> None:
            hear(Ticked(tick, totals, endless))
            applied(tick.revision)
            if tick.results:
                for one in others:
                    one.wake()

        presence = Presence(opened, lambda message: hear(Warned(message, "register")), applied, telling.fired)
        runner = Runner(
            opened,
            stopped=lambda: stop.signal is not None,
            begun=begun,
            step=step,
            report=report,
            warn=lambda message: hear(Warned(message, "deals")),
            trouble=lambda about, message: hear(Warned(message, about)),
            retry=lambda: hear(Retried()),
            presence=presence if endless else None,
            totals=totals,
        )
        try:
            if endless:
                ready()
                mine = carrying(lambda: open_store(store, clock), folder, presence.me, hear, _PATIENCE)
                others.append(stack.enter_context(mine))
                telling_others = posting(lambda: open_store(store, clock), folder, presence.me.id, hear, _PATIENCE)
                others.append(stack.enter_context(telling_others))
                runner.forever()
            else:
                connection = stack.enter_context(opened.connect())
                opened.database.tune(connection)
                courier = Courier(
                    opened, connection, folder, presence.me, hear, stopped=lambda: stop.signal is not None
                )
                stack.callback(courier.close)
                trouble = _in_turn(runner, courier, once=until is Until.ONCE)
                with postman(opened, folder, presence.me.id, hear) as one:
                    one.until_idle(lambda: stop.signal is not None)
        except Stopped:
            pass
        stack.close()
        telling.ended(Ended(totals, stop.signal))
    if trouble is not None:
        raise trouble
    return totals


_SETTLED = frozenset({"fired", "parked", "conflict"})
"""What makes an end of a firing's way."""

_PATIENCE = 1.5
"""Seconds that a run which is to stop waits for a source."""


def _in_turn(runner: Runner, courier: Courier, *, once: bool) -> FlowrunError | None:
    """Bring in, tick and carry out until there is nothing to do now; what the source said that could not be used."""
    trouble: FlowrunError | None = None

    def tried(work: Callable[[], bool]) -> bool:
        nonlocal trouble
        try:
            return work()
        except (Stopped, Unreachable):
            raise
        except FlowrunError as error:
            trouble = error
            courier.note(str(error))
            return False

    def carried() -> bool:
        return tried(lambda: courier.carry_out(time.sleep, once=once))

    while not runner.stopped():
        tried(courier.bring_in)
        if once:
            runner.once()
        else:
            runner.until_idle()
        if trouble or not carried() or once:
            break
    return trouble


class _Telling:
    """What happens, told by one thread at a time; the totals of what was carried out are added at the end."""

    def __init__(self, hear: Callable[[Event], None], totals: Totals, *, endless: bool) -> None:
        self._hear = hear
        self._endless = endless
        self._totals = totals
        self._carried: Counter[tuple[str, str]] = Counter()
        self._lock = Lock()
        self._begun = False

    def hear(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Carried):
                self._carried.update(event.results)
            self._hear(replace(event, endless=self._endless) if isinstance(event, Carried | Pulled) else event)

    def fired(self) -> int:
        """How many firings were carried out."""
        with self._lock:
            return sum(count for (_, what), count in self._carried.items() if what == "fired")

    def begun(self, event: Began) -> None:
        """Tell of the beginning: once in a run that ends, which takes it up again and again."""
        if event.endless or not self._begun:
            self.hear(event)
        self._begun = True

    def ended(self, event: Ended) -> None:
        """Tell of the end."""
        results = self._totals.results
        for (kind, what), count in self._carried.items():
            if what in _SETTLED:
                results[kind, "pending"] = results.get((kind, "pending"), 0) - count
            if what in {"fired", "parked"}:
                results[kind, what] = results.get((kind, what), 0) + count
        for key in [key for key, count in results.items() if count <= 0]:
            del results[key]
        self.hear(event)


@dataclass(slots=True)
class _Stop:
    """The name of the signal that asked to stop, or None."""

    signal: str | None = None


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Notices a signal that asks to stop, and makes waiting writers heed it; the second one is obeyed at once."""
    stop = _Stop()

    def asked(number: int, _: FrameType | None) -> None:
        if stop.signal is not None:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.signal = signal.Signals(number).name

    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(one, asked) for one in signals]
    lock.heed(lambda: stop.signal is not None)
    try:
        yield stop
    finally:
        lock.heed(lambda: False)
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
