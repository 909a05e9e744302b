"""Files that change while somebody edits them: both are shown, and neither is lost."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.acceptance.place import Place
from tests.browser.studio import seen, studio

FLOWS = """\
flowrun: 1
project: p
pipelines:
  a: {stages: [x, y]}
tunnels:
  t:
    from: a.x
    to: a.y
    action: move
    after: 1h
"""


def test_a_change_underneath_is_shown_and_kept(browser: Browser, place: Place) -> None:
    file = place.write("flows/a.yaml", FLOWS)
    with studio(place) as served, seen(browser, served) as page:
        page.label("t").click()
        page.panel.get_by_label("after", exact=True).fill("2d")
        expect(page.panel.locator(".diff")).to_contain_text("+    after: 2d")
        file.write_text(FLOWS.replace("after: 1h", "after: 1h   # agreed with Anna"))
        expect(page.panel).to_contain_text("The files have changed meanwhile")
        page.button("Save").click()
        expect(page.dialog.locator(".diff")).to_have_count(2)
        mine, theirs = page.dialog.locator(".diff").all()
        expect(mine).to_contain_text("+    after: 2d")
        expect(theirs).to_contain_text("+    after: 1h   # agreed with Anna")
        assert file.read_text() == FLOWS.replace("after: 1h", "after: 1h   # agreed with Anna")
        page.dialog.get_by_role("button", name="Look at mine on top of theirs").click()
        expect(page.panel.locator(".diff")).to_contain_text("+    after: 2d   # agreed with Anna")
        page.button("Save").click()
        page.told("t saved")
    assert file.read_text() == FLOWS.replace("after: 1h", "after: 2d   # agreed with Anna")


def test_theirs_can_be_taken(browser: Browser, place: Place) -> None:
    file = place.write("flows/a.yaml", FLOWS)
    with studio(place) as served, seen(browser, served) as page:
        page.label("t").click()
        page.panel.get_by_label("after", exact=True).fill("2d")
        expect(page.panel.locator(".diff")).to_contain_text("+    after: 2d")
        file.write_text(FLOWS.replace("after: 1h", "after: 3h"))
        expect(page.label("t")).to_contain_text("3h")
        page.button("Save").click()
        page.dialog.get_by_role("button", name="Drop mine").click()
        expect(page.panel.get_by_label("after", exact=True)).to_have_value("3h")
    assert file.read_text() == FLOWS.replace("after: 1h", "after: 3h")
