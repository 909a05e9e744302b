"""What applying a flow would do to the live deals: the same engine, on a scratch copy of the deals that it concerns.

Two futures are played at one instant, each until idle: the applied revision goes on, or the plan is applied first. What
happens in the second is what would happen; what is not in the first is the plan's doing. Nothing live is written,
locked, or delayed, and the cost follows the deals that the plan concerns (`concern`), not all deals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Context, Decimal

from sqlalchemy import Connection, delete, func, or_, select, true, update

from flowrun.diagnostics import did_you_mean
from flowrun.engine import future, outcomes
from flowrun.engine.calls import PARKED
from flowrun.engine.concern import Step, find_concerned
from flowrun.engine.holdings import losses, returning, standing_in
from flowrun.engine.live import apply_flow, known, stays_live
from flowrun.engine.outcomes import Side
from flowrun.engine.underway import on_way, unsettled
from flowrun.errors import StalePlan, WrongUsage
from flowrun.expr.types import Kind, Value
from flowrun.flow.model import Flow, Mode, Outcome
from flowrun.plan import Effect, Figure, Impact
from flowrun.store import columns, journal, revisions, scratch
from flowrun.store.connection import Store, Transaction
from flowrun.store.journal import Firing
from flowrun.store.revisions import Author, Revision
from flowrun.store.tables import calls, deals_table, flowrun, queue, tunnels


@dataclass(frozen=True, slots=True)
class Question:
    """What a preview is to tell beside the counts, and whom it tells how far it is.

    `samples`: how many deals to name for each figure. `total`: a field (integer or decimal) to sum, or None.
    `progress` hears how many deals have been looked at so far. `passages`: how many of the deals that would be moved or
    copied to name, each with its way.
    """

    samples: int = 3
    total: str | None = None
    progress: Callable[[int], None] = lambda _looked: None
    passages: int = 0


USUAL = Question()


@dataclass(frozen=True, slots=True)
class Passage:
    """A deal that would be moved or copied: `deal` is the one that goes, or is copied. `tunnel` is None where its stage
    is removed and its deals go elsewhere; `action` is `relocate` then."""

    tunnel: str | None
    deal: str
    title: str | None
    source: str
    target: str
    action: str


@dataclass(frozen=True, slots=True)
class Passages:
    """The first of all passages, those of removed stages before all, then in their order; and how many there are."""

    first: tuple[Passage, ...] = ()
    count: int = 0


NONE = Passages()


@contextmanager
def previewed(store: Store, base: Revision, flow: Flow, question: Question = USUAL) -> Iterator[Preview]:
    """The preview of a flow that would take the place of the applied revision, now.

    Raises StalePlan if another revision is applied by now, WrongUsage for a field that can't be summed,
    WorkFailed for a store that can't be read.
    """
    _check_total(flow, question.total)
    now = store.clock.now()
    with scratch.scratch(store) as connection:
        current = revisions.current(connection)
        if current is None or current.number != base.number:
            raise StalePlan(
                "another revision was applied in the meantime", "look at the difference again: flowrun diff"
            )
        yield Preview(connection, Step(base.flow, flow), base.number, now, question)


def unmoved(flow: Flow, question: Question = USUAL) -> Impact:
    """The impact on a store without deals. Raises WrongUsage for a field that can't be summed."""
    _check_total(flow, question.total)
    return Impact({tunnel: Effect() for tunnel in flow.tunnels}, summed=question.total)


def _check_total(flow: Flow, name: str | None) -> None:
    if name is None:
        return
    numbers = [field.id for field in flow.fields.values() if field.type.kind in {Kind.INTEGER, Kind.DECIMAL}]
    if name in numbers:
        return
    says = f"there is no field '{name}' to sum"
    if field := flow.fields.get(name):
        says = f"'{name}' has the type {field.type.kind}: no numbers"
    some = f"choose from: {', '.join(numbers)}" if numbers else "no field of these files is an integer or a decimal"
    raise WrongUsage(says, did_you_mean(name, numbers) or some)


class Preview:
    """One preview, on the connection of its scratch. It is played when it is made."""

    def __init__(self, connection: Connection, step: Step, number: int, now: int, question: Question) -> None:
        self._connection = connection
        self._step = step
        self._number = number
        self._now = now
        self._question = question
        self._stages = standing_in(connection, step.base, step.flow)
        self._losses = losses(connection, step.base, step.flow)
        self._returning = returning(connection, step.base, step.flow)
        away = step.base.source.elsewhere
        self._underway, self._unsettled = (on_way(connection), unsettled(connection)) if away else (0, 0)
        self._total = connection.execute(select(func.count()).select_from(deals_table(None))).scalar_one()
        outcomes.create(connection)
        self.possible = all(stage in step.renamed.stages or stage in step.relocated for stage in self._stages)
        """Whether the plan can be applied at all: it can't if deals stand in a stage that goes and nothing says where
        they go."""
        if self.possible:
            self._play()

    def impact(self) -> Impact:
        """What the plan does, as figures; those of tunnels are zero if the plan isn't possible."""
        connection, step = self._connection, self._step
        return Impact(
            tunnels=self._effects(),
            stages=self._stages,
            losses=self._losses,
            returning=self._returning,
            relocated=sum(self._stages.get(stage, 0) for stage in step.relocated),
            moved=outcomes.moved(connection),
            copied=outcomes.copied(connection),
            touched=outcomes.touched(connection, step.live_deals, list(step.relocated)),
            left_won=outcomes.left_won(connection),
            existing=outcomes.taken_though_existing(connection, step.live_deals),
            total=self._total,
            trips=self._trips() if self.possible else (),
            underway=self._underway,
            unsettled=self._unsettled,
            played=self.possible,
            summed=self._question.total,
        )

    def firings(self) -> list[Firing]:
        """What would fire at once if the plan were applied, those of every result, in order."""
        return (
            [row for row in journal.firings(self._connection) if row.revision > self._number] if self.possible else []
        )

    def passages(self) -> Passages:
        """What would be moved and copied at once if the plan were applied, and the runner ran until idle."""
        most = self._question.passages
        if not most or not self.possible:
            return NONE
        found = [*self._relocations(most), *outcomes.passages(self._connection, most)]
        first = tuple(Passage(*one) for one in found[:most])
        relocated = sum(self._stages.get(stage, 0) for stage in self._step.relocated)
        return Passages(first, relocated + outcomes.fired(self._connection))

    def _relocations(self, most: int) -> Iterator[tuple[str | None, str, str | None, str, str, str]]:
        live, relocated = self._step.live_deals, self._step.relocated
        rows = select(live.c.id, live.c.title, live.c.stage).where(live.c.stage.in_(list(relocated)))
        for id_, title, stage in self._connection.execute(rows.order_by(live.c.seq).limit(most)):
            yield None, id_, title, stage, relocated[stage], "relocate"

    def _play(self) -> None:
        connection, step, now = self._connection, self._step, self._now
        find_concerned(connection, step, now)
        self._question.progress(0)
        # A column that no flow sets aside any more is known only to the revisions that declared it.
        unknown = {name for name in columns.present(connection) if not name.startswith("_")} - set(step.base.fields)
        self._all_revisions = bool(unknown)
        skipping = dict(self._skipping())
        scratch.make_tables(connection)
        self._play_both()
        outcomes.compare(connection, step.live_deals)
        for tunnel, old_stages in skipping.items():
            outcomes.skip(connection, step.live_deals, tunnel, old_stages, now)

    def _play_both(self) -> None:
        connection, step, now = self._connection, self._step, self._now
        progress = self._question.progress
        self._copy()
        progress(0)
        if future.is_awake(connection, now):
            future.play(connection, step.base, now, Side.WITHOUT, step.beyond_before, progress, step.renamed.tunnels)
            outcomes.keep_left(connection, step.live_deals, Side.WITHOUT, _won(step.base), _won(step.base))
            self._copy()
        else:
            future.keep_waits(connection, step.base, now, Side.WITHOUT, step.renamed.tunnels)
        apply_flow(Transaction(connection, now), step.flow, {}, Author())
        self._hold_back()
        future.play(connection, step.flow, now, Side.WITH, step.beyond, progress)
        outcomes.keep_left(connection, step.live_deals, Side.WITH, _won(step.base), _won(step.flow))

    def _copy(self) -> None:
        """Fill the scratch with what the plan concerns, as it is in the live store."""
        connection = self._connection
        scratch.drop_triggers(connection)
        budget = self._now - max(self._step.base.limits.per, self._step.flow.limits.per)
        of_concerned = "IN (SELECT seq FROM concerned)"
        lineages = "SELECT coalesce(_root, id) FROM deals"
        scratch.refill(
            connection,
            {
                "flowrun": [("true", ())],
                "revisions": [("number = ? OR ?", (self._number, self._all_revisions))],
                "stages": [("true", ())],
                "tunnels": [("true", ())],
                "routes": [("true", ())],
                "existing": [(f"deal {of_concerned}", ())],
                "activity": [("true", ())],
                "deals": [(f"seq {of_concerned}", ())],
                "queue": [(f"deal {of_concerned}", ())],
                "firings": [
                    ("deal IN (SELECT id FROM deals)", ()),
                    (f"_lineage IN ({lineages}) AND fired_at > ?", (budget,)),
                ],
            },
        )
        scratch.make_triggers(connection)
        # What the triggers take for now.
        connection.execute(update(flowrun).values(fixed_now=self._now))
        self._hold_back()

    def _hold_back(self) -> None:
        """Let no deal play that has a firing on its way: what comes of that is not known."""
        if self._underway:
            deals, there = deals_table(None), scratch.live_table(calls)
            held = select(deals.c.seq).join(there, or_(there.c.deal == deals.c.id, there.c.target == deals.c.id))
            held = held.where(there.c.state != PARKED)
            self._connection.execute(delete(queue).where(queue.c.deal.in_(held)))

    def _skipping(self) -> Iterator[tuple[str, list[str]]]:
        """The tunnels that leave existing deals out, with the old stages for whose deals they go live only now."""
        step, before = self._step, known(self._connection, self._step.renamed)
        for tunnel in step.flow.tunnels.values():
            if tunnel.mode is Mode.OFF or tunnel.include_existing:
                continue
            fresh = [
                old
                for old, leaving in before.stages.items()
                if leaving.stage in tunnel.sources and not stays_live(tunnel, before, leaving)
            ]
            if fresh:
                yield tunnel.id, fresh

    def _trips(self) -> tuple[str, ...]:
        """The tunnels whose breaker has tripped with the plan, and hasn't now."""
        by_plan = select(tunnels.c.id).where(tunnels.c.tripped_at == self._now)
        before = scratch.live_table(tunnels)
        already = set(self._connection.execute(select(before.c.id).where(before.c.tripped_at.is_not(None))).scalars())
        old_ids = {new: old for old, new in self._step.renamed.tunnels.items()}
        found = set(self._connection.execute(by_plan).scalars())
        return tuple(id_ for id_ in self._step.flow.tunnels if id_ in found and old_ids.get(id_, id_) not in already)

    def _effects(self) -> dict[str, Effect]:
        connection, step = self._connection, self._step
        counts, later = outcomes.counts(connection), outcomes.later(connection)
        samples = outcomes.samples(connection, self._question.samples)
        sums = self._sums()
        gone = [id_ for id_ in step.base.tunnels if step.renamed.tunnels.get(id_, id_) not in step.flow.tunnels]
        return {
            id_: Effect(
                counts={figure: counts.get((id_, figure), 0) for figure in Figure},
                later=later.get(id_),
                samples={figure: samples[id_, figure] for figure in Figure if (id_, figure) in samples},
                sums={figure: sums[id_, figure] for figure in Figure if (id_, figure) in sums},
            )
            for id_ in (*step.flow.tunnels, *gone)
        }

    def _sums(self) -> dict[tuple[str, Figure], Value]:
        """Sums of the values that the deals have before anything happens; of deals made on the way, of those after."""
        name, step = self._question.total, self._step
        if name is None:
            return {}
        type_, mine, live = step.flow.fields[name].type, deals_table(step.flow), step.live_deals
        whole: dict[tuple[str, Figure], int] = {}
        old = step.fields.get(name)
        made_or_new = true() if old is None else mine.c.seq.not_in(select(live.c.seq))
        parts = [outcomes.sums(self._connection, mine.c[name], mine, made_or_new)]
        if old is not None:
            parts.append(outcomes.sums(self._connection, live.c[old], live, true()))
        for part in parts:
            for key, one in part.items():
                whole[key] = whole.get(key, 0) + one
        if type_.kind is Kind.INTEGER:
            return dict(whole)
        return {key: Decimal(one).scaleb(-type_.places, _EXACT) for key, one in whole.items()}


_EXACT = Context(prec=60)


def _won(flow: Flow) -> list[str]:
    return [stage.id for stage in flow.stages.values() if stage.outcome is Outcome.WON]
