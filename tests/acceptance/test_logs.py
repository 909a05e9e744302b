"""What a run says: lines for people, lines of JSON, and never a secret."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.acceptance.place import Place, eventually
from tests.postgres import Database

FLOW = """\
flowrun: 1
project: logs
pipelines: {sales: {stages: [new, next]}}
tunnels: {on: {from: sales.new, to: sales.next, action: move}}
"""
HEAD = {"time", "level", "event"}

SECRET = "hush-Hush%21word"
"""The `!` is written with a percent sign in an address."""

_DEFECT = """
import sys
from flowrun.cli import main
from flowrun.commands import status
def broken(store, clock):
    try:
        raise OSError(f"could not connect to {store}")
    except OSError as error:
        raise RuntimeError(f"password is {sys.argv[1]!r}") from error
status.status = broken
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    return place


def lines(text: str) -> list[dict[str, Any]]:
    """The log; every line of it is a JSON object with what each line has."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all(set(line) >= HEAD for line in found)
    return found


def test_a_run_logs_json(place: Place) -> None:
    with place.running("run", "--log-format", "json") as runner:
        eventually(lambda: "began" in runner.said())
        place.run("deals", "add", "--at", "sales.new", "--id", "d1").fine()
        eventually(lambda: '"tick"' in runner.said())
        runner.send(signal.SIGTERM)
        ended = runner.wait()
    assert (ended.status, ended.out) == (0, "")
    began, tick, last = lines(ended.err)
    assert [line["event"] for line in (began, tick, last)] == ["began", "tick", "ended"]
    assert (began["revision"], began["pid"], began["endless"]) == (1, runner.pid, True)
    assert len({line["runner"] for line in (began, tick, last)}) == 1
    assert (tick["looked"], tick["fired"], tick["tunnels"], tick["revision"]) == (1, 1, {"on": {"fired": 1}}, 1)
    assert tick["seconds"] > 0
    assert (last["signal"], last["fired"], last["level"]) == ("SIGTERM", 1, "info")


def test_errors_and_notes_are_lines_of_the_log_too(place: Place) -> None:
    env = {"FLOWRUN_LOG_FORMAT": "json"}
    ended = place.run("run", "--store", "sqlite:///no.db", env=env)
    assert ended.status == 1
    assert [(line["level"], line["message"]) for line in lines(ended.err)] == [
        ("error", "there is no store at sqlite:///no.db")
    ]
    ended = place.run("run", "--once", now="2040-01-01T00:00Z", env=env).fine()
    assert [line["event"] for line in lines(ended.err)] == ["note", "began", "ended"]


def test_people_are_told_as_before(place: Place) -> None:
    place.run("deals", "add", "--at", "sales.new").fine()
    ended = place.run("run", "--until-idle").fine()
    assert (ended.out, ended.err) == ("Looked at 1 deal: 1 moved.\n", "")


def leaks(*texts: str) -> bool:
    return any(form in text for text in texts for form in (SECRET, "hush-Hush!word", "hush-Hush"))


@pytest.mark.parametrize(
    ("command", "address"),
    [
        (("run", "--once"), f"postgresql://ann:{SECRET}@127.0.0.1:1/deals"),
        (("run", "--once", "--log-format", "json"), f"postgresql://ann@127.0.0.1:1/deals?password={SECRET}"),
        (("status", "--format", "json"), f"sqlite://ann:{SECRET}@host/deals.db"),
        (("apply", "--yes"), f"sqlite:///deals.db?password={SECRET}"),
        (("diff",), f"postgresql//ann:{SECRET}@127.0.0.1/deals"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_address_that_fails_keeps_its_password(place: Place, command: tuple[str, ...], address: str) -> None:
    env = {"FLOWRUN_STORE": address, "FLOWRUN_DEBUG": "1", "TMPDIR": str(place.folder)}
    ended = place.run(*command, env=env)
    assert ended.status != 0
    assert not leaks(ended.out, ended.err), ended


def test_results_show_an_address_without_its_password(place: Place, fast_postgres: Database) -> None:
    secret = make_url(fast_postgres.url).password
    assert secret
    for command in (
        ("diff",),
        ("diff", "--format", "markdown"),
        ("diff", "--out", "plan.json"),
        ("status",),
        ("doctor",),
    ):
        ended = place.run(*command, env={"FLOWRUN_STORE": fast_postgres.url})
        assert not any(secret in text for text in (ended.out, ended.err)), ended
    assert secret not in (place.folder / "plan.json").read_text("utf-8")


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_report_of_a_defect_has_no_secret(place: Place, debug: str) -> None:
    address = f"postgresql://ann:{SECRET}@127.0.0.1/deals"
    reports = place.folder / "reports"
    reports.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TMPDIR": str(reports),
        "FLOWRUN_DEBUG": debug,
        "PGPASSWORD": "hush-Hush!word",
    }
    done = subprocess.run(
        [sys.executable, "-c", _DEFECT, "hush-Hush!word", "status", "--store", address],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70, done
    (report,) = reports.iterdir()
    written = report.read_text("utf-8")
    assert "RuntimeError: password is '***'" in written
    assert "could not connect to postgresql://ann:***@127.0.0.1/deals" in written
    assert not leaks(written, done.stdout, done.stderr)
