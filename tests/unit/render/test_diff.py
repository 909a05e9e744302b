"""A plan as people and programs see it."""

from __future__ import annotations

import json

import pytest

from flowrun.flow.model import Flow, Place, Places
from flowrun.plan import Change, ChangeAction, ChangeKind, Comparison, KeyChange, Plan, Side
from flowrun.render.diff import Notes, Spot, diff_content, diff_text, summary_text
from flowrun.render.ink import Ink, plain
from flowrun.render.json import document
from flowrun.render.marked import marked

_TUNNEL = Change(
    ChangeAction.CHANGE,
    ChangeKind.TUNNEL,
    "won-to-onboarding",
    (
        KeyChange("after", "2h", "1d"),
        KeyChange("when", "deal.amount >= 1", "deal.amount >= 1 and deal.currency == 'EUR'"),
    ),
)
_PLAN = Plan(
    (
        Change(ChangeAction.RENAME, ChangeKind.STAGE, "sales.prepayment", (), "sales.invoice"),
        Change(ChangeAction.REMOVE, ChangeKind.STAGE, "sales.parked"),
        _TUNNEL,
        Change(
            ChangeAction.ADD,
            ChangeKind.TUNNEL,
            "revive",
            (
                KeyChange("from", None, "sales.lost"),
                KeyChange("to", None, "sales.new"),
                KeyChange("action", None, "copy"),
                KeyChange("mode", None, "shadow"),
            ),
        ),
    )
)
_PLACES = {
    "sales.prepayment": Place("flows/sales.yaml", 9, 7),
    "tunnels.won-to-onboarding": Place("flows/sales.yaml", 26, 3),
    "tunnels.revive": Place("flows/sales.yaml", 60, 3),
}


def _compared(plan: Plan, after: Places | None = None, before: Places | None = None, env: str = "prod") -> Comparison:
    flow = Flow("acme", environment=env)
    return Comparison(Side(flow, before or {}, 41), Side(flow, after or {}), plan)


def test_the_text_is_laid_out_like_the_example() -> None:
    notes: dict[Spot, list[str]] = {
        (ChangeKind.STAGE, "sales.invoice → sales.prepayment", None): [
            "renamed; 37 deals keep their place and history"
        ],
        (ChangeKind.STAGE, "sales.parked", None): ["12 deals go to sales.new"],
        (ChangeKind.TUNNEL, "won-to-onboarding", "after"): ["9 waiting deals: later by 22 h", "3 no longer wait"],
        (ChangeKind.TUNNEL, "revive", None): ["214 deals would qualify now"],
        (ChangeKind.TUNNEL, "chain", None): ["12 deals moved at once"],
    }
    below: dict[Spot, list[str]] = {(ChangeKind.TUNNEL, "won-to-onboarding", None): ["retimed: D-1, D-2"]}
    compared = _compared(_PLAN, _PLACES, {"sales.parked": Place("flows/sales.yaml", 12, 7)})
    assert plain(diff_text(compared, Notes(notes, below, ["chain"]))) == (
        "~ stage sales.invoice → sales.prepayment      renamed; 37 deals keep their place and history\n"
        "    flows/sales.yaml:9\n"
        "- stage sales.parked                          12 deals go to sales.new   was flows/sales.yaml:12\n"
        "~ tunnel won-to-onboarding   flows/sales.yaml:26\n"
        "    after: 2h → 1d                            9 waiting deals: later by 22 h\n"
        "                                              3 no longer wait\n"
        "    when:  + and deal.currency == 'EUR'\n"
        "    retimed: D-1, D-2\n"
        "+ tunnel revive   (shadow)                    214 deals would qualify now\n"
        "    copy sales.lost → sales.new   flows/sales.yaml:60\n"
        "  tunnel chain   as it was                    12 deals moved at once\n"
    )
    assert summary_text(_PLAN) == "Plan: 1 to add, 1 to change, 1 to rename, 1 to remove."
    assert summary_text(Plan()) == "Plan: nothing to change."


def test_a_change_that_moves_nobody_takes_one_line() -> None:
    assert plain(diff_text(_compared(_PLAN, _PLACES))) == (
        "~ stage sales.invoice → sales.prepayment   flows/sales.yaml:9\n"
        "- stage sales.parked\n"
        "~ tunnel won-to-onboarding   flows/sales.yaml:26\n"
        "    after: 2h → 1d\n"
        "    when:  + and deal.currency == 'EUR'\n"
        "+ tunnel revive   copy sales.lost → sales.new (shadow)   flows/sales.yaml:60\n"
    )


def test_a_place_that_does_not_fit_goes_below() -> None:
    change = Change(ChangeAction.ADD, ChangeKind.SETTING, "project", (KeyChange("value", None, "p" * 70),))
    places = {"settings/project": Place("flows/a/long/way.yaml", 2, 1)}
    assert plain(diff_text(_compared(Plan((change,)), places))) == (
        f"+ setting project\n    {'p' * 70}   flows/a/long/way.yaml:2\n"
    )


def test_a_value_from_outside_says_so() -> None:
    changed, added = ChangeAction.CHANGE, ChangeAction.ADD
    plan = Plan(
        (
            Change(changed, ChangeKind.VAR, "big", (KeyChange("value", "1", "5"),)),
            Change(added, ChangeKind.VAR, "small", (KeyChange("value", None, "2"),)),
            Change(changed, ChangeKind.SETTING, "limits", (KeyChange("max_hops", "10", "5"),)),
            Change(changed, ChangeKind.TUNNEL, "revive", (KeyChange("mode", "live", "off"),)),
        )
    )
    places = {
        **_PLACES,
        "vars.big": Place("flows/sales.yaml", 3, 3),
        "from/vars.big.value": Place("--var", 1, 1),
        "from/vars.small.value": Place("flows/sales.yaml", 71, 5),
        "from/settings/limits.max_hops": Place("flows/sales.yaml", 72, 5),
        "from/tunnels.revive.mode": Place("flows/sales.yaml", 73, 5),
    }
    compared = _compared(plan, places)
    assert plain(diff_text(compared)) == (
        "~ var big   1 → 5   by --var   flows/sales.yaml:3\n"
        "+ var small   2   by environment prod, flows/sales.yaml:71\n"
        "~ setting limits\n"
        "    max_hops: 10 → 5   by environment prod, flows/sales.yaml:72\n"
        "~ tunnel revive   flows/sales.yaml:60\n"
        "    mode: live → off   by environment prod, flows/sales.yaml:73\n"
    )
    shown = json.loads(document(diff_content(compared)))
    assert [change["keys"][0]["source"] for change in shown["changes"]] == [
        {"option": "--var"},
        *({"environment": "prod", "file": "flows/sales.yaml", "line": line} for line in (71, 72, 73)),
    ]


def test_the_stages_of_a_new_pipeline_stand_beside_it() -> None:
    added = ChangeAction.ADD
    plan = Plan(
        (
            Change(
                added, ChangeKind.SETTING, "limits", (KeyChange("max_hops", None, "5"), KeyChange("per", None, "1h"))
            ),
            Change(added, ChangeKind.FIELD, "amount", (KeyChange("type", None, "decimal"),)),
            Change(added, ChangeKind.PIPELINE, "care"),
            Change(added, ChangeKind.STAGE, "sales.paid", (KeyChange("outcome", None, "won"),)),
            Change(added, ChangeKind.STAGE, "care.start"),
            Change(added, ChangeKind.STAGE, "care.done", (KeyChange("outcome", None, "won"),)),
        )
    )
    assert plain(diff_text(_compared(plan))) == (
        "+ setting limits   max_hops 5, per 1h\n"
        "+ field amount   decimal\n"
        "+ pipeline care   start, done\n"
        "+ stage sales.paid   won\n"
    )


def test_a_single_value_stands_on_the_line_of_its_thing() -> None:
    change = Change(ChangeAction.CHANGE, ChangeKind.SETTING, "timezone", (KeyChange("value", "UTC", "Europe/Riga"),))
    assert plain(diff_text(_compared(Plan((change,))))) == "~ setting timezone   UTC → Europe/Riga\n"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("2h", "1d", "2h → 1d\n"),
        (None, "2h", "+ 2h\n"),
        ("2h", None, "- 2h\n"),
        ("a and b", "a and b or c", "+ or c\n"),
        ("a and b or c", "a and b", "- or c\n"),
        ("[a, b]", "[a, c, b]", "+ c\n"),
        ("[a, b, c]", "[c]", "- a, b\n"),
        ("[a, b]", "[b, d]", "- a   + d\n"),
        ("[a, b]", "[b, a]", "[a, b] → [b, a]\n"),
        ("one\x1b", "two", "one\\x1b → two\n"),
        ("x" * 50, "y" * 50, f"- {'x' * 50}\n+ {'y' * 50}\n"),
    ],
)
def test_what_changed_in_a_text(before: str | None, after: str | None, shown: str) -> None:
    assert plain(marked(before, after)) == shown


def test_the_words_that_changed_stand_out() -> None:
    (only,) = marked("deal.amount >= 100", "deal.amount >= 200")
    assert [(run.text, run.ink) for run in only if run.ink] == [("100", Ink.RED), ("200", Ink.GREEN)]
    assert "".join(run.text for run in only) == "deal.amount >= 100 → deal.amount >= 200"


def test_words_that_changed_in_the_middle_have_signs_under_them() -> None:
    before = "deal.amount >= 100000 and deal.source in ['web', 'ads'] and deal.paid"
    assert plain(marked(before, before.replace("100000", "20000"))) == (
        "- deal.amount >= 100000 and deal.source in ['web', 'ads'] and deal.paid\n"
        "+ deal.amount >= 20000 and deal.source in ['web', 'ads'] and deal.paid\n"
        "                 ^^^^^\n"
    )
    assert plain(marked(before, before.replace(" in ['web', 'ads']", " == 'web'"))) == (
        "- deal.amount >= 100000 and deal.source in ['web', 'ads'] and deal.paid\n"
        "+ deal.amount >= 100000 and deal.source == 'web' and deal.paid\n"
        "                                        ^^\n"
    )
    assert plain(marked(before, before.replace("deal.source in ['web', 'ads'] and ", ""))) == (
        "- deal.amount >= 100000 and deal.source in ['web', 'ads'] and deal.paid\n"
        "                            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "+ deal.amount >= 100000 and deal.paid\n"
    )


def test_json_is_as_documented() -> None:
    shown = json.loads(document(diff_content(_compared(_PLAN, _PLACES, {"sales.parked": Place("flows/a.yaml", 5, 7)}))))
    assert shown["version"] == 1
    assert shown["summary"] == {"add": 1, "change": 1, "rename": 1, "remove": 1}
    assert shown["changes"][0] == {
        "action": "rename",
        "kind": "stage",
        "id": "sales.prepayment",
        "old_id": "sales.invoice",
        "file": "flows/sales.yaml",
        "line": 9,
        "keys": [],
    }
    assert (shown["changes"][1]["file"], shown["changes"][1]["line"]) == ("flows/a.yaml", 5)
    assert shown["changes"][2]["keys"][0] == {"key": "after", "before": "2h", "after": "1d"}
