"""`schema`: the published JSON Schemas, made from the models."""

from __future__ import annotations

import json

NAMES = ("flow", "test", "plan")
"""The schemas that there are."""


def schema(name: str) -> str:
    """The schema of that name as JSON text, as it is published in `schemas/`. Raises KeyError for another name."""
    if name == "plan":
        from flowrun.plan.wire import schema as of_plan

        content = of_plan()
    else:
        from flowrun.config.schema import schema as of_files

        content = of_files(name)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
