"""Values of a type as YAML writes them: `default`, `set`, the values of variables.

`expr.values` reads texts; here is what YAML adds: null, quotes, lists, and booleans in three spellings.
"""

from __future__ import annotations

from flowrun.config.reading import Unreadable, found, nothing
from flowrun.expr.types import Kind, Type, Value
from flowrun.expr.values import BadValue, LocalTime, read, tags
from flowrun.yamldoc import Node, Scalar, Sequence
from flowrun.yamldoc.nodes import NULLS

MAX_TEXT = 65_536
"""Characters of a text value in a file: far beyond any title, well below what slows a store down."""

_PLAIN = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN})
"""Kinds that YAML has itself: in quotes they would be texts."""


def read_value(node: Node, of: Type, zone: LocalTime) -> Value:
    """The value of that type that the node writes; None for null and for an empty text. Raises Unreadable."""
    if nothing(node):
        return None
    if isinstance(node, Sequence) and of.kind is Kind.TAGS:
        return tags(_tag(item) for item in node.items)
    if not isinstance(node, Scalar):
        raise Unreadable("FR409", f"must be a value of type {of}, found {found(node)}", node.span)
    if len(node.text) > MAX_TEXT:
        raise Unreadable("FR407", f"must have at most {MAX_TEXT:,} characters, found {len(node.text):,}", node.span)
    if of.kind in _PLAIN and not node.plain:
        hint = "what stands in quotes is a text; remove the quotes"
        raise Unreadable("FR409", f"must be a value of type {of}, found the quoted text {found(node)}", node.span, hint)
    text = (
        node.text.lower() if of.kind is Kind.BOOLEAN and node.text in {"True", "TRUE", "False", "FALSE"} else node.text
    )
    try:
        return read(text, of, zone)
    except BadValue as error:
        raise Unreadable("FR409", f"does not fit: {error}", node.span) from None


def _tag(node: Node) -> str:
    if not isinstance(node, Scalar) or (node.plain and node.text in NULLS):
        raise Unreadable("FR409", f"must be a list of texts, found {found(node)} in it", node.span)
    return node.text
