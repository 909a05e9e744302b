"""The folder: which files hold deals, by the names that they are told by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowrun.diagnostics import excerpt
from flowrun.errors import SourceTrouble, WorkFailed
from flowrun.sources.files.options import Format

ENDINGS = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".yaml": Format.YAML,
    ".yml": Format.YAML,
}
"""What the end of a name says of a file."""

_PASSING = ("~", ".tmp", ".part", ".bak", ".swp", ".crdownload", ".rejects.csv")
"""Ends of the names of files that programs keep for themselves, and of what an import has left over."""

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Folder:
    """Where files are looked for. `paths` are as the options have them; relative ones start from `root`.

    `aside` is a file that is none of deals, though it may lie among them.
    """

    root: Path
    paths: Sequence[str]
    format: Format | None = None
    aside: Path | None = None

    def files(self) -> dict[str, Path]:
        """The files that there are, by their names, in order. Raises SourceTrouble where a path leads nowhere."""
        found: dict[str, Path] = {}
        for path in self.paths:
            for file in self._below(path):
                if file != self.aside:
                    found[self.name(file)] = file
        return dict(sorted(found.items()))

    def name(self, file: Path) -> str:
        """How a file is told: from the root, where it is below it."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.as_posix()

    def format_of(self, file: Path) -> Format:
        """How that file writes its rows. Raises WorkFailed where nothing says it."""
        found = self.format or ENDINGS.get(file.suffix.lower())
        if found is None:
            name = excerpt(self.name(file))
            raise WorkFailed(f"the name '{name}' does not say what it holds", "say it by `format`: csv, jsonl or yaml")
        return found

    def watched(self) -> dict[Path, bool]:
        """The folders that files may appear in, each with whether those below it count too."""
        found: dict[Path, bool] = {}
        for path in self.paths:
            whole = self.root / path
            if _MAGIC & {*path}:
                parts = Path(path).parts
                first = next(number for number, part in enumerate(parts) if _MAGIC & {*part})
                whole, deep = self.root.joinpath(*parts[:first]), first < len(parts) - 1
            else:
                whole, deep = whole if whole.is_dir() else whole.resolve().parent, False
            found[whole] = found.get(whole, False) or deep
        return found

    def _below(self, path: str) -> Iterator[Path]:
        whole = self.root / path
        if _MAGIC & {*path}:
            inner = Path(path)
            base = Path(inner.anchor) if inner.is_absolute() else self.root
            pattern = inner.relative_to(inner.anchor).as_posix() if inner.is_absolute() else path
            yield from (file for file in base.glob(pattern) if not _passing(file.name) and file.is_file())
        elif whole.is_dir():
            for file in whole.iterdir():
                if file.suffix.lower() in ENDINGS and not _passing(file.name) and file.is_file():
                    yield file
        elif whole.is_file():
            yield whole
        else:
            raise SourceTrouble(f"there is no file '{excerpt(path)}' of deals, and no such folder")


def _passing(name: str) -> bool:
    """Whether a name is that of a file which comes and goes beside one of deals."""
    return name.startswith((".", "~")) or name.lower().endswith(_PASSING)


def opened_by(file: Path) -> str | None:
    """The lock file that a spreadsheet program keeps beside a file which somebody has open in it, or None."""
    for name in (f".~lock.{file.name}#", f"~${file.name}"):
        if (file.parent / name).exists():
            return name
    return None
