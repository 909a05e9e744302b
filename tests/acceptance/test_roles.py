"""The roles of a PostgreSQL store: who runs needs no right to change tables, who looks needs none to write.

The rights are those of `deploy/roles.sql`, from that file; what commands may do is tried with real roles.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from flowrun.cli import main
from flowrun.clock import SystemClock
from flowrun.commands.doctor import Verdict, doctor
from tests.acceptance.place import ROOT
from tests.postgres import Database

NOW, LATER = "2026-03-04T09:00+01:00", "2026-03-09T09:00+01:00"

RUNTIME: tuple[tuple[str, ...], ...] = (
    ("run", "--until-idle"),
    ("deals", "import", "demo/deals.csv", "--mapping", "demo/mapping.yaml"),
    ("deals", "add", "--id", "X-1", "--at", "leads.new", "account=Acme", "seats=50", "email=Ann@Acme.Example"),
    ("deals", "set", "X-1", "seats=60"),
    ("run", "--once"),
    ("run", "--until-idle"),
    ("deals", "move", "X-1", "leads.nurture"),
    ("pause", "lead-qualifies"),
    ("resume", "lead-qualifies"),
    ("retry",),
    ("prune", "--older-than", "30d"),
    ("doctor",),
)
LOOKING: tuple[tuple[str, ...], ...] = (
    ("status",),
    ("deals", "list"),
    ("deals", "show", "X-1"),
    ("deals", "export"),
    ("journal",),
    ("pending",),
    ("explain", "X-1"),
    ("history",),
    ("diff",),
)
"""What only reads."""


def rights(owner: str, role: str) -> list[str]:
    """What `deploy/roles.sql` grants in the store's schema."""
    text = re.sub("^--.*$|^\\\\.*$", "", (ROOT / "deploy/roles.sql").read_text("utf-8"), flags=re.MULTILINE)
    granting = [one for one in text.split(";") if "GRANT" in one]
    assert len(granting) == 3
    for old, new in (("flowrun_owner", owner), ("SCHEMA flowrun", "SCHEMA public"), ("flowrun_runner", role)):
        granting = [one.replace(old, new) for one in granting]
    return granting


def role_of(url: str) -> str:
    return str(urlsplit(url).username)


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with the living example, in which commands are called (in this process) with the address of a store."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def run(self, url: str, *arguments: str, now: str = NOW) -> tuple[int, str]:
        """Its status, and what it said on stderr."""
        self.monkeypatch.setenv("FLOWRUN_STORE", url)
        self.monkeypatch.setenv("FLOWRUN_NOW", now)
        status = main(list(arguments))
        return status, self.capsys.readouterr().err

    def fine(self, url: str, *arguments: str, now: str = NOW) -> None:
        """Fails the test if it did not end well."""
        assert self.run(url, *arguments, now=now)[0] == 0, arguments

    def failing(self, url: str, commands: Iterable[tuple[str, ...]], now: str = NOW) -> dict[str, str]:
        """Those that did not end well, and what they said."""
        tried = ((" ".join(one), self.run(url, *one, now=now)) for one in commands)
        return {command: said for command, (status, said) in tried if status}

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a flow file."""
        path = self.folder / "flows" / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def desk(
    tmp_path: Path, fast_postgres: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """The living example, applied by the owner; the runtime role has its rights."""
    for name in ("flows", "demo"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with psycopg.connect(fast_postgres.url, autocommit=True) as connection:
        for statement in rights(role_of(fast_postgres.url), role_of(fast_postgres.runner)):
            connection.execute(statement.encode())
    desk = Desk(tmp_path, capsys, monkeypatch)
    desk.fine(fast_postgres.url, "apply", "--yes")
    return desk


@pytest.fixture
def reader(desk: Desk, fast_postgres: Database) -> str:
    """The address of the other role when it may only read, and make temporary tables as everyone may."""
    role = role_of(fast_postgres.runner)
    with psycopg.connect(fast_postgres.url, autocommit=True) as connection:
        for what in ("TABLES", "SEQUENCES"):
            connection.execute(f"REVOKE ALL ON ALL {what} IN SCHEMA public FROM {role}".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode())
    return fast_postgres.runner


def picture(database: Database) -> dict[str, Any]:
    """All rows of all tables, and what the catalogue says of tables, functions, triggers and sequences."""
    found: dict[str, Any] = {}
    with psycopg.connect(database.admin) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            found[name] = connection.execute(f"SELECT t::text FROM {name} t ORDER BY 1".encode()).fetchall()
        for query in (
            "SELECT oid, relname, relfilenode, reltuples IS NOT NULL FROM pg_class ORDER BY oid",
            "SELECT oid, proname, prosrc, proacl::text, proconfig FROM pg_proc WHERE oid >= 16384 ORDER BY oid",
            "SELECT oid, tgname, tgfoid, tgrelid FROM pg_trigger ORDER BY oid",
            "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
            "SELECT oid, nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%temp%' ORDER BY oid",
        ):
            found[query] = connection.execute(query.encode()).fetchall()
    return found


def test_the_runtime_role_can_do_all_but_apply(desk: Desk, fast_postgres: Database) -> None:
    assert desk.failing(fast_postgres.runner, (*RUNTIME, *LOOKING)) == {}
    desk.edit("1-project.yaml", "  note:       text", "  note: text\n  more: text")
    before = picture(fast_postgres)
    status, said = desk.run(fast_postgres.runner, "apply", "--yes")
    assert status == 1
    assert "this role may not do that" in said
    assert "'flowrun apply' needs the owner's role" in said
    assert picture(fast_postgres) == before


def test_who_may_only_read_can_look_at_everything(desk: Desk, reader: str, fast_postgres: Database) -> None:
    for command in (*RUNTIME[1:3], ("run", "--until-idle")):
        desk.fine(fast_postgres.url, *command)
    before = picture(fast_postgres)
    assert desk.failing(reader, LOOKING, now=LATER) == {}
    for command in (("deals", "set", "X-1", "seats=7"), ("pause", "lead-qualifies"), ("run", "--once")):
        status, said = desk.run(reader, *command, now=LATER)
        assert (status, "this role may not do that" in said) == (1, True), (command, said)
    assert picture(fast_postgres) == before


def permissions(url: str) -> tuple[Verdict, str]:
    (found,) = [one for one in doctor(url, SystemClock()).findings if one.check == "permissions"]
    return found.verdict, found.found


def test_doctor_says_what_the_role_may_do(desk: Desk, fast_postgres: Database) -> None:
    role = role_of(fast_postgres.runner)
    assert permissions(fast_postgres.runner) == (Verdict.OK, f"'{role}' may do what a runner must")
    for revoked, said in (
        ("INSERT ON firings", "INSERT on firings"),
        ("SELECT ON queue", "INSERT on firings; SELECT on queue"),
    ):
        with psycopg.connect(fast_postgres.url, autocommit=True) as connection:
            connection.execute(f"REVOKE {revoked} FROM {role}".encode())
        assert permissions(fast_postgres.runner) == (Verdict.PROBLEM, f"'{role}' lacks {said}")


def test_doctor_tells_who_may_only_look_from_who_can_not_run(desk: Desk, reader: str) -> None:
    assert permissions(reader) == (Verdict.WARNING, f"'{role_of(reader)}' may only look")


def test_a_diff_changes_nothing(desk: Desk, fast_postgres: Database) -> None:
    desk.fine(fast_postgres.url, *RUNTIME[1])
    desk.edit("2-leads.yaml", "deal.seats >= vars.min_seats", "deal.seats >= 1")
    before = picture(fast_postgres)
    assert desk.run(fast_postgres.url, "diff", "--exit-code", now=LATER)[0] == 2
    assert picture(fast_postgres) == before


def test_who_may_make_no_temporary_tables_is_told_so(desk: Desk, reader: str, fast_postgres: Database) -> None:
    desk.fine(fast_postgres.url, *RUNTIME[2])
    with psycopg.connect(fast_postgres.admin, autocommit=True) as connection:
        connection.execute(f"REVOKE TEMPORARY ON DATABASE {fast_postgres.name} FROM PUBLIC".encode())
    assert desk.failing(reader, (("status",), ("deals", "list"), ("journal",), ("history",)), now=LATER) == {}
    for command in (("diff",), ("explain", "X-1")):
        status, said = desk.run(reader, *command, now=LATER)
        assert (status, "permission denied to create temporary tables" in said) == (1, True), (command, said)
