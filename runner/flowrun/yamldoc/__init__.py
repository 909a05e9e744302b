"""YAML with exact places: a file's bytes in, nodes and findings out; and changes that leave every other byte.

The only floor that imports `yaml`. It knows YAML and the limits that flowrun sets to it, and nothing of the format:
scalars stay text, and which keys may stand where is `config`'s business. The way of a change (`plain`) through `patch`:

    document → layout (what stands where) → cuts (blocks, flows, values; new text by writing, scalars, habits, align)
             → text → document, compared with what the change makes of the old one's data
"""

from flowrun.yamldoc.codes import CODES
from flowrun.yamldoc.document import Comment, Document
from flowrun.yamldoc.nodes import Entry, Mapping, Node, Scalar, Sequence, Style
from flowrun.yamldoc.read import read_document

__all__ = [
    "CODES",
    "Comment",
    "Document",
    "Entry",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "Style",
    "read_document",
]
