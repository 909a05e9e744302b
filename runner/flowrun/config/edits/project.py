"""A project's files as edits see them: their documents, where things are declared in them, and changes by file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flowrun.config.edits.references import Place, places
from flowrun.config.leaves import ID
from flowrun.config.loader import flow_files
from flowrun.config.models import FlowFile
from flowrun.config.outline import Outline, outline, plain
from flowrun.config.reading import Block
from flowrun.diagnostics import did_you_mean, excerpt, has_errors
from flowrun.yamldoc import Document, Node, read_document
from flowrun.yamldoc import Mapping as Map
from flowrun.yamldoc.patch import patch
from flowrun.yamldoc.plain import Add, Change, Impossible, Path, Plain, Put

FIRST_FILE = "flows.yaml"
"""The file of a project that has none."""
NEW_FILE = b"flowrun: 1\n"

_ID = re.compile(ID)
_FILE = re.compile(r"(?:\w[\w .+@-]*/)*\w[\w .+@-]*")
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Found:
    """Something that is declared: in which file, and where in it."""

    file: str
    path: Path
    node: Node


class Changes(defaultdict[str, list[Change]]):
    """Changes by file, in their order."""

    def __init__(self) -> None:
        super().__init__(list)


class Project:
    """The texts of all files, scenario files included, by their paths below the project's folder."""

    def __init__(self, texts: Mapping[str, bytes], documents: Mapping[str, Document] | None = None) -> None:
        self.texts = dict(sorted(texts.items()))
        self._read = documents or {}

    @cached_property
    def documents(self) -> Mapping[str, Document]:
        """What stands in the files."""
        return {name: self._read.get(name) or read_document(data, name) for name, data in self.texts.items()}

    @cached_property
    def outline(self) -> Outline:
        """What is declared."""
        return outline(self.documents)

    @cached_property
    def roots(self) -> Mapping[str, Map]:
        """The roots of those flow files that are mappings."""
        known = {name: self.documents[name].root for name in flow_files(self.texts)}
        return {name: root for name, root in known.items() if isinstance(root, Map)}

    def places(self) -> Iterator[tuple[str, Place]]:
        """Everything that names something, in all files, each with its file. Raises Impossible where one is unread."""
        flows = set(flow_files(self.texts))
        for name, document in self.documents.items():
            if has_errors(document.findings):
                first = next(one for one in document.findings if one.severity == "error")
                says = f"{name}:{first.span.line}: {first.message}, so it can't be seen what that file refers to"
                raise Impossible(says, "mend the file in an editor first")
            for place in places(document.root, scenarios=name not in flows):
                yield name, place

    def find(self, section: str, id_: str) -> Found | None:
        """The first declaration of that id in a section that is a map."""
        for file, root in self.roots.items():
            node = root.get(section)
            if isinstance(node, Map) and (value := node.get(id_)) is not None:
                return Found(file, (section, id_), value)
        return None

    def tunnel(self, id_: str) -> Found:
        """A declared tunnel. Raises Impossible."""
        return self._declared("tunnel", "tunnels", id_)

    def pipeline(self, id_: str) -> Found:
        """A declared pipeline. Raises Impossible."""
        return self._declared("pipeline", "pipelines", id_)

    def _declared(self, noun: str, section: str, id_: str) -> Found:
        if found := self.find(section, id_):
            return found
        known = [one for root in self.roots.values() for one in keys_of(root.get(section))]
        raise Impossible(f"there is no {noun} '{excerpt(id_)}'", did_you_mean(id_, known))

    def patched(self, changes: Mapping[str, Sequence[Change]]) -> Project:
        """The project with those changes made; a file that there is not begins as a new one. Raises Impossible."""
        texts, documents = self.texts | {}, {**self.documents}
        for file, made in changes.items():
            if made:
                data = texts.get(file, NEW_FILE)
                before = documents.get(file) or read_document(data, file)
                texts[file], documents[file] = patch(data, before, file, made)
        return Project(texts, documents)

    def file_for(self, wanted: str | None, otherwise: Iterable[str]) -> str:
        """The file that something new goes to: the one wanted, or the first of some others, or the only new one."""
        if wanted is not None:
            if wanted not in self.roots and (not _FILE.fullmatch(wanted) or not flow_files([wanted])):
                says = f"'{excerpt(wanted)}' is no name for a flow file"
                raise Impossible(says, "use letters, digits, - and _; it ends in .yaml, and not in .test.yaml")
            return wanted
        return next(iter([*otherwise, *self.roots]), FIRST_FILE)

    def root_keys(self, file: str) -> list[str]:
        """The sections of a file, in order; those of a new file where there is none."""
        return keys_of(self.roots[file]) if file in self.roots else ["flowrun"]

    def added(self, file: str, section: str, key: str | None, value: Plain, before: int | None = None) -> Change:
        """The change that adds an entry to a section, with the section where the file has none yet."""
        root = self.roots.get(file)
        if root is not None and root.get(section) is not None:
            return Add((section,), key, value, before)
        whole: Plain = [value] if key is None else {key: value}
        return Add((), section, whole, in_order(self.root_keys(file), FlowFile, section))


def in_order(written: Sequence[str], block: type[Block], key: str) -> int | None:
    """Where a new key goes among those that are written: after the nearest of those that the format has before it."""
    order = [field.alias or name for name, field in block.model_fields.items()]
    before = order[: order.index(key)] if key in order else order
    last = next((written.index(one) for one in reversed(before) if one in written), -1) + 1
    return last if last < len(written) else None


def set_key(found: Found, block: type[Block], key: str, value: Plain) -> Change:
    """The change that gives a key of a mapping a value, where the key may not be written yet."""
    keys = keys_of(found.node)
    if key in keys:
        return Put((*found.path, key), value)
    if not isinstance(found.node, Map) and plain(found.node) is not None:
        raise Impossible(f"`{found.path[-1]}` is no mapping of keys", "mend it in an editor first")
    return Add(found.path, key, value, in_order(keys, block, key))


def check_id(noun: str, id_: str) -> None:
    """Raises Impossible for what is no id (format.md, "Ids")."""
    if not _ID.fullmatch(id_):
        says = "an id has a small letter, then up to 62 small letters, digits, `-` or `_`"
        raise Impossible(f"'{excerpt(id_)}' is no id of a {noun}", says)


def listed(names: Iterable[str]) -> str:
    """Some names in a sentence, each once."""
    some = list(dict.fromkeys(names))
    more = f" and {len(some) - _LISTED} more" if len(some) > _LISTED else ""
    return ", ".join(excerpt(name) for name in some[:_LISTED]) + more


def keys_of(node: Node | None) -> list[str]:
    """The keys of a mapping, in order; none of anything else."""
    return [entry.key.text for entry in node.entries] if isinstance(node, Map) else []
