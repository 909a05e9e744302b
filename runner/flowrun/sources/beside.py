"""Work beside the loop of a run without end: in a thread of its own, with a store of its own.

So a source that is slow keeps no tunnel waiting, and one that hangs keeps the run from nothing, its end included. A
thread that has nothing to do under the applied revision holds no store, and sleeps until another one is applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from flowrun.engine.events import Event, Warned
from flowrun.errors import Stopped, Unreachable
from flowrun.sources.courier import Courier
from flowrun.sources.registry import said
from flowrun.store.connection import Store
from flowrun.store.runners import Registered

_AGAIN = 5.0
"""Seconds after which work that failed is begun anew."""

Work = Callable[[Store, Callable[[], bool], Callable[[], None]], None]
"""Does what there is to do with that store, until there is nothing or the second says stop; it calls the third when it
has begun well."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Work that goes on beside the loop. `wake` it when there may be more for it; have it `look` when another revision
    is applied, under which there may be something for it at all."""

    wake: Callable[[], None]
    look: Callable[[], None]


@contextmanager
def beside(
    name: str,
    opening: Callable[[], Store],
    work: Work,
    wake: Callable[[], None],
    complain: Callable[[str], None],
    patience: float,
) -> Iterator[Beside]:
    """Have the work done in a thread of that name.

    What it raises is told to `complain`, once until it has begun well again, and it is begun anew. At the end it is
    woken by `wake`, and waited for `patience` seconds; if it hangs, it is left behind.
    """
    stop, another = Flag(), Flag()
    told = False

    def well() -> None:
        nonlocal told
        told = False

    def go() -> None:
        nonlocal told
        while not stop.is_set():
            another.clear()
            try:
                with opening() as store:
                    work(store, stop.is_set, well)
                another.wait()
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - it has to be there when all is well again
                # Of a store that has gone the engine's loop tells.
                if not told and not isinstance(error, Unreachable):
                    complain(said(error))
                told = True
                stop.wait(_AGAIN)

    thread = Thread(target=go, name=name, daemon=True)
    thread.start()
    try:
        yield Beside(wake, another.set)
    finally:
        stop.set()
        another.set()
        wake()
        thread.join(patience)


@contextmanager
def carrying(
    opening: Callable[[], Store], folder: Path, runner: Registered, hear: Callable[[Event], None], patience: float
) -> Iterator[Beside]:
    """A courier beside the loop, as long as deals live elsewhere.

    The calls of a source that hangs are looked up by whoever runs next.
    """
    awake = Flag()

    def work(store: Store, stopped: Callable[[], bool], well: Callable[[], None]) -> None:
        with store.connect() as connection:
            store.database.tune(connection)
            courier = Courier(store, connection, folder, runner, hear, stopped, awake)
            well()
            try:
                while not stopped() and courier.elsewhere:
                    if awake.wait(courier.turn()):
                        awake.clear()
            finally:
                courier.close()

    def complain(text: str) -> None:
        hear(Warned(f"the source: {text}; trying again", "source"))

    with beside("flowrun-courier", opening, work, awake.set, complain, patience) as one:
        yield one
