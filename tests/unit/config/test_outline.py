"""The outline of a project: what a picture of it shows, also where its files have mistakes."""

from __future__ import annotations

from flowrun.config.outline import Outline, outline
from flowrun.flow.model import Action, Mode, Outcome
from flowrun.yamldoc import read_document

FLOW = """\
flowrun: 1
project: acme
fields:
  amount: {type: decimal, default: 5}
  source: {type: enum, values: [web, ads]}
  note: text
  odd: {type: colour}
vars: {big: {type: decimal, places: 3, default: "1"}}
calendars: {office: {hours: {}}}
pipelines:
  sales:
    name: Продажи
    calendar: office
    stages:
    - new
    - {id: won, name: Won, outcome: won, requires: [note]}
    - {id: lost, outcome: perhaps}
    - {id: new, name: a second one}
    - {name: no id}
tunnels:
  all:
    from: sales.*
    except: [sales.lost]
    to: sales.won
    action: move
    set: {note: null, amount: "null", tags: [a, {b: c}]}
"""


def read(*texts: str) -> Outline:
    return outline({f"{n}.yaml": read_document(text.encode(), f"{n}.yaml") for n, text in enumerate(texts)})


def test_everything_that_is_drawn() -> None:
    project = read(FLOW)
    assert (project.project, project.timezone, project.calendars) == ("acme", "UTC", ("office",))
    assert [(one.id, one.type, one.values, one.places, one.default) for one in (*project.fields, *project.vars)] == [
        ("amount", "decimal", None, 2, "5"),
        ("source", "enum", ("web", "ads"), None, None),
        ("note", "text", None, None, None),
        ("odd", None, None, None, None),
        ("big", "decimal", None, 3, "1"),
    ]
    [sales] = project.pipelines
    assert (sales.name, sales.calendar, sales.span.line) == ("Продажи", "office", 11)
    assert [(one.id, one.stage, one.name, one.outcome, one.requires) for one in sales.stages] == [
        ("new", "sales.new", None, None, ()),
        ("won", "sales.won", "Won", Outcome.WON, ("note",)),
        ("lost", "sales.lost", None, None, ()),
    ]
    [tunnel] = project.tunnels
    assert (tunnel.sources, tunnel.target, tunnel.action) == (("sales.new",), "sales.won", Action.MOVE)
    assert (tunnel.mode, tunnel.span.line) == (Mode.LIVE, 21)
    assert tunnel.keys["set"] == {"note": None, "amount": "null", "tags": ["a", {"b": "c"}]}
    assert {one.id: one.values for one in project.built_in}["stage"] == ("sales.new", "sales.won", "sales.lost")


def test_what_cannot_be_read_is_left_out() -> None:
    project = read(
        "flowrun: 1\ntunnels:\n"
        "  a: {from: [sales.nowhere, {x: y}, sales.new], to: sales.nowhere, action: fly, mode: x}\n"
        "  b: nothing\n  c: {to: [sales.new]}\n  a: {}\npipelines: {other: , third: {stages: 7}}\nfields: []\n",
        FLOW,
        "tunnels: [",
    )
    drawn = [(one.id, one.sources, one.target, one.action, one.mode) for one in project.tunnels]
    assert drawn == [
        ("a", ("sales.new",), None, None, Mode.LIVE),
        ("b", (), None, None, Mode.LIVE),
        ("c", (), None, None, Mode.LIVE),
        ("all", ("sales.new",), "sales.won", Action.MOVE, Mode.LIVE),
    ]
    assert [pipeline.id for pipeline in project.pipelines] == ["other", "third", "sales"]


def test_scenario_files_are_passed_over_and_the_first_declaration_counts() -> None:
    other = "flowrun: 1\nproject: other\ntunnels: {all: {to: sales.new}}\n"
    documents = {name: read_document(other.encode(), name) for name in ("a.test.yaml", "z.yaml")}
    documents["m.yaml"] = read_document(FLOW.encode(), "m.yaml")
    ordered = dict(sorted(documents.items()))
    assert outline(ordered).project == "acme"
    assert [one.target for one in outline(ordered).tunnels] == ["sales.won"]
