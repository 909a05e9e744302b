"""The way out: calls that are due are claimed, carried to the source outside any transaction, and settled.

What a source says of an order is a fact, whoever asked; what it doesn't say is unknown, and an order whose outcome is
unknown is looked up before it is tried again. So an exception, an answer too many or too few, and a thing that is no
outcome all come to the same: nobody knows. Only a look-up that could not be made at all leaves its call as it was.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from sqlalchemy import Connection

from flowrun.diagnostics import excerpt
from flowrun.engine.calls import Call, claim_calls, still_held
from flowrun.engine.settlement import Result, Settled, Told, settle_calls
from flowrun.engine.source import Budget
from flowrun.errors import FlowrunError, Interfered, SourceTrouble, Unreachable
from flowrun.expr.values import decode
from flowrun.flow.model import Action, Flow
from flowrun.sources import interface
from flowrun.sources.interface import Conflict, Done, Joined, Later, NotDone, Order, Outcome, Refused, Source, Unknown
from flowrun.sources.registry import said
from flowrun.store.connection import Store
from flowrun.store.deals import types

LEASE = 120_000
"""Milliseconds in which a call is to be over: whoever waits longer for a source should give up before."""

MOST = 1_000
"""Orders that are given to a source at once, whatever it says that it takes."""

_TRIES = 20
_PAUSE = 0.020


@dataclass(frozen=True, slots=True)
class Carried:
    """What one turn did. `again_at` is when it may pay to come again (ms, UTC; null: when a call is added); `more`:
    at once. `trouble` is what the source said when it could not be used, or what is wrong with its answers; null: none.
    `current`: whether the runner's revision and source are still those that are applied."""

    settled: Settled = field(default_factory=Settled)
    carried: int = 0
    again_at: int | None = None
    more: bool = False
    trouble: FlowrunError | None = None
    current: bool = True


class Carrier:
    """Carries the calls of one store to its source, over one connection, for one applied revision."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        revision: int,
        flow: Flow,
        source: Source,
        runner: str,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._connection = connection
        self._revision = revision
        self._flow = flow
        self._source = source
        self._runner = runner
        self._chance = chance
        self._types = types(flow)
        ability = source.ability
        self._budget = Budget(ability.per_second, ability.burst)
        self._batch = max(1, min(ability.batch, MOST))
        self._idempotent = ability.idempotent
        self._wary = False

    def carry(self) -> Carried:
        """One batch, if any call is due. Nothing is held while the source is asked.

        After a trouble it is one call, so that a source that is away leaves few of which nobody knows what became.
        """
        with self._store.write(self._connection) as transaction:
            claimed = claim_calls(
                transaction,
                self._revision,
                self._flow,
                self._runner,
                limit=1 if self._wary else self._batch,
                lease=LEASE,
                budget=self._budget,
            )
        if not claimed.current:
            return Carried(current=False)
        if not claimed:
            return Carried(again_at=claimed.again_at)
        troubles: list[FlowrunError] = []
        results = self._asked(self._source.find, "find", claimed.to_find, troubles)
        carried = len(claimed.to_find) + len(claimed.to_perform)
        settled = self._together(claimed.to_perform, results)
        if settled is None:
            results += self._asked(self._source.perform, "perform", self._mine(claimed.to_perform), troubles)
            settled = self._settle(results)
        self._wary = bool(troubles)
        now = self._store.clock.now()
        return Carried(
            settled=settled,
            carried=carried,
            again_at=claimed.again_at,
            more=not troubles and claimed.again_at is not None and claimed.again_at <= now,
            trouble=troubles[0] if troubles else None,
        )

    def _mine(self, claimed: Sequence[Call]) -> Sequence[Call]:
        """Those that are still this runner's: it may have been stopped since it took them, or waited long for a
        look-up, and another may carry them by now."""
        if not claimed:
            return claimed
        with self._store.read(self._connection):
            return still_held(self._connection, claimed, self._runner, self._store.clock.now())

    def _together(self, calls: Sequence[Call], found: Sequence[Result]) -> Settled | None:
        """Perform and settle in one transaction, where the source is in the store's own database; None where it isn't,
        or where that did not work: then nothing has happened.

        Raises Unreachable where the database is gone. If that was at the commit, either all has happened or nothing;
        the keys tell when the lease has run out.
        """
        if not calls or not isinstance(self._source, Joined) or not self._source.joins(self._connection):
            return None
        try:
            with self._store.write(self._connection) as transaction:
                mine = still_held(transaction.connection, calls, self._runner, transaction.now)
                outcomes = self._source.perform_in(transaction.connection, [self._order(call) for call in mine])
                results = [*found, *(_result(call, one) for call, one in zip(mine, outcomes, strict=True))]
                return settle_calls(
                    transaction, self._flow, self._runner, results, idempotent=self._idempotent, chance=self._chance
                )
        except Unreachable:
            raise
        except Exception:  # noqa: BLE001 - another's code; whatever it is, `perform` will tell
            return None

    def _asked(
        self,
        question: Callable[[Sequence[Order]], Sequence[Outcome]],
        method: str,
        asked: Sequence[Call],
        troubles: list[FlowrunError],
    ) -> list[Result]:
        if not asked:
            return []
        looked_up = method == "find"
        try:
            outcomes = question([self._order(call) for call in asked])
        except FlowrunError as error:
            troubles.append(error)
            return [_failed(call, str(error), looked_up=looked_up) for call in asked]
        except Exception as error:  # noqa: BLE001 - another's code
            trouble = SourceTrouble(f"`{method}` of the source '{self._flow.source.type}' failed: {said(error)}")
            troubles.append(trouble)
            return [_failed(call, str(trouble), looked_up=looked_up) for call in asked]
        if not isinstance(outcomes, (list, tuple)):
            outcomes = (cast("Outcome", outcomes),)
        if len(outcomes) != len(asked):
            says = f"for {len(asked)} orders the source '{self._flow.source.type}' gave {len(outcomes)} outcomes"
            troubles.append(_defect(f"{says} in `{method}`"))
            return [Result(call, Told.UNKNOWN, says) for call in asked]
        results = [_result(call, outcome) for call, outcome in zip(asked, outcomes, strict=True)]
        if odd := [one for one in outcomes if type(one) not in interface.OUTCOMES]:
            says = f"in `{method}` the source '{self._flow.source.type}' gave {excerpt(repr(odd[0]))} for an outcome"
            troubles.append(_defect(says))
        return results

    def _order(self, call: Call) -> Order:
        known = self._types
        return Order(
            key=call.key,
            action=interface.Action(call.action.value),
            id=call.target if call.action is Action.MOVE else call.deal,
            from_stage=call.from_stage,
            to_stage=call.to_stage,
            fields={name: decode(value, known[name]) for name, value in call.content.items() if name in known},
            new_id=call.new_id,
            tunnel=call.tunnel,
        )

    def _settle(self, results: Sequence[Result]) -> Settled:
        """In one transaction, which may be in the way of others: it is tried until it isn't, since all is done."""
        for tried in range(_TRIES):
            try:
                with self._store.write(self._connection) as transaction:
                    return settle_calls(
                        transaction,
                        self._flow,
                        self._runner,
                        results,
                        idempotent=self._idempotent,
                        chance=self._chance,
                    )
            except Interfered:
                if tried == _TRIES - 1:
                    raise
                time.sleep(self._chance() * _PAUSE * (tried + 1))
        raise AssertionError


def _failed(call: Call, reason: str, *, looked_up: bool) -> Result:
    """What is known of a call when the question itself came to nothing: of an order nothing, of a look-up what was."""
    return Result(call, Told.LATER if looked_up else Told.UNKNOWN, excerpt(reason, 300))


def _result(call: Call, outcome: object) -> Result:
    match outcome:
        case Done(id=str(id_)) if id_:
            return Result(call, Told.DONE, id=id_)
        case NotDone():
            return Result(call, Told.NOT_DONE)
        case Refused(reason=reason):
            return Result(call, Told.REFUSED, excerpt(str(reason), 300))
        case Conflict(reason=reason):
            return Result(call, Told.CONFLICT, excerpt(str(reason), 300))
        case Later(reason=reason, after=after, all_=all_):
            ms = None if after is None else max(0, int(after * 1000))
            return Result(call, Told.LATER, excerpt(str(reason), 300), after=ms, every=all_)
        case Unknown(reason=reason):
            return Result(call, Told.UNKNOWN, excerpt(str(reason), 300))
    return Result(call, Told.UNKNOWN, f"the source said {excerpt(repr(outcome))} of it")


def _defect(says: str) -> SourceTrouble:
    return SourceTrouble(says, "that is a defect of the source; what became of these orders is looked up")
