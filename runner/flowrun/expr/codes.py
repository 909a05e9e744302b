"""What an author can be told about an expression: the codes FR2xx and the Problem that carries one.

A problem counts offsets in the characters of the text that was given, so that whoever knows where the text stands
in a file can turn them into lines and columns (`yamldoc` does it through `Scalar.locate`).
"""

from __future__ import annotations

from dataclasses import dataclass

CODES: dict[str, str] = {
    "FR201": "the expression cannot be read",
    "FR202": "the expression is too long, too deep or too much",
    "FR203": "a deal has no such field",
    "FR204": "there is no such variable",
    "FR205": "a name that is neither `deal` nor `vars`",
    "FR206": "something that the language leaves out",
    "FR207": "an operator of another language",
    "FR208": "braces or statements where they do not belong",
    "FR209": "no such filter",
    "FR210": "no such test",
    "FR211": "no such function",
    "FR212": "arguments that do not fit the function, filter or test",
    "FR213": "an operand of the wrong type",
    "FR214": "two things that cannot be compared",
    "FR215": "a value that the enum does not have",
    "FR216": "a literal that does not fit the other side",
    "FR217": "a literal that is no value",
    "FR218": "a list with something else than literals in it",
    "FR219": "arithmetic that always overflows, or has too many decimal places",
    "FR220": "a condition that is neither true nor false",
    "FR221": "a value that does not fit the field that it is set to",
}
"""Every code of this floor, with what it is about."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in an expression. `start` and `end` are offsets in characters of its text, the end exclusive.

    `message` is one line in the author's words; `help` says what to do, or is None.
    """

    code: str
    message: str
    start: int
    end: int
    help: str | None = None
