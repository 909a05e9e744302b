"""A real CRM export, from its file to fired tunnels, counted against SQL that was written by hand over the raw CSV.

The export is not part of the repository; the tests run where it lies beside the checkout.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.place import ROOT, Done, Place

EXPORT = ROOT.parent / "shared" / "data" / "sales_pipeline.csv"

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not EXPORT.exists(), reason=f"the export is not there: {EXPORT}"),
]

APPLIED = "2018-01-01T08:00Z"
NOW = "2018-01-01T09:00Z"
LATER = "2018-01-05T09:00Z"

FLOW = """\
flowrun: 1
project: hardware
timezone: UTC
fields:
  product: text
  account: text
  value: {type: decimal, places: 2}
  engaged: date
  closed: date
vars: {good: {type: decimal, default: 1000}}
pipelines:
  crm: {stages: [prospecting, engaging, stale, {id: won, outcome: won}, {id: lost, outcome: lost}]}
  onboarding: {stages: [kickoff, setup, {id: live, outcome: won}]}
  winback: {stages: [queue, first, {id: gone, outcome: lost}]}
  desk: {stages: [unassigned, {id: gifts, outcome: won}]}
tunnels:
  # One open onboarding an account: the first of its good deals, in the order of the file.
  won-to-onboarding:
    from: crm.won
    to: onboarding.kickoff
    action: copy
    when: deal.value >= vars.good
    unless_exists: {same: [account]}
    set:
      title: "{{ deal.account }}: {{ deal.product }}"
      owner: {rotate: [ana, boris, carla]}
  gift:
    from: crm.won
    to: desk.gifts
    action: copy
    when: deal.value > 20000 or deal.product == 'GTK 500' and deal.closed >= date(2017, 10, 1)
    once: deal
    fields: [value]
  # Sixty days after the first talk; what was engaged later waits for its day.
  goes-stale: {from: crm.engaging, to: crm.stale, action: move, at: {field: engaged, offset: 60d}}
  nobody-knows:
    from: crm.prospecting
    to: desk.unassigned
    action: move
    when: deal.account is none
    set: {owner: {rotate: [dora, emil]}}
  lost-to-winback:
    from: crm.lost
    to: winback.queue
    action: copy
    when: deal.closed >= date(2017, 7, 1) and deal.product in ['GTXPro', 'GTX Plus Pro'] and deal.value == 0
    fields: [account, product, closed]
  # A chain: copies of the tunnel above, at once.
  winback-first:
    from: winback.queue
    to: winback.first
    action: move
    when: deal.account | lower is startingwith('b') or deal.closed > date(2017, 12, 20)
  lost-at-once: {from: crm.lost, to: winback.gone, action: move, when: deal.closed <= deal.engaged + days(7)}
  setup: {from: onboarding.kickoff, to: onboarding.setup, action: move, after: 3d}
"""

IMPORT = (
    *("deals", "import", "sales_pipeline.csv", "--format", "json", "--date-format", "%m/%d/%Y"),
    *("--map", "opportunity_id=id", "--map", "sales_agent=owner", "--map", "product=product"),
    *("--map", "account=account", "--map", "engage_date=engaged", "--map", "close_date=closed"),
    *("--map", "close_value=value", "--at-column", "deal_stage"),
    *("--stages", "Prospecting=crm.prospecting", "--stages", "Engaging=crm.engaging"),
    *("--stages", "Won=crm.won", "--stages", "Lost=crm.lost"),
)

BY_HAND = {
    ("won-to-onboarding", "fired"): """
        SELECT count(DISTINCT account) FROM raw WHERE deal_stage = 'Won' AND close_value >= 1000""",
    ("won-to-onboarding", "exists"): """
        SELECT count(*) - count(DISTINCT account) FROM raw WHERE deal_stage = 'Won' AND close_value >= 1000""",
    ("gift", "fired"): """
        SELECT count(*) FROM raw WHERE deal_stage = 'Won'
        AND (close_value > 20000 OR (product = 'GTK 500' AND close_date >= '2017-10-01'))""",
    ("goes-stale", "fired"): """
        SELECT count(*) FROM raw WHERE deal_stage = 'Engaging' AND engage_date <= '2017-11-02'""",
    ("nobody-knows", "fired"): "SELECT count(*) FROM raw WHERE deal_stage = 'Prospecting' AND account IS NULL",
    ("lost-to-winback", "fired"): """
        SELECT count(*) FROM raw WHERE deal_stage = 'Lost' AND close_date >= '2017-07-01'
        AND product IN ('GTXPro', 'GTX Plus Pro')""",
    ("winback-first", "fired"): """
        SELECT count(*) FROM raw WHERE deal_stage = 'Lost' AND close_date >= '2017-07-01'
        AND product IN ('GTXPro', 'GTX Plus Pro')
        AND (substr(account, 1, 1) IN ('B', 'b') OR close_date > '2017-12-20')""",
    ("lost-at-once", "fired"): """
        SELECT count(*) FROM raw WHERE deal_stage = 'Lost'
        AND julianday(close_date) - julianday(engage_date) <= 7""",
}
"""For each tunnel and result the number of firings, from the export alone."""


def iso(american: str) -> str | None:
    month, day, year = map(int, american.split("/")) if american else (0, 0, 0)
    return date(year, month, day).isoformat() if american else None


@pytest.fixture(scope="module")
def raw() -> Iterator[sqlite3.Connection]:
    """The export as a table, in its order; nothing of flowrun has touched it."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE raw (line INTEGER PRIMARY KEY, opportunity_id, sales_agent, product, account, deal_stage, "
        "engage_date TEXT, close_date TEXT, close_value INTEGER)"
    )
    with EXPORT.open(newline="", encoding="utf-8") as file:
        for line, row in enumerate(csv.DictReader(file), 2):
            connection.execute(
                "INSERT INTO raw VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    line,
                    row["opportunity_id"],
                    row["sales_agent"],
                    row["product"],
                    row["account"] or None,
                    row["deal_stage"],
                    iso(row["engage_date"]),
                    iso(row["close_date"]),
                    int(row["close_value"]) if row["close_value"] else None,
                ),
            )
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Applied and imported; for tests that change nothing in it."""
    place = Place(tmp_path_factory.mktemp("shared"))
    place.write("flows/hardware.yaml", FLOW)
    place.write("sales_pipeline.csv", EXPORT.read_bytes())
    place.run("validate", "--strict").fine()
    place.run("apply", "--yes", now=APPLIED).fine()
    taken = imported(place)
    assert (taken["rows"], taken["added"], taken["rejected"]) == (8_800, 8_800, 0)
    return place


@pytest.fixture
def place(shared: Place, tmp_path: Path) -> Place:
    """The same, for tests that change it."""
    return shared.copied(tmp_path)


@pytest.fixture(scope="module")
def done(shared: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same after a run; for tests that change nothing in it."""
    place = shared.copied(tmp_path_factory.mktemp("done"))
    ran(place)
    return place


def imported(place: Place, now: str = NOW) -> dict[str, Any]:
    found = place.run(*IMPORT, now=now).fine().json
    assert found.pop("version") == 1
    return dict(found)


def ran(place: Place, now: str = NOW) -> Done:
    return place.run("run", "--until-idle", now=now).fine()


def everything(place: Place) -> dict[str, list[tuple[Any, ...]]]:
    return {table: place.rows(f"SELECT * FROM {table}") for table in ("deals", "firings", "queue", "tunnels")}


def firings(place: Place) -> dict[tuple[str, str], int]:
    rows = place.rows("SELECT tunnel, result, count(*) FROM firings GROUP BY tunnel, result")
    return {(tunnel, result): count for tunnel, result, count in rows}


def test_the_import_is_the_export(shared: Place, raw: sqlite3.Connection) -> None:
    stored = shared.rows("SELECT id, owner, product, account, stage, engaged, closed, value FROM deals ORDER BY seq")
    expected = raw.execute(
        "SELECT opportunity_id, sales_agent, product, account, 'crm.' || lower(deal_stage), engage_date, close_date, "
        "close_value * 100 FROM raw ORDER BY line"
    ).fetchall()
    assert stored == expected


def test_every_tunnel_takes_the_deals_that_sql_says(done: Place, raw: sqlite3.Connection) -> None:
    expected = {key: raw.execute(query).fetchone()[0] for key, query in BY_HAND.items()}
    assert min(expected.values()) > 0, "each query finds something, or it would prove nothing"
    assert firings(done) == expected
    copies = sum(expected[tunnel, "fired"] for tunnel in ("won-to-onboarding", "gift", "lost-to-winback"))
    assert done.value("SELECT count(*) FROM deals") == 8_800 + copies


def test_the_first_of_each_account_is_copied_and_turns_are_taken_in_order(done: Place, raw: sqlite3.Connection) -> None:
    first = raw.execute(
        """SELECT opportunity_id, account || ': ' || product, account, product, close_value * 100,
                  CASE row_number() OVER (ORDER BY line) % 3 WHEN 1 THEN 'ana' WHEN 2 THEN 'boris' ELSE 'carla' END
           FROM raw WHERE line IN (SELECT min(line) FROM raw WHERE deal_stage = 'Won' AND close_value >= 1000
                                   GROUP BY account) ORDER BY line"""
    ).fetchall()
    copies = "SELECT origin, title, account, product, value, owner FROM deals WHERE stage = 'onboarding.kickoff'"
    assert done.rows(f"{copies} ORDER BY seq") == first
    owners = raw.execute(
        """SELECT opportunity_id, CASE (row_number() OVER (ORDER BY line) - 1) % 2 WHEN 0 THEN 'dora' ELSE 'emil' END
           FROM raw WHERE deal_stage = 'Prospecting' AND account IS NULL ORDER BY line"""
    ).fetchall()
    assert done.rows("SELECT id, owner FROM deals WHERE stage = 'desk.unassigned' ORDER BY seq") == owners
    gifts = "SELECT DISTINCT product, account, engaged FROM deals WHERE stage = 'desk.gifts'"
    assert done.rows(gifts) == [(None, None, None)], "only the fields that it names come along"


def test_where_everyone_stands(done: Place, raw: sqlite3.Connection) -> None:
    stands = dict(done.rows("SELECT id, stage FROM deals WHERE origin IS NULL"))
    expected = dict(
        raw.execute(
            """SELECT opportunity_id, CASE
                 WHEN deal_stage = 'Prospecting' THEN iif(account IS NULL, 'desk.unassigned', 'crm.prospecting')
                 WHEN deal_stage = 'Engaging' THEN iif(engage_date <= '2017-11-02', 'crm.stale', 'crm.engaging')
                 WHEN deal_stage = 'Won' THEN 'crm.won'
                 ELSE iif(julianday(close_date) - julianday(engage_date) <= 7, 'winback.gone', 'crm.lost') END
               FROM raw"""
        ).fetchall()
    )
    assert stands == expected


def test_time_brings_the_rest(place: Place, raw: sqlite3.Connection) -> None:
    ran(place)
    accounts = raw.execute(BY_HAND["won-to-onboarding", "fired"]).fetchone()[0]
    waits = "SELECT count(*) FROM raw WHERE deal_stage = 'Engaging' AND engage_date {} ?"
    young = raw.execute(waits.format(">"), ("2017-11-02",)).fetchone()[0]
    pending = place.run("pending", "--format", "json", now=NOW).fine().json
    by_tunnel: dict[str, int] = {}
    for wait in pending["pending"]:
        by_tunnel[wait["tunnel"]] = by_tunnel.get(wait["tunnel"], 0) + 1
    assert by_tunnel == {"goes-stale": young, "setup": accounts}
    ran(place, LATER)
    assert firings(place)["setup", "fired"] == accounts
    stale = raw.execute(waits.format("<="), ("2017-11-06",)).fetchone()[0]
    assert firings(place)["goes-stale", "fired"] == stale


def test_importing_again_changes_nothing(place: Place) -> None:
    before = everything(place)
    again = imported(place)
    assert (again["rows"], again["added"], again["changed"], again["moved"]) == (8_800, 0, 0, 0)
    assert everything(place) == before


def test_importing_after_the_run_does_not_fight_the_tunnels(place: Place) -> None:
    ran(place)
    before = everything(place)
    again = imported(place)
    assert (again["added"], again["moved"]) == (0, 0)
    stages = "SELECT id, stage, entry, entered_at FROM deals ORDER BY seq"
    after = everything(place)
    assert after["firings"] == before["firings"]
    assert after["tunnels"] == before["tunnels"]
    moved_owners = set(place.rows("SELECT id FROM deals WHERE stage = 'desk.unassigned'"))
    assert again["changed"] == len(moved_owners), "only the owners that a tunnel gave are the file's again"
    stands = place.rows(stages)
    ran(place)
    assert everything(place)["firings"] == before["firings"], "nothing fires anew"
    assert place.rows(stages) == stands
    third = everything(place)
    assert imported(place)["changed"] == 0
    assert everything(place) == third


def test_a_change_in_the_export_moves_the_deal(place: Place) -> None:
    ran(place)
    assert place.value("SELECT stage FROM deals WHERE id = 'UP409DSB'") == "crm.stale"
    text = EXPORT.read_text("utf-8")
    before = "UP409DSB,Maureen Marcano,MG Advanced,Ganjaflex,Engaging,11/10/2016,,"
    assert before in text
    place.write(
        "sales_pipeline.csv",
        text.replace(before, before.replace("Engaging", "Won") + "21000").replace(",,21000", ",1/2/2018,21000"),
    )
    again = imported(place, "2018-01-02T09:00Z")
    assert again["moved"] == 1
    ran(place, "2018-01-02T09:00Z")
    deal = place.rows("SELECT stage, entry, closed, value FROM deals WHERE id = 'UP409DSB'")
    assert deal == [("crm.won", 3, "2018-01-02", 2_100_000)]
    fired = "SELECT tunnel, result FROM firings WHERE deal = 'UP409DSB' AND entry = 3 ORDER BY seq"
    assert place.rows(fired) == [("won-to-onboarding", "exists"), ("gift", "fired")]
