"""What people are told of firings that are on their way, and of the place where deals live."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

from flowrun.calendars.durations import parse_duration
from flowrun.engine.explain import Explanation, explain
from flowrun.engine.gauges import gauges
from flowrun.engine.rereads import read_again
from flowrun.engine.retention import prune
from flowrun.engine.settlement import Result, Told
from flowrun.engine.status import status
from flowrun.render.explain import explanation_text
from flowrun.render.journal import journal_text
from flowrun.render.status import status_content, status_text
from flowrun.store import revisions
from flowrun.store.tables import bad_records, sources
from tests.unit.engine.elsewhere import claim, say, settle, states, world_away
from tests.unit.engine.kit import World, world

MOVE = "m: {from: sales.new, to: sales.docs, action: move}"
COPY = "c: {from: sales.new, to: care.kickoff, action: copy}"


def explained(w: World, deal: str) -> tuple[Explanation, str]:
    with w.store.read() as connection:
        found = explain(connection, revisions.applied(connection), deal, w.now)
    return found, "\n".join("".join(run.text for run in one) for one in explanation_text(found))


@pytest.mark.sqlite
def test_explain_says_since_when_a_firing_is_on_its_way_and_what_waits_for_it() -> None:
    w = world_away(f"{MOVE}\n{COPY}", deals=["a"]).run()
    found, text = explained(w, "a")
    assert [(one.verdict, one.reasons, one.held_by) for one in found.tunnels] == [
        ("held", ("pending",), "c"),
        ("pending", (), None),
    ]
    assert "pending: being carried out since 2026-03-02 10:00" in text
    assert "c is being carried out where the deal lives" in text
    say(w, Told.REFUSED, reason="the board is full")
    assert "the source said: the board is full" in explained(w, "a")[1]


@pytest.mark.sqlite
def test_explain_says_that_a_deal_is_to_be_read_again() -> None:
    w = world_away(MOVE, deals=["a"])
    with w.store.write() as transaction:
        read_again(transaction.connection, ["a"], 1)
    found, text = explained(w, "a")
    assert [(one.verdict, one.held_by) for one in found.tunnels] == [("held", None)]
    assert "the deal is to be read again where it lives" in text


def test_status_and_gauges_tell_of_the_source() -> None:
    w = world_away(MOVE, deals=["a", "b", "d"]).run()
    (first, second, _) = claim(w).to_perform
    settle(w, [Result(first, Told.REFUSED, "no such owner"), Result(second, Told.UNKNOWN, "timed out")])
    with w.store.write() as transaction:
        connection = transaction.connection
        connection.execute(update(sources).values(read_at=w.now, trouble="no route to host", trouble_at=w.now))
        rows = [{"place": f"deals.csv:{at}", "reason": "no id", "seen_at": w.now} for at in range(7)]
        connection.execute(insert(bad_records), rows)
    found = status(w.store)
    assert (found.source and found.source.on_way, found.parked, found.healthy) == (2, 1, False)
    text = "\n".join("".join(run.text for run in one) for one in status_text(found, "store", None))
    assert "Deals live in fake, last read 2026-03-02 10:00" in text
    assert "2 firings on the way" in text
    assert "1 of unknown outcome" in text
    assert "source: no route to host" in text
    assert "parked: m of a: no such owner" in text
    assert "unreadable: deals.csv:0: no id" in text
    assert "and 2 more" in text
    content = status_content(found, "store")["source"]
    assert isinstance(content, dict)
    assert content["calls"] == {"due": 0, "calling": 1, "unknown": 1, "parked": 1}
    assert gauges(w.store).calls == content["calls"]
    assert status(world(MOVE).store).source is None


@pytest.mark.sqlite
def test_a_source_in_trouble_is_not_well() -> None:
    w = world_away(MOVE, deals=["a"])
    assert status(w.store).healthy
    with w.store.write() as transaction:
        transaction.connection.execute(update(sources).values(trouble="no route to host", trouble_at=w.now))
    assert not status(w.store).healthy


@pytest.mark.sqlite
def test_the_journal_has_the_word_pending() -> None:
    w = world_away(MOVE, deals=["a"]).run()
    assert "pending" in "".join(run.text for one in journal_text(w.journal(), "UTC", None) for run in one)


def test_prune_takes_nothing_that_is_on_its_way() -> None:
    w = world_away(MOVE, deals=["a", "b"]).run()
    (first, second) = claim(w).to_perform
    settle(w, [Result(second, Told.REFUSED, "no")])
    for id_ in ("a", "b"):
        w.move(id_, "sales.lost").move(id_, "sales.new")
    w.later("400d").run()
    # Later rows of both deals, so that the old ones may go.
    w.sql(
        "INSERT INTO firings (deal, entry, tunnel, action, from_stage, to_stage, result, fired_at, revision) "
        "SELECT id, entry, 'x', 'move', 'sales.new', 'sales.docs', 'declined', :now, 1 FROM deals",
        now=w.now,
    )
    assert prune(w.store, parse_duration("30d")).firings == 1
    assert [row for row in w.results() if row[0] == "m" and row[1] == "a"] == [("m", "a", "pending")]
    assert states(w)[0] == ("m", "a", "calling")
    assert settle(w, [Result(first, Told.DONE, id="a")]).count("fired") == 1
