"""The same work deal by deal in Python, as users' alternatives do it: what a deal's firings are, and what they write.

Conditions are Jinja's own expressions, compiled once. What they write is what flowrun leaves, so it can be compared.
"""

from __future__ import annotations

import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.by_hand import copy_id
from tests.bench.rules import CONDITIONS, NOW_MS, Rule, by_stage

_TAKEN = ("id", "title", "owner", "entry", "_root", "_hops", "amount", "currency", "source", "seats", "account")
COLUMNS = ("seq", "stage", "entered_at", *_TAKEN)
"""The columns of `deals` that a deal is read with."""

JOURNAL = """
INSERT INTO firings (deal, entry, tunnel, shadow, action, from_stage, to_stage, result, target, due_at, fired_at,
                     revision, _lineage)
VALUES (:deal, :entry, :tunnel, 0, :action, :from, :to, 'fired', :target, :due_at, :now, 1, :lineage)
"""
COPY = """
INSERT INTO deals (id, title, owner, stage, entry, entered_at, created_at, updated_at, origin, origin_tunnel, _root,
                   _hops, amount, currency, source, seats, account)
VALUES (:target, :title, :owner, :to, 1, :now, :now, :now, :id, :tunnel, :root, :hops, :amount, :currency, :source,
        :seats, :account)
"""
MOVE = """
UPDATE deals SET stage = :to, entry = entry + 1, entered_at = :now, updated_at = :now, _hops = :hops WHERE seq = :seq
"""
COUNT = "UPDATE tunnels SET fired = fired + :n, last_fired_at = :now WHERE id = :id"

Row = dict[str, Any]


class Work(NamedTuple):
    """What is to be written for a deal: each list has the parameters of the statement of that name."""

    journal: list[Row]
    copies: list[Row]
    moves: list[Row]


class Judge:
    """Tells what is to be done with a deal."""

    def __init__(self) -> None:
        environment = jinja2.Environment(autoescape=False)
        self._conditions = [environment.compile_expression(jinja) for jinja, _ in CONDITIONS]
        self._by_stage = {stage: sorted(rules, key=_copies_first) for stage, rules in by_stage().items()}

    @property
    def stages(self) -> frozenset[str]:
        """The stages that a tunnel leaves."""
        return frozenset(self._by_stage)

    def work(self, deal: Row) -> Work:
        """The firings of a deal, a row with `COLUMNS`: every copy, and the first move."""
        work = Work([], [], [])
        rules = self._by_stage.get(deal["stage"], ())
        if not rules:
            return work
        seen = deal | {"amount": Decimal(deal["amount"]).scaleb(-2)}
        for rule in rules:
            if self._conditions[rule.condition](deal=seen) and not work.moves:
                _fire(work, deal, rule)
        return work


def _copies_first(rule: Rule) -> tuple[bool, str]:
    return rule.action == "move", rule.id


def _fire(work: Work, deal: Row, rule: Rule) -> None:
    root = deal["_root"] or deal["id"]
    copy = rule.action == "copy"
    target = copy_id(root, deal["id"], rule.id, deal["entry"]) if copy else deal["id"]
    fired = {"tunnel": rule.id, "to": rule.target, "target": target, "now": NOW_MS}
    journal = {
        "deal": deal["id"],
        "entry": deal["entry"],
        "action": rule.action,
        "from": rule.source,
        "due_at": deal["entered_at"],
        "lineage": root if copy else None,
    }
    work.journal.append(fired | journal)
    hops = (deal["_hops"] or "") + f"{NOW_MS:015d}"
    if copy:
        work.copies.append({name: deal[name] for name in _TAKEN} | fired | {"root": root, "hops": hops})
    else:
        work.moves.append({"to": rule.target, "now": NOW_MS, "hops": hops, "seq": deal["seq"]})


def pyformat(statement: str) -> str:
    """The statement with parameters as psycopg takes them."""
    return re.sub(r":(\w+)", r"%(\1)s", statement)
