"""The kind `files`: from its keys and a flow to an open source."""

from __future__ import annotations

from pathlib import Path

from flowrun.config.reading import Block
from flowrun.sources.files.folder import Folder
from flowrun.sources.files.layout import layout
from flowrun.sources.files.options import FilesBlock
from flowrun.sources.files.source import Files
from flowrun.sources.interface import Place


class FilesKind:
    """Deals in CSV, JSON Lines and YAML files."""

    @property
    def options(self) -> type[Block]:
        """The model of its keys."""
        return FilesBlock

    def open(self, options: FilesBlock, place: Place) -> Files:
        """The source. Raises WorkFailed for options that don't go together, or with the flow."""
        means = layout(options, place.flow)
        root = place.folder.absolute()
        folder = Folder(root, tuple(str(path) for path in options.path or ()), options.format)
        copies = None if options.copies is None else folder.name(Path(root / options.copies))
        return Files(means, folder, options.max_deleted, copies)


KIND = FilesKind()
