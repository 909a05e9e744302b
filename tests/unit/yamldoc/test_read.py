"""Reading: what becomes of the bytes of a file, beside single mistakes."""

from __future__ import annotations

import pytest

from flowrun.yamldoc import Document, Mapping, Node, Scalar, Sequence, Style, read_document


def read(text: str | bytes) -> Document:
    return read_document(text.encode() if isinstance(text, str) else text, "a.yaml")


def codes(text: str | bytes) -> list[str]:
    return [finding.code for finding in read(text).findings]


def plain(node: Node | None) -> object:
    """The node as Python values, every scalar a text."""
    if isinstance(node, Mapping):
        return {entry.key.text: plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return None if node is None else node.text


@pytest.mark.parametrize("text", ["", " \n", "# only a comment\n", "---\n", "--- # x\n...\n", "\ufeff", "\r\n"])
def test_a_file_without_a_value_has_no_root_and_no_finding(text: str) -> None:
    document = read(text)
    assert document.root is None
    assert document.findings == ()


def test_an_empty_quoted_root_is_a_value() -> None:
    assert isinstance(read("''").root, Scalar)


@pytest.mark.parametrize(
    "text", ["on", "no", "y", "12:30", "010", "1_000", "2026-01-02", "null", "true", "~", "1e3", "5" * 1000]
)
def test_text_stays_text(text: str) -> None:
    root = read(f"{text}: {text}\nquoted: '{text}'\n").root
    assert isinstance(root, Mapping)
    first, second = root.entries
    assert (first.key.text, plain(first.value)) == (text, text)
    assert isinstance(first.value, Scalar)
    assert first.value.plain
    assert isinstance(second.value, Scalar)
    assert second.value.style is Style.SINGLE


def test_a_byte_order_mark_and_crlf_are_fine_and_move_nothing() -> None:
    bare = read("имя: 1\nb: |\n  x\n  y\n")
    dressed = read(b"\xef\xbb\xbf" + "имя: 1\r\nb: |\r\n  x\r\n  y\r\n".encode())
    assert dressed.findings == ()
    assert dressed.root == bare.root
    assert dressed.text == "имя: 1\r\nb: |\r\n  x\r\n  y\r\n"


def test_a_yaml_directive_is_fine() -> None:
    assert plain(read("%YAML 1.2\n---\na: 1\n").root) == {"a": "1"}


def test_an_alias_is_the_node_of_its_anchor() -> None:
    root = read("a: &x {k: v}\nb: *x\nc: &y z\n*y : d\n").root
    assert isinstance(root, Mapping)
    assert root.get("b") is root.get("a")
    assert root.get("z") is not None
    assert root.get("missing") is None


def test_an_anchor_may_be_set_anew() -> None:
    assert plain(read("- &x 1\n- &x 2\n- *x\n").root) == ["1", "2", "2"]


def test_mistakes_that_leave_the_rest_readable_are_found_together() -> None:
    document = read("a: 1\na: 2\n<<: {b: 1}\nc: !t 3\nd: *no\ne: 'x'\n? [q]\n: r\nf: [*no, ok]\n")
    assert [finding.code for finding in document.findings] == ["FR120", "FR122", "FR121", "FR124", "FR123", "FR124"]
    assert plain(document.root) == {"a": "1", "c": "3", "e": "x", "f": ["ok"]}


def test_an_alias_that_means_nothing_takes_only_its_entry() -> None:
    document = read("*no : 1\na: 2\n? b\n: *no\nc: 3\n")
    assert [finding.code for finding in document.findings] == ["FR124", "FR124"]
    assert plain(document.root) == {"a": "2", "c": "3"}


def test_a_second_document_leaves_the_first() -> None:
    document = read("a: 1 # one\n---\nb: 2 # two\n")
    assert plain(document.root) == {"a": "1"}
    assert [comment.text for comment in document.comments] == [" one"]


def test_an_error_that_stops_the_reading_leaves_no_root_and_what_was_found_before() -> None:
    document = read("a: 1 # c\na: 2\nb: [\n")
    assert document.root is None
    assert document.comments == ()
    assert [finding.code for finding in document.findings] == ["FR120", "FR107"]


def test_findings_come_in_the_order_of_the_file() -> None:
    assert codes("a: !x 1\na: !y 2\n") == ["FR121", "FR120", "FR121"]


def test_of_a_binary_file_twenty_characters_are_reported() -> None:
    assert codes("\x01" * 1000) == ["FR004"] * 20


@pytest.mark.parametrize(
    "escape", ["\\a", "\\e", "\\u200B", "\\uFEFF", "\\x85", "\\N", "\\L", "\\P", "\\U0001F600", "\\/"]
)
def test_other_escapes_are_left_to_the_format(escape: str) -> None:
    assert codes(f'a: "{escape}"') == []


def test_a_file_of_exactly_one_mebibyte_is_read() -> None:
    assert codes("a: " + "x" * ((1 << 20) - 3)) == []
    assert codes("a: " + "x" * ((1 << 20) - 2)) == ["FR001"]


def test_a_quoted_merge_sign_is_a_key_like_any_other() -> None:
    assert plain(read("'<<': 1\n").root) == {"<<": "1"}
