"""Tables line up for whatever text, and give way only where they may."""

from __future__ import annotations

from flowrun.render.ink import plain, width
from flowrun.render.table import Column, table

_COLUMNS = (Column("id"), Column("title", flexible=True), Column("deals", right=True))
_ROWS = (("d1", "Подготовка документов", "7"), ("d2", "漢字 🎉", "1,200"))


def test_columns_line_up() -> None:
    assert plain(table(_COLUMNS, _ROWS)) == (
        "id  title                  deals\nd1  Подготовка документов      7\nd2  漢字 🎉                1,200\n"
    )


def test_flexible_columns_are_cut_to_the_room() -> None:
    lines = plain(table(_COLUMNS, _ROWS, 24)).splitlines()
    assert lines[1] == "d1  Подготовка д…      7"
    assert max(map(width, lines)) == 24


def test_a_terminal_that_is_too_narrow_wraps_instead_of_hiding() -> None:
    lines = plain(table(_COLUMNS, _ROWS, 5)).splitlines()
    assert lines[1] == "d1  Подгото…      7"


def test_control_characters_take_the_room_that_they_are_shown_in() -> None:
    assert plain(table((Column("a"), Column("b")), [("\x1b", "x"), ("abcd", "y")])) == "a     b\n\\x1b  x\nabcd  y\n"


def test_no_rows_leave_the_titles() -> None:
    assert plain(table(_COLUMNS, [])) == "id  title  deals\n"
