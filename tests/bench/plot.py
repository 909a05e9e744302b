"""The plot of the benchmark, as SVG written by hand: how far each figure is from what was to be reached.

Some ratios are to be large and some small. So that one look tells, each bar is drawn as a multiple of its own target:
up to the line and beyond is reached, short of it is missed. Its colours follow the reader's light or dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.bench.results import Result

_ROW = 34
_LEFT, _WIDTH, _RIGHT = 400, 330, 150
_TOP = 58
_MOST = 2.0
"""Beyond so many times its target a bar ends in an arrow."""

_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 11px; fill: #59636e; }
  .reached { fill: #2a78d6; } .missed { fill: #c2410c; }
  .line { stroke: #1f2328; stroke-width: 1.5; stroke-dasharray: 4 3; } .grid { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; } .small { fill: #9198a1; }
    .reached { fill: #58a6ff; } .missed { fill: #fb923c; }
    .line { stroke: #f0f6fc; } .grid { stroke: #3d444d; }
  }
"""


def plot(results: Sequence[Result]) -> str:
    """An SVG of results that each had something to reach."""
    height = _TOP + _ROW * len(results) + 34
    width = _LEFT + _WIDTH + _RIGHT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'aria-labelledby="title description">'
        ),
        '<title id="title">Ratios beside what was to be reached</title>',
        f'<desc id="description">{escape("; ".join(_told(one) for one in results))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<text x="{_LEFT}" y="20">how much of what was to be reached</text>',
    ]
    for times in (0.0, 0.5, 1.0, 1.5, 2.0):
        x = _LEFT + _WIDTH * times / _MOST
        kind = "line" if times == 1 else "grid"
        parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{height - 30}"/>')
        told = "target" if times == 1 else f"{times:g} ×"
        parts.append(f'<text class="small" x="{x}" y="{_TOP - 14}" text-anchor="middle">{told}</text>')
    for number, one in enumerate(results):
        parts += _bar(one, _TOP + _ROW * number)
    legend = height - 12
    parts += [
        f'<rect class="reached" x="{_LEFT}" y="{legend - 9}" width="10" height="10" rx="2"/>',
        f'<text class="small" x="{_LEFT + 16}" y="{legend}">reached</text>',
        f'<rect class="missed" x="{_LEFT + 90}" y="{legend - 9}" width="10" height="10" rx="2"/>',
        f'<text class="small" x="{_LEFT + 106}" y="{legend}">missed</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def share(result: Result) -> float:
    """How many times its target the result is; 1 and more: reached."""
    target = float(result.reach[1:].split()[0])
    if result.reach[0] == "≥":
        return result.ratio / target
    return target / result.ratio if result.ratio else _MOST


def _bar(one: Result, top: int) -> list[str]:
    times = share(one)
    length = round(_WIDTH * min(times, _MOST) / _MOST, 1)
    kind = "reached" if one.reached else "missed"
    beyond = " →" if times > _MOST else ""
    where = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(one.database, one.database)
    details = ", ".join(part for part in (where, one.size) if part)
    return [
        f'<text x="8" y="{top + 12}">{escape(f"{one.workload} {_short(one.what)}")}</text>',
        f'<text class="small" x="8" y="{top + 26}">{escape(details)}</text>',
        f'<rect class="{kind}" x="{_LEFT}" y="{top + 3}" width="{length}" height="18" rx="2"/>',
        (
            f'<text x="{_LEFT + _WIDTH + 12}" y="{top + 17}">{one.ratio:.2f}{beyond} '
            f'<tspan class="small">({escape(one.reach)})</tspan></text>'
        ),
    ]


def _short(what: str) -> str:
    plain = what.replace("`", "")
    return plain if len(plain) <= 54 else plain[:53].rstrip(" ,") + "…"


def _told(one: Result) -> str:
    return f"{one.workload} {one.database} {one.size} {one.what}: {one.ratio:.2f}, to reach {one.reach}"
