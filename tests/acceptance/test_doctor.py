"""`flowrun doctor` as a process, with stores that it may not write or read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.limits import permissions, powerless
from tests.acceptance.place import Done, Place

FLOW = """\
flowrun: 1
project: checked
pipelines: {sales: {stages: [new, next]}}
tunnels: {on: {from: sales.new, to: sales.next, action: move}}
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    yield place
    tmp_path.chmod(0o755)


def checks(done: Done) -> dict[str, Any]:
    """The worst finding of each check."""
    found: dict[str, Any] = {}
    for one in sorted(done.json["checks"], key=lambda one: ["ok", "warning", "problem"].index(one["verdict"])):
        found[one["check"]] = one
    return found


def test_exit_status_and_document(place: Place) -> None:
    done = place.run("doctor", "--format", "json").fine()
    assert (done.json["version"], done.json["ok"], done.err) == (1, True, "")
    assert {set(one) == {"check", "verdict", "found", "help"} for one in done.json["checks"]} == {True}
    ended = place.run("doctor", "--store", "sqlite:///no.db")
    assert ended.status == 1
    assert "✗ store" in ended.out
    assert "help: make one with 'flowrun apply'" in ended.out
    assert not (place.folder / "no.db").exists()
    assert place.run("doctor", "--store", "nonsense").status == 64


@permissions
def test_a_store_that_may_only_be_read(place: Place) -> None:
    place.store.chmod(0o444)
    place.folder.chmod(0o555)
    done = place.run("doctor", "--format", "json", limits=powerless)
    assert done.status == 1
    found = checks(done)
    assert found["permissions"]["verdict"] == "problem"
    assert "flowrun.db" in found["permissions"]["found"]
    assert found["store"]["verdict"] == found["integrity"]["verdict"] == found["revision"]["verdict"] == "ok"


@permissions
def test_a_store_that_may_not_be_read(place: Place) -> None:
    place.store.chmod(0)
    done = place.run("doctor", "--format", "json", limits=powerless)
    assert done.status == 1
    found = checks(done)
    assert found["permissions"]["verdict"] == found["store"]["verdict"] == "problem"
    assert "can't be opened" in found["store"]["found"]


def test_it_is_no_hindrance_to_a_runner(place: Place) -> None:
    with place.sql() as other:
        other.execute("BEGIN IMMEDIATE")
        place.run("doctor", "--full").fine()
        other.rollback()
