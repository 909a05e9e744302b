"""A difference as a comment: what is in it, that no data gets out of its place, and that it never grows too long."""

from __future__ import annotations

import re

from flowrun.plan import Comparison, Impact, Rail, Refusal, Side, changes
from flowrun.render.changed import MAX_LINKS, changed
from flowrun.render.ink import line
from flowrun.render.proposal import proposal_markdown, proposal_text
from flowrun.render.review import MAX_CHARACTERS, review
from tests.unit.render.test_proposal import EXAMPLE, FLOW, effect, example, flow, proposal

HEAD = "flowrun: 1\npipelines:\n  a: {stages: [new, {id: won, outcome: won}]}\n"


def compared(before: str, after: str) -> Comparison:
    old, new = flow(before)[0], flow(after)[0]
    return Comparison(Side(old, ref="main"), Side(new), changes(old, new))


def test_the_same_input_gives_the_same_text() -> None:
    assert proposal_markdown(example()) == proposal_markdown(example()) == (EXAMPLE / "diff.md").read_text("utf-8")


def test_refusals_stand_before_the_fold() -> None:
    refused = (
        Refusal(Rail.LEAVE_WON, "3 deals leave a won stage ```", "if meant: --allow leave-won=3", "leave-won=3"),
    )
    text = proposal_markdown(proposal(FLOW, FLOW.replace("2d", "1d"), Impact(), refused))
    before, _, folded = text.partition("<details>")
    assert (
        "````text\nrefused: 3 deals leave a won stage ``` (leave-won)\nhelp: if meant: --allow leave-won=3\n````"
        in before
    )
    assert "refused" not in folded


def test_data_stays_where_it_is() -> None:
    nasty = "``````` <script> </details> @everyone #1 ![x](http://evil)"
    text = review(f"`{nasty}", "Plan: 1 to add.", compared(HEAD, HEAD), [line(f"+ tunnel {nasty}")], [line(nasty)])
    heading = text.splitlines()[0]
    ticks = "`" * 9
    assert heading == f"### {ticks} `{nasty} {ticks}"
    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    outside = outside.removeprefix(heading)
    assert "evil" not in outside
    assert "everyone" not in outside
    assert "<script>" not in outside
    assert outside.count("<details>") == outside.count("</details>") == 1


def test_it_never_goes_beyond_what_a_comment_takes() -> None:
    body = [line(f"+ tunnel t{number} {'x' * 70}") for number in range(5_000)]
    refused = [line(f"refused: {number} {'y' * 90}") for number in range(1_000)]
    text = review("t" * 9_000, "Plan: 5,000 to add.", compared(HEAD, HEAD), body, refused)
    assert 60_000 < len(text) <= MAX_CHARACTERS
    assert re.search(r"^… [\d,]+ more lines: `flowrun diff` shows all of the difference$", text, re.MULTILINE)
    assert re.search(r"^… [\d,]+ more lines: `flowrun diff` shows all of the list$", text, re.MULTILINE)
    kept = text.count("+ tunnel t")
    assert f"… {5_000 - kept:,} more lines" in text
    one = review("t", "s", compared(HEAD, HEAD), [line("z" * 70_000)], [])
    assert len(one) < 1_000
    assert "… 1 more line: " in one


def test_the_picture_shows_what_is_new_changed_and_removed() -> None:
    before = HEAD + "tunnels: {t: {from: a.new, to: a.won, action: move}}\n"
    after = (
        HEAD + "  b: {stages: [in, {id: out, outcome: lost}]}\ntunnels: {u: {from: b.in, to: b.out, action: copy}}\n"
    )
    assert changed(compared(before, after)).chart == (
        "flowchart LR\n"
        '  subgraph n_a ["a"]\n'
        "    direction LR\n"
        '    n_a_snew["new"]\n'
        '    n_a_swon(["won (won)"])\n'
        "    n_a_snew ~~~ n_a_swon\n"
        "  end\n"
        '  subgraph n_b ["b"]\n'
        "    direction LR\n"
        '    n_b_sin["in (new)"]\n'
        '    n_b_sout[["out (new) (lost)"]]\n'
        "    n_b_sin ~~~ n_b_sout\n"
        "  end\n"
        '  n_b_sin -.->|"new: u · copy"| n_b_sout\n'
        '  n_a_snew -->|"removed: t · move"| n_a_swon\n'
        "  linkStyle 2 stroke:#1a7f37\n"
        "  classDef new stroke:#1a7f37,stroke-width:2px\n"
        "  class n_b_sin,n_b_sout new\n"
        "  linkStyle 3 stroke:#cf222e\n"
    )


def test_a_tunnel_that_leaves_another_stage_shows_both_ways() -> None:
    stages = HEAD.replace("new,", "new, mid,")
    move = "tunnels: {t: {from: a.%s, to: a.won, action: move}}\n"
    chart = changed(compared(stages + move % "new", stages + move % "mid")).chart
    assert '  n_a_smid -->|"changed: t · move"| n_a_swon\n' in chart
    assert '  n_a_snew -->|"removed: t · move"| n_a_swon\n' in chart


def test_the_picture_has_its_bounds() -> None:
    tunnels = "".join(f"  t{number}: {{from: a.new, to: a.won, action: copy, mode: off}}\n" for number in range(200))
    drawn = changed(compared(HEAD, f"{HEAD}tunnels:\n{tunnels}"))
    assert drawn.chart.count("copy") == MAX_LINKS
    assert drawn.left_out == 200 - MAX_LINKS
    found = proposal_markdown(proposal(HEAD, f"{HEAD}tunnels:\n{tunnels}", Impact()))
    assert "The picture leaves out 140 more arrows." in found
    names = HEAD.replace("new,", "{id: new, name: '" + "n" * 60 + "'},")
    assert changed(compared(names, names)).chart == ""


def test_text_and_comment_say_the_same() -> None:
    found = proposal(FLOW, FLOW.replace("2d", "1d"), Impact({"go": effect(now=3)}))
    assert all("".join(run.text for run in part) in proposal_markdown(found) for part in proposal_text(found)[1:])
