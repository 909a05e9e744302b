"""`source:` by its kind: its keys go into the flow as they are written, and come back as the kind's model."""

from __future__ import annotations

import json
from typing import ClassVar

import jsonschema
import pytest
from pydantic import Field

from flowrun.config import load_texts
from flowrun.config.leaves import Count, Flag
from flowrun.config.reading import Block, Many, Named, Text
from flowrun.config.schema import schema
from flowrun.config.secrets import Secret, SecretRef
from flowrun.config.sources import options
from flowrun.errors import WorkFailed
from flowrun.flow.codec import dumps, loads
from flowrun.flow.model import Flow, Place, SourceSpec
from flowrun.render.text import diagnostics_text


class Part(Block):
    """A part."""

    noun: ClassVar[str] = "a part"

    size: Count | None = Field(description="Its size.")


class Queue(Block):
    """The keys of a source."""

    noun: ClassVar[str] = "the source 'queue'"

    address: Text | None = Field(description="Where it is.")
    quick: Flag = Field(default=True, description="Whether it is.")
    size: Count | None = Field(default=None, description="Its size.")
    names: Many[Text] = Field(default=(), description="Texts.")
    parts: Named[Text, Part | None] = Field(default_factory=dict, description="Parts.")
    password: Secret | None = Field(default=None, description="A secret.")


KINDS = {"queue": Queue}
HEAD = "flowrun: 1\npipelines: {sales: {stages: [new, won]}}\n"


def flow_of(source: str, environment: str | None = None) -> Flow:
    loaded = load_texts({"a.yaml": (HEAD + source).encode()}, environment=environment, kinds=KINDS)
    assert loaded.flow is not None, loaded.findings
    return loaded.flow


def test_keys_come_back_through_a_revision_as_they_are_written() -> None:
    written = """source:
      type: queue
      address: "false"
      quick: false
      size: 12
      names: [007, "12", null, "", true, "true", 1.50, -0]
      parts: {one: {size: 3}, "null": {size: 4}}
      password: {env: QUEUE_PASSWORD}
    """
    flow = loads(dumps(flow_of(written.replace('"", ', ""))))
    assert flow.source.type == "queue"
    assert flow.source.elsewhere
    read = options(flow.source, Queue)
    assert (read.address, read.quick, read.size) == ("false", False, 12)
    assert read.names == ("007", "12", "null", "true", "true", "1.50", "-0")
    assert {name: part.size for name, part in read.parts.items() if part} == {"one": 3, "null": 4}
    assert read.password == SecretRef(env="QUEUE_PASSWORD")


def test_what_an_environment_says_stands_in_place_of_the_whole() -> None:
    body = "source: {type: queue, address: a, size: 3}\nenvironments: {dev: {source: {type: queue, address: b}}}\n"
    assert flow_of(body).source == SourceSpec("queue", {"address": "a", "size": 3})
    assert flow_of(body, "dev").source == SourceSpec("queue", {"address": "b"})
    assert flow_of("environments: {dev: {source: {type: store}}}\n", "dev").source == SourceSpec()


def test_each_key_of_an_environment_has_its_place() -> None:
    body = HEAD + "environments: {dev: {source: {type: queue, address: b}}}\n"
    loaded = load_texts({"a.yaml": body.encode()}, environment="dev", kinds=KINDS)
    assert loaded.places["from/settings/source.type"] == Place("a.yaml", 3, 22)
    assert loaded.places["from/settings/source.address"] == Place("a.yaml", 3, 44)


def test_keys_that_no_longer_fit_are_told_when_the_source_is_opened() -> None:
    with pytest.raises(WorkFailed, match=r"source 'queue' does not fit this flowrun: .* has no key 'port'"):
        options(SourceSpec("queue", {"address": "a", "port": 1}), Queue)
    with pytest.raises(WorkFailed, match="needs `address`"):
        options(SourceSpec("queue"), Queue)


@pytest.mark.parametrize(
    ("source", "fits"),
    [
        ({"type": "store"}, True),
        ({"type": "store", "address": "a"}, False),
        ({"type": "queue", "address": "a", "parts": {"b": {"size": 1}}}, True),
        ({"type": "queue", "adress": "a"}, False),
        ({"type": "queue", "address": "a", "password": "x"}, False),
        ({"type": "queue", "address": "a", "password": {"env": "X"}}, True),
        ({"type": "of another package", "any": ["thing"]}, True),
        ({"address": "a"}, False),
    ],
)
def test_the_schema_has_the_keys_of_each_kind(source: object, fits: bool) -> None:
    made = json.loads(json.dumps(schema("flow", KINDS)))
    validator = jsonschema.Draft202012Validator(made)
    assert validator.is_valid({"flowrun": 1, "source": source}) is fits


@pytest.mark.parametrize("secret", ["hunter2", "[a, hunter2]", '"hunter2 ü"', "|\n    hunter2\n    hunter2"])
def test_a_secret_that_stands_in_a_file_is_not_shown(secret: str) -> None:
    text = HEAD + f"source:\n  type: queue\n  address: a\n  password: {secret}\n"
    loaded = load_texts({"a.yaml": text.encode()}, kinds=KINDS)
    (finding,) = loaded.findings
    assert finding.code == "FR423"
    shown = "\n".join(str(line) for line in diagnostics_text(loaded.findings, loaded.sources))
    assert "hunter2" not in shown
    assert "password: •" in shown.replace("'", "")


def test_a_kind_that_can_not_be_loaded_keeps_no_other_out_of_the_schema() -> None:
    class Broken(dict[str, type[Block]]):
        def __getitem__(self, name: str) -> type[Block]:
            if name == "broken":
                raise WorkFailed("can't be loaded")
            return super().__getitem__(name)

    made = schema("flow", Broken(broken=Queue, queue=Queue))
    assert [one["if"]["properties"]["type"]["const"] for one in made["$defs"]["SourceBlock"]["allOf"]] == [
        "store", "queue",
    ]  # fmt: skip
