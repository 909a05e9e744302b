"""What `diff` shows: cli.md's example in its three forms, and each note on what a plan does to the deals.

The flows of the example stand in `example/`; `FLOWRUN_UPDATE_GOLDEN=1` writes its golden files anew.
"""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowrun.config import load_texts
from flowrun.engine.deploy import Difference, Proposal
from flowrun.flow.model import Flow, Places
from flowrun.plan import Effect, Figure, Impact, Loses, Loss, Rail, Refusal, changes, refusals
from flowrun.render.ink import plain
from flowrun.render.json import document
from flowrun.render.proposal import proposal_content, proposal_markdown, proposal_text
from flowrun.store.revisions import Author, Revision

EXAMPLE = Path(__file__).parent / "example"
HOUR = 3_600_000


def flow(text: str, environment: str | None = None, **variables: str) -> tuple[Flow, Places]:
    """The flow of one file, and where its things stand."""
    loaded = load_texts({"flows/sales.yaml": text.encode()}, environment=environment, variables=variables)
    assert loaded.flow is not None, loaded.findings
    return loaded.flow, loaded.places


def proposal(
    before: str, after: str, impact: Impact, refused: tuple[Refusal, ...] = (), environment: str | None = None
) -> Proposal:
    """Those files beside a store with those at revision 41, and what that does to the deals."""
    old, old_places = flow(before)
    new, places = flow(after, environment)
    base = Revision(41, old, old_places, "", 0, Author(commit="3f2a9c1"))
    found = Difference(base, changes(old, new), impact, refused)
    return Proposal(new, places, "flows", "sqlite:///flowrun.db", Author(commit="9b07e55", dirty=False), found)


def effect(later: tuple[int, int] | None = None, **counts: int) -> Effect:
    """An effect with those figures, the others zero."""
    return Effect(dict.fromkeys(Figure, 0) | {Figure(name): count for name, count in counts.items()}, later)


IMPACT = Impact(
    tunnels={
        "won-to-onboarding": effect(waiting=9, retimed=9, later=(22 * HOUR, 22 * HOUR)),
        "revive": effect(now=214),
    },
    stages={"sales.invoice": 37, "sales.parked": 12},
    relocated=12,
    touched=12,
    total=300,
)


def example(impact: Impact = IMPACT) -> Proposal:
    """cli.md's example of a diff, where `--allow remove-stage=12` lifts its only refusal."""
    texts = [(EXAMPLE / side / "flows" / "sales.yaml").read_text("utf-8") for side in ("base", "wanted")]
    found = proposal(texts[0], texts[1], impact)
    base = found.difference.base
    assert base is not None
    assert refusals(base.flow, found.flow, impact, None, {Rail.REMOVE_STAGE: 12}) == ()
    return found


@pytest.mark.parametrize("name", ["diff.txt", "diff.json", "diff.md"])
def test_the_example(name: str) -> None:
    found = example()
    shown = {
        "diff.txt": lambda: plain(proposal_text(found)),
        "diff.json": lambda: document(proposal_content(found)),
        "diff.md": lambda: proposal_markdown(found),
    }[name]()
    if os.environ.get("FLOWRUN_UPDATE_GOLDEN"):
        (EXAMPLE / name).write_text(shown, "utf-8")
    assert shown == (EXAMPLE / name).read_text("utf-8")


def test_the_example_begins_each_line_as_documented() -> None:
    documented = [
        "flows/ → sqlite:///flowrun.db   revision 41 (3f2a9c1) → files at 9b07e55",
        "~ stage sales.invoice → sales.prepayment      renamed; 37 deals keep their place and history",
        "- stage sales.parked                          12 deals go to sales.new",
        "~ tunnel won-to-onboarding   flows/sales.yaml:26",
        "    after: 2h → 1d                            9 waiting deals: later by 22 h",
        "    when:  + and deal.currency == 'EUR'",
        "+ tunnel revive   (shadow)                    214 deals would qualify now",
        (
            "Plan: 1 to add, 1 to change, 1 to rename, 1 to remove. "
            "Deals: 12 relocated, 0 moved, 0 copied at once, 9 retimed."
        ),
    ]
    lines = plain(proposal_text(example())).splitlines()
    found = [next((line for line in lines if line.startswith(begin)), None) for begin in documented]
    assert None not in found
    assert [line for line in lines if line not in found] == [
        "    flows/sales.yaml:14",
        "    copy sales.lost → sales.new   flows/sales.yaml:32",
    ]


FLOW = """
flowrun: 1
project: acme
vars: {big: {type: integer, default: 1}}
fields: {seats: integer, kind: {type: enum, values: [a, b]}, size: decimal, age: integer, gone: text, was: text}
pipelines:
  sales: {stages: [new, docs, old, {id: won, outcome: won}]}
  care: {stages: [start, {id: end, outcome: won}]}
tunnels:
  go: {from: sales.new, to: sales.docs, action: move, after: 2d}
  take: {from: sales.won, to: care.start, action: copy, when: deal.seats > 1}
  rest: {from: care.start, to: care.end, action: move, when: deal.seats > 5}
"""


def shown(after: list[tuple[str, str]], impact: Impact, **more: Any) -> list[str]:
    """The lines between title and summary after those replacements in the flow."""
    text = FLOW
    for old, new in after:
        assert old in text or not old
        text = text.replace(old, new) if old else text + new
    found = proposal(FLOW, text, impact)
    lines = plain(proposal_text(found, **more)).splitlines()
    return lines[1 : next(at for at, line in enumerate(lines) if line.startswith("Plan:"))]


def test_each_figure_has_its_words() -> None:
    impact = Impact(
        {"go": effect(now=30, already_due=3, waiting=42, newly_waiting=38, retimed=2, cancelled=1, skipped=212)}
    )
    assert shown([("after: 2d", "after: 1d")], impact) == [
        "~ tunnel go   flows/sales.yaml:10             30 deals moved at once, 3 of them already due",
        "                                              38 deals to wait, due later",
        "                                              212 that stand there already are left out",
        "    after: 2d → 1d                            2 waiting deals: due at another time",
        "                                              1 no longer waits",
    ]
    assert shown([("copy, when: deal.seats > 1", "copy, when: deal.seats > 2")], Impact({"take": effect(now=1)})) == [
        "~ tunnel take   flows/sales.yaml:11           1 deal copied at once",
        "    when: deal.seats > 1 → deal.seats > 2",
    ]
    everyone = Impact({"take": effect(now=2, already_due=2, cancelled=4)})
    assert shown([("copy, when: deal.seats > 1", "copy, mode: shadow")], everyone) == [
        "~ tunnel take   flows/sales.yaml:11           2 deals would qualify now, all already due",
        "    when: - deal.seats > 1                    4 no longer wait",
        "    mode: live → shadow",
    ]


def test_a_tunnel_that_goes_lets_its_deals_go() -> None:
    gone = [("  rest: {from: care.start, to: care.end, action: move, when: deal.seats > 5}\n", "")]
    assert shown(gone, Impact({"rest": effect(cancelled=3)})) == [
        "- tunnel rest                                 3 no longer wait",
        "    move care.start → care.end   was flows/sales.yaml:12",
    ]


def test_tunnels_that_stay_as_they_were_tell_what_they_do_to_the_deals_that_come_along() -> None:
    impact = Impact({"go": effect(), "take": effect(now=7), "rest": effect(now=5)})
    assert shown([("copy, when: deal.seats > 1", "copy")], impact) == [
        "~ tunnel take   flows/sales.yaml:11           7 deals copied at once",
        "    when: - deal.seats > 1",
        "  tunnel rest   as it was                     5 deals moved at once",
    ]


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ((22 * HOUR, 22 * HOUR), "later by 22 h"),
        ((-26 * HOUR, -26 * HOUR), "earlier by 1 d 2 h"),
        ((HOUR // 2, 48 * HOUR), "later by 30 min to 2 d"),
        ((-48 * HOUR, -1500), "earlier by 1 s 500 ms to 2 d"),
        ((-HOUR, 2 * HOUR), "from 1 h earlier to 2 h later"),
        ((0, 1000), "later by 0 s to 1 s"),
        ((90 * 24 * HOUR + 1, 90 * 24 * HOUR + 1), "later by 90 d"),
    ],
)
def test_how_much_later(later: tuple[int, int], words: str) -> None:
    lines = shown([("after: 2d", "after: 3d")], Impact({"go": effect(waiting=9, retimed=9, later=later)}))
    assert lines[1] == f"    after: 2d → 3d                            9 waiting deals: {words}"


def test_stages_and_pipelines_say_what_becomes_of_their_deals() -> None:
    renamed = "moved: [{from: care, to: service}, {from: sales.old, to: sales.docs}]\n"
    texts = [("care:", "service:"), ("care.", "service."), ("docs, old,", "docs,"), ("", renamed)]
    impact = Impact(stages={"care.start": 2, "care.end": 1, "sales.old": 1, "sales.docs": 50})
    assert shown(texts, impact) == [
        "~ pipeline care → service                     renamed; 3 deals keep their place and history",
        "    flows/sales.yaml:8",
        "~ stage sales.old → sales.docs                merged; 1 deal keeps its history   flows/sales.yaml:7",
    ]
    removed = [("docs, old,", "docs,"), ("", "removed: [{stage: sales.old, deals: {to: sales.new}}]\n")]
    assert shown(removed, Impact(stages={"sales.old": 1})) == [
        "- stage sales.old                             1 deal goes to sales.new   was flows/sales.yaml:7",
    ]
    assert shown(removed[:1], Impact(stages={"sales.old": 2})) == [
        "- stage sales.old                             2 deals stand here   was flows/sales.yaml:7",
    ]
    assert shown(removed[:1], Impact()) == ["- stage sales.old   was flows/sales.yaml:7"]


def test_two_that_become_one_each_say_it() -> None:
    texts = [("new, docs, old,", "all,"), ("sales.new", "sales.all"), ("sales.docs", "sales.won")]
    moved = "moved: [{from: sales.new, to: sales.all}, {from: sales.old, to: sales.all}]\n"
    gone = "removed: [{stage: sales.docs, deals: {to: sales.all}}]\n"
    impact = Impact(stages={"sales.new": 2, "sales.old": 1, "sales.docs": 4})
    assert shown([*texts, ("", moved + gone)], impact)[:3] == [
        "~ stage sales.new → sales.all                 merged; 2 deals keep their history",
        "    flows/sales.yaml:7",
        "~ stage sales.old → sales.all                 merged; 1 deal keeps its history   flows/sales.yaml:7",
    ]


def test_what_would_be_merged_but_cannot_be_says_so() -> None:
    texts = [
        (", was: text", ""),
        ("  rest: {from: care.start, to: care.end, action: move, when: deal.seats > 5}\n", ""),
        ("", "moved: [{from: fields.was, to: fields.gone}, {from: tunnels.rest, to: tunnels.go}]\n"),
    ]
    assert [line for line in shown(texts, Impact()) if "merged" in line] == [
        "- field was                                   can't be merged into gone: fields are renamed one to one",
        "- tunnel rest                                 can't be merged into go: tunnels are renamed one to one",
    ]
    renamed = [(", gone: text, was: text", ", is: text"), ("", "moved: [{from: fields.was, to: fields.is}]\n")]
    assert [line for line in shown(renamed, Impact()) if "merged" in line] == []


def test_fields_say_what_deals_lose() -> None:
    texts = [
        (", gone: text, was: text", ", is: text"),
        ("values: [a, b]", "values: [a]"),
        ("size: decimal", "size: {type: decimal, places: 0}"),
        ("age: integer", "age: date, back: text, one: text, theirs: text"),
        ("", "moved: [{from: fields.was, to: fields.is}]\n"),
    ]
    losses = (
        Loss(Loses.FIELD, "gone", 12, 12),
        Loss(Loses.VALUE, "kind", 1, 1, "b"),
        Loss(Loses.PLACES, "size", 3, 0, "2 → 0"),
        Loss(Loses.TYPE, "age", 5, 2, "integer → date"),
        Loss(Loses.FOREIGN, "Theirs", 1, 1),
    )
    assert shown(texts, Impact(losses=losses, returning={"back": 1234, "one": 1})) == [
        "~ field was → is                              renamed; its values stay   flows/sales.yaml:5",
        "- field gone                                  12 deals hold a value; the column stays, unseen",
        "    text   was flows/sales.yaml:5",
        "~ field kind   flows/sales.yaml:5",
        "    values: - b                               1 deal holds 'b'",
        "~ field size   flows/sales.yaml:5",
        "    places: 2 → 0                             the value of 3 deals is rounded",
        "~ field age   flows/sales.yaml:5",
        "    type: integer → date                      5 deals hold a value: 3 keep it, 2 lose it",
        "+ field back                                  1,234 deals get their values back",
        "    text   flows/sales.yaml:5",
        "+ field one                                   1 deal gets its value back",
        "    text   flows/sales.yaml:5",
        "+ field theirs                                another program's column, in which 1 deal holds a value",
        "    text   flows/sales.yaml:5",
    ]


def test_samples_and_sums_stand_below_where_they_are_asked_for() -> None:
    named = replace(
        effect(now=30, already_due=2),
        samples={Figure.NOW: ("D-1", "D\x1b2", "D" * 60), Figure.ALREADY_DUE: ("D-1", "D-9")},
        sums={Figure.NOW: Decimal("12345.00"), Figure.ALREADY_DUE: 2000},
    )
    change = [("after: 2d", "after: 1d")]
    impact = Impact({"go": named}, summed="amount")
    assert shown(change, impact, samples=True)[1:] == [
        "    after: 2d → 1d",
        f"    at once: D-1, D\\x1b2, {'D' * 39}…, … (30 in all)   sum of amount: 12,345.00",
        "    already due: D-1, D-9   sum of amount: 2,000",
    ]
    assert shown(change, impact)[2] == "    at once: sum of amount: 12,345.00"
    content: Any = proposal_content(proposal(FLOW, FLOW.replace("2d", "1d"), impact))
    assert content["impact"]["tunnels"]["go"]["samples"]["already_due"] == ["D-1", "D-9"]
    assert content["impact"]["tunnels"]["go"]["sums"] == {"now": "12345.00", "already_due": "2000"}


def test_the_summary_counts_more_only_where_there_is_more() -> None:
    impact = Impact({"go": effect(waiting=1300, newly_waiting=1200, cancelled=2)}, relocated=1, moved=2000, copied=3)
    text = plain(proposal_text(proposal(FLOW, FLOW.replace("2d", "1d"), impact)))
    assert text.splitlines()[-1] == (
        "Plan: 1 to change. Deals: 1 relocated, 2,000 moved, 3 copied at once, 0 retimed, 1,200 to wait, "
        "2 no longer waiting."
    )


def test_an_empty_store_has_no_deals_to_tell_of() -> None:
    found = example()
    first = replace(found, difference=Difference(None, changes(None, found.flow), Impact()))
    lines = plain(proposal_text(first)).splitlines()
    assert lines[0].endswith("no revision yet → files at 9b07e55")
    assert lines[-1] == "Plan: 15 to add."


def test_refusals_stand_at_the_end_with_what_lifts_them() -> None:
    refused = (Refusal(Rail.REMOVE_STAGE, "removing stages moves 12 deals", "if that is meant: --allow x=12", "x=12"),)
    found = proposal(FLOW, FLOW.replace("2d", "1d"), Impact(), refused)
    assert plain(proposal_text(found)).endswith(
        "refused: removing stages moves 12 deals (remove-stage)\nhelp: if that is meant: --allow x=12\n"
    )
    content: Any = proposal_content(found)
    assert content["refusals"] == [
        {"rail": "remove-stage", "message": "removing stages moves 12 deals", "allow": "x=12"}
    ]
