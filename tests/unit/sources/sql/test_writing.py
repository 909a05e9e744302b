"""Moves and copies by SQL, beyond what every source must keep: keys, locks, refusals, and ids of the database's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from flowrun.expr.types import INTEGER, TAGS, Value
from flowrun.flow.model import Field, Flow, Pipeline, Stage
from flowrun.sources.interface import Action, Conflict, Done, Later, NotDone, Order, Refused, Unknown
from flowrun.sources.sql.installing import install
from flowrun.sources.sql.source import SqlSource
from flowrun.sources.sql.writing import Writing
from tests.faults.proxy import Cut, Proxy
from tests.unit.sources.sql.grounds import Ground, opened, options, place

FLOW = Flow(
    project="writing",
    fields={"n": Field("n", INTEGER), "tags": Field("tags", TAGS)},
    pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"), Stage("sales.won", "won")))},
)
KEYS = """
table: deals
stage: status
stages: {open: sales.new, fresh: sales.new, done: sales.won}
ignore: [spam]
columns: {name: title, n: n, tags: tags}
notice: compare
"""
_ID = {"sqlite": "TEXT", "postgresql": "text", "mysql": "VARCHAR(60)"}
_OWN = {
    "sqlite": "INTEGER PRIMARY KEY",
    "postgresql": "int GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "mysql": "INT AUTO_INCREMENT PRIMARY KEY",
}


def table(ground: Ground, id_: str | None = None, more: str = "") -> None:
    """The table of deals, with two of them in it where their ids are texts."""
    column = id_ or f"{_ID[ground.name]} PRIMARY KEY NOT NULL"
    name = "VARCHAR(60)" if ground.name == "mysql" else "text"
    ground.run(f"CREATE TABLE deals (id {column}, status {name}, name {name} UNIQUE, n int, tags {name}{more})")
    if id_ is None:
        ground.run(
            "INSERT INTO deals (id, status, name, n) VALUES ('a', 'open', 'Alpha', 1), ('b', 'fresh', 'Beta', 2)"
        )


@contextmanager
def source(ground: Ground, more: str = "", url: str | None = None) -> Iterator[SqlSource]:
    """A source there, installed."""
    install(options(KEYS + more), place(ground, FLOW))
    with closing(opened(ground, FLOW, KEYS + more, url)) as made:
        yield made


def move(id_: str, key: str = "", **fields: Value) -> Order:
    return Order(key or f"m-{id_}", Action.MOVE, id_, "sales.new", "sales.won", fields)


def copy(id_: str, key: str = "", **fields: Value) -> Order:
    return Order(key or f"c-{id_}", Action.COPY, id_, "sales.won", "sales.new", fields, new_id=f"{id_}~1")


def statuses(ground: Ground) -> dict[Any, str]:
    return dict(ground.ask("SELECT id, status FROM deals"))


def test_stages_are_written_as_theirs_and_the_first_of_several_counts(ground: Ground) -> None:
    table(ground)
    with source(ground) as sql:
        assert sql.perform([move("a"), move("b"), copy("a", title="New")]) == [Done("a"), Done("b"), Done("a~1")]
    assert statuses(ground) == {"a": "done", "b": "done", "a~1": "open"}


def test_a_move_that_changes_nothing_in_the_row_is_done_all_the_same(ground: Ground) -> None:
    """MySQL counts changed rows only, unless it is told to count those found."""
    table(ground)
    ground.run("UPDATE deals SET status = 'open'")
    same = Order("m-same", Action.MOVE, "a", "sales.new", "sales.new", {"title": "Alpha"})
    with source(ground) as sql:
        assert sql.perform([same]) == [Done("a")]


def test_what_the_database_refuses_keeps_no_other_from_being_done(ground: Ground) -> None:
    table(ground)
    orders = [copy("a", "c-1", title="Alpha"), move("b"), copy("a", "c-2", title="New"), move("a", tags=("x,y",))]
    with source(ground) as sql:
        taken, moved, made, unfit = sql.perform(orders)
        assert sql.perform(orders)[1:3] == [moved, made]
    assert isinstance(taken, Refused)
    assert "name" in taken.reason.lower()
    assert (moved, made) == (Done("b"), Done("a~1"))
    assert isinstance(unfit, Refused)
    assert "column 'tags'" in unfit.reason
    assert statuses(ground) == {"a": "open", "b": "done", "a~1": "open"}


@pytest.mark.parametrize("ground", ["postgresql", "sqlite"], indirect=True)
def test_a_constraint_that_is_checked_at_the_commit_refuses_its_own_order_alone(ground: Ground) -> None:
    ground.run("CREATE TABLE names (name text PRIMARY KEY)")
    ground.run("INSERT INTO names VALUES ('Alpha'), ('Beta'), ('New')")
    table(ground, more=", FOREIGN KEY (name) REFERENCES names DEFERRABLE INITIALLY DEFERRED")
    with source(ground) as sql:
        first, second = sql.perform([copy("a", title="Nobody"), copy("b", title="New")])
    assert isinstance(first, Refused)
    assert second == Done("b~1")
    assert "a~1" not in statuses(ground)


@pytest.mark.parametrize("ground", ["postgresql", "mysql"], indirect=True)
def test_a_row_that_someone_holds_is_left_for_later_and_holds_nothing_up(ground: Ground) -> None:
    table(ground)
    other = ground.connect(autocommit=False)
    ground.run("UPDATE deals SET n = 7 WHERE id = 'a'", on=other)
    with source(ground) as sql:
        held, moved = sql.perform([move("a"), move("b")])
        assert isinstance(held, Later)
        assert not held.all_
        assert moved == Done("b")
        assert isinstance(sql.find([move("a")])[0], Unknown)
        other.commit()
        assert sql.find([move("a")]) == [NotDone()]
        assert sql.perform([move("a")]) == [Done("a")]
    assert statuses(ground)["a"] == "done"


def test_ids_are_told_apart_by_every_character(ground: Ground) -> None:
    """Also where the collation takes them for equal: then only one of them can be there."""
    table(ground)
    with source(ground) as sql:
        upper, blank = sql.perform([move("A"), move("a ")])
        assert isinstance(upper, Conflict)
        assert isinstance(blank, Conflict)
        assert [one.id for one in sql.read(["A", "a"])] == ["A", "a"]
        assert type(sql.read(["A"])[0]).__name__ == "Gone"
    assert statuses(ground) == {"a": "open", "b": "fresh"}


def test_copies_get_the_ids_that_the_database_gives(ground: Ground) -> None:
    table(ground, _OWN[ground.name])
    ground.run("INSERT INTO deals (status, name) VALUES ('done', 'Alpha')")
    with source(ground) as sql:
        assert sql.ability.own_ids
        order = copy("1", title="New")
        assert sql.perform([order]) == [Done("2")]
        assert sql.perform([order]) == [Done("2")] == sql.find([order])
        assert isinstance(sql.perform([move("01")])[0], Conflict)
        assert isinstance(sql.perform([move("99999999999999999999")])[0], Conflict)
    assert len(statuses(ground)) == 2


@pytest.mark.parametrize("ground", ["postgresql"], indirect=True)
def test_a_copy_whose_id_is_a_uuid_gets_one_from_its_key(ground: Ground) -> None:
    table(ground, "uuid PRIMARY KEY")
    with source(ground) as sql:
        (made,) = sql.perform([copy("8b0b0bc5-52c2-4bd2-bdde-b6a1cbf55a04")])
        assert isinstance(made, Done)
        assert len(made.id) == 36
        assert sql.perform([copy("8b0b0bc5-52c2-4bd2-bdde-b6a1cbf55a04")]) == [made]


def test_the_key_of_a_firing_may_stand_in_a_column(ground: Ground) -> None:
    text = "VARCHAR(64)" if ground.name == "mysql" else "text"
    table(ground, f"{_ID[ground.name]} PRIMARY KEY", f", firing {text} UNIQUE")
    ground.run("INSERT INTO deals (id, status) VALUES ('a', 'open')")
    with source(ground, "key: firing\n") as sql:
        orders = [move("a"), copy("a")]
        done = [Done("a"), Done("a~1")]
        assert sql.perform(orders) == done == sql.perform(orders) == sql.find(orders)
        assert sql.find([copy("b")]) == [NotDone()]
    assert ground.ask("SELECT id, firing FROM deals ORDER BY id") == [("a", "m-a"), ("a~1", "c-a")]


def test_two_processes_that_perform_the_same_orders_have_one_effect(ground: Ground) -> None:
    table(ground)
    orders = [move("a"), copy("b", title="New")]
    with source(ground) as one, source(ground) as other:
        connection = one.database.opened()
        with connection, connection.begin():
            if ground.name == "sqlite":
                return  # the other one can't even begin
            assert one.writing.perform_in(connection, orders) == [Done("a"), Done("b~1")]
            meanwhile = other.perform(orders[:1])
            assert isinstance(meanwhile[0], Later)
        assert other.perform(orders) == [Done("a"), Done("b~1")] == one.perform(orders)
    assert len(statuses(ground)) == 3


def test_an_order_that_another_process_does_at_that_very_moment_is_done(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(ground)
    order = copy("b", title="New")
    original = Writing._done
    asked: list[int] = []

    def too_early(self: Writing, connection: Any, orders: Any) -> dict[str, str]:
        asked.append(1)
        return {} if len(asked) == 1 else original(self, connection, orders)

    with source(ground) as sql:
        assert sql.perform([order]) == [Done("b~1")]
        monkeypatch.setattr(Writing, "_done", too_early)
        assert sql.perform([order]) == [Done("b~1")]
    assert len(statuses(ground)) == 3


@pytest.mark.parametrize("ground", ["mysql"], indirect=True)
def test_a_text_that_does_not_fit_is_refused_and_not_cut_off(ground: Ground) -> None:
    table(ground)
    with source(ground) as sql:
        (outcome,) = sql.perform([move("a", title="x" * 61)])
    assert isinstance(outcome, Refused)
    assert statuses(ground)["a"] == "open"


@pytest.mark.parametrize("ground", ["postgresql", "mysql"], indirect=True)
def test_only_a_commit_that_is_cut_off_leaves_it_unknown(ground: Ground) -> None:
    table(ground)
    commit = "COMMIT\0" if ground.name == "postgresql" else "\3COMMIT"
    with Proxy(ground.url) as proxy, source(ground, url=proxy.url) as sql:
        refused = copy("a", title="Alpha")
        for how, order in ((Cut.AFTER, move("a")), (Cut.BEFORE, move("b"))):
            sql.read(["a"])  # makes the connection, which begins with a commit of its own
            proxy.cut(how, commit)
            outcomes = sql.perform([refused, order])
            assert isinstance(outcomes[0], Refused)
            assert isinstance(outcomes[1], Unknown)
        assert sql.find([move("a"), move("b")]) == [Done("a"), NotDone()]
        proxy.cut(Cut.BEFORE, "UPDATE")
        (before,) = sql.perform([move("b")])
        assert isinstance(before, Later)
        assert before.all_
    assert statuses(ground) == {"a": "done", "b": "fresh"}


@pytest.mark.parametrize("ground", ["postgresql", "mysql"], indirect=True)
def test_a_commit_that_is_still_on_its_way_is_not_called_undone(ground: Ground) -> None:
    table(ground)
    with source(ground) as sql:
        late = ground.connect(autocommit=False)
        ground.run("INSERT INTO flowrun_keys (firing, deal) VALUES ('c-a', 'a~1')", on=late)
        sql.database.engine.dispose()
        assert isinstance(_hasty(sql).find([copy("a")])[0], Unknown)
        late.commit()
        assert sql.find([copy("a")]) == [Done("a~1")]


@pytest.mark.parametrize("ground", ["postgresql", "mysql"], indirect=True)
def test_what_takes_too_long_to_lock_is_tried_again(ground: Ground) -> None:
    table(ground)
    with source(ground) as sql:
        late = ground.connect(autocommit=False)
        ground.run("INSERT INTO deals (id, status, name, n) VALUES ('a~1', 'open', 'Late', 1)", on=late)
        sql.database.engine.dispose()
        held, moved = _hasty(sql).perform([copy("a"), move("b")])
        assert isinstance(held, Later)
        assert moved == Done("b")
        late.rollback()
        assert sql.perform([copy("a")]) == [Done("a~1")]


def _hasty(sql: SqlSource) -> SqlSource:
    """The same, which waits for locks for a second."""
    from sqlalchemy import event

    statement = "SET lock_timeout = '300ms'"
    if sql.database.name == "mysql":
        statement = "SET innodb_lock_wait_timeout = 1"

    @event.listens_for(sql.database.engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.cursor().execute(statement)
        connection.commit()

    return sql


def test_without_the_table_of_keys_all_orders_wait_for_a_person(ground: Ground) -> None:
    table(ground)
    with closing(opened(ground, FLOW, KEYS)) as sql:
        (outcome,) = sql.perform([move("a")])
        assert isinstance(outcome, Later)
        assert outcome.all_
        assert "flowrun_keys" in outcome.reason
        install(options(KEYS), place(ground, FLOW))
        assert sql.perform([move("a")]) == [Done("a")]


def test_a_deal_that_is_ignored_deleted_or_in_a_strange_stage_is_not_moved(ground: Ground) -> None:
    table(ground, more=", gone int")
    with source(ground, "deleted: gone\n") as sql:
        ground.run("UPDATE deals SET status = 'spam' WHERE id = 'a'")
        ground.run("UPDATE deals SET gone = 1 WHERE id = 'b'")
        first, second = sql.perform([move("a"), move("b")])
        assert isinstance(first, Conflict)
        assert isinstance(second, Conflict)
        ground.run("UPDATE deals SET status = 'Open' WHERE id = 'a'")
        assert isinstance(sql.perform([move("a")])[0], Conflict)
