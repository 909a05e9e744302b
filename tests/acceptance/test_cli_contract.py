"""What scripts rest on: exit statuses, JSON shapes, where options come from, what is escaped; and apply is whole."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import random
import re
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.place import Done, Place, Running, eventually

NOW = "2026-03-06T12:00Z"
LATER = "2026-03-06T13:00Z"

FLOW = """\
flowrun: 1
project: contract
vars: {big: {type: decimal, default: 100}}
fields:
  amount: {type: decimal, places: 2}
  source: {type: enum, values: [web, ads]}
  paid: {type: boolean, default: false}
  on: date
  seats: integer
  tags: tags
pipelines:
  sales: {stages: [new, big, slow, {id: won, outcome: won}]}
  care: {stages: [start, {id: end, outcome: won}]}
tunnels:
  grow: {from: sales.new, to: sales.big, action: move, when: deal.amount >= vars.big}
  welcome: {from: sales.big, to: care.start, action: copy, unless_exists: {same: [source]}}
  later: {from: sales.slow, to: sales.won, action: move, after: 2d}
  trips: {from: sales.won, to: care.end, action: copy, breaker: {firings: 1, per: 1d}}
environments:
  prod: {vars: {big: 5}}
  strict: {confirm: plan}
"""

Fields = Mapping[str, Any]


def shape(**keys: object) -> dict[str, object]:
    """An object that has these keys; more may be added, never renamed."""
    return {"type": "object", "required": list(keys), "properties": keys}


def many(items: object) -> dict[str, object]:
    return {"type": "array", "items": items}


def maybe(schema: Mapping[str, object]) -> dict[str, object]:
    return {"anyOf": [schema, {"type": "null"}]}


def document(**keys: object) -> dict[str, object]:
    return shape(version={"const": 1}, **keys)


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "integer", "minimum": 1}
FLAG = {"type": "boolean"}
INSTANT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
STAGE = {"type": "string", "pattern": r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$"}
PLACE = {"message": TEXT, "file": TEXT, "line": NUMBER, "column": NUMBER}

SHAPES = {
    "deals list": document(
        deals=many(
            shape(
                id=TEXT,
                title=maybe(TEXT),
                owner=maybe(TEXT),
                pipeline=TEXT,
                stage=STAGE,
                entry=NUMBER,
                entered_at=INSTANT,
                created_at=INSTANT,
                updated_at=INSTANT,
                origin=maybe(TEXT),
                origin_tunnel=maybe(TEXT),
                fields=shape(
                    amount=maybe({"type": "string", "pattern": r"^-?\d+\.\d\d$"}),
                    source={"enum": ["web", "ads", None]},
                    paid=FLAG,
                    on=maybe({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}),
                    seats=maybe({"type": "integer"}),
                    tags=maybe(many(TEXT)),
                ),
            )
        )
    ),
    "journal": document(
        firings=many(
            shape(
                tunnel=TEXT,
                deal=TEXT,
                entry=NUMBER,
                action={"enum": ["move", "copy"]},
                **{"from": STAGE},
                to=STAGE,
                result={"enum": ["fired", "exists", "declined", "parked", "pending", "shadow"]},
                target=maybe(TEXT),
                due_at=maybe(INSTANT),
                fired_at=INSTANT,
                revision=NUMBER,
                reason=maybe(TEXT),
            )
        )
    ),
    "pending": document(
        now=INSTANT,
        next_at=maybe(INSTANT),
        pending=many(shape(deal=TEXT, tunnel=TEXT, due_at=INSTANT, waits_for={"enum": ["due", "window", "condition"]})),
    ),
    "status": document(
        store=TEXT,
        revision=NUMBER,
        deals=COUNT,
        awake=COUNT,
        parked=COUNT,
        next_at=maybe(INSTANT),
        source={"type": "null"},
        tunnels=many(
            shape(
                id=TEXT,
                mode={"enum": ["live", "shadow", "off"]},
                state={"enum": ["live", "paused", "tripped"]},
                fired=COUNT,
                parked=COUNT,
                last_fired_at=maybe(INSTANT),
            )
        ),
        runners=many(
            shape(
                id=TEXT,
                host=TEXT,
                pid=NUMBER,
                version=TEXT,
                state={"enum": ["running", "gone"]},
                started_at=INSTANT,
                seen_at=INSTANT,
                ticks=COUNT,
                fired=COUNT,
            )
        ),
    ),
    "diff": document(
        base_revision=maybe(NUMBER),
        changes=many(
            shape(
                action={"enum": ["add", "change", "rename", "remove"]},
                kind={"enum": ["field", "calendar", "pipeline", "stage", "tunnel", "var", "setting"]},
                id=TEXT,
                file=maybe(TEXT),
                line=maybe(NUMBER),
                keys=many(shape(key=TEXT, before=maybe(TEXT), after=maybe(TEXT))),
            )
        ),
        summary=shape(add=COUNT, change=COUNT, rename=COUNT, remove=COUNT),
        impact=shape(
            tunnels={"type": "object", "additionalProperties": shape(now=COUNT)},
            deals=shape(moved=COUNT, copied=COUNT),
        ),
        refusals=many(shape(rail=TEXT, message=TEXT, allow=maybe(TEXT))),
    ),
    "doctor": document(
        ok=FLAG,
        checks=many(shape(check=TEXT, verdict={"enum": ["ok", "warning", "problem"]}, found=TEXT, help=maybe(TEXT))),
    ),
    "validate": document(
        ok=FLAG,
        diagnostics=many(
            shape(
                code={"type": "string", "pattern": r"^FR\d{3}$"},
                severity={"enum": ["error", "warning"]},
                message=TEXT,
                file=TEXT,
                line=NUMBER,
                column=NUMBER,
                end_line=NUMBER,
                end_column=NUMBER,
                help=maybe(TEXT),
                related=many(shape(**PLACE)),
            )
        ),
    ),
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Flows, and nothing applied."""
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    return place


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Applied, with some deals, at a fixed instant; for tests that change nothing in it."""
    place = Place(tmp_path_factory.mktemp("shared"))
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes", now=NOW).fine()
    values = (
        ("d1", "sales.new", {"amount": "150.00", "source": "web", "tags": "vip,b", "on": "2026-12-31"}),
        ("d2", "sales.new", {"amount": "250.00", "source": "web", "seats": "7", "title": "Second"}),
        ("d3", "sales.slow", {"paid": "true", "owner": "ann"}),
    )
    for id_, stage, fields in values:
        given = [f"{name}={value}" for name, value in fields.items()]
        place.run("deals", "add", "--at", stage, "--id", id_, *given, now=NOW).fine()
    return place


@pytest.fixture
def store(shared: Place, tmp_path: Path) -> Place:
    """The same, for tests that change it."""
    return shared.copied(tmp_path)


def checked(done: Done, command: str) -> Any:
    """The document of that command, held against its shape."""
    content = done.json
    Draft202012Validator(SHAPES[command]).validate(content)
    return content


def change(place: Place, before: str, after: str) -> None:
    text = (place.folder / "flows/flow.yaml").read_text("utf-8")
    assert before in text
    place.write("flows/flow.yaml", text.replace(before, after))


def test_deals_list(store: Place) -> None:
    deals = checked(store.run("deals", "list", "--format", "json", now=NOW).fine(), "deals list")["deals"]
    assert [deal["id"] for deal in deals] == ["d1", "d2", "d3"]
    first = deals[0]
    assert (first["pipeline"], first["stage"], first["entry"]) == ("sales", "sales.new", 1)
    assert first["entered_at"] == "2026-03-06T12:00:00.000Z"
    assert first["fields"] == {
        "amount": "150.00",
        "source": "web",
        "paid": False,
        "on": "2026-12-31",
        "seats": None,
        "tags": ["b", "vip"],
    }
    where = ("--where", "deal.amount >= 200 or deal.paid", "--limit", "1")
    some = checked(store.run("deals", "list", "--format", "json", *where, now=NOW).fine(), "deals list")
    assert [deal["id"] for deal in some["deals"]] == ["d2"]


def test_journal(store: Place) -> None:
    assert checked(store.run("journal", "--format", "json", now=NOW).fine(), "journal")["firings"] == []
    store.run("run", "--until-idle", now=LATER).fine()
    firings = checked(store.run("journal", "--format", "json", now=LATER).fine(), "journal")["firings"]
    assert [(one["deal"], one["tunnel"], one["result"]) for one in firings] == [
        ("d1", "grow", "fired"),
        ("d2", "grow", "fired"),
        ("d1", "welcome", "fired"),
        ("d2", "welcome", "exists"),
    ]
    assert firings[0]["from"] == "sales.new"
    assert firings[0]["to"] == "sales.big"
    assert firings[0]["target"] == "d1"
    assert re.fullmatch("d1~[a-z2-7]{10}", firings[2]["target"])
    assert (firings[3]["target"], firings[3]["reason"]) == (None, "exists")
    mine = ("--deal", "d2", "--tunnel", "welcome", "--result", "exists", "--since", "2026-03-06", "--limit", "9")
    assert len(checked(store.run("journal", "--format", "json", *mine, now=LATER).fine(), "journal")["firings"]) == 1


def test_pending(store: Place) -> None:
    store.run("run", "--until-idle", now=LATER).fine()
    pending = checked(store.run("pending", "--format", "json", now=LATER).fine(), "pending")
    assert pending["now"] == "2026-03-06T13:00:00.000Z"
    assert pending["next_at"] == "2026-03-08T12:00:00.000Z"
    assert pending["pending"] == [
        {"deal": "d3", "tunnel": "later", "due_at": "2026-03-08T12:00:00.000Z", "waits_for": "due"}
    ]
    none = checked(store.run("pending", "--tunnel", "grow", "--format", "json", now=LATER).fine(), "pending")
    assert (none["pending"], none["next_at"]) == ([], "2026-03-08T12:00:00.000Z")


def test_status(store: Place) -> None:
    store.run("run", "--until-idle", now=LATER).fine()
    store.run("pause", "later", now=LATER).fine()
    status = checked(store.run("status", "--format", "json", now=LATER).fine(), "status")
    assert (status["store"], status["revision"], status["deals"]) == ("sqlite:///flowrun.db", 1, 4)
    tunnels = {tunnel["id"]: tunnel for tunnel in status["tunnels"]}
    assert (tunnels["grow"]["fired"], tunnels["grow"]["state"]) == (2, "live")
    assert tunnels["grow"]["last_fired_at"] == "2026-03-06T13:00:00.000Z"
    assert tunnels["later"]["state"] == "paused"


def test_status_tells_a_monitor(store: Place) -> None:
    store.run("status", "--exit-code", now=NOW).fine()
    for id_ in ("w1", "w2"):
        store.run("deals", "add", "--at", "sales.won", "--id", id_, now=NOW).fine()
    store.run("run", "--until-idle", now=LATER).fine()
    done = store.run("status", "--exit-code", "--format", "json", now=LATER)
    assert done.status == 1
    states = {tunnel["id"]: tunnel["state"] for tunnel in checked(done, "status")["tunnels"]}
    assert states["trips"] == "tripped"
    store.run("resume", "trips", now=LATER).fine()
    store.run("status", "--exit-code", now=LATER).fine()
    assert checked(store.run("doctor", "--format", "json", now=LATER).fine(), "doctor")["ok"] is True


def test_diff(store: Place) -> None:
    nothing = checked(store.run("diff", "--exit-code", "--format", "json", now=NOW).fine(), "diff")
    assert (nothing["changes"], nothing["base_revision"]) == ([], 1)
    change(store, "  later:", "  more: {from: sales.slow, to: sales.big, action: move, existing: include}\n  later:")
    change(store, "default: 100", "default: 200")
    done = store.run("diff", "--exit-code", "--format", "json", now=NOW)
    assert done.status == 2
    diff = checked(done, "diff")
    assert diff["summary"] == {"add": 1, "change": 1, "rename": 0, "remove": 0}
    kinds = [(one["action"], one["kind"], one["id"], one["file"]) for one in diff["changes"]]
    assert ("add", "tunnel", "more", "flows/flow.yaml") in kinds
    assert ("change", "var", "big", "flows/flow.yaml") in kinds
    assert diff["impact"]["tunnels"]["more"]["now"] == 1
    assert diff["impact"]["tunnels"]["grow"]["now"] == 1
    assert store.run("diff", now=NOW).status == 0, "differences are an exit status only when asked for"
    assert store.value("SELECT count(*) FROM revisions") == 1


def test_diff_of_an_empty_store(place: Place) -> None:
    done = place.run("diff", "--exit-code", "--format", "json")
    assert done.status == 2
    assert checked(done, "diff")["base_revision"] is None
    assert not place.store.exists()


def test_validate(place: Place) -> None:
    good = checked(place.run("validate", "--format", "json").fine(), "validate")
    assert good["ok"] is True
    change(place, "deal.amount", "deal.amuont")
    place.write("flows/more.yaml", "flowrun: 1\nfields: {amount: text}\n")
    done = place.run("validate", "--format", "json")
    assert done.status == 1
    bad = checked(done, "validate")
    assert bad["ok"] is False
    assert {one["code"] for one in bad["diagnostics"] if one["severity"] == "error"} == {"FR203", "FR510"}
    assert any(one["related"] for one in bad["diagnostics"])


def test_warnings_fail_only_when_strict(place: Place) -> None:
    place.write("flows/more.yaml", "flowrun: 1\ntunnels:\n")
    assert checked(place.run("validate", "--format", "json").fine(), "validate")["ok"] is True
    strict = place.run("validate", "--strict", "--format", "json")
    assert (strict.status, checked(strict, "validate")["ok"]) == (1, False)


@pytest.mark.parametrize("command", ["diff", "validate"])
def test_what_is_wrong_with_the_files_is_the_document(place: Place, command: str) -> None:
    change(place, "deal.amount", "deal.amuont")
    done = place.run(command, "--format", "json")
    assert done.status == 1
    assert checked(done, "validate")["diagnostics"][0]["code"] == "FR203"
    assert done.err == ""


@pytest.mark.parametrize("command", ["deals list", "journal", "pending", "status", "diff"])
def test_a_command_that_fails_has_no_document(place: Place, command: str) -> None:
    place.write("flowrun.db", "This is no database, although it is long enough to have a header. " * 20)
    done = place.run(*command.split(), "--format", "json")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("error: sqlite:///flowrun.db is no database\n")


@pytest.mark.parametrize("command", SHAPES)
def test_json_is_one_document_and_nothing_else(shared: Place, command: str) -> None:
    done = shared.run(*command.split(), "--format", "json", now=NOW, env={"FORCE_COLOR": "1"}).fine()
    content, end = json.JSONDecoder().raw_decode(done.out)
    assert done.out[end:] == "\n"
    assert next(iter(content)) == "version"
    assert f"note: the clock stands at {NOW}" in re.sub("\x1b\\[[0-9;]*m", "", done.err)


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (0, ["--help"]),
        (0, ["--version"]),
        (0, ["deals", "list", "--help"]),
        (0, ["graph"]),
        (0, ["schema"]),
        (0, ["deals", "show", "d1"]),
        (0, ["retry"]),
        (1, ["validate", "absent.yaml"]),
        (1, ["deals", "show", "absent"]),
        (1, ["deals", "set", "absent", "amount=1"]),
        (1, ["deals", "set", "d1", "amuont=1"]),
        (1, ["deals", "set", "d1", "amount=much"]),
        (1, ["deals", "move", "d1", "sales.nwe"]),
        (1, ["deals", "delete", "absent"]),
        (1, ["deals", "add", "--at", "sales.new", "--id", "d1"]),
        (1, ["deals", "add", "--at", "sales.new", "--id", "a~b"]),
        (1, ["deals", "list", "--where", "deal.amuont > 1"]),
        (1, ["deals", "import", "absent.csv"]),
        (1, ["pause", "absent"]),
        (1, ["resume", "absent"]),
        (1, ["retry", "absent"]),
        (1, ["pending", "--tunnel", "absent"]),
        (1, ["--env", "absent", "diff"]),
        (1, ["--var", "absent=1", "diff"]),
        (1, ["--var", "big=much", "diff"]),
        (64, []),
        (64, ["aply"]),
        (64, ["--nope"]),
        (64, ["status", "--nope"]),
        (64, ["status", "extra"]),
        (64, ["pause"]),
        (64, ["validate", "--format", "xml"]),
        (64, ["--color", "blue", "status"]),
        (64, ["--var", "novalue", "diff"]),
        (64, ["run", "--once", "--until-idle"]),
        (64, ["journal", "--limit", "none"]),
        (64, ["journal", "--since", "yesterday"]),
        (64, ["deals"]),
        (64, ["deals", "lsit"]),
        (64, ["deals", "add"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_status(shared: Place, status: int, arguments: list[str]) -> None:
    done = shared.run(*arguments, now=NOW)
    assert done.status == status, done
    assert "Traceback" not in done.err
    if status:
        assert done.out == ""
        assert any(line.startswith(("error", "Usage")) for line in done.complaints), done.err


def test_a_row_that_is_not_taken_is_part_of_the_work_that_failed(store: Place) -> None:
    store.write("more.csv", "id,sum\nn1,12\nn2,twelve\nn3,13\n")
    done = store.run("deals", "import", "more.csv", "--map", "sum=amount", "--at", "sales.new", now=NOW)
    assert done.status == 1
    assert store.rows("SELECT id, amount FROM deals WHERE id LIKE 'n%' ORDER BY id") == [("n1", 1200), ("n3", 1300)]
    rejects = (store.folder / "more.rejects.csv").read_text("utf-8")
    assert "twelve" in rejects
    assert "n1" not in rejects


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_options_stand_before_the_command_or_after_it(place: Place, before: bool) -> None:
    (place.folder / "flows").rename(place.folder / "elsewhere")
    options = ["--flows", "elsewhere", "--store", "sqlite:///other.db", "--env", "prod", "--var", "big=7"]
    for command in (["apply", "--yes"], ["diff", "--exit-code"]):
        place.run(*([*options, *command] if before else [*command, *options]), now=NOW).fine()
    assert (place.folder / "other.db").exists()
    with place.sql(place.folder / "other.db") as connection:
        flow, environment = connection.execute("SELECT flow, environment FROM revisions, flowrun").fetchone()
    assert environment == "prod"
    assert json.loads(flow)["vars"] == [one for one in json.loads(flow)["vars"] if "7" in json.dumps(one)]


def test_options_come_from_the_environment_and_are_overruled(place: Place) -> None:
    (place.folder / "flows").rename(place.folder / "elsewhere")
    env = {"FLOWRUN_FLOWS": "elsewhere", "FLOWRUN_STORE": "sqlite:///one.db", "FLOWRUN_ENV": "prod"}
    place.run("apply", "--yes", env=env).fine()
    assert (place.folder / "one.db").exists()
    place.run("apply", "--yes", "--store", "sqlite:///two.db", env=env).fine()
    assert (place.folder / "two.db").exists()
    assert not place.store.exists()
    refused = place.run("apply", "--yes", env={**env, "FLOWRUN_ENV": "strict"})
    assert refused.status == 4
    assert "takes only a saved plan" in refused.err
    assert place.run("diff", env={**env, "FLOWRUN_VAR": "big=1"}).fine().out.count("var big") == 1
    assert place.run("diff", env={**env, "FLOWRUN_COLOR": "always"}).fine().out.count("\x1b[") > 0


@pytest.mark.parametrize(
    ("env", "option", "colored"),
    [
        ({}, [], False),
        ({"FORCE_COLOR": "1"}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, [], False),
        ({"NO_COLOR": ""}, ["--color", "always"], True),
        ({"NO_COLOR": "1"}, ["--color", "always"], True),
        ({"FORCE_COLOR": "1"}, ["--color", "never"], False),
    ],
)
def test_colors(place: Place, env: dict[str, str], option: list[str], colored: bool) -> None:
    change(place, "deal.amount", "deal.amuont")
    for command in ("validate", "diff"):
        done = place.run(command, *option, env=env)
        assert ("\x1b[" in done.err) is colored
        assert "deal.amuont" in re.sub("\x1b\\[[0-9;]*m", "", done.err)


NASTY = "\x1b[31mred\x1b[0m\nnext\x07\x9b\u202eback\u2028"


def test_control_characters_in_data_reach_no_terminal(store: Place) -> None:
    with store.sql() as connection:
        connection.execute(
            "INSERT INTO deals (id, stage, title, owner, amount, tags) VALUES (?, 'sales.new', ?, ?, 90000, ?)",
            ("evil\u202e", NASTY, NASTY, json.dumps([NASTY])),
        )
    store.run("run", "--until-idle").fine()
    commands = [
        ["deals", "list"],
        ["deals", "show", "evil\u202e"],
        ["deals", "set", "evil\u202e", f"title={NASTY}"],
        ["journal"],
        ["status"],
        ["deals", "list", "--format", "json"],
        ["journal", "--format", "json"],
        ["deals", "export"],
        ["deals", "show", NASTY],
        ["deals", "list", "--where", f"deal.title == '{NASTY}' and"],
        ["pause", NASTY],
    ]
    raw = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]")
    for arguments in commands:
        done = store.run(*arguments)
        assert not raw.search(done.out), arguments
        assert not raw.search(done.err), arguments
    shown = store.run("deals", "show", "evil\u202e", "--format", "json").fine().json["deal"]
    assert (shown["title"], shown["fields"]["tags"]) == (NASTY, [NASTY]), "escaped, and not changed"


def test_a_clock_that_went_back_is_refused(store: Place) -> None:
    for command in (["run", "--until-idle"], ["deals", "delete", "d1"], ["status"], ["apply", "--yes"]):
        done = store.run(*command, now="2026-03-06T11:59:59.999Z")
        assert done.status == 64, command
        assert done.complaints[0] == (
            "error: FLOWRUN_NOW is 2026-03-06T11:59:59.999Z, but this store was already written at "
            "2026-03-06T12:00:00.000Z"
        )
    assert store.value("SELECT count(*) FROM deals") == 3


@pytest.mark.parametrize("instant", ["2026-03-06", "2026-03-06T12:00", "now", "2026-02-30T00:00Z", "1772798400"])
def test_a_clock_that_is_no_instant_is_refused(place: Place, instant: str) -> None:
    done = place.run("apply", "--yes", now=instant)
    assert done.status == 64
    assert done.err.startswith(f"error: FLOWRUN_NOW is '{instant}', which is no instant with an offset\n")
    assert not place.store.exists()


def test_the_fixed_clock_is_the_triggers_clock_too(store: Place) -> None:
    store.run("deals", "move", "d1", "sales.slow", now=LATER).fine()
    assert store.rows("SELECT entered_at, entry FROM deals WHERE id = 'd1'") == [(1_772_802_000_000, 2)]


@pytest.mark.parametrize("way", ["empty", "closed", "open pipe"])
def test_apply_without_a_terminal_never_waits(place: Place, way: str) -> None:
    reading, writing = os.pipe()
    try:
        stdin = reading if way == "open pipe" else None
        done = place.run("apply", stdin=stdin, limits=(lambda: os.close(0)) if way == "closed" else None, patience=20)
    finally:
        os.close(reading)
        os.close(writing)
    assert done.status == 4
    assert done.complaints == [
        "error: there is no terminal to ask at",
        "help: add --yes to apply without being asked",
    ]
    assert "Plan: " in done.out, "it shows what it would have done"
    assert not place.store.exists()


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Two ends of a terminal: the one that a person types at, and the one that a process reads."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_apply_asks_and_obeys(place: Place) -> None:
    with terminal() as (ours, theirs):
        for answer, status in (("n\n", 4), ("\n", 4), ("y\n", 0)):
            assert not place.store.exists()
            with place.running("apply", stdin=theirs) as applying:
                eventually(lambda: "Apply?" in applying.said())
                os.write(ours, answer.encode())
                assert applying.wait(20).status == status
    assert place.value("SELECT revision FROM flowrun") == 1


def test_a_store_that_changed_while_it_asked_is_a_stale_plan(store: Place) -> None:
    change(store, "default: 100", "default: 200")
    with terminal() as (ours, theirs), store.running("apply", "--allow", "share", stdin=theirs) as applying:
        eventually(lambda: "Apply?" in applying.said())
        store.run("apply", "--yes", "--allow", "share", "--var", "big=300").fine()
        os.write(ours, b"y\n")
        done = applying.wait(20)
    assert done.status == 3
    assert "another revision was applied in the meantime" in done.err
    assert store.value("SELECT revision FROM flowrun") == 2


def test_interrupted_while_it_asked(place: Place) -> None:
    with terminal() as (_, theirs), place.running("apply", stdin=theirs) as applying:
        eventually(lambda: "Apply?" in applying.said())
        applying.send(signal.SIGINT)
        done = applying.wait(20)
    assert done.status == 130
    assert "Traceback" not in done.err
    assert not place.store.exists()


def test_apply_again_changes_nothing(store: Place) -> None:
    before = store.rows("SELECT * FROM revisions")
    done = store.run("apply", now=LATER).fine()
    assert "No changes: the store is as the files say." in done.out
    assert store.rows("SELECT * FROM revisions") == before


LOSSES = {
    "a stage": (
        [("[new, big,", "[big,"), ("grow: {from: sales.new,", "grow: {from: sales.slow,")],
        ("remove-stage", "2 deals stand in sales.new, which the files no longer have"),
    ),
    "a pipeline": (
        [("  sales: {", "  trade: {"), ("sales.", "trade.")],
        ("remove-stage", "2 deals stand in sales.new, which the files no longer have"),
    ),
    "a field": (
        [("  seats: integer\n", "")],
        ("remove-field", "the field seats goes, in which 1 deal holds a value"),
    ),
    "a value": (
        [("values: [web, ads]", "values: [ads]")],
        ("remove-field", "the value 'web' of source goes, which 2 deals hold"),
    ),
    "the type of a field": (
        [("seats: integer", "seats: text")],
        ("field-type", "the type of seats goes from integer → text; 1 deal holds a value: all of them keep it"),
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_apply_never_loses_deals_or_values(store: Place, loss: str) -> None:
    changes, (rail, message) = LOSSES[loss]
    text = FLOW
    for before, after in changes:
        text = text.replace(before, after) if before else text + after
    store.write("flows/flow.yaml", text)
    held = store.rows("SELECT * FROM deals")
    diff = checked(store.run("diff", "--format", "json", now=NOW).fine(), "diff")
    assert (diff["refusals"][0]["rail"], diff["refusals"][0]["message"]) == (rail, message)
    done = store.run("apply", "--yes", now=NOW)
    assert done.status == 4, done
    assert f"refused: {message} ({rail})\nhelp: " in done.out
    count = done.out.count("refused: ")
    assert done.complaints == [f"error: not applied: {count} refusal{'' if count == 1 else 's'}, above"]
    assert store.rows("SELECT * FROM deals") == held
    assert store.value("SELECT count(*) FROM revisions") == 1


def test_what_is_empty_may_go(store: Place) -> None:
    change(store, "  tags: tags\n", "")
    change(store, "[start, {id: end", "[begin, {id: end")
    change(store, "care.start", "care.begin")
    with store.sql() as connection:
        connection.execute("UPDATE deals SET tags = NULL")
    store.run("apply", "--yes").fine()
    assert store.value("SELECT revision FROM flowrun") == 2


GROWN = FLOW.replace(
    "  tags: tags\n", "  tags: tags\n" + "".join(f"  extra{number}: text\n" for number in range(30))
).replace(
    "tunnels:\n",
    "tunnels:\n"
    + "".join(
        f"  t{number}: {{from: sales.slow, to: care.start, action: copy, when: deal.extra{number} == 'x'}}\n"
        for number in range(30)
    ),
)


def state(place: Place) -> tuple[int, int, int, int, bool]:
    """What a half-done apply would leave in disorder."""
    with place.sql() as connection:
        return (
            connection.execute("SELECT revision FROM flowrun").fetchone()[0],
            connection.execute("SELECT max(number) FROM revisions").fetchone()[0],
            connection.execute("SELECT count(*) FROM tunnels").fetchone()[0],
            connection.execute("SELECT count(*) FROM pragma_table_info('deals')").fetchone()[0],
            connection.execute("SELECT sql FROM sqlite_master WHERE name = 'deals_insert'")
            .fetchone()[0]
            .count("extra29")
            > 0,
        )


def test_an_apply_that_dies_has_happened_or_not(shared: Place, tmp_path: Path) -> None:
    """kill -9 while it holds the write lock, and at the moment at which others see that it wrote anything."""
    before = state(shared)
    grown = (2, 2, before[2] + 30, before[3] + 30, True)
    seen: set[object] = set()
    number = 0
    while number < 4 or (seen != {before, grown} and number < 40):
        store = shared.copied(tmp_path / str(number))
        store.write("flows/flow.yaml", GROWN)
        die = _die_with_the_lock if number % 2 else _die_when_seen
        with store.running("apply", "--yes", measured=False) as applying:
            die(store, applying, pause=number % 6 * 0.02)
        seen.add(state(store))
        store.run("apply", "--yes").fine()
        assert state(store) == grown
        number += 1
    assert seen == {before, grown}, "it died before and after, and never in between"
    last = Place(tmp_path / str(number - 1))
    last.run("deals", "add", "--at", "sales.slow", "extra3=x").fine()
    last.run("run", "--until-idle").fine()
    assert last.value("SELECT count(*) FROM firings WHERE tunnel = 't3'") == 1


def _die_with_the_lock(store: Place, applying: Running, pause: float) -> None:
    descriptor = os.open(f"{store.store}-lock", os.O_RDWR)
    try:
        while applying.going and not _locked(descriptor):
            time.sleep(0.0005)
    finally:
        os.close(descriptor)
    time.sleep(pause)
    applying.kill()


def _die_when_seen(store: Place, applying: Running, pause: float) -> None:
    connection = sqlite3.connect(store.store)
    try:
        first = connection.execute("PRAGMA data_version").fetchone()
        while applying.going and connection.execute("PRAGMA data_version").fetchone() == first:
            time.sleep(0.0002)
        applying.kill()
    finally:
        connection.close()


def _locked(descriptor: int) -> bool:
    """Whether another process holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def test_a_first_apply_that_dies_can_be_made_again(place: Place) -> None:
    whole = place.run("diff", measured=False).fine().seconds
    for _ in range(3):
        with place.running("apply", "--yes", measured=False) as applying:
            time.sleep(whole * random.uniform(0.7, 1.6))
            applying.kill()
    place.run("apply", "--yes").fine()
    assert place.value("SELECT revision FROM flowrun") == place.value("SELECT count(*) FROM revisions") == 1
    place.run("status").fine()


def test_any_program_may_write_deals_with_sql(store: Place) -> None:
    """The triggers start entries and refuse what is wrong, without any of flowrun's functions."""
    with store.sql() as connection:
        connection.execute("INSERT INTO deals (id, stage, amount) VALUES ('s1', 'sales.new', 50000)")
        for wrong, says in (
            ("INSERT INTO deals (id, stage) VALUES ('s2', 'sales.nwe')", "there is no such stage"),
            ("INSERT INTO deals (id, stage, seats) VALUES ('s2', 'sales.new', 'many')", "seats must be an integer"),
            ("INSERT INTO deals (id, stage) VALUES ('s~2', 'sales.new')", "the id must have"),
            ("UPDATE deals SET source = 'tv' WHERE id = 's1'", "source must be one of web, ads"),
        ):
            with pytest.raises(sqlite3.IntegrityError, match=says):
                connection.execute(wrong)
    store.run("run", "--until-idle").fine()
    assert store.rows("SELECT stage, entry FROM deals WHERE id = 's1'") == [("sales.big", 2)]
