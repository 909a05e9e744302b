"""The streams of pages: what they are told, when they end, and the watch of the files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from flowrun.commands.project import Project
from flowrun.studio import events, live, watch
from flowrun.studio.events import Events
from flowrun.studio.folder import Folder
from flowrun.studio.watch import Watch
from tests.acceptance.place import eventually
from tests.unit.studio.conftest import Opening
from tests.unit.studio.kit import FLOW, Page


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (live, events):
        monkeypatch.setattr(module, "EVERY", 0.01)
    monkeypatch.setattr(live, "_SHARE", 0)
    monkeypatch.setattr(live, "_STILL", 0.0)


async def told(stream: AsyncIterator[str], event: str) -> Any:
    """The next such event."""
    async with asyncio.timeout(60):
        async for text in stream:
            name, _, data = text.strip().partition("\n")
            if name == f"event: {event}":
                return json.loads(data.removeprefix("data: "))
    raise AssertionError("it ended")


def played(page: Page, story: Callable[[Events], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        try:
            await story(page.api.events)
        finally:
            page.api.events.close()

    asyncio.run(whole())


def test_a_page_is_told_of_figures_firings_and_files(page: Page) -> None:
    page.applied()

    async def story(events: Events) -> None:
        stream = events.stream()
        assert (await anext(stream)).startswith("retry:")
        found = await told(stream, "live")
        assert (found["version"], found["stages"]["sales.new"]["deals"]) == (1, 0)
        await asyncio.to_thread(lambda: page.add("a", "sales.new", "amount=500").run())
        fired = await told(stream, "fired")
        assert (fired["version"], fired["tunnel"], fired["deal"], fired["to"]) == (1, "offers", "a", "sales.offer")
        assert (await told(stream, "live"))["stages"]["sales.offer"]["deals"] == 1
        await asyncio.to_thread(events.files, "an-etag")
        assert (await told(stream, "files"))["etag"] == "an-etag"

    played(page, story)


def test_all_streams_end_when_it_is_to_stop(page: Page) -> None:
    async def story(events: Events) -> None:
        streams = [events.stream() for _ in range(3)]
        for stream in streams:
            await anext(stream)
        waiting = [asyncio.create_task(_drained(stream)) for stream in streams]
        await asyncio.sleep(0)
        events.close()
        async with asyncio.timeout(60):
            await asyncio.gather(*waiting)
        assert events.full, "and no new one begins"

    played(page, story)


async def _drained(stream: AsyncIterator[str]) -> None:
    async for _ in stream:
        pass


def test_a_quiet_stream_says_that_it_lives(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.01)

    async def story(events: Events) -> None:
        async with asyncio.timeout(60):
            async for text in events.stream():
                if text.startswith(":"):
                    assert text == ": still here\n\n"
                    return

    played(page, story)


def test_nobody_is_asked_when_nobody_looks(page: Page) -> None:
    async def story(events: Events) -> None:
        stream = events.stream()
        await told(stream, "live")
        assert isinstance(stream, AsyncGenerator)
        await stream.aclose()
        async with asyncio.timeout(60):
            while page.api.live.open or any(task.get_name() == "flowrun-studio" for task in asyncio.all_tasks()):
                await asyncio.sleep(0.01)

    played(page.applied(), story)


def test_a_page_that_is_too_slow_loses_its_stream(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_BEHIND", 3)

    async def story(events: Events) -> None:
        stream = events.stream()
        await anext(stream)
        for number in range(9):
            events.files(str(number))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(60):
            assert [text async for text in stream] == []

    played(page, story)


def test_only_so_many_pages_look(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST", 0)
    answer = page.get("/api/events")
    assert (answer.status, answer.code) == (503, "failed")


def test_trouble_with_the_store_ends_no_stream(opening: Opening, tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no store" * 99)
    page = opening().write()

    async def story(events: Events) -> None:
        stream = events.stream()
        await anext(stream)
        await asyncio.sleep(0.1)
        (tmp_path / "store.db").unlink()
        await asyncio.to_thread(page.applied)
        while (await told(stream, "live"))["store"]["revision"] != 1:
            pass

    played(page, story)


def test_saves_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK", 20)
    folder = Folder(Project(tmp_path / "flows"))
    seen: list[str] = []
    watching = Watch(folder, seen.append)
    try:
        (tmp_path / "flows").mkdir()
        (tmp_path / "flows" / "a.yaml").write_text(FLOW)
        eventually(lambda: folder.etag() in seen)
        (tmp_path / "flows").rename(tmp_path / "old")
        eventually(lambda: folder.etag() in seen)
        (tmp_path / "flows").mkdir()
        (tmp_path / "flows" / "a.yaml").write_text(FLOW + "# anew\n")
        eventually(lambda: folder.etag() in seen)
        last = len(seen)
        (tmp_path / "flows" / "a.yaml").write_text(FLOW + "# anew\n")
        (tmp_path / "flows" / "note.txt").write_text("no matter")
        (tmp_path / "flows" / "a.yaml").write_text(FLOW)
        eventually(lambda: folder.etag() in seen[last:])
        assert len(set(seen)) == len(seen) or len(seen) <= last + 2
    finally:
        watching.close()
