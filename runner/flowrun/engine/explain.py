"""`explain`: for each tunnel from a deal's stage, would it fire now, when, and what holds it back.

Nothing here decides anything. `look` has the deal judged and decided as a tick would; this module says it in the one
set of words, with the values of the condition and what the journal has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from flowrun.calendars.zones import zone
from flowrun.diagnostics import did_you_mean
from flowrun.engine.judge import judge_parameters
from flowrun.engine.look import Facts, Look, calls_of, facts, look
from flowrun.engine.settle import Left
from flowrun.errors import WorkFailed
from flowrun.expr.evaluate import Context
from flowrun.expr.parts import evaluated
from flowrun.expr.types import Type, Value
from flowrun.flow.model import Flow, Mode, Place, Places, Reason, Tunnel
from flowrun.plan.written import tunnel_keys
from flowrun.store import deals, revisions
from flowrun.store.deals import Deal
from flowrun.store.journal import Firing
from flowrun.store.refusals import of_data, said
from flowrun.store.revisions import Revision
from flowrun.store.tables import revisions as revisions_table


class Outlook(StrEnum):
    """What a tunnel would do with the deal if a runner took it now; the last six are what it has done already.

    `WAITS`: time alone will bring it; `BLOCKED`: something else must change; `HELD`: an earlier move of the deal goes
    first or holds it, or a firing that is on its way; `SETTLES`: it would be journalled as `exists` or `declined`;
    `PARKS`, `SHADOWS`: as such. `PENDING`: it is being carried out where deals live.
    """

    FIRES = "fires"
    WAITS = "waits"
    BLOCKED = "blocked"
    HELD = "held"
    SETTLES = "settles"
    PARKS = "parks"
    SHADOWS = "shadows"
    FIRED = "fired"
    EXISTS = "exists"
    DECLINED = "declined"
    PARKED = "parked"
    PENDING = "pending"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a condition: its text, its value over the deal (None: empty, or it overflows), and where it stands.

    `depth` is 0 for the whole. `place` is exact where the condition is written as it is read, else its beginning; None
    where the revision doesn't know it.
    """

    text: str
    type: Type | None
    value: Value
    overflows: bool
    depth: int
    place: Place | None


@dataclass(frozen=True, slots=True)
class Written:
    """A journal row of the deal's present entry, and the tunnel's keys as the revision had them that wrote it.

    `keys` is None where that revision is no longer kept.
    """

    firing: Firing
    keys: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One tunnel and the deal.

    `reasons` is all that is known to hold it back, in the order of the words, `reason` the first of it, or None.
    `due_at` is the due instant (ms, UTC), None where there is none yet; `next_at` when time alone may next change
    something (only for `WAITS`). `held_by` is the move that goes first or holds the deal; its own reason is then the
    reason, or `stage` where it takes the deal away. `missing` are the fields that the target stage requires and would
    not get. `said` is what the source of deals last said of the firing.
    """

    tunnel: Tunnel
    verdict: Outlook
    reasons: tuple[Reason, ...] = ()
    due_at: int | None = None
    next_at: int | None = None
    held_by: str | None = None
    missing: tuple[str, ...] = ()
    condition: tuple[Piece, ...] = ()
    written: Written | None = None
    place: Place | None = None
    said: str | None = None

    @property
    def reason(self) -> Reason | None:
        """The first of the reasons."""
        return self.reasons[0] if self.reasons else None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A deal at one instant (ms, UTC), and the tunnels asked about, in file order."""

    deal: Deal
    at: int
    timezone: str
    tunnels: tuple[Explained, ...]


def explain(
    connection: Connection, revision: Revision, deal_id: str, now: int, tunnel: str | None = None
) -> Explanation:
    """Every tunnel that leaves the deal's stage, those that are off too; or that one, wherever it leaves from.

    `revision` must be the applied one. Only the connection's own temporary tables are written. Raises WorkFailed for a
    deal or a tunnel that isn't there, or for a value that can't be judged.
    """
    flow = revision.flow
    deal = deals.find(connection, flow, deal_id)
    if deal is None:
        raise WorkFailed(f"there is no deal '{deal_id}'")
    if tunnel is not None and tunnel not in flow.tunnels:
        raise WorkFailed(f"there is no tunnel '{tunnel}'", did_you_mean(tunnel, flow.tunnels))
    asked = [one for one in flow.tunnels.values() if tunnel == one.id or (not tunnel and deal.stage in one.sources)]
    moment = judge_parameters(flow, now)
    try:
        teller = _Teller(connection, revision, deal, now, look(connection, flow, deal, moment))
        told = tuple(
            teller.elsewhere(one)
            if deal.stage not in one.sources
            else teller.here(one, facts(connection, flow, one, deal, moment))
            for one in asked
        )
    except DBAPIError as error:
        if not of_data(error):
            raise
        raise WorkFailed(
            f"a value of deal '{deal_id}' can't be judged: {said(error)}",
            "another program wrote it past flowrun's triggers; set it anew with 'flowrun deals set'",
        ) from error
    return Explanation(deal, now, flow.timezone, told)


_ACTING = frozenset({Outlook.FIRES, Outlook.SETTLES, Outlook.PARKS, Outlook.SHADOWS})


class _Teller:
    """Puts into words what a look at the deal has found."""

    def __init__(self, connection: Connection, revision: Revision, deal: Deal, now: int, seen: Look) -> None:
        self._connection = connection
        self._revision = revision
        self._flow = revision.flow
        self._position = {id_: at for at, id_ in enumerate(revision.flow.tunnels)}
        self._order = tuple(revision.flow.tunnels)
        self._deal = deal
        self._now = now
        self._seen = seen
        self._calls = calls_of(connection, revision.flow, deal)

    def elsewhere(self, tunnel: Tunnel) -> Explained:
        """A tunnel that doesn't leave the deal's stage."""
        reasons = (Reason.STAGE, Reason.MODE) if tunnel.mode is Mode.OFF else (Reason.STAGE,)
        return Explained(
            tunnel,
            Outlook.BLOCKED,
            reasons,
            condition=self._condition(tunnel),
            place=self._revision.places.get(f"tunnels.{tunnel.id}"),
        )

    def here(self, tunnel: Tunnel, known: Facts) -> Explained:
        """A tunnel that leaves the deal's stage."""
        verdict, reasons, held_by = self._outlook(tunnel, known)
        if self._calls.held and verdict in _ACTING:
            verdict, reasons, held_by = Outlook.HELD, [Reason.PENDING], self._calls.holder
        judged = self._seen.judged.get(self._position[tunnel.id])
        return Explained(
            tunnel,
            verdict,
            tuple(sorted(set(reasons), key=list(Reason).index)),
            due_at=known.due_at,
            next_at=judged.next_at if judged is not None and verdict is Outlook.WAITS else None,
            held_by=held_by,
            missing=known.missing,
            condition=self._condition(tunnel),
            written=None if known.firing is None else self._written(tunnel, known.firing),
            place=self._revision.places.get(f"tunnels.{tunnel.id}"),
            said=self._calls.said.get(tunnel.id),
        )

    def _outlook(self, tunnel: Tunnel, known: Facts) -> tuple[Outlook, Iterable[Reason], str | None]:
        at = self._position[tunnel.id]
        judged, decision, left = self._seen.judged.get(at), self._seen.decisions.get(at), self._seen.left.get(at)
        if decision is not None:
            return *_decided(decision.result, decision.reason), None
        if left in {Left.BEHIND, Left.PARKED, Left.AGAIN}:
            return Outlook.HELD, *self._holder(left)
        if left is not None:
            return Outlook.BLOCKED, self._asleep(tunnel) or [Reason(left)], None
        asleep = self._asleep(tunnel)
        if judged is not None:
            passing = _passing(tunnel, self._lacking(tunnel, known))
            return Outlook.BLOCKED if asleep else Outlook.WAITS, [*asleep, *passing], None
        if known.firing is not None and not known.open:
            return Outlook(known.firing.result), _words(known.firing.reason), None
        return Outlook.BLOCKED, [*asleep, *self._lacking(tunnel, known)], None

    def _asleep(self, tunnel: Tunnel) -> list[Reason]:
        """Why the tunnel acts for no deal at all."""
        if tunnel.mode is not Mode.LIVE:
            return [Reason.MODE] if tunnel.mode is Mode.OFF else []
        states = ((Reason.PAUSED, self._seen.paused), (Reason.BREAKER, self._seen.tripped))
        return [word for word, ids in states if tunnel.id in ids]

    def _lacking(self, tunnel: Tunnel, known: Facts) -> list[Reason]:
        """Which parts of the verdict are not as they must be; what `watch: false` judges when due is none of them."""
        parts = {
            Reason.EXISTING: known.live is False,
            Reason.ONCE: known.fired_before,
            Reason.DATE: known.due_at is None,
            Reason.DUE: known.due_at is not None and known.due_at > self._now,
            Reason.WINDOW: known.closed,
            Reason.CONDITION: tunnel.watch and not known.condition,
            Reason.REQUIREMENT: tunnel.watch and bool(known.missing),
        }
        return [word for word, lacks in parts.items() if lacks]

    def _holder(self, left: Left) -> tuple[list[Reason], str | None]:
        """The move before it, and why that one holds the deal; `stage` where it takes the deal away."""
        if left is Left.PARKED and self._seen.parked is not None:
            holder, why = self._seen.parked
            return _words(why), holder
        if left is Left.AGAIN:
            moved = [at for at, one in self._seen.decisions.items() if one.result == "fired" and one.target is not None]
            return [Reason.ORIGIN], self._order[moved[-1]] if moved else None
        at = self._seen.stopping
        assert at is not None, "what is behind a move has one before it"
        holder = self._order[at]
        decision = self._seen.decisions.get(at)
        if decision is not None:
            return [Reason.STAGE] if decision.result == "fired" else _words(decision.reason), holder
        return self._asleep(self._flow.tunnels[holder]) or [Reason.BREAKER], holder

    def _condition(self, tunnel: Tunnel) -> tuple[Piece, ...]:
        if tunnel.when is None:
            return ()
        local = zone(self._flow.timezone)
        whole = evaluated(tunnel.when, _names(self._deal), Context(local.date(self._now), local))
        site = _Site(self._revision.places, tunnel.id, tunnel.when.text)
        return tuple(
            Piece(part.text, part.type, part.value, part.overflows, depth, site.at(part.start))
            for depth, part in whole.walk()
        )

    def _written(self, tunnel: Tunnel, firing: Firing) -> Written:
        kept = select(revisions_table.c.number).where(revisions_table.c.number == firing.revision)
        if firing.revision == self._revision.number:
            flow = self._flow
        elif self._connection.execute(kept).first() is None:
            return Written(firing, None)
        else:
            flow = revisions.revision(self._connection, firing.revision).flow
        then = next((flow.tunnels[id_] for id_ in _ids(self._flow, tunnel.id) if id_ in flow.tunnels), None)
        if then is None:
            return Written(firing, None)
        keys = tunnel_keys(then, flow.fields)
        return Written(firing, {key: text for key, text in keys.items() if text is not None})


def _decided(result: str, reason: str | None) -> tuple[Outlook, Sequence[Reason]]:
    words = _words(reason)
    match result:
        case "fired":
            return Outlook.FIRES, words
        case "shadow":
            return Outlook.SHADOWS, words or [Reason.MODE]
        case "parked":
            return Outlook.PARKS, words
        case _:
            return Outlook.SETTLES, words


def _words(reason: str | None) -> list[Reason]:
    return [] if reason is None else [Reason(reason)]


def _passing(tunnel: Tunnel, lacking: Iterable[Reason]) -> list[Reason]:
    """Those of the reasons that time alone may lift."""
    by_date = tunnel.when is not None and tunnel.when.uses_today
    words = {Reason.DUE, Reason.WINDOW, *((Reason.CONDITION, Reason.REQUIREMENT) if by_date else ())}
    return [word for word in lacking if word in words]


def _names(deal: Deal) -> Mapping[str, Value]:
    """What an expression sees of the deal."""
    return {
        **deal.fields,
        "id": deal.id,
        "title": deal.title,
        "owner": deal.owner,
        "pipeline": deal.pipeline,
        "stage": deal.stage,
        "created_at": deal.created_at,
        "updated_at": deal.updated_at,
        "entered_at": deal.entered_at,
        "origin": deal.origin,
        "origin_tunnel": deal.origin_tunnel,
    }


def _ids(flow: Flow, tunnel: str) -> list[str]:
    """The tunnel's id and those that it had before, as far as the flow's `moved` tells."""
    found = [tunnel]
    for id_ in found:
        found += [one.old for one in flow.moved if one.kind == "tunnel" and one.new == id_ and one.old not in found]
    return found


class _Site:
    """Where the characters of a condition stand, told from where its text begins and ends (`config.sites`).

    They are counted from the beginning, line by line; where that doesn't end where the text ends, as in a folded or
    escaped one, only the beginning is known.
    """

    def __init__(self, places: Places, tunnel: str, text: str) -> None:
        self._text = text
        self._start = places.get(f"tunnels.{tunnel}.when.start") or places.get(f"tunnels.{tunnel}.when")
        self._exact = False
        end = places.get(f"tunnels.{tunnel}.when.end")
        if end is not None:
            self._exact = self._counted(len(text.rstrip())) == end

    def at(self, offset: int) -> Place | None:
        return self._counted(offset) if self._exact else self._start

    def _counted(self, offset: int) -> Place | None:
        if self._start is None:
            return None
        lines = self._text[:offset].split("\n")
        return Place(self._start.file, self._start.line + len(lines) - 1, self._start.column + len(lines[-1]))
