"""The flow files: as they stand, read anew when they have changed, and remembered for pages that know an older state.

All that is said of them comes from one reading of all of them, a snapshot; its etag is a digest of every byte.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from flowrun.commands.project import Project
from flowrun.config import Loaded, load_texts
from flowrun.config.loader import read_inside
from flowrun.config.outline import Outline, outline
from flowrun.diagnostics import Diagnostic, has_errors
from flowrun.flow.codec import digest
from flowrun.sources.registry import KINDS

REMEMBERED = 32
"""States that the difference to the present one can be told from. What did not change takes no memory twice."""

_NO_FOLDER = "FR010"
"""What is said where there is no folder of flow files. The first file makes it."""

Texts = Mapping[str, bytes]
"""Files by their paths below the folder."""


@dataclass(frozen=True)
class Snapshot:
    """The files at one moment, all that there is to say of them, and what is to be drawn. `unread` is what there is to
    say of files that could not be read."""

    texts: Texts
    unread: tuple[Diagnostic, ...]
    etag: str
    loaded: Loaded
    outline: Outline

    @property
    def ok(self) -> bool:
        """Whether they have no errors."""
        return not has_errors(self.loaded.findings)

    @cached_property
    def digest(self) -> str | None:
        """That of the flow; None where there are errors."""
        return None if self.loaded.flow is None else digest(self.loaded.flow)


def file_etag(data: bytes) -> str:
    """What a file's content is told by."""
    return hashlib.sha256(data).hexdigest()[:16]


class Folder:
    """The files of a project. Safe in any thread."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._expected: Snapshot | None = None
        self._known: OrderedDict[str, Texts] = OrderedDict()

    def snapshot(self) -> Snapshot:
        """The files as they are now."""
        with self._lock:
            texts, unread = read_inside(self.project.folder)
            etag = _etag(texts, unread)
            if self._latest is None or self._latest.etag != etag:
                expected, self._expected = self._expected, None
                fits = expected is not None and expected.etag == etag
                self._latest = expected if expected and fits else self._snapshot(texts, unread)
                self._known[etag] = self._latest.texts
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
            return self._latest

    def etag(self) -> str:
        """The etag of the files as they are now."""
        return _etag(*read_inside(self.project.folder))

    def known(self, etag: str) -> Texts | None:
        """The files as they were when they had that etag; None where that is forgotten, or was never."""
        with self._lock:
            return self._known.get(etag)

    def imagined(self, now: Snapshot, changes: Texts) -> Snapshot:
        """What the snapshot would be with these files changed or added. If it comes true, it isn't made again."""
        unread = tuple(one for one in now.unread if one.code != _NO_FOLDER) if changes else now.unread
        made = self._snapshot(dict(sorted({**now.texts, **changes}.items())), unread)
        with self._lock:
            self._expected = made
        return made

    def _snapshot(self, texts: Texts, unread: tuple[Diagnostic, ...]) -> Snapshot:
        project = self.project
        loaded = load_texts(
            texts,
            environment=project.environment,
            variables=project.variables,
            everywhere=True,
            kinds=KINDS,
            found=unread,
        )
        return Snapshot(texts, unread, _etag(texts, unread), loaded, outline(loaded.documents))


def _etag(texts: Texts, unread: tuple[Diagnostic, ...]) -> str:
    digest = hashlib.sha256()
    for path, data in texts.items():
        digest.update(f"{len(path)} {path} {len(data)} ".encode())
        digest.update(data)
    for finding in unread:
        digest.update(finding.message.encode("utf-8", "replace"))
    return digest.hexdigest()[:32]
