"""Where deals live, as files say it: a kind of source, and its keys, which the kind's own model reads.

The kinds are a parameter, a mapping from their names to their models: those that come with flowrun and those of other
packages are found by `sources.registry`, which may import them only when one is asked for. What is kept of the keys is
what is written, as JSON: it goes through a revision and comes back as nodes, to be read by the same model again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Protocol, TypeVar, cast, runtime_checkable

from flowrun.config.findings import Findings
from flowrun.config.known import Known
from flowrun.config.models import SourceBlock
from flowrun.config.reading import Block, Text, read, shown, start, unknown_key
from flowrun.diagnostics import Span
from flowrun.errors import WorkFailed
from flowrun.flow.model import JSON, STORE, SourceSpec
from flowrun.yamldoc import Entry, Node, Scalar, Sequence
from flowrun.yamldoc import Mapping as MappingNode
from flowrun.yamldoc.nodes import NULLS, Style

Kinds = Mapping[str, type[Block]]
"""The models of the kinds of source by their names. Looking one up raises KeyError for a kind that there is not, and
WorkFailed for one that can't be loaded."""

B = TypeVar("B", bound=Block)


@runtime_checkable
class Referring(Protocol):
    """The keys of a source that names stages and fields of the project."""

    def refer(self, known: Known) -> Collection[str] | None:
        """Report what there is not; the stages to which a deal can be brought there, None for all of them."""
        ...


_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_TRUTH = {"true": True, "false": False}


def read_source(block: SourceBlock | None, kinds: Kinds, known: Known, targets: tuple[Text, ...] = ()) -> SourceSpec:
    """Where deals live by that block, the store where there is none; reports a kind that there is not, all that is
    wrong with its keys, and of the stages that tunnels lead to (`targets`) those to which nothing can be brought."""
    findings = known.findings
    if block is None or block.type is None or not isinstance(block.node, MappingNode):
        return SourceSpec()
    name, span = str(block.type), block.type.node.span
    keys = MappingNode(tuple(one for one in block.node.entries if one.key.text != "type"), block.node.span)
    if name == STORE:
        for entry in keys.entries:
            unknown_key(findings, entry.key, f"the source '{STORE}'", ["type"])
        return SourceSpec()
    try:
        model = kinds[name]
    except KeyError:
        names = [STORE, *kinds]
        hint = findings.near(name, names) or f"choose from: {', '.join(names)}"
        findings.error("FR421", f"there is no source {shown(name)}", span, hint)
        return SourceSpec()
    except WorkFailed as failure:
        findings.error("FR422", str(failure), span, failure.help)
        return SourceSpec()
    found = read(model, keys, findings, _scalar("source", start(block.node)))
    if found is None:
        return SourceSpec()
    if isinstance(found, Referring) and (within := found.refer(known)) is not None:
        for to in targets:
            if to in known.stages and to not in within:
                says = f"no deal can be brought to {to}: `stages` of the source says nothing that is this stage"
                findings.warning("FR424", says, to.node.span, "name it there")
    return SourceSpec(name, cast("Mapping[str, JSON]", _json(keys)))


def options(spec: SourceSpec, model: type[B]) -> B:
    """The keys of a source out of a revision, as the model of its kind. Raises WorkFailed if they don't fit it any
    more, as they may when the package that it comes from has changed."""
    findings = Findings()
    read_back = read(model, _node(spec.options), findings, _scalar("source", _NOWHERE))
    if read_back is None or findings.errors:
        says = "; ".join(finding.message for finding in findings.all)
        raise WorkFailed(
            f"the applied source '{spec.type}' does not fit this flowrun: {says}",
            "check the files with 'flowrun validate', and apply them again",
        )
    return read_back


_NOWHERE = Span("", 1, 1, 1, 1)


def _scalar(text: str, span: Span, style: Style = Style.PLAIN) -> Scalar:
    return Scalar(text, style, span, lambda _start, _end: span)


def _json(node: Node) -> JSON:
    match node:
        case MappingNode():
            return {entry.key.text: _json(entry.value) for entry in node.entries}
        case Sequence():
            return [_json(item) for item in node.items]
        case Scalar(text=text) if not node.plain:
            return text
        case Scalar(text=text) if text in NULLS:
            return None
        case Scalar(text=text) if text in _TRUTH:
            return _TRUTH[text]
        case Scalar(text=text) if _WHOLE.fullmatch(text) and text != "-0":
            return int(text)
        case Scalar(text=text):
            return text


def _node(value: JSON) -> Node:
    """As `_json` made it: what would be a number or a truth if it were plain was in quotes."""
    match value:
        case None:
            return _scalar("null", _NOWHERE)
        case bool():
            return _scalar("true" if value else "false", _NOWHERE)
        case str():
            quoted = value in NULLS or value in _TRUTH or (_WHOLE.fullmatch(value) and value != "-0")
            return _scalar(value, _NOWHERE, Style.DOUBLE if quoted else Style.PLAIN)
        case int() | float():
            return _scalar(str(value), _NOWHERE)
        case Mapping():
            entries = (Entry(_scalar(name, _NOWHERE), _node(one)) for name, one in value.items())
            return MappingNode(tuple(entries), _NOWHERE)
    return Sequence(tuple(_node(one) for one in value), _NOWHERE)
