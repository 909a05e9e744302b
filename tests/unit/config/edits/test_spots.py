"""A finding in a tunnel's value is told by the characters of the text, however that is written."""

from __future__ import annotations

import pytest

from flowrun.config import load_texts
from flowrun.config.edits import Spot, spot
from flowrun.yamldoc import read_document

HEAD = """\
flowrun: 1
fields: {amount: {type: decimal}, note: text}
pipelines: {a: {stages: [x, {id: y, outcome: won}]}}
tunnels:
  t:
    from: a.x
    to: a.y
    action: move
"""
CONDITION = "deal.amount > 5 and deal.nope == 1"
STYLES = {
    "plain": CONDITION,
    "plain over lines": "deal.amount > 5\n      and\n      deal.nope == 1",
    "single": f"'{CONDITION}'",
    "double": '"deal.\\u0061mount > 5 and deal.\\\n      nope == 1"',
    "folded": ">-\n      deal.amount > 5\n      and deal.nope == 1",
    "literal": f"|\n      {CONDITION}\n",
}


@pytest.mark.parametrize("style", STYLES)
def test_a_mistake_in_a_condition(style: str) -> None:
    data = f"{HEAD}    when: {STYLES[style]}\n".encode()
    [finding] = load_texts({"a.yaml": data}).findings
    found = spot({"a.yaml": read_document(data, "a.yaml")}, "t", finding.span)
    assert found is not None
    assert found.path == ("when",)
    assert CONDITION[found.start : found.end] == "nope"


def test_other_places() -> None:
    text = f"{HEAD}    set: {{note: '{{{{ deal.nope }}}}', unknown: 1}}\n    after: 5\n    other: 1\n"
    documents = {"a.yaml": read_document(text.encode(), "a.yaml")}
    found = {one.code: spot(documents, "t", one.span) for one in load_texts({"a.yaml": text.encode()}).findings}
    assert found["FR203"] == Spot(("set", "note"), 8, 12)
    assert found["FR502"] == Spot(("set", "unknown"), None, None)
    assert found["FR405"] == Spot(("after",), 0, 1)
    assert found["FR401"] == Spot(("other",), None, None)
    assert spot(documents, "u", load_texts({"a.yaml": text.encode()}).findings[0].span) is None
