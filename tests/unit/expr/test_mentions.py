"""Names of stages, pipelines and tunnels in expressions: found where they are compared, and nowhere else."""

from __future__ import annotations

import pytest

from flowrun.expr.mentions import mentions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("deal.stage == 'sales.won'", [("stage", "'sales.won'", True)]),
        ('"a.b" != deal.stage', [("stage", '"a.b"', True)]),
        ("deal.pipeline in ['a', 'b']", [("pipeline", "'a'", True), ("pipeline", "'b'", True)]),
        ("deal.paid and not (deal.origin_tunnel == 'x')", [("origin_tunnel", "'x'", True)]),
        ("(deal.stage if deal.paid else 'a.b') == 'c.d'", [("stage", "'a.b'", True), ("stage", "'c.d'", True)]),
        ("deal.stage | default('a.b') == 'c.d'", [("stage", "'a.b'", True), ("stage", "'c.d'", True)]),
        ("deal.stage | upper == 'A.B'", [("stage", "'A.B'", False)]),
        ("deal.stage == 'A.B' | lower", [("stage", "'A.B'", False)]),
        ("deal.stage is startingwith('a.')", [("stage", "'a.'", False)]),
        ("'b' in deal.stage", [("stage", "'b'", False)]),
        ("deal.title == 'deal.stage'", []),
        ("deal.title == 'stage' and deal.stage is not none", []),
        ("deal.stage == (", []),
        ("deal.stage == 'a' " + "x" * 4096, []),
    ],
)
def test_of_a_condition(text: str, found: list[tuple[str, str, bool]]) -> None:
    assert [(one.of, text[one.start : one.end], one.exact) for one in mentions(text)] == found


def test_of_a_template() -> None:
    text = "{{ 'x' if deal.stage == 'a.b' else 'y' }}, 'c.d' {{ deal.pipeline == ' }} {{ deal.pipeline == 'p' }}"
    assert [text[one.start : one.end] for one in mentions(text, template=True)] == ["'a.b'"]
