"""Deliveries: firings that are to be told to webhooks, as durable as the journal, and at least once each.

What a webhook is to be told of is written down in the transaction that writes the journal, by one statement, and only
where the flow has webhooks. A delivery is then leased to a runner, told outside any transaction, and settled: it is
gone once it was taken, tried again with growing pauses, and after a day of that it is dead and waits for a person.

The lease is no lock: whoever loses it has perhaps told already, and it is told again, under the same id.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    delete,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    union_all,
    update,
)

from flowrun.engine.batch import acts, rules
from flowrun.engine.calls import parts
from flowrun.engine.effects import NOW
from flowrun.engine.journalling import REVISION
from flowrun.engine.judge import Route
from flowrun.engine.statement import Statement
from flowrun.flow.model import Flow, Tunnel, Webhook
from flowrun.store.connection import Transaction
from flowrun.store.tables import aliased, deals_table, deliveries, firings, webhooks

DUE = "due"
DEAD = "dead"
"""The states of a delivery. `DEAD` ones wait for a person."""

FIRST_WAIT = 5_000
LONGEST_WAIT = 4 * 3_600_000
"""Milliseconds before a delivery is tried again: at most that at first, doubled up to the longest, at random below."""

GIVEN_UP = 86_400_000
FEWEST = 10
"""Milliseconds since the first attempt, and attempts, after which it is given up: both, since runners may have been off
in between."""

LATEST = 12 * 3_600_000
"""Milliseconds that a receiver may ask to be left alone for."""

MOST = 100_000
"""Where counting ends: a number that is this high means that many or more."""

_FIRST = 1_000

_COPIED = (
    "tunnel",
    "deal",
    "entry",
    "action",
    "from_stage",
    "to_stage",
    "result",
    "target",
    "due_at",
    "fired_at",
    "revision",
    "reason",
)
_FRESH: Mapping[str, ColumnElement[Any]] = {
    "state": literal_column(f"'{DUE}'"),
    "attempts": literal_column("0"),
}


class Told(StrEnum):
    """What came of an attempt: it was taken; it failed and is tried again; the receiver is gone for good."""

    TAKEN = "taken"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery as it was claimed. `firing` is what the journal said, by the columns of `firings`; `lease` is the
    instant (ms, UTC) until which it is its runner's."""

    seq: int
    webhook: str
    firing: Mapping[str, Any]
    attempts: int
    since: int | None
    lease: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one. `said` is for people, in one short line; `after` how many ms the receiver wants to be left
    alone with it, null: as flowrun thinks right."""

    delivery: Delivery
    told: Told
    said: str | None = None
    after: int | None = None


def noting(flow: Flow, order: Sequence[Tunnel], *, away: bool) -> Statement | None:
    """The INSERT of what a tick's acts have to tell; None where there are no webhooks.

    It runs before deals move. `away`: what fires is only on its way, and told when it is settled.
    """
    if not flow.webhooks:
        return None
    deal = aliased(deals_table(flow), "d")
    copied = {
        "tunnel": rules.c.tunnel,
        "deal": deal.c.id,
        "entry": deal.c.entry,
        "action": rules.c.action,
        "from_stage": deal.c.stage,
        "to_stage": rules.c.target,
        "result": acts.c.result,
        "target": null() if away else acts.c.target_id,
        "due_at": acts.c.due_at,
        "fired_at": NOW,
        "revision": REVISION,
        "reason": acts.c.reason,
    }
    source = acts.join(deal, deal.c.seq == acts.c.seq).join(rules, rules.c.pos == acts.c.pos)
    rows = []
    for webhook in flow.webhooks.values():
        values = {"webhook": literal(webhook.id), **copied, **_FRESH, "next_at": NOW}
        wanted = [acts.c.kind != Route.SHADOW.value, acts.c.result.in_(webhook.results)]
        if webhook.tunnels:
            wanted.append(acts.c.pos.in_([at for at, one in enumerate(order) if one.id in webhook.tunnels]))
        rows.append(select(*(one.label(name) for name, one in values.items())).select_from(source).where(*wanted))
    names = ["webhook", *copied, *_FRESH, "next_at"]
    return Statement(insert(deliveries).from_select(names, rows[0] if len(rows) == 1 else union_all(*rows)))


def note_settled(connection: Connection, flow: Flow, ids: Collection[int], now: int) -> None:
    """Write down what is to be told of these rows of the journal (by seq), which have just come to their result."""
    if not flow.webhooks or not ids:
        return
    names = ["webhook", *_COPIED, *_FRESH, "next_at"]
    for part in parts(sorted(ids)):
        rows = []
        for webhook in flow.webhooks.values():
            wanted = [firings.c.seq.in_(part), firings.c.shadow == 0, firings.c.result.in_(webhook.results)]
            if webhook.tunnels:
                wanted.append(firings.c.tunnel.in_(webhook.tunnels))
            values = [literal(webhook.id), *(firings.c[name] for name in _COPIED), *_FRESH.values(), literal(now)]
            rows.append(select(*values).where(*wanted))
        connection.execute(insert(deliveries).from_select(names, union_all(*rows)))


def next_delivery(connection: Connection, flow: Flow) -> int | None:
    """When the next delivery is due (ms, UTC); null: when one is added."""
    found: list[int] = []
    for name in flow.webhooks:
        mine = select(func.min(deliveries.c.next_at)).where(deliveries.c.webhook == name, deliveries.c.state == DUE)
        instant = connection.execute(mine).scalar_one()
        found += [] if instant is None else [instant]
    return min(found, default=None)


def claim_deliveries(
    transaction: Transaction, flow: Flow, runner: str, *, room: Mapping[str, int], lease: int
) -> list[Delivery]:
    """Lease deliveries that are due to that runner, at most `room` of each webhook, for `lease` milliseconds.

    Those of webhooks whose receiver is gone for good are dead by that.
    """
    connection, now = transaction.connection, transaction.now
    off = disabled(connection, flow)
    for name, said in off.items():
        _bury(connection, deliveries.c.webhook == name, said)
    found: list[Row[Any]] = []
    for name, most in room.items():
        if name in off or most <= 0:
            continue
        statement = (
            select(deliveries)
            .where(deliveries.c.webhook == name, deliveries.c.state == DUE, deliveries.c.next_at <= now)
            .order_by(deliveries.c.next_at, deliveries.c.seq)
            .limit(most)
        )
        if connection.dialect.name == "postgresql":
            statement = statement.with_for_update(skip_locked=True)
        found += connection.execute(statement).all()
    until = now + lease
    if found:
        mine = update(deliveries).where(deliveries.c.seq.in_([row.seq for row in found]))
        connection.execute(mine.values(runner=runner, leased_until=until, next_at=until))
    return [
        Delivery(row.seq, row.webhook, {name: row._mapping[name] for name in _COPIED}, row.attempts, row.since, until)
        for row in found
    ]


def strays(connection: Connection, flow: Flow) -> bool:
    """Whether there are deliveries of webhooks that are no longer there."""
    found = select(deliveries.c.seq).where(deliveries.c.state == DUE, deliveries.c.webhook.not_in(list(flow.webhooks)))
    return connection.execute(found.limit(1)).first() is not None


def bury_strays(transaction: Transaction, flow: Flow) -> int:
    """Deliveries of webhooks that are no longer there are dead by that; how many."""
    mine = deliveries.c.webhook.not_in(list(flow.webhooks))
    return _bury(transaction.connection, mine, "there is no such webhook any more")


def disabled(connection: Connection, flow: Flow) -> dict[str, str]:
    """The webhooks whose receiver is gone for good, and what it said; one that has another URL by now isn't."""
    return {
        row.id: row.said or "its receiver is gone"
        for row in connection.execute(select(webhooks))
        if row.id in flow.webhooks and flow.webhooks[row.id].url == row.url
    }


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """One webhook: how many deliveries wait and how many are dead (counted no further than `MOST`), what was said last
    of one that failed (null: none did), and since when it is not told any more (ms, UTC; null: it is)."""

    id: str
    waiting: int
    dead: int
    said: str | None
    disabled_at: int | None


def webhook_status(connection: Connection, flow: Flow) -> tuple[WebhookStatus, ...]:
    """How it stands with the webhooks of the flow, and with others that have left deliveries behind."""
    some = select(deliveries.c.webhook, deliveries.c.state).limit(MOST).subquery()
    counted = select(some.c.webhook, some.c.state, func.count()).group_by(some.c.webhook, some.c.state)
    counts = {(name, state): count for name, state, count in connection.execute(counted)}
    off = {row.id: row.disabled_at for row in connection.execute(select(webhooks))}
    gone = disabled(connection, flow)
    names = dict.fromkeys([*flow.webhooks, *(name for name, _ in counts)])
    return tuple(
        WebhookStatus(
            id=name,
            waiting=counts.get((name, DUE), 0),
            dead=counts.get((name, DEAD), 0),
            said=gone.get(name) or _said(connection, name),
            disabled_at=off[name] if name in gone else None,
        )
        for name in names
    )


def oldest_waiting(connection: Connection, name: str) -> int | None:
    """When the first firing happened that waits to be told to that webhook (ms, UTC), of those that are due first."""
    mine = select(deliveries.c.fired_at).where(deliveries.c.webhook == name, deliveries.c.state == DUE)
    first = mine.order_by(deliveries.c.next_at).limit(_FIRST).subquery()
    found: int | None = connection.execute(select(func.min(first.c.fired_at))).scalar_one()
    return found


def _said(connection: Connection, name: str) -> str | None:
    """What was said last of a delivery that failed: of a dead one where there is one."""
    for state in (DEAD, DUE):
        mine = select(deliveries.c.said).where(
            deliveries.c.webhook == name, deliveries.c.state == state, deliveries.c.said.is_not(None)
        )
        found: str | None = connection.execute(mine.order_by(deliveries.c.next_at.desc()).limit(1)).scalar()
        if found is not None:
            return found
    return None


def settle_deliveries(
    transaction: Transaction,
    flow: Flow,
    runner: str,
    attempts: Sequence[Attempt],
    chance: Callable[[], float] = random.random,
) -> list[Attempt]:
    """Write down what came of these attempts; those after which a delivery is dead. `chance` gives numbers from 0 to 1,
    for the jitter.

    That it was taken is a fact, whoever says it. Everything else counts only from the one who still has it.
    """
    connection, now = transaction.connection, transaction.now
    for part in parts([one.delivery.seq for one in attempts if one.told is Told.TAKEN]):
        connection.execute(delete(deliveries).where(deliveries.c.seq.in_(part)))
    dead: list[Attempt] = []
    for one in attempts:
        if one.told is Told.TAKEN:
            continue
        given = one.delivery
        mine = update(deliveries).where(
            deliveries.c.seq == given.seq, deliveries.c.runner == runner, deliveries.c.leased_until == given.lease
        )
        tried, since = given.attempts + 1, given.since or now
        over = one.told is Told.GONE or (tried >= FEWEST and now - since >= GIVEN_UP)
        fresh = {
            "attempts": tried,
            "since": since,
            "said": one.said,
            "runner": None,
            "leased_until": None,
            "state": DEAD if over else DUE,
            "next_at": now + wait(tried, one.after, chance()),
        }
        if connection.execute(mine.values(fresh)).rowcount and over:
            dead.append(one)
    gone = {one.delivery.webhook: one.said for one in attempts if one.told is Told.GONE}
    for name, said in gone.items():
        if name in flow.webhooks:
            _disable(connection, flow.webhooks[name], said, now)
    return dead


def wait(tried: int, after: int | None, chance: float) -> int:
    """Milliseconds until the next attempt: full jitter, and not before the receiver wants it."""
    most = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tried - 1, 20))
    return max(int(most * chance), min(after or 0, LATEST))


def free(transaction: Transaction, deal: str | None) -> int:
    """Try dead deliveries again, as if they were new: those of one deal, or all (None); how many."""
    mine = [deliveries.c.state == DEAD] if deal is None else [deliveries.c.state == DEAD, deliveries.c.deal == deal]
    connection = transaction.connection
    again = {"state": DUE, "attempts": 0, "since": None, "next_at": transaction.now, "runner": None}
    names = select(deliveries.c.webhook).where(*mine).distinct()
    connection.execute(delete(webhooks).where(webhooks.c.id.in_(names)))
    return int(connection.execute(update(deliveries).where(*mine).values(leased_until=None, **again)).rowcount)


def _bury(connection: Connection, which: ColumnElement[bool], said: str) -> int:
    mine = update(deliveries).where(which, deliveries.c.state == DUE)
    return int(connection.execute(mine.values(state=DEAD, said=said, runner=None, leased_until=None)).rowcount)


def _disable(connection: Connection, webhook: Webhook, said: str | None, now: int) -> None:
    connection.execute(delete(webhooks).where(webhooks.c.id == webhook.id))
    connection.execute(insert(webhooks).values(id=webhook.id, url=webhook.url, disabled_at=now, said=said))
