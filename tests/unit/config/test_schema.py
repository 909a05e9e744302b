"""The published JSON Schema takes what the loader takes, and helps with what it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowrun.config import load_texts
from flowrun.config.schema import schema
from flowrun.sources.registry import Kinds
from flowrun.yamldoc import Mapping, Node, Scalar, Sequence, read_document
from tests.unit.config.flows import PIPELINES, WHOLE

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
FILES = sorted(path for path in GOLDEN.glob("*/flows/**/*.y*ml") if path.is_file())
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
VALIDATORS = {name: Draft202012Validator(schema(name, Kinds(own=True))) for name in ("flow", "test")}


def as_json(node: Node | None) -> Any:
    """A document as editors see it, by YAML 1.2's core schema."""
    match node:
        case Mapping(entries=entries):
            return {entry.key.text: as_json(entry.value) for entry in entries}
        case Sequence(items=items):
            return [as_json(item) for item in items]
        case Scalar(plain=True, text="" | "~" | "null" | "Null" | "NULL"):
            return None
        case Scalar(plain=True, text="true" | "True" | "TRUE" | "false" | "False" | "FALSE" as text):
            return text.lower() == "true"
        case Scalar(plain=True, text=text) if re.fullmatch(r"[-+]?[0-9]+", text):
            return int(text)
        case Scalar(plain=True, text=text) if re.fullmatch(
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text
        ):
            return float(text)
        case Scalar(text=text):
            return text
        case _:
            return None


def errors(text: str, name: str = "flow") -> list[str]:
    root = read_document(text.encode(), "a.yaml").root
    return [error.message for error in VALIDATORS[name].iter_errors(as_json(root))]


@pytest.mark.parametrize("name", VALIDATORS)
def test_it_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("name", VALIDATORS)
def test_the_published_file_is_this_schema(name: str) -> None:
    assert json.loads((ROOT / "schemas" / f"{name}.v1.json").read_text("utf-8")) == schema(name, Kinds(own=True))


def test_it_takes_the_whole_format() -> None:
    assert errors("flowrun: 1\n" + WHOLE) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(GOLDEN)))
def test_it_takes_what_the_loader_takes(path: Path) -> None:
    """Files of golden cases; sections of their own are enough, since the schema knows no references."""
    data = path.read_bytes()
    name = "test" if ".test." in path.name else "flow"
    found = load_texts({f"a.{name}.yaml": data}).findings
    beyond = {"FR2", "FR3", "FR5", "FR9"}  # what only flowrun can know, but for the shape of a reference
    known = [one for one in found if one.code[:3] not in beyond or "written pipeline.stage" in one.message]
    if all(one.code == "FR410" for one in known):
        assert errors(data.decode("utf-8-sig"), name) == []


@pytest.mark.parametrize(
    "body",
    [
        "colour: red",
        "tunnels: {t: {from: sales.new, to: sales.won}}",
        "tunnels: {t: {from: sales.new, to: sales.won, action: cpy}}",
        "tunnels: {t: {from: sales.new, to: sales.won, action: copy, after: soon}}",
        "tunnels: {t: {from: new, to: sales.won, action: copy}}",
        "fields: {a: txt}",
        "fields: {Bad-Id: text}",
        "pipelines: {p: {stages: []}}",
        "limits: {max_hops: 0}",
        "calendars: {c: {hours: {mo: '09:00-10:00'}}}",
    ],
)
def test_it_refuses_what_an_editor_can_tell(body: str) -> None:
    assert errors(f"flowrun: 1\n{body}") != []


@pytest.mark.parametrize(
    "test",
    [
        "{now: 2026-03-02T10:00, steps: [expect: {exact: true}]}",
        "{name: it, now: 2026-03-02, steps: [expect: {exact: true}]}",
        "{name: it, now: 2026-03-02T10:00, steps: []}",
        "{name: it, now: 2026-03-02T10:00, steps: [{}]}",
        "{name: it, now: 2026-03-02T10:00, steps: [{advance: 1h, restart: true}]}",
        "{name: it, now: 2026-03-02T10:00, steps: [restart: false]}",
        "{name: it, now: 2026-03-02T10:00, steps: [advance: 2bd]}",
        "{name: it, now: 2026-03-02T10:00, steps: [wait: 1h]}",
        "{name: it, now: 2026-03-02T10:00, steps: [move: {deal: d1, to: won}]}",
        "{name: it, now: 2026-03-02T10:00, steps: [expect: {not_fired: [{deal: d1, tunnel: t, because: luck}]}]}",
    ],
)
def test_it_refuses_scenarios_that_an_editor_can_tell(test: str) -> None:
    assert errors(f"flowrun: 1\ntests: [{test}]", "test") != []


@pytest.mark.parametrize("name", VALIDATORS)
def test_every_key_is_described(name: str) -> None:
    generated = schema(name)
    for block in (generated, *generated["$defs"].values()):
        for key, value in block.get("properties", {}).items():
            assert value.get("description"), key


def test_short_forms_are_part_of_it() -> None:
    assert errors("flowrun: 1\n" + PIPELINES) == []
    assert errors("flowrun: 1\nfields: {seats: integer}\npipelines: {p: {stages: [a, {id: b}]}}") == []


def test_a_scalar_is_read_as_editors_do() -> None:
    root = read_document(b"a: [1, 1.5, true, null, '1', on, 010]", "a.yaml").root
    assert as_json(root) == {"a": [1, 1.5, True, None, "1", "on", 10]}
