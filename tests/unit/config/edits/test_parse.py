"""Edits out of JSON: what is none is told in one clear line."""

from __future__ import annotations

import pytest

from flowrun.config.edits import BadEdit, model, parse_edit
from flowrun.flow.model import JSON
from flowrun.yamldoc.plain import Bare


def test_every_kind_is_read() -> None:
    stage = {"id": "b", "name": None, "outcome": "won"}
    keys: JSON = {"watch": False, "breaker": {"firings": 5}, "set": {"note": None, "tags": ["x"]}}
    given: list[tuple[dict[str, JSON], model.Single]] = [
        (
            {"kind": "tunnel.add", "id": "t", "from": ["a.b"], "to": "a.c", "action": "move", "keys": keys},
            model.AddTunnel(
                "t",
                ("a.b",),
                "a.c",
                "move",
                {"watch": Bare("false"), "breaker": {"firings": Bare("5")}, "set": {"note": None, "tags": ["x"]}},
            ),
        ),
        ({"kind": "tunnel.set", "id": "t", "key": "to", "value": "a.b"}, model.SetTunnel("t", "to", "a.b")),
        ({"kind": "tunnel.rename", "id": "t", "to": "u"}, model.RenameTunnel("t", "u")),
        ({"kind": "tunnel.remove", "id": "t"}, model.RemoveTunnel("t")),
        (
            {"kind": "pipeline.add", "id": "p", "name": "P", "stages": [stage], "file": "a.yaml"},
            model.AddPipeline("p", "P", (model.NewStage("b", None, "won"),), "a.yaml"),
        ),
        ({"kind": "pipeline.set", "id": "p", "key": "name", "value": None}, model.SetPipeline("p", "name", None)),
        ({"kind": "pipeline.rename", "id": "p", "to": "q"}, model.RenamePipeline("p", "q")),
        ({"kind": "pipeline.remove", "id": "p", "deals": {"b": "q.c"}}, model.RemovePipeline("p", {"b": "q.c"})),
        ({"kind": "pipeline.move", "id": "p", "before": None}, model.MovePipeline("p", None)),
        (
            {"kind": "stage.add", "pipeline": "p", **stage, "before": "c"},
            model.AddStage("p", model.NewStage("b", None, "won"), "c"),
        ),
        (
            {"kind": "stage.set", "stage": "p.b", "key": "requires", "value": ["x"]},
            model.SetStage("p.b", "requires", ["x"]),
        ),
        ({"kind": "stage.rename", "stage": "p.b", "to": "c"}, model.RenameStage("p.b", "c")),
        ({"kind": "stage.remove", "stage": "p.b", "deals_to": None}, model.RemoveStage("p.b", None)),
        ({"kind": "stage.move", "stage": "p.b", "before": "a"}, model.MoveStage("p.b", "a")),
    ]
    assert [parse_edit(json) for json, _ in given] == [edit for _, edit in given]
    assert parse_edit({"kind": "batch", "edits": [json for json, _ in given]}) == model.Batch(
        tuple(edit for _, edit in given)
    )


DEEP: JSON = "x"
for _ in range(12):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("json", "says"),
    [
        (None, "an edit must be an object"),
        ([], "an edit must be an object"),
        ({}, "no edit of the kind nothing; the kinds are tunnel.add"),
        ({"kind": "tunnel.ad"}, "did you mean 'tunnel.add'"),
        ({"kind": "tunnel.set", "id": "t", "key": "to"}, "`tunnel.set` needs `value`"),
        ({"kind": "tunnel.remove", "id": ""}, "`id` must be a text with something in it, found ''"),
        ({"kind": "tunnel.remove", "id": 5}, "found 5"),
        ({"kind": "tunnel.remove", "id": "t", "x": 1}, "`tunnel.remove` has no `x`; it has id"),
        ({"kind": "tunnel.set", "id": "t", "key": "set", "value": {"a": 1.5}}, "must be written as a text"),
        ({"kind": "tunnel.set", "id": "t", "key": "set", "value": DEEP}, "nested deeper than 10"),
        ({"kind": "stage.set", "stage": "a.b", "key": "id", "value": "x"}, "`key` must be name or outcome or requires"),
        (
            {"kind": "pipeline.add", "id": "p", "name": None, "stages": []},
            "`stages` must be a list of stages, found an empty",
        ),
        ({"kind": "pipeline.add", "id": "p", "name": None, "stages": [{"id": "x", "y": 1}]}, "has no `y`"),
        ({"kind": "pipeline.remove", "id": "p", "deals": []}, "`deals` must be an object"),
        ({"kind": "batch", "edits": []}, "1 to 1,000 edits"),
        ({"kind": "batch", "edits": [{"kind": "batch", "edits": []}]}, "no edit of the kind 'batch'"),
    ],
)
def test_what_is_no_edit(json: JSON, says: str) -> None:
    with pytest.raises(BadEdit) as raised:
        parse_edit(json)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
