"""What the page is answered: documents with a version, and what it is refused, with a code that it can tell apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from starlette.responses import Response

from flowrun.diagnostics import Diagnostic
from flowrun.errors import FlowrunError, InvalidFlow, NoStore, Refused, StalePlan, Unreachable, WrongUsage
from flowrun.render.json import LISTED, VERSION, finding_content
from flowrun.render.text import first
from flowrun.sources.here import DealsElsewhere


class Problem(Exception):
    """A request is refused with that status and code; `more` are further keys of the document."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        help: str | None = None,  # noqa: A002
        **more: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.help = help
        self.more = more


class Document(Response):
    """A JSON document with its version. ASCII, so that half a surrogate pair in somebody's data does no harm."""

    def __init__(self, content: Mapping[str, object], status: int = 200) -> None:
        super().__init__(text(content), status, media_type="application/json")


def text(content: Mapping[str, object]) -> str:
    """The document as text, on one line."""
    return json.dumps({"version": VERSION, **content}, separators=(",", ":"))


def refusal(problem: Problem) -> Document:
    """The problem as an answer."""
    error = {"code": problem.code, "message": str(problem), "help": problem.help}
    return Document({"error": error, **problem.more}, problem.status)


def listed(findings: tuple[Diagnostic, ...]) -> list[dict[str, object]]:
    """The findings as documents have them: as many as the commands list."""
    return [finding_content(finding) for finding in first(findings, LISTED)]


def problem_of(error: FlowrunError, mask: Callable[[str], str]) -> Problem:
    """What the page is told where a command's function can't go on."""
    match error:
        case InvalidFlow():
            told = listed(error.findings)
            return Problem(422, "refused", f"{error.subject} errors", None, diagnostics=told)
        case StalePlan():
            status, code = 409, "stale"
        case Refused():
            status, code = 409, "rail"
        case WrongUsage():
            status, code = 400, "bad-request"
        case NoStore():
            status, code = 404, "not-found"
        case DealsElsewhere():
            status, code = 422, "refused"
        case Unreachable():
            status, code = 503, "failed"
        case _:
            status, code = 500, "failed"
    return Problem(status, code, mask(str(error)), error.help)
