"""Plans, rails, history and rollback as commands, on a store in a file."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowrun.cli import main
from flowrun.cli.status import Status
from flowrun.commands.schema import schema
from flowrun.errors import Refused, StalePlan
from flowrun.store import lock
from flowrun.store.lock import WriteLock

FAILED, STALE, REFUSED, USAGE = Status.FAILED, StalePlan.exit_status, Refused.exit_status, Status.USAGE

FLOW = """flowrun: 1
project: acme
vars: {big: {type: decimal, default: 10}}
fields: {paid: {type: boolean, default: false}, amount: decimal}
pipelines: {sales: {stages: [new, docs, {id: won, outcome: won}]}}
tunnels:
  first: {from: sales.new, to: sales.docs, action: move, when: deal.paid}
environments: {staging: {vars: {big: 1}}, prod: {confirm: plan}}
"""
GROWING = FLOW.replace("when: deal.paid}", "existing: include}")
ANOTHER = "name another file, or one with an earlier plan: --out PLAN\n"

Told = pytest.CaptureFixture[str]


@pytest.fixture
def told(capsys: Told) -> Told:
    """What is printed."""
    return capsys


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in ("FLOWS", "STORE", "ENV", "VAR", "COLOR", "NOW", "DEBUG"):
        monkeypatch.delenv(f"FLOWRUN_{name}", raising=False)
    monkeypatch.setattr("sys.stdin", None)
    Path("flows").mkdir()
    monkeypatch.setenv("FLOWRUN_NOW", "2026-03-02T10:00Z")
    write(FLOW)
    yield
    lock.introduce("flowrun", lambda _message: None)


def at(instant: str) -> None:
    os.environ["FLOWRUN_NOW"] = instant


def write(text: str) -> None:
    Path("flows/a.yaml").write_text(text)


def changed(*replacements: tuple[str, str]) -> None:
    text = Path("flows/a.yaml").read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    write(text)


def run(*arguments: str) -> int:
    return int(main(arguments))


def fine(*arguments: str) -> None:
    assert run(*arguments) == Status.FINE, arguments


def fails(told: Told, status: int, *arguments: str) -> str:
    """What the command says on stderr, less the clock."""
    told.readouterr()
    assert run(*arguments) == status
    return "".join(line for line in told.readouterr().err.splitlines(True) if not line.startswith("note: the clock"))


def rows(query: str, store: str = "flowrun.db") -> list[Any]:
    connection = sqlite3.connect(store)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def add_deals(count: int, stage: str = "sales.new") -> None:
    lines = [json.dumps({"id": f"{stage}-{number}", "at": stage}) for number in range(count)]
    Path("deals.jsonl").write_text("\n".join(lines))
    fine("deals", "import", "deals.jsonl")


# Saving and applying plans


def test_a_plan_makes_the_store_and_needs_nothing_else() -> None:
    fine("diff", "--env", "prod", "--out", "plan.json")
    assert not Path("flowrun.db").exists(), "diff makes no store"
    shutil.rmtree("flows")
    fine("apply", "plan.json")
    assert rows("SELECT number, plan IS NULL FROM revisions") == [(1, 0)]
    assert rows("SELECT environment FROM flowrun") == [("prod",)]


def test_the_saved_document_fits_the_schema_and_the_diff(told: Told) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    told.readouterr()
    fine("diff", "--format", "json", "--var", "big=7", "--out", "plan.json")
    shown, said = told.readouterr()
    plan = json.loads(Path("plan.json").read_text())
    jsonschema.validate(plan, json.loads(schema("plan")))
    assert plan["difference"] == {key: value for key, value in json.loads(shown).items() if key != "version"}
    assert plan["store"]["revision"] == 1
    assert plan["store"]["identity"] == rows("SELECT identity FROM flowrun")[0][0]
    assert plan["variables"] == {"big": "7"}
    assert rows("SELECT plan_key FROM flowrun")[0][0] not in Path("plan.json").read_text()
    assert "note: saved as plan.json, valid until 2026-03-03 10:00; apply it with: flowrun apply plan.json\n" in said
    fine("apply", "plan.json")
    assert json.loads(rows("SELECT difference FROM revisions WHERE number = 2")[0][0])["summary"]["change"] == 1


def test_a_plan_is_valid_once_and_for_its_revision(told: Told) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--out", "one.json")
    fine("diff", "--out", "other.json")
    fine("apply", "one.json")
    said = fails(told, STALE, "apply", "one.json")
    assert said == (
        "error: the plan was applied already, as revision 2 at 2026-03-02 10:00\n"
        "help: make a new plan: flowrun diff --out PLAN\n"
    )
    said = fails(told, STALE, "apply", "other.json")
    assert "the plan is stale: it was made for revision 1, and the store has revision 2 now" in said
    fine("rollback", "1", "--yes")
    assert "applied already, as revision 2" in fails(told, STALE, "apply", "one.json")
    assert "it was made for revision 1, and the store has revision 3 now" in fails(told, STALE, "apply", "other.json")


def test_a_plan_for_no_store_is_for_no_other(told: Told) -> None:
    fine("diff", "--out", "plan.json")
    fine("apply", "--yes")
    assert "it was made for a store without a revision" in fails(told, STALE, "apply", "plan.json")
    fine("apply", "plan.json", "--store", "sqlite:///second.db")
    assert rows("SELECT revision FROM flowrun", "second.db") == [(1,)]


def test_a_plan_of_another_store_is_foreign(told: Told) -> None:
    fine("apply", "--yes")
    fine("apply", "--yes", "--store", "sqlite:///second.db")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--out", "plan.json")
    said = fails(told, FAILED, "apply", "plan.json", "--store", "sqlite:///second.db")
    assert said.startswith("error: plan.json was made for another store than sqlite:///second.db\n")
    said = fails(told, FAILED, "apply", "plan.json", "--store", "sqlite:///third.db")
    assert said.startswith("error: plan.json was made for the store sqlite:///third.db, which is not there\n")
    assert not Path("third.db").exists()


def test_a_store_that_says_it_is_another_has_not_its_key(told: Told) -> None:
    fine("apply", "--yes")
    fine("apply", "--yes", "--store", "sqlite:///second.db")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--out", "plan.json")
    (identity,) = rows("SELECT identity FROM flowrun")[0]
    connection = sqlite3.connect("second.db")
    with connection:
        connection.execute("UPDATE flowrun SET identity = ?", (identity,))
    connection.close()
    said = fails(told, FAILED, "apply", "plan.json", "--store", "sqlite:///second.db")
    assert said.startswith("error: plan.json doesn't fit its seal\n")


def test_a_plan_expires(told: Told) -> None:
    fine("diff", "--out", "plan.json", "--valid", "1d12h")
    at("2026-03-03T22:00Z")
    assert fails(told, STALE, "apply", "plan.json") == (
        "error: the plan has expired: it was made at 2026-03-02 10:00 and valid until 2026-03-03 22:00\n"
        "help: make a new plan: flowrun diff --out PLAN --valid 3d\n"
    )
    assert not Path("flowrun.db").exists()
    at("2026-03-03T21:59:59Z")
    fine("apply", "plan.json")


def test_a_plan_for_a_store_with_a_revision_expires_too(told: Told) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--out", "plan.json")
    at("2026-03-03T10:00Z")
    assert "error: the plan has expired: " in fails(told, STALE, "apply", "plan.json")
    assert rows("SELECT revision FROM flowrun") == [(1,)]


@pytest.mark.parametrize("text", ["", "0s", "59s", "31d", "10bd", "24", "-1h", "soon", "9999999999d"])
def test_a_plan_is_valid_for_a_time_that_makes_sense(told: Told, text: str) -> None:
    said = fails(told, USAGE, "diff", "--out", "plan.json", f"--valid={text}")
    assert said.startswith("error: --valid: ")
    assert not Path("plan.json").exists()


def test_files_that_are_there_and_differ_refuse_a_plan(told: Told) -> None:
    fine("diff", "--out", "plan.json", "--env", "staging", "--var", "big=5")
    changed(("amount: decimal", "amount: integer"))
    said = fails(told, STALE, "apply", "plan.json")
    assert said.startswith("error: the files in flows differ from the plan: field amount\nhelp: make a new plan: ")
    changed(("amount: integer", "amount: intger"))
    assert "the files in flows differ from the plan: they have errors: " in fails(told, STALE, "apply", "plan.json")
    write("# only a comment\n" + FLOW)
    fine("apply", "plan.json")


def test_other_options_than_the_plans_are_wrong(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    fine("diff", "--out", "plan.json", "--env", "staging", "--var", "big=5")
    said = fails(told, USAGE, "apply", "plan.json", "--env", "prod")
    assert said.startswith("error: the plan is for the environment 'staging', not for 'prod'\n")
    said = fails(told, USAGE, "apply", "plan.json", "--var", "big=6")
    assert said.startswith("error: the plan was made without --var big=6\n")
    monkeypatch.setenv("FLOWRUN_ENV", "staging")
    fine("apply", "plan.json", "--var", "big=5")


def test_what_was_touched_is_refused(told: Told) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--out", "plan.json")
    raw = Path("plan.json").read_bytes()
    for content in (raw.replace(b"acme", b"acne"), raw + b"\n", raw.replace(b"\n", b"\r\n"), raw[:-1], raw[:200]):
        Path("touched.json").write_bytes(content)
        said = fails(told, FAILED, "apply", "touched.json")
        assert said.startswith("error: touched.json ")
        assert "make " in said.splitlines()[1]
    assert rows("SELECT revision FROM flowrun") == [(1,)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere.json", "error: the plan nowhere.json is not there\n"),
        ("flows", "error: the plan flows is a folder, not a file\n"),
        ("flows/a.yaml", "error: flows/a.yaml is no saved plan\n"),
        ("/dev/null", "error: the plan /dev/null is no ordinary file\n"),
    ],
)
def test_what_is_no_plan(told: Told, name: str, says: str) -> None:
    assert fails(told, FAILED, "apply", name).startswith(says)


def test_a_plan_is_written_whole_or_not_at_all(told: Told) -> None:
    Path("folder").mkdir()
    assert "folder is a folder" in fails(told, FAILED, "diff", "--out", "folder")
    assert "there is no folder 'no'" in fails(told, FAILED, "diff", "--out", "no/plan.json")
    fine("diff", "--out", "plan.json")
    Path("plan.json").chmod(0o600)
    Path("link.json").symlink_to("plan.json")
    fine("diff", "--out", "link.json")
    assert Path("link.json").is_symlink()
    assert Path("plan.json").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in Path().iterdir()) == ["flows", "folder", "link.json", "plan.json"]
    fine("apply", "link.json")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", "-lock", "-turn"])
def test_a_plan_is_never_written_over_the_store(told: Told, suffix: str, tmp_path: Path) -> None:
    name = f"flowrun.db{suffix}"
    says = f" is a file of the store sqlite:///flowrun.db\nhelp: {ANOTHER}"
    assert f"error: --out: {name}{says}" in fails(told, USAGE, "diff", "--out", name), "also where there is none yet"
    fine("apply", "--yes")
    Path(name).touch()
    Path("link").symlink_to(name)
    Path("hard").hardlink_to(name)
    Path("sub").mkdir()
    before = Path(name).read_bytes()
    for path in (name, f"sub/../{name}", str(tmp_path / name), "link", "hard"):
        assert f"error: --out: {path}{says}" in fails(told, USAGE, "diff", "--out", path)
    assert Path(name).read_bytes() == before
    assert Path("link").is_symlink()


def test_a_plan_is_never_written_over_a_store_behind_a_link(told: Told) -> None:
    Path("data").mkdir()
    Path("flowrun.db").symlink_to("data/real.db")
    fine("apply", "--yes")
    for path in ("data/real.db", "data/real.db-wal", "flowrun.db-lock"):
        assert "is a file of the store" in fails(told, USAGE, "diff", "--out", path)
    assert rows("SELECT revision FROM flowrun") == [(1,)]


def test_a_plan_is_never_written_among_the_flow_files(told: Told) -> None:
    Path("link").symlink_to("flows")
    for path in ("flows/a.yaml", "flows/new.json", "link/new.json", str(Path("flows/plan.json").absolute())):
        said = fails(told, USAGE, "diff", "--out", path)
        assert said == f"error: --out: {path} is in flows, the folder of the flow files\nhelp: {ANOTHER}"
    assert Path("flows/a.yaml").read_text() == FLOW
    assert [path.name for path in Path("flows").iterdir()] == ["a.yaml"]


def test_a_plan_is_written_only_over_another_plan(told: Told) -> None:
    Path("notes.json").write_text('{"version": 1, "mine": true}\n')
    said = fails(told, USAGE, "diff", "--out", "notes.json")
    assert said == f"error: --out: notes.json is there already, and is no plan\nhelp: {ANOTHER}"
    assert Path("notes.json").read_text() == '{"version": 1, "mine": true}\n'
    write("broken: [")
    assert "is no plan" in fails(told, USAGE, "diff", "--out", "notes.json"), "before any work"
    write(FLOW)
    Path("plan").touch()
    fine("diff", "--out", "plan")
    first = Path("plan").read_bytes()
    fine("diff", "--out", "plan")
    assert Path("plan").read_bytes() != first
    Path("plan").write_bytes(first[:300])
    fine("diff", "--out", "plan")
    fine("apply", "plan")


def test_a_plan_that_can_not_be_written_names_its_file(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    says = "error: the plan plan.json can't be written: Permission denied\nhelp: name a file that can be read and "
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    write("broken: [")
    assert says in fails(told, FAILED, "diff", "--out", "plan.json"), "before any work"


def test_a_plan_that_finds_no_room_names_its_file(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    fine("diff", "--out", "plan.json")
    before = Path("plan.json").read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    said = fails(told, FAILED, "diff", "--out", "plan.json")
    assert "error: the plan plan.json can't be written: No space left on device\n" in said
    assert Path("plan.json").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["flows", "plan.json"]


@pytest.mark.parametrize("command", [("diff", "--out"), ("apply",)])
def test_a_plan_is_a_file(told: Told, command: tuple[str, ...]) -> None:
    assert "'' names no file; write for example plan.json\n" in fails(told, USAGE, *command, "")
    assert "a plan is a file, and '-' is none; write for" in fails(told, USAGE, *command, "-")
    assert [path.name for path in Path().iterdir()] == ["flows"]
    fine("diff", "--out", "./-")
    fine("apply", "./-")


def test_a_folder_of_flow_files_that_was_given_must_be_there(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    fine("diff", "--out", "plan.json")
    says = "error: there is no folder 'nope' of flow files\nhelp: leave --flows away, or name another\n"
    assert fails(told, USAGE, "apply", "plan.json", "--flows", "nope") == says
    monkeypatch.setenv("FLOWRUN_FLOWS", "nope")
    assert fails(told, USAGE, "apply", "plan.json") == says
    assert not Path("flowrun.db").exists()


@pytest.mark.parametrize("command", [("diff",), ("diff", "--out", "plan.json"), ("apply", "--yes")])
def test_a_store_that_could_not_be_made_has_no_diff(told: Told, command: tuple[str, ...]) -> None:
    says = "error: there is no folder 'no/such' to make the store in\nhelp: make it, or name another\n"
    assert fails(told, FAILED, *command, "--store", "sqlite:///no/such/x.db") == says
    assert not Path("plan.json").exists()


def test_a_plan_is_made_of_a_diff_only(told: Told) -> None:
    assert "add --out PLAN" in fails(told, USAGE, "diff", "--valid", "3d")


def test_a_plan_that_changes_nothing_does_nothing(told: Told) -> None:
    fine("apply", "--yes")
    fine("diff", "--out", "plan.json")
    told.readouterr()
    fine("apply", "plan.json")
    assert told.readouterr().out == "No changes: the store is as the plan says.\n"
    assert rows("SELECT count(*) FROM revisions") == [(1,)]


def test_an_environment_that_takes_only_plans(told: Told) -> None:
    assert fails(told, REFUSED, "apply", "--yes", "--env", "prod") == (
        "error: the environment 'prod' takes only a saved plan (confirm: plan)\n"
        "help: make one and apply it: flowrun diff --env prod --out plan.json; flowrun apply plan.json\n"
    )
    fine("diff", "--env", "prod", "--out", "plan.json")
    fine("apply", "plan.json")
    fine("apply", "--env", "prod")  # nothing to change, nothing to confirm


def test_an_unrelated_change_of_deals_makes_no_plan_stale(told: Told) -> None:
    fine("apply", "--yes")
    add_deals(3)
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--out", "plan.json")
    add_deals(30, "sales.docs")
    fine("apply", "plan.json")


def test_an_impact_that_has_grown_is_asked_about(told: Told) -> None:
    write(FLOW.replace("  first: {from: sales.new, to: sales.docs, action: move, when: deal.paid}", "  {}"))
    fine("apply", "--yes")
    add_deals(20)
    write(GROWING + "rails: {share: 100}\n")
    fine("diff", "--out", "plan.json")
    for number in range(10):
        fine("deals", "add", "--id", f"more{number}", "--at", "sales.new")
    fine("diff", "--out", "later.json")
    fine("deals", "add", "--id", "one-more", "--at", "sales.new")
    said = fails(told, REFUSED, "apply", "plan.json")
    assert said == (
        "error: there is no terminal to ask at\nhelp: make a new plan, or add --yes to apply this one all the same\n"
    )
    told.readouterr()
    assert run("apply", "plan.json") == REFUSED
    out = told.readouterr().out
    assert "The impact has grown since the plan was made:\n" in out
    assert "  deals that first takes at once: 20 then, 31 now\n" in out
    fine("apply", "later.json")


def test_yes_applies_a_plan_whose_impact_has_grown(told: Told) -> None:
    write(FLOW.replace("  first: {from: sales.new, to: sales.docs, action: move, when: deal.paid}", "  {}"))
    fine("apply", "--yes")
    write(GROWING + "rails: {share: 100}\n")
    fine("diff", "--out", "plan.json")
    add_deals(11)
    assert run("apply", "plan.json") == REFUSED
    fine("apply", "plan.json", "--yes")


# Rails


@pytest.mark.parametrize(
    ("word", "says"),
    [
        (
            "enviroment",
            "error: --allow: there is no rail 'enviroment'\nhelp: did you mean 'environment'? (the rails are ",
        ),
        ("everything", "error: --allow: there is no rail 'everything'\nhelp: the rails are remove-stage, "),
        ("existing=0", "error: --allow: '0' is no number of deals\n"),
        ("existing=", "error: --allow: '' is no number of deals\n"),
        ("existing=-1", "error: --allow: '-1' is no number of deals\n"),
        ("existing=1e3", "error: --allow: '1e3' is no number of deals\n"),
        ("share=x", "error: --allow: 'x' is no number of percent\n"),
        ("share=101", "error: --allow: a share is at most 100 percent, not 101\n"),
        ("environment=1", "error: --allow: the rail 'environment' takes no number\n"),
    ],
)
@pytest.mark.parametrize("command", [("apply", "--yes"), ("diff",), ("rollback", "1", "--yes")])
def test_what_is_no_rail(told: Told, command: tuple[str, ...], word: str, says: str) -> None:
    assert fails(told, USAGE, *command, "--allow", word).startswith(says)
    assert not Path("flowrun.db").exists()


def test_the_first_apply_binds_the_store_to_its_environment(told: Told) -> None:
    fine("apply", "--yes", "--env", "staging")
    told.readouterr()
    assert run("apply", "--yes") == REFUSED
    out, said = told.readouterr()
    assert (
        "refused: the store is bound to the environment 'staging', and this is no environment (environment)\n"
        "help: use --env staging, or bind the store anew: --allow environment\n"
    ) in out
    assert "error: not applied: 1 refusal, above\n" in said
    fine("diff", "--out", "plan.json", "--allow", "environment")
    assert "refused" not in told.readouterr().out
    assert run("apply", "plan.json", "--yes") == REFUSED, "what a diff was allowed is not for its plan"
    fine("apply", "plan.json", "--allow", "environment")
    assert rows("SELECT environment FROM flowrun") == [(None,)]
    assert json.loads(rows("SELECT difference FROM revisions WHERE number = 2")[0][0])["allowed"] == ["environment"]


def test_a_rail_is_lifted_up_to_its_number(told: Told) -> None:
    fine("apply", "--yes")
    fine("deals", "add", "--id", "a", "--at", "sales.new", "amount=1")
    fine("deals", "add", "--id", "b", "--at", "sales.new", "amount=2")
    changed((", amount: decimal", ""))
    for words, status in (((), REFUSED), (("--allow", "remove-field=1"), REFUSED)):
        assert run("apply", "--yes", *words) == status
        assert "help: if that is meant: --allow remove-field=2\n" in told.readouterr().out
    fine("apply", "--yes", "--allow", "remove-field=1", "--allow", "remove-field=2")
    assert json.loads(rows("SELECT difference FROM revisions WHERE number = 2")[0][0])["allowed"] == ["remove-field=2"]


@pytest.mark.parametrize(
    ("given", "add"),
    [
        ("", "--allow remove-field=2 --allow share=50"),
        ("--allow share=49 --allow remove-field=1", "--allow remove-field=2 --allow share=50"),
        ("--allow remove-field", "--allow remove-field --allow share=50"),
        ("--allow share=60", "--allow share=60 --allow remove-field=2"),
    ],
)
def test_a_plan_that_apply_will_refuse_says_what_to_add(told: Told, given: str, add: str) -> None:
    fine("apply", "--yes")
    for id_, at in (("a", "sales.new"), ("b", "sales.docs")):
        fine("deals", "add", "--id", id_, "--at", at, "amount=1")
    second = "second: {from: sales.docs, to: sales.won, action: move, existing: include}"
    changed((", amount: decimal", ""), ("tunnels:", f"rails: {{share: 10}}\ntunnels:\n  {second}"))
    said = fails(told, Status.FINE, "diff", "--out", "plan.json", *given.split())
    assert said.endswith(f"; apply will refuse it as it is: add {add} if that is meant\n")
    assert run("apply", "plan.json", *given.split()) == REFUSED
    said = fails(told, Status.FINE, "diff", "--out", "other.json", *add.split())
    assert said.endswith(f"; apply it with: flowrun apply other.json {add}\n")
    fine("apply", "plan.json", *add.split())


def test_a_plan_that_nothing_lifts_says_so(told: Told) -> None:
    fine("apply", "--yes")
    fine("deals", "add", "--id", "a", "--at", "sales.docs", "amount=1")
    changed(("new, docs,", "new,"), (", amount: decimal", ""), ("to: sales.docs", "to: sales.won"))
    said = fails(told, Status.FINE, "diff", "--out", "plan.json")
    assert said.endswith(
        "; apply will refuse it: solve first what no --allow lifts (remove-stage), then save it anew\n"
    )


# The lock


def test_apply_that_can_not_have_the_lock_says_who_has_it(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    holder = WriteLock(Path("flowrun.db"))
    lock.introduce("flowrun run", lambda _message: None)
    with holder.held():
        said = fails(told, STALE, "apply", "--yes")
        assert said.startswith("error: flowrun.db is locked: ")
        assert "(flowrun run) since " in said
    fine("apply", "--yes")
    lock.introduce("flowrun run", lambda _message: None)
    with holder.held():
        assert "(flowrun run) since " in fails(told, STALE, "rollback", "1", "--yes")
    holder.close()
    assert rows("SELECT revision FROM flowrun") == [(2,)]


# History and rollback


def test_history_tells_each_revision(told: Told) -> None:
    fine("apply", "--yes", "--env", "staging")
    at("2026-03-02T11:00Z")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("diff", "--env", "staging", "--out", "plan.json")
    fine("apply", "plan.json")
    at("2026-03-02T12:00Z")
    fine("rollback", "1", "--yes")
    told.readouterr()
    fine("history", "--format", "json")
    content = json.loads(told.readouterr().out)
    assert content["version"] == 1
    newest, second, first = content["revisions"]
    assert [one["number"] for one in content["revisions"]] == [3, 2, 1]
    assert (newest["back_to"], newest["current"], newest["applied_at"]) == (1, True, "2026-03-02T12:00:00.000Z")
    assert second["plan"] == json.loads(Path("plan.json").read_text())["id"]
    assert second["summary"] == {"add": 1, "change": 0, "rename": 0, "remove": 0}
    assert (first["environment"], first["plan"], first["back_to"], first["current"]) == ("staging", None, None, False)
    assert first["applied_by"]
    fine("history", "--limit", "1")
    out = told.readouterr().out
    assert out.splitlines()[0].startswith("revision  applied")
    assert "3  2026-03-02 12:00" in out
    assert "back to 1, current" in out
    assert len(out.splitlines()) == 2


def test_history_of_one_revision_shows_its_diff(told: Told) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("apply", "--yes")
    told.readouterr()
    fine("history", "2")
    out = told.readouterr().out
    assert "+ field seats   integer   flows/a.yaml:4\nPlan: 1 to add. Deals: 0 relocated, " in out
    fine("history", "2", "--format", "json")
    content = json.loads(told.readouterr().out)
    assert content["revision"]["number"] == 2
    assert content["difference"]["changes"][0]["id"] == "seats"
    said = fails(told, FAILED, "history", "3")
    assert said == "error: there is no revision 3; the newest is 2\nhelp: see: flowrun history\n"
    assert fails(told, USAGE, "history", "0")
    assert fails(told, USAGE, "history", "2", "--limit", "1")
    assert fails(told, FAILED, "rollback", "3", "--yes") == said


def test_history_of_what_is_pruned(told: Told) -> None:
    fine("apply", "--yes")
    for number, name in enumerate(("x", "y", "z", "w")):
        at(f"2026-03-0{number + 3}T10:00Z")
        changed(("amount: decimal", f"amount: decimal, {name}: integer"))
        fine("apply", "--yes")
    connection = sqlite3.connect("flowrun.db")
    with connection:
        connection.execute("DELETE FROM revisions WHERE number IN (1, 3)")
        connection.execute("UPDATE revisions SET difference = NULL")
    connection.close()
    told.readouterr()
    fine("history", "4")
    assert "can't be shown: revision 3 is pruned" in told.readouterr().out
    fine("history")
    assert "unknown" in told.readouterr().out
    assert "revision 3 is gone by 'flowrun prune'; the nearest are 2 and 4" in fails(told, FAILED, "history", "3")
    assert "revision 1 is gone by 'flowrun prune'; the oldest is 2" in fails(told, FAILED, "rollback", "1")


def test_history_of_no_revision(told: Told) -> None:
    assert "make one with 'flowrun apply'" in fails(told, FAILED, "history")


@pytest.mark.parametrize("number", ["0", "-1", "abc", "", "1_0", "\u0661", "1000000000000", "9" * 23, "9" * 5000])
@pytest.mark.parametrize("command", [("history", "--"), ("rollback", "--yes", "--")])
def test_what_is_no_number_of_a_revision(told: Told, command: tuple[str, ...], number: str) -> None:
    said = fails(told, USAGE, *command, number)
    assert f"'{number[:50]}" in said
    assert " is no number of a revision: 1 to 999,999,999,999\n" in said


@pytest.mark.parametrize("command", [("history",), ("journal",), ("pending",), ("deals", "list")])
def test_a_limit_is_a_number_that_a_store_can_take(told: Told, command: tuple[str, ...]) -> None:
    fine("apply", "--yes")
    fine(*command, "--limit", "999999999999")
    for number in ("0", "x", "1000000000000", "9" * 23):
        said = fails(told, USAGE, *command, "--limit", number)
        assert f"'--limit': '{number}' is no count: 1 to 999,999,999,999\n" in said


def test_a_revision_that_there_is_not_is_said_so(told: Told) -> None:
    fine("apply", "--yes")
    for command in (("history",), ("rollback", "--yes")):
        assert "there is no revision 999999999999" in fails(told, FAILED, *command, "999999999999")


def test_rollback_goes_through_the_diff_and_asks(told: Told) -> None:
    fine("apply", "--yes")
    changed(("amount: decimal", "amount: decimal, seats: integer"))
    fine("apply", "--yes")
    told.readouterr()
    assert run("rollback", "1") == REFUSED
    out, said = told.readouterr()
    assert out.startswith("sqlite:///flowrun.db   revision 2 → revision 1\n- field seats  ")
    assert "add --yes to go back without being asked" in said
    fine("rollback", "1", "--yes")
    assert told.readouterr().out.endswith("Back at revision 1, as revision 3.\n")
    fine("rollback", "1", "--yes")
    fine("rollback", "3", "--yes")
    assert told.readouterr().out == (
        "No changes: the store is as revision 1 says.\nNo changes: the store is as revision 3 says.\n"
    )
    fine("rollback", "2", "--yes")
    assert rows("SELECT number, back_to FROM revisions") == [(1, None), (2, None), (3, 1), (4, 2)]


def test_rollback_stays_in_its_environment_and_needs_no_plan(told: Told) -> None:
    fine("apply", "--yes", "--env", "staging")
    changed(("{confirm: plan}", "{confirm: plan, vars: {big: 3}}"), ("amount: decimal", "amount: decimal, x: text"))
    fine("diff", "--env", "prod", "--out", "plan.json")
    fine("apply", "plan.json", "--allow", "environment")
    fine("rollback", "1", "--yes")
    assert rows("SELECT environment FROM flowrun") == [("prod",)]


def test_rollback_names_a_stage_that_was_not_there_yet(told: Told) -> None:
    fine("apply", "--yes")
    changed(("[new, docs,", "[new, later, docs,"))
    fine("apply", "--yes")
    fine("deals", "add", "--at", "sales.later")
    told.readouterr()
    assert run("rollback", "1", "--yes", "--allow", "remove-stage") == REFUSED
    out = told.readouterr().out
    assert "refused: 1 deal stands in sales.later, which revision 1 doesn't have (remove-stage)\n" in out
    assert "help: move them to another stage first: flowrun deals list --stage sales.later; flowrun deals move " in out


def test_rollback_that_can_not_be_said_goes_step_by_step(told: Told) -> None:
    write(FLOW.replace("[new, docs,", "[new, a, b, docs,"))
    fine("apply", "--yes")
    write(FLOW.replace("[new, docs,", "[new, c, b, docs,") + "moved: [{from: sales.a, to: sales.c}]\n")
    fine("apply", "--yes")
    write(FLOW.replace("[new, docs,", "[new, c, a, docs,") + "moved: [{from: sales.b, to: sales.a}]\n")
    fine("apply", "--yes")
    said = fails(told, REFUSED, "rollback", "1", "--yes")
    assert "revision 1 can't be had back at once: the stage sales.a was sales.b then" in said
    assert "help: go back step by step: flowrun rollback 2\n" in said
    fine("rollback", "2", "--yes")
    fine("rollback", "1", "--yes")
