"""The tokens that open the doors for deals: from a file, one a line, or from the environment.

Several may be valid at once, so that one can be replaced while the other is still in use. A file is read again when it
has changed. Only digests are kept, which are compared in constant time, all of them each time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from pathlib import Path

from flowrun.errors import WorkFailed

SHORTEST = 16
"""Characters of a token at least: fewer could be guessed."""

_COMMENT = re.compile(r"(^|\s)#.*")
_MOST = 65_536
_AGAIN = 1.0


class Tokens:
    """The valid tokens.

    `file` has one a line (empty lines and what stands after a `#` don't count), `text` has them with white space
    between; null where there is none. Raises WorkFailed for a file that can't be read, and for a token that is none.
    """

    def __init__(self, file: Path | None, text: str | None) -> None:
        self._file = file
        self.complain: Callable[[str], None] = lambda _: None
        """Hears, in the thread that asks, what is wrong with a file that was changed."""
        self._fixed = _digests((text or "").split(), "FLOWRUN_TOKEN")
        self._seen: tuple[int, int, int] | None = None
        self._looked = 0.0
        self._read: tuple[bytes, ...] = ()
        if file is not None:
            self._seen, self._read = _stamp(file), _digests(_lines(file), str(file))
            self._looked = time.monotonic()
            if not self._read:
                raise WorkFailed(f"the token file '{file}' holds no token", "write one a line into it")

    def __bool__(self) -> bool:
        return bool(self._fixed or self._file is not None)

    def fits(self, token: str) -> bool:
        """Whether that is one of them."""
        self._refresh()
        mine = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        found = False
        for one in (*self._fixed, *self._read):
            found |= hmac.compare_digest(one, mine)
        return found

    def _refresh(self) -> None:
        """Read the file again if it has changed. One that is gone opens no door any more; of one that is wrong, what
        is right in it still does."""
        if self._file is None or time.monotonic() - self._looked < _AGAIN:
            return
        self._looked = time.monotonic()
        try:
            seen = _stamp(self._file)
            if seen == self._seen:
                return
            lines = _lines(self._file)
        except WorkFailed as error:
            if self._seen is not None:
                self.complain(f"{error}; its tokens are valid no more")
            self._read, self._seen = (), None
            return
        right = []
        for number, one in enumerate(lines, 1):
            if problem := _problem(one, number, str(self._file)):
                self.complain(f"{problem}; it is passed over, the others are valid")
            else:
                right.append(_digest(one))
        self._read, self._seen = tuple(right), seen


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError as error:
        raise WorkFailed(f"the token file '{file}' can't be read: {error.strerror or error}") from None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _lines(file: Path) -> list[str]:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise WorkFailed(f"the token file '{file}' can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise WorkFailed(f"the token file '{file}' is no text in UTF-8", "write one token a line into it") from None
    if len(data) > _MOST:
        raise WorkFailed(f"the token file '{file}' is larger than 64 KiB", "is it another file?")
    lines = [_COMMENT.sub("", line).strip() for line in text.splitlines()]
    return [line for line in lines if line]


def _digests(tokens: list[str], where: str) -> tuple[bytes, ...]:
    for number, token in enumerate(tokens, 1):
        if problem := _problem(token, number, where):
            raise WorkFailed(problem, "make one for example with: openssl rand -hex 32")
    return tuple(map(_digest, tokens))


def _problem(token: str, number: int, where: str) -> str | None:
    if not all("!" <= one <= "~" for one in token):
        return f"token {number} in {where} holds something else than ASCII letters, digits and signs"
    if len(token) < SHORTEST:
        return f"token {number} in {where} has {len(token)} characters; at least {SHORTEST} are needed"
    return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
