"""What marks of an SQL source hold: numbers seen, and digests of rows. Both fit a mark of 10,000 characters."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from flowrun.errors import WorkFailed

MOST = 9_000
"""Characters that numbers seen may take in a mark."""
BUCKETS = 256
_BITS = (1 << 64) - 1
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def written(**parts: Any) -> str:
    """A mark of these parts; those that are None are left out."""
    kept = {name: part for name, part in parts.items() if part is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def parts(mark: str | None) -> Mapping[str, Any]:
    """The parts of a mark, none for null. Raises WorkFailed for one that no SQL source has made."""
    if mark is None:
        return {}
    try:
        found = json.loads(mark)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WorkFailed("the mark of the last reading is none of an SQL source", "read everything anew")
    return found


@dataclass(slots=True)
class Numbers:
    """A set of natural numbers that grows by rising numbers, written as gaps and lengths of runs in base 36."""

    runs: list[tuple[int, int]] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)
    _size: int = 0

    @property
    def size(self) -> int:
        """The characters that it takes at most, one more run included."""
        return self._size + 30

    def add(self, number: int) -> None:
        """Take one in that isn't smaller than the last one."""
        if self.runs:
            first, length = self.runs[-1]
            if number < first + length:
                return
            if number == first + length:
                self.runs[-1] = (first, length + 1)
                return
            self._close()
        self.runs.append((number, 1))

    def _close(self) -> None:
        before = sum(self.runs[-2]) if len(self.runs) > 1 else 0
        first, length = self.runs[-1]
        self._pieces.append(_base36(first - before) + (f".{_base36(length)}" if length > 1 else ""))
        self._size += len(self._pieces[-1]) + 1

    def text(self) -> str:
        """It as a text."""
        if not self.runs:
            return ""
        closed = Numbers(self.runs, list(self._pieces), self._size)
        closed._close()
        return ",".join(closed._pieces)

    @classmethod
    def of(cls, text: str) -> Numbers:
        """It out of its text."""
        runs: list[tuple[int, int]] = []
        end = 0
        for piece in text.split(",") if text else ():
            gap, _, length = piece.partition(".")
            runs.append((end + int(gap, 36), int(length or "1", 36)))
            end = sum(runs[-1])
        return cls(runs)

    def __iter__(self) -> Iterator[int]:
        for first, length in self.runs:
            yield from range(first, first + length)


def _base36(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text


def digest(row: Iterable[object]) -> int:
    """A number of 64 bits that says whether a row is as it was; the same in each process."""
    return int.from_bytes(blake2b(repr(tuple(row)).encode("utf-8", "backslashreplace"), digest_size=8).digest(), "big")


def bucket_of(id_: str) -> int:
    """In which bucket a deal's digest is."""
    return blake2b(id_.encode("utf-8", "backslashreplace"), digest_size=1).digest()[0]


@dataclass(slots=True)
class Buckets:
    """Digests of many rows, summed up by bucket: equal sums mean equal rows, whatever their order."""

    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, id_: str, row: int) -> None:
        """Take in a row with its digest."""
        number = bucket_of(id_)
        self.sums[number] = (self.sums[number] + (row or 1)) & _BITS

    def text(self) -> str:
        """They as a text."""
        return base64.b85encode(b"".join(one.to_bytes(8, "big") for one in self.sums)).decode()

    @classmethod
    def of(cls, text: str | None) -> Buckets:
        """They out of their text; of nothing without one."""
        if text is None:
            return cls()
        raw = base64.b85decode(text)
        return cls([int.from_bytes(raw[at : at + 8], "big") for at in range(0, len(raw), 8)])

    def take(self, number: int, other: Buckets) -> None:
        """Take that one bucket over from others."""
        self.sums[number] = other.sums[number]
