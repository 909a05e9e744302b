"""`flowrun source`: what a place where deals live says of itself, and what flowrun makes there on a user's word.

It is that of the files, which may not be applied yet: what a source rests on is made before the first apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowrun.commands.project import Project
from flowrun.config.reading import Block
from flowrun.config.sources import options
from flowrun.errors import WrongUsage
from flowrun.flow.model import Flow
from flowrun.sources import registry
from flowrun.sources.interface import Described, Installing, Kind, Place


@dataclass(frozen=True, slots=True)
class Looked:
    """A source that was reached, and what it said. `type` is its kind."""

    type: str
    described: Described


def look(project: Project, folder: Path) -> Looked:
    """Reach the source and ask what is there; writes nothing. `folder` is what relative paths start from.

    Raises WrongUsage where deals live in the store, InvalidFlow, and WorkFailed or SourceTrouble as the source says.
    """
    flow = _elsewhere(project)
    source = registry.opened(flow, folder)
    try:
        return Looked(flow.source.type, source.describe())
    finally:
        source.close()


def install(project: Project, folder: Path, *, make: bool) -> tuple[str, ...] | None:
    """Make there what the source rests on, where it is missing; the statements, none if nothing was missing, null for a
    kind of source that needs nothing.

    Without `make` they are only given. Raises as `look`.
    """
    flow = _elsewhere(project)
    found = _installing(flow)
    return None if found is None else tuple(found[0].install(found[1], Place(flow, folder), make=make))


def uninstall(project: Project, folder: Path, *, make: bool) -> tuple[str, ...] | None:
    """Take away again what `install` made. Otherwise as that."""
    flow = _elsewhere(project)
    found = _installing(flow)
    return None if found is None else tuple(found[0].uninstall(found[1], Place(flow, folder), make=make))


def _elsewhere(project: Project) -> Flow:
    flow, _ = project.flow()
    if not flow.source.elsewhere:
        raise WrongUsage("the deals of this project live in the store", "`source` in the flow files says where else")
    return flow


def _installing(flow: Flow) -> tuple[Installing, Block] | None:
    kind: Kind = registry.kind(flow.source.type)
    return (kind, options(flow.source, kind.options)) if isinstance(kind, Installing) else None
