"""The kinds of source: those that come with flowrun, and those that other packages offer as entry points.

Nothing is imported before a kind is asked for by its name, the reading of files least of all; and the packages that are
installed are looked through only for a name that isn't flowrun's own. A package that can't be loaded spoils its own
kind and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from flowrun.diagnostics import did_you_mean
from flowrun.errors import FlowrunError, WorkFailed
from flowrun.flow.model import STORE, Flow
from flowrun.sources.interface import ENTRY_POINTS, Kind, Place, Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from flowrun.config.reading import Block

BUILT_IN: Mapping[str, str] = {"files": "flowrun.sources.files:KIND", "sql": "flowrun.sources.sql.kind:KIND"}
"""Where each of flowrun's own kinds stands: `module:name`."""


class Kinds(Mapping[str, "type[Block]"]):
    """The models of all kinds by their names, as `config` takes them (`config.sources.Kinds`). `own`: flowrun's own
    kinds alone."""

    def __init__(self, *, own: bool = False) -> None:
        self._own = own

    def __getitem__(self, name: str) -> type[Block]:
        if self._own and name not in BUILT_IN:
            raise KeyError(name)
        return kind(name).options

    def __iter__(self) -> Iterator[str]:
        yield from BUILT_IN
        if not self._own:
            yield from (name for name in sorted(offered()) if name not in BUILT_IN and name != STORE)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or (not self._own and name in offered())


KINDS = Kinds()
"""All kinds."""


def kind(name: str) -> Kind:
    """The kind of that name.

    Raises KeyError where there is none, WorkFailed where the package that offers it can't be loaded or is no such
    thing.
    """
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: Kind = getattr(import_module(module), attribute)
        return found
    return _loaded(name)


def opened(flow: Flow, folder: Path) -> Source:
    """The source where the deals of that flow live, opened. `folder` is what relative paths in its keys start from.

    Raises WorkFailed for a kind that isn't there or can't be loaded, keys that don't fit it, and what its own `open`
    says.
    """
    from flowrun.config.sources import options

    spec = flow.source
    try:
        found = kind(spec.type)
    except KeyError:
        raise WorkFailed(
            f"there is no source '{spec.type}' here, where the deals of the applied revision live",
            did_you_mean(spec.type, list(KINDS)) or "install the package that offers it",
        ) from None
    keys = options(spec, found.options)
    try:
        return found.open(keys, Place(flow, folder))
    except FlowrunError:
        raise
    except Exception as error:
        raise WorkFailed(f"the source '{spec.type}' can't be opened: {said(error)}") from error


def said(error: BaseException) -> str:
    """What another's error says, in one line, with its kind."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@cache
def offered() -> Mapping[str, tuple[EntryPoint, ...]]:
    """What other packages offer, by name."""
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


@cache
def _loaded(name: str) -> Kind:
    from flowrun.config.reading import Block

    points = offered()[name]
    packages = list(dict.fromkeys(_package(point) for point in points))
    if len(points) > 1 and len({point.value for point in points}) > 1:
        raise WorkFailed(
            f"the source '{name}' is offered by more than one package: {', '.join(packages)}", "remove one of them"
        )
    point, package = points[0], packages[0]
    try:
        found = point.load()
    except Exception as error:
        raise WorkFailed(
            f"the source '{name}' of the package {package} can't be loaded: {said(error)}",
            f"mend or remove {package}; other sources work all the same",
        ) from error
    model = getattr(found, "options", None)
    fits = isinstance(model, type) and issubclass(model, Block) and callable(getattr(found, "open", None))
    if isinstance(found, type) or not fits:
        raise WorkFailed(
            f"the source '{name}' of the package {package} is no kind of source: {point.value} must be an object with "
            "`options`, a model of its keys, and `open`",
            f"mend or remove {package}; other sources work all the same",
        )
    kind: Kind = found
    return kind


def _package(point: EntryPoint) -> str:
    return "(unknown)" if point.dist is None else f"{point.dist.name} {point.dist.version}"
