"""The events of a YAML text: what libyaml's scanner and parser say, before anything is built from it.

libyaml where PyYAML has it, PyYAML's own parser elsewhere, and the same events from both. Neither recurses nor reads
ahead more than a key's length, so a reader that stops early never pays for the rest of a hostile file. What they
raise becomes `NotYaml`; `syntax` finds the user's words for it. One difference stays: PyYAML's own parser refuses tabs
that separate tokens, such as one between a value and a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

import yaml
from yaml.events import DocumentStartEvent, Event, ScalarEvent, StreamEndEvent

DEEPER_THAN_READ = "exceeded maximum nesting depth"
"""What newer versions of libyaml say of a thousand open brackets, as soon as they scan them: some hundred characters
ahead of what they tell."""
_INVALID_ESCAPE = "found invalid Unicode character escape code"
_SURROGATE = re.compile("[\ud800-\udfff]")
_BEFORE_SURROGATE = re.compile(r"(?:[^\\]|\\(?!(?:u|U0000)[dD][89a-fA-F]).)*", re.DOTALL)
_VERSIONS = {(1, 1), (1, 2)}


class _Mark(Protocol):
    """PyYAML's mark, of either parser."""

    @property
    def index(self) -> int: ...


class NotYaml(Exception):
    """Where and why the parser gave up: its words, and the offsets of the place and of what it was reading.

    Never leaves this floor.
    """

    def __init__(self, problem: str, at: int, context: str, context_at: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.at = at
        self.context = context
        self.context_at = context_at


def events(text: str, *, libyaml: bool = yaml.__with_libyaml__) -> Iterator[tuple[Event, int, int]]:
    """The events of the text, each with its offsets; the text holds no character of `NOT_IN_A_FILE`.

    Raises NotYaml in their midst.
    """
    loader = yaml.CLoader(text) if libyaml else yaml.Loader(text)
    try:
        event = None
        while not isinstance(event, StreamEndEvent):
            event = loader.get_event()
            assert event is not None  # None follows the end of the stream only
            start, end = _offset(event.start_mark, text), _offset(event.end_mark, text)
            if isinstance(event, DocumentStartEvent) and event.version and tuple(event.version) not in _VERSIONS:
                raise NotYaml("found incompatible YAML document", start, "", start)
            if not libyaml and isinstance(event, ScalarEvent):
                _refuse_surrogates(text, event, start)
            yield event, start, end
    except yaml.MarkedYAMLError as failure:
        at = _offset(failure.problem_mark, text)
        context_at = _offset(failure.context_mark, text) if failure.context_mark else at
        raise NotYaml(failure.problem or "", at, failure.context or "", context_at) from None
    except (ValueError, OverflowError):
        if not isinstance(loader, yaml.Loader):
            raise
        # PyYAML's own scanner at an escape beyond U+10FFFF, where libyaml has a message.
        at = loader.get_mark().index
        raise NotYaml(_INVALID_ESCAPE, at, "", at) from None
    finally:
        loader.dispose()


def _refuse_surrogates(text: str, event: ScalarEvent, start: int) -> None:
    """Refuse, as libyaml does, the escapes of surrogates that PyYAML's own scanner lets through."""
    if event.style == '"' and _SURROGATE.search(event.value):
        before = _BEFORE_SURROGATE.match(text, start)
        at = before.end() + 2 if before else start
        raise NotYaml(_INVALID_ESCAPE, at, "while scanning a double-quoted scalar", start)


def _offset(mark: _Mark | None, text: str) -> int:
    """A mark's offset; libyaml's may lie one beyond the end."""
    return len(text) if mark is None else min(mark.index, len(text))
