"""The commands that need the files only: `init`, `validate`, `graph`, `schema`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from flowrun.cli.frame import Command, format_option
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.errors import WrongUsage
from flowrun.render.ink import Ink, Run, line

_NEXT = (
    "flowrun validate",
    "flowrun test",
    "flowrun diff",
    "flowrun apply",
    "flowrun deals import deals.jsonl",
    "flowrun run --until-idle",
)


@click.command(
    cls=Command,
    epilog="""
    flowrun init acme
    """,
)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@click.pass_obj
def init(session: Session, folder: Path) -> None:
    """Start a project: a small commented flow.

    Writes into DIR (by default the current folder) and never over anything that is there.
    """
    from flowrun.commands.init import init as run

    started = run(folder)
    column = max(map(len, started.files)) + 3
    here = folder.resolve() == Path.cwd()
    steps = [] if here else [f"cd {shlex.quote(str(folder))}"]
    session.terminal.result(
        [
            line(Run(f"A project in {folder}{os.sep}", Ink.BOLD)),
            *(line("  ", name.ljust(column), Run(purpose, Ink.DIM)) for name, purpose in started.files.items()),
            (),
            line(Run("Next", Ink.BOLD)),
            *(line(f"  {step}") for step in (*steps, *_NEXT)),
        ]
    )


@click.command(
    cls=Command,
    epilog="""
    flowrun validate
    flowrun validate flows/sales.yaml --strict
    generate-flows | flowrun validate -
    """,
)
@click.argument("paths", metavar="[PATH]…", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--watch", is_flag=True, help="Check again on every save, until Ctrl-C.")
@format_option("text", "json", "github", "sarif")
@click.pass_obj
def validate(session: Session, paths: tuple[Path, ...], strict: bool, watch: bool, format_: str) -> Status:
    """Check the files: every error and warning at once.

    Checks the project's folder, or the given files and folders as one project; `-` reads one from standard input.
    Offline: it needs no store and no network.
    """
    if not watch:
        return _validate(session, paths, strict, format_)
    if format_ != "text":
        raise WrongUsage("--watch shows text, one time after the other", "leave --format out")
    if Path("-") in paths:
        raise WrongUsage("--watch needs files: standard input is read once", "give files or folders")
    from flowrun.cli.watch import watching

    return watching(session, paths or (session.flows,), lambda: _validate(session, paths, strict, format_))


def _validate(session: Session, paths: tuple[Path, ...], strict: bool, format_: str) -> Status:
    from flowrun.commands.validate import validate as run

    stdin = getattr(sys.stdin, "buffer", None) if Path("-") in paths else None
    checked = run(session.project, paths, stdin, strict=strict)
    terminal = session.terminal
    match format_:
        case "json":
            from flowrun.render.json import diagnostics_document

            terminal.document(diagnostics_document(checked.findings, strict=strict))
        case "github":
            from flowrun.render.github import diagnostics_github

            terminal.document(diagnostics_github(checked.findings))
        case "sarif":
            from flowrun.render.sarif import diagnostics_sarif

            terminal.document(diagnostics_sarif(checked.findings, checked.rules))
        case _:
            from flowrun.render.text import diagnostics_text, verdict

            terminal.tell(diagnostics_text(checked.findings, checked.sources, terminal.room))
            end = [verdict(checked.findings, len(checked.files), ok=checked.ok)]
            terminal.result(end) if checked.ok else terminal.tell(end)
    return Status.FINE if checked.ok else Status.FAILED


@click.command(
    cls=Command,
    epilog="""
    flowrun graph --format svg > flows.svg
    flowrun graph --pipeline sales
    """,
)
@click.option("--pipeline", metavar="ID", help="Only this pipeline, with what it is linked to.")
@format_option("mermaid", "dot", "svg")
@click.pass_obj
def graph(session: Session, pipeline: str | None, format_: str) -> None:
    """Draw the pipelines and tunnels.

    As Mermaid (GitHub and GitLab show it in Markdown), as DOT for Graphviz, or as a finished SVG.
    """
    from flowrun.commands.graph import graph as run

    picture = run(session.project, pipeline)
    match format_:
        case "dot":
            from flowrun.render.dot import dot as draw
        case "svg":
            from flowrun.render.svg import svg as draw
        case _:
            from flowrun.render.mermaid import mermaid as draw
    session.terminal.document(draw(picture))


@click.command(
    cls=Command,
    epilog="""
    flowrun schema flow > schemas/flow.v1.json
    flowrun schema test > schemas/test.v1.json
    """,
)
@click.argument("name", type=click.Choice(["flow", "test", "plan"]), default="flow", metavar="[NAME]")
@click.pass_obj
def schema(session: Session, name: str) -> None:
    """Print a JSON Schema, for editors and other tools."""
    from flowrun.commands.schema import schema as run

    session.terminal.document(run(name))
