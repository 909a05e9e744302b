"""The way back: which flow is wanted, so that whatever was renamed since is renamed back."""

from __future__ import annotations

import pytest

from flowrun.config import load_texts
from flowrun.flow.model import Flow
from flowrun.plan import renames
from flowrun.plan.back import NoWayBack, back


def flow(stages: str, more: str = "", *, pipeline: str = "sales", tunnel: str = "t", field: str = "f") -> Flow:
    first, _, rest = stages.partition(",")
    last = rest.rpartition(",")[2].strip() or first
    text = f"""flowrun: 1
project: acme
fields: {{{field}: text}}
pipelines: {{{pipeline}: {{stages: [{stages}, end]}}}}
tunnels: {{{tunnel}: {{from: {pipeline}.{last}, to: {pipeline}.end, action: move, when: deal.{field} == 'x'}}}}
{more}
"""
    loaded = load_texts({"a.yaml": text.encode()})
    assert loaded.flow is not None, loaded.findings
    return loaded.flow


def moved(*pairs: str) -> str:
    entries = [f"{{from: {old}, to: {new}}}" for old, _, new in (pair.partition(">") for pair in pairs)]
    return f"moved: [{', '.join(entries)}]"


def test_to_where_one_is_nothing_is_renamed() -> None:
    one = flow("a, b")
    assert back([one]) == one


def test_renames_of_each_kind_are_reversed() -> None:
    then = flow("a, b")
    now = flow("a, c", moved("sales.b>sales.c", "tunnels.t>tunnels.u", "fields.f>fields.g"), tunnel="u", field="g")
    found = renames(now, back([then, now]))
    assert found.stages == {"sales.c": "sales.b"}
    assert found.tunnels == {"u": "t"}
    assert found.fields == {"g": "f"}


def test_a_pipeline_takes_its_stages_along_without_words() -> None:
    then, now = flow("a, b"), flow("a, b", moved("sales>deals"), pipeline="deals")
    wanted = back([then, now])
    assert [(one.kind, one.old, one.new) for one in wanted.moved] == [("pipeline", "deals", "sales")]
    assert renames(now, wanted).stages["deals.b"] == "sales.b"


def test_renames_add_up_over_the_revisions_between() -> None:
    first, second = flow("a, b"), flow("a, c", moved("sales.b>sales.c"))
    third = flow("a, d", moved("sales.c>sales.d"))  # the first rename is no longer in the files
    assert renames(third, back([first, second, third])).stages == {"sales.d": "sales.b"}


def test_back_and_forth_again() -> None:
    first, second = flow("a, b"), flow("a, c", moved("sales.b>sales.c"))
    third = back([first, second])
    assert back([first, second, third]).moved == ()
    assert renames(third, back([second, third])).stages == {"sales.b": "sales.c"}


def test_of_merged_stages_the_one_that_kept_its_name_keeps_the_deals() -> None:
    then, now = flow("a, b, c"), flow("a, c", moved("sales.b>sales.c"))
    wanted = back([then, now])
    assert wanted.moved == ()
    assert "sales.b" in wanted.stages


def test_of_stages_that_became_a_new_one_the_first_has_the_deals() -> None:
    then, now = flow("a, b, c"), flow("a, d", moved("sales.b>sales.d", "sales.c>sales.d"))
    assert renames(now, back([then, now])).stages == {"sales.d": "sales.b"}


def test_what_was_removed_since_is_only_added() -> None:
    then = flow("a, b, c")
    now = flow("a, c", "removed: [{stage: sales.b, deals: {to: sales.a}}]")
    wanted = back([then, now])
    assert (wanted.moved, wanted.removed) == ((), ())
    assert "sales.b" in wanted.stages


def test_an_id_that_stands_for_something_else_by_now_takes_two_steps() -> None:
    first = flow("a, b")
    second = flow("c, b", moved("sales.a>sales.c"))
    third = flow("c, a", moved("sales.b>sales.a"))
    with pytest.raises(NoWayBack, match=r"stage sales\.a was sales\.b then"):
        back([first, second, third])
    halfway = back([second, third])
    assert renames(third, halfway).stages == {"sales.a": "sales.b"}
    assert renames(halfway, back([first, second, third, halfway])).stages == {"sales.c": "sales.a"}


def test_the_environment_stays() -> None:
    environments = "environments: {prod: {}, staging: {}}"
    then = load_texts({"a.yaml": f"flowrun: 1\nproject: p\n{environments}".encode()}, environment="prod")
    now = load_texts({"a.yaml": f"flowrun: 1\nproject: q\n{environments}".encode()}, environment="staging")
    assert then.flow is not None
    assert now.flow is not None
    wanted = back([then.flow, now.flow])
    assert (wanted.project, wanted.environment) == ("p", "staging")
