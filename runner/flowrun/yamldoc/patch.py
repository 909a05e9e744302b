"""Changes of a document that leave every other byte of its file as it is.

Each change is made in the text by small cuts, and in the document's plain data by `plain.changed`. In the end the new
text is read again and has to say exactly what the data says: whatever was not foreseen here is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from flowrun.diagnostics import has_errors
from flowrun.yamldoc.align import aligned
from flowrun.yamldoc.blocks import Block, Cut
from flowrun.yamldoc.document import Document
from flowrun.yamldoc.events import NotYaml
from flowrun.yamldoc.flows import Flow
from flowrun.yamldoc.habits import Habits, habits_of
from flowrun.yamldoc.layout import Branch, Layout, Leaf, Part
from flowrun.yamldoc.plain import (
    Add,
    Bare,
    Change,
    Impossible,
    Move,
    Path,
    Plain,
    Put,
    Remove,
    Rename,
    changed,
    merged,
    plain,
    same,
)
from flowrun.yamldoc.read import read_document
from flowrun.yamldoc.values import Values
from flowrun.yamldoc.writing import Alike, Writer, items, under

_MARK = b"\xef\xbb\xbf"
_SHARED = "it is shared with other places by an anchor and an alias (&, *)"
_LIMITS = frozenset({"FR001", "FR126", "FR127", "FR128"})
_BY_HAND = "change it in an editor"


def patch(data: bytes, document: Document, file: str, changes: Iterable[Change]) -> tuple[bytes, Document]:
    """The file's bytes with the changes made, one after the other, and the document that they are now.

    `document` is what `read_document` made of `data`. Raises Impossible.
    """
    if has_errors(document.findings):
        first = next(one for one in document.findings if one.severity == "error")
        raise Impossible(f"{file}:{first.span.line}: {first.message}", "mend the file in an editor first")
    if document.root is None:
        raise Impossible(f"{file} is empty", "write `flowrun: 1` into it")
    wanted = plain(document.root)
    text = _Text(document.text)
    for change in changes:
        for simple in _simple(wanted, change):
            wanted = changed(wanted, simple)
            text.make(simple)
    mark = _MARK if data.startswith(_MARK) else b""
    after = mark + text.finished().encode("utf-8")
    read = read_document(after, file)
    if too_much := next((one for one in read.findings if one.code in _LIMITS), None):
        raise Impossible(f"{file} would be too much: {too_much.message}", too_much.help)
    if has_errors(read.findings) or read.root is None or not same(plain(read.root), wanted):
        raise text.unclean()
    return after, read


def _simple(data: Plain, change: Change) -> Iterator[Change]:
    """The change as changes of scalars and of entries that come and go, so that little is written anew."""
    if not isinstance(change, Put):
        yield change
        return
    changed(data, change)  # raises where there is no such place
    old: Any = data
    for step in change.path:
        old = old[step]
    yield from _put(change.path, old, change.value)


def _put(path: Path, old: Plain, new: Plain) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict) and old and new:
        for key in old:
            if key in new:
                yield from _put((*path, key), old[key], new[key])
        for key in new:
            if key not in old:
                yield Add(path, key, new[key])
        for key in old:
            if key not in new:
                yield Remove((*path, key))
    elif isinstance(old, list) and isinstance(new, list | tuple) and old and new:
        yield from _put_items(path, old, new)
    elif isinstance(new, Bare) or isinstance(new, dict) != isinstance(old, dict) or not same(merged(old, new), old):
        yield Put(path, new)


def _put_items(path: Path, old: list[Plain], new: list[Plain] | tuple[Plain, ...]) -> Iterator[Change]:
    """A list that becomes another: what is alike at its beginning and its end stays."""
    begin = 0
    while begin < min(len(old), len(new)) and same(old[begin], new[begin]):
        begin += 1
    end = 0
    while end < min(len(old), len(new)) - begin and same(old[-1 - end], new[-1 - end]):
        end += 1
    both = min(len(old), len(new)) - end
    for n in range(begin, both):
        yield from _put((*path, n), old[n], new[n])
    for n in reversed(range(both, len(old) - end)):
        yield Remove((*path, n))
    for n in range(both, len(new) - end):
        yield Add(path, None, new[n], n)


class _Text:
    """A text while it is changed. Changes that can't meet are gathered, and made of one layout."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._puts: list[tuple[Path, Leaf, str]] = []
        self._cuts: list[Cut] = []
        self._renamed: list[Path] = []
        self.has_aliases = False
        self.has_aliases = "*" in text and bool(self._layout.anchored)

    @cached_property
    def _layout(self) -> Layout:
        try:
            return Layout(self._text)
        except NotYaml:  # what was found when the file was read is told then; this is of a change before this one
            raise self.unclean() from None

    @cached_property
    def _habits(self) -> Habits:
        return habits_of(self._layout)

    def make(self, change: Change) -> None:
        """Make one change. Raises Impossible."""
        if any(change.path[: len(path)] == path for path in self._renamed):
            self._flush()
        if isinstance(change, Put) and isinstance(change.value, str):
            written, _ = self._find(change.path)
            if isinstance(written, Leaf):
                self._puts.append((change.path, written, change.value))
                return
        if isinstance(change, Rename):
            holder, n = self._holder(change.path)
            self._cuts += self._values(holder).renamed(n, change.key)
            self._renamed += [change.path, (*change.path[:-1], change.key)]
            return
        self._flush()
        self._cuts = self._structural(change)
        self._flush()

    def finished(self) -> str:
        """The text with everything made."""
        self._flush()
        return self._text

    def unclean(self) -> Impossible:
        """What is said where a text came out that does not say what it should."""
        says = "it can't be written there without touching what stands round it"
        return Impossible(_SHARED if self.has_aliases else says, _BY_HAND)

    def _flush(self) -> None:
        for leaf, value in self._targets() if self._puts else ():
            holder, n = self._above[leaf]
            self._cuts += self._values(holder).put(n, value, [], 0)
        if self._cuts:
            self._text = _cut(self._layout, [*self._cuts, *aligned(self._layout, self._cuts)])
            for name in ("_layout", "_habits", "_above"):
                self.__dict__.pop(name, None)
        self._puts, self._cuts, self._renamed = [], [], []

    @cached_property
    def _above(self) -> dict[Part, tuple[Branch, int]]:
        """Where each part stands."""
        found: dict[Part, tuple[Branch, int]] = {}
        for part, _ in self._layout.walk():
            if isinstance(part, Branch):
                found.update((value, (part, n)) for n, value in enumerate(part.values))
        return found

    def _targets(self) -> Iterator[tuple[Leaf, str]]:
        """The leaves that the gathered texts are written to.

        One that is shared is written once, if all places that share it get the same text.
        """
        layout, wanted = self._layout, dict[Leaf, dict[Path, str]]()
        for path, written, value in self._puts:
            wanted.setdefault(self._real(written), {})[path] = value
        puts = {path: (written, value) for path, written, value in self._puts}
        for leaf, values in wanted.items():
            if len(values) == layout.ways[leaf] and len(set(values.values())) == 1:
                yield leaf, next(iter(values.values()))
                continue
            for path in values:
                written, value = puts[path]
                if layout.ways[written] > 1 or (written.anchor and written in layout.anchored.values()):
                    raise Impossible(_SHARED, _BY_HAND)
                yield written, value

    def _real(self, leaf: Leaf) -> Leaf:
        target = self._layout.anchored.get(leaf, leaf)
        return target if isinstance(target, Leaf) else leaf

    def _find(self, path: Path) -> tuple[Part, list[Part]]:
        """The part at the path as it is written there, and those above it, aliases followed."""
        layout = self._layout
        part, above = layout.root, list[Part]()
        for step in path:
            part = layout.anchored.get(part, part) if isinstance(part, Leaf) else part
            if not isinstance(part, Branch):
                raise Impossible("there is no such place in the file")
            above.append(part)
            n = part.index(step) if isinstance(step, str) else step
            if n is None or n >= len(part.values):
                raise Impossible("there is no such place in the file")
            part = part.values[n]
        if part is None:
            raise Impossible("there is no such place in the file")
        return part, above

    def _holder(self, path: Path) -> tuple[Branch, int]:
        """The collection that an entry stands in, and the entry's number there."""
        _, above = self._find(path)
        holder = above[-1]
        assert isinstance(holder, Branch)
        n = holder.index(path[-1]) if isinstance(path[-1], str) else path[-1]
        assert n is not None  # found just now
        return holder, n

    def _structural(self, change: Change) -> list[Cut]:
        layout = self._layout
        match change:
            case Add(path=path, key=key, value=value, before=before):
                branch, _ = self._find(path)
                if isinstance(branch, Leaf):
                    return self._first(path, branch, key, value)
                return self._add(path, branch, key, value, before)
            case Remove(path=path):
                holder, n = self._holder(path)
                if holder.flow:
                    return Flow(layout, holder).removal(n)
                if len(holder.values) == 1:
                    return self._emptied(path[:-1], holder)
                return [Block(layout, holder).removal(n)]
            case Move(path=path, before=before):
                holder, n = self._holder(path)
                if holder.flow:
                    return Flow(layout, holder).order(n, before)
                return [Block(layout, holder).order(n, before, self._habits.newline)]
            case Put(path=path, value=value):
                if not path:
                    raise Impossible("a whole file is not changed at once")
                holder, n = self._holder(path)
                return self._values(holder).put(n, value, self._alike(path, value), len(path))
            case _:
                raise AssertionError(change)

    def _add(self, path: Path, branch: Branch, key: str | None, value: Plain, before: int | None) -> list[Cut]:
        layout, writer, newline = self._layout, Writer(self._habits), self._habits.newline
        alike = self._alike((*path, key if key is not None else len(branch.values)), value)
        empty = branch.flow and not branch.values and "#" not in layout.text[branch.start : branch.end]
        if empty and path and not (place := self._holder(path))[0].flow:
            whole: Plain = [value] if key is None else {key: value}
            return self._values(place[0]).put(place[1], whole, self._alike(path, whole), len(path))
        if branch.flow:
            written = writer.flow(value, alike)
            written = written if key is None else f"{writer.key(key)}: {written}"
            return Flow(layout, branch).insertion(written, before, newline)
        block = Block(layout, branch)
        if key is None:
            return [block.insertion(writer.item(value, block.column, len(path) + 1, alike), before, newline)]
        pad = self._values(branch).padding(key)
        written = writer.entry(key, value, block.column, len(path) + 1, alike, pad)
        return [block.insertion(written, before, newline)]

    def _first(self, path: Path, leaf: Leaf, key: str | None, value: Plain) -> list[Cut]:
        """The first entry of a collection that is written as nothing."""
        if not path or leaf.alias:
            raise Impossible(_SHARED if leaf.alias else "there is nothing to add to", _BY_HAND)
        holder, n = self._holder(path)
        whole: Plain = [value] if key is None else {key: value}
        return self._values(holder).put(n, whole, self._alike(path, whole), len(path))

    def _emptied(self, path: Path, branch: Branch) -> list[Cut]:
        """The last entry of a block collection goes."""
        empty = "{}" if branch.mapping else "[]"
        start, end = Block(self._layout, branch).only()
        if not path or self._layout.line_start(start) == self._layout.line_start(branch.heads[0]):
            return [(start, end, empty)]
        holder, n = self._holder(path)
        at = self._layout.after_key(holder.keys[n]) if holder.mapping else holder.heads[n] + 1
        at = max(at, branch.whole + len(branch.anchor) + 1) if branch.anchor else at
        return [(at, at, " " + empty), (start, end, "")]

    def _values(self, holder: Branch) -> Values:
        return Values(self._layout, holder, Writer(self._habits))

    def _alike(self, path: Path, value: Plain) -> Alike:
        """What a new value at the path is like: the same key of its siblings, else its own siblings."""
        _, above = self._find(path[:-1]) if len(path) > 1 else (None, [])
        holder, _ = self._find(path[:-1])
        layout, key = self._layout, path[-1]
        cousins: list[Part] = []
        if above and isinstance(above[-1], Branch) and isinstance(holder, Branch):
            place = above[-1].values.index(holder)
            others = _near(above[-1], place)
            cousins = [*(under(others, key) if isinstance(key, str) else items(others))]
        siblings: list[Part] = []
        if isinstance(holder, Branch):
            siblings = _near(holder, holder.index(key) if isinstance(key, str) else key)
        if isinstance(key, int):
            cousins = [*siblings, *cousins]
        found = [layout.anchored.get(part, part) if isinstance(part, Leaf) else part for part in cousins or siblings]
        return [part for part in found if isinstance(part, Leaf) == isinstance(value, str) and part is not holder]


def _near(branch: Branch, place: int | None) -> list[Part]:
    """The values of a collection, the nearest to a place first, and those before it before those after it."""
    begin = len(branch.values) if place is None else place
    others = (n for n in range(len(branch.values)) if n != begin)
    return [branch.values[n] for n in sorted(others, key=lambda n: (abs(n - begin), n))]


def _cut(layout: Layout, cuts: list[Cut]) -> str:
    """The text with all cuts made."""
    text = layout.text
    pieces, at = [], 0
    for start, end, written in sorted(cuts, key=lambda cut: cut[:2]):
        if start < at:
            raise Impossible("two changes meet at one place", "make them one after the other")
        pieces += [text[at:start], written]
        at = end
    return "".join([*pieces, text[at:]])
