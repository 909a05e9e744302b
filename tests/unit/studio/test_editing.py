"""Edits of the files by the page: what is written, what is refused, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowrun.config.edits import make_edit
from flowrun.sources.files.rewriting import replace
from flowrun.studio import editing, writing
from flowrun.studio.diffs import difference
from flowrun.studio.writing import Changed, Outside, write
from tests.unit.studio.conftest import Opening
from tests.unit.studio.kit import FLOW, Page

AFTER = {"kind": "tunnel.set", "id": "offers", "key": "after", "value": "2h"}
RENAME = {"kind": "stage.rename", "stage": "sales.offer", "to": "quote"}
TWO = "flowrun: 1\ntunnels:\n  wins: {from: sales.offer, to: sales.won, action: move}   # by hand\n"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_edit_is_written_shown_and_undone_to_the_byte(page: Page) -> None:
    before = page.read()
    answer = page.edit(AFTER).fine()
    assert page.read() == before + "    after: 2h\n"
    assert answer["diff"] == (
        "--- a/a.yaml\n+++ b/a.yaml\n@@ -16,3 +16,4 @@\n     to: sales.offer\n     action: move\n"
        "     when: deal.amount > 100\n+    after: 2h\n"
    )
    assert (answer["files"], answer["can_undo"], answer["can_redo"]) == (["a.yaml"], True, False)
    assert answer["etag"] == page.etag
    undone = page.post("/api/undo", {"etag": page.etag}).fine()
    assert (page.read(), undone["can_undo"], undone["can_redo"]) == (before, False, True)
    assert "-    after: 2h" in undone["diff"]
    redone = page.post("/api/redo", {"etag": page.etag}).fine()
    assert (page.read(), redone["can_undo"], redone["can_redo"]) == (before + "    after: 2h\n", True, False)


def test_a_new_edit_ends_what_could_be_done_again(page: Page) -> None:
    page.edit(AFTER).fine()
    page.post("/api/undo", {"etag": page.etag}).fine()
    assert page.edit({**AFTER, "value": "3h"}).fine()["can_redo"] is False
    assert page.post("/api/redo", {"etag": page.etag}).code == "refused"


def test_a_new_file_goes_with_the_folders_that_were_made_for_it(page: Page) -> None:
    stages = [{"id": "new", "name": None, "outcome": None}]
    page.edit({"kind": "pipeline.add", "id": "b", "name": None, "stages": stages, "file": "more/of/b.yaml"}).fine()
    made = page.read("more/of/b.yaml")
    page.post("/api/undo", {"etag": page.etag}).fine()
    assert not (page.flows / "more").exists()
    page.post("/api/redo", {"etag": page.etag}).fine()
    assert page.read("more/of/b.yaml") == made
    (page.flows / "more" / "mine.txt").write_text("mine", encoding="utf-8")
    page.post("/api/undo", {"etag": page.etag}).fine()
    assert [path.name for path in (page.flows / "more").iterdir()] == ["mine.txt"]


def test_nothing_to_undo(page: Page) -> None:
    assert page.post("/api/undo", {"etag": page.etag}).code == "refused"


def test_a_dry_run_tells_and_writes_nothing(page: Page) -> None:
    before, etag = page.read(), page.etag
    answer = page.edit(AFTER, dry_run=True).fine()
    assert "+    after: 2h" in answer["diff"]
    assert (page.read(), answer["etag"], answer["can_undo"]) == (before, etag, False)


def test_mistakes_are_told_under_their_characters(page: Page) -> None:
    value = "deal.paid and deal.amuont > 5"
    edit = {"kind": "tunnel.set", "id": "offers", "key": "when", "value": value}
    answer = page.edit(edit, dry_run=True).fine()
    (found,) = answer["diagnostics"]
    assert (answer["ok"], found["code"], found["tunnel"], found["key"]) == (False, "FR203", "offers", "when")
    assert value[found["start"] : found["end"]] == "amuont"
    before = page.read()
    refused = page.edit(edit)
    assert (refused.status, refused.code, page.read()) == (422, "refused", before)
    assert refused.json["diagnostics"][0]["start"] == found["start"]
    page.edit(edit, with_errors=True).fine()
    assert "deal.amuont" in page.read()
    assert page.get("/api/project").fine()["ok"] is False
    mended = page.edit({**edit, "value": "deal.paid"}).fine()
    assert (mended["ok"], mended["diagnostics"]) == (True, [])


def test_what_is_no_edit_and_what_cant_be_done(page: Page) -> None:
    assert page.edit({"kind": "tunnel.explode"}).code == "bad-request"
    assert page.post("/api/edit", {"etag": page.etag}).code == "bad-request"
    answer = page.edit({"kind": "tunnel.remove", "id": "offer"})
    assert (answer.status, answer.code) == (422, "refused")
    assert answer.json["error"]["help"] == "did you mean 'offers'?"


def test_an_edit_of_nothing_is_no_step(page: Page) -> None:
    answer = page.edit({"kind": "tunnel.set", "id": "offers", "key": "action", "value": "move"}).fine()
    assert (answer["diff"], answer["files"], answer["can_undo"]) == ("", [], False)


def test_files_that_changed_underneath_are_never_written_over(page: Page) -> None:
    etag = page.etag
    theirs = FLOW.replace("> 100", "> 200")
    page.write(theirs)
    answer = page.post("/api/edit", {"etag": etag, "edit": AFTER})
    assert (answer.status, answer.code, page.read()) == (409, "changed", theirs)
    assert answer.json["etag"] == page.etag
    assert "-    when: deal.amount > 100\n+    when: deal.amount > 200\n" in answer.json["theirs"]["a.yaml"]
    assert page.post("/api/edit", {"etag": "unheard-of", "edit": AFTER}).json["theirs"] == {}
    page.edit(AFTER).fine()
    assert page.read() == theirs + "    after: 2h\n"


def test_an_undo_of_what_somebody_changed_since_is_refused(page: Page) -> None:
    page.edit(AFTER).fine()
    page.write(page.read() + "# mine\n")
    found = page.get("/api/project").fine()
    assert found["can_undo"] is False
    answer = page.post("/api/undo", {"etag": found["etag"]})
    assert (answer.status, answer.code) == (409, "changed")
    assert "+# mine" in answer.json["theirs"]["a.yaml"]
    assert page.read().endswith("# mine\n")
    page.write("flowrun: 1\n", "b.yaml")
    page.write(FLOW + "    after: 2h\n")
    assert page.post("/api/undo", {"etag": page.etag}).status == 200, "other files don't matter"
    assert page.read() == FLOW


def test_a_save_between_the_check_and_the_write_stays(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_edit

    def saved_meanwhile(*given: object) -> object:
        done = made(*given)  # type: ignore[arg-type]
        page.write(FLOW + "# mine\n")
        return done

    etag = page.etag
    monkeypatch.setattr("flowrun.studio.editing.make_edit", saved_meanwhile)
    answer = page.post("/api/edit", {"etag": etag, "edit": AFTER})
    assert (answer.status, answer.code, page.read()) == (409, "changed", FLOW + "# mine\n")
    assert "+# mine" in answer.json["theirs"]["a.yaml"]


def test_an_edit_of_two_files_is_one_step(page: Page) -> None:
    page.write(TWO, "b.yaml")
    answer = page.edit(RENAME).fine()
    assert answer["files"] == ["a.yaml", "b.yaml"]
    assert "wins: {from: sales.quote, to: sales.won, action: move}   # by hand" in page.read("b.yaml")
    assert "moved" in page.read()
    page.post("/api/undo", {"etag": page.etag}).fine()
    assert (page.read(), page.read("b.yaml")) == (FLOW, TWO)


def test_if_one_file_fails_the_others_are_put_back(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    page.write(TWO, "b.yaml")
    real = replace

    def full(path: Path, *more: object) -> None:
        if path.name == "b.yaml":
            raise OSError(28, "No space left on device")
        real(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr("flowrun.studio.writing.replace", full)
    answer = page.edit(RENAME)
    assert (answer.status, answer.code) == (500, "failed")
    assert answer.json["error"]["message"] == "b.yaml can't be written: No space left on device"
    assert (page.read(), page.read("b.yaml")) == (FLOW, TWO)


def test_if_one_file_is_another_by_now_none_is_touched(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("theirs" if name == "b.yaml" else "old")
    before = (tmp_path / "a.yaml").stat()
    with pytest.raises(Changed):
        write(tmp_path, {"a.yaml": (b"old", b"new"), "b.yaml": (b"old", b"new")})
    assert (tmp_path / "a.yaml").stat() == before


def test_a_new_file_is_made_and_undone(page: Page) -> None:
    edit = {"kind": "pipeline.add", "id": "care", "name": None, "stages": [{"id": "new"}], "file": "more/care.yaml"}
    answer = page.edit(edit).fine()
    assert answer["diff"].startswith("--- /dev/null\n+++ b/more/care.yaml\n@@ -0,0 +1,")
    assert "care" in page.read("more/care.yaml")
    page.post("/api/undo", {"etag": page.etag}).fine()
    assert not (page.flows / "more" / "care.yaml").exists()
    page.post("/api/redo", {"etag": page.etag}).fine()
    assert "care" in page.read("more/care.yaml")


def test_a_project_begins_with_an_edit(opening: Opening) -> None:
    page = opening()
    edit = {
        "kind": "pipeline.add",
        "id": "sales",
        "name": "Sales",
        "stages": [{"id": "new"}, {"id": "won", "outcome": "won"}],
    }
    assert page.edit(edit, with_errors=True).fine()["ok"] is True
    assert [path.name for path in page.flows.iterdir()] == ["flows.yaml"]


@pytest.mark.parametrize(
    "name", ["../out.yaml", "/tmp/out.yaml", "a/../../out.yaml", ".hidden.yaml", "x.test.yaml", "x.txt"]
)
def test_no_file_is_made_elsewhere(page: Page, name: str) -> None:
    edit = {"kind": "pipeline.add", "id": "care", "name": None, "stages": [{"id": "new"}], "file": name}
    assert page.edit(edit).code == "refused"
    assert {path.name for path in page.folder.iterdir()} == {"flows"}


def test_no_file_is_made_behind_a_link(page: Page, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (page.flows / "more").symlink_to(tmp_path / "outside")
    edit = {"kind": "pipeline.add", "id": "care", "name": None, "stages": [{"id": "new"}], "file": "more/care.yaml"}
    answer = page.edit(edit)
    assert (answer.status, answer.code) == (422, "refused")
    assert "outside of the folder" in answer.json["error"]["message"]
    assert not any((tmp_path / "outside").iterdir())


def test_the_file_keeps_its_rights_and_nothing_is_left_beside_it(page: Page) -> None:
    (page.flows / "a.yaml").chmod(0o640)
    page.edit(AFTER).fine()
    assert (page.flows / "a.yaml").stat().st_mode & 0o777 == 0o640
    assert names(page.flows) == ["a.yaml"]


def test_crlf_and_mark_stay(page: Page) -> None:
    text = "\ufeff" + FLOW.replace("\n", "\r\n")
    page.write(text)
    page.edit(AFTER).fine()
    assert page.read() == text + "    after: 2h\r\n"


def test_with_read_only_nothing_is_written_but_dry_runs_are_fine(opening: Opening) -> None:
    page = opening(read_only=True).write()
    assert page.edit(AFTER, dry_run=True).status == 200
    for answer in (
        page.edit(AFTER),
        page.edit(AFTER, dry_run="true"),
        page.post("/api/undo", {"etag": page.etag}),
        page.post("/api/redo", {"etag": page.etag}),
        page.post("/api/apply", {"plan": "x"}),
        page.post("/api/deals/a/move", {"to": "sales.won"}),
    ):
        assert (answer.status, answer.code) == (403, "read-only")
    assert page.read() == FLOW


def test_steps_have_a_limit(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(editing, "MOST_STEPS", 1)
    page.edit(AFTER).fine()
    page.edit({**AFTER, "value": "3h"}).fine()
    assert page.post("/api/undo", {"etag": page.etag}).fine()["can_undo"] is False


def test_writing_over_a_new_file_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("theirs")
    with pytest.raises(Changed):
        write(tmp_path, {"a.yaml": (None, b"mine")})
    with pytest.raises(Changed):
        write(tmp_path, {"a.yaml": (b"another", None)})
    with pytest.raises(Outside):
        write(tmp_path / "in", {"../a.yaml": (b"theirs", b"mine")})
    assert (tmp_path / "a.yaml").read_text() == "theirs"


@pytest.mark.parametrize(
    ("name", "act"),
    [("_make", lambda path: path.write_text("theirs")), ("_remove", lambda path: path.write_text("theirs"))],
)
def test_a_file_that_comes_or_changes_at_the_last_moment_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[Path], object]
) -> None:
    real = getattr(writing, name)

    def late(path: Path, data: bytes) -> None:
        act(path)
        real(path, data)

    monkeypatch.setattr(writing, name, late)
    change = (None, b"mine") if name == "_make" else (b"old", None)
    if change[0] is not None:
        (tmp_path / "a.yaml").write_bytes(change[0])
    with pytest.raises(Changed):
        write(tmp_path, {"a.yaml": change})
    assert ((tmp_path / "a.yaml").read_text(), names(tmp_path)) == ("theirs", ["a.yaml"])


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        (b"a\nb\n", b"a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
        (b"a\nb", b"a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n"),
        (None, b"a\n", "@@ -0,0 +1 @@\n+a\n"),
        (b"a\n", None, "@@ -1 +0,0 @@\n-a\n"),
        (b"a\r\n", b"a\n", "@@ -1 +1 @@\n-a\r\n+a\n"),
        (b"a\x0bb\n", b"a\x0bc\n", "@@ -1 +1 @@\n-a\x0bb\n+a\x0bc\n"),
    ],
)
def test_diffs(before: bytes | None, after: bytes | None, diff: str) -> None:
    assert difference("x", before, after).split("\n", 2)[2] == diff


def test_diffs_of_places_far_apart_have_their_lines() -> None:
    old = [f"{n}\n" for n in range(1, 101)]
    new = [*old[:9], "ten\n", *old[10:49], *old[50:]]
    diff = difference("x", "".join(old).encode(), "".join(new).encode())
    assert [line for line in diff.splitlines() if line.startswith("@@")] == ["@@ -7,7 +7,7 @@", "@@ -47,7 +47,6 @@"]
