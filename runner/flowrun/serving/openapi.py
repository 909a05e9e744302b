"""What the deals' routes take and give, as an OpenAPI 3.1 document made of the applied flow: its fields and stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowrun import __version__
from flowrun.expr.types import DIGITS, Kind, Type
from flowrun.flow.deal_id import ID_CHARACTERS
from flowrun.flow.model import Flow
from flowrun.store.deals import types
from flowrun.store.watching import TEXT_CHARACTERS

MOST_ITEMS = 1_000
"""Deals of one batch."""

Schema = dict[str, Any]

_INSTANT = {"type": "string", "format": "date-time"}
_NO_NUL = r"^[^\u0000]*$"
_ID_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": ID_CHARACTERS,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Kept for a day: the same request under the same key gets the same answer, and does nothing again.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_RESTAGE = {
    "name": "restage",
    "in": "query",
    "required": False,
    "description": "Set the stage also where it is the one that was sent last, and tunnels have moved the deal since.",
    "schema": {"type": "boolean", "default": False},
}
_ID = {"name": "id", "in": "path", "required": True, "schema": _ID_TEXT}
_PROBLEMS = {
    400: "The request is no JSON, or makes no sense.",
    401: "No token, or a wrong one.",
    404: "There is no such deal.",
    408: "The body did not come in time.",
    409: "Deals can't be written here now: they live elsewhere, or no revision is applied.",
    413: "The body is too large.",
    415: "The body is no application/json.",
    422: "Something is wrong with a deal, or the key was used for another request.",
    429: "Too many requests at once.",
    503: "The store can't be used just now.",
}
_READING = (400, 401, 404, 409, 429, 503)
_DELETING = (400, 401, 404, 409, 422, 429, 503)
_WRITING = (400, 401, 408, 409, 413, 415, 422, 429, 503)


def document(flow: Flow, revision: int) -> Schema:
    """The document of that flow. `revision` is the number of the applied one."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Deals of {flow.project}",
            "version": str(revision),
            "description": f"flowrun {__version__}, with revision {revision} applied.",
        },
        "security": [{"token": []}],
        "paths": {
            "/deals/{id}": {
                "get": _operation("getDeal", "One deal.", [_ID], _READING, {200: ("The deal.", _ref("Deal"))}),
                "put": _operation(
                    "putDeal",
                    "Make the deal, or change what is named of it.",
                    [_ID, _RESTAGE, _KEY],
                    _WRITING,
                    {200: ("It was there.", _ref("Deal")), 201: ("It is new.", _ref("Deal"))},
                    _ref("Put"),
                ),
                "delete": _operation(
                    "deleteDeal", "Delete the deal; its journal stays.", [_ID, _KEY], _DELETING, {204: ("Gone.", None)}
                ),
            },
            "/deals:batch": {
                "post": _operation(
                    "postDeals",
                    "Make or change many deals. Those that are in order are taken, whatever the others are.",
                    [_RESTAGE, _KEY],
                    _WRITING,
                    {
                        200: ("All were taken.", _ref("Results")),
                        207: ("Some were not.", _ref("Results")),
                    },
                    _ref("Batch"),
                )
            },
            "/openapi.json": {
                "get": _operation(
                    "getOpenApi", "This document.", [], (401, 409, 429, 503), {200: ("It.", {"type": "object"})}
                )
            },
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(flow),
        },
    }


def _operation(
    name: str,
    summary: str,
    parameters: list[Schema],
    problems: tuple[int, ...],
    answers: Mapping[int, tuple[str, Schema | None]],
    body: Schema | None = None,
) -> Schema:
    responses: Schema = {
        str(status): {"description": says} | ({"content": {"application/json": {"schema": schema}}} if schema else {})
        for status, (says, schema) in answers.items()
    }
    for status in problems:
        content = {"application/problem+json": {"schema": _ref("Problem")}}
        responses[str(status)] = {"description": _PROBLEMS[status], "content": content}
    found: Schema = {"operationId": name, "summary": summary, "parameters": parameters, "responses": responses}
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def _schemas(flow: Flow) -> Schema:
    settable = {
        "at": {"enum": [*flow.stages, None], "description": "The stage; a new deal needs one."},
        **{name: written(type_) for name, type_ in types(flow).items()},
        "entered_at": {
            **_nullable(_INSTANT),
            "description": "When a new deal entered its stage; never in the future.",
        },
    }
    text = _nullable({"type": "string"})
    return {
        "Put": {
            "type": "object",
            "properties": {"id": {**_ID_TEXT, "description": "That of the path."}, **settable},
            "additionalProperties": False,
        },
        "Item": {
            "type": "object",
            "properties": {"id": _ID_TEXT, **settable},
            "required": ["id"],
            "additionalProperties": False,
        },
        "Batch": {
            "type": "object",
            "properties": {"deals": {"type": "array", "items": _ref("Item"), "minItems": 1, "maxItems": MOST_ITEMS}},
            "required": ["deals"],
            "additionalProperties": False,
        },
        "Deal": {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "title": text,
                "owner": text,
                "pipeline": {"enum": list(flow.pipelines)},
                "stage": {"enum": list(flow.stages)},
                "entry": {"type": "integer", "minimum": 1},
                "entered_at": _INSTANT,
                "created_at": _INSTANT,
                "updated_at": _INSTANT,
                "origin": text,
                "origin_tunnel": text,
                "fields": {
                    "type": "object",
                    "properties": {field.id: read(field.type) for field in flow.fields.values()},
                    "required": list(flow.fields),
                    "additionalProperties": False,
                },
            },
            "required": ["id", "pipeline", "stage", "entry", "entered_at", "created_at", "updated_at", "fields"],
        },
        "Results": {
            "type": "object",
            "properties": {
                **{name: {"type": "integer", "minimum": 0} for name in ("added", "changed", "moved", "rejected")},
                "results": {"type": "array", "items": _ref("Result")},
            },
            "required": ["added", "changed", "moved", "rejected", "results"],
        },
        "Result": {
            "type": "object",
            "properties": {
                "id": {"type": "string", "description": "Empty where the object has none."},
                "result": {"enum": ["added", "changed", "unchanged", "rejected"]},
                "moved": {"type": "boolean", "description": "Whether its stage was set."},
                "errors": {"type": "array", "items": _ref("Error")},
            },
            "required": ["id", "result", "moved"],
        },
        "Problem": {
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {"type": "array", "items": _ref("Error")},
            },
            "required": ["title", "status", "detail"],
        },
        "Error": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in ("pointer", "field", "found", "expected", "detail")},
            "required": ["pointer", "detail"],
        },
    }


def written(type_: Type) -> Schema:
    """What may be sent for a field of that type; null empties it, or gives it its default."""
    match type_.kind:
        case Kind.ENUM:
            return {"enum": [*type_.values, None]}
        case Kind.BOOLEAN:
            return {"type": ["boolean", "null"]}
        case Kind.INTEGER:
            return {"type": ["integer", "null"], "minimum": -(2**63), "maximum": 2**63 - 1}
        case Kind.DECIMAL:
            most = 10 ** (DIGITS - type_.places)
            number = {"type": "number", "exclusiveMinimum": -most, "exclusiveMaximum": most}
            text = {"type": "string", "pattern": _decimal(type_.places)}
            return {"anyOf": [number, text, {"type": "null"}], "description": f"At most {type_.places} decimal places."}
        case Kind.TAGS:
            items = {"type": "string", "maxLength": TEXT_CHARACTERS, "pattern": _NO_NUL}
            return {"type": ["array", "null"], "items": items}
        case Kind.DATE:
            return _nullable({"type": "string", "format": "date"})
        case Kind.DATETIME:
            return _nullable(_INSTANT)
        case _:
            return {"type": ["string", "null"], "maxLength": TEXT_CHARACTERS, "pattern": _NO_NUL}


def read(type_: Type) -> Schema:
    """What is given of a field of that type; null where it is empty."""
    if type_.kind is Kind.DECIMAL:
        return {"type": ["string", "null"]}
    return {"type": ["integer", "null"]} if type_.kind is Kind.INTEGER else written(type_)


def _decimal(places: int) -> str:
    return r"^-?[0-9]{1,12}" + (rf"(\.[0-9]{{1,{places}}})?" if places else "") + "$"


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
