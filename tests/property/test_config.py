"""Whatever stands at whatever place of a flow file, loading it gives findings and never an exception."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun.config import load_texts
from flowrun.diagnostics import has_errors
from flowrun.flow.codec import dumps, loads
from flowrun.yamldoc import Mapping, Node, Scalar, Sequence, read_document
from tests.unit.config.flows import WHOLE

PLAIN = re.compile(r"[\w.*-]+")
GARBAGE: list[Any] = [
    "",
    "null",
    "true",
    "x",
    "-1",
    "010",
    "1e3",
    "99999999999999999999",
    "sales.won",
    "sales.*",
    "2h",
    "10bd",
    "0s",
    "deal.amount > 1",
    "{{ deal.title }}",
    "{% x %}",
    "won-to-onboarding",
    "tunnels.x",
    "2026-02-30",
    "a\nb",
    "\u202e",
    "store",
    [],
    {},
    [[]],
    {"x": {}},
    ["x", "x"],
    {"id": "x"},
    {"type": "text"},
    {"rotate": ["a"]},
    {"mon": "09:00-10:00"},
    {"from": "sales.new", "to": "sales.won"},
]
KEYS = ["x", "id", "from", "to", "when", "type", "values", "action", "on", "null", "title", "sales", "amount", "Ж", ""]


def plain(node: Node) -> Any:
    match node:
        case Mapping(entries=entries):
            return {entry.key.text: plain(entry.value) for entry in entries}
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Scalar(text=text):
            return text


def emitted(value: Any) -> str:
    """As YAML in flow style; texts that can stand without quotes do."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{emitted(key)}: {emitted(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(emitted, value)) + "]"
    return value if PLAIN.fullmatch(value) else json.dumps(value)


def root() -> Any:
    node = read_document(("flowrun: 1\n" + WHOLE).encode(), "a.yaml").root
    assert node is not None
    return plain(node)


def containers(value: Any) -> list[Any]:
    """Every map and list in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([value] if isinstance(value, dict | list) else []) + [one for item in inner for one in containers(item)]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The whole format with a few places replaced, added or taken away."""
    document = root()
    for _ in range(draw(st.integers(1, 4))):
        places = containers(document)
        at = places[draw(st.integers(0, len(places) - 1))]
        garbage = draw(st.sampled_from(GARBAGE))
        if isinstance(at, list):
            index = draw(st.integers(0, len(at)))
            at[index : index + draw(st.integers(0, 1))] = [garbage]
        elif at and draw(st.booleans()):
            key = draw(st.sampled_from(sorted(at)))
            if draw(st.integers(0, 3)):
                at[key] = garbage
            else:
                del at[key]
        else:
            at[draw(st.sampled_from(KEYS))] = garbage
        document = json.loads(json.dumps(document))
    return emitted(document)


@settings(max_examples=250, deadline=None)
@given(mutated(), st.sampled_from([None, "staging", "prod", "x"]))
def test_garbage_is_found_and_what_is_fine_comes_back_from_json(text: str, environment: str | None) -> None:
    loaded = load_texts({"a.yaml": text.encode("utf-8", "surrogatepass")}, environment=environment)
    assert (loaded.flow is None) == has_errors(loaded.findings)
    for finding in loaded.findings:
        assert "\n" not in finding.message
        assert finding.span.file in {"a.yaml", "--env"}
    if loaded.flow is not None:
        assert loads(dumps(loaded.flow)) == loaded.flow


def test_the_document_that_is_mutated_is_fine() -> None:
    assert load_texts({"a.yaml": emitted(root()).encode()}).findings == ()
