"""Secrets: in files there are only references to them, `{env: NAME}` or `{file: PATH}` (format.md, "Secrets").

What such a reference leads to is read by whoever opens the thing that needs it (`sources.secrets`), never here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from flowrun.config.reading import Unreadable, found
from flowrun.yamldoc import Mapping, Node, Scalar

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_FORM = "{env: NAME} or {file: PATH}"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret stands: in a variable of the environment, or in a file (a relative path starts where
    those of the source do). Exactly one of them is not None."""

    env: str | None = None
    file: str | None = None


def _secret(node: Node) -> SecretRef:
    if not isinstance(node, Mapping):
        # Whatever stands there may be the secret itself, so it is not shown.
        sort = "a text" if isinstance(node, Scalar) else found(node)
        raise Unreadable("FR423", f"is a secret, which must be {_FORM}, found {sort}", node.span)
    if len(node.entries) != 1 or node.entries[0].key.text not in {"env", "file"}:
        raise Unreadable("FR423", f"is a secret, which must be {_FORM}, found other keys", node.span)
    key, value = node.entries[0].key.text, node.entries[0].value
    if not isinstance(value, Scalar) or not value.text:
        raise Unreadable("FR423", f"is a secret, which must be {_FORM}, found {found(value)}", value.span)
    if key == "file":
        return SecretRef(file=value.text)
    if not _NAME.fullmatch(value.text):
        says = "must name a variable of the environment: letters, digits and `_`"
        raise Unreadable("FR423", says, value.span)
    return SecretRef(env=value.text)


Secret = Annotated[
    SecretRef,
    PlainValidator(_secret),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"env": {"type": "string"}, "file": {"type": "string"}},
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        }
    ),
]
"""A key that takes a secret."""
