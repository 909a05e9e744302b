"""The living example is valid without a warning, in every environment, and shows most of the format."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from flowrun.config import is_scenario, load
from flowrun.yamldoc import read_document
from tests.unit.config.test_schema import as_json

FLOWS = Path(__file__).parent.parent.parent.parent / "flows"


@pytest.mark.parametrize("environment", [None, "staging", "prod"])
def test_it_is_valid_without_a_warning(environment: str | None) -> None:
    loaded = load(FLOWS, environment=environment)
    assert loaded.findings == ()
    assert loaded.flow is not None
    assert len(loaded.flow.pipelines) == 4
    assert len(loaded.flow.tunnels) >= 10


@pytest.mark.parametrize("file", sorted(FLOWS.glob("*.yaml")), ids=lambda file: file.name)
def test_editors_take_it_too(file: Path) -> None:
    name = "test" if is_scenario(file) else "flow"
    published = json.loads((FLOWS.parent / "schemas" / f"{name}.v1.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(published).validate(as_json(read_document(file.read_bytes(), file.name).root))
