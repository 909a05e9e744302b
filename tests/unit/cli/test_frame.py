"""The frame: shared options in both places, exit statuses, and what the user is told when something goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from flowrun import __version__, errors
from flowrun.cli import main
from flowrun.cli.catalogue import COMMANDS, Entry
from flowrun.cli.frame import Command, Group, format_option, root
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.diagnostics import Span, error
from flowrun.render.ink import line

_WORK: list[Callable[[Session], object]] = []


@click.command(cls=Command, epilog="flowrun fake")
@format_option("text", "json")
@click.pass_obj
def fake(session: Session, format_: str) -> object:
    """Do what the test says."""
    return _WORK[-1](session)


@click.group(cls=Group, epilog="flowrun herd")
def herd() -> None:
    """Commands in a command."""


@herd.command("one")
@click.pass_obj
def herd_one(session: Session) -> object:
    """Do what the test says."""
    return _WORK[-1](session)


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLOWS", "STORE", "ENV", "VAR", "COLOR", "NOW", "DEBUG"):
        monkeypatch.delenv(f"FLOWRUN_{name}", raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(COMMANDS, "fake", Entry("Tests", f"{__name__}:fake", "Do what the test says."))
    monkeypatch.setitem(COMMANDS, "herd", Entry("Tests", f"{__name__}:herd", "Commands in a command."))


def run(work: Callable[[Session], object], *arguments: str) -> int:
    _WORK.append(work)
    try:
        return main(arguments or ["fake"])
    finally:
        _WORK.pop()


def session_of(*arguments: str) -> Session:
    seen: list[Session] = []
    assert run(seen.append, *arguments) == 0
    return seen[0]


def fails(error_: BaseException) -> Callable[[Session], object]:
    def work(session: Session) -> object:
        raise error_

    return work


def test_shared_options_are_taken_before_the_command_and_after_it() -> None:
    before = session_of("--flows", "x", "--store", "s", "--env", "e", "--color", "never", "fake")
    after = session_of("fake", "--flows", "x", "--store", "s", "--env", "e", "--color", "never")
    nested = session_of("herd", "--flows", "x", "one", "--store", "s", "--env", "e", "--color", "never")
    for session in (before, after, nested):
        settings = (session.flows, session.store, session.environment, session.color)
        assert settings == (Path("x"), "s", "e", "never")


def test_what_comes_last_wins_and_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRUN_FLOWS", "from-environment")
    assert session_of("fake").flows == Path("from-environment")
    assert session_of("--flows", "a", "fake").flows == Path("a")
    assert session_of("--flows", "a", "fake", "--flows", "b").flows == Path("b")


def test_variables_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWRUN_VAR", "a=1 b=2")
    session = session_of("--var", "b=3", "fake", "--var", "c=x=y", "--var", "d=")
    assert session.variables == {"a": "1", "b": "3", "c": "x=y", "d": ""}


def test_the_defaults() -> None:
    session = session_of("fake")
    assert (session.flows, session.store, session.environment) == (Path("flows"), "sqlite:///flowrun.db", None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nope"], "error: there is no command 'nope'\nhelp: flowrun --help\n"),
        (["fack"], "error: there is no command 'fack'; did you mean 'fake'?\nhelp: flowrun --help\n"),
        (["fake", "--flow", "x"], "error: there is no option '--flow'\nhelp: did you mean '--flows'?\n"),
        (["fake", "extra"], "error: got unexpected extra argument (extra)\nhelp: flowrun fake --help\n"),
        (
            ["--var", "x", "fake"],
            "error: invalid value for '--var': expected NAME=VALUE, found 'x'\nhelp: flowrun --help\n",
        ),
        (["--flows", "x"], "error: missing command\nhelp: flowrun --help\n"),
        (["herd", "on"], "error: there is no command 'on'; did you mean 'one'?\nhelp: flowrun herd --help\n"),
    ],
)
def test_wrong_usage_is_64_with_what_to_do(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == Status.USAGE
    assert capsys.readouterr() == ("", told)


def test_a_wrong_choice_names_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fake", "--format", "xml"]) == Status.USAGE
    told = capsys.readouterr().err
    assert "'xml'" in told
    assert "'text', 'json'" in told


@pytest.mark.parametrize("arguments", [[], ["herd"]])
def test_no_command_at_all_shows_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == Status.USAGE
    out, told = capsys.readouterr()
    assert out == ""
    assert told.startswith("Usage: flowrun ")


@pytest.mark.parametrize(
    ("error_", "status"),
    [
        (errors.WorkFailed("it broke", "mend it"), 1),
        (errors.StalePlan("it broke", "mend it"), 3),
        (errors.Refused("it broke", "mend it"), 4),
        (errors.WrongUsage("it broke", "mend it"), 64),
    ],
)
def test_errors_have_their_exit_status(
    error_: errors.FlowrunError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(fails(error_)) == status
    assert capsys.readouterr() == ("", "error: it broke\nhelp: mend it\n")


def test_a_command_gives_its_own_status() -> None:
    assert run(lambda session: None) == 0
    assert run(lambda session: Status.DIFFERENCES) == 2


def test_an_interrupt_is_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fails(KeyboardInterrupt())) == Status.INTERRUPTED
    assert capsys.readouterr().err.strip() == "error: interrupted"


def test_an_os_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(fails(PermissionError(13, "Permission denied", "flows/a\n.yaml"))) == Status.FAILED
    assert capsys.readouterr() == ("", "error: flows/a\\n.yaml: Permission denied\n")


def test_files_with_errors_are_shown_with_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    invalid = errors.InvalidFlow((error("FR401", "unknown key", Span("a.yaml", 1, 1, 1, 3)),), {"a.yaml": "ab: 1"})
    assert run(fails(invalid)) == Status.FAILED
    out, told = capsys.readouterr()
    assert out == ""
    assert "1 | ab: 1\n  | ^^\n" in told
    assert told.endswith("error: the flow files have 1 error\n")


def test_files_with_errors_are_a_document_where_one_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    invalid = errors.InvalidFlow((error("FR401", "unknown key", Span("a.yaml", 1, 1, 1, 3)),))
    assert run(fails(invalid), "fake", "--format", "json") == Status.FAILED
    out, told = capsys.readouterr()
    assert told == ""
    assert json.loads(out)["diagnostics"][0]["code"] == "FR401"


def test_a_defect_is_70_and_goes_into_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    secret = "postgresql://ann:hush@db/sales"
    assert run(fails(RuntimeError(f"no {secret}\nat all")), "fake", "--store", secret) == Status.DEFECT
    (report,) = tmp_path.iterdir()
    defect = "error: this is a defect of flowrun: RuntimeError: no postgresql://ann:***@db/sales\n"
    assert capsys.readouterr() == ("", f"{defect}help: please report it, with {report}\n")
    text = report.read_text()
    assert __version__ in text
    assert "Traceback (most recent call last)" in text
    assert "hush" not in text


def test_a_defect_shows_its_trace_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("FLOWRUN_DEBUG", "1")
    assert run(fails(RuntimeError("x"))) == Status.DEFECT
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_the_clock_stands_where_it_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FLOWRUN_NOW", "2026-03-06T16:00+03:00")
    assert session_of("fake").clock.now() == 1_772_802_000_000
    assert capsys.readouterr() == ("", "note: the clock stands at 2026-03-06T16:00+03:00\n")


@pytest.mark.parametrize("text", ["2026-03-06T16:00", "soon", "2026-03-06", "9999-12-31T23:59-23:00"])
def test_a_clock_without_offset_is_wrong_usage(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWRUN_NOW", text)
    assert run(lambda session: None) == Status.USAGE
    assert f"FLOWRUN_NOW is '{text}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "variables", "colored"),
    [
        ("auto", {}, False),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_a_choice(
    option: str,
    variables: dict[str, str],
    colored: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    run(fails(errors.WorkFailed("x")), "fake", "--color", option)
    assert ("\x1b[" in capsys.readouterr().err) is colored


def test_data_never_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(lambda session: session.terminal.result([line("\x1b[2J\x07")]), "fake", "--color", "always")
    run(fails(errors.WorkFailed("\x1b[2J")))
    assert "\x1b" not in "".join(capsys.readouterr())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"flowrun {__version__}\n"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in {"fake", "herd"}])
def test_every_command_has_the_help_of_the_catalogue_and_an_example(name: str) -> None:
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name].help
    assert (command.epilog or "").strip().startswith("flowrun ")
