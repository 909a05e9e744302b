"""The diagnostic codes of files as bytes (FR001-FR009) and of YAML as text (FR1xx), each with its title."""

from __future__ import annotations

CODES: dict[str, str] = {
    "FR001": "the file is too large",
    "FR002": "the file is UTF-16 or UTF-32",
    "FR003": "the file is not valid UTF-8",
    "FR004": "a character that no file may hold",
    "FR101": "this is not YAML",
    "FR102": "wrong indentation",
    "FR103": "a tab in the indentation",
    "FR104": "a key without a colon",
    "FR105": "a colon inside an unquoted value",
    "FR106": "a quote that is not closed",
    "FR107": "a bracket that is not closed, or a missing comma",
    "FR108": "an unknown escape",
    "FR109": "a value that starts with a reserved character",
    "FR110": "a bad header of a block of text",
    "FR111": "text after a closing quote or bracket",
    "FR112": "more than one document in a file",
    "FR113": "a bad directive",
    "FR114": "a bad anchor or alias name",
    "FR120": "a duplicate key",
    "FR121": "a tag",
    "FR122": "a merge key",
    "FR123": "a key that is not text",
    "FR124": "an alias without an anchor",
    "FR125": "an alias inside what it stands for",
    "FR126": "too many aliases",
    "FR127": "too many nodes",
    "FR128": "nested too deeply",
    "FR129": "a character that no text may hold",
}
