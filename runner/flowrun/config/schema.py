"""The published JSON Schemas of flow and scenario files, generated from the models: what editors complete and check by.

They describe the YAML as people write it, short forms included, and take everything that the loader takes; they can't
know references, types of values, or conditions.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from flowrun.config.models import FlowFile, SourceBlock
from flowrun.config.reading import Block
from flowrun.config.scenario_models import ScenarioFile
from flowrun.config.sources import Kinds
from flowrun.errors import WorkFailed
from flowrun.flow.model import STORE

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """As Pydantic does it, without what only serves Python: titles of fields, and None for "not written"."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        generated = super().default_schema(schema)
        if generated.get("default") in (None, [], {}):
            generated.pop("default", None)
        return generated

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """A section may have nothing under it, and has no other keys than ids."""
        generated = super().dict_schema(schema)
        if "patternProperties" in generated:
            generated["additionalProperties"] = False
        return {**generated, "type": ["object", "null"]}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        return {**super().tuple_schema(schema), "type": ["array", "null"]}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


_FILES: dict[str, tuple[type[Block], str]] = {
    "flow": (FlowFile, "flowrun: a flow file, version 1"),
    "test": (ScenarioFile, "flowrun: a file of scenarios, version 1"),
}


def schema(name: str = "flow", kinds: Kinds | None = None) -> dict[str, Any]:
    """The schema of flow files, or of scenario files (`test`), as a JSON-ready dictionary; KeyError for other names.

    `kinds` are the sources whose keys are in it, beside the store. Of another one it takes any keys.
    """
    block, title = _FILES[name]
    generated = block.model_json_schema(by_alias=True, schema_generator=_Generator)
    generated["title"] = title
    if name == "flow":
        _add_sources(generated["$defs"], kinds or {})
    return {"$schema": DIALECT, **generated}


def _add_sources(shapes: dict[str, Any], kinds: Kinds) -> None:
    """Give `source` the keys of each kind, under its `type`."""
    source = shapes[SourceBlock.__name__]
    word = source["properties"]["type"]
    names = [STORE, *kinds]
    source["properties"]["type"] = {"anyOf": [{"enum": names}, {"type": word.pop("type")}], **word}
    source["allOf"] = [_keys_of(STORE, {"properties": {}, "additionalProperties": False})]
    for name in names[1:]:
        try:
            model = kinds[name]
        except WorkFailed:
            continue  # it is named where it is used
        written = model.model_json_schema(by_alias=True, schema_generator=_Generator)
        shapes |= written.pop("$defs", {})
        shapes[model.__name__] = written
        source["allOf"].append(_keys_of(name, written, f"#/$defs/{model.__name__}"))


def _keys_of(name: str, shape: dict[str, Any], place: str | None = None) -> dict[str, Any]:
    shape["properties"] = {"type": {"const": name}, **shape["properties"]}
    return {"if": {"properties": {"type": {"const": name}}}, "then": shape if place is None else {"$ref": place}}
