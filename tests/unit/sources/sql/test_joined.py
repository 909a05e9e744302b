"""A source in the store's own database: what happens to its rows and what flowrun knows of it are one transaction."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.sources.sql.grounds import ADDRESS, Ground

FLOW = f"""
flowrun: 1
project: joined
source:
  type: sql
  url: {{env: {ADDRESS}}}
  table: opportunities
  stage: status
  notice: compare
  columns: {{name: title}}
pipelines:
  sales: {{stages: [new, {{id: won, outcome: won}}]}}
tunnels:
  win: {{from: sales.new, to: sales.won, action: move, when: deal.title == 'Acme', existing: include}}
"""
TABLE = """
CREATE SCHEMA flowrun;
CREATE TABLE opportunities (id text PRIMARY KEY, status text, name text);
INSERT INTO opportunities VALUES ('a', 'sales.new', 'Acme'), ('b', 'sales.new', 'Beta');
CREATE TABLE flowrun_keys (firing text PRIMARY KEY, deal text NOT NULL, done_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE moved (transaction bigint, said text);
CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN INSERT INTO moved VALUES (txid_current(), current_setting(''application_name'')); RETURN NULL; END';
CREATE TRIGGER moved AFTER UPDATE ON opportunities FOR EACH ROW EXECUTE FUNCTION moved();
"""


@pytest.mark.parametrize("ground", ["postgresql"], indirect=True)
def test_the_write_and_the_ledger_are_one_transaction(ground: Ground, tmp_path: Path) -> None:
    ground.run("DROP SCHEMA IF EXISTS flowrun CASCADE")
    ground.run(TABLE)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(FLOW)
    store = f"{ground.url}?options=-csearch_path%3Dflowrun"
    environment = {**os.environ, ADDRESS: ground.url, "FLOWRUN_STORE": store}
    for arguments in (["apply", "--yes"], ["run", "--until-idle"]):
        done = subprocess.run(
            [sys.executable, "-m", "flowrun", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert ground.ask("SELECT id, status FROM opportunities ORDER BY id") == [("a", "sales.won"), ("b", "sales.new")]
    ((moved, said),) = ground.ask("SELECT transaction, said FROM moved")
    fired = ground.ask("SELECT xmin::text::bigint FROM flowrun.firings WHERE result = 'fired'")
    assert fired == [(moved,)], said
    assert ground.ask("SELECT deal FROM flowrun_keys") == [("a",)]
