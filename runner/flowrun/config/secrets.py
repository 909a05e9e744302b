"""Secrets: in files there are only references to them, `{env: NAME}` or `{file: PATH}` (format.md, "Secrets").

What such a reference leads to is read by whoever opens the thing that needs it (`sources.secrets`), never here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from flowrun.config.reading import Unreadable, found
from flowrun.diagnostics import Diagnostic
from flowrun.flow.model import SecretRef as SecretRef
from flowrun.yamldoc import Mapping as MappingNode
from flowrun.yamldoc import Node, Scalar, Sequence

LITERAL = "FR423"
"""The code of what is no reference to a secret."""

_BLOT = "•"
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_FORM = "{env: NAME} or {file: PATH}"


def _secret(node: Node) -> SecretRef:
    if not isinstance(node, MappingNode):
        # Whatever stands there may be the secret itself, so it is not shown.
        sort = "a text" if isinstance(node, Scalar) else found(node)
        raise Unreadable(LITERAL, f"is a secret, which must be {_FORM}, found {sort}", node.span)
    if len(node.entries) != 1 or node.entries[0].key.text not in {"env", "file"}:
        raise Unreadable(LITERAL, f"is a secret, which must be {_FORM}, found other keys", node.span)
    key, value = node.entries[0].key.text, node.entries[0].value
    if not isinstance(value, Scalar) or not value.text:
        raise Unreadable(LITERAL, f"is a secret, which must be {_FORM}, found {found(value)}", value.span)
    if key == "file":
        return SecretRef(file=value.text)
    if not _NAME.fullmatch(value.text):
        says = "must name a variable of the environment: letters, digits and `_`"
        raise Unreadable(LITERAL, says, value.span)
    return SecretRef(env=value.text)


def _two_secrets(node: Node) -> tuple[SecretRef, ...]:
    """One, or a list of two: the new and the old one, while one takes the other's place."""
    items = node.items if isinstance(node, Sequence) else (node,)
    if not 1 <= len(items) <= 2:
        says = f"must be a secret, or a list of two while they change, found a list of {len(items)}"
        raise Unreadable("FR404", says, node.span)
    return tuple(_secret(item) for item in items)


_SCHEMA = {
    "type": "object",
    "properties": {"env": {"type": "string"}, "file": {"type": "string"}},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}

Secret = Annotated[SecretRef, PlainValidator(_secret), WithJsonSchema({**_SCHEMA})]
"""A key that takes a secret."""

Secrets = Annotated[
    tuple[SecretRef, ...],
    PlainValidator(_two_secrets),
    WithJsonSchema({"anyOf": [_SCHEMA, {"type": "array", "items": _SCHEMA, "minItems": 1, "maxItems": 2}]}),
]
"""A key that takes a secret, or two while they change."""


def hidden(texts: Mapping[str, str], findings: Iterable[Diagnostic]) -> dict[str, str]:
    """The texts of files as they may be shown: what stands where only a reference to a secret may is blotted out."""
    found = dict(texts)
    for finding in findings:
        span = finding.span
        if finding.code != LITERAL or span.file not in found:
            continue
        lines = found[span.file].split("\n")
        for at in range(span.line, min(span.end_line, len(lines)) + 1):
            line = lines[at - 1]
            begin = span.column - 1 if at == span.line else 0
            end = span.end_column - 1 if at == span.end_line else len(line)
            lines[at - 1] = line[:begin] + _BLOT * len(line[begin:end].rstrip("\r")) + line[max(begin, end) :]
        found[span.file] = "\n".join(lines)
    return found
