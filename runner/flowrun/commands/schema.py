"""`schema`: the published JSON Schemas, made from the models."""

from __future__ import annotations

import json

NAMES = ("flow", "test", "plan")
"""The schemas that there are."""


def schema(name: str, *, own: bool = False) -> str:
    """The schema of that name as JSON text, with the keys of all sources that are here and can be loaded. Raises
    KeyError for another name.

    `own`: flowrun's own sources alone, as it is published in `schemas/`.
    """
    if name == "plan":
        from flowrun.plan.wire import schema as of_plan

        content = of_plan()
    else:
        from flowrun.config.schema import schema as of_files
        from flowrun.sources.registry import Kinds

        content = of_files(name, Kinds(own=own))
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
