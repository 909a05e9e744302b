"""Changes of a document: what a careful author would have written, and nothing else."""

from __future__ import annotations

from functools import reduce
from operator import getitem

import pytest
import yaml

from flowrun.yamldoc import read_document
from flowrun.yamldoc.patch import patch
from flowrun.yamldoc.plain import Add, Bare, Change, Impossible, Move, Put, Remove, Rename


def patched(before: bytes, *changes: Change) -> bytes:
    return patch(before, read_document(before, "f.yaml"), "f.yaml", changes)[0]


def made(before: str, *changes: Change) -> str:
    return patched(before.encode(), *changes).decode()


BLOCK = """\
# head
tunnels:  # all of them

  # about a
  a:
    from: x.y   # here
    when: >-    # why
      deal.a > 1
      and deal.b < 2

      and deal.c
    # the end of a

  # of b and c
  b: {to: x.y}
  c: {to: x.z}

# the rest
moved:
- one   # 1
- two   # 2
"""

CASES: dict[str, tuple[str, Change, str, str]] = {
    "a plain value, the comment in its column": (
        BLOCK,
        Put(("tunnels", "a", "from"), "x.long"),
        "    from: x.y   # here\n",
        "    from: x.long  # here\n",
    ),
    "one word of a folded text": (
        BLOCK,
        Put(("tunnels", "a", "when"), "deal.a > 1 and deal.bb < 2\nand deal.c"),
        "and deal.b < 2",
        "and deal.bb < 2",
    ),
    "a folded text written anew keeps the comment of its header": (
        BLOCK,
        Put(("tunnels", "a", "when"), "none\nof it"),
        "when: >-    # why\n      deal.a > 1\n      and deal.b < 2\n\n      and deal.c\n",
        "when: >-    # why\n      none\n\n      of it\n",
    ),
    "an entry with what belongs to it": (
        BLOCK,
        Remove(("tunnels", "a")),
        BLOCK[BLOCK.index("  # about") : BLOCK.index("  # of b")],
        "",
    ),
    "a comment about several stays": (BLOCK, Remove(("tunnels", "b")), "  b: {to: x.y}\n", ""),
    "the last entry": (BLOCK, Remove(("tunnels", "c")), "  c: {to: x.z}\n", ""),
    "a section with its comment": (
        BLOCK,
        Remove(("moved",)),
        "\n# the rest\nmoved:\n- one   # 1\n- two   # 2\n",
        "",
    ),
    "an entry like the others": (
        BLOCK,
        Add(("tunnels",), "d", {"to": "x.y", "on": "a: b"}),
        "  c: {to: x.z}\n",
        '  c: {to: x.z}\n  d: {to: x.y, "on": "a: b"}\n',
    ),
    "an item": (BLOCK, Add(("moved",), None, "zero", 0), "- one", "- zero\n- one"),
    "an item goes elsewhere, with its comment": (
        BLOCK,
        Move(("moved", 1), 0),
        "- one   # 1\n- two   # 2\n",
        "- two   # 2\n- one   # 1\n",
    ),
    "a key": (BLOCK, Rename(("tunnels", "a", "from"), "origin"), "    from: x.y   #", "    origin: x.y  #"),
    "a block for a flow value": (
        "a:\n  b: x  # about b\n  c:\n    d: 1\n",
        Put(("a", "b"), {"long": "x" * 110, "e": "f"}),
        "  b: x  # about b\n",
        f"  b:  # about b\n    long: {'x' * 110}\n    e: f\n",
    ),
    "a value for a block": (
        "a:\n  b: # B\n    c: 1 # C\n  d: 2\n",
        Put(("a", "b"), "x"),
        "# B\n    c: 1 # C\n",
        "x # B\n",
    ),
    "nothing for something": ("a: {b: 1}\n", Put(("a", "b"), None), "b: 1", "b: null"),
    "something for nothing": ("a:   # A\nb: 2\n", Put(("a",), "x"), "a:   # A", "a: x  # A"),
    "a mapping for nothing": ("a:   # A\nb: 2\n", Put(("a",), {"c": "d"}), "a:   # A\n", "a:   # A\n  c: d\n"),
    "what stays of a mapping, stays": (
        "s:\n  # one\n  a: 1  # 1\n  b: '2'\n",
        Put(("s",), {"b": "3", "c": "4"}),
        "  # one\n  a: 1  # 1\n  b: '2'\n",
        "  # one\n  b: '3'\n  c: 4\n",
    ),
    "the only entry of a block": ("a:  # A\n  b: 1\nc: 2\n", Remove(("a", "b")), "a:  # A\n  b: 1\n", "a: {}  # A\n"),
    "the only item of a list": ("a:\n- b  # B\nc: 2\n", Remove(("a", 0)), "a:\n- b  # B\n", "a: []\n"),
    "the first of an empty list": ("a: []\n", Add(("a",), None, {"x": "z"}), "a: []\n", "a:\n  - {x: z}\n"),
    "an entry in brackets": ("a: { b: 1, c: 2 }\n", Add(("a",), "d", "3", 1), "b: 1, ", "b: 1, d: 3, "),
    "out of brackets": ("a: [b, c, d]\n", Remove(("a", 2)), ", d", ""),
    "the first out of brackets": ("a: [b, c, d]\n", Remove(("a", 0)), "b, ", ""),
    "in brackets of several lines": (
        "a: [\n  b,  # B\n  c   # C\n]\n",
        Add(("a",), None, "d"),
        "  c   # C\n",
        "  c,  # C\n  d\n",
    ),
    "out of brackets of several lines": (
        "a: [\n  b,  # B\n  c   # C\n]\n",
        Remove(("a", 1)),
        ",  # B\n  c   # C\n",
        "   # B\n",
    ),
    "elsewhere in brackets of several lines": (
        "a: [\n  # about b\n  b,  # B\n  c   # C\n]\n",
        Move(("a", 1), 0),
        "  # about b\n  b,  # B\n  c   # C\n",
        "  c,   # C\n  # about b\n  b  # B\n",
    ),
    "a padded key": ("a:    1\nbbb:  2\n", Add((), "cc", "3"), "bbb:  2\n", "bbb:  2\ncc:   3\n"),
    "a renamed padded key": ("a:    1\nbbb:  2\n", Rename(("a",), "four"), "a:    1", "four: 1"),
    "quotes of a value": ('a: "x"\n', Put(("a",), "y: z"), '"x"', '"y: z"'),
    "a number in quotes": ('a: "5"\n', Put(("a",), Bare("5")), '"5"', "5"),
    "an escape that stays": ('a: "\\u0078 y \\u0078"\n', Put(("a",), "x z x"), " y ", " z "),
    "a plain text over lines": ("a: b\n  c\n  d\n", Put(("a",), "b x d"), "c", "x"),
    "the first key after a dash": (
        "- a: 1\n  # about b\n  b: 2\n",
        Remove((0, "a")),
        "a: 1\n  # about b\n  b",
        "# about b\n  b",
    ),
    "a long text": (
        "a:\n  b: 1\n",
        Put(("a", "b"), "word " * 29 + "end"),
        "1",
        ">-\n    " + "word " * 18 + "word\n    " + "word " * 9 + "word end",
    ),
    "a text of two lines": ("a:\n  b: 1\n", Put(("a", "b"), "x\ny\n"), "1", "|\n    x\n    y"),
    "no block above a deep comment": ("a:\n  b: 1\n      # c\n", Put(("a", "b"), "x\ny\n"), "1", '"x\\ny\\n"'),
}


@pytest.mark.parametrize("case", CASES)
def test_one_place_changes(case: str) -> None:
    before, change, old, new = CASES[case]
    assert before.count(old) == 1
    assert made(before, change) == before.replace(old, new)


@pytest.mark.parametrize("case", CASES)
def test_line_ends_and_marks_stay(case: str) -> None:
    before, change, _, _ = CASES[case]
    after = made(before, change)
    windows = b"\xef\xbb\xbf" + before.replace("\n", "\r\n").encode()
    assert patched(windows, change) == b"\xef\xbb\xbf" + after.replace("\n", "\r\n").encode()


@pytest.mark.parametrize("ends", [("\r\n", "\n"), ("\n", "\r\n")])
def test_no_line_ends_otherwise_because_one_follows_it(ends: tuple[str, str]) -> None:
    first, last = ends
    block, flow = f"a: 1{first}b: 2{last}", f"a: [{first}  x,{last}]{last}"
    assert patched(block.encode(), Add((), "c", "3")).startswith(block.encode())
    assert patched(flow.encode(), Add(("a",), None, "y")).startswith(f"a: [{first}  x,{last}".encode())


def test_a_file_without_a_last_line_end_has_none_afterwards() -> None:
    assert made("a: 1\nb: 2", Add((), "c", "3")) == "a: 1\nb: 2\nc: 3"
    assert made("a: 1\nb: 2", Remove(("b",))) == "a: 1"


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "~",
        "",
        "a: b",
        "# x",
        "- x",
        "on",
        "1:30",
        "'",
        '"',
        "\\",
        "{{ x }}",
        " x ",
        "*a",
        "a\tb",
        "a\u2028b",
        "\x07",
        "<<",
    ],
)
def test_texts_read_back_as_they_are(text: str) -> None:
    key = text or "k"
    changes: dict[tuple[str | int, ...], Change] = {
        ("a", "b"): Put(("a", "b"), text),
        ("c", 0): Put(("c", 0), text),
        ("z", "y"): Add((), "z", {"y": text}),
        ("a", key): Add(("a",), key, text),
    }
    for path, change in changes.items():
        after = yaml.load(patched(b"a:\n  b: x\nc: [x]\n", change).decode(), yaml.BaseLoader)
        assert reduce(getitem, path, after) == text


def test_comments_of_others_stay_between_what_they_stood_between() -> None:
    before = "l:\n- a\n\n# between a and b\n\n- b\n- c\n"
    assert made(before, Move(("l", 2), 0)) == "l:\n- c\n- a\n\n# between a and b\n\n- b\n"
    assert made(before, Move(("l", 0), None)) == "l:\n# between a and b\n\n- b\n- c\n- a\n"
    assert made(before, Remove(("l", 0))) == "l:\n\n# between a and b\n\n- b\n- c\n"
    assert made(before, Remove(("l", 1))) == "l:\n- a\n\n# between a and b\n\n- c\n"


def test_what_is_shared_changes_everywhere_or_not_at_all() -> None:
    shared = "a: &x one\nb: *x\nc: {d: *x}\n"
    assert made(shared, *(Put(path, "two") for path in [("a",), ("b",), ("c", "d")])) == shared.replace("one", "two")
    assert made(shared, Put(("b",), "two")) == shared.replace("b: *x", "b: two")
    below = "a: &x\n  k: [v]\nb: *x\n"
    refused: list[tuple[str, Change]] = [
        (shared, Put(("a",), "two")),
        (shared, Remove(("a",))),
        (shared, Move(("a",), None)),
        (below, Put(("b", "k", 0), "w")),
        (below, Add(("a", "k"), None, "w")),
        (below, Rename(("b", "k"), "l")),
        (below, Add(("b",), "m", "n")),
    ]
    for before, change in refused:
        with pytest.raises(Impossible, match="shared"):
            made(before, change)


def test_what_says_something_else_is_never_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowrun.yamldoc.values.inline", lambda text, *_args, **_flow: f"{text}x")
    with pytest.raises(Impossible, match="without touching what stands round it"):
        made("a: 1\n", Put(("a",), "2"))


@pytest.mark.parametrize(
    ("before", "change", "says"),
    [
        ("a: [\n", Put(("a",), "x"), "never closed"),
        ("", Add((), "a", "b"), "empty"),
        ("a: 1\n", Put(("b",), "x"), "no entry 'b'"),
        ("a: 1\n", Add((), "a", "x"), "an entry 'a' already"),
        ("a: 1\nb: 2\n", Rename(("a",), "b"), "an entry 'b' already"),
        ("? a\n: 1\nb: 2\n", Remove(("b",)), "with '\\?'"),
        ("a: 1\n", Put(("a",), "\ud800"), "D800"),
        ("a: 1\n", Put(("a",), "x" * (1 << 20)), "too much"),
        ("a: [ # c\n]\n", Add(("a",), None, "b"), "comments"),
        ("a:\n  b: |  # how it ends - or not\n    x", Add(("a",), "c", "d"), "would gain a line break"),
    ],
)
def test_refusals_say_why(before: str, change: Change, says: str) -> None:
    with pytest.raises(Impossible, match=says):
        made(before, change)


@pytest.mark.parametrize("last", ["b: |-\n    x", "b: >2-\n    x", "b: x", "b: |\n    x\n", 'b: "|"'])
def test_a_file_may_end_without_a_line_break(last: str) -> None:
    before = f"a:\n  {last}"
    assert made(before, Add(("a",), "c", "d")).rstrip("\n") == before.rstrip("\n") + "\n  c: d"
