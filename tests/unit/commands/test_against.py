"""`diff --against`: what git had, beside what is here, without a store."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowrun.commands import git
from flowrun.commands.against import against
from flowrun.commands.project import Project
from flowrun.errors import FlowrunError, InvalidFlow, WorkFailed, WrongUsage
from flowrun.plan import Comparison
from flowrun.render.ink import plain
from flowrun.render.proposal import comparison_content, comparison_markdown, comparison_text
from flowrun.yamldoc.read import MAX_BYTES

FLOW = """\
flowrun: 1
pipelines: {sales: {stages: [new, old, {id: won, outcome: won}]}}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, after: 2d}
"""
CHANGED = FLOW.replace("2d", "1d").replace("new, old", "new")
WHO = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with FLOW on main, and CHANGED on topic, which is checked out."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in {**WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    run("init", "--quiet", "--initial-branch=main")
    run("commit", "--quiet", "--allow-empty", "-m", "nothing yet")
    run("tag", "empty")
    write("flows/sales.yaml", FLOW)
    write("flows/sales.test.yaml", "no scenario: [")
    write("flows/.hidden/x.yaml", "no flow: [")
    write("flows/note.md", "text")
    commit("main")
    run("checkout", "--quiet", "-b", "topic")
    write("flows/sales.yaml", CHANGED)
    (tmp_path / "flows/sales.test.yaml").unlink()
    commit("topic")
    return tmp_path


def run(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, "utf-8")


def commit(message: str) -> None:
    run("add", "--all")
    run("commit", "--quiet", "-m", message)


def compared(revisions: str, **project: Any) -> Comparison:
    return against(replace(Project(Path("flows")), **project), revisions)


def lines(of: Comparison) -> list[str]:
    return plain(comparison_text(of, "flows")).splitlines()


def test_a_revision_beside_the_files_here(top: Path) -> None:
    main, topic = run("rev-parse", "main"), run("rev-parse", "topic")
    assert lines(compared("main")) == [
        f"flows/   main ({main[:7]}) → files at {topic[:7]}",
        "- stage sales.old   was flows/sales.yaml:2",
        "~ tunnel win   flows/sales.yaml:4",
        "    after: 2d → 1d",
        "Plan: 1 to change, 1 to remove.",
    ]
    write("flows/sales.yaml", FLOW)
    same = compared(main)
    assert lines(same) == [
        f"flows/   {main} → files at {topic[:7]} with changes",
        "No changes: both mean the same.",
    ]
    assert comparison_markdown(same, "flows").endswith("**No changes: both mean the same.**\n")


def test_two_revisions(top: Path) -> None:
    run("checkout", "--quiet", "main")
    write("flows/sales.yaml", FLOW.replace("win:", "gain:"))
    commit("main goes on")
    (top / "flows/sales.yaml").unlink()
    kinds = [(str(change.action), change.id) for change in compared("main..topic").plan.changes]
    assert kinds == [("remove", "sales.old"), ("remove", "gain"), ("add", "win")]
    parted = compared("main...topic")
    assert [(str(change.action), change.id) for change in parted.plan.changes] == [
        ("remove", "sales.old"), ("change", "win"),
    ]  # fmt: skip
    assert lines(parted)[0].startswith(f"flows/   main...topic ({run('rev-parse', 'main~1')[:7]}) → topic (")
    assert not compared("..main").plan
    assert compared("topic..").before.ref == "topic"


def test_a_folder_that_was_not_there_is_an_empty_one(top: Path) -> None:
    found = compared("empty")
    assert {str(change.action) for change in found.plan.changes} == {"add"}
    assert lines(found)[0].startswith("flows/   empty (")
    with pytest.raises(WorkFailed, match="no flow files in flows at empty"):
        compared("main..empty")


def test_a_folder_that_is_not_there_any_more_is_found_in_the_past(top: Path) -> None:
    run("rm", "-r", "--quiet", "flows")
    assert compared("main..topic").plan
    with pytest.raises(InvalidFlow):
        compared("main")


def test_the_document_names_both_ends_and_knows_of_no_deals(top: Path) -> None:
    content = comparison_content(compared("main..topic"))
    assert content["base"] == {"ref": "main", "commit": run("rev-parse", "main")}
    assert content["head"] == {"ref": "topic", "commit": run("rev-parse", "topic")}
    assert (content["base_revision"], content["impact"], content["refusals"]) == (
        None,
        {"tunnels": {}, "deals": None},
        [],
    )
    assert content["summary"] == {"add": 0, "change": 1, "rename": 0, "remove": 1}
    assert comparison_content(compared("main"))["head"] == {
        "ref": None,
        "commit": run("rev-parse", "HEAD"),
    }


@pytest.mark.parametrize(
    ("revisions", "error", "says"),
    [
        ("nowhere", WorkFailed, "git has no commit 'nowhere' here"),
        ("main..nowhere", WorkFailed, "git has no commit 'nowhere' here"),
        ("main:flows", WorkFailed, "git has no commit 'main:flows' here"),
        ("--output=x", WrongUsage, "'--output=x' is no git revision"),
        ("main..-x", WrongUsage, "'-x' is no git revision"),
        ("", WrongUsage, "'' is no git revision"),
        ("ma\nin", WrongUsage, "is no git revision"),
    ],
)
def test_what_is_no_revision_is_said(top: Path, revisions: str, error: type[FlowrunError], says: str) -> None:
    with pytest.raises(error) as raised:
        compared(revisions)
    assert says in str(raised.value)
    assert raised.value.help
    assert not (top / "x").exists()


def test_no_repository_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(WorkFailed, match=r"is in no git repository: not a git repository"):
        against(Project(tmp_path), "main")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkFailed, match="git can't be run"):
        against(Project(tmp_path), "main")
    assert git.commit(tmp_path) is None


def test_mistakes_of_the_past_are_shown_where_they_were(top: Path) -> None:
    write("flows/sales.yaml", FLOW.replace("action: move", "action: mvoe"))
    commit("broken")
    write("flows/sales.yaml", FLOW)
    with pytest.raises(InvalidFlow) as raised:
        compared("topic")
    assert raised.value.subject == "the flow files at topic have"
    assert [(one.code, one.span.file, one.span.line) for one in raised.value.findings] == [
        ("FR404", "topic:flows/sales.yaml", 4)
    ]
    assert set(raised.value.sources) == {"topic:flows/sales.yaml"}


def test_what_the_past_did_not_know_is_left_out_there(top: Path) -> None:
    write("flows/env.yaml", "flowrun: 1\nvars: {big: {type: integer}}\nenvironments: {prod: {vars: {big: 5}}}\n")
    found = compared("main", environment="prod", variables={"big": "7"})
    assert [change.id for change in found.plan.changes if str(change.kind) in {"setting", "var"}] == [
        "environment", "big",
    ]  # fmt: skip
    assert "+ var big   7   by --var   flows/env.yaml:2" in lines(found)
    with pytest.raises(InvalidFlow):
        compared("main", environment="prdo")


def test_links_and_submodules_lead_out_of_the_past(top: Path) -> None:
    (top / "flows/more.yaml").symlink_to("sales.yaml")
    commit("a link")
    with pytest.raises(WorkFailed, match=r"^flows/more.yaml at topic is a link"):
        compared("topic..topic")
    (top / "flows/more.yaml").unlink()
    (top / "flows/note.md").unlink()
    (top / "flows/note.md").symlink_to("sales.yaml")
    commit("another link")
    assert not compared("topic..topic").plan
    (top / "flows").rename(top / "real")
    (top / "flows").symlink_to("real")
    commit("the folder is a link")
    with pytest.raises(WorkFailed, match=r"^flows at topic is a link"):
        git.Repository(top, "flows").texts(git.Commit("topic", run("rev-parse", "topic")))
    assert [change.id for change in compared("topic").plan.changes] == [], "git knows the folder behind the link"


def test_the_past_has_the_limits_of_the_present(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("flows/large.yaml", "#" * (MAX_BYTES + 5))
    commit("large")
    with pytest.raises(InvalidFlow) as raised:
        compared("topic..topic")
    assert [one.code for one in raised.value.findings] == ["FR001"]
    monkeypatch.setattr(git, "MAX_FILES", 1)
    with pytest.raises(WorkFailed, match=r"^flows at topic holds more files than are read"):
        compared("topic..topic")


def test_a_folder_deep_in_the_repository_and_the_variables_of_a_hook(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sales", "more sales"):
        write(f"a/-b ü/{name}.yaml", FLOW if name == "sales" else "flowrun: 1\nfields: {x: text}\n")
    commit("deep")
    write("a/-b ü/sales.yaml", CHANGED)
    monkeypatch.chdir(top / "a")
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
    found = compared("HEAD", folder=Path("-b ü"))
    place = found.place(found.plan.changes[0])
    assert place is not None
    assert place.file == "-b ü/sales.yaml"
    monkeypatch.chdir(top)
    assert len(compared("HEAD~1..HEAD", folder=top / "a" / "-b ü").plan.changes) == 7
