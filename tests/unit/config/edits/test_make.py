"""Edits of whole projects: which file, which place, which references, and what is refused."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import pytest

from flowrun.config import load_texts
from flowrun.config.edits import Refused, make_edit, parse_edit
from flowrun.flow.model import JSON

LIVING = {path.name: path.read_bytes() for path in sorted((Path(__file__).parents[4] / "flows").glob("*.yaml"))}


def edited(texts: dict[str, bytes], **edit: JSON) -> dict[str, bytes]:
    after = make_edit(texts, parse_edit({key.removesuffix("_"): value for key, value in edit.items()}))
    assert not isinstance(after, Refused), after
    return texts | after


def refused(texts: dict[str, bytes], **edit: JSON) -> str:
    after = make_edit(texts, parse_edit(edit))
    assert isinstance(after, Refused)
    return f"{after.reason} ({after.help})"


def changed_lines(before: dict[str, bytes], after: dict[str, bytes]) -> list[str]:
    """The lines that differ, by file."""
    found = []
    for name in after:
        old, new = before.get(name, b"").decode().splitlines(), after[name].decode().splitlines()
        some = [line for line in unified_diff(old, new, n=0, lineterm="") if not line.startswith(("---", "+++", "@@"))]
        found += [f"{name.replace('customers.test.yaml', 'test')}: {line}" for line in some]
    return found


def test_the_living_example_stays_sound_whatever_is_renamed() -> None:
    texts = LIVING
    for edit in (
        {"kind": "pipeline.rename", "id": "sales", "to": "deals"},
        {"kind": "stage.rename", "stage": "deals.won", "to": "signed"},
        {"kind": "tunnel.rename", "id": "won-to-self-service", "to": "welcome"},
        {"kind": "tunnel.rename", "id": "big-renewals-get-a-call", "to": "call-for-big-ones"},
        {"kind": "stage.rename", "stage": "onboarding.kickoff", "to": "start"},
    ):
        texts = edited(texts, **edit)
        assert load_texts(texts).findings == ()
    for edit in (
        {"kind": "stage.rename", "stage": "onboarding.start", "to": "kickoff"},
        {"kind": "tunnel.rename", "id": "call-for-big-ones", "to": "big-renewals-get-a-call"},
        {"kind": "tunnel.rename", "id": "welcome", "to": "won-to-self-service"},
        {"kind": "stage.rename", "stage": "deals.signed", "to": "won"},
        {"kind": "pipeline.rename", "id": "deals", "to": "sales"},
    ):
        texts = edited(texts, **edit)
        assert load_texts(texts).findings == ()
    assert {line[line.index(": ") + 2] for line in changed_lines(LIVING, texts) if "{from:" not in line} <= {"+", "-"}


def test_a_renamed_tunnel() -> None:
    after = edited(LIVING, kind="tunnel.rename", id="big-renewals-get-a-call", to="big-call")
    assert changed_lines(LIVING, after) == [
        "1-project.yaml: -    tunnels: {big-renewals-get-a-call: {mode: live}}",
        "1-project.yaml: +    tunnels: {big-call: {mode: live}}",
        "4-test: -          fired: [{deal: big, tunnel: big-renewals-get-a-call}]     # in shadow: it would have",
        "4-test: +          fired: [{deal: big, tunnel: big-call}]                    # in shadow: it would have",
        "4-test: -          not_fired: [{deal: small, tunnel: big-renewals-get-a-call, because: condition}]",
        "4-test: +          not_fired: [{deal: small, tunnel: big-call, because: condition}]",
        "4-customers.yaml: -  big-renewals-get-a-call:",
        "4-customers.yaml: +  big-call:",
        "4-customers.yaml: +",
        "4-customers.yaml: +moved:",
        "4-customers.yaml: +  - {from: tunnels.big-renewals-get-a-call, to: tunnels.big-call}",
    ]


def test_a_tunnel_comes_after_its_likes_and_goes_again() -> None:
    after = edited(
        LIVING,
        kind="tunnel.add",
        id="again",
        from_=["leads.rejected"],
        to="leads.new",
        action="move",
        keys={"set": {"paid": "false", "note": "true", "seats": "5"}, "when": "deal.paid", "watch": "false"},
    )
    assert changed_lines(LIVING, after) == [
        f"2-leads.yaml: +{line}"
        for line in (
            "  again:",
            "    from: leads.rejected",
            "    to: leads.new",
            "    action: move",
            "    when: deal.paid",
            "    watch: false",
            "    set:",
            "      paid: false",
            '      note: "true"',
            "      seats: 5",
            "",
        )
    ]
    assert edited(after, kind="tunnel.remove", id="again") == LIVING


def test_a_removed_tunnel_takes_what_environments_say_of_it() -> None:
    after = edited(LIVING, kind="tunnel.remove", id="big-renewals-get-a-call")
    assert "1-project.yaml: -    tunnels: {big-renewals-get-a-call: {mode: live}}" in changed_lines(LIVING, after)
    assert b"Shadow: everything is judged" not in after["4-customers.yaml"]
    assert {one.span.file for one in load_texts(after).findings} == {"4-customers.test.yaml"}


def test_the_first_file_and_the_last_tunnel() -> None:
    stages: JSON = [{"id": "new", "name": None, "outcome": None}, {"id": "won", "outcome": "won"}]
    begun = edited({}, kind="pipeline.add", id="sales", name="Sales", stages=stages)
    one = edited(begun, kind="tunnel.add", id="t", from_=["sales.new"], to="sales.won", action="move", keys={})
    assert one == {
        "flows.yaml": b"""\
flowrun: 1

pipelines:
  sales:
    name: Sales
    stages:
      - new
      - {id: won, outcome: won}

tunnels:
  t:
    from: sales.new
    to: sales.won
    action: move
"""
    }
    assert load_texts(one).findings == ()
    assert edited(one, kind="tunnel.remove", id="t") == begun
    other = edited(begun, kind="pipeline.add", id="b", name=None, stages=[{"id": "x"}], file="more/b.yml")
    assert other["more/b.yml"] == b"flowrun: 1\n\npipelines:\n  b:\n    stages: [x]\n"


REFERRED = b"""\
flowrun: 1
fields: {note: text}
pipelines:
  a: {stages: [x, y, {id: z, outcome: won}]}
  b: {stages: [x, {id: y, outcome: won}]}
tunnels:
  t:
    from: [a.x]
    to: b.x
    action: copy
    when: deal.stage == 'a.y' or deal.pipeline == "b"
    unless_exists: {same: [note], in: b}
    set: {note: "{{ 'x' if deal.stage in ['b.x'] else 'b.x' }}"}
  u: {from: b.x, to: b.y, action: move, when: deal.origin_tunnel == 't' or deal.note == 't'}
webhooks:
  w: {url: "https://example.com", secret: {env: X}, tunnels: [t]}
  v: {url: "https://example.com", secret: {env: X}, tunnels: [u, t]}
moved:
  - {from: a.old, to: a.y}
removed:
  - {stage: a.gone, deals: {to: a.y}}
"""
TEXTS = {"a.yaml": REFERRED}


def test_names_in_conditions_and_templates_are_mended_and_texts_are_not() -> None:
    after = edited(TEXTS, kind="pipeline.rename", id="b", to="c")["a.yaml"].decode()
    assert """deal.stage == 'a.y' or deal.pipeline == "c"\n    unless_exists: {same: [note], in: c}""" in after
    assert """{{ 'x' if deal.stage in ['c.x'] else 'b.x' }}""" in after
    after = edited(TEXTS, kind="tunnel.rename", id="t", to="s")["a.yaml"].decode()
    assert "when: deal.origin_tunnel == 's' or deal.note == 't'" in after
    assert "tunnels: [s]" in after
    after = edited(TEXTS, kind="stage.rename", stage="a.y", to="w")["a.yaml"].decode()
    assert "deal.stage == 'a.w' or" in after
    assert "- {from: a.old, to: a.w}\n  - {from: a.y, to: a.w}\n" in after
    assert "{stage: a.gone, deals: {to: a.w}}" in after


def test_history_of_what_comes_back_and_what_goes() -> None:
    assert b"a.gone" not in edited(TEXTS, kind="stage.add", pipeline="a", id="gone")["a.yaml"]
    free = {"a.yaml": REFERRED.replace(b"deal.stage == 'a.y' or ", b"")}
    after = edited(free, kind="stage.remove", stage="a.y", deals_to="a.x")["a.yaml"]
    assert b"  - {stage: a.gone, deals: {to: a.y}}\n  - {stage: a.y, deals: {to: a.x}}\n" in after
    after = edited(free, kind="stage.remove", stage="a.y", deals_to=None)["a.yaml"]
    assert b"moved" not in after
    assert b"removed" not in after


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"kind": "stage.remove", "stage": "a.y", "deals_to": None}, "stage 'a.y' is referred to by tunnel 't'"),
        ({"kind": "stage.remove", "stage": "a.z", "deals_to": "a.z"}, "deals can't go to 'a.z'"),
        ({"kind": "stage.remove", "stage": "a.q", "deals_to": None}, "pipeline 'a' has no stage 'q'"),
        ({"kind": "pipeline.remove", "id": "b", "deals": None}, "referred to by tunnel 't', tunnel 'u'"),
        ({"kind": "pipeline.remove", "id": "b", "deals": {"q": "a.x"}}, "has no stage 'q'"),
        ({"kind": "tunnel.remove", "id": "t"}, "webhook 'w' is told of this tunnel alone"),
        ({"kind": "tunnel.rename", "id": "t", "to": "u"}, "there is a tunnel 'u' already"),
        ({"kind": "tunnel.rename", "id": "t", "to": "U"}, "'U' is no id of a tunnel"),
        ({"kind": "tunnel.set", "id": "tt", "key": "to", "value": "a.x"}, "there is no tunnel 'tt'"),
        ({"kind": "tunnel.set", "id": "t", "key": "whan", "value": "x"}, "did you mean 'when'"),
        ({"kind": "stage.rename", "stage": "a.x", "to": "old"}, "'a.old' is an old name: `moved` says"),
        ({"kind": "stage.rename", "stage": "a.x", "to": "gone"}, "a stage that is in `removed`"),
        ({"kind": "stage.add", "pipeline": "a", "id": "old"}, "'a.old' is an old name"),
        ({"kind": "stage.add", "pipeline": "a", "id": "x"}, "has a stage 'x' already"),
        ({"kind": "pipeline.add", "id": "a", "name": None, "stages": [{"id": "x"}]}, "a pipeline 'a' already"),
        ({"kind": "pipeline.add", "id": "c", "name": None, "stages": [{"id": "x"}, {"id": "x"}]}, "the id 'x'"),
        *(
            ({"kind": "pipeline.add", "id": "c", "name": None, "stages": [{"id": "x"}], "file": file}, "is no name for")
            for file in (
                "../x.yaml",
                "/x.yaml",
                ".x.yaml",
                "a/.b/x.yaml",
                "x.test.yaml",
                "x.txt",
                "a\\x.yaml",
                "x\n.yaml",
            )
        ),
    ],
)
def test_refusals_say_why(edit: dict[str, JSON], says: str) -> None:
    assert says in refused(TEXTS, **edit)


@pytest.mark.parametrize("told", ["moved: [{from: [a.x], to: {}}]", "removed: [{stage: [a.x], deals: [a.y]}]"])
def test_a_name_in_the_history_that_is_no_text_stands_in_nobodys_way(told: str) -> None:
    texts = TEXTS | {"b.yaml": f"flowrun: 1\n{told}\n".encode()}
    assert edited(texts, kind="stage.rename", stage="a.x", to="w")["b.yaml"] == texts["b.yaml"]
    assert edited(texts, kind="stage.add", pipeline="a", id="w")["b.yaml"] == texts["b.yaml"]


def test_a_condition_that_takes_names_apart_is_not_guessed_at() -> None:
    texts = {"a.yaml": REFERRED.replace(b"deal.stage == 'a.y'", b"deal.stage is startingwith('a.')")}
    assert "compares a part of `deal.stage` with 'a.'" in refused(texts, kind="pipeline.rename", id="a", to="c")
    assert edited(texts, kind="pipeline.rename", id="b", to="c")


def test_what_cannot_be_read_is_not_edited_around() -> None:
    texts = TEXTS | {"b.yaml": b"flowrun: 1\ntunnels: {a: [\n"}
    assert "b.yaml:2: " in refused(texts, kind="stage.rename", stage="a.x", to="w")
    after = edited(texts, kind="tunnel.set", id="t", key="to", value="b.y")
    assert [name for name in after if after[name] != texts[name]] == ["a.yaml"]


def test_a_batch_is_made_whole_or_not_at_all() -> None:
    good: JSON = {"kind": "stage.set", "stage": "a.x", "key": "name", "value": "X"}
    bad: JSON = {"kind": "tunnel.remove", "id": "no"}
    assert "no tunnel 'no'" in refused(TEXTS, kind="batch", edits=[good, bad])
    assert b"{id: x, name: X}" in edited(TEXTS, kind="batch", edits=[good, good])["a.yaml"]


def test_pipelines_move_within_their_file() -> None:
    texts = TEXTS | {"b.yaml": b"flowrun: 1\npipelines: {c: {stages: [x]}, d: {stages: [y]}}\n"}
    assert b"  b: {stages" in edited(texts, kind="pipeline.move", id="b", before="a")["a.yaml"].split(b"  a: {")[0]
    assert edited(texts, kind="pipeline.move", id="a", before="c")["a.yaml"].index(b"  b: {") < REFERRED.index(
        b"  b: {"
    )
    assert "files are read in the order" in refused(texts, kind="pipeline.move", id="a", before="d")
    assert "files are read in the order" in refused(texts, kind="pipeline.move", id="a", before=None)
    assert "files are read in the order" in refused(texts, kind="pipeline.move", id="c", before="a")


def test_a_condition_in_a_block_stays_one() -> None:
    block = REFERRED.replace(b"deal.stage == 'a.y' or deal.pipeline == \"b\"", b"|  # why\n      deal.note == 'a'\n")
    after = edited({"a.yaml": block}, kind="tunnel.set", id="t", key="when", value="deal.note == 'b'")["a.yaml"]
    assert after == block.replace(b"deal.note == 'a'", b"deal.note == 'b'")
