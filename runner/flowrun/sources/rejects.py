"""Rejects: the rows of a file that were not taken, as a CSV file to be mended and imported again.

It has the columns of the file, then the line that each row came from and the reason. It appears when the import is
done, in one step; where nothing was rejected, there is none, and one of an earlier import is taken away.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from flowrun.sources.importing import Reject
from flowrun.sources.textfile import Output

RAW = ("row",)
"""The columns of a file that has none (JSON Lines): its lines."""


class Rejects:
    """The rejects of one import, written as they come. `count` is how many there are."""

    def __init__(self, path: Path, header: Sequence[str], delimiter: str) -> None:
        self.path = path
        self.count = 0
        self._header = header
        self._delimiter = delimiter
        self._output: Output | None = None

    def add(self, rejects: Iterable[Reject]) -> None:
        """Take these rows. Raises WorkFailed where the file can't be made."""
        for reject in rejects:
            if self._output is None:
                self._output = self._begin()
            cells = list(reject.cells[: len(self._header)])
            surplus = reject.cells[len(self._header) :]
            cells += [""] * (len(self._header) - len(cells))
            self._writer.writerow([*cells, reject.line, "; ".join(reject.reasons), *surplus])
            self.count += 1

    def finish(self) -> None:
        """The import is done: the file appears, or that of an earlier import goes."""
        if self._output is not None:
            self._output.finish()
        else:
            self.path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """The import was not done: whatever stood at the path stays."""
        if self._output is not None:
            self._output.abandon()

    def _begin(self) -> Output:
        output = Output(self.path)
        self._writer = csv.writer(output.file, delimiter=self._delimiter, lineterminator="\n")
        names = list(self._header)
        for name in ("line", "reason"):
            while name in names:
                name += "_"
            names.append(name)
        self._writer.writerow(names)
        return output
