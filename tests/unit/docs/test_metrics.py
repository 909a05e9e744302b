"""The metrics are all in the docs."""

from __future__ import annotations

import re
from pathlib import Path

from flowrun.serving import metrics

PAGE = (Path(__file__).parents[3] / "docs/how-to/run-in-production.md").read_text("utf-8")


def test_every_metric_is_explained() -> None:
    names = set(re.findall(r'"(flowrun_\w+)"', Path(metrics.__file__).read_text("utf-8")))
    assert len(names) > 10
    assert {name for name in names if not re.search(rf"`{name}(_total|_info)?[{{`]", PAGE)} == set()
