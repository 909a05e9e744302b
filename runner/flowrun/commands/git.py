"""What git says of a folder: its commit, whether it is changed, and the files that it had at a revision.

Git is run without a shell, never fetches, takes no lock, and is waited for only so long. Nothing of a user's reaches it
as an option.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flowrun.config.loader import MAX_ENTRIES, MAX_FILES, MAX_TOTAL, flow_files
from flowrun.errors import WorkFailed, WrongUsage
from flowrun.yamldoc.read import MAX_BYTES

_PATIENCE = 5.0
"""Seconds for what is only nice to know."""
_LONG_PATIENCE = 60.0
_LINK, _MODULE = "120000", "160000"
_OF_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})
"""Set by git for its hooks, and relative to another folder than the one that is asked about."""


def commit(folder: Path) -> str | None:
    """The commit that is checked out, as its full hash; None without git, a repository, or a commit."""
    return _answer(folder, "rev-parse", "--verify", "HEAD")


def changed(folder: Path) -> bool | None:
    """Whether the folder has changes that are not committed; None where that can't be known."""
    status = _answer(folder, "status", "--porcelain", "--", ".")
    return None if status is None else bool(status)


@dataclass(frozen=True, slots=True)
class Commit:
    """A revision as the user named it, and the full hash of its commit."""

    ref: str
    hash: str


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository that a folder is in, or would be in. `prefix` is the folder's path from its top, `""` for the top.

    `at` is the nearest folder that exists.
    """

    at: Path
    prefix: str

    def commit(self, ref: str) -> Commit:
        """The commit that the user calls `ref`. Raises WorkFailed if there is none."""
        if not ref or ref.startswith("-") or not ref.isprintable():
            raise WrongUsage(f"'{ref}' is no git revision", "give a branch, a tag, or a commit: --against main")
        found = _run(self.at, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        if found.returncode != 0:
            raise WorkFailed(
                f"git has no commit '{ref}' here", f"fetch it first, or check the name: git fetch origin; git log {ref}"
            )
        return Commit(ref, found.stdout.decode("ascii").strip())

    def merge_base(self, one: Commit, other: Commit) -> Commit:
        """The commit at which the two parted. Raises WorkFailed if they have nothing in common."""
        found = _run(self.at, "merge-base", one.hash, other.hash)
        if found.returncode != 0:
            raise WorkFailed(f"'{one.ref}' and '{other.ref}' have no commit in common", "a shallow clone may hide it")
        return Commit(f"{one.ref}...{other.ref}", found.stdout.decode("ascii").split()[0])

    def texts(self, commit: Commit) -> dict[str, bytes]:
        """The flow files below the folder at that commit, by their names in it; none where it had no such folder.

        Scenarios are left out. Raises WorkFailed for links and submodules, which lead out of the commit, and for more
        than is ever read from a folder.
        """
        objects: dict[str, tuple[str, int]] = {}
        for mode, name, hash_, size in self._tree(commit):
            hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
            if mode in {_LINK, _MODULE} and not hidden and PurePosixPath(name).suffix in {"", ".yaml", ".yml"}:
                what = "a link" if mode == _LINK else "a submodule"
                place = "/".join(part for part in (self.prefix, name) if part)
                raise WorkFailed(f"{place} at {commit.ref} is {what}, which can't be followed into the past")
            objects[name] = hash_, size
        names = flow_files(objects)
        total = sum(min(objects[name][1], MAX_BYTES) for name in names)
        if len(names) > MAX_FILES or len(objects) > MAX_ENTRIES or total > MAX_TOTAL:
            raise WorkFailed(
                f"{self.prefix or '.'} at {commit.ref} holds more files than are read",
                "give the folder that the flow files are in: --flows",
            )
        large = {name for name in names if objects[name][1] > MAX_BYTES}
        read = self._contents([objects[name][0] for name in names if name not in large])
        too_large = b"#" * (MAX_BYTES + 1)  # refused for its size, whatever it holds
        return {name: too_large if name in large else next(read) for name in names}

    def _tree(self, commit: Commit) -> Iterator[tuple[str, str, str, int]]:
        """Mode, name below the folder, object and size (0 for no file) of all that the folder held."""
        paths = ["--", self.prefix] if self.prefix else []
        listed = _run(self.at, "ls-tree", "-r", "-z", "-l", "--full-tree", commit.hash, *paths)
        if listed.returncode != 0:
            raise WorkFailed(f"git can't list {commit.ref}: {_complaint(listed)}")
        for entry in filter(None, listed.stdout.split(b"\0")):
            about, _, path = entry.partition(b"\t")
            mode, _, hash_, size = about.decode("ascii").split()
            name = path.decode("utf-8", "replace")
            below = name.removeprefix(f"{self.prefix}/") if self.prefix else name
            if below != name or not self.prefix or mode in {_LINK, _MODULE}:
                yield mode, "" if below == self.prefix else below, hash_, int(size) if size.isdigit() else 0

    def _contents(self, hashes: list[str]) -> Iterator[bytes]:
        """The bytes of those objects, in their order."""
        if not hashes:
            return
        done = _run(self.at, "cat-file", "--batch", given="".join(f"{one}\n" for one in hashes).encode())
        rest = memoryview(done.stdout)
        for one in hashes:
            head, _, _ = bytes(rest[:200]).partition(b"\n")
            parts = head.split()
            if len(parts) != 3:
                raise WorkFailed(f"git can't read the object {one}", "a partial clone may lack it: git fetch --refetch")
            start = len(head) + 1
            end = start + int(parts[2])
            yield bytes(rest[start:end])
            rest = rest[end + 1 :]


def repository(folder: Path) -> Repository:
    """The repository of that folder, which need not exist now. Raises WorkFailed where there is none."""
    whole = Path(os.path.normpath(folder.absolute()))
    at = next(one for one in (whole, *whole.parents) if one.is_dir())
    found = _run(at, "rev-parse", "--show-prefix")
    if found.returncode != 0:
        raise WorkFailed(f"{folder} is in no git repository: {_complaint(found)}", "run it in a checkout")
    inside = found.stdout.decode("utf-8", "replace").rstrip("\n").rstrip("/")
    rest = whole.relative_to(at).as_posix()
    return Repository(at, "/".join(part for part in (inside, rest) if part not in {"", "."}))


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else "it gives no reason"


def _run(
    at: Path, *arguments: str, given: bytes = b"", patience: float = _LONG_PATIENCE
) -> subprocess.CompletedProcess[bytes]:
    """Runs git in that folder. Raises WorkFailed if there is no git, or no answer."""
    variables = {name: value for name, value in os.environ.items() if name not in _OF_HOOKS}
    variables |= {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        return subprocess.run(  # noqa: S603
            ["git", "-C", str(at), *arguments],  # noqa: S607
            input=given,
            capture_output=True,
            timeout=patience,
            check=False,
            env=variables,
        )
    except subprocess.TimeoutExpired as late:
        raise WorkFailed(f"git gave no answer within {patience:g} s") from late
    except OSError as failure:
        raise WorkFailed("git can't be run", "install git, or leave --against out") from failure


def _answer(folder: Path, *arguments: str) -> str | None:
    """What git answers, or None where there is no git, no repository, or no answer."""
    try:
        done = _run(folder, *arguments, patience=_PATIENCE)
    except WorkFailed:
        return None
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None
