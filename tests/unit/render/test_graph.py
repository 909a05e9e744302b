"""The picture in its three forms: everything is in it, told apart without colour, and no name can break out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from flowrun.calendars.durations import Duration
from flowrun.flow.model import Action, At, Flow, Mode, Outcome, Pipeline, Stage, Tunnel
from flowrun.render.dot import dot
from flowrun.render.mermaid import mermaid
from flowrun.render.picture import picture
from flowrun.render.svg import svg

_SVG = "{http://www.w3.org/2000/svg}"
_NASTY = '"]; x --> y\\ <script>&#%`</svg>\x1b'


def _pipeline(id_: str, *stages: str, name: str | None = None) -> Pipeline:
    outcomes = {"won": Outcome.WON, "lost": Outcome.LOST}
    made = tuple(Stage(f"{id_}.{stage}", stage.title(), outcomes.get(stage)) for stage in stages)
    return Pipeline(id_, name or id_.title(), made)


def _flow(*tunnels: Tunnel, name: str | None = None) -> Flow:
    pipelines = [_pipeline("sales", "new", "docs", "won", "lost", name=name), _pipeline("end", "a-b", "a_b", "won")]
    return Flow(
        "acme",
        pipelines={pipeline.id: pipeline for pipeline in pipelines},
        tunnels={tunnel.id: tunnel for tunnel in tunnels},
    )


_MOVE = Tunnel("chase", ("sales.new", "sales.docs"), "sales.lost", Action.MOVE, after=Duration(days=10))
_COPY = Tunnel("hand-over", ("sales.won",), "end.a-b", Action.COPY, mode=Mode.SHADOW)


def test_mermaid() -> None:
    assert mermaid(picture(_flow(_MOVE, _COPY))) == (
        "flowchart LR\n"
        '  subgraph n_sales ["Sales"]\n'
        "    direction LR\n"
        '    n_sales_snew["New"]\n'
        '    n_sales_sdocs["Docs"]\n'
        '    n_sales_swon(["Won (won)"])\n'
        '    n_sales_slost[["Lost (lost)"]]\n'
        "    n_sales_snew ~~~ n_sales_sdocs\n"
        "    n_sales_sdocs ~~~ n_sales_swon\n"
        "    n_sales_swon ~~~ n_sales_slost\n"
        "  end\n"
        '  subgraph n_end ["End"]\n'
        "    direction LR\n"
        '    n_end_sa_db["A-B"]\n'
        '    n_end_sa__b["A_B"]\n'
        '    n_end_swon(["Won (won)"])\n'
        "    n_end_sa_db ~~~ n_end_sa__b\n"
        "    n_end_sa__b ~~~ n_end_swon\n"
        "  end\n"
        '  n_sales_snew -->|"chase · move, after 10d"| n_sales_slost\n'
        '  n_sales_sdocs -->|"chase · move, after 10d"| n_sales_slost\n'
        '  n_sales_swon -.->|"hand-over · copy, shadow"| n_end_sa_db\n'
    )


def test_dot() -> None:
    text = dot(picture(_flow(_MOVE, _COPY)))
    assert '"sales.won" -> "end.a-b" [label="hand-over · copy, shadow", style=dashed];' in text
    assert '"sales.new" -> "sales.lost" [label="chase · move, after 10d", style=solid];' in text
    assert '"sales.won" [label="Won (won)", peripheries=2];' in text


@pytest.mark.parametrize(
    ("offset", "shown"), [(Duration(days=-90), " -90d"), (Duration(days=1), " +1d"), (Duration(), "")]
)
def test_a_field_s_moment_is_shown_with_its_offset(offset: Duration, shown: str) -> None:
    tunnel = Tunnel("renew", ("sales.won",), "sales.new", Action.COPY, at=At("due", offset))
    assert f"renew · copy, at due{shown}" in mermaid(picture(_flow(tunnel)))


def test_one_pipeline_comes_with_the_stages_that_it_is_linked_to() -> None:
    shown = picture(_flow(_MOVE, _COPY), "end")
    assert [[stage.id for stage in pipeline.stages] for pipeline in shown.pipelines] == [
        ["sales.won"],
        ["end.a-b", "end.a_b", "end.won"],
    ]
    assert [link.tunnel.id for link in shown.links] == ["hand-over"]


def test_no_name_breaks_out_of_a_label() -> None:
    shown = picture(_flow(_COPY, name=_NASTY))
    assert '["#34;]; x --#62; y#92; #60;script#62;#38;#35;#37;#96;#60;/svg#62;#92;x1b"]' in mermaid(shown)
    assert r'label="\"]; x --> y\\ <script>&#%`</svg>\\x1b";' in dot(shown)
    root = ElementTree.fromstring(svg(shown))
    titles = [text.text for text in root.iter(f"{_SVG}text") if text.get("class") == "title"]
    assert titles[0] == '"]; x --> y\\ <script>&#%`</svg>\\x1b'


def test_svg_says_in_words_and_lines_what_is_copied_and_what_is_moved() -> None:
    root = ElementTree.fromstring(svg(picture(_flow(_MOVE, _COPY))))
    tunnels = {
        path.findtext("{*}title"): path.get("class")
        for path in root.iter(f"{_SVG}path")
        if path.find("{*}title") is not None
    }
    assert tunnels == {
        "chase: sales.new → sales.lost (move, after 10d)": "tunnel move",
        "chase: sales.docs → sales.lost (move, after 10d)": "tunnel move",
        "hand-over: sales.won → end.a-b (copy, shadow)": "tunnel copy shadow",
    }
    texts = [text.text for text in root.iter(f"{_SVG}text")]
    assert "moves the deal" in texts
    assert "✓ won" in texts
    style = root.findtext("{*}style") or ""
    assert "dasharray" in style[style.index(".copy") : style.index(".off")]


def test_svg_stages_do_not_overlap_and_stay_inside() -> None:
    root = ElementTree.fromstring(svg(picture(_flow(_MOVE, _COPY))))
    boxes = [
        tuple(float(rect.get(key) or 0) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{_SVG}rect")
        if (rect.get("class") or "").startswith("stage")
    ]
    assert len(boxes) == 7
    for number, (x, y, wide, high) in enumerate(boxes):
        assert 0 < x < x + wide < float(root.get("width") or 0)
        assert 0 < y < y + high < float(root.get("height") or 0)
        for other_x, other_y, *_ in boxes[:number]:
            assert abs(other_x - x) > wide or abs(other_y - y) > high


@pytest.mark.parametrize("count", [0, 1, 400])
def test_svg_of_few_and_very_many_tunnels(count: int) -> None:
    stages = [f"s{number}" for number in range(40)]
    tunnels = [
        Tunnel(f"t{number}", (f"p.s{number % 40}",), f"p.s{(number * 7 + 1) % 40}", Action.MOVE)
        for number in range(count)
    ]
    flow = Flow("x", pipelines={"p": _pipeline("p", *stages)}, tunnels={tunnel.id: tunnel for tunnel in tunnels})
    text = svg(picture(flow))
    ElementTree.fromstring(text)
    assert len(re.findall(r'class="tunnel move" d="[^"]*C', text)) == count


def test_svg_of_an_empty_flow_is_a_picture_too() -> None:
    ElementTree.fromstring(svg(picture(Flow("x"))))
