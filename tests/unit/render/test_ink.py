"""Nothing in data may steer a terminal, and widths are those of terminals."""

from __future__ import annotations

import pytest

from flowrun.render.ink import Ink, Run, line, painted, shortened, visible, width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Ж, 漢字, 🎉", "plain text, Ж, 漢字, 🎉"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("two\nlines\r\tand a tab", r"two\nlines\r\tand a tab"),
        ("\x85 \x9b \x7f", r"\x85 \x9b \x7f"),
        ("abc\u202edef\u2066", r"abc\u202edef\u2066"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\ud800", r"\ud800"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_what_steers_or_hides_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("🎉", 2), ("", 0)])
def test_width_is_in_columns(text: str, columns: int) -> None:
    assert width(text) == columns


def test_shortened_never_exceeds_its_room() -> None:
    assert shortened("漢字漢字", 8) == "漢字漢字"
    assert shortened("漢字漢字", 6) == "漢字…"
    assert shortened("one two", 5) == "one…"


def test_ink_is_put_on_after_the_data_is_made_visible() -> None:
    text = line("a ", Run("\x1b[0mb", Ink.RED))
    assert painted(text, color=True) == "a \x1b[31m\\x1b[0mb\x1b[0m"
    assert painted(text, color=False) == "a \\x1b[0mb"
