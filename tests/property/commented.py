"""Writes plain data as YAML the way many hands would: in all styles, with comments everywhere.

Beside the text it says which lines each path takes, and which comments belong to it; all comments differ, so that
none can be lost unseen.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import yaml

Data = str | None | list["Data"] | dict[str, "Data"]
Path = tuple[str | int, ...]

BARE = frozenset({"5", "50", "true", "false"})
"""Numbers and booleans, which quotes would make texts."""
_SPECIAL = re.compile(r"[^\w.\-/ ]|^[-\s]|\s$|^$|^(null|Null|NULL|~)$")


@dataclass
class Written:
    """A text, and for each path of its data: the lines that the entry takes, comments that belong to it included.

    `heads` are the lines of keys and dashes. `flow` are the paths of what stands in brackets; `shared` says that
    anchors and aliases may be in it.
    """

    text: str = ""
    lines: dict[Path, set[int]] = field(default_factory=dict)
    heads: dict[Path, int] = field(default_factory=dict)
    flow: set[Path] = field(default_factory=set)
    shared: bool = False


class Hand:
    """Writes one file; everything that could be either way is drawn."""

    def __init__(self, draw: random.Random, *, shared: bool = False) -> None:
        self.draw = draw
        self.out = Written(shared=shared)
        self._line = ""
        self._done: list[str] = []
        self._step = draw.choice([2, 2, 2, 4, 3])
        self._dash = draw.choice([0, self._step])
        self._gap = draw.choice([1, 1, 1, 3])
        self._talk = draw.choice([0.0, 0.15, 0.4])
        self._serial = 0
        self._anchors: dict[str, str] = {}
        self._after_block = False

    def write(self, data: dict[str, Data]) -> Written:
        """The file that holds the data."""
        if self._maybe(0.5):
            self._say("# " + self._remark())
            self._end()
        if self._maybe(0.1):
            self._say("---")
            self._end()
        self._mapping(data, (), 0)
        if self._maybe(0.2):
            self._end()
            self._say("# " + self._remark())
            self._end()
        self.out.text = "\n".join([*self._done, self._line] if self._line else [*self._done, ""])
        return self.out

    # Blocks

    def _mapping(self, data: dict[str, Data], path: Path, column: int) -> None:
        aligned = max(map(len, data)) + 1 if data and self._maybe(0.15) else 0
        between = self._maybe(0.3)
        for n, (key, value) in enumerate(data.items()):
            if n or column == 0:
                self._before(column, blank=between and n > 0)
            begin = self._entry_begins(column, first=n == 0 and column > 0 and bool(self._line.strip()))
            self.out.heads[(*path, key)] = len(self._done)
            self._say(self._key(key) + ":")
            pad = max(1, aligned - len(key) + 1) if aligned else self.draw.choice([1, 1, 1, 1, 2])
            self._value(value, (*path, key), column, pad)
            self._entry_ends(begin, (*path, key), column)

    def _sequence(self, data: list[Data], path: Path, column: int) -> None:
        for n, value in enumerate(data):
            if n:
                self._before(column, blank=False)
            begin = self._entry_begins(column, first=False)
            self.out.heads[(*path, n)] = len(self._done)
            self._say("-")
            inner = column + 1 + self._gap
            if isinstance(value, dict) and value and not self._in_brackets(value, (*path, n)):
                self._say(" " * self._gap)
                self._mapping(value, (*path, n), inner)
            else:
                self._value(value, (*path, n), column, self._gap, brackets=True)
            self._entry_ends(begin, (*path, n), column)

    def _value(self, value: Data, path: Path, column: int, pad: int, *, brackets: bool = False) -> None:
        """What follows a colon or a dash."""
        if value is None:
            self._say(self.draw.choice(["", " null", " ~"]))
        elif isinstance(value, str):
            self._block_text(value, column, pad)
        elif not value or brackets or self._in_brackets(value, path):
            self._say(" " * pad)
            self._flow(value, path, column)
        else:
            self._remark_here(0.2)
            self._end()
            if isinstance(value, dict):
                self._mapping(value, path, column + self._step)
            else:
                self._sequence(value, path, column + self._dash)
            self._after_block = True  # a comment here would be the last entry's
            return
        if not self._after_block:
            self._remark_here(0.25)

    def _block_text(self, text: str, column: int, pad: int) -> None:
        words = text.split(" ")
        blocks = column and "\n" not in text and len(words) > 2 and all(words) and not text.startswith("#")
        shape = self.draw.random()
        if "\n" in text or (blocks and shape < 0.25):
            self._after_block = True  # a comment that is as deep as its lines would be one of them
            literal = "\n" in text.rstrip("\n") or self._maybe(0.4)
            indent = " " * (column + self._step)
            ends = "" if text.endswith("\n") else "-"
            self._say(" " * pad + ("|" if literal else ">") + ends)
            self._remark_here(0.2)
            pieces = text.rstrip("\n").split("\n") if literal else self._pieces(words)
            for piece in pieces:
                self._end()
                self._say(indent + piece if piece else "")
        elif blocks and shape < 0.4 and not self.out.shared:
            lines = self._pieces(words)
            quote = self.draw.choice("'\"")
            if self._plain(text) and self._maybe(0.5):
                quote = ""
            self._say(" " * pad + quote)
            for n, line in enumerate(lines):
                if n:
                    self._end()
                    self._say(" " * (column + self._step))
                self._say(line.replace("'", "''") if quote == "'" else _escaped(line) if quote else line)
            self._say(quote)
        else:
            self._say(" " * pad + self._scalar(text, flow=False))

    def _pieces(self, words: Sequence[str]) -> list[str]:
        """The words on some lines."""
        lines = [[words[0]]]
        for word in words[1:]:
            if self._maybe(0.3) and not word.startswith(("#", "-", "'", '"')) and not lines[-1][-1].endswith(":"):
                lines.append([word])
            else:
                lines[-1].append(word)
        return [" ".join(line) for line in lines]

    # Brackets

    def _in_brackets(self, value: Data, path: Path) -> bool:
        small = len(str(value)) < 90 or self._maybe(0.1)
        return len(path) > 1 and isinstance(value, list | dict) and small and self._maybe(0.6)

    def _flow(self, value: Data, path: Path, column: int) -> None:
        if value is None:
            self._say("null")
        elif isinstance(value, str):
            self._say(self._scalar(value, flow=True))
        else:
            self.out.flow.add(path)
            self._brackets(value, path, column)

    def _brackets(self, value: list[Data] | dict[str, Data], path: Path, column: int) -> None:
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        pairs: list[tuple[str | int, Data]] = [*(value.items() if isinstance(value, dict) else enumerate(value))]
        spread = bool(pairs) and self._maybe(0.15)
        space = " " if self._maybe(0.1) and not spread else ""
        self._say(opening + (space if pairs else ""))
        for n, (key, one) in enumerate(pairs):
            begin = len(self._done)
            if spread:
                self._remark_here(0.2)
                self._end()
                begin = len(self._done)
                if self._maybe(self._talk):
                    self._say(" " * (column + 4) + "# " + self._remark())
                    self._end()
                self._say(" " * (column + 4))
            self.out.heads[(*path, key)] = len(self._done)
            if isinstance(value, dict):
                self._say(self._key(str(key), flow=True) + ": ")
            self._flow(one, (*path, key), column + 4)
            last = n == len(pairs) - 1
            self._say(self.draw.choice(["", "", ","]) if last and spread else "" if last else ",")
            if not last and not spread:
                self._say(" ")
            self.out.lines[(*path, key)] = set(range(begin, len(self._done) + 1))
        if spread:
            self._remark_here(0.3)
            self._end()
            self._say(" " * (column + 2))
        self._say(space + closing if pairs else closing)

    # Scalars

    def _key(self, text: str, *, flow: bool = False) -> str:
        if self._maybe(0.05) or text in {"on", "null"} or not re.fullmatch(r"[\w.~*-]+", text) or text[0] in "*-~":
            return self.draw.choice(["'{}'", '"{}"']).format(text)
        del flow
        return text

    def _scalar(self, text: str, *, flow: bool) -> str:
        written = self._quoted(text, flow=flow)
        if not self.out.shared or len(text) < 3:
            return written
        if text in self._anchors and self._maybe(0.5):
            return "*" + self._anchors[text] + (" " if flow else "")
        if self._maybe(0.2) and text not in self._anchors:
            self._anchors[text] = f"a{len(self._anchors)}"
            return f"&{self._anchors[text]} {written}"
        return written

    def _quoted(self, text: str, *, flow: bool) -> str:
        shape = self.draw.random()
        if text in BARE or (self._plain(text, flow=flow) and shape < 0.75):
            return text
        if "\n" not in text and shape < 0.85:
            return "'" + text.replace("'", "''") + "'"
        escaped = _escaped(text)
        if text[:1].isalpha() and self._maybe(0.1):
            escaped = f"\\u{ord(text[0]):04x}" + escaped[1:]
        return f'"{escaped}"'

    @staticmethod
    def _plain(text: str, *, flow: bool = False) -> bool:
        if not _SPECIAL.search(text):
            return True
        if text in {"", "null", "~"} or "\n" in text:
            return False
        try:
            loaded = yaml.load(f"[{text}]" if flow else f"- {text}", yaml.BaseLoader)
        except yaml.YAMLError:
            return False
        return bool(loaded == [text])

    # Lines

    def _before(self, column: int, *, blank: bool) -> None:
        """Blank lines and comments of others, before an entry."""
        if blank or self._maybe(0.05):
            self._end()
        if self._maybe(self._talk * 0.6):
            self._end()
            self._say(" " * column + "# " + self._remark())
            self._end()
            self._end()

    def _entry_begins(self, column: int, *, first: bool) -> int:
        """The line of an entry's own comment, or of the entry."""
        begin, self._after_block = len(self._done), False
        if first:
            return begin
        if self._maybe(self._talk * 0.6):
            self._say(" " * column + "# " + self._remark())
            self._end()
        self._say(" " * column)
        return begin

    def _entry_ends(self, begin: int, path: Path, column: int) -> None:
        if self._line:
            self._end()
        if not self._after_block and self._maybe(self._talk * 0.15):
            self._say(" " * (column + self._step) + "# " + self._remark())
            self._end()
        self.out.lines[path] = set(range(begin, len(self._done)))

    def _remark_here(self, chance: float) -> None:
        if self._maybe(chance * self._talk * 2):
            self._say(" " * self.draw.choice([1, 2, 2, 7]) + "# " + self._remark())

    def _remark(self) -> str:
        self._serial += 1
        return self.draw.choice(["why {}", "see 'a: b' {}", "{} [x, {{y}}]: #", "was: - {}"]).format(
            f"c{self._serial}c"
        )

    def _say(self, text: str) -> None:
        self._line += text

    def _end(self) -> None:
        self._done.append(self._line)
        self._line = ""

    def _maybe(self, chance: float) -> bool:
        return self.draw.random() < chance


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def remarks(text: str) -> set[str]:
    """The comments in a text."""
    return set(re.findall(r"c\d+c", text))


def loaded(text: str) -> Data:
    """What a text says, by PyYAML alone: texts, and None for plain nulls."""
    return _data(yaml.compose(text, yaml.BaseLoader))


def _data(node: yaml.Node | None) -> Data:
    match node:
        case yaml.MappingNode():
            return {key.value: _data(value) for key, value in node.value}
        case yaml.SequenceNode():
            return [_data(one) for one in node.value]
        case yaml.ScalarNode():
            return None if node.style is None and node.value in {"", "~", "null", "Null", "NULL"} else node.value
    return None
