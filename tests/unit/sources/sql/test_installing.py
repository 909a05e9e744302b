"""What is made in a user's database: on their word, seen before it is done, and of no harm to who writes there."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from flowrun.errors import WorkFailed
from flowrun.flow.model import Flow, Pipeline, Stage
from flowrun.sources.interface import Action, Done, Gone, NotDone, Order, Record
from flowrun.sources.sql.installing import install, uninstall
from flowrun.sources.sql.source import SqlSource
from tests.unit.sources.sql.grounds import Ground, opened, options, place

FLOW = Flow(project="installing", pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"),))})
DOCS = Path(__file__).parents[4] / "docs" / "how-to" / "deals-in-a-database.md"
KEYS = "table: my deals\nstage: stage\nid: ID\ncolumns: {name: title}\nnotice: outbox\n"
_ID = {"sqlite": "TEXT", "postgresql": "text", "mysql": "VARCHAR(60)"}


def table(ground: Ground) -> str:
    """A table with a name that needs quotes, by its name in SQL."""
    name, id_ = ground.quoted("my deals"), ground.quoted("ID")
    ground.run(
        f"CREATE TABLE {name} ({id_} {_ID[ground.name]} PRIMARY KEY NOT NULL, stage {_ID[ground.name]}, "
        f"name {_ID[ground.name]})"
    )
    return name


def told(source: SqlSource, mark: str | None) -> tuple[dict[str | None, object], str | None]:
    """What is told since that mark, and the mark after it."""
    said: dict[str | None, object] = {}
    for page in source.changes(mark):
        said |= {change.id: change for change in page.changes}
        mark = page.mark
    return said, mark


def test_nothing_is_made_before_it_is_asked_for_and_only_what_is_missing(ground: Ground) -> None:
    name = table(ground)
    there = place(ground, FLOW)
    with pytest.raises(WorkFailed, match="flowrun_outbox_my deals"):
        opened(ground, FLOW, KEYS)
    shown = install(options(KEYS), there, make=False)
    assert shown[0].startswith("CREATE TABLE")
    with pytest.raises(WorkFailed, match="flowrun_outbox_my deals"):
        opened(ground, FLOW, KEYS)
    assert install(options(KEYS), there) == shown
    assert install(options(KEYS), there) == ()
    with closing(opened(ground, FLOW, KEYS)) as source:
        on = f" ON {name}" if ground.name == "postgresql" else ""
        ground.run(f"DROP TRIGGER {ground.quoted('flowrun_outbox_my deals_update')}{on}")
        with pytest.raises(WorkFailed, match="_update"):
            next(source.everything())
    (mended, *_) = install(options(KEYS), there)
    assert mended.startswith("CREATE TRIGGER")


def test_what_is_shown_can_be_run_by_hand_and_be_taken_away(ground: Ground) -> None:
    name = table(ground)
    for statement in install(options(KEYS), place(ground, FLOW), make=False):
        ground.run(statement)
    with closing(opened(ground, FLOW, KEYS)):
        pass
    assert uninstall(options(KEYS), place(ground, FLOW))
    with pytest.raises(WorkFailed):
        opened(ground, FLOW, KEYS)
    ground.run(f"INSERT INTO {name} VALUES ('a', 'sales.new', 'A')")
    assert uninstall(options(KEYS), place(ground, FLOW), make=False)[-1].startswith("DROP TABLE IF EXISTS")


def test_an_id_that_changes_is_one_deal_gone_and_one_made(ground: Ground) -> None:
    name = table(ground)
    install(options(KEYS), place(ground, FLOW))
    ground.run(f"INSERT INTO {name} VALUES ('a', 'sales.new', 'A')")
    with closing(opened(ground, FLOW, KEYS)) as source:
        said, mark = told(source, None)
        assert said == {"a": Record("a", "sales.new", {"title": "A"})}
        ground.run(f"UPDATE {name} SET {ground.quoted('ID')} = 'A' WHERE name = 'A'")
        said, mark = told(source, mark)
        assert said == {"a": Gone("a"), "A": Record("A", "sales.new", {"title": "A"})}
        assert told(source, mark)[0] == {}
        assert ground.ask(f"SELECT count(*) FROM {ground.quoted('flowrun_outbox_my deals')}") == [(0,)]


def test_a_row_without_an_id_can_be_written_all_the_same(ground: Ground) -> None:
    name = ground.quoted("my deals")
    text = _ID[ground.name]
    ground.run(f"CREATE TABLE {name} ({ground.quoted('ID')} {text} UNIQUE, stage {text}, name {text})")
    install(options(KEYS), place(ground, FLOW))
    ground.run(f"INSERT INTO {name} VALUES (NULL, 'sales.new', 'A')")
    ground.run(f"UPDATE {name} SET {ground.quoted('ID')} = 'b'")
    with closing(opened(ground, FLOW, KEYS)) as source:
        _, mark = told(source, None)
        ground.run(f"DELETE FROM {name}")
        assert told(source, mark)[0] == {"b": Gone("b")}


@pytest.mark.parametrize("ground", ["postgresql"], indirect=True)
class TestPostgreSQL:
    def test_truncate_and_what_replication_brings_are_noticed(self, ground: Ground) -> None:
        name = table(ground)
        install(options(KEYS), place(ground, FLOW))
        with closing(opened(ground, FLOW, KEYS)) as source:
            _, mark = told(source, None)
            with psycopg.connect(ground.admin, autocommit=True) as replicating:
                replicating.execute("SET session_replication_role = 'replica'")
                replicating.execute(f"INSERT INTO {name} VALUES ('a', 'sales.new', 'A')")
            said, mark = told(source, mark)
            assert set(said) == {"a"}
            ground.run(f"TRUNCATE {name}")
            assert told(source, mark)[0] == {"a": Gone("a")}

    def test_the_rights_of_the_docs_are_enough(self, ground: Ground) -> None:
        ground.run("CREATE TABLE opportunities (id text PRIMARY KEY, stage text)")
        keys = "table: opportunities\nstage: stage\nnotice: outbox\n"
        install(options(keys), place(ground, FLOW))
        role = urlsplit(ground.url).username or ""
        other = role.removesuffix("_owner") + "_runner"
        (grants,) = re.findall("```sql\n(GRANT.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        for grant in grants.replace(" TO flowrun;", f' TO "{other}";').splitlines():
            ground.run(grant)
        ground.run(f'GRANT USAGE ON SCHEMA public TO "{other}"')
        with closing(opened(ground, FLOW, keys, ground.url.replace(role, other, 1))) as source:
            _, mark = told(source, None)
            ground.run("INSERT INTO opportunities VALUES ('a', 'sales.new')")
            said, mark = told(source, mark)
            assert set(said) == {"a"}
            order = Order("k", Action.COPY, "a", "sales.new", "sales.new", {}, "a~1")
            same = Order("l", Action.MOVE, "a", "sales.new", "sales.new", {})
            assert source.perform([order, same]) == [Done("a~1"), Done("a")] == source.find([order, same])
            assert source.find([Order("m", Action.COPY, "a", "sales.new", "sales.new", {}, "a~2")]) == [NotDone()]
            said, mark = told(source, mark)
            assert told(source, mark)[0] == {}

    def test_the_last_value_of_a_program_s_own_sequence_stays_the_last(self, ground: Ground) -> None:
        ground.run('CREATE TABLE "my deals" ("ID" serial PRIMARY KEY, stage text, name text)')
        install(options(KEYS), place(ground, FLOW))
        ground.run("INSERT INTO \"my deals\" (stage) VALUES ('sales.new')")
        assert ground.ask("SELECT lastval()") == [(1,)]

    def test_a_transaction_of_many_changes_is_told_of_page_by_page(self, ground: Ground) -> None:
        name = table(ground)
        install(options(KEYS), place(ground, FLOW))
        with closing(opened(ground, FLOW, KEYS)) as source:
            source.noticing.page = 10
            _, mark = told(source, None)
            ground.run(f"INSERT INTO {name} SELECT 'd' || n, 'sales.new', '' FROM generate_series(1, 35) n")
            said: set[str | None] = set()
            for _ in range(5):
                page = next(source.changes(mark), None)
                if page is None:
                    break
                said |= {change.id for change in page.changes}
                mark = page.mark
            assert len(said) == 35
            assert told(source, mark)[0] == {}
            assert ground.ask('SELECT count(*) FROM "flowrun_outbox_my deals"') == [(0,)]
            ground.run(f"UPDATE {name} SET name = 'all at once'")
            assert len(told(source, mark)[0]) == 35


@pytest.mark.parametrize("ground", ["mysql"], indirect=True)
def test_what_is_read_is_deleted_without_waiting_for_what_is_not_committed(ground: Ground) -> None:
    """Also in the default isolation of the programs that write, and where most of the outbox is deleted."""
    name = table(ground)
    install(options(KEYS), place(ground, FLOW))
    with closing(opened(ground, FLOW, KEYS)) as source:
        _, mark = told(source, None)
        rows = [[f"d{n}", "sales.new", ""] for n in range(20)]
        others = [ground.connect(autocommit=False) for _ in range(3)]
        insert = f"INSERT INTO {name} VALUES (%s, %s, %s)"
        for n, other in enumerate(others):
            ground.run(insert, rows[n * 5 : n * 5 + 2], on=other)
            ground.run(insert, rows[n * 5 + 2 : n * 5 + 5])
        said, mark = told(source, mark)
        assert len(said) == 9
        said, mark = told(source, mark)  # deletes; a wait would end as SourceTrouble
        assert said == {}
        ground.run(insert, rows[15:])
        for other in others:
            other.commit()
        assert len(told(source, mark)[0]) == 11
