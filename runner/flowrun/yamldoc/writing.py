"""Writing plain data as YAML that looks like what stands round it.

Everything new has parts that are alike: the same key of its siblings, or the siblings themselves. They say whether a
list stands in brackets, whether a text is in quotes. Where there are none, short things go on one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice

from flowrun.yamldoc.habits import Habits
from flowrun.yamldoc.layout import Branch, Leaf, Part
from flowrun.yamldoc.nodes import Style
from flowrun.yamldoc.plain import Bare, Plain
from flowrun.yamldoc.scalars import block, inline, may_be_plain, quoted, read_otherwise

_LOOKED_AT = 20
"""How many parts that are alike are looked at: the nearest."""
_SHORT = 3
"""The most keys of a mapping that goes on one line where nothing is like it."""
_SECTIONS = 2
"""The depth of what is declared, `tunnels.renewal`: its mappings are blocks where nothing is like them."""

Alike = Sequence[Part]
"""The parts that something new is like, the nearest first; no aliases."""


class Writer:
    """Writes in the habits of one text."""

    def __init__(self, habits: Habits) -> None:
        self.habits = habits

    def entry(self, key: str, value: Plain, column: int, depth: int, alike: Alike, pad: int = 1) -> str:
        """An entry of a block mapping whose keys start in that column: its first line without the indentation.

        `pad` are the spaces after the colon, where the value stands on the same line.
        """
        written = self.key(key, flow=False) + ":"
        room = column + len(written) + pad
        return written + self.after(value, column, room, depth, alike, pad)

    def item(self, value: Plain, column: int, depth: int, alike: Alike) -> str:
        """An item of a block sequence whose dashes start in that column."""
        inner, depth = column + 1 + self.habits.gap, max(depth, _SECTIONS + 1)
        lead = "-" + " " * self.habits.gap
        if self._on_one_line(value, depth, alike, inner):
            return lead + self.flow(value, alike, flow=False)
        if isinstance(value, str):
            return "-" + self.after(value, column, inner, depth, alike, self.habits.gap)
        return lead + self.block(value, inner, depth, alike)

    def after(
        self, value: Plain, column: int, room: int, depth: int, alike: Alike, pad: int = 1, *, blocks: bool = True
    ) -> str:
        """What follows a colon, or a dash, that stands in a block whose entries start in `column`.

        `room` is where a value would start on the same line. Later lines have their indentation.
        """
        lead = " " * pad
        if isinstance(value, str) and not isinstance(value, Bare):
            return lead + self.scalar(value, column + self.habits.step, room, alike, blocks=blocks)
        if self._on_one_line(value, depth, alike, room):
            return lead + self.flow(value, alike, flow=False)
        deeper = self.habits.step if isinstance(value, dict) else self.habits.dash
        return self.habits.newline + " " * (column + deeper) + self.block(value, column + deeper, depth, alike)

    def block(self, value: Plain, column: int, depth: int, alike: Alike) -> str:
        """A mapping or sequence in block style, in that column: its first line without the indentation."""
        if isinstance(value, dict):
            lines = [self.entry(key, one, column, depth + 1, under(alike, key)) for key, one in value.items()]
        else:
            assert isinstance(value, list | tuple)
            lines = [self.item(one, column, depth + 1, items(alike)) for one in value]
        return (self.habits.newline + " " * column).join(lines)

    def scalar(self, text: str, indent: int, room: int, alike: Alike, *, blocks: bool = True) -> str:
        """A text as a value in a block: on one line or, if `blocks` may be, as a block scalar indented by `indent`."""
        written = inline(text, self._style(alike), self._quote(alike), flow=False)
        several = "\n" in text.rstrip("\n")
        if not blocks or (room + len(written) <= self.habits.width and "\n" not in text):
            return written
        form = Style.LITERAL if several else Style.FOLDED
        lines = block(text, form, indent, self.habits.width, self.habits.newline)
        return lines if lines and (several or "\n" in text or lines.count("\n") > 1) else written

    def flow(self, value: Plain, alike: Alike, *, flow: bool = True) -> str:
        """A value on one line; `flow`: within brackets."""
        if value is None:
            return "null"
        if isinstance(value, str):
            return inline(value, self._style(alike), self._quote(alike), flow=flow)
        space = " " if any(self._spaced(part) for part in alike) else ""
        if isinstance(value, dict):
            pairs = [f"{self.key(key)}: {self.flow(one, under(alike, key))}" for key, one in value.items()]
            return "{" + space + ", ".join(pairs) + space + "}" if pairs else "{}"
        written = ", ".join(self.flow(one, items(alike)) for one in value)
        return f"[{space}{written}{space}]" if written else "[]"

    def key(self, text: str, *, flow: bool = True) -> str:
        """A key."""
        if may_be_plain(text, flow=flow, key=True) and not read_otherwise(text):
            return text
        return quoted(text, self.habits.quote)

    def _spaced(self, part: Part) -> bool:
        """Whether an author has spaces within the brackets; not told by a part alone, which has no text."""
        return isinstance(part, Branch) and part.flow and bool(part.heads) and part.heads[0] == part.start + 2

    def _on_one_line(self, value: Plain, depth: int, alike: Alike, room: int) -> bool:
        if value is None or isinstance(value, Bare):
            return True
        if isinstance(value, str):
            return False
        if not value:
            return True
        same_kind = [part for part in alike if isinstance(part, Branch) and part.mapping == isinstance(value, dict)]
        written = [part.flow for part in same_kind if part.values]
        flow = 2 * sum(written) >= len(written) if written else _short(value, depth)
        return flow and room + len(self.flow(value, alike)) <= self.habits.width

    def _style(self, alike: Alike) -> Style | None:
        """The quotes of texts that are alike and would not need them; None where most have none."""
        leaves = [part for part in alike if isinstance(part, Leaf) and part.style and not part.block]
        plain = sum(leaf.style is Style.PLAIN and not leaf.unwritten for leaf in leaves)
        without_need = [leaf.style for leaf in leaves if self._needless(leaf)]
        return without_need[0] if len(without_need) > plain else None

    def _needless(self, leaf: Leaf) -> bool:
        in_quotes = leaf.style in {Style.SINGLE, Style.DOUBLE}
        return in_quotes and may_be_plain(leaf.text, flow=True) and not read_otherwise(leaf.text)

    def _quote(self, alike: Alike) -> str:
        quotes = {Style.SINGLE: "'", Style.DOUBLE: '"'}
        used = (quotes[part.style] for part in alike if isinstance(part, Leaf) and part.style in quotes)
        return next(used, self.habits.quote)


def under(alike: Alike, key: str) -> Alike:
    """What stands under that key in parts that are alike."""
    found = (part.values[n] for part in alike if isinstance(part, Branch) and (n := part.index(key)) is not None)
    return [*islice(found, _LOOKED_AT)]


def items(alike: Alike) -> Alike:
    """The items of parts that are alike."""
    found = (part.values for part in alike if isinstance(part, Branch) and not part.mapping)
    return [*islice(chain.from_iterable(found), _LOOKED_AT)]


def _short(value: Plain, depth: int) -> bool:
    """Whether a value that nothing is like goes on one line."""
    if isinstance(value, dict):
        inner = [one for some in value.values() if isinstance(some, dict) for one in some.values()]
        flat = not any(isinstance(one, dict | list | tuple) for one in inner)
        return depth > _SECTIONS and flat and len(value) <= _SHORT
    assert isinstance(value, list | tuple)
    return depth > 1 and not any(isinstance(one, dict | list | tuple) for one in value)
