"""Scenarios, from their blocks to their meaning: deals, stages, tunnels and fields found, values and moments read.

A scenario is a straight line, so everything that does not depend on the engine is known here: which deals there are at
each step, and what time it is. A mistake in it is a finding of `validate`, not a failure of a test.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

from flowrun.calendars.zones import Zone
from flowrun.config.findings import Findings
from flowrun.config.known import SETTABLE, Known
from flowrun.config.namespace import declared_twice
from flowrun.config.reading import Block, Text, Unreadable, shown
from flowrun.config.scenario_models import (
    AddBlock,
    ExpectBlock,
    ExpectedCopyBlock,
    ExpectedDealBlock,
    FiredBlock,
    MoveBlock,
    NotFiredBlock,
    ScenarioBlock,
    ScenarioFile,
    SetBlock,
    StepBlock,
)
from flowrun.config.values import read_value
from flowrun.diagnostics import Related, Span
from flowrun.expr.types import DATETIME, Value
from flowrun.expr.values import BadValue, read
from flowrun.flow.deal_id import id_problem
from flowrun.flow.model import Action, Tunnel
from flowrun.flow.scenario import (
    COPY,
    Add,
    Delete,
    Expect,
    ExpectedCopy,
    ExpectedCount,
    ExpectedDeal,
    ExpectedFiring,
    ExpectedRest,
    Looked,
    Move,
    Named,
    Restart,
    Scenario,
    Set,
    Step,
    Until,
)
from flowrun.yamldoc import Entry, Scalar
from flowrun.yamldoc import Mapping as Node

T = TypeVar("T")

_SECTIONS = ("deals", "count", "copies", "fired", "not_fired")
_LISTED = 12


def scenarios_of(
    file: ScenarioFile, known: Known, tunnels: Mapping[str, Tunnel], zone: Zone, findings: Findings
) -> tuple[Scenario, ...]:
    """The file's scenarios, those with mistakes left out, which are reported. `tunnels` are those without errors."""
    if file.has("tests") and file.tests == () and file.sound:
        findings.error(
            "FR707", "a scenario file needs a scenario", file.place_of("tests"), "add one, or remove the file"
        )
    names: dict[str, Span] = {}
    found = []
    for block in file.tests or ():
        if block.name is not None:
            span = block.name.node.span
            if block.name in names:
                declared_twice(findings, f"the scenario {shown(block.name)}", span, names[block.name])
            names.setdefault(str(block.name), span)
        before = findings.errors, known.passed_over
        scenario = _Line(block, known, tunnels, zone, findings).resolve()
        if scenario is not None and block.sound and before == (findings.errors, known.passed_over):
            found.append(scenario)
    return tuple(found)


class _Line:
    """One scenario, walked from its beginning: the deals that there are so far, and what time it is."""

    def __init__(
        self, block: ScenarioBlock, known: Known, tunnels: Mapping[str, Tunnel], zone: Zone, findings: Findings
    ) -> None:
        self._block = block
        self._known = known
        self._tunnels = tunnels
        self._zone = zone
        self._findings = findings
        self._now: int | None = None
        self._deals: dict[str, Text] = {}
        self._deleted: dict[str, Text] = {}

    def resolve(self) -> Scenario | None:
        block = self._block
        begins = self._now = self._moment(block.now, "now") if block.now else None
        given = [self._add(one) for one in block.given]
        steps = [self._step(step) for step in block.steps or ()]
        if block.steps is not None and block.sound and not any(step.expect for step in block.steps):
            hint = "end it with `- expect: …`"
            self._findings.error("FR706", "a scenario needs an `expect`: this one shows nothing", _place(block), hint)
        if block.name is None or begins is None:
            return None
        return Scenario(str(block.name), begins, _all(given), _all(steps), block.name.node.span)

    def _step(self, block: StepBlock) -> Step | None:
        written = _keys(block)
        if len(written) != 1:
            if block.sound:
                keys = ", ".join(StepBlock.model_fields)
                two = f"`{written[0].key.text}` and `{written[1].key.text}`" if written else "nothing"
                span = written[1].key.span if written else block.node.span
                self._findings.error("FR701", f"a step is one thing that happens, found {two}", span, f"one of: {keys}")
            return None
        match block:
            case StepBlock(set=SetBlock() as one):
                return self._set(one)
            case StepBlock(move=MoveBlock() as one):
                return self._move(one)
            case StepBlock(add=AddBlock() as one):
                return self._add(one)
            case StepBlock(delete=Text() as one):
                return self._delete(one)
            case StepBlock(restart=True):
                return Restart()
            case StepBlock(expect=ExpectBlock() as one):
                return self._expect(one)
            case _:
                return self._until(block)

    # What happens

    def _add(self, block: AddBlock) -> Add | None:
        stage = self._known.stage(block.at, "at") if block.at else None
        values = self._values(block, ("id", "at"))
        id_ = block.id
        if id_ is None:
            return None
        span = id_.node.span
        if problem := id_problem(id_, new=True):
            self._findings.error("FR703", problem, span)
        elif id_ in self._deals:
            declared_twice(self._findings, f"the deal {shown(id_)}", span, self._deals[id_].node.span)
        self._deals.setdefault(str(id_), id_)
        self._deleted.pop(id_, None)
        return Add(str(id_), stage, values, span) if stage else None

    def _set(self, block: SetBlock) -> Set | None:
        deal = self._deal(block.deal)
        values = self._values(block, ("deal",))
        if block.sound and len(_keys(block)) < 2:
            self._findings.error(
                "FR402", "`set` needs a field to set", _place(block), "for example {deal: d1, title: New}"
            )
        return Set(deal, values) if deal else None

    def _move(self, block: MoveBlock) -> Move | None:
        deal = self._deal(block.deal)
        stage = self._known.stage(block.to, "to") if block.to else None
        return Move(deal, stage) if deal and stage else None

    def _delete(self, ref: Text) -> Delete | None:
        deal = self._deal(ref)
        if deal is not None and ref in self._deals:
            self._deleted[str(ref)] = self._deals.pop(ref)
        return Delete(deal) if deal else None

    def _until(self, block: StepBlock) -> Until | None:
        now = self._now
        if block.until is not None:
            self._now = self._moment(block.until, "until")
            span = block.until.node.span
            if now is not None and self._now is not None and self._now < now:
                says = f"time does not go back: it is {self._zone.text(now)} by then"
                self._findings.error("FR704", says, span)
                self._now = now
        elif block.advance is not None and now is not None:
            span = block.node_of("advance").span
            try:
                self._now = self._zone.shift(now, block.advance)
            except OverflowError:
                self._findings.error("FR704", "that is beyond the year 9999", span)
        else:
            return None
        return Until(self._now, span) if self._now is not None else None

    # What is expected

    def _expect(self, block: ExpectBlock) -> Expect:
        if block.sound:
            self._check_something(block)
        deals = [self._expected_deal(name, one) for name, one in block.deals.items() if one is not None]
        counts = [
            ExpectedCount(stage, count, block.node_of("count").get(name).span)  # type: ignore[union-attr]
            for name, count in block.count.items()
            if (stage := self._known.stage(name, "count")) is not None and count is not None
        ]
        return Expect(
            deals=_all(deals),
            counts=tuple(counts),
            copies=_all(self._expected_copy(one) for one in block.copies),
            fired=_all(self._fired(one) for one in block.fired),
            rests=_all(self._rest(one) for one in block.not_fired),
            exact=block.node_of("exact").span if block.exact else None,
            span=_place(block),
        )

    def _check_something(self, block: ExpectBlock) -> None:
        """Reports expectations that would check nothing, and so would hold whatever happens."""
        for section in _SECTIONS:
            if block.has(section) and not getattr(block, section):
                self._nothing(f"`{section}` names nothing", block.place_of(section), section)
        if not block.exact and not any(block.has(section) for section in _SECTIONS):
            self._nothing("`expect` names nothing", _place(block), "expect")

    def _nothing(self, says: str, span: Span, key: str) -> None:
        hint = {
            "expect": "the keys here are " + ", ".join((*_SECTIONS, "exact")),
            "fired": "`exact: true` says that nothing has fired",
            "copies": "`exact: true` says that nothing was copied, `count` how many deals stand in a stage",
        }
        self._findings.error("FR705", f"{says}: it would hold whatever happens", span, hint.get(key))

    def _expected_deal(self, ref: Text, block: ExpectedDealBlock) -> ExpectedDeal | None:
        deal = self._deal(ref)
        looks = self._looks(block, ())
        if block.sound and not _keys(block):
            self._nothing(f"nothing is expected of {shown(ref)}", ref.node.span, "")
        return ExpectedDeal(deal, looks) if deal else None

    def _expected_copy(self, block: ExpectedCopyBlock) -> ExpectedCopy | None:
        of = self._deal(block.of, gone=True)
        tunnel = self._copying(block.tunnel) if block.tunnel else None
        looks = self._looks(block, ("of", "tunnel"))
        return ExpectedCopy(of, tunnel, looks, _place(block)) if of and tunnel else None

    def _fired(self, block: FiredBlock) -> ExpectedFiring | None:
        deal = self._deal(block.deal, gone=True)
        tunnel = self._known.tunnel(block.tunnel) if block.tunnel else None
        time = self._moment(block.time, "time") if block.time else None
        return ExpectedFiring(deal, tunnel, time, _place(block)) if deal and tunnel else None

    def _rest(self, block: NotFiredBlock) -> ExpectedRest | None:
        deal = self._deal(block.deal)
        tunnel = self._known.tunnel(block.tunnel) if block.tunnel else None
        why = block.node_of("because").span
        return ExpectedRest(deal, tunnel, block.because, why, _place(block)) if deal and tunnel else None

    # Parts

    def _deal(self, ref: Text | None, *, gone: bool = False) -> Named | None:
        """The deal that a name means, one that is deleted by now included if `gone`; None, and a finding, without."""
        if ref is None:
            return None
        first, *tunnels = ref.split(COPY)
        there = first in self._deals or (first in self._deleted and (gone or bool(tunnels)))
        if not there:
            self._unknown_deal(ref, first)
        offset, sure = len(first) + 1, there
        for name in tunnels:
            part = Text(Scalar(name, ref.node.style, ref.node.locate(offset, offset + len(name)), ref.node.locate))
            sure = self._copying(part) is not None and sure
            offset += len(name) + 1
        return Named(str(ref), ref.node.span) if sure else None

    def _unknown_deal(self, ref: Text, first: str) -> None:
        span = ref.node.locate(0, len(first)) if first else ref.node.span
        if first in self._deleted:
            related = Related("it was added here", self._deleted[first].node.span)
            self._findings.error("FR702", f"the deal {shown(first)} is deleted by then", span, None, related)
            return
        some = list(self._deals)
        listed = f"the deals so far: {', '.join(some)}" if 0 < len(some) <= _LISTED else None
        hint = self._findings.near(first, self._deals) or listed
        self._findings.error("FR702", f"the scenario has no deal {shown(first)}", span, hint or "`given` adds some")

    def _copying(self, ref: Text) -> str | None:
        """A tunnel that makes copies; None, and a finding, if it is none."""
        tunnel = self._known.tunnel(ref)
        found = self._tunnels.get(tunnel) if tunnel else None
        if found is not None and found.action is not Action.COPY:
            self._findings.error("FR708", f"tunnel '{tunnel}' moves deals: it makes no copies", ref.node.span)
            return None
        return tunnel

    def _moment(self, text: Text, key: str) -> int | None:
        try:
            instant = read(text, DATETIME, self._zone)
        except BadValue as error:
            self._findings.error("FR405", f"`{key}` can't be read: {error}", text.node.span)
            return None
        assert isinstance(instant, int)
        return instant

    def _values(self, block: Block, keys: Collection[str]) -> tuple[tuple[str, Value], ...]:
        """The values of all other keys than these, in their order."""
        return tuple((name, value) for _, name, value in self._fields(block, keys))

    def _looks(self, block: ExpectedDealBlock | ExpectedCopyBlock, keys: Collection[str]) -> tuple[Looked, ...]:
        stage = self._known.stage(block.at, "at") if block.at else None
        first = [Looked("at", stage, block.at.node.span)] if block.at and stage else []
        return (
            *first,
            *(Looked(name, value, entry.value.span) for entry, name, value in self._fields(block, {*keys, "at"})),
        )

    def _fields(self, block: Block, keys: Collection[str]) -> Iterator[tuple[Entry, str, Value]]:
        types = self._known.settable
        for entry in _keys(block):
            name = None if entry.key.text in keys else self._known.field(Text(entry.key), also=SETTABLE)
            if name is None:
                continue
            try:
                yield entry, name, read_value(entry.value, types[name], self._zone)
            except Unreadable as error:
                self._findings.error(error.code, f"`{name}` {error.says}", error.span, error.hint)


def _keys(block: Block) -> tuple[Entry, ...]:
    """What is written in the block."""
    return block.node.entries if isinstance(block.node, Node) else ()


def _place(block: Block) -> Span:
    """Where the block is shown: all of it if it stands on one line, else its first key."""
    span = block.node.span
    if span.line == span.end_line or not (entries := _keys(block)):
        return span
    return entries[0].key.span


def _all(found: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(one for one in found if one is not None)
