"""The rules of the work that is measured: ten tunnels that move and ten that copy; each condition holds for 30 %.

It imports nothing of flowrun, nor a driver, so that who does the work by hand pays for neither.
"""

from __future__ import annotations

from typing import NamedTuple

NOW = "2026-03-06T12:00Z"
NOW_MS = 1_772_798_400_000

CONDITIONS = (
    (
        "deal.amount >= 40000 and deal.source in ['web', 'ads'] and deal.seats < 75",
        "amount >= 4000000 AND source IN ('web', 'ads') AND seats < 75",
    ),
    (
        "deal.seats >= 50 and deal.currency != 'EUR' and deal.amount < 90000",
        "seats >= 50 AND currency <> 'EUR' AND amount < 9000000",
    ),
    (
        "deal.amount < 50000 and (deal.source == 'partner' or deal.seats > 30)",
        "amount < 5000000 AND (source = 'partner' OR seats > 30)",
    ),
    ("deal.currency == 'RUB' and deal.amount > 10000", "currency = 'RUB' AND amount > 1000000"),
)
"""(flowrun's condition, the same in SQL): each holds for about 30 % of the deals."""


class Rule(NamedTuple):
    """A tunnel: which stage it leaves, where to, whether it copies or moves, and the number of its condition."""

    id: str
    source: str
    target: str
    action: str
    condition: int


def tunnels() -> list[Rule]:
    """Ten moves and ten copies, without a cycle."""
    made = []
    for number in range(20):
        source = max(number - 1, 0)
        action = "copy" if number % 2 == 0 else "move"
        made.append(Rule(f"t{number:02d}", stage(source), stage(source + 1), action, number % len(CONDITIONS)))
    return made


def by_stage() -> dict[str, list[Rule]]:
    """The tunnels by the stage that they leave, the last stage first."""
    found: dict[str, list[Rule]] = {}
    for rule in tunnels():
        found.setdefault(rule.source, []).append(rule)
    return dict(sorted(found.items(), reverse=True))


def stage(number: int) -> str:
    """The reference of the n-th stage, over four pipelines."""
    return f"p{number // 5}.s{number % 5}"


def flow_text() -> str:
    """The flow as YAML."""
    lines = [
        "flowrun: 1",
        "project: bench",
        "fields:",
        "  amount: {type: decimal, places: 2}",
        "  currency: {type: enum, values: [RUB, EUR, USD]}",
        "  source: {type: enum, values: [web, ads, partner]}",
        "  seats: integer",
        "  account: text",
        "limits: {max_copies: 1000, max_hops: 50}",
        "pipelines:",
    ]
    lines += [f"  p{pipeline}: {{stages: [s0, s1, s2, s3, s4]}}" for pipeline in range(4)]
    lines.append("tunnels:")
    for rule in tunnels():
        lines += [f"  {rule.id}:", f"    from: {rule.source}", f"    to: {rule.target}", f"    action: {rule.action}"]
        lines.append(f"    when: {CONDITIONS[rule.condition][0]}")
    return "\n".join(lines) + "\n"
