"""The picture as a hand-written SVG: a row of stages for each pipeline, tunnels as curves between them.

Copies are dashed, moves solid, and both are said in words, so that nothing rests on colour. Tunnels within a pipeline
arch over their row, as low as they can without crossing another; those between pipelines swing from row to row. A
label looks along its curve for a place where it covers neither a stage nor another label. Lengths are in pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import fsum

from flowrun.flow.model import Mode, Outcome, Stage
from flowrun.render.ink import shortened, visible, width
from flowrun.render.picture import Link, Picture

_MARGIN, _GAP, _HEIGHT = 32.0, 44.0, 54.0
_NARROW, _WIDE = 112.0, 220.0
_TITLE, _ARCH, _BETWEEN = 44.0, 30.0, 84.0
_LETTER, _SMALL = 7.6, 6.0
"""Columns in pixels, of 13 px and of 10.5 px text; generous, since fonts differ."""

_SEARCHED = 300
"""Links beyond which labels just stand at the middle of their curve."""

_COPY, _MOVE, _QUIET = "#0b7285", "#4338ca", "#7a8290"
_STYLE = f"""
    text {{ font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; fill: #1f2430 }}
    .title {{ font-size: 15px; font-weight: 600; stroke: #f6f7f9; stroke-width: 6px;
              paint-order: stroke; stroke-linejoin: round }}
    .name {{ font-size: 13px; text-anchor: middle }}
    .id {{ font-size: 10.5px; text-anchor: middle; fill: #687083 }}
    .label {{ font-size: 10.5px; text-anchor: middle }}
    .plate {{ fill: #ffffff; stroke: #e3e6ec }}
    .legend {{ font-size: 11.5px; fill: #4a5162 }}
    .row {{ fill: #f6f7f9 }}
    .stage {{ fill: #ffffff; stroke: #c3c9d4; stroke-width: 1.2 }}
    .won {{ stroke: #2b8a3e; stroke-width: 2 }}
    .lost {{ stroke: #c92a2a; stroke-width: 2 }}
    .tunnel {{ fill: none; stroke-width: 1.7 }}
    .move {{ stroke: {_MOVE} }}
    .copy {{ stroke: {_COPY}; stroke-dasharray: 6 4 }}
    .off, .shadow {{ opacity: .5 }}
    text.off, text.shadow {{ opacity: 1; fill: {_QUIET} }}
"""


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    wide: float
    high: float

    @property
    def middle(self) -> float:
        return self.x + self.wide / 2

    def meets(self, other: _Box) -> bool:
        across = self.x < other.x + other.wide and other.x < self.x + self.wide
        return across and self.y < other.y + other.high and other.y < self.y + self.high


@dataclass(slots=True)
class _Layout:
    """Where everything stands. `rows` are the bands of the pipelines, `arches` the level of each link within a row."""

    boxes: dict[str, _Box] = field(default_factory=dict)
    rows: dict[str, _Box] = field(default_factory=dict)
    arches: dict[int, int] = field(default_factory=dict)
    wide: float = 0.0
    high: float = 0.0


Point = tuple[float, float]
_Curve = tuple[Point, Point, Point, Point]


def svg(of: Picture) -> str:
    """The drawing, for screen and print alike, readable without its colours."""
    layout = _laid_out(of)
    body = [f'  <rect width="{layout.wide:.0f}" height="{layout.high:.0f}" fill="#ffffff"/>']
    for pipeline in of.pipelines:
        row = layout.rows[pipeline.id]
        body.append(f'  <rect class="row" {_at(row)} rx="12"/>')
    curves = _curves(of, layout)
    body += [_tunnel(link, curve) for link, curve in zip(of.links, curves, strict=True)]
    for pipeline in of.pipelines:
        row = layout.rows[pipeline.id]
        body.append(_text("title", row.x + 16, row.y + 27, pipeline.name))
    body += [_stage(stage, layout.boxes[stage.id]) for pipeline in of.pipelines for stage in pipeline.stages]
    body += _labels(of.links, curves, layout)
    body += _legend(layout)
    size = f'width="{layout.wide:.0f}" height="{layout.high:.0f}" viewBox="0 0 {layout.wide:.0f} {layout.high:.0f}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">\n'
        f'  <title id="title">{_escaped(of.project)}: pipelines and tunnels</title>\n'
        f"  <style>{_STYLE}  </style>\n  <defs>{_arrow('copy', _COPY)}{_arrow('move', _MOVE)}</defs>\n"
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _laid_out(of: Picture) -> _Layout:
    layout = _Layout(arches=_arches(of))
    stages = [stage for pipeline in of.pipelines for stage in pipeline.stages]
    widest = max((width(visible(stage.name)) for stage in stages), default=0) * _LETTER + 28
    room = min(_WIDE, max(_NARROW, widest))
    y = _MARGIN
    for pipeline in of.pipelines:
        levels = [
            layout.arches[index] + 1
            for index, link in enumerate(of.links)
            if index in layout.arches and link.source.startswith(f"{pipeline.id}.")
        ]
        top = y + _TITLE + _ARCH * max(levels, default=0) + (14 if levels else 0)
        for position, stage in enumerate(pipeline.stages):
            layout.boxes[stage.id] = _Box(_MARGIN + 16 + position * (room + _GAP), top, room, _HEIGHT)
        across = len(pipeline.stages) * (room + _GAP) - _GAP + 32
        layout.rows[pipeline.id] = _Box(_MARGIN, y, across, top + _HEIGHT + 18 - y)
        y = top + _HEIGHT + 18 + _BETWEEN
    widest_row = max((row.wide for row in layout.rows.values()), default=320.0)
    layout.rows = {id_: _Box(row.x, row.y, widest_row, row.high) for id_, row in layout.rows.items()}
    layout.wide = widest_row + 2 * _MARGIN
    layout.high = y - _BETWEEN + 28 + 40
    return layout


def _arches(of: Picture) -> dict[int, int]:
    """The level of each link within a row, by its index: short ones lowest, none through another of its level."""
    places = {stage.id: index for pipeline in of.pipelines for index, stage in enumerate(pipeline.stages)}
    inside: list[tuple[int, int, int, str]] = []
    for index, link in enumerate(of.links):
        row = link.source.partition(".")[0]
        if row == link.target.partition(".")[0]:
            start, end = sorted((places[link.source], places[link.target]))
            inside.append((index, start, end, row))
    used: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    levels: dict[int, int] = {}
    for index, start, end, row in sorted(inside, key=lambda arch: (arch[2] - arch[1], arch[0])):
        level = 0
        while any(start < other_end and other_start < end for other_start, other_end in used[row, level]):
            level += 1
        used[row, level].append((start, end))
        levels[index] = level
    return levels


def _curves(of: Picture, layout: _Layout) -> list[_Curve]:
    """A curve for each link. The ends at one side of a stage are spread along it so that few curves cross there."""
    sides: dict[tuple[str, str], list[tuple[bool, int, float, int, int]]] = defaultdict(list)
    for index, link in enumerate(of.links):
        boxes = layout.boxes[link.source], layout.boxes[link.target]
        names = ("top", "top") if index in layout.arches else _sides(*boxes)
        for end, (stage, side) in enumerate(zip((link.source, link.target), names, strict=True)):
            own, other = boxes[end], boxes[1 - end]
            rightwards = other.middle > own.middle
            nested = index in layout.arches
            order = (rightwards, rightwards == nested, -other.x if nested else other.x, index, end)
            sides[stage, side].append(order)
    ends: dict[tuple[int, int], Point] = {}
    for (stage, side), leading in sides.items():
        box = layout.boxes[stage]
        for place, (*_, index, end) in enumerate(sorted(leading), start=1):
            x = box.x + box.wide * place / (len(leading) + 1)
            ends[index, end] = (x, box.y if side == "top" else box.y + box.high)
    return [_curve(ends[index, 0], ends[index, 1], layout.arches.get(index)) for index in range(len(of.links))]


def _sides(source: _Box, target: _Box) -> tuple[str, str]:
    return ("bottom", "top") if source.y < target.y else ("top", "bottom")


def _curve(start: Point, end: Point, level: int | None) -> _Curve:
    if level is None:
        bend = (end[1] - start[1]) / 2
        return start, (start[0], start[1] + bend), (end[0], end[1] - bend), end
    rise = min(start[1], end[1]) - (_ARCH * (level + 1)) * 4 / 3
    return start, (start[0], rise), (end[0], rise), end


def _tunnel(link: Link, curve: _Curve) -> str:
    (x, y), *rest = curve
    path = f"M{x:.1f} {y:.1f} C" + " ".join(f"{a:.1f} {b:.1f}" for a, b in rest)
    kind = "copy" if link.copy else "move"
    mode = "" if link.tunnel.mode is Mode.LIVE else f" {link.tunnel.mode}"
    said = f"{link.tunnel.id}: {link.source} → {link.target} ({', '.join(link.details)})"
    return (
        f'  <path class="tunnel {kind}{mode}" d="{path}" marker-end="url(#{kind})">'
        f"<title>{_escaped(said)}</title></path>"
    )


def _labels(links: Sequence[Link], curves: Sequence[_Curve], layout: _Layout) -> list[str]:
    """A label for each link, where it covers least; a picture of very many links isn't searched for room."""
    shares = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82) if len(links) <= _SEARCHED else (0.5,)
    taken = list(layout.boxes.values())
    texts: list[str] = []
    for link, curve in zip(links, curves, strict=True):
        text = shortened(visible(link.label), 48)
        plates = [_plate(_point(curve, share), width(text) * _SMALL + 10, layout.wide) for share in shares]
        covered = [sum(plate.meets(other) for other in taken) if len(plates) > 1 else 0 for plate in plates]
        plate = plates[covered.index(min(covered))]
        taken.append(plate)
        mode = "" if link.tunnel.mode is Mode.LIVE else f" {link.tunnel.mode}"
        texts.append(
            f'  <rect class="plate" {_at(plate)} rx="7.5"/>'
            + _text(f"label{mode}", plate.middle, plate.y + 11, text).strip()
        )
    return texts


def _plate(middle: Point, wide: float, room: float) -> _Box:
    x = min(max(middle[0] - wide / 2, 4.0), room - wide - 4)
    return _Box(x, middle[1] - 7.5, wide, 15)


def _point(curve: _Curve, share: float) -> Point:
    """The point of a cubic Bézier curve at that share of its parameter; `fsum` gives every Python the same picture."""
    rest = 1 - share
    weights = (rest**3, 3 * rest * rest * share, 3 * rest * share * share, share**3)
    return (
        fsum(weight * point[0] for weight, point in zip(weights, curve, strict=True)),
        fsum(weight * point[1] for weight, point in zip(weights, curve, strict=True)),
    )


def _stage(stage: Stage, box: _Box) -> str:
    outcome = f" {stage.outcome}" if stage.outcome else ""
    name = shortened(visible(stage.name), int((box.wide - 20) / _LETTER))
    mark = {Outcome.WON: "✓ won", Outcome.LOST: "✕ lost", None: ""}[stage.outcome]
    own = "" if stage.short in {stage.name, str(stage.outcome)} else stage.short
    below = shortened(" · ".join(filter(None, (mark, own))), int((box.wide - 20) / _SMALL))
    texts = _text("name", box.middle, box.y + (24 if below else 32), name).strip()
    if below:
        texts += _text("id", box.middle, box.y + 41, below).strip()
    return f'  <g><title>{_escaped(stage.id)}</title><rect class="stage{outcome}" {_at(box)} rx="9"/>{texts}</g>'


def _legend(layout: _Layout) -> list[str]:
    x, y = _MARGIN + 16, layout.high - 28
    lines = []
    for kind, text in (("move", "moves the deal"), ("copy", "copies the deal")):
        lines.append(f'  <path class="tunnel {kind}" d="M{x:.1f} {y:.1f} h44" marker-end="url(#{kind})"/>')
        lines.append(_text("legend", x + 56, y + 4, text))
        x += 56 + len(text) * 7 + 28
    lines.append(_text("legend", x, y + 4, "pale: off or shadow"))
    return lines


def _arrow(name: str, color: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 1 L9 5 L0 9 z" fill="{color}"/></marker>'
    )


def _at(box: _Box) -> str:
    return f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.wide:.1f}" height="{box.high:.1f}"'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'  <text class="{kind}" x="{x:.1f}" y="{y:.1f}">{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    return escape(visible(text))
