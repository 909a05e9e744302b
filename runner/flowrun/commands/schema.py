"""`schema`: the published JSON Schemas, made from the models."""

from __future__ import annotations

import json

NAMES = ("flow", "test")
"""The schemas that there are."""


def schema(name: str) -> str:
    """The schema of that name as JSON text, as it is published in `schemas/`. Raises KeyError for another name."""
    from flowrun.config.schema import schema as of

    content = of(name)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
