"""What an edit tells in `moved` and `removed`, and what becomes of what is told there already."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from flowrun.config.edits.project import Changes, Project
from flowrun.config.edits.references import PREFIX, Renaming
from flowrun.config.outline import plain
from flowrun.diagnostics import excerpt
from flowrun.yamldoc.plain import Impossible, Plain, Remove

_DECLARING = ("pipelines", "tunnels", "fields", "vars", "calendars")


def tell_renaming(project: Project, renaming: Renaming, file: str) -> Project:
    """The project, whose references have the new name already, with the renaming in `moved`.

    An entry that told the way back goes, since that name is declared again. Raises Impossible where the new name is
    an old one of something else.
    """
    prefix = PREFIX if renaming.kind == "tunnel" else ""
    again = {prefix + renaming.new}
    if renaming.kind == "pipeline":
        again |= {stage for stage in project.outline.stages if stage.startswith(f"{renaming.new}.")}
    project = _without(project, again)
    _refuse_removed(project, again)
    return _told(project, "moved", {"from": prefix + renaming.old, "to": prefix + renaming.new}, file)


def tell_removal(project: Project, stage: str, target: str | None, file: str) -> Project:
    """The project, which has the stage no more, with where its deals go in `removed`.

    Without such a place, what led to the stage is forgotten.
    """
    if target is not None:
        return _told(project, "removed", {"stage": stage, "deals": {"to": target}}, file)
    return _without_items(project, lambda section, item: _target(section, item) == stage)


def tell_new(project: Project, name: str) -> Project:
    """The project without what `removed` says of a name that is declared again, which is as `moved` has it.

    Raises Impossible where `moved` says that something else had it.
    """
    _without(project, {name})
    return _without_items(project, lambda section, item: section == "removed" and item.get("stage") == name)


def _without(project: Project, again: Collection[str]) -> Project:
    """The project without entries of `moved` from a name to itself; raises Impossible for another one from `again`."""
    for file, section, item in _told_items(project):
        name, became = item.get("from"), item.get("to")
        if section == "moved" and isinstance(name, str) and name in again and name != became:
            says = f"'{excerpt(name)}' is an old name: `moved` says that it is '{excerpt(str(became))}' now"
            raise Impossible(says, f"take that entry out of {file} first, or choose another id")
    return _without_items(project, lambda section, item: section == "moved" and item.get("from") == item.get("to"))


def _refuse_removed(project: Project, again: Collection[str]) -> None:
    for file, section, item in _told_items(project):
        stage = item.get("stage")
        if section == "removed" and isinstance(stage, str) and stage in again:
            says = f"'{excerpt(stage)}' is the name of a stage that is in `removed`"
            raise Impossible(says, f"take that entry out of {file} first, or choose another id")


def _told_items(project: Project) -> Iterator[tuple[str, str, dict[str, Plain]]]:
    """What is told in all files: the file, the section, and the item."""
    for file in project.roots:
        for section in ("moved", "removed"):
            yield from ((file, section, item) for item in _items(project, file, section))


def _items(project: Project, file: str, section: str) -> list[dict[str, Plain]]:
    node = project.roots[file].get(section)
    items = None if node is None else plain(node)
    return [item if isinstance(item, dict) else {} for item in items] if isinstance(items, list) else []


def _without_items(project: Project, gone: Callable[[str, dict[str, Plain]], bool]) -> Project:
    """The project without some items; a section that would be empty goes whole."""
    changes = Changes()
    for file in project.roots:
        for section in ("moved", "removed"):
            items = _items(project, file, section)
            numbers = [n for n, item in enumerate(items) if item and gone(section, item)]
            if numbers and len(numbers) == len(items):
                changes[file].append(Remove((section,)))
            else:
                changes[file] += [Remove((section, n)) for n in reversed(numbers)]
    return project.patched(changes)


def _told(project: Project, section: str, entry: Plain, file: str) -> Project:
    """The project with an entry more: in the file's own section, or in that of a file that is about nothing else."""
    kept = [
        name
        for name, root in project.roots.items()
        if root.get(section) is not None and not any(root.get(one) for one in _DECLARING)
    ]
    root = project.roots.get(file)
    where = file if not kept or (root is not None and root.get(section) is not None) else kept[0]
    return project.patched({where: [project.added(where, section, None, entry)]})


def _target(section: str, item: dict[str, Plain]) -> Plain:
    deals = item.get("deals")
    return item.get("to") if section == "moved" else deals.get("to") if isinstance(deals, dict) else None
