"""What a source does: each order once or not at all, at the deals that it names alone, and told as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from flowrun.errors import FlowrunError
from flowrun.expr.types import Value
from flowrun.sources.interface import (
    OUTCOMES,
    Action,
    Conflict,
    Done,
    Later,
    NotDone,
    Order,
    Outcome,
    Record,
    Refused,
    Source,
    Unknown,
)
from flowrun.testing.bench import Bench, Broken, deal, require
from flowrun.testing.inwards import asked, require_said, same, three, valued
from flowrun.testing.samples import IDS


def move(id_: str, fields: Mapping[str, Value] | None = None) -> Order:
    """An order to move a deal from `sales.new` to `sales.won`."""
    return Order(_key("m", id_), Action.MOVE, id_, "sales.new", "sales.won", fields or {}, tunnel="closing")


def copy(id_: str, fields: Mapping[str, Value] | None = None, *, to: str = "service.kickoff", n: int = 1) -> Order:
    """An order to copy a deal that stands in `sales.new`, the `n`th of it."""
    new_id = f"{id_[:180]}~{n}abcdefghi"
    return Order(_key(f"c{n}", id_), Action.COPY, id_, "sales.new", to, fields or {}, new_id=new_id, tunnel="on")


def _key(kind: str, id_: str) -> str:
    return f"{kind}-{id_.encode().hex()[:60]}"


def performed(source: Source, orders: Sequence[Order], what: str = "performing") -> Sequence[Outcome]:
    """The outcomes of these orders: one for each, of the kinds that there are."""
    outcomes = source.perform(orders)
    require(
        len(outcomes) == len(orders),
        f"{what} {len(orders)} orders gives {len(outcomes)} outcomes; expected one for each, in their order",
    )
    for one in outcomes:
        require(isinstance(one, OUTCOMES), f"{what} gives {one!r}; expected one of the outcomes")
    return outcomes


def require_done(source: Source, orders: Sequence[Order]) -> list[str]:
    """The ids of the deals moved or made. Raises Broken unless all was done."""
    ids = []
    for order, outcome in zip(orders, performed(source, orders), strict=True):
        require(isinstance(outcome, Done), f"{order.action.value} of {order.id!r}: {outcome!r}; expected Done")
        assert isinstance(outcome, Done)
        ids.append(outcome.id)
    return ids


def require_stands(bench: Bench, expected: Sequence[Record], after: str, *, alone: bool = True) -> None:
    """Raises Broken unless these deals stand in the place, and no others (`alone`)."""
    standing = bench.standing()
    for one in expected:
        found = standing.get(one.id)
        require(found is not None, f"after {after}, the deal {one.id!r} is not there")
        assert found is not None
        problem = same(bench, found, one)
        require(problem is None, f"after {after}, of the deal {one.id!r} {problem}")
    more = sorted(set(standing) - {one.id for one in expected})
    require(not (alone and more), f"after {after}, there are other deals too: {more!r}")


def told(one: Record, stage: str, **fields: Value) -> Record:
    """The deal after such an order."""
    return replace(one, stage=stage, fields={**one.fields, **{k: v for k, v in fields.items() if k in one.fields}})


def known(bench: Bench, **fields: Value) -> dict[str, Value]:
    """Of these values, those whose fields the bench's flow has."""
    return {name: value for name, value in fields.items() if name in ("title", "owner", *bench.flow.fields)}


def moves(bench: Bench) -> None:
    """A move gives its deal the stage and the fields of the order, and leaves all else as it was."""
    first, second, third = three(bench)
    with closing(bench.open()) as source:
        ids = require_done(source, [move("d2", known(bench, owner="bob", seats=None))])
    require(ids == ["d2"], f"the deal moved is said to be {ids[0]!r}; expected 'd2'")
    require_stands(bench, [first, told(second, "sales.won", owner="bob", seats=None), third], "a move")


def copies(bench: Bench) -> None:
    """A copy makes one new deal with the stage and fields of the order, and leaves the one that it is of."""
    deals = three(bench)
    order = copy("d2", known(bench, title="Onboarding", seats=7))
    with closing(bench.open()) as source:
        (made,) = require_done(source, [order])
        own = source.ability.own_ids
    require(made not in {"d1", "d2", "d3"}, f"the copy is said to be {made!r}, which was there before")
    says = f"the copy is said to be {made!r}; expected {order.new_id!r}, since `own_ids` is false"
    require(own or made == order.new_id, says)
    copied = deal(bench, made, "service.kickoff", title="Onboarding", seats=7)
    require_stands(bench, [*deals, copied], "a copy")


def own_effects_come_back(bench: Bench) -> None:
    """What was moved and made by orders is told of as any change is; of copies, never with another's key."""
    _, second, _ = three(bench)
    _, mark = asked(bench, None)
    order = copy("d1", known(bench, title="Copied"))
    with closing(bench.open()) as source:
        _, made = require_done(source, [move("d2"), order])
    said, _ = asked(bench, mark)
    copied = deal(bench, made, "service.kickoff", title="Copied")
    require_said(bench, said, [told(second, "sales.won"), copied], "orders were performed")
    found = said[made]
    key = found.key if isinstance(found, Record) else None
    require(key in {None, order.key}, f"the copy is told of with the key {key!r}; expected {order.key!r} or none")


def stage_conflicts(bench: Bench) -> None:
    """A deal that stands elsewhere by now, or is gone, is not moved."""
    first, second, third = three(bench)
    with closing(bench.open()) as source:
        list(source.changes(None))
        bench.put([elsewhere := replace(second, stage="sales.lost")])
        bench.delete(["d3"])
        for order in (move("d2", known(bench, owner="bob")), move("d3")):
            (outcome,) = performed(source, [order])
            require(isinstance(outcome, Conflict), f"a move from a stage that was left: {outcome!r}; expected Conflict")
    require_stands(bench, [first, elsewhere], "moves of deals that had left their stage or were gone")
    require(third.id == "d3", "")


def one_outcome_each(bench: Bench) -> None:
    """Each order of a batch has its own outcome, in their order; one that can't be done keeps no other from it."""
    first, second, third = three(bench)
    bench.put([elsewhere := replace(second, stage="sales.lost")])
    orders = [move("d1"), move("never was"), move("d2"), copy("d3"), move("d3")]
    with closing(bench.open()) as source:
        outcomes = performed(source, orders)
    kinds = [type(one) for one in outcomes]
    expected = [Done, Conflict, Conflict, Done, Done]
    require(kinds == expected, f"a batch of five: {outcomes!r}; expected {[one.__name__ for one in expected]}")
    made = outcomes[3]
    assert isinstance(made, Done)
    require(made.id not in {"d1", "d2", "d3"}, f"the copy of a batch is said to be {made.id!r}")
    standing = [told(first, "sales.won"), elsewhere, told(third, "sales.won")]
    require_stands(bench, [*standing, deal(bench, made.id, "service.kickoff")], "a batch of five")


def repeated_orders(bench: Bench) -> None:
    """An order that is performed again has no second effect, in whatever process: where keys are kept, and for moves
    that someone else has undone meanwhile, everywhere."""
    first, second, third = three(bench)
    orders = [move("d1", known(bench, owner="bob")), copy("d2")]
    with closing(bench.open()) as source:
        done = require_done(source, orders)
        idempotent = source.ability.idempotent
    for turn in range(2):
        with closing(bench.open()) as source:
            again = performed(source, orders if idempotent else orders[:1])
        for outcome, id_ in zip(again, done, strict=False):
            fits = outcome == Done(id_) or (isinstance(outcome, Conflict) and not idempotent)
            require(fits, f"an order that was done, performed again: {outcome!r}; expected Done of {id_!r}")
        made = deal(bench, done[1], "service.kickoff")
        moved = told(first, "sales.won", owner="bob")
        require_stands(bench, [moved, second, third, made], f"performing again ({turn + 1} times)")
    bench.put([moved_on := replace(first, stage="sales.lost")])
    with closing(bench.open()) as source:
        (outcome,) = performed(source, orders[:1])
    require(isinstance(outcome, (Done, Conflict)), f"a move that was done, and undone by someone: {outcome!r}")
    require_stands(bench, [moved_on], "performing a move again that someone has undone", alone=False)


def lookups(bench: Bench) -> None:
    """What was performed is found; what never was is not, also by a process that didn't do it."""
    three(bench)
    done, never = [move("d1"), copy("d2")], [move("d3"), copy("d3"), copy("d2", n=2)]
    with closing(bench.open()) as source:
        ids = require_done(source, done)
    with closing(bench.open()) as source:
        found = source.find([*never, *done])
        require(len(found) == 5, f"looking five orders up gives {len(found)} outcomes")
    for order, outcome in zip(never, found[:3], strict=True):
        says = f"{order.action.value} of {order.id!r}, never performed, is looked up: {outcome!r}; expected NotDone"
        require(isinstance(outcome, (NotDone, Unknown)), says)
    for order, id_, outcome in zip(done, ids, found[3:], strict=True):
        says = f"{order.action.value} of {order.id!r}, which was done, is looked up: {outcome!r}; expected Done"
        require(isinstance(outcome, Unknown) or outcome == Done(id_), says)
    certain = [one for one in found if not isinstance(one, Unknown)]
    with closing(bench.open()) as source:
        idempotent = source.ability.idempotent
    says = "nothing can be looked up and nothing be repeated, so each lost answer would need a person"
    require(bool(certain) or idempotent, says)


def lookups_later(bench: Bench) -> None:
    """A move that was done and then undone by someone is not called undone by the source: it would be done again."""
    first, *_ = three(bench)
    order = move("d1")
    with closing(bench.open()) as source:
        require_done(source, [order])
        bench.put([replace(first, stage="sales.lost")])
        (outcome,) = source.find([order])
    require(
        isinstance(outcome, (Done, Unknown, Conflict)),
        f"a move that was done, from whose stage someone then took the deal, is looked up: {outcome!r}",
    )


def lost_answers(bench: Bench) -> None:
    """An order that happened, whose answer was lost, is not called undone, and leaves one effect in the end."""
    first, second, third = three(bench)
    for order, expected in (
        (move("d1"), [told(first, "sales.won")]),
        (copy("d2"), [deal(bench, copy("d2").new_id or "", "service.kickoff")]),
    ):
        before = len(bench.standing())
        with closing(bench.open()) as source:
            bench.lose_answer()
            outcome = _outcome(source, order)
            says = f"{order.action.value}, the answer lost: {outcome!r}; expected Unknown (or Done, where it is found)"
            require(isinstance(outcome, (Unknown, Done)), says)
            own = source.ability.own_ids
        _resolved(bench, order)
        after = "an order whose answer was lost was looked up, and tried again where that is promised"
        if own and order.action is Action.COPY:
            require(len(bench.standing()) == before + 1, f"after {after}, there are {len(bench.standing())} deals")
        else:
            require_stands(bench, expected, after, alone=False)
            wanted = before + (order.action is Action.COPY)
            require(len(bench.standing()) == wanted, f"after {after}, there are {len(bench.standing())} deals")
    require_stands(bench, [second, third], "all that", alone=False)


def lost_calls(bench: Bench) -> None:
    """An order that did not happen, which the source couldn't tell, is not called done, and happens in the end."""
    first, second, third = three(bench)
    for order in (move("d1"), copy("d2")):
        before = bench.standing()
        with closing(bench.open()) as source:
            bench.lose_call()
            outcome = _outcome(source, order)
        says = f"{order.action.value}, the call lost: {outcome!r}; expected that it be not called done, nor refused"
        require(isinstance(outcome, (Unknown, NotDone, Later)), says)
        require(bench.standing() == before, "an order had an effect though its call was lost")
        _resolved(bench, order)
    require_stands(bench, [told(first, "sales.won"), second, third], "two calls that were lost at first", alone=False)
    require(len(bench.standing()) == 4, f"after it all there are {len(bench.standing())} deals; expected 4")


def rate_limits(bench: Bench) -> None:
    """Too many calls hold all calls back, for as long as the place says; and what was turned down didn't happen."""
    deals = three(bench)
    orders = [move("d1"), move("d2")]
    with closing(bench.open()) as source:
        bench.limit(30.0)
        outcomes = performed(source, orders)
        for outcome in outcomes:
            says = f"a place that is asked too often: {outcome!r}; expected Later"
            require(isinstance(outcome, Later), says)
            assert isinstance(outcome, Later)
            require(outcome.all_, f"it holds back this order alone ({outcome!r}); expected `all_`")
            says = f"the place said to come back after 30 s, and the source says {outcome.after!r}"
            require(outcome.after is not None and outcome.after >= 30.0, says)
        require_stands(bench, deals, "calls that were turned down")
        require_done(source, orders)


def foreign_edits(bench: Bench) -> None:
    """What someone else wrote into the deal since it was read stays, where the order says nothing of it."""
    first, second, third = three(bench)
    with closing(bench.open()) as source:
        list(source.changes(None))
        edited = replace(first, fields={**first.fields, "owner": "eve"})
        other = replace(second, fields={**second.fields, "title": "Edited"})
        bench.put([edited, other])
        (outcome,) = performed(source, [move("d1", known(bench, title="Moved"))])
    require(isinstance(outcome, (Done, Conflict, Refused)), f"a move of a deal that was edited: {outcome!r}")
    after = told(edited, "sales.won", title="Moved") if isinstance(outcome, Done) else edited
    require_stands(bench, [after, other, third], "a move of a deal that someone had edited")


def ids_in_use(bench: Bench) -> None:
    """A copy never takes the place of a deal that has its id already."""
    deals = three(bench)
    order = copy("d1")
    bench.put([there := deal(bench, order.new_id or "", "service.live", title="Mine")])
    with closing(bench.open()) as source:
        (outcome,) = performed(source, [order])
        own = source.ability.own_ids
    if not own:
        says = f"a copy whose id another deal has: {outcome!r}; expected that it be not done"
        require(isinstance(outcome, (Refused, Conflict, Unknown)), says)
    require_stands(bench, [*deals, there], "a copy whose id another deal had", alone=not own)


def written_values(bench: Bench) -> None:
    """Values are written as they are, by moves and by copies: of every type, to their limits, in any script."""
    wanted = valued(bench)
    bench.put([deal(bench, one.id) for one in wanted])
    with closing(bench.open()) as source:
        for start in range(0, len(wanted), source.ability.batch):
            some = wanted[start : start + source.ability.batch]
            made = require_done(source, [copy(one.id, one.fields, to="sales.talks") for one in some])
            require_done(source, [move(one.id, one.fields) for one in some])
            after = [replace(one, stage="sales.won") for one in some]
            after += [replace(one, id=id_, stage="sales.talks") for one, id_ in zip(some, made, strict=True)]
            require_stands(bench, after, "such values were written", alone=False)


def unicode_orders(bench: Bench) -> None:
    """Orders find their deal by every character of its id."""
    ids = [id_ for id_ in IDS if bench.holds("id", id_)]
    bench.put([deal(bench, id_, title=f"{n}") for n, id_ in enumerate(ids)])
    with closing(bench.open()) as source:
        for n, id_ in enumerate(ids):
            if n % 2:
                require(require_done(source, [move(id_)]) == [id_], f"another deal was moved than {id_!r}")
    standing: Mapping[str, Record] = bench.standing()
    for n, id_ in enumerate(ids):
        expected = "sales.won" if n % 2 else "sales.new"
        stage = standing[id_].stage if id_ in standing else None
        require(stage == expected, f"the deal {id_!r} stands in {stage}; expected {expected}")


def full_batches(bench: Bench) -> None:
    """As many orders as `batch` says can be given at once, and none."""
    with closing(bench.open()) as source:
        batch = min(source.ability.batch, 1_000)
        require(not source.perform([]) and not source.find([]), "no orders have outcomes")
        ids = [f"d{n}" for n in range(batch)]
        bench.put([deal(bench, id_) for id_ in ids])
        require(require_done(source, [move(id_) for id_ in ids]) == ids, "the outcomes are not in the orders' order")
        found = [one.id if isinstance(one, Done) else id_ for id_, one in zip(ids, source.find(_all(ids)), strict=True)]
        require(found == ids, "what is found is not in the orders' order")
    require_stands(bench, [deal(bench, id_, "sales.won") for id_ in ids], "a full batch")


def _all(ids: Sequence[str]) -> list[Order]:
    return [move(id_) for id_ in ids]


def _outcome(source: Source, order: Order) -> Outcome:
    """What came of it; an error is what it is to flowrun."""
    try:
        return performed(source, [order])[0]
    except Broken:
        raise
    except FlowrunError as error:
        return Unknown(str(error))


def _resolved(bench: Bench, order: Order) -> None:
    """Do what flowrun does after an outcome that is unknown or undone: look it up, and perform it where that's safe."""
    with closing(bench.open()) as source:
        (found,) = source.find([order])
        if isinstance(found, NotDone) or (isinstance(found, Unknown) and source.ability.idempotent):
            (outcome,) = performed(source, [order])
            says = f"{order.action.value}, looked up as {found!r} and then performed: {outcome!r}; expected Done"
            require(isinstance(outcome, Done), says)
        else:
            says = f"{order.action.value}, looked up after its answer was lost: {found!r}; expected Done or NotDone"
            require(isinstance(found, Done), says)


OUTWARDS: tuple[Callable[[Bench], None], ...] = (
    moves,
    copies,
    own_effects_come_back,
    stage_conflicts,
    one_outcome_each,
    repeated_orders,
    lookups,
    lookups_later,
    lost_answers,
    lost_calls,
    rate_limits,
    foreign_edits,
    ids_in_use,
    written_values,
    unicode_orders,
    full_batches,
)
