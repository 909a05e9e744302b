"""`# flowrun: ignore[…]`."""

from __future__ import annotations

import pytest

from tests.unit.config.flows import codes

LOOP = """
pipelines: {{p: {{stages: [a, {{id: b, outcome: won}}]}}}}
tunnels:
{above}
  on: {here}
    {{from: p.a, to: p.b, action: move, after: 1d}}
  back:
    {{from: p.b, to: p.a, action: move, after: 1d}}
"""


def found(above: str = "", here: str = "") -> list[str]:
    return codes(LOOP.format(above=above, here=here))


def test_a_warning_is_shown() -> None:
    assert found() == ["FR310"]


@pytest.mark.parametrize(
    "comment",
    ["# flowrun: ignore[FR310] people decide", "# flowrun: ignore[FR310]", "#flowrun:ignore[ FR310 ]"],
)
def test_a_comment_silences_it(comment: str) -> None:
    assert found(here=comment) == []
    assert found(above="  " + comment) == []


def test_a_run_of_comments_above_speaks_of_the_line_below_it() -> None:
    assert found(above="  # flowrun: ignore[FR310]\n  # and a remark") == []


def test_a_comment_further_up_does_not() -> None:
    assert found(above="  # flowrun: ignore[FR310]\n\n  # a remark") == ["FR901", "FR310"]


def test_each_code_that_silences_nothing_is_told() -> None:
    assert found(here="# flowrun: ignore[FR310, FR330]") == ["FR901"]
    assert found(here="# flowrun: ignore[FR330]") == ["FR310", "FR901"]


def test_a_comment_without_codes_is_told_and_silences_nothing() -> None:
    for comment in ("# flowrun: ignore", "# flowrun: ignore[]", "# flowrun: ignore[loop]"):
        assert found(here=comment) == ["FR310", "FR902"]


def test_other_comments_are_nobodys_business() -> None:
    assert found(here="# see flowrun: ignore[FR310], flowrun: ignored, flowrun: 1") == ["FR310"]


def test_errors_are_not_silenced_and_idle_comments_wait_for_them() -> None:
    body = LOOP.format(above="  # flowrun: ignore[FR501]", here="# flowrun: ignore[FR330]")
    assert codes(body.replace("to: p.b", "to: p.c")) == ["FR501"]
