"""Settling: what becomes of each candidate where that depends on the deals before it.

`unless_exists`, rotation, breakers, budgets near their limit and `which: origin` look beyond the deal. Their meaning
is the order of semantics.md: deals one by one, each with its copies (and moves of its origin) in file order, then its
first eligible move. Here that order is simply walked, in memory, over the candidates of one batch, so that a batch
gives what deals taken one by one would give. Pure: the candidates and what they stand beside go in, decisions come out.

Batches without such candidates never come here; `act` decides them in SQL by the same rules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from flowrun.engine.judge import Route, Verdict
from flowrun.flow.model import Rotate

_RETRY = 2
_DECLINED = ("declined", "judged")

Key = tuple[str | int, ...]
"""The values of a guard's `same` fields, as the store has them."""

Blank = tuple[str | int | Rotate, ...]
"""A key in which the turns of rotations are yet to be taken."""


class Keys(NamedTuple):
    """How a firing changes who stands where a guard looks: the target deal's key before and after; None: not there.

    `wanted` is the key that it has afterwards wherever it stands; None: a part of it is empty.
    """

    before: Key | None
    wanted: Blank | None
    after: Blank | None


class Origin(NamedTuple):
    """The deal that a `which: origin` tunnel would move. `filled`: the target stage's requirements are met."""

    seq: int
    id: str
    stage: str
    spent: bool
    filled: bool


class Candidate(NamedTuple):
    """One judged deal and tunnel. `spent`: out of hops; `held`: by a parked move; `again`: 2 for a retry."""

    order: int
    position: int
    seq: int
    id: str
    root: str
    kind: Route
    verdict: Verdict
    due_at: int
    again: int
    spent: bool
    held: bool
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What one tunnel brings along. `guard` numbers its `unless_exists`; `left` is what its breaker still allows."""

    tunnel: str
    target: str
    copies: bool
    origin: bool = False
    waiting: bool = False
    one_shot: bool = False
    guard: int | None = None
    left: int | None = None
    turn: int | None = None
    origin_in: tuple[str, ...] | None = None


class Decision(NamedTuple):
    """What becomes of a candidate. `target` is the seq of the deal moved (None: a copy, or nothing moves)."""

    order: int
    position: int
    seq: int
    kind: Route
    result: str
    reason: str | None
    due_at: int
    again: int
    turn: int | None
    target: int | None
    target_id: str | None


@dataclass(slots=True)
class Surroundings:
    """What the batch stands beside.

    `keys[(order, position)][guard]` are the keys of a candidate; `elsewhere[guard][key]` the lowest and highest seq
    of the deals that match it and can't move in this batch; `made[root]` the copies of the lineage within `per`.

    `coming` is set where deals live elsewhere: what fires is only on its way, one firing for a deal at most, and
    nothing has moved. `coming[guard]` are the keys under which deals will stand if what is on its way happens.
    """

    max_copies: int
    keys: Mapping[tuple[int, int], Mapping[int, Keys]] = field(default_factory=dict)
    elsewhere: Mapping[int, Mapping[Key, tuple[int, int]]] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)
    coming: Mapping[int, Collection[Key]] | None = None


class Left(StrEnum):
    """Why a candidate is left undecided.

    Its tunnel is paused or tripped (`WAITING`), or trips now (`BREAKER`); the origin lacks what the target stage
    requires; an earlier move goes first or holds the deal (`BEHIND`, and `PARKED` where that is a parked row); the
    deal itself, or an origin, has just moved and is looked at again first (`AGAIN`); or it waits for what becomes of a
    firing that is on its way (`PENDING`, and `COMING` where that one may bring a deal like the copy).
    """

    WAITING = "waiting"
    BREAKER = "breaker"
    REQUIREMENT = "requirement"
    BEHIND = "behind"
    PARKED = "parked"
    AGAIN = "again"
    PENDING = "pending"
    COMING = "coming"


@dataclass(slots=True)
class Settlement:
    """The decisions, the tunnels that tripped, and `cut`: the first deal left for the next batch, or None.

    `left` says of the other candidates, by order and position, why they are undecided; those of deals that moved, or
    after the cut, are not in it, but for the deal at the cut.
    """

    decisions: list[Decision] = field(default_factory=list)
    left: dict[tuple[int, int], Left] = field(default_factory=dict)
    tripped: set[int] = field(default_factory=set)
    cut: int | None = None


def settle(candidates: Sequence[Candidate], terms: Mapping[int, Terms], beside: Surroundings) -> Settlement:
    """Walk the candidates, which come by deal and then by position, and decide each."""
    walk = _Walk(terms, beside)
    walk.place(candidates)
    for order, group in groupby(candidates, key=lambda candidate: candidate.order):
        if not walk.deal(list(group)):
            walk.settlement.cut = order
            break
    return walk.settlement


class _Walk:
    def __init__(self, terms: Mapping[int, Terms], beside: Surroundings) -> None:
        self.settlement = Settlement()
        self._terms = terms
        self._beside = beside
        self._left = {at: term.left for at, term in terms.items() if term.left is not None}
        self._turns = {at: term.turn for at, term in terms.items() if term.turn is not None}
        self._made = dict(beside.made)
        self._moved: dict[int, str] = {}
        self._movers: set[int] = set()
        self._standing: defaultdict[int, defaultdict[Key, set[int]]] = defaultdict(lambda: defaultdict(set))
        self._new = 0
        self._away = beside.coming is not None
        self._coming = {guard: set(keys) for guard, keys in (beside.coming or {}).items()}
        self._busy: set[int] = set()

    def place(self, candidates: Sequence[Candidate]) -> None:
        """Note where the deals that may move stand before anything happens."""
        for candidate in candidates:
            mover = candidate.seq if candidate.kind is Route.MOVE else candidate.origin and candidate.origin.seq
            if mover is None:
                continue
            for guard, keys in self._keys(candidate).items():
                if keys.before is not None:
                    self._standing[guard][keys.before].add(mover)

    def deal(self, group: Sequence[Candidate]) -> bool:
        """Decide one deal's candidates; False if the batch must end here, with those that are left for the next."""
        held = False
        for at, candidate in enumerate(group):
            if candidate.kind is not Route.SHADOW and (held or self._is_busy(candidate)):
                self._leave(Left.PENDING, candidate)
                held = True
                continue
            if candidate.seq in self._moved:
                self._leave(Left.AGAIN, *group[at:])
                return True
            if self._comes_too_late(candidate):
                self._leave(Left.AGAIN, *group[at:])
                return False
            if candidate.kind is not Route.MOVE:
                self._aside(candidate)
                # What comes after it in the deal's order would otherwise come before it.
                held |= self.settlement.left.get((candidate.order, candidate.position)) is Left.COMING
        moves = [candidate for candidate in group if candidate.kind is Route.MOVE]
        if group[0].seq in self._moved:
            self._leave(Left.AGAIN, *moves)
        elif held or group[0].seq in self._busy:
            self._leave(Left.PENDING, *moves)
        elif group[0].held:
            self._leave(Left.PARKED, *moves)
        else:
            self._move(moves)
        return True

    def _leave(self, why: Left, *candidates: Candidate) -> None:
        for candidate in candidates:
            self.settlement.left[candidate.order, candidate.position] = why

    def _keys(self, candidate: Candidate) -> Mapping[int, Keys]:
        return self._beside.keys.get((candidate.order, candidate.position), {})

    def _is_busy(self, candidate: Candidate) -> bool:
        """Whether its deal, or the one that it would move, has a firing on its way."""
        return candidate.seq in self._busy or (candidate.origin is not None and candidate.origin.seq in self._busy)

    def _comes_too_late(self, candidate: Candidate) -> bool:
        """Whether it would move an origin that has moved in this batch, or has moved its own origin.

        What was read of the one no longer holds; the values of the other are still needed as they are.
        """
        if candidate.origin is None:
            return False
        stage = self._moved.get(candidate.origin.seq)
        if stage is not None:
            return _movable(stage, self._terms[candidate.position])
        return candidate.origin.seq in self._movers

    def _aside(self, candidate: Candidate) -> None:
        terms = self._terms[candidate.position]
        if candidate.kind is not Route.SHADOW and self._waits(candidate.position):
            self._leave(Left.WAITING, candidate)
            return
        outcome = self._outcome(candidate, terms)
        if outcome is None:
            self._leave(Left.REQUIREMENT, candidate)
            return
        result, reason = outcome
        if candidate.kind is Route.SHADOW:
            self._decide(candidate, "shadow", reason)
        elif result != "fired":
            self._decide(candidate, result, reason)
        elif self._may_come_to_stand(candidate, terms):
            self._leave(Left.COMING, candidate)
        elif self._allowed(candidate.position):
            self._fire(candidate, terms)
        else:
            self._leave(Left.BREAKER, candidate)

    def _move(self, moves: Sequence[Candidate]) -> None:
        for at, candidate in enumerate(moves):
            terms = self._terms[candidate.position]
            declined = candidate.verdict is Verdict.DECLINED
            if self._waits(candidate.position):
                self._leave(Left.WAITING, candidate)
            else:
                result, reason = self._outcome(candidate, terms) or _DECLINED
                if result != "fired":
                    self._decide(candidate, result, reason)
                elif self._allowed(candidate.position):
                    self._fire(candidate, terms)
                else:
                    self._leave(Left.BREAKER, candidate)
            if not declined:
                self._leave(Left.BEHIND, *moves[at + 1 :])
                return

    def _outcome(self, candidate: Candidate, terms: Terms) -> tuple[str, str | None] | None:
        """Result and reason, but for the breaker; None: an origin has not yet what the target stage requires."""
        origin, spent = candidate.origin, candidate.spent
        if candidate.verdict is Verdict.DECLINED:
            return _DECLINED
        if terms.origin:
            if origin is None or not _movable(self._moved.get(origin.seq, origin.stage), terms):
                return "declined", "origin"
            spent = origin.spent
        if candidate.verdict is Verdict.OVERFLOW:
            return "parked", "overflow"
        if candidate.verdict is Verdict.REFUSED:
            return "parked", "error"
        if origin is not None and not origin.filled:
            return _DECLINED if terms.one_shot else None
        if self._exists(candidate, terms):
            return "exists", "exists"
        if candidate.again == _RETRY:
            return "fired", None
        if spent:
            return "parked", "hops"
        if terms.copies and self._made.get(candidate.root, 0) >= self._beside.max_copies:
            return "parked", "copies"
        return "fired", None

    def _waits(self, position: int) -> bool:
        """Whether the tunnel is paused, or tripped, be it by a deal before."""
        return self._terms[position].waiting or position in self.settlement.tripped

    def _allowed(self, position: int) -> bool:
        """Whether the breaker lets one more through; trips it otherwise."""
        left = self._left.get(position)
        if left is None:
            return True
        if left <= 0:
            self.settlement.tripped.add(position)
            return False
        self._left[position] = left - 1
        return True

    def _exists(self, candidate: Candidate, terms: Terms) -> bool:
        key = self._wanted(candidate, terms)
        if terms.guard is None or key is None:
            return False
        others = self._beside.elsewhere.get(terms.guard, {}).get(key)
        if others is not None and others != (candidate.seq, candidate.seq):
            return True
        return bool(self._standing[terms.guard][key] - {candidate.seq})

    def _may_come_to_stand(self, candidate: Candidate, terms: Terms) -> bool:
        """Whether something on its way may bring a deal like the copy."""
        if not self._away or terms.guard is None:
            return False
        return self._wanted(candidate, terms) in self._coming.get(terms.guard, ())

    def _wanted(self, candidate: Candidate, terms: Terms) -> Key | None:
        """The key that the copy would have; None where nothing is asked, or a part of it is empty."""
        keys = None if terms.guard is None else self._keys(candidate).get(terms.guard)
        if keys is None or keys.wanted is None:
            return None
        return _filled_in(keys.wanted, self._turns.get(candidate.position))

    def _fire(self, candidate: Candidate, terms: Terms) -> None:
        mover = None if terms.copies else candidate.origin or candidate
        target = None if mover is None else mover.seq
        turn = self._turns.get(candidate.position)
        if turn is not None:
            self._turns[candidate.position] = turn + 1
        id_ = None if mover is None else mover.id
        self._decide(candidate, "pending" if self._away else "fired", None, turn, target, id_)
        if target is None:
            self._made[candidate.root] = self._made.get(candidate.root, 0) + 1
        if self._away:
            self._send(candidate, target, turn)
            return
        if target is None:
            self._new -= 1
        else:
            self._moved[target] = terms.target
            self._movers.add(candidate.seq)
        stands = self._new if target is None else target
        for guard, keys in self._keys(candidate).items():
            if keys.before is not None:
                self._standing[guard][keys.before].discard(stands)
            if keys.after is not None:
                self._standing[guard][_filled_in(keys.after, turn)].add(stands)

    def _send(self, candidate: Candidate, target: int | None, turn: int | None) -> None:
        """Remember what is on its way; until it has happened all stand where they stood."""
        self._busy |= {candidate.seq} if target is None else {candidate.seq, target}
        for guard, keys in self._keys(candidate).items():
            if keys.after is not None:
                self._coming.setdefault(guard, set()).add(_filled_in(keys.after, turn))

    def _decide(
        self,
        candidate: Candidate,
        result: str,
        reason: str | None,
        turn: int | None = None,
        target: int | None = None,
        target_id: str | None = None,
    ) -> None:
        self.settlement.decisions.append(
            Decision(
                candidate.order,
                candidate.position,
                candidate.seq,
                candidate.kind,
                result,
                reason,
                candidate.due_at,
                candidate.again,
                turn,
                target,
                target_id,
            )
        )


def _filled_in(key: Blank, turn: int | None) -> Key:
    """The key of the deal as it is when that turn of the tunnel's rotations is taken."""
    return tuple(part.values[(turn or 0) % len(part.values)] if isinstance(part, Rotate) else part for part in key)


def _movable(stage: str, terms: Terms) -> bool:
    """Whether a `which: origin` tunnel may move an origin that stands there."""
    return stage != terms.target and (terms.origin_in is None or stage in terms.origin_in)
