"""A studio that runs, and its page as a person uses it: nothing here knows how the page is built, but by what it shows.

Stages and tunnels are found by what they are in the picture; all else by the names that screen readers are told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page, expect

from tests.acceptance.place import Place, eventually

PATIENCE = 15_000
"""Milliseconds for which the page is waited for."""

STARTS = 120.0
"""Seconds for which a studio is waited for."""


@dataclass(slots=True)
class Studio:
    """A studio at `url`, which holds the token; `place` has its files and store."""

    place: Place
    url: str

    @property
    def origin(self) -> str:
        """Where it listens."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@contextmanager
def studio(place: Place, *options: str, now: str | None = None) -> Iterator[Studio]:
    """A studio over the place's files, until the end of the block."""
    with place.running("studio", "--listen", "127.0.0.1:0", *options, now=now, measured=False) as running:

        def said() -> re.Match[str] | None:
            return re.search(r"http://\S+", Path(running.out.name).read_text(encoding="utf-8"))

        eventually(lambda: said() is not None or not running.going, STARTS)
        found = said()
        assert found is not None, running.said()
        yield Studio(place, found[0])


@dataclass(slots=True)
class Seen:
    """A page of the studio. `wrong` is all that must not happen in it, as it happens."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def stage(self, stage: str) -> Locator:
        """A stage's card."""
        return self.page.locator(f'#picture .stage[data-id="{stage}"]')

    def tunnel(self, tunnel: str) -> Locator:
        """A tunnel's line."""
        return self.page.locator(f'#picture .tunnel[data-id="{tunnel}"]')

    def label(self, tunnel: str) -> Locator:
        """What stands on it."""
        return self.page.locator(f'#picture .label[data-id="{tunnel}"]')

    @property
    def panel(self) -> Locator:
        """The side that shows one thing."""
        return self.page.locator("#panel")

    @property
    def dialog(self) -> Locator:
        """The question that is asked."""
        return self.page.get_by_role("dialog")

    def button(self, name: str) -> Locator:
        """A button of the panel."""
        return self.panel.get_by_role("button", name=name, exact=True)

    def drag(self, source: str, target: str) -> None:
        """Drag a line from a stage to another."""
        begin, end = (self.stage(one).bounding_box() for one in (source, target))
        assert begin is not None
        assert end is not None
        mouse = self.page.mouse
        mouse.move(begin["x"] + 40, begin["y"] + 20)
        mouse.down()
        mouse.move(begin["x"] + 60, begin["y"] + 70, steps=3)
        mouse.move(end["x"] + 40, end["y"] + 20, steps=6)
        mouse.up()

    def told(self, text: str) -> None:
        """Wait until the page says that in a note."""
        expect(self.page.locator(".toast", has_text=text).first).to_be_visible()


@contextmanager
def seen(
    browser: Browser,
    studio: Studio,
    *,
    language: str = "en-GB",
    scheme: str = "light",
    motion: str = "no-preference",
    size: tuple[int, int] = (1440, 900),
) -> Iterator[Seen]:
    """The studio's page in a browser that knows nothing yet; what goes wrong in it fails the test at the end."""
    context = browser.new_context(
        locale=language,
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce" if motion == "reduce" else "no-preference",
        viewport={"width": size[0], "height": size[1]},
    )
    try:
        opened = _watched(context, studio)
        opened.page.goto(studio.url)
        expect(opened.page.locator("#problems")).not_to_be_empty()
        yield opened
        assert opened.wrong == []
    finally:
        context.close()


def _watched(context: BrowserContext, studio: Studio) -> Seen:
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    opened = Seen(page)

    def foreign(url: str) -> None:
        if not url.startswith((studio.origin + "/", "data:")):
            opened.wrong.append(f"asked for {url}")

    def dialog(asked: Dialog) -> None:
        opened.wrong.append(f"dialog: {asked.message}")
        asked.dismiss()

    def console(said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            opened.wrong.append(said.text)

    page.on("pageerror", lambda error: opened.wrong.append(f"error: {error}"))
    page.on("dialog", dialog)
    page.on("request", lambda request: foreign(request.url))
    page.on("console", console)
    return opened
