"""The bridge from YAML nodes to Pydantic models to diagnostics.

Models are validated on the nodes themselves, so whatever refuses a value has its exact place in hand. Pydantic keeps
what it is good at (fields, defaults, constraints, nesting, JSON Schema); three things are added here, once, for all
models:

- a key that can't be read is reported and becomes absent, and the rest is read on: one run shows every mistake.
  So a required key is typed `T | None`, where None means that a finding has already been made;
- unknown and missing keys are found before Pydantic sees them, to name them in the user's words;
- a block keeps its node (`node_of`, `place_of`), and a text its scalar (`Text.node`), for the findings of later steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from flowrun.config.findings import Findings
from flowrun.diagnostics import Span, excerpt
from flowrun.yamldoc import Entry, Mapping, Node, Scalar, Sequence
from flowrun.yamldoc.nodes import NULLS


def nothing(node: Node) -> bool:
    """Whether the node is a plain null: a key with nothing after it."""
    return isinstance(node, Scalar) and node.plain and node.text in NULLS


def shown(text: str) -> str:
    """A text as messages show it: in quotes, on one line, shortened."""
    return f"'{excerpt(text)}'"


def found(node: Node) -> str:
    """What stands there, as messages say it."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar() if node.plain and not node.text:
            return "nothing"
        case Scalar():
            return shown(node.text)


class Text(str):
    """A text that knows the scalar it was read from."""

    __slots__ = ("node",)
    node: Scalar

    def __new__(cls, node: Scalar) -> Self:
        text = super().__new__(cls, node.text)
        text.node = node
        return text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda node: cls(scalar(node, "a text")))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": ["string", "number", "boolean", "null"]}


class Unreadable(ValueError):
    """A node can't stand in its place. `says` continues a sentence that starts with the key: "`after` must be …"."""

    def __init__(self, code: str, says: str, span: Span, hint: str | None = None) -> None:
        super().__init__(says)
        self.code = code
        self.says = says
        self.span = span
        self.hint = hint


def scalar(node: Node, expected: str) -> Scalar:
    """The node, which has to be a scalar with something in it. Raises Unreadable."""
    if not isinstance(node, Scalar):
        raise Unreadable("FR403", f"must be {expected}, found {found(node)}", node.span)
    if not node.text:
        raise Unreadable(
            "FR404", f"must be {expected}, found {'nothing' if node.plain else 'an empty text'}", node.span
        )
    return node


class Reader:
    """One reading of one document: where findings go, and the way to the node that is being read."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._way: list[tuple[str, Span]] = []

    @contextmanager
    def under(self, subject: str, span: Span) -> Iterator[None]:
        """Reads what messages call `subject`; `span` is where its lack of something is shown."""
        self._way.append((subject, span))
        try:
            yield
        finally:
            self._way.pop()

    @property
    def subject(self) -> str:
        """What messages call that which is being read."""
        return self._way[-1][0] if self._way else "the file"

    def place(self, node: Node) -> Span:
        """Where to show that something is missing in the node."""
        return self._way[-1][1] if self._way else start(node)

    def refuse(self, cause: Unreadable) -> None:
        """Reports what can't stand here."""
        self.findings.error(cause.code, f"{self.subject} {cause.says}", cause.span, cause.hint)

    def report(self, refused: ValidationError, node: Node) -> None:
        """Turns what Pydantic refused into findings, at their nodes and in the user's words."""
        for detail in refused.errors(include_url=False):
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, Unreadable):
                self.refuse(cause)
            else:
                self.findings.error("FR404", f"{self.subject} {_limit(detail)}, found {found(node)}", node.span)


def reader_of(info: ValidationInfo) -> Reader:
    """The reader of a validation that `read` began."""
    reader = info.context
    assert isinstance(reader, Reader)
    return reader


def _limit(detail: ErrorDetails) -> str:
    """A broken constraint of Pydantic's, as the continuation of a sentence."""
    context = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case _:
            raise AssertionError(detail)


class _Absent:
    """Stands for a required key that is missing and has been reported."""


_ABSENT = _Absent()
_DROPPED: Any = object()


class Block(BaseModel):
    """A mapping of the format. Subclasses are frozen, strict, and take no key that they don't name."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True)

    noun: ClassVar[str]
    """What it is, with its article: `a tunnel`."""
    shorthand: ClassVar[str | None] = None
    """The key that a bare scalar stands for, if there is one: `docs` for `{id: docs}`."""
    all_keys: ClassVar[bool] = True
    """Whether these are all its keys. False leaves other keys to a later step."""

    _node: Node = PrivateAttr()
    _sound: bool = PrivateAttr(default=False)

    @property
    def node(self) -> Node:
        """The mapping, or the scalar of the short form."""
        return self._node

    @property
    def sound(self) -> bool:
        """Whether it was read without an error."""
        return self._sound

    def has(self, key: str) -> bool:
        """Whether the key is written."""
        return isinstance(self._node, Mapping) and self._node.get(key) is not None

    def node_of(self, key: str) -> Node:
        """The node that stands under the key; the block's own where the key is not written."""
        node = self._node.get(key) if isinstance(self._node, Mapping) else None
        return self._node if node is None else node

    def place_of(self, key: str) -> Span:
        """The place of the key itself; the block's start where it is not written."""
        if isinstance(self._node, Mapping):
            for entry in self._node.entries:
                if entry.key.text == key:
                    return entry.key.span
        return start(self._node)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        written = {**handler(schema), "title": cls.noun, "additionalProperties": not cls.all_keys}
        return {"anyOf": [written["properties"][cls.shorthand], written]} if cls.shorthand else written

    @model_validator(mode="wrap")
    @classmethod
    def _from_node(cls, node: Node, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        reader = reader_of(info)
        before = reader.findings.errors
        block = handler(cls._known_entries(node, reader))
        block._node = node
        block._sound = reader.findings.errors == before
        return block

    @classmethod
    def _known_entries(cls, node: Node, reader: Reader) -> dict[str, Entry | Scalar | _Absent]:
        """The known keys with what stands under them; reports the unknown and the missing ones."""
        entries: dict[str, Entry | Scalar | _Absent]
        if cls.shorthand and isinstance(node, Scalar) and node.text:
            entries = {cls.shorthand: node}
        elif isinstance(node, Mapping):
            entries = {entry.key.text: entry for entry in node.entries}
        else:
            kind = "a mapping" if cls.noun.startswith("`") else f"a mapping, as {cls.noun} is"
            raise Unreadable("FR403", f"must be {kind}, found {found(node)}", node.span)
        keys = _keys(cls)
        unknown = [entries.pop(key) for key in [*entries] if key not in keys]
        written = {entry.key.text: entry.key for entry in unknown if isinstance(entry, Entry)}
        for node_key in written.values() if cls.all_keys else ():
            unknown_key(reader.findings, node_key, cls.noun, keys)
        for key, required in keys.items():
            if required and key not in entries:
                entries[key] = _ABSENT
                if reader.findings.near(key, written) is None:  # else it has just been reported as misspelt
                    hint = f"`{key}`: {_descriptions(cls)[key]}"
                    reader.findings.error("FR402", f"{cls.noun} needs `{key}`", reader.place(node), hint)
        return entries

    @field_validator("*", mode="wrap")
    @classmethod
    def _read(cls, entry: Entry | Scalar | _Absent, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """One key. What can't be read is reported; then it is as if it were not there."""
        if isinstance(entry, _Absent):
            return None
        name = info.field_name or ""
        field = cls.model_fields[name]
        value = _under(reader_of(info), f"`{field.alias or name}`", entry, handler)
        if value is not _DROPPED:
            return value
        return None if field.is_required() else field.get_default(call_default_factory=True)


@cache
def _keys(block: type[Block]) -> dict[str, bool]:
    """The block's keys as they are written, each with whether it is required."""
    return {field.alias or name: field.is_required() for name, field in block.model_fields.items()}


@cache
def _descriptions(block: type[Block]) -> dict[str, str]:
    """What each key of the block means."""
    return {field.alias or name: field.description or "" for name, field in block.model_fields.items()}


def unknown_key(findings: Findings, key: Scalar, noun: str, known: Iterable[str]) -> None:
    """Reports a key that has no place where it stands."""
    known = list(known)
    hint = findings.near(key.text, known) or f"the keys here are {', '.join(known)}"
    findings.error("FR401", f"{noun} has no key {shown(key.text)}", key.span, hint)


def start(node: Node) -> Span:
    """Where a node begins, on one line: its first key, or its first item."""
    match node:
        case Mapping(entries=(first, *_)):
            return first.key.span
        case Sequence(items=(first, *_)):
            return start(first)
        case _:
            return node.span


def _under(reader: Reader, subject: str, entry: Entry | Node, handler: ValidatorFunctionWrapHandler) -> Any:
    """Reads an entry's value or an item; reports what is refused and gives _DROPPED in its place."""
    node, span = (entry.value, entry.key.span) if isinstance(entry, Entry) else (entry, start(entry))
    with reader.under(subject, span):
        try:
            return handler(node)
        except ValidationError as refused:
            reader.report(refused, node)
            return _DROPPED


def _items(node: Node, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if nothing(node):
        _empty_section(reader_of(info), node)
        return ()
    if not isinstance(node, Sequence):
        raise Unreadable("FR403", f"must be a list, found {found(node)}", node.span)
    return tuple(item for item in handler(node.items) if item is not _DROPPED)


def _item(node: Node, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    reader = reader_of(info)
    return _under(reader, f"an item of {reader.subject}", node, handler)


def _one_or_more(node: Node, handler: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(node, Mapping) or nothing(node):
        raise Unreadable("FR403", f"must be a text or a list, found {found(node)}", node.span)
    items = node.items if isinstance(node, Sequence) else (node,)
    return tuple(item for item in handler(items) if item is not _DROPPED)


def _entries(node: Node, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    if nothing(node):
        _empty_section(reader_of(info), node)
        return {}
    if not isinstance(node, Mapping):
        raise Unreadable("FR403", f"must be a mapping, found {found(node)}", node.span)
    return handler({entry.key: entry for entry in node.entries})


def _value(entry: Entry, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    value = _under(reader_of(info), f"`{entry.key.text}`", entry, handler)
    return None if value is _DROPPED else value


def _empty_section(reader: Reader, node: Node) -> None:
    """Warns of a key with nothing under it where a map or list is expected."""
    reader.findings.warning(
        "FR410", f"{reader.subject} has nothing under it", reader.place(node), "fill it or remove it"
    )


T = TypeVar("T")
K = TypeVar("K")

Many = Annotated[tuple[Annotated[T, WrapValidator(_item)], ...], WrapValidator(_items)]
"""A list. Items that can't be read are reported and left out."""

OneOrMore = Annotated[tuple[Annotated[T, WrapValidator(_item)], ...], WrapValidator(_one_or_more)]
"""A list, or one item without the brackets."""

Named = Annotated[dict[K, Annotated[T, WrapValidator(_value)]], WrapValidator(_entries)]
"""A map, in the order of the file. A value that can't be read is reported and None."""


B = TypeVar("B", bound=Block)


def read(block: type[B], node: Node, findings: Findings, key: Scalar | None = None) -> B | None:
    """The block that the node under that key holds, or the root; None where it is none, which is reported."""
    reader = Reader(findings)
    with reader.under(f"`{key.text}`", key.span) if key else nullcontext():
        try:
            return block.model_validate(node, context=reader)
        except ValidationError as refused:
            reader.report(refused, node)
            return None
