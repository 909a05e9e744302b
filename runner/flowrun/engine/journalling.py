"""Journalling: the rows of the journal that a batch of acts makes, and what is remembered of them.

`acted` is the result of an act that does something: `fired` where it happens at once, `pending` where it is on its way
to where deals live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, and_, case, func, insert, literal_column, null, select, update

from flowrun.engine.batch import acts, rules
from flowrun.engine.effects import NOW
from flowrun.engine.judge import Route
from flowrun.engine.statement import Statement, parameter
from flowrun.flow.model import Flow
from flowrun.store.tables import activity, aliased, deals_table, firings
from flowrun.store.upsert import upsert

FIRED = "fired"
PENDING = "pending"
"""The result of a firing that is on its way to where deals live."""
PARKED: ColumnElement[str] = literal_column("'parked'")
"""Written into the statement, not bound: SQLite uses the partial index over parked rows only then."""

REVISION: ColumnElement[int] = parameter("revision", Integer)


def name_copies(flow: Flow, acted: str = FIRED) -> Statement:
    """Give the copies that are made the ids that they will have."""
    deal = aliased(deals_table(flow), "d")
    root = func.coalesce(deal.c._root, deal.c.id)
    name = (
        select(func.fr_copy_id(root, deal.c.id, rules.c.tunnel, deal.c.entry))
        .where(deal.c.seq == acts.c.seq, rules.c.pos == acts.c.pos)
        .scalar_subquery()
    )
    copies = and_(acts.c.kind == Route.COPY.value, acts.c.result == acted)
    return Statement(update(acts).where(copies).values(target_id=name))


def _journal_rows(flow: Flow, acted: str) -> tuple[list[str], Any]:
    deal = aliased(deals_table(flow), "d")
    made = and_(acts.c.kind == Route.COPY.value, acts.c.result == acted)
    values: dict[str, Any] = {
        "deal": deal.c.id,
        "entry": deal.c.entry,
        "tunnel": rules.c.tunnel,
        "shadow": case((acts.c.kind == Route.SHADOW.value, 1), else_=0),
        "action": rules.c.action,
        "from_stage": deal.c.stage,
        "to_stage": rules.c.target,
        "result": acts.c.result,
        "target": acts.c.target_id if acted == FIRED else null(),
        "due_at": acts.c.due_at,
        "fired_at": NOW,
        "revision": REVISION,
        "reason": acts.c.reason,
        "_lineage": case((made, func.coalesce(deal.c._root, deal.c.id))),
    }
    rows = select(*values.values()).select_from(
        acts.join(deal, deal.c.seq == acts.c.seq).join(rules, rules.c.pos == acts.c.pos)
    )
    return list(values), rows.order_by(acts.c.id)


def journal(flow: Flow, acted: str = FIRED) -> Statement:
    """INSERT the rows of all acts that have none yet."""
    columns, rows = _journal_rows(flow, acted)
    return Statement(insert(firings).from_select(columns, rows.where(acts.c.again == 0)))


def rejournal(flow: Flow, acted: str = FIRED) -> Statement:
    """A retried or re-dated firing takes the place of its old row, which is all that may ever change in the journal."""
    columns, rows = _journal_rows(flow, acted)
    statement = upsert(firings).from_select(columns, rows.where(acts.c.again != 0))
    fresh = {name: statement.excluded[name] for name in columns[4:]} | {"_retry": 0}
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["deal", "entry", "tunnel", "shadow"],
            set_=fresh,
            where=firings.c.result.in_(["parked", "declined"]),
        )
    )


def remember(breakers: Sequence[int], acted: str = FIRED) -> Statement:
    """Count what the tunnels with a breaker did, by instant; `breakers` are their positions."""
    rows = (
        select(rules.c.tunnel, NOW, func.count())
        .select_from(acts.join(rules, rules.c.pos == acts.c.pos))
        .where(acts.c.result == acted, acts.c.pos.in_(breakers))
        .group_by(rules.c.tunnel)
    )
    statement = upsert(activity).from_select(["tunnel", "at", "firings"], rows)
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["tunnel", "at"], set_={"firings": activity.c.firings + statement.excluded.firings}
        )
    )
