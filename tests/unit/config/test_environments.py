"""Environments: where their values stand, and what is only found where one is chosen."""

from __future__ import annotations

import pytest

from flowrun.config import Loaded, environments, load_texts
from flowrun.flow.model import Place, SecretRef, Webhook

HEAD = """\
flowrun: 1
fields: {source: {type: enum, values: [web, ads]}}
vars:
  channel: {type: enum, values: [web, shop], default: web}
  floor: {type: integer}
pipelines:
  sales: {stages: [new, {id: won, outcome: won}]}
tunnels:
  t: {from: sales.new, to: sales.won, action: move, when: deal.source == vars.channel and vars.floor > 1}
  u: {from: sales.new, to: sales.won, action: copy, when: deal.source is none}
limits: {max_copies: 7}
environments:
"""
PROD = """\
  prod:
    vars:
      channel: web
      floor: 5
    tunnels:
      t: {mode: shadow}
    limits: {max_hops: 5}
    rails: {share: 30}
    source: {type: store}
    confirm: plan
"""


def loaded(body: str, environment: str | None = None, *, everywhere: bool = False, **variables: str) -> Loaded:
    return load_texts(
        {"a.yaml": (HEAD + body).encode()}, environment=environment, variables=variables, everywhere=everywhere
    )


def origins(of: Loaded) -> dict[str, Place]:
    assert of.flow is not None, of.findings
    return {path.removeprefix("from/"): place for path, place in of.places.items() if path.startswith("from/")}


def test_each_value_of_the_chosen_environment_has_its_place() -> None:
    found = loaded(PROD, "prod")
    assert origins(found) == {
        "vars.channel.value": Place("a.yaml", 15, 7),
        "vars.floor.value": Place("a.yaml", 16, 7),
        "tunnels.t.mode": Place("a.yaml", 18, 11),
        "settings/limits.max_hops": Place("a.yaml", 19, 14),
        "settings/rails.share": Place("a.yaml", 20, 13),
        "settings/source.type": Place("a.yaml", 21, 5),
        "settings/confirm.value": Place("a.yaml", 22, 5),
    }
    assert found.places["settings/environment"] == Place("a.yaml", 13, 3)
    assert found.places["settings/confirm"] == Place("a.yaml", 22, 5)
    assert found.places["vars.channel"] == Place("a.yaml", 4, 3)
    assert found.places["settings/limits"] == Place("a.yaml", 11, 1)


def test_the_command_line_comes_before_the_environment() -> None:
    found = origins(loaded(PROD, "prod", floor="7", channel="web"))
    assert found["vars.floor.value"] == Place("--var", 1, 1)
    assert found["vars.channel.value"] == Place("--var", 2, 1)
    assert origins(loaded(PROD, floor="7")) == {"vars.floor.value": Place("--var", 1, 1)}


def test_what_every_environment_gives_needs_no_default_where_all_are_looked_at() -> None:
    assert [one.code for one in loaded(PROD).findings] == ["FR402"]
    assert loaded(PROD, everywhere=True).findings == ()
    assert [one.code for one in loaded(PROD + "  dev: {confirm: plan}\n", everywhere=True).findings] == ["FR402"]
    assert [one.code for one in loaded("  dev: {confirm: plan}\n", everywhere=True).findings] == ["FR402"]
    assert loaded(PROD, "prod", everywhere=True).findings == ()


def test_what_is_wrong_in_an_environment_only_names_it() -> None:
    dev = "  dev: {vars: {channel: shop, floor: 2}}\n"
    (only,) = loaded(PROD + dev, everywhere=True).findings
    assert (only.code, only.message) == ("FR215", "in the environment 'dev': deal.source never is vars.channel")
    assert only.related[-1].span.line == 23
    assert loaded(PROD + dev, "prod", everywhere=True).findings == ()
    (plain,) = loaded(PROD + dev, "dev", everywhere=True).findings
    assert plain.message == "deal.source never is vars.channel"
    many = "".join(f"  dev{number}: {{vars: {{channel: shop, floor: 2}}}}\n" for number in range(5))
    (once,) = loaded(PROD + many, everywhere=True).findings
    assert once.message.startswith("in the environments 'dev0', 'dev1', 'dev2' and 2 more: ")


def test_the_work_for_other_environments_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    dev = "  dev: {vars: {channel: shop, floor: 2}}\n"
    monkeypatch.setattr(environments, "MAX_RESOLVED", 3)  # two tunnels: prod is looked at, dev is not any more
    assert loaded(PROD + dev, everywhere=True).findings == ()
    assert len(loaded(dev + PROD, everywhere=True).findings) == 1


WEBHOOKS = """\
  prod: {vars: {floor: 1}, webhooks: {crm: {url: "https://prod.example", secret: [{env: A}, {file: b}]}}}
  test: {vars: {floor: 1}, webhooks: {}}
  dev: {vars: {floor: 1}}
webhooks:
  all: {url: "http://10.0.0.1:8080/x?y=z", secret: {env: A}, tunnels: [t], results: [fired, parked]}
"""


def test_an_environment_s_webhooks_stand_in_place_of_all() -> None:
    dev, test, prod = (loaded(WEBHOOKS, name).flow for name in ("dev", "test", "prod"))
    assert dev is not None
    assert test is not None
    assert prod is not None
    one = Webhook("all", "http://10.0.0.1:8080/x?y=z", (SecretRef(env="A"),), ("t",), ("fired", "parked"))
    assert dev.webhooks == {"all": one}
    assert test.webhooks == {}
    assert prod.webhooks == {"crm": Webhook("crm", "https://prod.example", (SecretRef(env="A"), SecretRef(file="b")))}
    assert loaded(WEBHOOKS, "prod").places["webhooks/crm"] == Place("a.yaml", 13, 39)
