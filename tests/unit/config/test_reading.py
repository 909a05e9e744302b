"""How nodes are read: texts stay texts, and no mistake hides another."""

from __future__ import annotations

import pytest

from flowrun.diagnostics import Severity
from tests.unit.config.flows import PIPELINES, codes, flow, loaded, tunnel


def messages(*bodies: str) -> str:
    return "\n".join(f"{f.code} {f.span.line}:{f.span.column} {f.message}" for f in loaded(*bodies).findings)


def test_a_tunnel_with_a_bad_key_has_its_other_keys_checked() -> None:
    found = messages(
        tunnel(
            """
            from: sales.nwe
            to: sales.won
            action: copy
            after: soon
            when: deal.amuont > 1
            set: {seats: many}
            wacth: true
            """
        )
    )
    assert [line[:5] for line in found.splitlines()] == ["FR501", "FR405", "FR203", "FR409", "FR401"]


def test_a_tunnel_without_required_keys_has_its_condition_checked() -> None:
    assert codes(tunnel("when: deal.amuont > 1")) == ["FR402", "FR402", "FR402", "FR203"]


def test_a_misspelt_required_key_is_one_finding() -> None:
    assert codes(tunnel("{form: sales.new, to: sales.won, action: copy}")) == ["FR401"]


def test_a_field_of_unknown_type_is_one_finding() -> None:
    uses = "{from: sales.new, to: sales.won, action: copy, when: deal.size > 1, fields: [size], set: {size: 5}}"
    body = tunnel(uses).replace("  amount: decimal", "  amount: decimal\n  size: intger")
    assert codes(body) == ["FR404"]


def test_a_pipeline_with_an_unreadable_stage_is_one_finding() -> None:
    body = (
        PIPELINES.replace("kickoff,", "[kickoff],")
        + "tunnels:\n  t: {from: sales.new, to: onboarding.kickoff, action: copy}"
    )
    assert codes(body) == ["FR403"]


def test_a_file_that_is_no_yaml_hides_what_it_may_declare() -> None:
    uses = "tunnels:\n  t: {from: crm.new, to: sales.won, action: copy, when: deal.size > 1}"
    assert codes(PIPELINES + uses) == ["FR501", "FR203"]
    assert codes(PIPELINES + uses, "fields: [") == ["FR107"]


def test_near_misses_are_told_even_then() -> None:
    uses = "tunnels:\n  t: {from: sale.new, to: sales.won, action: copy, when: deal.acount == 'x'}"
    assert codes(PIPELINES + uses, "fields: [") == ["FR501", "FR203", "FR107"]


def test_a_loop_is_found_though_another_tunnel_is_wrong() -> None:
    body = PIPELINES + (
        "tunnels:\n"
        "  a: {from: sales.new, to: sales.docs, action: move}\n"
        "  b: {from: sales.docs, to: sales.new, action: move}\n"
        "  c: {from: sales.docs, to: sales.nowhere, action: move}\n"
    )
    assert codes(body) == ["FR301", "FR501"]


def test_a_loop_is_not_found_through_a_tunnel_whose_condition_is_wrong() -> None:
    body = PIPELINES + (
        "tunnels:\n"
        "  a: {from: sales.new, to: sales.docs, action: move}\n"
        "  b: {from: sales.docs, to: sales.new, action: move, when: deal.paidd}\n"
    )
    assert codes(body) == ["FR203"]


def test_without_errors_there_is_a_flow_and_with_one_there_is_none() -> None:
    assert loaded(PIPELINES).flow is not None
    assert loaded(PIPELINES, "colour: red").flow is None


def test_warnings_alone_leave_the_flow() -> None:
    result = loaded("pipelines: {p: {stages: [a]}}\ntunnels:")
    assert [(f.code, f.severity) for f in result.findings] == [("FR321", Severity.WARNING), ("FR410", Severity.WARNING)]
    assert result.flow is not None
    assert result.flow.tunnels == {}


@pytest.mark.parametrize("text", ["on", "no", "y", "12:30", "010", "1_000", "2026-01-02", "null", "true", "1e3", "~"])
def test_a_plain_text_stays_text(text: str) -> None:
    assert flow(PIPELINES + f"project: {text}").project == text
    assert flow(PIPELINES.replace("[web, ads]", f"[{text}]")).fields["source"].type.values == (text,)


@pytest.mark.parametrize("name", ["on", "no", "y", "null", "true", "off"])
def test_words_that_yaml_knows_are_ids_like_any(name: str) -> None:
    body = f"pipelines: {{{name}: {{stages: [{name}, {{id: z, outcome: won}}]}}}}\nfields: {{{name}: text}}"
    stages = flow(
        body + f"\ntunnels: {{{name}: {{from: {name}.{name}, to: {name}.z, action: move, after: 1d}}}}"
    ).stages
    assert f"{name}.{name}" in stages


@pytest.mark.parametrize("text", ["true", "True", "TRUE"])
def test_a_plain_boolean_is_one_in_each_spelling(text: str) -> None:
    assert flow(PIPELINES.replace("paid: boolean", f"paid: {{type: boolean, default: {text}}}")).fields["paid"].default


@pytest.mark.parametrize("text", ['"true"', "'true'", "yes", "on", "1"])
def test_nothing_else_is_a_boolean(text: str) -> None:
    assert codes(PIPELINES.replace("paid: boolean", f"paid: {{type: boolean, default: {text}}}")) == ["FR409"]
    assert codes(tunnel(f"{{from: sales.new, to: sales.won, action: copy, watch: {text}}}")) == ["FR404"]


def test_a_quoted_number_is_none() -> None:
    assert codes(PIPELINES + 'limits: {max_hops: "5"}') == ["FR404"]
    assert codes(PIPELINES.replace("seats: integer", 'seats: {type: integer, default: "5"}')) == ["FR409"]


def test_a_key_without_value_is_no_text() -> None:
    assert codes(PIPELINES + "project:") == ["FR404"]
    assert codes(tunnel("from: sales.new\nto: sales.won\naction: copy\nafter:\nwhen:")) == ["FR404", "FR404"]


def test_a_message_is_one_line_whatever_the_value() -> None:
    for finding in loaded(PIPELINES + 'timezone: "a\\nb\\u202Ec"\nlimits: {max_hops: "' + "x" * 5000 + '"}').findings:
        assert finding.message.isprintable()
        assert len(finding.message) < 200


def test_a_finding_in_a_block_scalar_has_its_place_there() -> None:
    found = messages(tunnel("from: sales.new\nto: sales.won\naction: copy\nwhen: |\n  deal.paid and\n\n    deal.nope"))
    assert found == "FR203 24:14 a deal has no field 'nope'"


def test_all_files_are_told_about_at_once() -> None:
    result = loaded(PIPELINES + "projcet: a", "tunels: {}", "fields: {x: txt}")
    assert [finding.span.file for finding in result.findings] == ["flow-0.yaml", "flow-1.yaml", "flow-2.yaml"]
