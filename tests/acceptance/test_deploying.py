"""Deploying is whole: two at once, one that is killed at any point, and every rail with what lifts it."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowrun.flow.codec import loads
from tests.acceptance.forks import Command, Forks

PAIRS = int(os.environ.get("FLOWRUN_PAIRS", "100"))

STRIDE = int(os.environ.get("FLOWRUN_STRIDE", "8"))
"""An apply is killed at every so many-th of its statements; 1: at each."""

BASE = """flowrun: 1
project: deploying
fields:
  amount: {type: decimal, places: 2}
  source: {type: enum, values: [web, ads]}
  seats: integer
pipelines:
  sales: {stages: [new, parked, docs, {id: won, outcome: won}, {id: lost, outcome: lost}]}
tunnels:
  grow: {from: sales.new, to: sales.docs, action: move, when: deal.amount > 100}
  give-up: {from: sales.docs, to: sales.lost, action: move, after: 10d}
environments: {staging: {}}
"""
ONE = BASE.replace("seats: integer", "seats: integer\n  one: text").replace(
    "tunnels:", "tunnels:\n  one: {from: sales.parked, to: sales.new, action: copy, when: deal.one == 'x'}"
)
OTHER = (
    BASE.replace("  seats: integer", "  seats: integer\n  other: date")
    .replace("[new, parked, docs,", "[new, docs, signed,")
    .replace("  give-up:", "  drop:")
    .replace("tunnels:", "tunnels:\n  other: {from: sales.signed, to: sales.won, action: move, at: {field: other}}")
    + "moved: [{from: tunnels.give-up, to: tunnels.drop}]\n"
    + "removed: [{stage: sales.parked, deals: {to: sales.new}}]\n"
)
NOW = "2026-03-02T10:00Z"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks(traced=False) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Facts:
    """What a store must have of its applied revision, and what must agree with it."""

    revision: int
    stages: list[Any]
    tunnels: list[Any]
    routes: list[Any]
    triggers: list[Any]


def facts(store: Path) -> Facts:
    """What the store says; fails where any of it contradicts another part."""
    connection = sqlite3.connect(store, timeout=60)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (revision,) = connection.execute("SELECT revision FROM flowrun").fetchone()
        numbers = [number for (number,) in connection.execute("SELECT number FROM revisions ORDER BY number")]
        assert numbers == list(range(1, revision + 1)), "each revision is there, and none after the applied one"
        (text,) = connection.execute("SELECT flow FROM revisions WHERE number = ?", (revision,)).fetchone()
        flow = loads(text)
        stages = [id_ for (id_,) in connection.execute("SELECT id FROM stages ORDER BY position")]
        assert stages == list(flow.stages)
        tunnels = connection.execute("SELECT id, mode FROM tunnels ORDER BY id").fetchall()
        assert {id_ for id_, *_ in tunnels} == set(flow.tunnels)
        routes = connection.execute("SELECT stage, tunnel, position, kind FROM routes ORDER BY 1, 2").fetchall()
        assert {(stage, tunnel) for stage, tunnel, *_ in routes} == {
            (stage, tunnel.id) for tunnel in flow.tunnels.values() for stage in tunnel.sources
        }
        columns = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info('deals')")}
        assert set(flow.fields) <= columns
        astray = "SELECT count(*) FROM deals WHERE stage NOT IN (SELECT id FROM stages)"
        assert connection.execute(astray).fetchone() == (0,)
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
        return Facts(revision, stages, tunnels, routes, triggers.fetchall())
    finally:
        connection.close()


def contents(store: Path) -> dict[str, list[Any]]:
    """Every row of every table, and the tables and triggers themselves."""
    connection = sqlite3.connect(store, timeout=60)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        return {**rows, "": connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()}
    finally:
        connection.close()


def locked(store: Path) -> bool:
    """Whether anyone holds a lock of the store."""
    for what in ("turn", "lock"):
        number = os.open(f"{store}-{what}", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(number)
    return False


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "a.yaml").write_text(text)


@pytest.fixture(scope="module")
def prepared(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of BASE and some deals, the three flows, and plans of two of them."""
    folder = tmp_path_factory.mktemp("prepared")
    for name, text in (("flows", BASE), ("one", ONE), ("other", OTHER)):
        write(folder, name, text)
    forks.run(folder, "apply", "--yes").fine()
    deals = [
        {"id": f"d{number}", "at": f"sales.{stage}", "seats": number, "source": "web", "amount": "1.25"}
        for number, stage in enumerate(["new", "new", "parked", "docs", "won"])
    ]
    (folder / "deals.jsonl").write_text("\n".join(map(json.dumps, deals)))
    forks.run(folder, "deals", "import", "deals.jsonl").fine()
    for name in ("one", "other"):
        forks.run(folder, "diff", "--flows", name, "--out", f"{name}.json", "--valid", "30d").fine()
    return folder


@pytest.fixture(scope="module")
def after(forks: Forks, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Facts]:
    """What a store has that was made by the one, the other, or both in turn."""
    found = {}
    for names in (("one",), ("other",), ("one", "other"), ("other", "one")):
        folder = copy(prepared, tmp_path_factory.mktemp("-".join(names)))
        for name in names:
            forks.run(folder, "apply", "--yes", "--flows", name, *ALLOWED).fine()
        found["-".join(names)] = facts(folder / "flowrun.db")
    return found


ALLOWED = ("--allow", "remove-stage", "--allow", "share")


def copy(prepared: Path, folder: Path) -> Path:
    shutil.copytree(prepared, folder, dirs_exist_ok=True)
    return folder


def test_a_hundred_pairs_of_applies_at_once(
    forks: Forks, prepared: Path, after: dict[str, Facts], tmp_path: Path
) -> None:
    """One of the two comes first. The other comes after it, having seen what it did, or says that it was late."""
    seen: set[tuple[int, ...]] = set()
    for number in range(PAIRS):
        folder = copy(prepared, tmp_path / str(number))
        by_plan = number % 2 == 1
        commands = [
            Command(str(folder), ("apply", f"{name}.json", "--flows", name, *ALLOWED))
            if by_plan
            else Command(str(folder), ("apply", "--yes", "--flows", name, *ALLOWED))
            for name in ("one", "other")
        ]
        ended = forks.together(*commands)
        statuses = tuple(one.status for one in ended)
        seen.add(statuses)
        assert statuses in {(0, 3), (3, 0)} | (set() if by_plan else {(0, 0)}), ended
        for one in ended:
            assert one.status == 0 or "in the meantime" in one.err or "is stale" in one.err, one
        found = facts(folder / "flowrun.db")
        ways = {(0, 3): ("one",), (3, 0): ("other",), (0, 0): ("one-other", "other-one")}[statuses]
        assert found in [after[way] for way in ways]
        assert not locked(folder / "flowrun.db")
        shutil.rmtree(folder)
    assert seen & {(0, 3), (3, 0)}, "they never met"


def test_a_first_apply_twice_at_once(forks: Forks, prepared: Path, tmp_path: Path) -> None:
    for number in range(PAIRS // 10):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, text in (("one", ONE), ("other", OTHER)):
            write(folder, name, text)
        ended = forks.together(
            *(Command(str(folder), ("apply", "--yes", "--flows", name, *ALLOWED)) for name in ("one", "other"))
        )
        assert sorted(one.status for one in ended) in ([0, 3], [0, 0]), ended
        assert facts(folder / "flowrun.db").revision == sum(one.status == 0 for one in ended)


@pytest.mark.parametrize("way", ["files", "plan", "rollback"])
def test_killed_while_it_writes(forks: Forks, prepared: Path, tmp_path: Path, way: str) -> None:
    """kill -9 before every few statements of an apply's transaction, and its commit: nothing has happened, and nobody
    is locked out."""
    arguments = {
        "files": ("apply", "--yes", "--flows", "other"),
        "plan": ("apply", "other.json", "--flows", "other"),
        "rollback": ("rollback", "1", "--yes"),
    }[way]
    folder = copy(prepared, tmp_path / "x")
    if way == "rollback":
        forks.run(folder, "apply", "--yes", "--flows", "other", *ALLOWED).fine()
    store = folder / "flowrun.db"
    before, was = contents(store), facts(store)
    die_at = random.randrange(STRIDE)
    print(f"from {die_at}")
    deaths = 0
    while (ended := forks.run(folder, *arguments, *ALLOWED, die_at=die_at)).status == -9:
        assert not locked(store)
        assert contents(store) == before, f"killed at {die_at}"
        die_at += STRIDE
        deaths += 1
    ended.fine()
    assert deaths > 3, "it died of too few deaths"
    assert facts(store).revision == was.revision + 1


def test_killed_in_the_first_apply(forks: Forks, tmp_path: Path) -> None:
    """A store that was only begun is no store yet, and the next apply makes it."""
    write(tmp_path, "flows", BASE)
    store = tmp_path / "flowrun.db"
    die_at = random.randrange(STRIDE)
    print(f"from {die_at}")
    deaths = 0
    while forks.run(tmp_path, "apply", "--yes", die_at=die_at).status == -9:
        forks.run(tmp_path, "apply", "--yes").fine()
        assert facts(store).revision == 1
        for left in tmp_path.glob("flowrun.db*"):
            left.unlink()
        die_at += STRIDE
        deaths += 1
    assert deaths > 3
    assert facts(store).revision == 1


# Rails


@dataclass(frozen=True, slots=True)
class Case:
    """What is changed in BASE, what refuses it, and what lifts that."""

    changes: tuple[tuple[str, str], ...]
    refused: str
    lifted: str
    more: tuple[str, ...] = ()
    too_little: str | None = None


_TUNNEL = "tunnels:\n  added: {from: sales.%s, to: sales.docs, action: move, existing: include}"
RAILS = {
    "remove-stage": Case(
        (
            ("new, parked,", "new,"),
            ("environments:", "removed: [{stage: sales.parked, deals: {to: sales.docs}}]\nenvironments:"),
        ),
        "removing stages moves 2 deals from sales.parked to sales.docs",
        "remove-stage=2",
        too_little="remove-stage=1",
    ),
    "remove-field": Case(
        (("  seats: integer\n", ""),),
        "the field seats goes, in which 7 deals hold a value",
        "remove-field=7",
        too_little="remove-field=6",
    ),
    "remove-field, a value": Case(
        (("values: [web, ads]", "values: [ads]"),),
        "the value 'web' of source goes, which 7 deals hold",
        "remove-field=7",
        too_little="remove-field=6",
    ),
    "remove-field, places": Case(
        (("places: 2", "places: 1"),),
        "the places of amount go from 2 → 1, which rounds the value of 7 deals",
        "remove-field=7",
        too_little="remove-field=6",
    ),
    "field-type": Case(
        (("seats: integer", "seats: text"),),
        "the type of seats goes from integer → text; 7 deals hold a value: all of them keep it",
        "field-type=7",
        too_little="field-type=6",
    ),
    "leave-won": Case(
        (("tunnels:", _TUNNEL % "won"),), "1 deal leaves a won stage at once", "leave-won=1", too_little=None
    ),
    "existing": Case(
        (("tunnels:", _TUNNEL % "parked"), ("rails: {share: 90}", "rails: {share: 90, existing: 1}")),
        "'existing: include' takes 2 deals, more than the 1 of rails.existing",
        "existing=2",
        too_little="existing=1",
    ),
    "share": Case(
        (("tunnels:", _TUNNEL % "parked"), ("rails: {share: 90}", "rails: {share: 28}")),
        "2 of 7 deals are moved or copied at once: 29 %, more than the 28 % of rails.share",
        "share=29",
        too_little="share=28",
    ),
    "source": Case(
        (("environments:", "source: {type: files, path: deals.csv, at_column: at}\nenvironments:"),),
        "7 deals stand in the store; when deals live in 'files', those that aren't there are deleted from the store as "
        "soon as all of it has been read",
        "source=7",
        too_little="source=6",
    ),
    "environment": Case(
        (),
        "the store is bound to no environment, and this is the environment 'staging'",
        "environment",
        more=("--env", "staging"),
    ),
}


@pytest.fixture(scope="module")
def railed(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("railed")
    write(folder, "flows", BASE + "rails: {share: 90}\n")
    forks.run(folder, "apply", "--yes", now=NOW).fine()
    stages = ["new", "new", "parked", "parked", "docs", "docs", "won"]
    deals = [
        {"id": f"d{number}", "at": f"sales.{stage}", "seats": number + 1, "source": "web", "amount": "1.25"}
        for number, stage in enumerate(stages)
    ]
    (folder / "deals.jsonl").write_text("\n".join(map(json.dumps, deals)))
    forks.run(folder, "deals", "import", "deals.jsonl", now=NOW).fine()
    return folder


@pytest.mark.parametrize("rail", RAILS)
def test_each_rail_refuses_and_is_lifted(forks: Forks, railed: Path, tmp_path: Path, rail: str) -> None:
    case = RAILS[rail]
    folder = copy(railed, tmp_path / "x")
    text = BASE + "rails: {share: 90}\n"
    for old, new in case.changes:
        assert old in text
        text = text.replace(old, new)
    write(folder, "flows", text)
    now, name = "2026-03-02T11:00Z", rail.partition(",")[0]
    shown = forks.run(folder, "diff", "--format", "json", *case.more, now=now).fine()
    assert [(one["rail"], one["message"], one["allow"]) for one in shown.json["refusals"]] == [
        (name, case.refused, case.lifted)
    ]
    for words in ((), ("--allow", case.too_little)) if case.too_little else ((),):
        done = forks.run(folder, "apply", "--yes", *case.more, *words, now=now)
        assert done.status == 4, done
        assert f"refused: {case.refused} ({name})\n" in done.out
        assert f"--allow {case.lifted}\n" in done.out
        assert "error: not applied: 1 refusal, above\n" in done.err
    forks.run(folder, "diff", "--out", "plan.json", *case.more, now=now).fine()
    assert forks.run(folder, "apply", "plan.json", "--yes", now=now).status == 4, "a plan is under the rails as well"
    assert facts(folder / "flowrun.db").revision == 1
    if rail in {"remove-field", "share"}:
        forks.run(folder, "apply", "plan.json", "--allow", case.lifted, now=now).fine()
    else:
        forks.run(folder, "apply", "--yes", "--allow", case.lifted, *case.more, now=now).fine()
    assert facts(folder / "flowrun.db").revision == 2
