"""YAML as it stands in the file: scalars, mappings and sequences, each with its exact place.

Every scalar is text here; what it means is decided by whoever reads the place it stands in (format.md: "text
stays text"). Nodes are immutable. An alias appears as the very node that its anchor marks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from flowrun.diagnostics import Span


class Style(StrEnum):
    """How a scalar is written. Only a plain one can be a number, a boolean or null."""

    PLAIN = "plain"
    SINGLE = "single"
    DOUBLE = "double"
    LITERAL = "literal"
    FOLDED = "folded"


STYLES = {
    "": Style.PLAIN,
    None: Style.PLAIN,
    "'": Style.SINGLE,
    '"': Style.DOUBLE,
    "|": Style.LITERAL,
    ">": Style.FOLDED,
}
"""The styles by the names that the parser's events have for them."""

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""What YAML 1.2's core schema reads as null in a plain scalar."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text. `span` covers it in the file, quotes and block header included.

    `locate` maps offsets (start, end) into `text`, in characters, to the span in the file that wrote them, through
    escapes, folds and indentation.
    """

    text: str
    style: Style
    span: Span
    locate: Callable[[int, int], Span] = field(compare=False, repr=False)

    @property
    def plain(self) -> bool:
        """Whether it is written without quotes or block style."""
        return self.style is Style.PLAIN


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file; keys are unique. `span` runs from the first key to the last value."""

    entries: tuple[Entry, ...]
    span: Span

    def get(self, key: str) -> Node | None:
        """The value of that key, or None where it is absent."""
        return next((entry.value for entry in self.entries if entry.key.text == key), None)


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items in the order of the file."""

    items: tuple[Node, ...]
    span: Span


Node = Scalar | Mapping | Sequence
