"""Edits of tunnels."""

from __future__ import annotations

import re
from collections.abc import Sized

from flowrun.config.edits.history import tell_new, tell_renaming
from flowrun.config.edits.model import AddTunnel, RemoveTunnel, RenameTunnel, SetTunnel
from flowrun.config.edits.naming import check_unused, renamed
from flowrun.config.edits.project import Changes, Found, Project, check_id, keys_of, set_key
from flowrun.config.edits.references import PREFIX, Renaming
from flowrun.config.loader import SCENARIOS
from flowrun.config.models import TunnelBlock
from flowrun.config.outline import plain
from flowrun.diagnostics import did_you_mean, excerpt
from flowrun.expr import has_template
from flowrun.expr.types import Kind
from flowrun.yamldoc import Mapping as Map
from flowrun.yamldoc import Node, Scalar, Sequence
from flowrun.yamldoc.plain import Bare, Impossible, Path, Plain, Remove

_KEYS = tuple(field.alias or name for name, field in TunnelBlock.model_fields.items())
_PLAIN_KINDS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN})
_PLAIN = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?|true|false|True|False|TRUE|FALSE")
_LINES = frozenset({"when", "description"})
"""Texts that mean the same with and without a line break at their end, which a block scalar gives them."""


def add_tunnel(project: Project, edit: AddTunnel) -> Project:
    """A new tunnel, after the last of those that lead from the same pipeline."""
    check_id("tunnel", edit.id)
    if project.find("tunnels", edit.id):
        raise Impossible(f"there is a tunnel '{excerpt(edit.id)}' already", "choose another id")
    project = tell_new(project, PREFIX + edit.id)
    sources: Plain = edit.sources[0] if len(edit.sources) == 1 else list(edit.sources)
    given: dict[str, Plain] = {"from": sources, "to": edit.target, "action": edit.action}
    for key, value in edit.keys.items():
        _check_key(key)
        if value is not None:
            given[key] = _typed(project, key, value)
    whole: Plain = {key: given[key] for key in _KEYS if key in given}
    file, before = _place(project, edit)
    return project.patched({file: [project.added(file, "tunnels", edit.id, whole, before)]})


def set_tunnel(project: Project, edit: SetTunnel) -> Project:
    """A key gets a value, or goes."""
    found = project.tunnel(edit.id)
    _check_key(edit.key)
    if edit.value is None:
        if edit.key not in keys_of(found.node):
            return project
        return project.patched({found.file: [Remove((*found.path, edit.key))]})
    value = _typed(project, edit.key, edit.value)
    if edit.key in _LINES and isinstance(value, str) and _ends_in_break(found, edit.key) and not value.endswith("\n"):
        value += "\n"
    return project.patched({found.file: [set_key(found, TunnelBlock, edit.key, value)]})


def rename_tunnel(project: Project, edit: RenameTunnel) -> Project:
    """Another id; every reference is mended, and `moved` tells it."""
    found = project.tunnel(edit.id)
    check_id("tunnel", edit.to)
    if edit.to == edit.id:
        return project
    if project.find("tunnels", edit.to):
        raise Impossible(f"there is a tunnel '{excerpt(edit.to)}' already", "choose another id")
    renaming = Renaming("tunnel", edit.id, edit.to)
    return tell_renaming(renamed(project, renaming), renaming, found.file)


def remove_tunnel(project: Project, edit: RemoveTunnel) -> Project:
    """The tunnel goes, with the last one of a file the section, and what environments and webhooks say of it.

    Refused while a condition asks for it, and where a webhook, then told of no tunnel in particular, would be of all.
    """
    project.tunnel(edit.id)
    changes = Changes()
    for file, place in project.places():
        if place.kind != "tunnel" or place.text != edit.id or file.endswith(SCENARIOS):
            continue
        several = len(_entries_at(project, file, place.path[:-1])) > 1
        if not several and not place.key:
            raise Impossible(f"{place.by} is told of this tunnel alone", "change or remove it first")
        changes[file].insert(0, Remove(place.path if several else place.path[:-1]))
    project = project.patched(changes)
    check_unused(project, f"tunnel '{edit.id}'", lambda kind, name: kind == "tunnel" and name == edit.id)
    return project


def _entries_at(project: Project, file: str, path: Path) -> Sized:
    """The entries or items of the collection at a path."""
    node: Node | None = project.roots[file]
    for step in path:
        if isinstance(node, Map):
            node = node.get(str(step))
        elif isinstance(node, Sequence) and isinstance(step, int):
            node = node.items[step]
    return node.items if isinstance(node, Sequence) else keys_of(node)


def _place(project: Project, edit: AddTunnel) -> tuple[str, int | None]:
    """The file for a new tunnel, and the number of the tunnel there that it goes before."""
    pipelines = {source.partition(".")[0] for source in edit.sources}
    likes: dict[str, int] = {}
    for file, root in project.roots.items():
        tunnels = root.get("tunnels")
        for n, entry in enumerate(tunnels.entries if isinstance(tunnels, Map) else ()):
            written = plain(entry.value.get("from") or entry.value) if isinstance(entry.value, Map) else None
            refs = [written] if isinstance(written, str) else written if isinstance(written, list) else []
            if any(isinstance(ref, str) and ref.partition(".")[0] in pipelines for ref in refs):
                likes[file] = n
    declaring = [found.file for one in pipelines if (found := project.find("pipelines", one))]
    file = project.file_for(edit.file, [*reversed(likes), *declaring])
    count = len(keys_of(project.roots[file].get("tunnels"))) if file in project.roots else 0
    after = likes.get(file, count) + 1
    return file, after if after < count else None


def _check_key(key: str) -> None:
    if key not in _KEYS:
        hint = did_you_mean(key, _KEYS) or f"the keys are {', '.join(_KEYS)}"
        raise Impossible(f"a tunnel has no key '{excerpt(key)}'", hint)


def _typed(project: Project, key: str, value: Plain) -> Plain:
    """The value with those texts marked that the format reads as numbers and booleans, which quotes would hide."""
    match key, value:
        case "watch", str():
            return _bare(value)
        case "breaker", dict():
            return {name: _bare(one) if name == "firings" else one for name, one in value.items()}
        case "unless_exists", dict():
            return {name: _bare(one) if name == "open" else one for name, one in value.items()}
        case "set", dict():
            kinds = {field.id: field.type for field in project.outline.fields}
            return {
                name: _bare(one) if kinds.get(name) in _PLAIN_KINDS or name not in kinds else one
                for name, one in value.items()
            }
    return value


def _bare(value: Plain) -> Plain:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not has_template(value):
        return Bare(value)
    return value


def _ends_in_break(found: Found, key: str) -> bool:
    node = found.node.get(key) if isinstance(found.node, Map) else None
    return isinstance(node, Scalar) and not node.plain and node.text.endswith("\n")
