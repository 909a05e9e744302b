"""What happens meanwhile, for all open pages: one question to the store for all of them, and each its own stream.

Only while a page looks is anything asked. A page that is too slow to take its stream loses it; it comes back by itself,
and asks for the whole. All streams end at once when the studio is to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from flowrun.errors import FlowrunError
from flowrun.studio.live import EVERY, Live
from flowrun.studio.problems import text

HEARTBEAT = 15.0
"""Seconds without an event after which a comment says that the stream lives."""

_BEHIND = 1000
"""Events that a page may be behind."""

MOST = 32
"""Pages that look at once."""


class Events:
    """The streams of all pages. Belongs to the loop of the server; `files` may be called in any thread."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether as many pages look as may, or the studio is to stop."""
        return self._closed or len(self._queues) >= MOST

    async def stream(self) -> AsyncIterator[str]:
        """The events for one page, from now on."""
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue(_BEHIND)
        self._queues.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ask(), name="flowrun-studio")
        try:
            yield "retry: 1000\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT)
                except TimeoutError:
                    event = ": still here\n\n"
                if event is None:
                    return
                yield event
        finally:
            self._queues.discard(queue)

    def files(self, etag: str) -> None:
        """The files are others now."""
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._tell, "files", {"etag": etag})

    def close(self) -> None:
        """End all streams. In the loop's thread."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        for queue in self._queues:
            self._end(queue)

    async def _ask(self) -> None:
        """Ask for as long as a page looks."""
        told: Mapping[str, object] | None = None
        while self._queues:
            try:
                news = await run_in_threadpool(self._live.news)
            except FlowrunError:
                told = None  # the page hears why when it asks itself
            else:
                for row in news.fired:
                    self._tell("fired", row)
                if told is None or _less_now(news.content) != _less_now(told):
                    self._tell("live", news.content)
                told = news.content
            await asyncio.sleep(EVERY)
        await run_in_threadpool(self._live.rest)

    def _tell(self, event: str, content: Mapping[str, object]) -> None:
        told = f"event: {event}\ndata: {text(content)}\n\n"
        for queue in list(self._queues):
            try:
                queue.put_nowait(told)
            except asyncio.QueueFull:
                self._end(queue)

    @staticmethod
    def _end(queue: asyncio.Queue[str | None]) -> None:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


def _less_now(content: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in content.items() if key != "now"}
