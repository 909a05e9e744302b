"""A story, from an empty project to a tunnel that came and went, and what it leaves in the files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.acceptance.place import Place
from tests.browser.studio import Seen, seen, studio

GOLDEN = Path(__file__).parent / "story.diff"

SHOP = """\
# A small shop. These remarks stay, and so does everything else that nobody touches.
flowrun: 1
project: shop
timezone: Europe/Berlin

fields:
  amount:   {type: decimal, places: 2}   # in euros
  account:  text
  source:   {type: enum, values: [web, "ads"]}
"""


def test_the_story(browser: Browser, place: Place) -> None:
    place.write("flows/shop.yaml", SHOP)
    git(place, "init", "-q")
    git(place, "add", "flows")
    git(place, "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "before")
    with studio(place, "--allow-apply") as served, seen(browser, served) as shop:
        two_pipelines(shop)
        a_line(shop)
        a_condition_with_a_mistake(shop)
        a_delay(shop)
        preview_and_apply(shop)
        place.run("deals", "add", "--at", "sales.won", "--id", "acme", "title=Acme", "amount=900").fine()
        with place.running("run"):
            a_deal_goes_through(shop)
        the_line_goes(shop)
    assert git(place, "diff", "--no-color", "--abbrev=7") == GOLDEN.read_text(encoding="utf-8")
    place.run("validate").fine()


def two_pipelines(shop: Seen) -> None:
    add(shop, "Sales", "sales", "new\noffer\nwon: won\nlost: lost")
    add(shop, "Onboarding", "onboarding", "kickoff\nlive: won")
    expect(shop.stage("sales.new")).to_be_visible()
    expect(shop.stage("onboarding.live")).to_contain_text("won")


def add(shop: Seen, name: str, id_: str, stages: str) -> None:
    shop.page.locator("#add").click()
    shop.dialog.get_by_label("name").fill(name)
    shop.dialog.get_by_label("id", exact=True).fill(id_)
    shop.dialog.get_by_label("stages").fill(stages)
    shop.dialog.get_by_role("button", name="Create").click()
    shop.told(f"{name} added")


def a_line(shop: Seen) -> None:
    shop.drag("sales.won", "onboarding.kickoff")
    expect(shop.panel).to_contain_text("New tunnel")
    shop.panel.get_by_text("copy", exact=True).click()
    shop.button("Create").click()
    expect(shop.tunnel("sales-won-to-onboarding")).to_be_attached()
    expect(shop.label("sales-won-to-onboarding")).to_contain_text("copy")


def a_condition_with_a_mistake(shop: Seen) -> None:
    condition = shop.panel.get_by_role("textbox", name="when")
    condition.fill("deal.amuont >= 500")
    wrong = shop.panel.locator(".editor mark")
    expect(wrong).to_have_text("amuont")
    expect(shop.panel.locator(".errors")).to_contain_text(["did you mean 'amount'?"])
    expect(condition).to_have_attribute("aria-invalid", "true")
    condition.fill("deal.am")
    condition.press("End")
    condition.press("Control+Space")
    shop.page.get_by_role("option", name="deal.amount").click()
    condition.press_sequentially(" >= 500")
    expect(shop.panel.locator(".diff")).to_contain_text("when: deal.amount >= 500")
    expect(wrong).to_have_count(0)
    shop.button("Save").click()
    shop.told("sales-won-to-onboarding saved")


def a_delay(shop: Seen) -> None:
    shop.panel.get_by_text("after a while").click()
    shop.panel.get_by_label("after", exact=True).fill("2s")
    expect(shop.panel.locator(".diff")).to_contain_text("after: 2s")
    shop.button("Save").click()
    expect(shop.label("sales-won-to-onboarding")).to_contain_text("2s")


def preview_and_apply(shop: Seen) -> None:
    shop.page.locator("#preview").click()
    expect(shop.panel).to_contain_text("+ tunnel sales-won-to-onboarding")
    shop.button("Apply…").click()
    shop.dialog.get_by_role("button", name="Apply").click()
    shop.told("Applied as revision 1.")
    expect(shop.panel).to_contain_text("The applied revision says what the files say.")


def a_deal_goes_through(shop: Seen) -> None:
    expect(shop.stage("onboarding.kickoff").locator(".count")).to_have_text("1")
    shop.stage("onboarding.kickoff").click()
    shop.panel.get_by_role("button", name="Acme").click()
    expect(shop.panel).to_contain_text("acme~")
    expect(shop.page.locator("#said")).to_contain_text("1 firing")


def the_line_goes(shop: Seen) -> None:
    shop.label("sales-won-to-onboarding").click()
    shop.button("Remove").click()
    shop.dialog.get_by_role("button", name="Remove").click()
    shop.told("sales-won-to-onboarding removed")
    expect(shop.tunnel("sales-won-to-onboarding")).to_have_count(0)


def git(place: Place, *arguments: str) -> str:
    plain = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=place.folder, env=plain, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout
