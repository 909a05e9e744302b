"""What the page is told of the files: also where they have errors, are not there, or lead elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.commands.project import Project
from flowrun.commands.validate import validate
from flowrun.config import load_texts
from flowrun.studio.folder import REMEMBERED, Folder
from tests.unit.studio.conftest import Opening
from tests.unit.studio.kit import FLOW, Page


def test_everything_that_is_drawn(page: Page) -> None:
    found = page.get("/api/project").fine()
    assert (found["project"], found["timezone"], found["ok"], found["read_only"]) == (
        "studio",
        "Europe/Berlin",
        True,
        False,
    )
    assert [file["path"] for file in found["files"]] == ["a.yaml"]
    assert found["fields"][0] == {"id": "amount", "type": "decimal", "values": None, "places": 2, "default": None}
    assert "stage" in {field["id"] for field in found["built_in"]}
    assert {"name": "today", "role": "function", "signature": "today()"}.items() <= next(
        one for one in found["functions"] if one["name"] == "today"
    ).items()
    (pipeline,) = found["pipelines"]
    assert (pipeline["id"], pipeline["file"], pipeline["line"]) == ("sales", "a.yaml", 10)
    assert [(stage["stage"], stage["outcome"]) for stage in pipeline["stages"]][2] == ("sales.won", "won")
    (tunnel,) = found["tunnels"]
    assert tunnel["from"] == ["sales.new"]
    assert tunnel["keys"]["when"] == "deal.amount > 100"


def test_errors_are_those_of_validate_and_the_rest_is_drawn(page: Page) -> None:
    page.write(FLOW.replace("sales.offer", "sales.ofer").replace("amount >", "amuont >"))
    found = page.get("/api/project").fine()
    assert (found["ok"], found["tunnels"][0]["to"]) == (False, None)
    told = {(one["code"], one["line"], one["column"]) for one in found["diagnostics"]}
    findings = validate(Project(page.flows), strict=False).findings
    assert told == {(one.code, one.span.line, one.span.column) for one in findings}
    assert {one["file"] for one in found["diagnostics"]} == {"a.yaml"}


def test_unreadable_yaml_hides_only_itself(page: Page) -> None:
    page.write("flowrun: 1\npipelines: {", "b.yaml")
    found = page.get("/api/project").fine()
    assert (found["ok"], [one["id"] for one in found["pipelines"]]) == (False, ["sales"])


def test_no_files_and_no_folder(opening: Opening) -> None:
    page = opening()
    assert page.get("/api/project").fine()["diagnostics"][0]["code"] == "FR010"
    page.flows.mkdir()
    found = page.get("/api/project").fine()
    assert (found["diagnostics"][0]["code"], found["pipelines"], found["ok"]) == ("FR013", [], False)


def test_the_first_pipeline_makes_the_folder(opening: Opening) -> None:
    page = opening()
    stages = [{"id": "new"}, {"id": "won", "outcome": "won"}]
    made = page.edit({"kind": "pipeline.add", "id": "sales", "name": None, "stages": stages}).fine()
    assert (made["ok"], made["diagnostics"], made["etag"]) == (True, [], page.etag)


def test_secrets_of_the_stores_address_are_not_told(opening: Opening) -> None:
    page = opening(store="postgresql://ann:secret@127.0.0.1:1/db").write()
    assert page.get("/api/project").fine()["store"] == "postgresql://ann@127.0.0.1:1/db"
    answer = page.get("/api/live")
    assert answer.status >= 500
    assert b"secret" not in answer.body


def test_the_etag_is_of_every_byte_and_of_every_file(page: Page) -> None:
    etags = {page.etag}
    page.write(FLOW + "\n")
    etags.add(page.etag)
    page.write("flowrun: 1\ntests: []\n", "a.test.yaml")
    etags.add(page.etag)
    page.write(FLOW)
    (page.flows / "a.test.yaml").rename(page.flows / "b.test.yaml")
    etags.add(page.etag)
    (page.flows / "b.test.yaml").unlink()
    assert page.etag in etags
    assert len(etags) == 4


def test_it_is_made_anew_only_when_the_files_are_others(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = load_texts

    def counting(*given: object, **more: object) -> object:
        made.append(given)
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("flowrun.studio.folder.load_texts", counting)
    first, second = page.etag, page.etag
    assert (first == second, len(made)) == (True, 1)
    page.edit({"kind": "tunnel.set", "id": "offers", "key": "after", "value": "2h"}).fine()
    assert (page.etag != first, len(made)) == (True, 2), "what was checked before it was written is not checked again"


def test_links_out_of_the_folder_are_not_read(page: Page, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("flowrun: 1\npipelines: {secret: {stages: [a]}}\n")
    (page.flows / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (page.flows / "inside.yaml").symlink_to("a.yaml")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.yaml").write_text("flowrun: 1\npipelines: {secret: {stages: [a]}}\n")
    (page.flows / "more").symlink_to(tmp_path / "more")
    answer = page.get("/api/project")
    assert [file["path"] for file in answer.fine()["files"]] == ["a.yaml", "inside.yaml"]
    told = [one["message"] for one in answer.json["diagnostics"] if "leads out" in one["message"]]
    assert told == [f"{page.flows}/{name} leads out of the folder" for name in ("link.yaml", "more/b.yaml")]
    assert b"secret" not in answer.body


def test_only_so_many_states_are_remembered(opening: Opening) -> None:
    page = opening().write()
    files = Folder(Project(page.flows))
    first = files.snapshot().etag
    for number in range(REMEMBERED):
        page.write(f"{FLOW}# {number}\n")
        files.snapshot()
    assert files.known(first) is None
    assert files.known(files.snapshot().etag) is not None
