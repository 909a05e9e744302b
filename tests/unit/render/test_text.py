"""Findings as people see them: carets stand under the exact characters, whatever they are."""

from __future__ import annotations

from textwrap import dedent

from flowrun.diagnostics import Diagnostic, Related, Span, error, warning
from flowrun.render.ink import plain
from flowrun.render.text import diagnostics_text, verdict


def _shown(finding: Diagnostic, room: int = 80, **sources: str) -> str:
    return plain(diagnostics_text([finding], {f"{file}.yaml": text for file, text in sources.items()}, room))


def _span(line: int, column: int, end_column: int, end_line: int | None = None, file: str = "a.yaml") -> Span:
    return Span(file, line, column, end_line or line, end_column)


def _lines(finding: Diagnostic, room: int = 80, **sources: str) -> list[str]:
    return _shown(finding, room, **sources).removesuffix("\n\n").split("\n")


def _golden(text: str) -> str:
    return dedent(text).lstrip("\n")


def test_message_place_line_carets_and_help() -> None:
    finding = error("FR203", "a deal has no field 'amuont'", _span(10, 14, 20), "did you mean 'amount'?")
    assert _shown(finding, a="\n" * 9 + "  when: deal.amuont >= 1\n") == _golden("""
        error[FR203]: a deal has no field 'amuont'
          --> a.yaml:10:14
           |
        10 |   when: deal.amuont >= 1
           |              ^^^^^^
           = help: did you mean 'amount'?

        """)


def test_a_second_place_is_shown_with_its_message() -> None:
    first = Related("first declared here", Span("b.yaml", 100, 1, 100, 4))
    finding = error("FR510", "'big' is declared twice", _span(1, 1, 4), "rename one", [first])
    assert _shown(finding, a="big: 1", b="\n" * 99 + "big: 2") == _golden("""
        error[FR510]: 'big' is declared twice
           --> a.yaml:1:1
            |
          1 | big: 1
            | ^^^
           ::: b.yaml:100:1
            |
        100 | big: 2
            | --- first declared here
            = help: rename one

        """)


def test_a_place_without_source_keeps_its_message() -> None:
    finding = error("FR510", "twice", _span(1, 1, 2), None, [Related("first here", Span("gone.yaml", 3, 1, 3, 2))])
    assert " ::: gone.yaml:3:1: first here\n" in _shown(finding, a="x: 1")
    assert _shown(error("FR010", "no such file", _span(1, 1, 1))) == "error[FR010]: no such file\n --> a.yaml:1:1\n\n"


def test_carets_stand_under_wide_characters_marks_tabs_and_escapes() -> None:
    text = "\t漢字e\u0301🎉\x1b: X"
    column = text.index("X") + 1
    lines = _lines(error("FR401", "x", _span(1, column, column + 1)), a=text)
    assert lines[3] == "1 |     漢字e\u0301🎉\\x1b: X"
    #               tab to 4, two wide, one with a mark, one wide, an escape of four, colon and space
    assert lines[4] == "  | " + " " * (4 + 4 + 1 + 2 + 4 + 2) + "^"


def test_tabs_go_to_the_next_stop() -> None:
    lines = _lines(error("FR401", "x", _span(1, 4, 5)), a="a:\tX")
    assert lines[3:] == ["1 | a:  X", "  |     ^"]


def test_carets_span_all_columns_of_wide_characters() -> None:
    lines = _lines(error("FR401", "x", _span(1, 1, 4)), a="漢e\u0301: 1")
    assert lines[4] == "  | ^^^"


def test_a_span_of_several_lines_is_marked_on_each_without_its_indentation() -> None:
    lines = _lines(error("FR404", "x", _span(1, 4, 1, end_line=3)), a="a: |\n  one\ntwo")
    assert lines[3:] == ["1 | a: |", "  |    ^", "2 |   one", "  |   ^^^"]


def test_a_span_of_very_many_lines_is_cut() -> None:
    text = "".join(f"k{number}: 1\n" for number in range(100))
    lines = _lines(error("FR404", "x", _span(1, 1, 5, end_line=90)), a=text)
    assert [one for one in lines[3:] if "^" not in one] == [
        " 1 | k0: 1",
        " 2 | k1: 1",
        " 3 | k2: 1",
        " … |",
        "90 | k89: 1",
    ]


def test_a_very_long_line_is_a_window_round_the_span() -> None:
    text = "x" * 500_000 + "HERE" + "y" * 500_000
    lines = _lines(error("FR401", "x", _span(1, 500_001, 500_005)), room=60, a=text)
    assert lines[3].startswith("1 | …xxx")
    assert lines[3].endswith("yyy…")
    assert len(lines[3]) <= 4 + 62
    start = lines[4].index("^")
    assert lines[3][start : start + 4] == "HERE"
    assert lines[4].rstrip().endswith("^^^^")


def test_an_empty_span_and_one_beyond_the_end_of_the_line_get_one_caret() -> None:
    assert _lines(error("FR402", "x", _span(1, 3, 3)), a="ab")[3:] == ["1 | ab", "  |   ^"]
    assert _lines(error("FR402", "x", _span(2, 1, 1)), a="ab\n")[3:] == ["2 |", "  | ^"]


def test_lines_end_with_lf_or_crlf_and_nothing_else() -> None:
    lines = _lines(error("FR401", "x", _span(2, 3, 4)), a="a\r\nb\rc\u2028d\r\n")
    assert lines[3:] == [r"2 | b\rc\u2028d", "  |    ^"]


def test_fifty_are_shown_and_errors_are_never_crowded_out_by_warnings() -> None:
    findings = [warning("FR310", "w", _span(number, 1, 2)) for number in range(1, 80)]
    findings.append(error("FR401", "e", _span(99, 1, 2)))
    text = plain(diagnostics_text(findings, {}))
    assert text.count("warning[FR310]") == 49
    assert text.index("error[FR401]") > text.rindex("warning[FR310]")
    assert text.endswith("… and 30 more; --format json lists the first 1,000\n\n")


def test_the_verdict_counts() -> None:
    findings = [error("FR401", "e", _span(1, 1, 2)), warning("FR310", "w", _span(1, 1, 2))]
    assert plain([verdict(findings, 1, ok=False)]) == "✗ 1 error, 1 warning in 1 file\n"
    assert plain([verdict([], 2000, ok=True)]) == "✓ no problems in 2,000 files\n"
