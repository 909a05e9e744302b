"""The kind `files`: from its keys and a flow to an open source."""

from __future__ import annotations

from pathlib import Path

from flowrun.config.reading import Block
from flowrun.errors import WorkFailed
from flowrun.sources.files.folder import Folder
from flowrun.sources.files.layout import SAME, layout
from flowrun.sources.files.options import FilesBlock
from flowrun.sources.files.output import Output
from flowrun.sources.files.overlay import Overlay
from flowrun.sources.files.source import Files
from flowrun.sources.interface import Place


class FilesKind:
    """Deals in CSV, JSON Lines and YAML files."""

    @property
    def options(self) -> type[Block]:
        """The model of its keys."""
        return FilesBlock

    def open(self, options: FilesBlock, place: Place) -> Files | Overlay:
        """The source. Raises WorkFailed for options that don't go together, or with the flow."""
        means = layout(options, place.flow)
        root = place.folder.absolute()
        paths = tuple(str(path) for path in options.path or ())
        copies = None if options.copies is None else Path(root / options.copies)
        aside = None if options.write in {None, SAME} else Path(root / str(options.write))
        if aside is not None and (copies is not None or aside.suffix.lower() not in {".jsonl", ".ndjson"}):
            message = "the source 'files': `write` names a file of firings, one JSON object a line"
            raise WorkFailed(message, "let its name end in .jsonl, and leave `copies` out")
        folder = Folder(root, paths, options.format, aside)
        files = Files(means, folder, place.flow.rails.deleted, None if copies is None else folder.name(copies))
        return files if aside is None else Overlay(files, Output(aside, means.types))


KIND = FilesKind()
