"""Settlement: what a source said of calls becomes true in the store, each with its firing, in one transaction.

Done is a fact whoever says it, and however late. Everything else counts only from the one who has the call still: that
an order did not happen says nothing of another runner's attempt at it.

What a call did is applied as the tick's own acts are (`engine.act`): a move starts an entry, a copy is made in its
first one, hops are counted, deals are looked at again. It is applied only where the deal stands in the entry that it
had at the intent; where it has moved on meanwhile, only the journal learns of it, and the deal is read again.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Row, bindparam, case, delete, exists, func, insert, literal, select, update

from flowrun.diagnostics import excerpt
from flowrun.engine.alone import lock_pipelines
from flowrun.engine.calls import CALLING, DUE, PARKED, UNKNOWN, Call, Stored, parts, wake_after
from flowrun.engine.deliveries import note_settled
from flowrun.engine.effects import CARRIED, one_hop_more
from flowrun.engine.rereads import lock_deals, read_again
from flowrun.engine.source import next_number
from flowrun.flow.codec import source_digest
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Action, Flow, Reason
from flowrun.store.connection import Transaction
from flowrun.store.tables import aliased, calls, deals_table, firings, sources, tunnels

FIRST_WAIT = 1_000
LONGEST_WAIT = 300_000
"""Milliseconds before a call that came to nothing is tried again: at most that at first, doubled up to the longest; at
random below it, so that calls that failed together don't come back together."""

LOOK_UPS = 5
"""How often a call whose outcome is unknown is looked up before it is given up."""


class Told(StrEnum):
    """What a source says of a call: `sources.interface` has what each word means."""

    DONE = "done"
    NOT_DONE = "not done"
    REFUSED = "refused"
    CONFLICT = "conflict"
    LATER = "later"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Result:
    """What it said of one call.

    `id` is that of the deal moved or made (`DONE` only). `after` is how many ms it wants to be left alone with this
    call, or, if `every`, with all; null: as flowrun thinks right.
    """

    call: Call
    told: Told
    reason: str | None = None
    id: str | None = None
    after: int | None = None
    every: bool = False


@dataclass(slots=True)
class Settled:
    """How many calls came to what: by tunnel, and `fired`, `parked`, `again` (it will be tried), `unknown`, `conflict`,
    or `late` (somebody else has the call by now)."""

    by_tunnel: Counter[tuple[str, str]] = field(default_factory=Counter)

    def count(self, what: str) -> int:
        """How many of all tunnels."""
        return sum(count for (_, word), count in self.by_tunnel.items() if word == what)


def settle_calls(
    transaction: Transaction,
    flow: Flow,
    runner: str,
    results: Sequence[Result],
    *,
    idempotent: bool = False,
    chance: Callable[[], float] = random.random,
) -> Settled:
    """Settle these calls. `flow` is the applied one; `idempotent`: the source does nothing twice, so what it can't tell
    is tried again rather than given up. `chance` gives numbers from 0 to 1, for the jitter.

    Raises Interfered where other transactions are in the way: the caller tries again with the same results.
    """
    settling = _Settling(transaction, flow, idempotent, chance)
    settling.settle(runner, {result.call.firing: result for result in results})
    return settling.settled


class _Fresh(NamedTuple):
    """What a call is from now on; null: as it was."""

    row: Row[Any]
    result: Result
    state: str
    attempts: int | None = None
    finds: int | None = None
    next_at: int | None = None


class _Settling:
    def __init__(self, transaction: Transaction, flow: Flow, idempotent: bool, chance: Callable[[], float]) -> None:
        self.settled = Settled()
        self._connection = transaction.connection
        self._now = transaction.now
        self._flow = flow
        self._idempotent = idempotent
        self._chance = chance

    def settle(self, runner: str, results: Mapping[int, Result]) -> None:
        connection = self._connection
        rows = self._locked(list(results))
        if not rows:
            return
        self._deals = lock_deals(connection, {id_ for row in rows for id_ in (row.deal, row.target, row.new_id) if id_})
        guarded = {one.unless_exists.pipeline for one in self._flow.tunnels.values() if one.unless_exists}
        lock_pipelines(connection, guarded & {row.to_stage.partition(".")[0] for row in rows})
        self._number = next_number(connection, self._flow)
        by_told: defaultdict[Told, list[tuple[Row[Any], Result]]] = defaultdict(list)
        for row in rows:
            result = _checked(row, results[row.firing])
            if result.told is not Told.DONE and not _holds(row, runner, result.call):
                self._note(row, "late")
            else:
                by_told[result.told].append((row, result))
        self._done(by_told[Told.DONE])
        self._refused(by_told[Told.REFUSED])
        self._conflicting(by_told[Told.CONFLICT])
        self._again([*by_told[Told.NOT_DONE], *by_told[Told.LATER]])
        self._unknown(by_told[Told.UNKNOWN])

    def _locked(self, ids: Sequence[int]) -> list[Row[Any]]:
        found: list[Row[Any]] = []
        for part in parts(sorted(ids)):
            statement = select(calls).where(calls.c.firing.in_(part)).order_by(calls.c.firing)
            if self._connection.dialect.name == "postgresql":
                statement = statement.with_for_update()
            found += self._connection.execute(statement).all()
        return found

    def _note(self, row: Row[Any], what: str) -> None:
        self.settled.by_tunnel[row.tunnel, what] += 1

    # What happened

    def _done(self, done: Sequence[tuple[Row[Any], Result]]) -> None:
        if not done:
            return
        connection = self._connection
        moves = [row for row, _ in done if row.action == Action.MOVE.value]
        copies = [(row, result.id or row.new_id) for row, result in done if row.action == Action.COPY.value]
        self._move([row for row in moves if self._stands(row)])
        self._copy(copies)
        names = {row.firing: result.id or row.new_id or row.target for row, result in done}
        connection.execute(
            update(firings)
            .where(firings.c.seq == bindparam("_firing"))
            .values(result="fired", target=bindparam("_id"), fired_at=self._now, reason=None, _retry=0),
            [{"_firing": firing, "_id": name} for firing, name in names.items()],
        )
        note_settled(connection, self._flow, list(names), self._now)
        self._forget([row for row, _ in done])
        self._count([row for row, _ in done])
        # Where the deal has moved on, what the store knows of it is older than the call.
        read_again(connection, [row.target for row in moves if not self._stands(row)], self._number)
        self._wake([row for row, _ in done], made=[name for _, name in copies if name])

    def _stands(self, row: Row[Any]) -> bool:
        deal = self._deals.get(row.target)
        return deal is not None and deal.entry == row.entry

    def _move(self, rows: Sequence[Row[Any]]) -> None:
        deal = deals_table(self._flow)
        groups: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            content = self._content(row)
            names = tuple(sorted(content))
            given = {f"_new_{name}": content[name] for name in names}
            groups[names].append({"_on": self._deals[row.target].seq, "_into": row.to_stage, **given})
        for names, values in groups.items():
            self._connection.execute(
                update(deal)
                .where(deal.c.seq == bindparam("_on"))
                .values(
                    {
                        "stage": bindparam("_into"),
                        "entry": deal.c.entry + 1,
                        "entered_at": self._now,
                        "updated_at": self._now,
                        "_hops": one_hop_more(self._flow, deal.c._hops),
                        "_imported": bindparam("_into"),
                        "_settled": self._number,
                        **{name: bindparam(f"_new_{name}", type_=deal.c[name].type) for name in names},
                    }
                ),
                [{**one, "now": self._now} for one in values],
            )

    def _content(self, row: Row[Any]) -> dict[str, Stored]:
        known = {*CARRIED, *self._flow.fields}
        return {name: value for name, value in json.loads(row.content).items() if name in known}

    def _copy(self, copies: Sequence[tuple[Row[Any], str | None]]) -> None:
        """Make the copies. One that is there already was read before it was known for what it is."""
        there = lock_deals(self._connection, [name for _, name in copies if name])
        fresh = [(row, name) for row, name in copies if name and name not in there]
        self._make(fresh)
        self._adopt([(row, there[name]) for row, name in copies if name and name in there])

    def _make(self, copies: Sequence[tuple[Row[Any], str]]) -> None:
        if not copies:
            return
        deal, origin = deals_table(self._flow), aliased(deals_table(None), "origin")
        names = (*CARRIED, *self._flow.fields)
        lineage = select(firings.c._lineage).where(firings.c.seq == bindparam("_firing")).scalar_subquery()
        root = select(func.coalesce(origin.c._root, origin.c.id)).where(origin.c.id == bindparam("_of"))
        hops = select(origin.c._hops).where(origin.c.id == bindparam("_of")).scalar_subquery()
        before = select(func.max(firings.c.entry)).where(firings.c.deal == bindparam("_id")).scalar_subquery()
        statement = insert(deal).values(
            {
                "id": bindparam("_id"),
                "stage": bindparam("_into"),
                "entry": func.coalesce(before, 0) + 1,
                "entered_at": self._now,
                "created_at": self._now,
                "updated_at": self._now,
                "origin": bindparam("_of"),
                "origin_tunnel": bindparam("_by"),
                "_root": func.coalesce(lineage, root.scalar_subquery(), bindparam("_of")),
                "_hops": one_hop_more(self._flow, hops),
                "_imported": bindparam("_into"),
                "_settled": self._number,
                **{name: bindparam(f"_new_{name}", type_=deal.c[name].type) for name in names},
            }
        )
        rows = []
        for row, name in copies:
            content = self._content(row)
            given = {f"_new_{one}": content.get(one) for one in names}
            own = {"_id": name, "_into": row.to_stage, "_of": row.deal, "_by": row.tunnel, "_firing": row.firing}
            rows.append({**own, **given, "now": self._now})
        self._connection.execute(statement.inline(), rows)

    def _adopt(self, copies: Sequence[tuple[Row[Any], Row[Any]]]) -> None:
        """Give deals that were read as anybody's what they have as copies, unless they have fired since."""
        if not copies:
            return
        deal, origin = deals_table(None), aliased(deals_table(None), "origin")
        root = select(func.coalesce(origin.c._root, origin.c.id)).where(origin.c.id == bindparam("_of"))
        hops = select(origin.c._hops).where(origin.c.id == bindparam("_of")).scalar_subquery()
        untouched = ~exists().where(firings.c.deal == deal.c.id, firings.c.entry == deal.c.entry)
        self._connection.execute(
            update(deal)
            .where(deal.c.seq == bindparam("_on"), deal.c.origin.is_(None), untouched)
            .values(
                # An entry of its own, since only flowrun's own writes may say where a deal comes from.
                {
                    "entry": deal.c.entry + 1,
                    "origin": bindparam("_of"),
                    "origin_tunnel": bindparam("_by"),
                    "_root": func.coalesce(root.scalar_subquery(), bindparam("_of")),
                    "_hops": one_hop_more(self._flow, hops),
                }
            ),
            [{"_on": there.seq, "_of": row.deal, "_by": row.tunnel, "now": self._now} for row, there in copies],
        )

    def _count(self, rows: Sequence[Row[Any]]) -> None:
        fired = Counter(row.tunnel for row in rows)
        for row in rows:
            self._note(row, "fired")
        # In one order, as ticks do it.
        for tunnel, count in sorted(fired.items()):
            self._connection.execute(
                update(tunnels)
                .where(tunnels.c.id == tunnel)
                .values(fired=tunnels.c.fired + count, last_fired_at=self._now)
            )

    # What did not

    def _refused(self, refused: Sequence[tuple[Row[Any], Result]]) -> None:
        self._park(refused, Reason.SOURCE)

    def _park(self, given_up: Sequence[tuple[Row[Any], Result]], reason: Reason) -> None:
        if not given_up:
            return
        rows = [row for row, _ in given_up]
        # A copy that was perhaps made still counts as one of its lineage.
        kept = {} if reason is Reason.UNKNOWN else {"_lineage": None}
        for part in parts([row.firing for row in rows]):
            parked = {"result": "parked", "reason": reason.value, "fired_at": self._now, "_retry": 0, **kept}
            self._connection.execute(update(firings).where(firings.c.seq.in_(part)).values(parked))
        note_settled(self._connection, self._flow, [row.firing for row in rows], self._now)
        self._put([_Fresh(row, result, PARKED) for row, result in given_up])
        for row in rows:
            self._note(row, "parked")
        self._wake(rows)

    def _conflicting(self, conflicting: Sequence[tuple[Row[Any], Result]]) -> None:
        """The intent is undone; the deal fires nothing before it has been read again."""
        if not conflicting:
            return
        rows = [row for row, _ in conflicting]
        for part in parts([row.firing for row in rows]):
            self._connection.execute(delete(firings).where(firings.c.seq.in_(part)))
        self._forget(rows)
        read_again(self._connection, [row.target for row in rows], self._number)
        for row in rows:
            self._note(row, "conflict")
        self._wake(rows)

    def _again(self, failed: Sequence[tuple[Row[Any], Result]]) -> None:
        held = [self._after(row, result) for row, result in failed if result.every]
        if held:
            self._pause(self._now + max(held))
        fresh = []
        for row, result in failed:
            looked_up = row.state == UNKNOWN
            wait = 0 if looked_up and result.told is Told.NOT_DONE else self._after(row, result)
            # A look-up that could not be made tells nothing.
            state, finds = (UNKNOWN, row.finds) if looked_up and result.told is Told.LATER else (DUE, 0)
            fresh.append(_Fresh(row, result, state, row.attempts + 1, finds, self._now + wait))
            self._note(row, "again")
        self._put(fresh)

    def _unknown(self, unknown: Sequence[tuple[Row[Any], Result]]) -> None:
        fresh, lost = [], []
        for row, result in unknown:
            finds = row.finds + (row.state == UNKNOWN)
            next_at = self._now + self._wait(finds)
            if finds < LOOK_UPS:
                fresh.append(_Fresh(row, result, UNKNOWN, row.attempts, finds, next_at))
                self._note(row, "unknown")
            elif self._idempotent:
                fresh.append(_Fresh(row, result, DUE, row.attempts + 1, 0, next_at))
                self._note(row, "again")
            else:
                lost.append((row, result))
        self._put(fresh)
        self._park(lost, Reason.UNKNOWN)

    def _after(self, row: Row[Any], result: Result) -> int:
        return self._wait(row.attempts) if result.after is None else result.after

    def _wait(self, before: int) -> int:
        """How long to wait after so many attempts."""
        return int(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(before, 16)) * self._chance())

    def _pause(self, until: int) -> None:
        mine = sources.c.id == source_digest(self._flow.source)
        later = case((sources.c.paused_until > until, sources.c.paused_until), else_=literal(until, BigInteger))
        self._connection.execute(update(sources).where(mine).values(paused_until=later))

    # Of all

    def _put(self, fresh: Sequence[_Fresh]) -> None:
        """Give the calls back, as they are from now on."""
        if not fresh:
            return
        names = ("state", "reason", "attempts", "finds", "next_at")
        self._connection.execute(
            update(calls)
            .where(calls.c.firing == bindparam("_firing"))
            .values(runner=None, leased_until=None, **{name: bindparam(f"_{name}") for name in names}),
            [
                {
                    "_firing": one.row.firing,
                    "_state": one.state,
                    "_reason": one.result.reason,
                    "_attempts": one.row.attempts if one.attempts is None else one.attempts,
                    "_finds": one.row.finds if one.finds is None else one.finds,
                    "_next_at": one.row.next_at if one.next_at is None else one.next_at,
                }
                for one in fresh
            ],
        )

    def _forget(self, rows: Sequence[Row[Any]]) -> None:
        for part in parts([row.firing for row in rows]):
            self._connection.execute(delete(calls).where(calls.c.firing.in_(part)))

    def _wake(self, rows: Sequence[Row[Any]], made: Iterable[str] = ()) -> None:
        held = {*made, *(id_ for row in rows for id_ in (row.deal, row.target))}
        wake_after(self._connection, self._flow, held, [row.to_stage for row in rows], self._now)


def _checked(row: Row[Any], result: Result) -> Result:
    """The result, with an id that a deal can have. A copy that has none such is made there, and is no deal here."""
    if result.told is not Told.DONE:
        return result
    if row.action == Action.MOVE.value:
        return replace(result, id=row.target)
    id_ = result.id or row.new_id or ""
    problem = id_problem(id_, new=False)
    if problem is None and id_ in {row.deal, row.target}:
        problem = "that is the deal which it was copied from"
    if problem is None:
        return result
    reason = f"it was made there as '{excerpt(id_, 60)}', which can't be a deal here: {problem}"
    return replace(result, told=Told.REFUSED, reason=reason, id=None)


def _holds(row: Row[Any], runner: str, call: Call) -> bool:
    """Whether that runner has the call as it was claimed."""
    return row.state in {CALLING, UNKNOWN} and row.runner == runner and row.leased_until == call.lease
