"""Two flows compared by meaning: every kind of change, every rename, and nothing where nothing is meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowrun.config import load_texts
from flowrun.flow.codec import dumps, loads
from flowrun.flow.model import Flow, SecretRef, SourceSpec, Webhook
from flowrun.plan import Change, ChangeAction, ChangeKind, KeyChange, changes, renames

_BASE = """
flowrun: 1
project: acme
timezone: Europe/Moscow
vars: {big: {type: decimal, default: 100}}
fields:
  amount: {type: decimal, places: 2}
  source: {type: enum, values: [web, ads]}
  account: text
pipelines:
  sales:
    stages: [new, docs, invoice, {id: won, outcome: won}, {id: lost, outcome: lost}]
  care:
    stages: [start, {id: done, outcome: won}]
tunnels:
  welcome:
    from: sales.won
    to: care.start
    action: copy
    when: deal.amount >= vars.big
    set: {title: "Care: {{ deal.id }}"}
  chase: {from: sales.docs, to: sales.lost, action: move, after: 2h}
  drop: {from: [sales.docs, sales.invoice], to: sales.lost, action: move, after: 10d, when: deal.source == 'web'}
"""


def flow(text: str = _BASE, *replacements: tuple[str, str], moved: str = "") -> Flow:
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    loaded = load_texts({"flows/a.yaml": (text + moved).encode()})
    assert loaded.flow is not None, loaded.findings
    return loaded.flow


def told(base: Flow | None, wanted: Flow) -> list[str]:
    """The plan in short: `~ tunnel chase after: 2h → 1d`."""
    return [
        " ".join((change.action, change.kind, change.id, *([f"(was {change.old_id})"] if change.old_id else [])))
        + "".join(f" {key.key}: {key.before} → {key.after}" for key in change.keys)
        for change in changes(base, wanted).changes
    ]


def changed(*replacements: tuple[str, str], moved: str = "") -> list[str]:
    return told(flow(), flow(_BASE, *replacements, moved=moved))


def test_the_same_flow_has_no_changes() -> None:
    plan = changes(flow(), flow())
    assert not plan
    assert plan.summary == dict.fromkeys(ChangeAction, 0)


def test_a_flow_is_still_the_same_when_it_comes_back_from_the_store() -> None:
    assert told(loads(dumps(flow())), flow()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("deal.amount >= vars.big", "deal.amount   >=vars.big"),
        ("deal.source == 'web'", 'deal.source == "web"'),
        ("after: 2h", "after: 120m"),
        ("after: 10d", "after: 1w3d"),
        ("[sales.docs, sales.invoice]", "[sales.invoice, sales.docs]"),
        ("from: sales.docs, to: sales.lost", "from: sales.docs, to: sales.lost, watch: true, once: entry"),
        ("account: text", "account: {type: text}"),
    ],
)
def test_another_way_to_write_the_same_is_no_change(old: str, new: str) -> None:
    assert changed((old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("timezone: Europe/Moscow", "timezone: UTC", "change setting timezone value: Europe/Moscow → UTC"),
        ("default: 100", "default: 250.5", "change var big value: 100.00 → 250.50"),
        ("values: [web, ads]", "values: [web, ads, tv]", "change field source values: [web, ads] → [web, ads, tv]"),
        ("places: 2", "places: 3, default: 0", "change field amount places: 2 → 3 default: None → 0.000"),
        ("[new, docs, invoice", "[docs, new, invoice", None),
        ("{id: won, ", "{id: won, name: Signed, ", "change stage sales.won name: None → Signed"),
        ("{id: done, ", "{id: done, requires: [account], ", "change stage care.done requires: None → [account]"),
        ("  care:\n", "  care:\n    name: Care\n", "change pipeline care name: None → Care"),
        ("after: 2h", "after: 1d", "change tunnel chase after: 2h → 1d"),
        ("after: 2h", "after: 2h, mode: shadow", "change tunnel chase mode: live → shadow"),
        ("'web'", "'ads'", "change tunnel drop when: deal.source == 'web' → deal.source == 'ads'"),
        ('"Care: {{', '"For {{', "change tunnel welcome set.title: Care: {{ deal.id }} → For {{ deal.id }}"),
        ("action: copy", "action: copy\n    fields: none", "change tunnel welcome fields: all → none"),
    ],
)
def test_each_key_that_changes_is_told_as_its_author_writes_it(old: str, new: str, told: str | None) -> None:
    order = "change pipeline sales stages: [new, docs, invoice, won, lost] → [docs, new, invoice, won, lost]"
    assert changed((old, new)) == [told or order]


def test_webhooks_are_told_key_by_key() -> None:
    here = flow()
    one = Webhook("crm", "https://a.example", (SecretRef(env="A"),))
    two = Webhook("crm", "https://b.example", (SecretRef(env="A"), SecretRef(file="b")), ("drop",), ("parked", "fired"))
    assert told(here, replace(here, webhooks={"crm": one})) == [
        "add webhook crm url: None → https://a.example secret: None → {env: A} results: None → [fired]"
    ]
    (changed,) = told(replace(here, webhooks={"crm": one}), replace(here, webhooks={"crm": two}))
    assert changed == (
        "change webhook crm url: https://a.example → https://b.example secret: {env: A} → [{env: A}, {file: b}]"
        " tunnels: None → [drop] results: [fired] → [fired, parked]"
    )
    assert told(replace(here, webhooks={"crm": one}), here)[0].startswith("remove webhook crm")


def test_where_deals_live_is_told_key_by_key() -> None:
    one = SourceSpec("sql", {"table": "t", "columns": {"sum": "x", "id": "id"}, "password": {"env": "DB"}})
    two = SourceSpec("sql", {"table": "u", "columns": {"sum": "x", "id": "key"}, "tags": ["a", True]})
    here = flow()
    (first,) = told(here, replace(here, source=one))
    assert first == (
        "change setting source type: store → sql table: None → t columns.sum: None → x columns.id: None → id"
        " password: None → {env: DB}"
    )
    assert told(replace(here, source=one), replace(here, source=two)) == [
        "change setting source table: t → u columns.id: id → key tags: None → [a, true] password: {env: DB} → None"
    ]
    assert told(None, replace(here, source=SourceSpec("files")))[0:3][-1] == "add setting source type: None → files"


def test_everything_of_a_first_plan_is_added_with_what_its_author_gave() -> None:
    assert told(None, flow()) == [
        "add setting project value: None → acme",
        "add setting timezone value: None → Europe/Moscow",
        "add var big type: None → decimal places: None → 2 value: None → 100.00",
        "add field amount type: None → decimal places: None → 2",
        "add field source type: None → enum values: None → [web, ads]",
        "add field account type: None → text",
        "add pipeline sales",
        "add pipeline care",
        "add stage sales.new",
        "add stage sales.docs",
        "add stage sales.invoice",
        "add stage sales.won outcome: None → won",
        "add stage sales.lost outcome: None → lost",
        "add stage care.start",
        "add stage care.done outcome: None → won",
        (
            "add tunnel welcome from: None → sales.won to: None → care.start action: None → copy"
            " when: None → deal.amount >= vars.big set.title: None → Care: {{ deal.id }}"
        ),
        "add tunnel chase from: None → sales.docs to: None → sales.lost action: None → move after: None → 2h",
        (
            "add tunnel drop from: None → [sales.docs, sales.invoice] to: None → sales.lost action: None → move"
            " after: None → 10d when: None → deal.source == 'web'"
        ),
    ]


def test_what_goes_is_told_with_what_it_was() -> None:
    assert changed(("  chase: {from: sales.docs, to: sales.lost, action: move, after: 2h}\n", "")) == [
        "remove tunnel chase from: sales.docs → None to: sales.lost → None action: move → None after: 2h → None"
    ]
    assert changed(("  account: text\n", "")) == ["remove field account type: text → None"]


def test_a_renamed_stage_keeps_its_identity_wherever_it_is_named() -> None:
    moved = "moved: [{from: sales.invoice, to: sales.prepayment}]"
    renamed = [("docs, invoice, {", "docs, prepayment, {"), ("sales.invoice]", "sales.prepayment]")]
    assert changed(*renamed, moved=moved) == ["rename stage sales.prepayment (was sales.invoice)"]


def test_a_rename_tells_what_else_changed() -> None:
    moved = "moved: [{from: tunnels.chase, to: tunnels.hunt}]"
    assert changed(("chase:", "hunt:"), ("after: 2h", "after: 3h"), moved=moved) == [
        "rename tunnel hunt (was chase) after: 2h → 3h"
    ]


def test_a_renamed_field_is_the_same_field_in_conditions_and_values() -> None:
    moved = "moved: [{from: fields.source, to: fields.channel}]"
    assert changed(("source:", "channel:"), ("deal.source", "deal.channel"), moved=moved) == [
        "rename field channel (was source)"
    ]


def test_stages_follow_their_renamed_pipeline_in_silence() -> None:
    moved = "moved: [{from: care, to: support}]"
    renamed = [("care:", "support:"), ("care.start", "support.start")]
    assert changed(*renamed, moved=moved) == ["rename pipeline support (was care)"]


def test_renames_of_a_stage_and_its_pipeline_add_up() -> None:
    moved = "moved: [{from: care.start, to: care.first}, {from: care, to: support}]"
    renamed = [("care:", "support:"), ("care.start", "support.first"), ("[start,", "[first,")]
    assert changed(*renamed, moved=moved) == [
        "rename pipeline support (was care)",
        "rename stage support.first (was care.start)",
    ]


def test_a_chain_of_renames_counts_from_whatever_the_store_has() -> None:
    moved = "moved: [{from: sales.bill, to: sales.invoice}, {from: sales.invoice, to: sales.prepayment}]"
    old = [("invoice, {", "bill, {"), ("sales.invoice]", "sales.bill]")]
    new = [("docs, invoice, {", "docs, prepayment, {"), ("sales.invoice]", "sales.prepayment]")]
    wanted = flow(_BASE, *new, moved=moved)
    assert told(flow(_BASE, *old), wanted) == ["rename stage sales.prepayment (was sales.bill)"]
    assert told(flow(), wanted) == ["rename stage sales.prepayment (was sales.invoice)"]
    assert told(wanted, wanted) == []


def test_history_that_says_nothing_any_more_is_no_change() -> None:
    moved = "moved: [{from: sales.old, to: sales.docs}, {from: tunnels.gone, to: tunnels.chase}]"
    assert changed(moved=moved) == []


def test_a_stage_merged_into_another_is_a_rename_of_the_one_that_goes() -> None:
    moved = "moved: [{from: sales.invoice, to: sales.docs}]"
    merged = [("docs, invoice, {", "docs, {"), ("[sales.docs, sales.invoice]", "sales.docs")]
    assert changed(*merged, moved=moved) == ["rename stage sales.docs (was sales.invoice)"]
    assert renames(flow(), flow(_BASE, *merged, moved=moved)).stages == {"sales.invoice": "sales.docs"}


def test_a_stage_may_merge_into_one_that_comes_after_it() -> None:
    moved = "moved: [{from: sales.docs, to: sales.won}]"
    merged = [
        ("new, docs, invoice", "new, invoice"),
        ("[sales.docs, sales.invoice]", "[sales.won, sales.invoice]"),
        ("sales.docs", "sales.won"),
        ("outcome: won}, {id: lost", "outcome: won, name: Signed}, {id: lost"),
    ]
    assert changed(*merged, moved=moved) == [
        "rename stage sales.won (was sales.docs)",
        "change stage sales.won name: None → Signed",
    ]


def test_lists_that_are_sets_have_no_order() -> None:
    def listed(*fields: str) -> Flow:
        names = f"[{', '.join(fields)}]"
        return flow(
            _BASE,
            ("{id: done, ", f"{{id: done, requires: {names}, "),
            ("action: copy", f"action: copy\n    fields: {names}\n    unless_exists: {{same: {names}}}"),
        )

    assert told(listed("account", "source"), listed("source", "account")) == []


def test_a_tunnel_is_never_merged_into_one_that_was_there() -> None:
    moved = "moved: [{from: tunnels.chase, to: tunnels.drop}]"
    line = "  chase: {from: sales.docs, to: sales.lost, action: move, after: 2h}\n"
    assert [one.split(" from:")[0] for one in changed((line, ""), moved=moved)] == ["remove tunnel chase"]


def test_the_order_of_tunnels_counts_where_they_leave_one_stage() -> None:
    head, welcome_and_more = _BASE.split("  welcome:")
    welcome, chase, drop = (
        f"  welcome:{welcome_and_more}".replace("  chase", "|  chase").replace("  drop", "|  drop").split("|")
    )
    assert told(flow(), flow(head + welcome + drop + chase)) == ["change tunnel drop order: after chase → before chase"]
    assert told(flow(), flow(head + chase + welcome + drop)) == []


def test_one_tunnel_that_passes_many_is_told_once() -> None:
    def many(ids: str) -> Flow:
        head = _BASE[: _BASE.index("tunnels:")] + "tunnels:\n"
        return flow(
            head + "".join(f"  {id_}: {{from: sales.docs, to: sales.lost, action: move, after: 1h}}\n" for id_ in ids)
        )

    assert told(many("abcd"), many("bcda")) == ["change tunnel a order: before b, c, d → after b, c, d"]


def test_a_list_that_names_all_fields_is_not_changed_by_a_new_field() -> None:
    explicit = ("action: copy", "action: copy\n    fields: [amount, source, account]")
    more = ("account: text", "account: text\n  seats: integer")
    assert told(flow(_BASE, explicit), flow(_BASE, explicit, more)) == ["add field seats type: None → integer"]
    assert told(flow(), flow(_BASE, more)) == ["add field seats type: None → integer"]


def test_changes_go_by_kind_then_renames_removals_changes_and_additions() -> None:
    plan = changes(
        flow(),
        flow(
            _BASE,
            ("chase:", "hunt:"),
            ("  account: text\n", "  seats: integer\n"),
            ("after: 10d", "after: 9d"),
            moved="moved: [{from: tunnels.chase, to: tunnels.hunt}]",
        ),
    )
    assert [(change.kind, change.action) for change in plan.changes] == [
        (ChangeKind.FIELD, ChangeAction.REMOVE),
        (ChangeKind.FIELD, ChangeAction.ADD),
        (ChangeKind.TUNNEL, ChangeAction.RENAME),
        (ChangeKind.TUNNEL, ChangeAction.CHANGE),
    ]
    assert plan.changes[3] == Change(ChangeAction.CHANGE, ChangeKind.TUNNEL, "drop", (KeyChange("after", "10d", "9d"),))
    assert plan.summary == {
        ChangeAction.RENAME: 1,
        ChangeAction.REMOVE: 1,
        ChangeAction.CHANGE: 1,
        ChangeAction.ADD: 1,
    }
