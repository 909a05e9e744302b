"""Texts of flows that several tests use, and short ways to load some."""

from __future__ import annotations

import textwrap

from flowrun.config import Loaded, load_texts
from flowrun.flow.model import Flow

PIPELINES = """
pipelines:
  sales:
    stages: [new, docs, {id: won, outcome: won}, {id: lost, outcome: lost}]
  onboarding:
    stages: [kickoff, {id: live, outcome: won}]
fields:
  amount: decimal
  account: text
  source: {type: enum, values: [web, ads]}
  paid: boolean
  signed_on: date
  call_at: datetime
  seats: integer
  labels: tags
"""

WHOLE = """
project: acme-sales
timezone: Europe/Moscow
vars:
  big: {type: decimal, default: 100000}
fields:
  amount:     {type: decimal, places: 2}
  currency:   {type: enum, values: [RUB, EUR, USD], default: RUB}
  source:     {type: enum, values: [web, ads, partner]}
  account:    text
  paid:       {type: boolean, default: false}
  contract:   text
  renewal_on: date
  call_at:    datetime
  seats:      integer
  tags:       tags
calendars:
  office:
    timezone: Europe/Berlin
    hours: {mon-fri: "09:00-18:00", sat: ["10:00-12:00", "13:00-24:00"]}
    holidays: DE-BY
    closed: [2026-12-31]
    open: [2026-12-26]
pipelines:
  sales:
    name: Продажи
    calendar: office
    stages:
      - {id: new, name: Новая}
      - {id: docs, name: Подготовка документов}
      - {id: prepayment, name: Счёт на предоплату}
      - {id: won, name: Успешно, outcome: won}
      - {id: delivered, name: Сдано, outcome: won}
      - {id: lost, name: Провал, outcome: lost}
  onboarding:
    stages: [kickoff, setup, {id: live, outcome: won, requires: [contract, owner]}]
tunnels:
  won-to-onboarding:
    description: Every big signed deal starts onboarding.
    from: sales.won
    except: []
    to: onboarding.kickoff
    action: copy
    when: deal.amount >= vars.big and deal.source in ['web', 'ads'] and 'vip' not in deal.tags
    watch: false
    after: 1d12h
    once: deal
    unless_exists: {same: [account]}
    fields: all
    set:
      title: "Onboarding: {{ deal.title }}"
      owner: {rotate: [ann, bob, cem, ann]}
      paid: true
      account: null
      tags: [b, a, b]
      call_at: 2026-03-29T02:30
    existing: include
    breaker: {firings: 500, per: 1d}
    mode: shadow
  renewal:
    from: sales.won
    to: sales.new
    action: copy
    fields: [tags, account]
    at: {field: renewal_on, offset: -90d, time: "09:00"}
    unless_exists: {same: [account, title], open: false, in: onboarding}
  chase:
    from: [onboarding.*, sales.*]
    except: [sales.new, sales.won]
    to: sales.lost
    action: move
    after: 90d
    when: deal.paid
  live-closes-sale:
    from: onboarding.live
    to: sales.delivered
    action: move
    which: origin
    origin_in: [sales.won]
moved:
  - {from: sales.invoice, to: sales.prepayment}
  - {from: buying, to: sales}
  - {from: tunnels.old, to: tunnels.chase}
  - {from: fields.sum, to: fields.amount}
removed:
  - {stage: sales.parked, deals: {to: sales.new}}
source: {type: store}
limits: {max_hops: 5, max_copies: 50, per: 2d}
rails: {existing: 0, share: 100, deleted: 30}
environments:
  staging: {vars: {big: 1}, tunnels: {chase: {mode: "off"}}, limits: {max_hops: 7}, rails: {share: 1}}
  prod: {confirm: plan, source: {type: store}}
"""
"""Nearly every key of the format, most of them with another value than the default."""


def texts(*bodies: str) -> dict[str, bytes]:
    """Files `flow-0.yaml`, `flow-1.yaml`, … of those bodies, each with its version."""
    return {
        f"flow-{number}.yaml": ("flowrun: 1\n" + textwrap.dedent(body).strip("\n") + "\n").encode()
        for number, body in enumerate(bodies)
    }


def loaded(*bodies: str, environment: str | None = None, **variables: str) -> Loaded:
    """What these files load as."""
    return load_texts(texts(*bodies), environment=environment, variables=variables)


def flow(*bodies: str, environment: str | None = None, **variables: str) -> Flow:
    """The flow of these files, which have no errors."""
    result = loaded(*bodies, environment=environment, **variables)
    assert result.flow is not None, result.findings
    return result.flow


def codes(*bodies: str, **variables: str) -> list[str]:
    """The codes of what is found in these files, in the order of the places."""
    return [finding.code for finding in loaded(*bodies, **variables).findings]


def tunnel(body: str) -> str:
    """The usual pipelines with one tunnel, `t`, that has these keys."""
    return PIPELINES + "tunnels:\n  t:\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
