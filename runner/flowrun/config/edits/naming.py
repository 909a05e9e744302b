"""Renaming what is declared with all that refers to it, and refusing to remove what something refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flowrun.config.edits.project import Changes, Project, listed
from flowrun.config.edits.references import Place, Renaming
from flowrun.config.loader import SCENARIOS
from flowrun.diagnostics import excerpt
from flowrun.yamldoc.plain import Impossible, Put, Rename


def renamed(project: Project, renaming: Renaming) -> Project:
    """The project with every reference mended, the declaration of a tunnel or a pipeline among them.

    Raises Impossible where a condition takes the name apart, so that it can't be followed.
    """
    changes, keys = Changes(), Changes()
    for file, place in project.places():
        new = renaming.of(place)
        if hidden := next((one for one in place.mentions() if renaming.hides_in(one)), None):
            says = f"{place.by} compares a part of `deal.{hidden.of}` with '{excerpt(hidden.value)}'"
            raise Impossible(says, "mend that condition first, so that it names whole stages")
        if new == place.text:
            continue
        if place.key:
            keys[file].append(Rename(place.path, new))
        else:
            changes[file].append(Put(place.path, new))
    for file, some in keys.items():
        # What is deeper goes first: a key that is renamed is on no other's way then.
        changes[file] += sorted(some, key=lambda change: -len(change.path))
    return project.patched(changes)


def check_unused(project: Project, noun: str, names: Callable[[str, str], bool]) -> None:
    """Raises Impossible where something refers to what is to be removed: `names` says so of a kind and a name.

    History may go on telling of it. Scenarios may too, until the checker says that they are of no use any more.
    """
    users = [
        place.by
        for file, place in project.places()
        if not file.endswith(SCENARIOS) and not place.history and not place.declares and _refers(place, names)
    ]
    if users:
        raise Impossible(f"{noun} is referred to by {listed(users)}", "change or remove them first")


def _refers(place: Place, names: Callable[[str, str], bool]) -> bool:
    return any(names(of, name) for of, name in _named(place))


def _named(place: Place) -> Iterator[tuple[str, str]]:
    """What a place refers to, each with its kind."""
    if place.kind in {"stage", "pipeline", "tunnel"}:
        yield place.kind, place.text
    for mention in place.mentions():
        yield {"origin_tunnel": "tunnel"}.get(mention.of, mention.of), mention.value
