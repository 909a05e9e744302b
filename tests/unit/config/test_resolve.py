"""What the keys of the format come to mean."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from flowrun.calendars.durations import DAY, HOUR, Duration
from flowrun.expr import Template
from flowrun.expr.types import Kind, Type, decimal, enum
from flowrun.flow.model import (
    Action,
    At,
    Breaker,
    Calendar,
    Field,
    Limits,
    Literal,
    Mode,
    Moved,
    Outcome,
    Place,
    Rails,
    Removed,
    Rotate,
    SourceSpec,
    Stage,
    UnlessExists,
    Var,
)
from tests.unit.config.flows import PIPELINES, WHOLE, codes, flow, loaded, tunnel

NINE, TEN, NOON, ONE, SIX = (hour * HOUR for hour in (9, 10, 12, 13, 18))


def test_settings_types_and_pipelines_of_the_whole_format() -> None:
    whole = flow(WHOLE)
    assert (whole.project, whole.timezone, whole.source) == ("acme-sales", "Europe/Moscow", SourceSpec("store"))
    assert whole.vars == {"big": Var("big", decimal(2), Decimal("100000.00"))}
    assert list(whole.fields) == [
        "amount", "currency", "source", "account", "paid", "contract", "renewal_on", "call_at", "seats", "tags",
    ]  # fmt: skip
    assert whole.fields["currency"] == Field("currency", enum("RUB", "EUR", "USD"), "RUB")
    assert whole.fields["paid"] == Field("paid", Type(Kind.BOOLEAN), False)
    assert whole.fields["seats"] == Field("seats", Type(Kind.INTEGER), None)
    workday = ((NINE, SIX),)
    assert whole.calendars["office"] == Calendar(
        id="office",
        timezone="Europe/Berlin",
        hours=(*[workday] * 5, ((TEN, NOON), (ONE, DAY)), ()),
        declared=(0, 1, 2, 3, 4, 5),
        holidays="DE-BY",
        closed=(date(2026, 12, 31),),
        open=(date(2026, 12, 26),),
    )
    assert whole.pipelines["sales"].name == "Продажи"
    assert whole.pipelines["sales"].calendar == "office"
    assert whole.stages["sales.won"] == Stage("sales.won", "Успешно", Outcome.WON)
    assert whole.stages["onboarding.live"] == Stage("onboarding.live", "live", Outcome.WON, ("contract", "owner"))
    assert whole.moved == (
        Moved("stage", "sales.invoice", "sales.prepayment"),
        Moved("pipeline", "buying", "sales"),
        Moved("tunnel", "old", "chase"),
        Moved("field", "sum", "amount"),
    )
    assert whole.removed == (Removed("sales.parked", "sales.new"),)
    assert whole.limits == Limits(5, 50, 2 * DAY)
    assert whole.rails == Rails(0, 100, 30)
    assert (whole.environment, whole.confirm) == (None, None)


def test_tunnels_of_the_whole_format() -> None:
    whole = flow(WHOLE)
    first, renewal, chase, closes = whole.tunnels.values()
    assert (first.sources, first.target, first.action) == (("sales.won",), "onboarding.kickoff", Action.COPY)
    assert first.description == "Every big signed deal starts onboarding."
    assert first.when is not None
    assert first.when.reads == {"amount", "source", "tags"}
    assert (first.watch, first.once_per_deal, first.include_existing, first.mode) == (False, True, True, Mode.SHADOW)
    assert first.after == Duration(days=1, ms=12 * HOUR)
    assert first.unless_exists == UnlessExists(("account",), "onboarding", open=True)
    assert first.copies == tuple(whole.fields)
    assert first.breaker == Breaker(500, DAY)
    settings = dict(first.set)
    assert list(settings) == ["title", "owner", "paid", "account", "tags", "call_at"]
    assert isinstance(settings["title"], Template)
    assert settings["owner"] == Rotate(("ann", "bob", "cem", "ann"))
    assert settings["paid"] == Literal(True)
    assert settings["account"] == Literal(None)
    assert settings["tags"] == Literal(("a", "b"))
    assert settings["call_at"] == Literal(1_774_740_600_000)  # 02:30 in Moscow, which has no summer time: 23:30 UTC
    assert renewal.at == At("renewal_on", Duration(days=-90), NINE)
    assert renewal.copies == ("account", "tags")
    assert renewal.unless_exists == UnlessExists(("account", "title"), "onboarding", open=False)
    assert (renewal.watch, renewal.once_per_deal, renewal.include_existing, renewal.mode) == (
        True, False, False, Mode.LIVE,
    )  # fmt: skip
    assert (renewal.when, renewal.after, renewal.breaker, renewal.origin, renewal.origin_in) == (
        None, None, None, False, None,
    )  # fmt: skip
    open_ = ("sales.docs", "sales.prepayment", "sales.delivered")
    assert chase.sources == (*open_, "onboarding.kickoff", "onboarding.setup", "onboarding.live")
    assert chase.copies == ()
    assert (closes.origin, closes.origin_in) == (True, ("sales.won",))


def test_what_is_not_written_has_its_default() -> None:
    bare = flow("pipelines: {p: {stages: [a, {id: b, outcome: won}]}}")
    assert (bare.project, bare.timezone, bare.source) == ("flows", "UTC", SourceSpec("store"))
    assert (bare.limits, bare.rails) == (Limits(10, 100, DAY), Rails(1000, 20))
    assert bare.pipelines["p"].name == "p"


def test_a_wildcard_has_neither_the_target_nor_what_except_takes_out() -> None:
    wild = flow(tunnel("{from: sales.*, except: [sales.won], to: sales.lost, action: move, after: 1d}"))
    assert wild.tunnels["t"].sources == ("sales.new", "sales.docs")


def test_sources_stand_once_and_in_the_order_of_the_pipelines() -> None:
    one = flow(tunnel("{from: [sales.won, sales.new, sales.*], to: onboarding.kickoff, action: copy}"))
    assert one.tunnels["t"].sources == ("sales.new", "sales.docs", "sales.won", "sales.lost")


def test_fields_none_copies_none_and_title_may_be_listed() -> None:
    keys = "from: sales.new, to: sales.won, action: copy"
    assert flow(tunnel(f"{{{keys}, fields: none}}")).tunnels["t"].copies == ()
    assert flow(tunnel(f"{{{keys}, fields: [title, seats]}}")).tunnels["t"].copies == ("seats",)
    assert len(flow(tunnel(f"{{{keys}}}")).tunnels["t"].copies) == 8


def test_files_share_one_namespace_in_the_order_of_their_names() -> None:
    parts = [
        "fields: {a: text}\ntunnels: {x: {from: p.a, to: p.b, action: move, when: deal.b == 'x'}}",
        "fields: {b: text}\npipelines: {p: {stages: [a, {id: b, outcome: won}]}}",
        "tunnels: {w: {from: p.b, to: q.c, action: copy}}\npipelines: {q: {stages: [{id: c, outcome: won}]}}",
    ]
    whole = flow(*parts)
    assert list(whole.fields) == ["a", "b"]
    assert list(whole.tunnels) == ["x", "w"]
    assert list(whole.pipelines) == ["p", "q"]


def test_an_environment_overrides_and_the_others_do_not() -> None:
    staging = flow(WHOLE, environment="staging")
    assert staging.environment == "staging"
    assert staging.vars["big"].value == Decimal("1.00")
    assert staging.tunnels["chase"].mode is Mode.OFF
    assert staging.tunnels["won-to-onboarding"].mode is Mode.SHADOW
    assert staging.limits == Limits(7, 50, 2 * DAY)
    assert staging.rails == Rails(0, 1, 30)
    prod = flow(WHOLE, environment="prod")
    assert (prod.confirm, prod.vars["big"].value) == ("plan", Decimal("100000.00"))


def test_a_variable_of_the_command_line_overrides_the_environment() -> None:
    assert flow(WHOLE, environment="staging", big="7.5").vars["big"].value == Decimal("7.50")
    assert flow(WHOLE, big="").vars["big"].value is None


def test_a_variable_without_default_may_come_from_outside() -> None:
    body = PIPELINES + "vars: {n: {type: integer}}\nenvironments: {dev: {vars: {n: 5}}}"
    assert codes(body) == ["FR402"]
    assert flow(body, environment="dev").vars["n"].value == 5
    assert flow(body, n="6").vars["n"].value == 6
    assert flow(PIPELINES + "vars: {n: {type: integer, default: null}}").vars["n"].value is None


def test_every_environment_is_checked_whichever_is_chosen() -> None:
    body = WHOLE + "  dev: {vars: {big: many}}\n"
    assert codes(body) == ["FR409"]
    assert [f.code for f in loaded(body, environment="prod").findings] == ["FR409"]
    assert [f.code for f in loaded(body, environment="dev").findings] == ["FR409"]


def test_conditions_see_the_values_of_variables_after_overrides() -> None:
    body = PIPELINES + "vars: {kind: {type: text, default: web}}\ntunnels:\n  t: {from: sales.new, to: sales.won, "
    body += "action: copy, when: deal.source == vars.kind}"
    assert codes(body) == []
    assert codes(body, kind="webb") == ["FR215"]


def test_places_name_the_line_of_each_thing() -> None:
    places = loaded(PIPELINES, "tunnels:\n  t:\n    from: sales.new\n    to: sales.won\n    action: copy").places
    assert places["sales"] == Place("flow-0.yaml", 3, 3)
    assert places["sales.won"] == Place("flow-0.yaml", 4, 30)
    assert places["fields.amount"] == Place("flow-0.yaml", 8, 3)
    assert places["tunnels.t"] == Place("flow-1.yaml", 3, 3)
    assert places["tunnels.t.from"] == Place("flow-1.yaml", 4, 5)
    whole = loaded(WHOLE).places
    assert whole["settings/timezone"].line == 3
    assert {"calendars/office", "environments/prod", "vars.big", "settings/limits"} <= whole.keys()


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("{from: sales.a, to: sales.b}", "{from: sales.b, to: sales.new}"),
        ("{from: sales.a, to: crm.docs}", "{from: crm, to: sales}"),
        ("{from: fields.a, to: fields.b}", "{from: fields.b, to: fields.amount}"),
    ],
)
def test_what_a_rename_leads_to_may_be_renamed_again(later: str, earlier: str) -> None:
    assert codes(PIPELINES + f"moved: [{later}, {earlier}]") == []
    assert codes(PIPELINES + f"moved: [{later}]") != []


def test_what_a_rename_leads_to_may_be_removed_since() -> None:
    body = PIPELINES + "moved: [{from: sales.a, to: sales.b}]\n"
    assert codes(body) == ["FR501"]
    assert codes(body + "removed: [{stage: sales.b, deals: {to: sales.new}}]") == []


def test_business_time_takes_the_calendar_of_the_pipelines_else_the_only_one() -> None:
    office = "office: {hours: {mon: '09:00-10:00'}}"
    other = "other: {hours: {mon: '09:00-10:00'}}"
    one = tunnel("{from: sales.new, to: sales.won, action: copy, after: 2bd}")
    assert codes(one) == ["FR503"]
    assert flow(one + f"\ncalendars: {{{office}}}").tunnels["t"].calendar == "office"
    assert codes(one + f"\ncalendars: {{{office}, {other}}}") == ["FR503"]
    named = one.replace("    stages: [new", "    calendar: other\n    stages: [new")
    assert flow(named + f"\ncalendars: {{{office}, {other}}}").tunnels["t"].calendar == "other"
    given = named.replace("after: 2bd", "after: 2bd, calendar: office")
    assert flow(given + f"\ncalendars: {{{office}, {other}}}").tunnels["t"].calendar == "office"


def test_pipelines_that_differ_leave_it_to_the_deal() -> None:
    calendars = "\ncalendars: {a: {hours: {mon: '09:00-10:00'}}, b: {hours: {mon: '09:00-10:00'}}}"
    one = tunnel("{from: [sales.new, onboarding.kickoff], to: sales.won, action: copy, after: 2bd}") + calendars
    assert codes(one) == ["FR503"]
    half = one.replace("  sales:\n", "  sales:\n    calendar: a\n")
    assert codes(half) == ["FR503"]
    whole = flow(half.replace("  onboarding:\n", "  onboarding:\n    calendar: b\n"))
    assert whole.tunnels["t"].calendar is None
    assert (whole.pipelines["sales"].calendar, whole.pipelines["onboarding"].calendar) == ("a", "b")


def test_a_calendar_is_not_missed_where_it_may_be_or_has_been_reported() -> None:
    one = tunnel("{from: sales.new, to: sales.won, action: copy, after: 2bd}")
    assert "FR503" not in codes(one, "calendars: {office: [")
    assert codes(one.replace("    stages: [new", "    calendar: other\n    stages: [new")) == ["FR503"]
    assert codes(one.replace("2bd", "2bd, calendar: ")) == ["FR404"]


def test_a_window() -> None:
    one = tunnel("{from: sales.new, to: sales.won, action: copy, window: office}")
    assert codes(one) == ["FR503"]
    windowed = flow(one + "\ncalendars: {office: {hours: {mon: '09:00-10:00'}}}").tunnels["t"]
    assert (windowed.window, windowed.calendar) == ("office", None)


def test_calendars_alone_are_no_error() -> None:
    body = "{from: sales.new, to: sales.won, action: copy, calendar: office, after: 2d}"
    assert codes(tunnel(body) + "\ncalendars: {office: {hours: {mon: '09:00-10:00'}}}") == []
