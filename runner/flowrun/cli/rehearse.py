"""The command that runs scenarios: `test`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from flowrun.cli.frame import Command, format_option
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.errors import WrongUsage


@click.command(
    cls=Command,
    epilog="""
    flowrun test
    flowrun test flows/sales.test.yaml -k renewal --watch
    flowrun test --min-coverage 90 --format junit > scenarios.xml
    """,
)
@click.argument("paths", metavar="[PATH]…", nargs=-1, type=click.Path(path_type=Path))
@click.option("-k", "only", metavar="TEXT", help="Only scenarios with this text in their name.")
@click.option("--coverage", is_flag=True, help="Say which tunnels never fired, and which were never held back.")
@click.option(
    "--min-coverage", "least", type=click.IntRange(0, 100), metavar="N", help="Fail if the coverage is below N percent."
)
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes at most. Default: one for each CPU.")
@click.option("--watch", is_flag=True, help="Run again on every save, until Ctrl-C.")
@format_option("text", "json", "junit")
@click.pass_obj
def test(
    session: Session,
    paths: tuple[Path, ...],
    only: str | None,
    coverage: bool,
    least: int | None,
    jobs: int | None,
    watch: bool,
    format_: str,
) -> Status:
    """Run the scenarios: prove what the flows do.

    Runs those in the project's folder, or those of the given files and folders, on the real engine, with a store in
    memory and a clock of their own. Offline: it needs no store and no network.
    """

    def run() -> Status:
        return _test(session, paths, only, coverage or least is not None, least, jobs or os.cpu_count() or 1, format_)

    if not watch:
        return run()
    if format_ != "text":
        raise WrongUsage("--watch shows text, one time after the other", "leave --format out")
    from flowrun.cli.watch import watching

    return watching(session, (session.flows, *paths), run)


def _test(
    session: Session,
    paths: tuple[Path, ...],
    only: str | None,
    coverage: bool,
    least: int | None,
    jobs: int,
    format_: str,
) -> Status:
    from flowrun.cli.progress import counting
    from flowrun.commands.test import run_scenarios as run
    from flowrun.render import scenarios as render

    terminal = session.terminal
    with counting("scenarios", shown=format_ == "text") as progress:
        tested = run(session.project, paths, only=only, jobs=jobs, progress=progress)
    covered = tested.coverage
    match format_:
        case "json":
            from flowrun.render.json import document

            content = render.results_content(tested.results)
            if coverage:
                tunnels = [
                    {"id": one.tunnel, "fired": one.fired, "held_back": one.held_back} for one in covered.tunnels
                ]
                content["coverage"] = {"percent": covered.percent, "tunnels": tunnels}
            terminal.document(document(content))
        case "junit":
            from flowrun.render.junit import results_junit

            terminal.document(results_junit(tested.results, tested.timezone))
        case _:
            terminal.result(render.failures_text(tested.results, tested.sources, tested.timezone, terminal.room))
            terminal.result([render.totals_text(tested.results)])
    if coverage and format_ != "json":
        says = render.coverage_text(
            covered.percent,
            [one.tunnel for one in covered.tunnels if not one.fired],
            [one.tunnel for one in covered.tunnels if not one.held_back],
            least,
        )
        terminal.result(says) if format_ == "text" else terminal.tell(says)
    short = least is not None and covered.percent < least
    return Status.FAILED if tested.failed or short else Status.FINE
