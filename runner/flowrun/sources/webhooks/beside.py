"""A postman beside the loop of a run without end: a thread of its own, with a connection of its own.

It is there as long as the applied flow has webhooks; while it has none, it looks now and then whether it has some, and
holds no connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from flowrun.engine.events import Event, Warned
from flowrun.errors import Stopped, Unreachable, WorkFailed
from flowrun.sources.registry import said
from flowrun.sources.webhooks.posting import Poster
from flowrun.sources.webhooks.postman import Postman
from flowrun.store.connection import Store

_LOOK = 5.0
"""Seconds between two looks at whether there are webhooks by now, or the store is back."""


@contextmanager
def postman(store: Store, folder: Path, runner: str, hear: Callable[[Event], None]) -> Iterator[Postman]:
    """A postman of that store. Raises WorkFailed, when there is something to post, where the HTTP client is missing."""
    with ExitStack() as stack, store.connect() as connection:

        def client() -> Poster:
            try:
                from flowrun.sources.webhooks.post import Client
            except ImportError as error:
                raise WorkFailed(
                    f"webhooks need packages that are not installed ({error.name})", "pip install 'flowrun[server]'"
                ) from None
            found = Client()
            stack.callback(found.close)
            return found

        store.database.tune(connection)
        one = Postman(store, connection, folder, runner, hear, client)
        yield one
        one.close()


@contextmanager
def posting(
    opening: Callable[[], Store], folder: Path, runner: str, hear: Callable[[Event], None], patience: float
) -> Iterator[Callable[[], None]]:
    """A postman in a thread of its own; what is given wakes it. At the end it is waited for `patience` seconds."""
    stop = Flag()
    postmen: list[Postman] = []

    def go() -> None:
        told = False
        while not stop.is_set():
            try:
                with opening() as store, postman(store, folder, runner, hear) as one:
                    postmen[:] = [one]
                    told = False
                    while not stop.is_set() and one.needed:
                        one.turn()
                    postmen.clear()
                stop.wait(_LOOK)
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - it has to be there when all is well again
                postmen.clear()
                # Of a store that has gone the engine's loop tells.
                if not told and not isinstance(error, Unreachable):
                    hear(Warned(f"webhooks: {said(error)}; trying again", "webhooks"))
                told = True
                stop.wait(_LOOK)

    def wake() -> None:
        for one in tuple(postmen):
            one.wake()

    thread = Thread(target=go, name="flowrun-postman", daemon=True)
    thread.start()
    try:
        yield wake
    finally:
        stop.set()
        wake()
        thread.join(patience)
