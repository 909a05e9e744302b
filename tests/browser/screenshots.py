"""`make screenshots`: the pictures of the studio in docs/images, of the living example with its deals.

    python -m tests.browser.screenshots [FOLDER]

The clock stands still, so that they differ only where the page does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.acceptance.place import ROOT, Place
from tests.browser.chromium import WANTED, chromium, program
from tests.browser.example import NOW, example
from tests.browser.studio import Seen, Studio, seen, studio


def picture(page: Seen) -> None:
    """All of it."""


def editing(page: Seen) -> None:
    """A condition with a mistake in it, and what it would change in the file."""
    page.label("won-to-onboarding").click()
    page.panel.get_by_role("textbox", name="when").fill("deal.amuont >= vars.big or 'vip' in deal.tags")
    expect(page.panel.locator(".editor mark")).to_have_text("amuont")
    page.panel.locator(".errors p").first.scroll_into_view_if_needed()


def explained(page: Seen) -> None:
    """A deal, and the part of a condition that holds it back."""
    page.stage("sales.proposal").click()
    page.panel.locator("li", has_text="S-212").get_by_role("button").click()
    expect(page.panel.locator(".blames").first).to_be_visible()


def previewed(page: Seen) -> None:
    """What a shorter delay would do to the live deals."""
    page.label("lead-goes-cold").click()
    page.panel.get_by_label("after", exact=True).fill("1bd")
    expect(page.panel.locator(".diff")).to_contain_text("after: 1bd")
    page.button("Save").click()
    page.told("lead-goes-cold saved")
    page.page.locator("#preview").click()
    expect(page.panel.locator(".diff")).to_be_visible()
    page.page.locator(".toast").first.evaluate("(toast) => toast.remove()")
    page.page.mouse.move(700, 5)


PICTURES: tuple[tuple[str, str, str, Callable[[Seen], None]], ...] = (
    ("studio-light", "light", "en-GB", picture),
    ("studio-dark", "dark", "en-GB", picture),
    ("studio-editing", "light", "en-GB", editing),
    ("studio-deal", "dark", "en-GB", explained),
    ("studio-russian", "light", "ru-RU", explained),
    ("studio-preview", "light", "en-GB", previewed),
)
"""The last one edits the files, so it comes last."""


def main(folder: Path) -> None:
    """Make them all."""
    found = program()
    if found is None:
        raise SystemExit(WANTED)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, chromium(found) as browser:
        place = Place(Path(home))
        example(place)
        with studio(place, "--allow-apply", now=NOW) as served:
            for name, scheme, language, show in PICTURES:
                take(browser, served, folder / f"{name}.png", scheme, language, show)


def take(browser: Browser, served: Studio, to: Path, scheme: str, language: str, show: Callable[[Seen], None]) -> None:
    """One picture."""
    with seen(browser, served, scheme=scheme, language=language, motion="reduce", size=(1440, 880)) as page:
        expect(page.stage("sales.won").locator(".count")).to_have_text("7")
        show(page)
        page.page.screenshot(path=to)
        print(to)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
