"""Slips of a newcomer, and of other programs: each gets a clear answer, and none hides or breaks anything."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.acceptance.place import Place

FLOW = """\
flowrun: 1
timezone: Europe/Berlin
fields: {account: text, size: {type: decimal, places: 2}}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
tunnels:
  win: {from: sales.new, to: sales.won, action: move, when: deal.account == 'Привет'}
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    place.write("flows/flow.yaml", FLOW)
    place.run("apply", "--yes").fine()
    place.run("deals", "add", "--at", "sales.new", "--id", "d1", "account=Acme", "size=1.5").fine()
    return place


@pytest.mark.parametrize(
    "column", ["entered_at", "created_at", "updated_at", "origin", "origin_tunnel", "_root", "_hops"]
)
def test_what_is_flowruns_own_is_not_written_by_others(place: Place, column: str) -> None:
    with place.sql() as connection, pytest.raises(sqlite3.IntegrityError, match="flowrun: "):
        connection.execute(f"UPDATE deals SET {column} = 'x' WHERE id = 'd1'")
    place.run("deals", "list").fine()


def test_a_text_in_another_encoding_hides_no_other_deal(place: Place) -> None:
    with place.sql() as connection:
        connection.execute("INSERT INTO deals (id, stage, title) VALUES ('latin', 'sales.new', CAST(x'ff41' AS TEXT))")
    for command in (("deals", "list"), ("deals", "export"), ("deals", "show", "latin"), ("run", "--until-idle")):
        assert "defect" not in place.run(*command).fine().err
    assert "d1" in place.run("deals", "list").out


def test_a_folder_is_no_file_of_deals(place: Place) -> None:
    for folder in (".", "/", ".."):
        done = place.run("deals", "import", folder, "--at", "sales.new")
        assert (done.status, "is a folder" in done.err) == (1, True), done


def test_arguments_are_utf_8_whatever_the_locale(place: Place) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    place.run("deals", "set", "d1", "account=Привет", env=plain).fine()
    listed = place.run("deals", "list", "--where", "deal.account == 'Привет'", "--format", "json", env=plain).fine()
    assert [deal["id"] for deal in listed.json["deals"]] == ["d1"]


@pytest.mark.parametrize("now", ["9999-12-31T23:00Z", "0001-01-01T00:00Z"])
def test_a_clock_at_the_end_of_the_calendar_is_refused(place: Place, now: str) -> None:
    done = place.run("run", "--until-idle", now=now)
    assert (done.status, "FLOWRUN_NOW" in done.err) == (64, True), done


def test_the_journal_of_a_name_that_never_was(place: Place) -> None:
    assert place.run("journal", "--deal", "d1").fine().out == "Nothing fired.\n"
    for option in ("--deal", "--tunnel"):
        done = place.run("journal", option, "nope")
        assert (done.status, "there is no" in done.err) == (1, True), done


@pytest.mark.parametrize("name", [" ", " d2", "d2 "])
def test_an_id_with_white_space_around_it_is_none(place: Place, name: str) -> None:
    assert place.run("deals", "add", "--at", "sales.new", "--id", name).status == 1


def test_a_field_that_is_renamed_keeps_its_values(place: Place) -> None:
    held = place.rows("SELECT id, account FROM deals")
    assert any(value is not None for _, value in held)
    renamed = FLOW.replace("account", "konto") + "moved: [{from: fields.account, to: fields.konto}]\n"
    place.write("flows/flow.yaml", renamed)
    done = place.run("apply", "--yes").fine()
    assert "~ field account → konto" in done.out
    assert place.rows("SELECT id, konto FROM deals") == held
