"""Flows as canonical JSON, and their digests."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from decimal import Decimal

import pytest

from flowrun.calendars.durations import Duration
from flowrun.flow.codec import BadFlow, digest, dumps, loads, route_digest
from flowrun.flow.model import At, Breaker, Flow, Limits, Literal, Mode, Rotate, SecretRef, SourceSpec, Tunnel, Webhook
from tests.unit.config.flows import WHOLE, flow

FIRST = "won-to-onboarding"


@pytest.fixture(scope="module")
def whole() -> Flow:
    return flow(WHOLE)


def behaviour(flow: Flow, tunnel: str = FIRST) -> str:
    """The digest of what the tunnel does with the deals of the first stage that it leaves."""
    home, _, _ = flow.tunnels[tunnel].sources[0].partition(".")
    return route_digest(flow, tunnel, flow.pipelines[home].calendar)


def changed(whole: Flow, **keys: object) -> Flow:
    """The flow with other content of its first tunnel."""
    tunnel = dataclasses.replace(whole.tunnels[FIRST], **keys)  # type: ignore[arg-type]
    return dataclasses.replace(whole, tunnels={**whole.tunnels, FIRST: tunnel})


def edited(before: str, after: str) -> Flow:
    """The flow of the files with one text replaced."""
    assert before in WHOLE
    return flow(WHOLE.replace(before, after))


def test_a_flow_comes_back_as_it_was(whole: Flow) -> None:
    again = loads(dumps(whole))
    assert again == whole
    assert list(again.tunnels) == list(whole.tunnels)
    assert list(again.fields) == list(whole.fields)
    assert dumps(again) == dumps(whole)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_so_does_one_with_an_environment(environment: str) -> None:
    one = flow(WHOLE, environment=environment)
    assert loads(dumps(one)) == one


def test_business_time_and_windows_come_back(whole: Flow) -> None:
    timed = changed(whole, after=Duration(business_days=10), calendar="office", window="office")
    assert loads(dumps(timed)) == timed
    dated = changed(whole, after=None, at=At("call_at", Duration(business_ms=-3_600_000), 0))
    assert loads(dumps(dated)) == dated


def test_the_smallest_flow_comes_back() -> None:
    assert loads(dumps(Flow("p"))) == Flow("p")


ELSEWHERE = SourceSpec("files", {"path": "deals", "columns": {"amount": "sum"}, "every": 5, "password": {"env": "P"}})


def test_where_deals_live_comes_back(whole: Flow) -> None:
    one = dataclasses.replace(whole, source=ELSEWHERE)
    assert loads(dumps(one)) == one
    assert digest(one) != digest(whole)
    bare = dataclasses.replace(whole, source=SourceSpec("crm"))
    assert loads(dumps(bare)) == bare


def test_webhooks_come_back(whole: Flow) -> None:
    secrets = (SecretRef(env="NEW"), SecretRef(file="old"))
    one = dataclasses.replace(
        whole,
        webhooks={
            "crm": Webhook("crm", "https://example.com", secrets, (FIRST,), ("fired", "parked")),
            "all": Webhook("all", "http://localhost", secrets[:1]),
        },
    )
    assert loads(dumps(one)) == one
    assert digest(one) != digest(whole)


def test_a_flow_in_the_store_is_written_as_before_there_were_other_sources(whole: Flow) -> None:
    assert json.loads(dumps(whole))["source"] == "store"
    assert digest(Flow("p")) == "a6bee184258109b1ffa8cbf877309cfc6bae317d827d6f65d0c4eed0c21e36af"


def test_the_form_is_canonical_json_with_a_version(whole: Flow) -> None:
    text = dumps(whole)
    record = json.loads(text)
    assert record["version"] == 1
    assert text == json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert "Продажи" in text


def test_what_is_not_set_is_left_out(whole: Flow) -> None:
    tunnels = {one["id"]: one for one in json.loads(dumps(whole))["tunnels"]}
    assert set(tunnels["live-closes-sale"]) == {"id", "sources", "target", "action", "mode", "origin", "origin_in"}


def test_an_empty_origin_in_is_not_the_same_as_none(whole: Flow) -> None:
    none, empty = changed(whole, origin_in=None), changed(whole, origin_in=())
    assert digest(none) != digest(empty)
    assert loads(dumps(empty)) == empty


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"version":1}', '{"version":2,"project":"p"}', "null", '{"version":1,"tunnels":5,"project":1}'],
)
def test_what_is_no_flow_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadFlow) as refused:
        loads(text)
    assert "\n" not in str(refused.value)


def test_a_condition_that_can_no_longer_be_read_is_refused(whole: Flow) -> None:
    with pytest.raises(BadFlow, match="deal has no field"):
        loads(dumps(whole).replace("deal.paid", "deal.gone"))


def test_the_digest_is_the_same_in_every_process(whole: Flow) -> None:
    code = (
        "from flowrun.flow.codec import digest, route_digest; from tests.unit.config.flows import WHOLE, flow; "
        f"one = flow(WHOLE); print(digest(one), route_digest(one, {FIRST!r}, 'office'))"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert run.stdout.split() == [digest(whole), behaviour(whole)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: Новая", "name: Ныне"),
        ("description: Every", "description: Each"),
        ("[RUB, EUR, USD]", "[RUB, USD, EUR]"),
        ("default: false", "default: true"),
        ("project: acme-sales", "project: acme"),
        ("share: 100", "share: 99"),
        ("to: sales.prepayment}", "to: sales.docs}"),
        ("mode: shadow", "mode: live"),
        ("DE-BY", "DE"),
    ],
)
def test_the_digest_tells_any_change(whole: Flow, before: str, after: str) -> None:
    assert digest(edited(before, after)) != digest(whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("name: Новая", "name: Ныне"),
        ("name: Продажи", "name: Sales"),
        ("description: Every big signed deal starts onboarding.", "description: Others."),
        ("project: acme-sales", "project: acme"),
        ("default: false", "default: true"),
        ("after: 90d", "after: 91d"),
        ("share: 100", "share: 99"),
        ("renewal_on: date", "renewal_on: date\n  more: text"),
        ("setup, {id: live", "setup, more, {id: live"),
        ("closed: [2026-12-31]", "closed: [2026-12-30]"),
    ],
)
def test_a_tunnel_is_the_same_whatever_does_not_touch_it(whole: Flow, before: str, after: str) -> None:
    other = edited(before, after)
    copies = dataclasses.replace(other.tunnels[FIRST], copies=whole.tunnels[FIRST].copies)
    other = dataclasses.replace(other, tunnels={**other.tunnels, FIRST: copies})
    assert behaviour(other) == behaviour(whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("default: 100000", "default: 100001"),
        ("[web, ads, partner]", "[web, ads, partners]"),
        ("places: 2", "places: 3"),
        ("timezone: Europe/Moscow", "timezone: Europe/Berlin"),
        ("max_copies: 50", "max_copies: 51"),
        ("kickoff, setup", "{id: kickoff, requires: [account]}, setup"),
        ("kickoff, setup", "kickoff, {id: setup, outcome: lost}"),
        ("'vip'", "'vop'"),
        ("Onboarding: {{", "Onboarding {{"),
        ("[ann, bob, cem, ann]", "[bob, ann, cem, ann]"),
        ("mode: shadow", "mode: live"),
        ("existing: include", "existing: skip"),
        ("firings: 500", "firings: 501"),
        ("fields: all", "fields: none"),
        ("watch: false", "watch: true"),
    ],
)
def test_a_tunnel_is_another_when_it_would_do_otherwise(whole: Flow, before: str, after: str) -> None:
    amount = WHOLE.replace("{type: decimal, places: 2}", "decimal") if before == "places: 2" else None
    assert amount is None or behaviour(flow(amount)) == behaviour(whole)
    assert behaviour(edited(before, after)) != behaviour(whole)


def test_each_key_of_a_tunnel_counts(whole: Flow) -> None:
    """Every field of the class that counts by itself, so that a new one is not forgotten."""
    other: dict[str, object] = {
        "target": "onboarding.setup",
        "action": whole.tunnels["chase"].action,
        "when": None,
        "watch": True,
        "after": Duration(days=2),
        "at": At("call_at", Duration()),
        "window": "office",
        "once_per_deal": False,
        "unless_exists": None,
        "copies": (),
        "set": (("paid", Literal(False)), ("owner", Rotate(("ann",)))),
        "include_existing": False,
        "breaker": Breaker(1, 1),
        "mode": Mode.OFF,
        "origin": True,
        "origin_in": ("sales.won",),
    }
    assert {"id", "description", "sources", "calendar", *other} == {key.name for key in dataclasses.fields(Tunnel)}
    for key, value in other.items():
        assert behaviour(changed(whole, **{key: value})) != behaviour(whole), key


def test_a_calendar_counts_for_the_tunnels_that_use_it(whole: Flow) -> None:
    windowed = changed(whole, window="office")
    office = dataclasses.replace(whole.calendars["office"], closed=())
    other = dataclasses.replace(windowed, calendars={"office": office})
    assert behaviour(windowed) != behaviour(other)
    of_the_pipeline = changed(whole, after=Duration(business_days=1))
    other = dataclasses.replace(of_the_pipeline, calendars={"office": office})
    assert behaviour(of_the_pipeline) != behaviour(other)


def test_limits_count_for_all(whole: Flow) -> None:
    other = dataclasses.replace(whole, limits=Limits(1, 1, 1))
    assert all(behaviour(other, name) != behaviour(whole, name) for name in whole.tunnels)


def test_whether_a_field_that_is_read_has_a_default_counts_too(whole: Flow) -> None:
    amount = whole.fields["amount"]
    assert amount.default is None
    filled = dataclasses.replace(amount, default=Decimal(1))
    other = dataclasses.replace(whole, fields={**whole.fields, "amount": filled})
    assert behaviour(other) != behaviour(whole)


def test_what_a_route_does_hangs_on_no_other_stage_and_on_its_own_calendar(whole: Flow) -> None:
    elsewhere = changed(whole, sources=("sales.docs",))
    assert route_digest(elsewhere, FIRST, None) == route_digest(whole, FIRST, None)
    assert route_digest(whole, FIRST, "office") == route_digest(whole, FIRST, None)
    in_business = changed(whole, after=Duration(business_days=1), calendar=None)
    assert route_digest(in_business, FIRST, "office") != route_digest(in_business, FIRST, None)
    assert route_digest(in_business, FIRST, None) != route_digest(whole, FIRST, None)
    named = dataclasses.replace(in_business, calendars={**whole.calendars, "other": whole.calendars["office"]})
    named = changed(named, after=Duration(business_days=1), calendar="other")
    assert route_digest(named, FIRST, "office") != route_digest(in_business, FIRST, "office")
    assert route_digest(named, FIRST, "other") == route_digest(named, FIRST, None)
    assert route_digest(changed(whole, calendar="office"), FIRST, None) == route_digest(whole, FIRST, None)
