"""Looking: a file at rest, read once into an index, and again only when it has changed.

A look is cheap where nothing has: the file's signature (inode, size, times) stands for its content. It does so only
once the file has not been touched for two seconds, since times have their grain; and every 30 seconds the content is
hashed all the same, for network drives that tell no times worth the name.

A file is taken when it has stood as it is for a moment. If it looks unfinished (a last line without its end, a quote
that nobody closed, bytes that are no text, nothing at all, or far fewer rows than before) it has to stand for a second:
whoever writes it goes on within that, or is done. One that never comes to rest is left for the next look.
"""

from __future__ import annotations

import codecs
import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from flowrun.clock import Clock, SystemClock
from flowrun.diagnostics import excerpt
from flowrun.errors import SourceTrouble
from flowrun.sources.files import encoding
from flowrun.sources.files.documents import Documents
from flowrun.sources.files.folder import Folder
from flowrun.sources.files.layout import Layout
from flowrun.sources.files.lines import Lines
from flowrun.sources.files.options import Format
from flowrun.sources.files.rows import Index, Table
from flowrun.sources.files.tables import Separations

MOST_BYTES = 1 << 30
"""1 GiB: a file of ten million rows, whose ids alone take a gigabyte of memory."""

_GRAIN = 2_000
"""Milliseconds: the coarsest times that file systems in use keep (FAT)."""

_TABLES: dict[Format, Callable[[str, encoding.Encoding, Layout], Table]] = {
    Format.CSV: Separations,
    Format.JSONL: Lines,
    Format.YAML: Documents,
}
_BUFFER = 1 << 20

Signature = tuple[int, int, int, int, int]
"""Device, inode, size, and when it was written and changed (ns)."""


class Stirred(Exception):
    """The file is no longer what was looked at."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a file must have stood as it is (seconds): `quiet` in any case, `doubt` where it looks unfinished,
    `longest` until it is left for later, `rehash` until its content is hashed without a sign of change."""

    quiet: float = 0.05
    doubt: float = 1.0
    longest: float = 5.0
    rehash: float = 30.0
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class Seen:
    """A file as it was looked at. `digest` is of its content; `hashed` is when (monotonic), `took` how long that was.

    `certain` says that its signature stands for its content.
    """

    name: str
    path: Path
    signature: Signature
    digest: str
    index: Index
    table: Table
    hashed: float
    took: float
    certain: bool

    @contextmanager
    def reading(self) -> Iterator[Table]:
        """The table with its file open. Raises Stirred if the file has changed, before or meanwhile."""
        try:
            file = self.path.open("rb")
        except OSError:
            raise Stirred from None
        with file:
            if signature(os.fstat(file.fileno())) != self.signature:
                raise Stirred
            self.table.file = file
            try:
                yield self.table
            except (EOFError, UnicodeDecodeError):
                raise Stirred from None
            finally:
                self.table.file = None
            self.check(file)

    def check(self, file: BinaryIO) -> None:
        """Raises Stirred if the file has changed since it was looked at."""
        if signature(os.fstat(file.fileno())) != self.signature:
            raise Stirred


@dataclass(slots=True)
class Looking:
    """Looks at files. `share` is the percent of its rows that a file may lose without looking unfinished."""

    folder: Folder
    layout: Layout
    pace: Pace
    share: int
    _seen: dict[str, Seen] = field(default_factory=dict)
    _since: dict[str, tuple[Signature, float]] = field(default_factory=dict)

    def at_rest(self, name: str, path: Path) -> Seen:
        """The file once it has come to rest. Raises Stirred if it doesn't, SourceTrouble if it can't be read."""
        pace = self.pace
        begun = pace.monotonic()
        before = self._seen.get(name)
        latest: Seen | None = None
        while True:
            try:
                seen = latest = self._look(name, path, before, latest)
                stood = self._stood(seen)
                needed = pace.doubt if self._doubtful(seen, before) else pace.quiet
                if stood >= needed and signature(path.stat()) == seen.signature:
                    self._seen[name] = seen
                    return seen
                left = needed - stood
            except Stirred:
                left = pace.quiet
            except OSError as error:
                raise SourceTrouble(f"'{excerpt(name)}' can't be read: {error.strerror or error}") from None
            if pace.monotonic() - begun > pace.longest:
                raise Stirred
            pace.sleep(min(max(left, 0.005), 0.1))

    def forget(self, names: set[str]) -> None:
        """Keep nothing of files but these."""
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        self._since = {name: since for name, since in self._since.items() if name in names}

    def _look(self, name: str, path: Path, before: Seen | None, latest: Seen | None) -> Seen:
        now = self.pace.monotonic()
        stat = path.stat()
        if before is not None and signature(stat) == before.signature:
            if before.certain and now - before.hashed < max(self.pace.rehash, self.pace.rehash * before.took):
                return before
            with path.open("rb") as file:
                digest = content_digest(file)
                before.check(file)
            if digest == before.digest:
                before.hashed, before.took = now, self.pace.monotonic() - now
                before.certain = self._certain(stat)
                return before
        if latest is not None and latest.signature == signature(stat):
            return latest
        return self._read(name, path)

    def _read(self, name: str, path: Path) -> Seen:
        begun = self.pace.monotonic()
        with path.open("rb") as raw:
            stat = os.fstat(raw.fileno())
            taken = encoding.of(raw.read(4), self.layout.encoding)
            table = _TABLES[self.folder.format_of(path)](name, taken, self.layout)
            index = Index()
            if stat.st_size > MOST_BYTES:
                index.fault = f"it is larger than {MOST_BYTES >> 30} GiB; split it into several files"
                digest = str(stat.st_mtime_ns)
            else:
                digest = _indexed(raw, table, taken, index)
            if signature(os.fstat(raw.fileno())) != signature(stat):
                raise Stirred
            if index.fault is None and table.end != stat.st_size:
                index.fault = f"its bytes are not what the encoding {taken.name} would write; save it anew"
        took = self.pace.monotonic() - begun
        return Seen(name, path, signature(stat), digest, index, table, begun, took, self._certain(stat))

    def _stood(self, seen: Seen) -> float:
        """For how many seconds the file has been as it is: by its own times, or since it was first seen so."""
        pace = self.pace
        now = pace.monotonic()
        known, since = self._since.get(seen.name, (None, now))
        if known != seen.signature:
            since = now
            self._since[seen.name] = seen.signature, now
        own = pace.clock.now() / 1000 - max(seen.signature[3], seen.signature[4]) / 1e9
        return max(own, now - since)

    def _certain(self, stat: os.stat_result) -> bool:
        """Whether a write that comes after this would show in the file's times."""
        return max(stat.st_mtime_ns, stat.st_ctime_ns) // 1_000_000 < self.pace.clock.now() - _GRAIN

    def _doubtful(self, seen: Seen, before: Seen | None) -> bool:
        if seen.table.doubt is not None or seen.index.fault is not None:
            return True
        if before is None or before is seen:
            return False
        return len(seen.index.places) < len(before.index.places) * (100 - self.share) / 100


def signature(stat: os.stat_result) -> Signature:
    """What a file's content can be told by without reading it."""
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def content_digest(file: BinaryIO) -> str:
    """The digest of a file's content, from its beginning."""
    digest = blake2b(digest_size=8)
    file.seek(0)
    while piece := file.read(_BUFFER):
        digest.update(piece)
    return digest.hexdigest()


def _indexed(raw: BinaryIO, table: Table, taken: encoding.Encoding, index: Index) -> str:
    """Fill the index with the rows of the file; the digest of its content."""
    raw.seek(0)
    hashing = _Hashing(raw)
    hashing.skip(len(taken.mark))
    text = io.TextIOWrapper(io.BufferedReader(hashing, _BUFFER), encoding=taken.name, newline="")
    try:
        for row in table.rows(text):
            index.add(row)
        index.fault = table.fault
    except UnicodeDecodeError:
        line = _undecodable(raw, taken)
        index.fault = f"it is not {taken.name} in line {line:,}; save it so, or name its encoding by `encoding`"
    hashing.rest()
    return hashing.digest.hexdigest()


def _undecodable(raw: BinaryIO, taken: encoding.Encoding) -> int:
    """The line of the first byte that is no text; the file stands where it stood."""
    here = raw.tell()
    raw.seek(len(taken.mark))
    decoder = codecs.getincrementaldecoder(taken.name)()
    line = 1
    try:
        while piece := raw.read(_BUFFER):
            line += decoder.decode(piece).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[: error.start].decode(taken.name).count("\n")
    raw.seek(here)
    return line


class _Hashing(io.RawIOBase):
    """A file whose content is hashed as it is read."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw: Any = raw
        self.digest = blake2b(digest_size=8)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count: int = self._raw.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        self.digest.update(self._raw.read(count))

    def rest(self) -> None:
        """Hash what was not read."""
        while piece := self._raw.read(_BUFFER):
            self.digest.update(piece)
