"""Every character of every scalar is found where it was written.

The writers below write scalars in each style and know what each piece of them means; PyYAML says what the text is, and
`locate` must point at the piece. Block styles are checked the other way round: what `locate` points at must be able to
write the character, and the places must rise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from flowrun.yamldoc import Mapping, Scalar, read_document

LETTERS = "abcXYZ059ЖйёßéÅ中😀🚀._,()<>=+*/%~"
BREAKS = st.sampled_from(["\n", "\r\n"])


@dataclass(frozen=True)
class Piece:
    """A piece of source. Each character of `text` was written by one stretch of `source`, given by `places`."""

    source: str
    text: str
    places: tuple[tuple[int, int], ...]
    blank: bool = False
    """Whether it may not stand beside another blank one."""


def whole(source: str, text: str, *, blank: bool = False) -> Piece:
    return Piece(source, text, ((0, len(source)),) if text else (), blank)


letters = st.text(LETTERS, min_size=1, max_size=4).map(
    lambda text: Piece(text, text, tuple((at, at + 1) for at in range(len(text))))
)
spaces = st.integers(1, 3).map(
    lambda count: Piece(" " * count, " " * count, tuple((at, at + 1) for at in range(count)), blank=True)
)


@st.composite
def folds(draw: st.DrawFn, blanks: str) -> Piece:
    """One or more line breaks: a space, or one line break less than there are."""
    source, breaks = draw(st.text(blanks, max_size=2)), []
    for _ in range(draw(st.integers(1, 3))):
        line_break = draw(BREAKS)
        breaks.append((len(source), len(source) + len(line_break)))
        source += line_break + " " * draw(st.integers(0, 3))
    source += "  " + draw(st.text(blanks, max_size=1))
    return Piece(source, " " if len(breaks) == 1 else "\n" * (len(breaks) - 1), tuple(breaks[1:] or breaks), blank=True)


@st.composite
def escaped_breaks(draw: st.DrawFn) -> Piece:
    """An escaped line break, which writes nothing, and empty lines after it, which write one each."""
    source, breaks = "\\" + draw(BREAKS), []
    for _ in range(draw(st.integers(0, 2))):
        source += " " * draw(st.integers(0, 2))
        line_break = draw(BREAKS)
        breaks.append((len(source), len(source) + len(line_break)))
        source += line_break
    return Piece(source + "   ", "\n" * len(breaks), tuple(breaks), blank=True)


ESCAPES = {"\\n": "\n", "\\t": "\t", "\\\\": "\\", '\\"': '"', "\\/": "/", "\\ ": " ", "\\e": "\x1b", "\\_": "\xa0"}
ESCAPES |= {"\\L": "\u2028", "\\x41": "A", "\\u0416": "Ж", "\\U0001F600": "😀", "\\u200b": "\u200b"}
escapes = st.sampled_from(sorted(ESCAPES.items())).map(lambda pair: whole(*pair))


def pieces(*kinds: st.SearchStrategy[Piece]) -> st.SearchStrategy[list[Piece]]:
    """Pieces of which no two blank ones are neighbours: their blanks would run together."""

    def apart(found: list[Piece]) -> list[Piece]:
        kept: list[Piece] = []
        for piece in found:
            if not (kept and kept[-1].blank and piece.blank):
                kept.append(piece)
        return kept

    return st.lists(st.one_of(*kinds), max_size=12).map(apart)


def read(source: str) -> Scalar:
    """The value of the only key, as read; its text is what PyYAML's own parser yields too."""
    document = read_document(source.encode(), "a.yaml")
    assert document.findings == ()
    assert isinstance(document.root, Mapping)
    node = document.root.entries[0].value
    assert isinstance(node, Scalar)
    composed = yaml.compose(source, Loader=yaml.BaseLoader)
    assert composed is not None
    assert node.text == composed.value[0][1].value
    return node


def offset(source: str, line: int, column: int) -> int:
    return sum(len(text) for text in source.split("\n")[: line - 1]) + line - 1 + column - 1


def stretch(source: str, node: Scalar, start: int, end: int) -> tuple[int, int]:
    span = node.locate(start, end)
    return offset(source, span.line, span.column), offset(source, span.end_line, span.end_column)


def check(written: list[Piece], before: str, after: str) -> None:
    """Write the pieces between quotes, read them, and look for each character."""
    source = before + "".join(piece.source for piece in written) + after
    node = read(source)
    places, at = [], len(before)
    for piece in written:
        places += [(at + start, at + end) for start, end in piece.places]
        at += len(piece.source)
    assert node.text == "".join(piece.text for piece in written)
    assert [stretch(source, node, index, index + 1) for index in range(len(node.text))] == places
    if places:
        assert stretch(source, node, 0, len(node.text)) == (places[0][0], places[-1][1])


@given(pieces(letters, spaces, escapes, folds(" \t"), escaped_breaks(), st.just(whole("'", "'"))))
def test_double_quoted(written: list[Piece]) -> None:
    check(written, 'ключ: "', '"  # end')


@given(
    pieces(
        letters, spaces, folds(" \t"), st.just(whole("''", "'")), st.just(whole('"', '"')), st.just(whole("\\", "\\"))
    )
)
def test_single_quoted(written: list[Piece]) -> None:
    check(written, "# c\nключ: '", "'\r\n")


@given(letters, pieces(letters, spaces, folds(" ")), letters)
def test_plain(first: Piece, middle: list[Piece], last: Piece) -> None:
    start = whole("a", "a")
    check([start, first, *middle, last], "ключ: &anchor ", "   \n# end")


@st.composite
def blocks(draw: st.DrawFn) -> tuple[str, int]:
    """A block scalar with its header, and its indentation."""
    indent, line_break = draw(st.integers(1, 4)), draw(BREAKS)
    content = st.builds(
        str.__add__, st.sampled_from(["", "", "", " ", "   ", "\t"]), st.text(LETTERS + " #", min_size=1)
    )
    full = content.map(lambda text: " " * indent + text)
    lines = draw(st.lists(st.one_of(full, full, st.integers(0, indent + 2).map(lambda count: " " * count)), max_size=8))
    first = next((line for line in lines if line.strip()), "")
    blank = [line for line in lines[: lines.index(first)] if len(line) > indent] if first else lines
    explicit = blank or first[indent:].startswith((" ", "\t"))
    header = draw(st.permutations([str(indent) if explicit else "", draw(st.sampled_from(["", "-", "+"]))]))
    comment = draw(st.sampled_from(["", " # comment", "  "]))
    end = draw(st.sampled_from(["", line_break, f"{line_break}# c", f"{line_break}next: 1", line_break * 3]))
    return "".join(header) + comment + line_break + line_break.join(lines) + end, indent


@given(blocks())
@example(("2\n   \n    x", 2))
@example(("+\n", 1))
@example(("2\r\n  \tx\r\n\r\n  y\r\n", 2))
def test_literal(block: tuple[str, int]) -> None:
    source = "ключ: |" + block[0]
    node = read(source)
    check_block(source, node, folded=False)


@given(blocks())
@example(("2\n   \n    x", 2))
@example((" # c\n a\n b\n\n\n c\n  d\n e\n\n", 1))
def test_folded(block: tuple[str, int]) -> None:
    source = "ключ: >" + block[0]
    node = read(source)
    check_block(source, node, folded=True)


def check_block(source: str, node: Scalar, *, folded: bool) -> None:
    places = [stretch(source, node, index, index + 1) for index in range(len(node.text))]
    for char, (start, end) in zip(node.text, places, strict=True):
        written = source[start:end].replace("\r\n", "\n")
        assert written == char or (folded and char == " " and written == "\n")
    for (_, end), (start, _) in pairwise(places):
        assert end <= start
        between = source[end:start]
        assert not between.strip()
        assert folded or "\n" not in between
