"""A file of text as it comes from elsewhere: checked whole before anything of it is used, and written whole or not.

Encodings are checked in a pass of their own, so that a file which is not UTF-8 is refused with the place of its first
bad byte and nothing of it has been imported yet.
"""

from __future__ import annotations

import codecs
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from flowrun.diagnostics import excerpt
from flowrun.errors import WorkFailed

LINE_BYTES = 16 << 20
"""The longest line that is read, so that a file without line breaks can't fill the memory."""

_CHUNK = 1 << 20
_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@contextmanager
def reading(path: Path) -> Iterator[TextIO]:
    """The file open as UTF-8 text, with its line breaks as they are.

    Raises WorkFailed for what is absent, no file, empty, unreadable or not UTF-8.
    """
    name = excerpt(str(path))
    try:
        # Looked at before it is opened: opening a pipe waits for somebody who writes to it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise WorkFailed(f"'{name}' is {'a folder' if path.is_dir() else 'no file'}", "name a file of deals")
        binary = path.open("rb")
    except OSError as error:
        raise WorkFailed(f"'{name}' can't be read: {error.strerror or error}") from None
    with binary:
        _check(binary, name)
        binary.seek(0)
        yield io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")


def _check(binary: BinaryIO, name: str) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, line_start, position = 1, 0, 0
    empty = True
    while chunk := binary.read(_CHUNK):
        if position == 0 and chunk.startswith(_WIDE_MARKS):
            raise WorkFailed(f"'{name}' is UTF-16 or UTF-32; expected UTF-8", "save it as UTF-8")
        try:
            text = decoder.decode(chunk)
            good = chunk
        except UnicodeDecodeError as failure:
            # The beginning of a character that the chunk before ended in stands in front of this chunk.
            start = position + len(chunk) - len(failure.object)
            bad = failure.object[failure.start]
            good = failure.object[: failure.start]
            line += good.count(b"\n")
            line_start = start + good.rfind(b"\n") + 1 if b"\n" in good else line_start
            where = f"line {line:,}, byte {start + failure.start - line_start + 1:,}"
            raise WorkFailed(f"'{name}' is not UTF-8: byte 0x{bad:02X} at {where}", "save it as UTF-8") from None
        empty = empty and not text.strip("\ufeff \t\r\n")
        line += good.count(b"\n")
        line_start = position + good.rfind(b"\n") + 1 if b"\n" in good else line_start
        position += len(chunk)
        if position - line_start > LINE_BYTES:
            raise WorkFailed(f"line {line:,} of '{name}' is longer than {LINE_BYTES >> 20} MiB")
    if decoder.getstate()[0]:
        raise WorkFailed(f"'{name}' is not UTF-8: it ends in the middle of a character", "save it as UTF-8")
    if empty:
        raise WorkFailed(f"'{name}' is empty")


class Output:
    """A text file in the making beside `path`: `finish` puts it there in one step, `abandon` leaves no trace."""

    def __init__(self, path: Path) -> None:
        """Raises WorkFailed where the folder can't be written, or something else than a file stands there."""
        self.path = path.resolve()
        if self.path.exists() and not self.path.is_file():
            raise WorkFailed(f"'{excerpt(str(path))}' can't be written: it is no file")
        try:
            descriptor, self._temporary = tempfile.mkstemp(prefix=f".{self.path.name[:100]}-", dir=self.path.parent)
        except OSError as error:
            raise WorkFailed(f"'{excerpt(str(path))}' can't be written: {error.strerror}") from None
        self.file = io.TextIOWrapper(os.fdopen(descriptor, "wb"), encoding="utf-8", newline="")

    def finish(self) -> None:
        """The file is complete."""
        self.file.flush()
        os.fsync(self.file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(self.file.fileno(), 0o666 & ~mask)
        self.file.close()
        Path(self._temporary).replace(self.path)

    def abandon(self) -> None:
        """The file is not wanted."""
        self.file.close()
        Path(self._temporary).unlink(missing_ok=True)
