"""Printing: results to stdout, everything else to stderr, colour only where it is wanted.

Data becomes safe to show here and nowhere else: `painted` makes every line visible before any colour is put on, and
documents come from renderers that escape as their format asks.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from flowrun.render.ink import Ink, Line, Run, line, painted

if TYPE_CHECKING:
    from flowrun.cli.log import Log

_NARROWEST, _WIDEST = 40, 120


class Terminal:
    """The standard streams. `color` is auto, always or never; auto obeys NO_COLOR, FORCE_COLOR and the stream.

    `mask` hides secrets in what goes to stderr. With a `log`, whatever is said on stderr is a line of it.
    """

    def __init__(self, color: str, mask: Callable[[str], str] = str, log: Log | None = None) -> None:
        self._color = color
        self._mask = mask
        self._log = log

    def result(self, lines: Iterable[Line]) -> None:
        """Prints lines of a result."""
        _write(sys.stdout, "".join(painted(text, color=self._colored(sys.stdout)) + "\n" for text in lines))

    def document(self, text: str) -> None:
        """Prints a finished document, always in UTF-8, whatever the locale."""
        if sys.stdout:
            sys.stdout.flush()
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()

    def tell(self, lines: Iterable[Line]) -> None:
        """Prints lines beside the result, on stderr. If nobody can be told, the exit status stays the same."""
        if self._log is not None:
            for text in lines:
                self._log.write("info", "note", message="".join(run.text for run in text))
            return
        painting = (painted(text, color=self._colored(sys.stderr)) + "\n" for text in lines)
        with suppress(OSError):
            _write(sys.stderr, self._mask("".join(painting)))

    def note(self, message: str) -> None:
        """One calm line on stderr."""
        if self._log is not None:
            self._log.write("info", "note", message=message)
        else:
            self.tell([line(Run("note: ", Ink.CYAN), message)])

    def complain(self, message: str, help: str | None = None) -> None:  # noqa: A002
        """Says on stderr why the command can't go on, and what to do."""
        if self._log is not None:
            self._log.write("error", "error", message=message, help=help)
            return
        lines = [line(Run("error: ", Ink.ERROR), message)]
        if help:
            lines.append(line(Run("help: ", Ink.CYAN), help))
        self.tell(lines)

    @property
    def room(self) -> int:
        """The columns that text on stderr may take."""
        return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((100, 24)).columns) - 8)

    @property
    def width(self) -> int | None:
        """The columns of the terminal that results go to, or None where they go to a file or pipe."""
        return shutil.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else None

    def _colored(self, stream: TextIO | None) -> bool:
        if self._color != "auto":
            return self._color == "always"
        if os.environ.get("NO_COLOR"):
            return False
        if os.environ.get("FORCE_COLOR"):
            return True
        return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO | None, text: str) -> None:
    """Writes what the stream's encoding can't take as escapes. A closed stream takes nothing."""
    if stream:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
