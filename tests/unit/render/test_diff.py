"""A plan as people and programs see it."""

from __future__ import annotations

import json

import pytest

from flowrun.flow.model import Place
from flowrun.plan import Change, ChangeAction, ChangeKind, KeyChange, Plan
from flowrun.render.diff import diff_content, diff_markdown, diff_text, summary_text
from flowrun.render.ink import Ink, line, plain
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


def test_the_text_is_laid_out_like_the_example() -> None:
    notes = {
        (ChangeKind.STAGE, "sales.prepayment", None): "renamed; 37 deals keep their place and history",
        (ChangeKind.STAGE, "sales.parked", None): "12 deals go to sales.new",
        (ChangeKind.TUNNEL, "won-to-onboarding", "after"): "9 waiting deals: later by 22 h",
        (ChangeKind.TUNNEL, "revive", None): "214 deals would qualify now",
    }
    assert plain(diff_text(_PLAN, _PLACES, notes)) == (
        "~ stage sales.invoice → sales.prepayment      renamed; 37 deals keep their place and history\n"
        "- stage sales.parked                          12 deals go to sales.new\n"
        "~ tunnel won-to-onboarding   flows/sales.yaml:26\n"
        "    after: 2h → 1d                            9 waiting deals: later by 22 h\n"
        "    when:  + and deal.currency == 'EUR'\n"
        "+ tunnel revive   copy sales.lost → sales.new (shadow)   214 deals would qualify now\n"
    )
    assert summary_text(_PLAN) == "Plan: 1 to add, 1 to change, 1 to rename, 1 to remove."
    assert summary_text(Plan()) == "Plan: nothing to change."


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
    assert plain(diff_text(plan, {})) == (
        "+ setting limits   max_hops 5, per 1h\n"
        "+ field amount   decimal\n"
        "+ pipeline care   start, done\n"
        "+ stage sales.paid   won\n"
    )


def test_a_single_value_stands_on_the_line_of_its_thing() -> None:
    change = Change(ChangeAction.CHANGE, ChangeKind.SETTING, "timezone", (KeyChange("value", "UTC", "Europe/Riga"),))
    assert plain(diff_text(Plan((change,)), {})) == "~ setting timezone   UTC → Europe/Riga\n"


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


def test_json_is_as_documented() -> None:
    impact = {"tunnels": {}, "deals": {"relocated": 12, "moved": 0, "copied": 0}}
    refusals = [{"rail": "remove-stage", "message": "…", "allow": "remove-stage"}]
    shown = json.loads(document(diff_content(_PLAN, _PLACES, 41, impact, refusals)))
    assert (shown["version"], shown["base_revision"]) == (1, 41)
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
    assert shown["changes"][1]["file"] is None
    assert shown["changes"][2]["keys"][0] == {"key": "after", "before": "2h", "after": "1d"}
    assert (shown["impact"], shown["refusals"]) == (impact, refusals)


def test_markdown_keeps_its_data_inside() -> None:
    text = diff_markdown("acme: *1* to add", [line("+ tunnel a ```"), line("````x")])
    assert text == "### acme: \\*1\\* to add\n\n`````diff\n+ tunnel a ```\n````x\n`````\n"
