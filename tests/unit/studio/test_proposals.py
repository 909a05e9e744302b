"""Preview and apply by the page: what is shown is what the commands say, and what is applied is what was shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowrun.clock import VirtualClock, iso
from flowrun.commands.diff import diff
from flowrun.commands.history import told
from flowrun.engine.deploy import Proposal
from flowrun.render.ink import plain
from flowrun.render.proposal import proposal_content, proposal_text
from flowrun.studio import proposals
from tests.postgres import Database
from tests.unit.store.example import NOON
from tests.unit.studio.conftest import Opening
from tests.unit.studio.kit import FLOW, Page

HOUR = 3_600_000
ALL = FLOW.replace("    when: deal.amount > 100\n", "    existing: include\n").replace(
    "tunnels:", "rails: {share: 100}\n\ntunnels:"
)
CHAIN = ALL + "  on: {from: sales.offer, to: sales.won, action: copy, existing: include}\n"


@pytest.fixture
def stock(page: Page) -> Page:
    """Two deals that no tunnel takes yet."""
    return page.applied().add("a", "sales.new", "title=Acme").add("b", "sales.new", "title=<b>")


def preview(page: Page, **more: object) -> Any:
    return page.post("/api/preview", {"etag": page.etag, **more}).fine()


def test_the_first_apply_makes_the_store(page: Page) -> None:
    found = preview(page)
    assert (found["deals"], found["more"], found["difference"]["base_revision"]) == ([], 0, None)
    assert page.post("/api/apply", {"plan": found["plan"]}).fine()["revision"] == 1
    assert preview(page)["plan"] is None, "there is nothing to apply any more"


def test_a_preview_is_what_diff_says_with_the_deals_named(stock: Page) -> None:
    stock.write(CHAIN)
    found = preview(stock)
    launch = stock.launch
    proposal = diff(launch.project, launch.store, launch.clock)
    assert (found["text"], found["difference"]) == (plain(proposal_text(proposal)), proposal_content(proposal))
    ways = [(one["tunnel"], one["deal"], one["title"], one["from"], one["to"], one["action"]) for one in found["deals"]]
    assert ways == [
        ("offers", "a", "Acme", "sales.new", "sales.offer", "move"),
        ("offers", "b", "<b>", "sales.new", "sales.offer", "move"),
        ("on", "a", "Acme", "sales.offer", "sales.won", "copy"),
        ("on", "b", "<b>", "sales.offer", "sales.won", "copy"),
    ]
    assert stock.get("/api/deals?stage=sales.new").fine()["deals"], "nothing has happened"
    assert stock.post("/api/apply", {"plan": found["plan"]}).fine()["revision"] == 2
    stock.run()
    moved = {one["id"]: one["stage"] for one in stock.get("/api/deals").fine()["deals"]}
    assert [stage for id_, stage in sorted(moved.items()) if "~" not in id_] == ["sales.offer", "sales.offer"]


def test_on_postgresql_they_are_named_too(opening: Opening, fast_postgres: Database) -> None:
    page = opening(store=fast_postgres.url).write().applied().add("a", "sales.new", "title=Acme")
    found = preview(page.write(CHAIN))
    assert [(one["tunnel"], one["title"], one["to"]) for one in found["deals"]] == [
        ("offers", "Acme", "sales.offer"),
        ("on", "Acme", "sales.won"),
    ]
    assert page.post("/api/apply", {"plan": found["plan"]}).fine()["revision"] == 2


def test_only_so_many_are_named_and_the_rest_counted(stock: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "NAMED", 3)
    found = preview(stock.write(CHAIN))
    assert (len(found["deals"]), found["more"]) == (3, 1)


def test_deals_of_a_removed_stage_are_named(page: Page) -> None:
    page.write(FLOW.replace("[new,", "[new, old,")).applied().add("a", "sales.old", "title=Acme")
    page.write(FLOW + "removed: [{stage: sales.old, deals: {to: sales.new}}]\nrails: {share: 100}\n")
    found = preview(page)
    assert found["deals"] == [
        {"tunnel": None, "deal": "a", "title": "Acme", "from": "sales.old", "to": "sales.new", "action": "relocate"}
    ]
    refused = page.post("/api/apply", {"plan": found["plan"]})
    assert (refused.status, refused.code) == (409, "rail")
    assert refused.json["refusals"][0]["allow"] == "remove-stage=1"
    applied = page.post("/api/apply", {"plan": found["plan"], "allow": {"remove-stage": 1}})
    assert applied.fine()["revision"] == 2
    assert page.get("/api/deals/a").fine()["deal"]["stage"] == "sales.new"


def test_without_allow_apply_nothing_is_applied(opening: Opening) -> None:
    page = opening(allow_apply=False).write()
    found = preview(page)
    answer = page.post("/api/apply", {"plan": found["plan"]})
    assert (answer.status, answer.code) == (403, "no-apply")
    assert page.get("/api/live").fine()["store"]["exists"] is False


def test_with_read_only_a_preview_is_fine_and_an_apply_is_not(opening: Opening) -> None:
    page = opening(read_only=True).write()
    assert page.post("/api/apply", {"plan": preview(page)["plan"]}).code == "read-only"


def test_a_plan_is_applied_once(stock: Page) -> None:
    plan = preview(stock.write(ALL))["plan"]
    stock.post("/api/apply", {"plan": plan}).fine()
    assert stock.post("/api/apply", {"plan": plan}).code == "stale"
    assert stock.post("/api/apply", {"plan": "../../etc/passwd"}).code == "stale"
    assert stock.post("/api/apply", {}).code == "stale"


def test_a_plan_is_stale_when_the_files_are_others(stock: Page) -> None:
    plan = preview(stock.write(ALL))["plan"]
    stock.write(CHAIN)
    answer = stock.post("/api/apply", {"plan": plan})
    assert (answer.status, answer.code) == (409, "stale")
    assert stock.get("/api/live").fine()["store"]["revision"] == 1


def test_a_plan_is_stale_when_another_revision_was_applied(stock: Page) -> None:
    plan = preview(stock.write(ALL))["plan"]
    stock.write(CHAIN).applied().write(ALL)
    assert stock.post("/api/apply", {"plan": plan}).code == "stale"


def test_a_plan_that_does_more_by_now_is_stale(stock: Page) -> None:
    plan = preview(stock.write(ALL))["plan"]
    for number in range(11):
        stock.add(f"c{number}", "sales.new")
    answer = stock.post("/api/apply", {"plan": plan})
    assert (answer.status, answer.code) == (409, "stale")
    assert "more by now" in answer.json["error"]["message"]


def test_a_plan_grows_old(stock: Page) -> None:
    plan = preview(stock.write(ALL))["plan"]
    clock = stock.clock
    assert isinstance(clock, VirtualClock)
    clock.instant += 2 * HOUR
    answer = stock.post("/api/apply", {"plan": plan})
    assert (answer.code, answer.json["error"]["help"]) == ("stale", "preview again")


def test_an_environment_that_takes_only_plans_takes_this_one(stock: Page) -> None:
    """`confirm: plan` wants a plan that was reviewed; a preview is one."""
    stock.write(ALL)
    plan = preview(stock)["plan"]
    stock.post("/api/apply", {"plan": plan}).fine()
    assert told(stock.launch.store, stock.clock, 2).entry.plan == plan


def test_files_with_errors_or_changed_meanwhile_have_no_preview(stock: Page) -> None:
    etag = stock.etag
    stock.write(FLOW.replace("deal.amount", "deal.amuont"))
    answer = stock.post("/api/preview", {"etag": etag})
    assert (answer.status, answer.code) == (409, "changed")
    assert "amuont" in answer.json["theirs"]["a.yaml"]
    answer = stock.post("/api/preview", {"etag": stock.etag})
    assert (answer.status, answer.code) == (422, "refused")
    assert answer.json["diagnostics"][0]["code"] == "FR203"
    assert answer.json["diagnostics"][0]["file"] == "a.yaml"


def test_files_that_change_while_they_are_compared_have_no_plan(stock: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def saved_meanwhile(*given: Any) -> Proposal:
        found = diff(*given)
        stock.write(CHAIN)
        return found

    monkeypatch.setattr("flowrun.studio.proposals.diff", saved_meanwhile)
    answer = stock.post("/api/preview", {"etag": stock.write(ALL).etag})
    assert (answer.status, answer.code, stock.api.proposals.kept) == (409, "changed", ())


def test_a_link_out_of_the_folder_has_no_preview(stock: Page, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("flowrun: 1\n")
    (stock.flows / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    assert stock.post("/api/preview", {"etag": stock.etag}).code == "refused"


def test_a_preview_of_a_time_to_come_applies_nothing(stock: Page) -> None:
    stock.write(ALL.replace("existing: include", "existing: include\n    after: 3h"))
    assert preview(stock)["deals"] == []
    later = preview(stock, at=iso(NOON + 4 * HOUR))
    assert ([one["deal"] for one in later["deals"]], later["plan"]) == (["a", "b"], None)
    for at in ("tomorrow", "2026-03-06", 7, iso(NOON - HOUR), "9999-12-31T00:00Z"):
        assert stock.post("/api/preview", {"etag": stock.etag, "at": at}).code == "bad-request"


@pytest.mark.parametrize("allow", ["existing", ["existing"], {"existing": 0}, {"existing": "1; --yes"}, {"nothing": 1}])
def test_only_rails_are_lifted(stock: Page, allow: object) -> None:
    plan = preview(stock.write(ALL))["plan"]
    assert stock.post("/api/apply", {"plan": plan, "allow": allow}).code == "bad-request"


def test_saved_plans_are_private_and_go_with_the_studio(page: Page) -> None:
    preview(page)
    (path,) = page.api.proposals.kept
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
    page.api.close()
    assert not path.parent.exists()
