"""How fast the studio's page is with a big project: 40 pipelines of 10 stages, 600 tunnels, in Chromium.

    python tests/bench/studio.py [--pipelines N] [--stages N] [--tunnels N]

Milliseconds, the median of some tries: from asking for the page to its first picture; to a new picture after an edit of
the files, that is from the request until it is drawn, and how much of that the drawing took; and a frame while the
picture is panned and zoomed. The project is made in a temporary folder, the same each time.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import Page

from tests.acceptance.place import Place
from tests.bench.results import Result, add_option, record
from tests.browser.chromium import WANTED, chromium, program
from tests.browser.studio import seen, studio

TIMES = 7

FIRST = """() => performance.getEntriesByName("picture")[0]?.duration !== undefined
  && [performance.getEntriesByName("picture")[0].startTime + performance.getEntriesByName("picture")[0].duration]"""

EDIT = """async (name) => {
  const project = await (await fetch("api/project")).json();
  performance.clearMeasures();
  const begin = performance.now();
  await fetch("api/edit", {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(
    {etag: project.etag, edit: {kind: "stage.set", stage: "p0.s0", key: "name", value: name}})});
  while (!performance.getEntriesByName("picture").length) await new Promise((next) => setTimeout(next, 1));
  const drawn = performance.getEntriesByName("picture")[0];
  return [drawn.startTime + drawn.duration - begin, drawn.duration];
}"""

FRAMES = """async (zoom) => {
  const svg = document.getElementById("picture");
  const times = [];
  let last = null;
  for (let i = 0; i < 60; i += 1) {
    const deltaY = zoom ? (i < 30 ? 12 : -12) : 90;
    svg.dispatchEvent(new WheelEvent("wheel", {deltaY, ctrlKey: zoom, clientX: 600, clientY: 400, cancelable: true}));
    const now = await new Promise(requestAnimationFrame);
    if (last !== null) times.push(now - last);
    last = now;
  }
  return times;
}"""


def project(pipelines: int, stages: int, tunnels: int) -> str:
    """The files, in one text."""
    lot = random.Random(7)
    lines = [
        "flowrun: 1",
        "project: big",
        "fields: {amount: decimal, source: {type: enum, values: [web, ads]}}",
        "pipelines:",
    ]
    for p in range(pipelines):
        lines += [f"  p{p}:", f"    name: Pipeline {p}", "    stages:"]
        lines += [f"      - {{id: s{s}, name: Stage {s}}}" for s in range(stages - 1)]
        lines += [f"      - {{id: s{stages - 1}, outcome: won}}"]
    lines += ["tunnels:"]
    for number in range(tunnels):
        here = lot.randrange(pipelines)
        there = here if lot.random() < 0.4 else max(0, min(pipelines - 1, here + lot.choice([-10, -2, -1, 1, 2, 3])))
        sources = lot.sample(range(stages - 1), lot.choice([1, 1, 1, 2, 3]))
        target = lot.choice([s for s in range(stages) if here != there or s not in sources])
        lines += [
            f"  t{number}:",
            f"    from: [{', '.join(f'p{here}.s{s}' for s in sources)}]",
            f"    to: p{there}.s{target}",
            f"    action: {lot.choice(['move', 'copy'])}",
            f"    when: deal.amount > {number} and deal.source == 'web'",
            f"    after: {number % 9 + 1}d",
        ]
    return "\n".join(lines) + "\n"


def measured(page: Page) -> Iterator[tuple[str, list[float]]]:
    """Everything but the first picture, on an open page: what was measured, and the milliseconds of each try."""
    edits: list[Any] = [page.evaluate(EDIT, f"Stage {i} again") for i in range(TIMES)]
    yield "a new picture after an edit of the files", [one[0] for one in edits]
    yield "the drawing alone", [one[1] for one in edits]
    yield "a frame while it is panned", page.evaluate(FRAMES, False)
    yield "a frame while it is zoomed", page.evaluate(FRAMES, True)
    page.locator("#fit").click()
    yield "a frame while it is panned, with all of it in sight", page.evaluate(FRAMES, False)


def main() -> None:
    """Makes the project, opens it, prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=40)
    parser.add_argument("--stages", type=int, default=10)
    parser.add_argument("--tunnels", type=int, default=600)
    add_option(parser)
    options = parser.parse_args()
    found = program()
    if found is None:
        raise SystemExit(WANTED)
    with tempfile.TemporaryDirectory() as home, chromium(found) as browser:
        place = Place(Path(home))
        place.write("flows/big.yaml", project(options.pipelines, options.stages, options.tunnels))
        size = f"{options.pipelines} × {options.stages} stages, {options.tunnels} tunnels"
        with studio(place) as served:
            firsts: list[float] = []
            for _ in range(TIMES):
                with seen(browser, served) as page:
                    firsts.append(page.page.wait_for_function(FIRST).json_value()[0])
            with seen(browser, served) as page:
                for what, tries in (("the first picture", firsts), *measured(page.page)):
                    middle, worst = statistics.median(tries), f"at most {max(tries):.0f} ms"
                    record(options.results, Result("Studio", what, "", size, middle, 0, "ms", 0, "", note=worst))


if __name__ == "__main__":
    main()
