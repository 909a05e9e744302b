"""What does not fit a database is said in words, and nothing secret with it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from flowrun.errors import SourceTrouble, WorkFailed
from flowrun.expr.types import INTEGER
from flowrun.flow.model import Field, Flow, Pipeline, Stage
from flowrun.sources.interface import Source
from flowrun.sources.sql.database import open_database
from tests.unit.sources.sql.grounds import ADDRESS, Ground, opened

FLOW = Flow(
    project="shape",
    fields={"n": Field("n", INTEGER)},
    pipelines={"sales": Pipeline("sales", "Sales", (Stage("sales.new", "new"),))},
)
GOOD = {"table": "deals", "stage": "stage", "notice": "compare"}

WRONG = [
    ({"table": "deal"}, "there is no table or view 'deal'"),
    ({"table": "deals; DROP TABLE deals"}, "there is no table or view"),
    ({"stage": "stgae"}, "no column 'stgae', which `stage` names"),
    ({"stage": "stage = 'x' OR 1=1 --"}, "no column"),
    ({"columns": "{n: amount}"}, "a deal has no field 'amount'"),
    ({"columns": "{n: n, m: n}"}, "two columns for 'n'"),
    ({"stages": "{a: sales.old}"}, "no stage 'sales.old'"),
    ({"stages": "{a: sales.new}", "ignore": "[a]"}, "in `stages` and in `ignore`"),
    ({"id": "n"}, "may hold an id twice"),
    ({"key": "m"}, "must hold texts"),
    ({"key": "note"}, "may hold a key twice"),
    ({"notice": "timestamp"}, "needs `changed_at`"),
    ({"notice": "timestamp", "changed_at": "n"}, "holds no dates and times"),
    ({"changed_at": "n"}, "`changed_at` is for"),
    ({"table": "seen", "notice": "outbox"}, "is a view"),
    ({"notice": "outbox"}, "no flowrun_outbox_deals"),
]


def table(ground: Ground) -> None:
    text = "VARCHAR(40)" if ground.name == "mysql" else "text"
    ground.run(f"CREATE TABLE deals (id {text} PRIMARY KEY NOT NULL, stage {text}, n int, m int, note {text})")
    ground.run("CREATE VIEW seen AS SELECT * FROM deals")


def keys(given: dict[str, str]) -> str:
    return "".join(f"{key}: {value if value[:1] in '{[' else repr(value)}\n" for key, value in (GOOD | given).items())


def test_what_does_not_fit_is_said(ground: Ground) -> None:
    table(ground)
    for given, says in WRONG:
        with pytest.raises(WorkFailed) as caught:
            opened(
                ground, FLOW, keys({name: value.replace("'", "''") for name, value in given.items()}).replace('"', "'")
            )
        assert says in str(caught.value), given


def test_a_view_can_be_read(ground: Ground) -> None:
    table(ground)
    ground.run("INSERT INTO deals VALUES ('a', 'sales.new', 1, 2, NULL)")
    with closing(opened(ground, FLOW, keys({"table": "seen"}))) as source:
        assert isinstance(source, Source)
        assert [change.id for change in source.read(["a"])] == ["a"]
        found = source.describe()
        assert found.pipelines == {"seen": ["sales.new"]}
        assert found.notes


def test_what_can_be_no_deal_is_told_before_it_is_met(ground: Ground) -> None:
    table(ground)
    text = "VARCHAR(40)" if ground.name == "mysql" else "text"
    ground.run(f"CREATE TABLE odd (id {text} UNIQUE, stage {text})")
    stages = ["'sales.new'"] * 3 + ["'Lost'"] * 2 + ["'gone'"] * 4 + ["NULL"]
    for at, stage in enumerate(stages):
        ground.run(f"INSERT INTO odd VALUES ({'NULL' if at == 0 else at}, {stage})")
    how = {"table": "odd", "notice": "compare", "ignore": "[gone]"}
    with closing(opened(ground, FLOW, keys(how))) as source:
        found = source.describe()
    assert found.pipelines == {"odd": ["Lost", "gone", "sales.new"]}
    assert [note for note in found.notes if "row" in note] == [
        "2 rows can't be read as deals: 'Lost' is no stage",
        "1 row can't be read as deals: no stage is given",
        "1 row can be no deals: 'id' is empty",
    ]


@pytest.mark.parametrize("ground", ["mysql"], indirect=True)
def test_a_table_without_transactions_is_refused(ground: Ground) -> None:
    ground.run("CREATE TABLE deals (id INT PRIMARY KEY, stage TEXT) ENGINE=MyISAM")
    with pytest.raises(WorkFailed, match="MyISAM, which has no transactions"):
        opened(ground, FLOW, keys({}))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/crm",
        "mysql://ann:s3cret@127.0.0.1:1/crm",
        "postgresql://127.0.0.1:1/crm?password=s3cret",
        "sqlite:///nowhere-s3cret.db",
        "s3cret",
        "postgresql://ann:s3cret@host:port/crm",
        "oracle://ann:s3cret@host/crm",
    ],
)
@pytest.mark.parametrize("ground", ["sqlite"], indirect=True)
def test_an_address_that_leads_nowhere_says_nothing_of_its_secrets(
    ground: Ground, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADDRESS, url)
    with pytest.raises(WorkFailed) as caught:
        opened(ground, FLOW, keys({}), url)
    if not url.startswith("sqlite"):
        assert "s3cret" not in f"{caught.value} {caught.value.help}"
    assert isinstance(caught.value, SourceTrouble) == (":1/" in url)


@pytest.mark.parametrize("ground", ["postgresql", "mysql"], indirect=True)
def test_a_wrong_password_is_not_repeated(ground: Ground) -> None:
    before, _, after = ground.url.rpartition("@")
    wrong = f"{before.rpartition(':')[0]}:s3cret@{after}"
    with pytest.raises(WorkFailed) as caught:
        opened(ground, FLOW, keys({}), wrong)
    assert "s3cret" not in f"{caught.value} {caught.value.help}"


def test_what_a_driver_says_is_shortened_and_its_secrets_hidden(tmp_path: Path) -> None:
    database = open_database("postgresql://ann:s3cret@127.0.0.1:1/crm?sslpassword=als0", tmp_path)
    said = database.says(SQLAlchemyError(f"no: s3cret als0 {'x' * 500}\nsecond line"))
    assert said.startswith("no: *** *** xxx")
    assert len(said) <= 200
    assert "second" not in said
