"""A postman, and one beside the loop of a run without end, as long as the applied flow has webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flowrun.engine.events import Event, Warned
from flowrun.errors import WorkFailed
from flowrun.sources.beside import Beside, beside
from flowrun.sources.webhooks.posting import Poster
from flowrun.sources.webhooks.postman import Postman
from flowrun.store.connection import Store


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
) -> Iterator[Beside]:
    """A postman in a thread of its own. At the end it is waited for `patience` seconds."""
    postmen: list[Postman] = []

    def work(store: Store, stopped: Callable[[], bool], well: Callable[[], None]) -> None:
        with postman(store, folder, runner, hear) as one:
            postmen.append(one)
            well()
            try:
                while not stopped() and one.needed:
                    one.turn()
            finally:
                postmen.clear()

    def wake() -> None:
        for one in tuple(postmen):
            one.wake()

    def complain(text: str) -> None:
        hear(Warned(f"webhooks: {text}; trying again", "webhooks"))

    with beside("flowrun-postman", opening, work, wake, complain, patience) as one:
        yield one
