"""What flowrun was told already: the mark that it keeps for us, and what this process remembers of it.

The mark holds no rows, so it has its size whatever the files have: files are put into 256 buckets by their names, and
it has a digest for each bucket that isn't empty. Where a bucket's differs, its files are told whole, unless this
process told that very mark and remembers the rows: then those that differ suffice. Besides, the mark counts the deals:
that is how a process which remembers nothing sees that most of them are missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from flowrun.sources.files.rows import Index

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """`layout` is what rows meant, `count` how many deals there were, `buckets` their digests.

    `inside` is how far a bucket was told that is not whole yet: the digest of its files up to the one in work, and how
    many rows of that.
    """

    layout: str
    count: int = 0
    buckets: Mapping[str, str] = field(default_factory=dict)
    inside: tuple[str, int] | None = None

    def __str__(self) -> str:
        """The mark as the store keeps it, at most some 6,200 characters."""
        kept: dict[str, object] = {"v": _VERSION, "layout": self.layout, "count": self.count}
        kept["files"] = dict(sorted(self.buckets.items()))
        if self.inside is not None:
            kept["inside"] = self.inside
        return json.dumps(kept, separators=(",", ":"))


def read(text: str | None) -> Mark | None:
    """The mark that a text is; None where it is none of ours, as of another source or another version."""
    try:
        kept = json.loads(text or "")
        if kept["v"] != _VERSION:
            return None
        buckets = {str(bucket): str(digest) for bucket, digest in kept["files"].items()}
        inside = kept.get("inside")
        inside = None if inside is None else (str(inside[0]), int(inside[1]))
        return Mark(str(kept["layout"]), int(kept["count"]), buckets, inside)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def bucket(name: str) -> str:
    """The bucket that a file is in."""
    return blake2b(name.encode("utf-8", "surrogateescape"), digest_size=1).hexdigest()


def buckets(digests: Mapping[str, str]) -> dict[str, str]:
    """The digest of each bucket, from those of the files by name."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, digest in sorted(digests.items()):
        found.setdefault(bucket(name), []).append((name, digest))
    return {key: together(files) for key, files in found.items()}


def together(files: Iterable[tuple[str, str]]) -> str:
    """The digest of these files, each with its name and the digest of its content."""
    text = "\0\0".join(f"{name}\0{digest}" for name, digest in files)
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


@dataclass(slots=True)
class Given:
    """What this process told: the rows of files as of `mark`, which deals stood twice, and digests of single rows that
    were told or written since."""

    mark: str | None = None
    indexes: dict[str, Index] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()
    later: dict[str, int] = field(default_factory=dict)

    def differs(self, name: str, id_: str, digest: int) -> bool:
        """Whether a row is another one than flowrun knows; no, where what it knows is not remembered."""
        known = self.later.get(id_)
        if known is None and (index := self.indexes.get(name)) is not None:
            row = index.row(id_)
            known = None if row is None else row.digest
        return known is not None and known != digest
