"""Mappings: from a file and from options, and everything that is wrong with them, each at its place."""

from __future__ import annotations

from flowrun.diagnostics import Diagnostic, Span
from flowrun.sources.mapping import Draft, Given, ImportMap, checked, missing, pair, read_mapping
from tests.unit.store.example import NOON, flow, instant

FLOW = flow()
_PLACE = Span("command line", 1, 1, 1, 2)


def _given(text: str) -> Given:
    return Given(text, _PLACE)


def _draft(text: str) -> Draft:
    draft, findings, _ = read_mapping(text.encode(), "crm.yaml")
    assert not findings
    return draft


def _mapping(text: str) -> ImportMap:
    mapping, findings = checked(_draft(text), FLOW, NOON)
    assert not findings
    return mapping


def _found(findings: tuple[Diagnostic, ...]) -> list[tuple[str, str, int, int]]:
    return [(found.code, found.message, found.span.line, found.span.column) for found in findings]


def _wrong(text: str) -> list[tuple[str, str, int, int]]:
    draft, findings, _ = read_mapping(text.encode(), "crm.yaml")
    return _found((*findings, *checked(draft, FLOW, NOON)[1]))


def test_a_whole_mapping() -> None:
    found = _mapping(
        """
map:
  Number: id
  Deal name: title
  "Value, net": amount
at_column: Status
stages:
  Open: sales.new
  "yes": sales.won
date_format: "%d.%m.%Y"
delimiter: ";"
decimal: ","
entered_at: 2026-01-01T00:00
"""
    )
    columns = {name: column.text for name, column in found.columns.items()}
    assert columns == {"id": "Number", "title": "Deal name", "amount": "Value, net"}
    assert found.at_column is not None
    assert found.at_column.text == "Status"
    assert found.stages == {"Open": "sales.new", "yes": "sales.won"}
    assert (found.date_format, found.delimiter, found.decimal) == ("%d.%m.%Y", ";", ",")
    assert found.entered_at == instant("2026-01-01T00:00+01:00")


def test_what_is_not_said() -> None:
    found = _mapping("at: sales.new")
    assert {name: column.text for name, column in found.columns.items()} == {"id": "id"}
    assert found == ImportMap(columns=found.columns, at="sales.new")
    assert (found.delimiter, found.decimal, found.date_format, found.entered_at) == (",", ".", None, None)


def test_tabulators_have_a_name() -> None:
    assert _mapping("delimiter: tab").delimiter == "\t"
    assert _mapping(r"delimiter: '\t'").delimiter == "\t"
    assert _mapping(r'delimiter: "\t"').delimiter == "\t"


def test_all_mistakes_of_form_come_at_once() -> None:
    assert _wrong("maps: {A: title}\nat: [sales.new]\nmap: title\nstages: {Open: }\n1: x\n") == [
        ("FR601", "a mapping has no key 'maps'", 1, 1),
        ("FR601", "'at' takes a text", 2, 5),
        ("FR601", "'map' takes keys and values, for example 'Deal: title'", 3, 6),
        ("FR601", "'Open' takes a text", 4, 15),
        ("FR601", "a mapping has no key '1'", 5, 1),
    ]
    assert _wrong("") == [("FR601", "the mapping is empty", 1, 1)]
    assert _wrong("- a\n") == [("FR601", "a mapping has keys, such as 'map' and 'at_column'", 1, 1)]
    assert [code for code, *_ in _wrong("at: sales.new\nat: sales.won\n")] == ["FR120"]


def test_all_mistakes_of_meaning_come_at_once() -> None:
    text = """\
map: {A: titel, B: amount, C: amount, D: stage, E: created_at, F: entered_at}
at: sales.nwe
at_column: S
stages: {Open: sales.opn}
date_format: "%d.%m"
delimiter: ab
decimal: ";"
entered_at: 2026-04-01T00:00
"""
    assert _wrong(text) == [
        ("FR602", "a deal has no field 'titel'", 1, 10),
        ("FR603", "a second column is mapped to 'amount'", 1, 31),
        ("FR602", "a column of stages is given by 'at_column'", 1, 42),
        ("FR602", "'created_at' is kept by flowrun and can't be imported", 1, 52),
        ("FR605", "'at' and 'at_column' exclude each other", 2, 5),
        ("FR605", "'entered_at' is given for all deals and by a column", 8, 13),
        ("FR604", "there is no stage 'sales.nwe'", 2, 5),
        ("FR604", "there is no stage 'sales.opn'", 4, 16),
        ("FR606", "'%d.%m' says no year; write for example %d.%m.%Y", 5, 14),
        ("FR606", "'ab' is no delimiter; expected one sign such as ';', or tab", 6, 12),
        ("FR606", "';' is no decimal sign; expected '.' or ','", 7, 10),
        ("FR606", "2026-03-31T22:00:00.000Z is in the future", 8, 13),
    ]


def test_stages_need_a_column() -> None:
    assert _wrong("stages: {Open: sales.new}") == [
        ("FR605", "'stages' needs 'at_column': the column that holds these values", 1, 10)
    ]


def test_hints() -> None:
    _, findings = checked(_draft("map: {A: titel}\nat: sales.nwe"), FLOW, NOON)
    assert [found.help for found in findings] == ["did you mean 'title'?", "did you mean 'sales.new'?"]


def test_options_count_before_the_file() -> None:
    file = _draft("map: {A: title, B: amount}\nat: sales.new\nstages: {x: sales.new}\ndelimiter: ';'\ndecimal: ','")
    options = Draft(
        columns=((_given("B"), _given("seats")), (_given("C"), _given("owner"))),
        at_column=_given("S"),
        decimal=_given("."),
    )
    both = options.over(file)
    assert [(column.text, target.text) for column, target in both.columns] == [
        ("B", "seats"),
        ("C", "owner"),
        ("A", "title"),
    ]
    assert both.at is None
    assert both.at_column is options.at_column
    assert both.stages == file.stages
    assert (both.delimiter, both.decimal) == (file.delimiter, options.decimal)
    assert Draft(at=_given("sales.won")).over(_draft("at_column: S\nstages: {x: sales.new}")).stages == ()


def test_pairs_of_options() -> None:
    given = Given("Value=net=amount", Span("command line", 3, 7, 3, 23))
    found = pair(given, "column=field")
    assert found == (
        Given("Value=net", Span("command line", 3, 7, 3, 16)),
        Given("amount", Span("command line", 3, 17, 3, 23)),
    )
    for text in ("amount", "=amount", "amount=", "="):
        problem = pair(Given(text, _PLACE), "column=field")
        assert isinstance(problem, Diagnostic)
        assert problem.message == f"expected column=field, found '{text}'"


def _missing(mapping: ImportMap, header: tuple[str, ...]) -> list[tuple[str, str | None, str]]:
    findings = missing(mapping, header, "deals.csv")
    return [(found.message, found.help, found.span.file) for found in findings]


def test_a_header_has_all_mapped_columns() -> None:
    mapping = _mapping("map: {Nr: id, Deal: title}\nat_column: Stage")
    assert _missing(mapping, ("Nr", "Other", "Deal", "Stage", "", "")) == []
    assert _missing(mapping, ("Nr", "Dael", "Nr", "Nr")) == [
        ("the column 'Nr' comes twice in the header", None, "deals.csv"),
        ("deals.csv has no column 'Deal'", "did you mean 'Dael'?", "crm.yaml"),
        ("deals.csv has no column 'Stage'", None, "crm.yaml"),
    ]


def test_an_id_must_be_there() -> None:
    mapping = _mapping("at: sales.new")
    assert _missing(mapping, ("id", "x")) == []
    assert _missing(mapping, ("Nr", "x")) == [
        (
            "no column is the id: there is none named 'id', and none is mapped to it",
            "say which one is: --map COLUMN=id",
            "deals.csv",
        )
    ]


def test_another_delimiter_is_suspected() -> None:
    ((_, help_, _),) = _missing(_mapping("at: sales.new"), ("id;Deal",))
    assert help_ == "it has only one; is the delimiter ';'?"
    ((_, help_, _),) = _missing(_mapping("at: sales.new"), ("id\tDeal",))
    assert help_ == "it has only one; is the delimiter a tabulator?"
