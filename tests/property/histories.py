"""Random histories: what happens to a flow and its deals; the material of `test_engine`.

Histories in which deals, people, time and revisions take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from flowrun.calendars.durations import DAY, HOUR, MINUTE
from flowrun.expr import Template
from flowrun.expr.types import Value
from flowrun.flow.model import Flow, Tunnel
from tests.property.random_flows import TUNNELS, flows, values
from tests.property.successors import successors

HAPPENS = ("pass", "change", "move", "add", "delete", "pause", "resume", "retry", "apply", "run")
IDS = [f"d{number}" for number in range(1, 10)]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens; `what` names it, `given` are its particulars."""

    what: str
    given: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        """For reading a failure: what is not as usual."""
        return f"{self.what} {', '.join(_brief(value) for value in self.given)}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))


def _brief(value: object) -> str:
    if isinstance(value, Flow):
        tunnels_ = [_brief(tunnel) for tunnel in value.tunnels.values()]
        required = {stage.id: stage.requires for stage in value.stages.values() if stage.requires}
        pipelines = [f"{id_}: {' '.join(stage.short for stage in one.stages)}" for id_, one in value.pipelines.items()]
        fields = [f"{one.id} {one.type} {one.type.places} {one.default}" for one in value.fields.values()]
        renamed = [f"{one.old} → {one.new}" for one in value.moved]
        renamed += [f"{one.stage} gone to {one.target}" for one in value.removed]
        about = [f"{value.timezone} {value.limits} requires {required}", *pipelines, ", ".join(fields), *renamed]
        return "\n  ".join([*about, *tunnels_])
    if isinstance(value, Tunnel):
        given_ = {name: setting.text if isinstance(setting, Template) else setting for name, setting in value.set}
        usual = Tunnel(value.id, value.sources, value.target, value.action)
        unusual = [
            f"{name}={getattr(value, name)}"
            for name in Tunnel.__dataclass_fields__
            if name not in {"when", "set"} and getattr(value, name) != getattr(usual, name)
        ]
        when = f"when {value.when.text!r}" if value.when else ""
        return " ".join([value.id, value.action, *value.sources, "→", value.target, when, *unusual, str(given_ or "")])
    return repr({name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value)


@st.composite
def changes(draw: st.DrawFn, flow: Flow) -> tuple[str, Value]:
    some = values(flow)
    name = draw(st.sampled_from(list(some)))
    return name, draw(st.sampled_from(some[name]))


def fields_of(flow: Flow) -> st.SearchStrategy[dict[str, Value]]:
    """Values for all fields of a deal."""
    return st.fixed_dictionaries({name: st.sampled_from(some) for name, some in values(flow).items()})


def stages_of(flow: Flow) -> st.SearchStrategy[str]:
    """Stages, those that tunnels leave more often."""
    busy = [stage for tunnel in flow.tunnels.values() for stage in tunnel.sources] or list(flow.stages)
    return st.one_of(st.sampled_from(busy), st.sampled_from(busy), st.sampled_from(list(flow.stages)))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A flow, and what happens to it and to its deals."""
    flow = draw(flows())
    happened = [Event("apply", (flow,))]
    added = draw(st.lists(st.tuples(st.sampled_from(IDS), stages_of(flow), fields_of(flow)), min_size=3, max_size=9))
    happened += [Event("add", one) for one in added]
    for _ in range(draw(st.integers(3, 10))):
        what = draw(
            st.sampled_from([*HAPPENS, "pass", "pass", "change", "change", "move", "resume", "retry", "apply", "apply"])
        )
        if what == "pass":
            happened.append(Event(what, (draw(st.sampled_from([1, MINUTE, HOUR, 3 * HOUR, DAY, 25 * HOUR, 3 * DAY])),)))
        elif what == "change":
            happened.append(Event(what, (draw(st.integers(0, 20)), *draw(changes(flow)))))
        elif what == "move":
            happened.append(Event(what, (draw(st.integers(0, 20)), draw(stages_of(flow)))))
        elif what == "add":
            happened.append(Event(what, (draw(st.sampled_from(IDS)), draw(stages_of(flow)), draw(fields_of(flow)))))
        elif what == "delete":
            happened.append(Event(what, (draw(st.integers(0, 20)),)))
        elif what in {"pause", "resume"}:
            happened.append(Event(what, (draw(st.sampled_from(list(flow.tunnels) or TUNNELS)),)))
        elif what == "retry":
            happened.append(Event(what, (draw(st.one_of(st.none(), st.integers(0, 20))),)))
        elif what == "apply":
            flow = draw(successors(flow))
            happened.append(Event(what, (flow,)))
        else:
            happened.append(Event(what))
    return [*happened, Event("run")]
