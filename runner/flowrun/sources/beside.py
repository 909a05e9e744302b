"""A courier beside the loop of a run without end: a thread of its own, with a connection of its own.

So a source that is slow keeps no tunnel waiting, and one that hangs keeps the run from nothing, its end included. The
thread is there as long as deals live elsewhere; while they live in the store, it looks now and then whether they still
do, and holds no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from flowrun.engine.events import Event, Warned
from flowrun.errors import Stopped, Unreachable
from flowrun.sources.courier import Courier
from flowrun.sources.registry import said
from flowrun.store.connection import Store
from flowrun.store.runners import Registered

_LOOK = 5.0
"""Seconds between two looks at whether deals live elsewhere by now, or the store is back."""


@contextmanager
def beside(
    opening: Callable[[], Store],
    folder: Path,
    runner: Registered,
    hear: Callable[[Event], None],
    patience: float,
) -> Iterator[Callable[[], None]]:
    """A courier in a thread of its own, with a store of its own; what is given wakes it.

    At the end it is waited for `patience` seconds. A source that hangs is left behind then: its calls are looked up by
    whoever runs next.
    """
    stop, awake = Flag(), Flag()

    def go() -> None:
        told = False
        while not stop.is_set():
            try:
                with opening() as store, store.connect() as connection:
                    store.database.tune(connection)
                    courier = Courier(store, connection, folder, runner, hear, stop.is_set, awake)
                    told = False
                    try:
                        while not stop.is_set() and courier.elsewhere:
                            if awake.wait(courier.turn()):
                                awake.clear()
                    finally:
                        courier.close()
                stop.wait(_LOOK)
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - it has to be there when all is well again
                # Of a store that has gone the engine's loop tells.
                if not told and not isinstance(error, Unreachable):
                    hear(Warned(f"the source: {said(error)}; trying again", "source"))
                told = True
                stop.wait(_LOOK)

    def wake() -> None:
        awake.set()

    thread = Thread(target=go, name="flowrun-courier", daemon=True)
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        awake.set()
        thread.join(patience)
