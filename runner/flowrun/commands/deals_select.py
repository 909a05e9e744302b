"""Which deals a command is about: `--pipeline`, `--stage` and `--where`, held against the applied flow."""

from __future__ import annotations

from dataclasses import dataclass

from flowrun.calendars.zones import zone
from flowrun.commands.arguments import Arguments
from flowrun.diagnostics import Span, did_you_mean, error, excerpt
from flowrun.expr import Names, builtins, parse_condition
from flowrun.flow.model import Flow
from flowrun.sources.mapping import Given, unknown_stage
from flowrun.store.deals import Selection


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options as they were given; None: not given."""

    pipeline: str | None = None
    stage: str | None = None
    where: str | None = None


def selection(flow: Flow, wanted: Wanted, now: int) -> Selection:
    """The selection that the options mean. Raises InvalidInput with all that is wrong with them."""
    arguments = Arguments()
    if wanted.pipeline is not None:
        given = arguments.given(wanted.pipeline, "--pipeline ")
        if wanted.pipeline not in flow.pipelines:
            hint = did_you_mean(wanted.pipeline, flow.pipelines)
            message = f"there is no pipeline '{excerpt(wanted.pipeline)}'"
            arguments.findings.append(error("FR604", message, given.span, hint))
    if wanted.stage is not None:
        arguments.findings += unknown_stage(arguments.given(wanted.stage, "--stage "), flow)
    where = None
    if wanted.where is not None:
        given = arguments.given(wanted.where, "--where ")
        where, problems = parse_condition(wanted.where, _names(flow))
        arguments.findings += [
            error(problem.code, problem.message, _part(given, problem.start, problem.end), problem.help)
            for problem in problems
        ]
    arguments.refuse_mistakes()
    return Selection(wanted.pipeline, wanted.stage, where, zone(flow.timezone).date(now))


def _part(given: Given, start: int, end: int) -> Span:
    span = given.span
    return Span(span.file, span.line, span.column + start, span.line, span.column + max(end, start + 1))


def _names(flow: Flow) -> Names:
    return Names(
        {
            **builtins(list(flow.stages), list(flow.pipelines)),
            **{field.id: field.type for field in flow.fields.values()},
        },
        {var.id: (var.type, var.value) for var in flow.vars.values()},
    )
