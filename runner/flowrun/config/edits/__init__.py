"""Edits of a project in the format's terms: a tunnel added, a stage renamed with all that refers to it.

Pure: the texts of all files and an edit in, the texts of the files that change out. Each edit becomes changes of
YAML documents, which `yamldoc.patch` makes so that every other byte stays; what can't be done cleanly is refused.
"""

from flowrun.config.edits.make import Refused, make_edit
from flowrun.config.edits.model import Batch, Edit
from flowrun.config.edits.parse import BadEdit, parse_edit
from flowrun.config.edits.spots import Spot, spot

__all__ = ["BadEdit", "Batch", "Edit", "Refused", "Spot", "make_edit", "parse_edit", "spot"]
