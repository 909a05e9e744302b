"""A document: one file as it was read, with everything that was found on the way.

Source of the rules: format.md, "Rules".
"""

from __future__ import annotations

from dataclasses import dataclass

from flowrun.diagnostics import Diagnostic, Span
from flowrun.yamldoc.nodes import Node


@dataclass(frozen=True, slots=True)
class Comment:
    """One `#` comment that says something.

    `text` is what follows the `#`, to the end of the line, as it stands; `span` starts at the `#`. `alone` says that
    nothing but spaces stands before it on its line.
    """

    text: str
    span: Span
    alone: bool


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file.

    `root` is None where the file holds nothing (only blanks and comments, or a bare `---`; no finding says so, the
    reader knows what it expected), and where an error stopped the reading, or the thousandth. Other errors leave what
    could be read.
    `text` is the decoded file without a byte order mark, line breaks as they are; empty if it could not be decoded.
    `comments` are in the order of the file; empty where an error stopped the reading.
    """

    root: Node | None
    findings: tuple[Diagnostic, ...]
    text: str
    comments: tuple[Comment, ...]
