"""What an environment changes: variables, modes of tunnels, source, webhooks, limits, rails, and the way to confirm.

The chosen one's values go into the flow, and `from/…` in its sites says where each stands. The others are looked at
too: for mistakes of their own, and (`elsewhere`) for those that only show where they are chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from flowrun.config.findings import Findings
from flowrun.config.known import Known
from flowrun.config.leaves import exact
from flowrun.config.models import EnvironmentBlock, LimitsBlock, RailsBlock
from flowrun.config.namespace import Declared, Namespace
from flowrun.config.overrides import Overrides
from flowrun.config.reading import Block
from flowrun.config.sites import Sites
from flowrun.config.sources import Kinds, read_source
from flowrun.diagnostics import Diagnostic, Related
from flowrun.flow.model import Limits, Mode, Rails, SourceSpec
from flowrun.yamldoc import Mapping

MAX_RESOLVED = 20_000
"""Tunnels resolved for the sake of other environments than the chosen one, all environments together: some seconds."""
RAILS = ("existing", "share", "deleted")

_NAMED = 3
"""Environments that one finding names at most."""


def modes(environment: EnvironmentBlock | None) -> dict[str, Mode]:
    """The modes that the environment gives to tunnels."""
    given = environment.tunnels.items() if environment else ()
    return {str(name): block.mode for name, block in given if block and block.mode}


def limits(*blocks: LimitsBlock | None) -> Limits:
    """The defaults, overridden by each block in turn."""
    hops, copies, per = Limits().max_hops, Limits().max_copies, Limits().per
    for block in filter(None, blocks):
        hops = block.max_hops or hops
        copies = block.max_copies or copies
        per = exact(block.per) if block.per else per
    return Limits(hops, copies, per)


def rails(*blocks: RailsBlock | None) -> Rails:
    """The defaults, overridden by each block in turn."""
    found = Rails()
    for block in filter(None, blocks):
        given = {name: getattr(block, name) for name in RAILS}
        found = replace(found, **{name: value for name, value in given.items() if value is not None})
    return found


def check_environments(namespace: Namespace, known: Known, kinds: Kinds, chosen: EnvironmentBlock | None) -> SourceSpec:
    """The tunnels and the source that each environment names, whichever is chosen; where deals live by the chosen one,
    which stands in place of the whole."""
    blocks = [one.block for one in namespace.tunnels.values()]
    targets = tuple(block.to for block in blocks if block is not None and block.to is not None)
    replaced = chosen is not None and chosen.source is not None
    source = read_source(namespace.source, kinds, known, () if replaced else targets)
    for declared in namespace.environments.values():
        if declared.block is not None:
            for tunnel in declared.block.tunnels:
                known.tunnel(tunnel)
            if declared.block.source is not None:
                mine = declared.block is chosen
                other = read_source(declared.block.source, kinds, known, targets if mine else ())
                source = other if mine else source
    return source


def put_origins(chosen: Declared[EnvironmentBlock] | None, sites: Sites) -> None:
    """Remembers where the chosen environment, and each value that it sets, stands; of variables, see `resolve`."""
    block = chosen.block if chosen else None
    if chosen is None or block is None:
        return
    sites.put("settings/environment", chosen.span)
    if block.has("confirm"):
        sites.put("settings/confirm", block.place_of("confirm"))
        sites.put("from/settings/confirm.value", block.place_of("confirm"))
    if block.has("source"):
        sites.put("from/settings/source.type", block.place_of("source"))
        given = block.node_of("source")
        for entry in given.entries if isinstance(given, Mapping) else ():
            if entry.key.text != "type":
                sites.put(f"from/settings/source.{entry.key.text}", entry.key.span)
    for name in block.webhooks:
        sites.put(f"webhooks/{name}", name.node.span)
    parts: tuple[tuple[str, Block | None, tuple[str, ...]], ...] = (
        ("settings/limits", block.limits, ("max_hops", "max_copies", "per")),
        ("settings/rails", block.rails, RAILS),
        *((f"tunnels.{name}", one, ("mode",)) for name, one in block.tunnels.items()),
    )
    for path, part, keys in parts:
        for key in keys:
            if part is not None and part.has(key):
                sites.put(f"from/{path}.{key}", part.place_of(key))


def given_everywhere(namespace: Namespace, variable: str) -> bool:
    """Whether there are environments, and each of them gives that variable a value."""
    blocks = [declared.block for declared in namespace.environments.values()]
    return bool(blocks) and all(block is None or variable in block.vars for block in blocks)


def elsewhere(
    namespace: Namespace,
    overrides: Overrides,
    found: Iterable[Diagnostic],
    judge: Callable[[Overrides, Findings], None],
) -> list[Diagnostic]:
    """What is only found where some environment is chosen, each finding once, with the environments that it is of.

    `judge` resolves and checks all files under the given choice. `found` is what is known already.
    """
    known = {_about(finding) for finding in found}
    more: dict[tuple[object, ...], tuple[Diagnostic, list[Declared[EnvironmentBlock]]]] = {}
    left = MAX_RESOLVED
    for name, declared in namespace.environments.items():
        left -= len(namespace.tunnels)
        if left < 0 and left + len(namespace.tunnels) < MAX_RESOLVED:
            break
        if declared.block is not None and _matters(declared.block):
            findings = Findings()
            judge(replace(overrides, environment=name), findings)
            for finding in findings.all:
                if _about(finding) not in known:
                    more.setdefault(_about(finding), (finding, []))[1].append(declared)
    return [_named(finding, where) for finding, where in more.values()]


def _matters(block: EnvironmentBlock) -> bool:
    """Whether the environment changes anything that a check looks at."""
    return bool(block.vars or block.tunnels or block.limits)


def _about(finding: Diagnostic) -> tuple[object, ...]:
    return finding.code, finding.span, finding.message


def _named(finding: Diagnostic, where: list[Declared[EnvironmentBlock]]) -> Diagnostic:
    names = ", ".join(f"'{one.id}'" for one in where[:_NAMED])
    if len(where) > _NAMED:
        names += f" and {len(where) - _NAMED} more"
    message = f"in the environment{'' if len(where) == 1 else 's'} {names}: {finding.message}"
    related = (*finding.related, Related("the environment stands here", where[0].span))
    return replace(finding, message=message, related=related)
