"""Saved plans as bytes: what is read back, and that nothing which was changed is."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from flowrun.commands.schema import schema
from flowrun.config import load_texts
from flowrun.plan.saved import BadPlan, Bound, Maker, SavedPlan, content, grown, sealed, unsealed
from flowrun.render.json import document

KEY = bytes(range(32))
FLIPS = int(os.environ.get("FLOWRUN_FLIPS", "10000"))

_FLOW = """flowrun: 1
project: Цветы
vars: {big: {type: decimal, default: 100}}
fields: {amount: decimal, paid: {type: boolean, default: false}}
pipelines: {sales: {stages: [new, docs, {id: won, name: "Выиграна 😀", outcome: won}]}}
tunnels:
  first: {from: sales.new, to: sales.docs, action: move, when: deal.amount > vars.big}
  then: {from: sales.docs, to: sales.won, action: move, after: 1h, when: deal.paid}
"""
_DIFFERENCE: dict[str, Any] = {
    "base_revision": 4,
    "changes": [{"action": "add", "kind": "tunnel", "id": "then", "file": "a.yaml", "line": 8, "keys": []}],
    "summary": {"add": 1, "change": 0, "rename": 0, "remove": 0},
    "impact": {"tunnels": {"then": {"now": 3}}, "deals": {"relocated": 0, "moved": 3, "copied": 0}},
    "refusals": [],
}


def plan(*, keyed: bool = True) -> SavedPlan:
    loaded = load_texts({"a.yaml": _FLOW.encode()})
    assert loaded.flow is not None
    bound = Bound("sqlite:///flowrun.db", "ab" * 16, 4, "cd" * 32) if keyed else Bound("sqlite:///flowrun.db")
    return SavedPlan(
        id="ef" * 16,
        made_at=1_772_802_000_000,
        valid_until=1_772_888_400_000,
        maker=Maker("ann", "host", "3f2a9c1", dirty=False),
        bound=bound,
        variables={"big": "100"},
        flow=loaded.flow,
        places=loaded.places,
        difference=_DIFFERENCE,
    )


def saved(*, keyed: bool = True) -> bytes:
    return sealed(document(content(plan(keyed=keyed))), KEY if keyed else None)


def altered(change: Callable[[dict[str, Any]], object], *, keyed: bool = True) -> bytes:
    """A plan that somebody with the key altered and sealed anew."""
    parsed = json.loads(saved(keyed=keyed))
    del parsed["seal"]
    change(parsed)
    version = parsed.pop("version")
    text = document(parsed)
    return sealed(text.replace('"version": 1', f'"version": {json.dumps(version)}', 1), KEY if keyed else None)


@pytest.mark.parametrize("keyed", [True, False])
def test_a_plan_is_read_as_it_was_saved(keyed: bool) -> None:
    raw = saved(keyed=keyed)
    found = unsealed(raw)
    assert found.keyed == keyed
    assert found.claim().url == "sqlite:///flowrun.db"
    assert found.plan(KEY if keyed else None) == plan(keyed=keyed)


def test_the_document_is_readable_and_its_last_key_is_the_seal() -> None:
    text = saved().decode()
    assert text.startswith('{\n  "version": 1,\n')
    assert "Выиграна 😀" in text
    assert list(json.loads(text))[-1] == "seal"


@pytest.mark.parametrize("keyed", [True, False])
def test_the_published_schema_takes_it(keyed: bool) -> None:
    jsonschema.validate(json.loads(saved(keyed=keyed)), json.loads(schema("plan")))


def _mutated(raw: bytes, chance: random.Random) -> bytes:
    """One bit flipped, one byte put in, or some left out; often near the end, where the seal is."""
    last = len(raw)
    at = chance.randrange(last) if chance.random() < 0.6 else chance.randrange(last - 120, last)
    match chance.randrange(4):
        case 0:
            return raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(8))]) + raw[at + 1 :]
        case 1:
            return raw[:at] + bytes([chance.choice(b' \n\t"}0aA\x00' + bytes([chance.randrange(256)]))]) + raw[at:]
        case 2:
            return raw[:at] + raw[at + chance.randint(1, 4) :]
    return raw[:at] + raw[at : at + 1].swapcase() + raw[at + 1 :]


@pytest.mark.parametrize("keyed", [True, False])
def test_no_changed_byte_gets_through(keyed: bool) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    raw, key = saved(keyed=keyed), KEY if keyed else None
    done = 0
    while done < FLIPS:
        changed = _mutated(raw, chance)
        if changed == raw:
            continue
        done += 1
        with pytest.raises(BadPlan):
            unsealed(changed).plan(key)


def test_every_byte_of_the_end_counts() -> None:
    """The seal itself, and what comes after it: all bytes, all bits; and bytes after or before the whole."""
    raw = saved()
    for at in range(len(raw) - 140, len(raw)):
        for bit in range(8):
            changed = raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]
            with pytest.raises(BadPlan):
                unsealed(changed).plan(KEY)
    for changed in (raw + b"\n", raw + b" ", raw[:-1], b" " + raw, b"\xef\xbb\xbf" + raw, raw.replace(b"\n", b"\r\n")):
        with pytest.raises(BadPlan):
            unsealed(changed).plan(KEY)


def test_another_key_and_none_are_refused() -> None:
    with pytest.raises(BadPlan, match="doesn't fit its seal"):
        unsealed(saved()).plan(bytes(32))
    with pytest.raises(BadPlan, match="doesn't fit its seal"):
        unsealed(saved()).plan(None)
    with pytest.raises(BadPlan, match="doesn't fit its seal"):
        unsealed(saved(keyed=False)).plan(KEY)


def test_a_digest_can_not_stand_in_for_the_key() -> None:
    """Anyone can make a plain seal; a plan that names a store has to have that store's."""
    parsed = json.loads(saved())
    del parsed["seal"], parsed["version"]
    forged = sealed(document(parsed), None)
    with pytest.raises(BadPlan, match="another kind of store"):
        unsealed(forged).plan(None)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is no saved plan"),
        (b"\x00\xff" * 100, "is no saved plan"),
        (b"flowrun: 1\n", "is no saved plan"),
        (b'{"version": 1}\n', "is no saved plan"),
        (b'{\n  "seal": "hmac-sha256:00"\n}\n', "has no whole seal"),
        (sealed("[" * 200_000 + "\n}\n", None), "no JSON that can be read"),
        (sealed('{"a": \n}\n', None), "no JSON that can be read"),
    ],
)
def test_what_is_no_plan_says_so(raw: bytes, says: str) -> None:
    with pytest.raises(BadPlan, match=says):
        unsealed(raw).plan(None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda it: it.update(version=2), "is a plan of version 2; this flowrun reads version 1"),
        (lambda it: it.update(version="x" * 500), "is a plan of version 'xxx"),
        (lambda it: it.pop("id"), "id: field required"),
        (lambda it: it.update(id="short"), "id: string should match"),
        (lambda it: it.update(made_at="2026-02-30T00:00:00.000Z"), "contradict each other"),
        (lambda it: it.update(environment="prod"), "contradict each other"),
        (lambda it: it["store"].update(revision="4"), "store.revision: "),
        (lambda it: it["flow"].update(version=7), "the flow is stored in version 7"),
        (lambda it: it["flow"].pop("limits"), "has no flow that can be read"),
        (lambda it: it["flow"]["tunnels"][0].update(when="deal.nope"), "has no flow that can be read"),
        (lambda it: it["difference"].pop("impact"), "difference.impact: field required"),
        (lambda it: it["places"].update(x={"file": "a", "line": 0, "column": 1}), "places.x.line: "),
    ],
)
def test_a_sealed_plan_that_makes_no_sense_is_told_where(change: Callable[[dict[str, Any]], object], says: str) -> None:
    with pytest.raises(BadPlan) as caught:
        unsealed(altered(change)).plan(KEY)
    assert says in str(caught.value)
    assert caught.value.help
    assert "\n" not in str(caught.value)


def test_further_keys_are_passed_over() -> None:
    raw = altered(lambda it: it["difference"]["impact"].update(more=1))
    assert unsealed(raw).plan(KEY).difference["impact"]["more"] == 1
    assert unsealed(altered(lambda it: it.update(more=1))).plan(KEY).id == plan().id


def _impact(now: int, moved: int = 0) -> dict[str, Any]:
    return {"impact": {"tunnels": {"t": {"now": now, "waiting": 999}}, "deals": {"moved": moved, "total": 5000}}}


@pytest.mark.parametrize(
    ("before", "now", "more"),
    [
        (0, 10, False),
        (0, 11, True),
        (100, 110, False),
        (100, 111, True),
        (200, 220, False),
        (200, 221, True),
        (1000, 1100, False),
        (1000, 1101, True),
        (50, 0, False),
    ],
)
def test_grown_is_more_than_ten_percent_and_ten_deals(before: int, now: int, more: bool) -> None:
    found = grown(_impact(before), _impact(now))
    assert bool(found) == more
    if more:
        assert (found[0].before, found[0].now) == (before, now)
        assert "t" in found[0].what


def test_each_figure_grows_for_itself() -> None:
    saved_, fresh = _impact(5, moved=5), _impact(5, moved=50)
    fresh["impact"]["tunnels"]["new"] = {"now": 20}
    fresh["impact"]["deals"]["total"] = 1_000_000
    assert [(one.before, one.now) for one in grown(saved_, fresh)] == [(0, 20), (5, 50)]
