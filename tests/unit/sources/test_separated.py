"""CSV: records with their lines, and faults in place of exceptions."""

from __future__ import annotations

import io

import pytest

from flowrun.sources.separated import Record, Separated
from flowrun.store.watching import TEXT_CHARACTERS


def _read(text: str, delimiter: str = ",") -> Separated:
    return Separated(io.StringIO(text, newline=""), delimiter)


def _records(text: str) -> list[Record]:
    return [record._replace(cells=tuple(record.cells)) for record in _read(text)]


def test_header_and_records() -> None:
    file = _read(" id ;Deal \n1;x\n", ";")
    assert file.header == ("id", "Deal")
    assert [record.cells for record in file] == [["1", "x"]]


def test_each_record_knows_the_line_it_begins_in() -> None:
    text = 'a,b\r\n1,"two\r\nlines"\r\n\r\n2,"x\ny\nz"\n3,w\n'
    assert _records(text) == [
        Record(2, ("1", "two\r\nlines"), None),
        Record(5, ("2", "x\ny\nz"), None),
        Record(8, ("3", "w"), None),
    ]


def test_lines_that_hold_nothing_are_no_records() -> None:
    assert _records("\n\na,b\n\n,\n  \n1,2\n") == [Record(7, ("1", "2"), None)]


def test_a_space_before_a_quote_is_padding() -> None:
    assert _records('a,b\n1, "x, y"\n') == [Record(2, ("1", "x, y"), None)]


@pytest.mark.parametrize(("row", "count"), [("1", 1), ("1,2,3", 3), ("1,2,", 3)])
def test_ragged_rows_are_faults(row: str, count: int) -> None:
    (record,) = _read(f"a,b\n{row}\n")
    assert record.fault == f"the row has {count} cells, the header 2"
    assert record.cells == row.split(",")


def test_a_wrong_quote_is_the_fault_of_its_row_alone() -> None:
    found = _records('a,b\n1,"x"y\n2,z\n')
    assert found == [
        Record(2, ('1,"x"y',), "text stands behind a closing quote; double the quotes inside a quoted cell"),
        Record(3, ("2", "z"), None),
    ]


def test_a_quote_that_is_never_closed_ends_with_the_file() -> None:
    assert _records('a,b\n1,x\n2,"y\n3,z\n') == [
        Record(2, ("1", "x"), None),
        Record(3, ('2,"y\n3,z',), "a quote is opened and never closed"),
    ]


def test_a_cell_that_grows_too_large_does_not_swallow_the_rest() -> None:
    filler = f"2,{'y' * 999}\n" * (TEXT_CHARACTERS // 1000 + 10)
    first, *rest = _records('a,b\n1,"x\n' + filler)
    assert first.line == 2
    assert first.fault == "a cell has more than 1,000,000 characters; a quote may not be closed"
    assert len(first.cells[0]) <= TEXT_CHARACTERS
    assert rest
    assert all(record.fault is None for record in rest)


def test_a_quote_inside_an_unquoted_cell_is_text() -> None:
    assert _records('a,b\n1,5" pipe\n') == [Record(2, ("1", '5" pipe'), None)]


def test_a_header_that_can_not_be_read_is_a_fault() -> None:
    assert _read('a,"b"c\n1,2\n').header_fault is not None
    assert _read("a,b\n1,2\n").header_fault is None
