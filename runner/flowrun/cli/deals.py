"""The deals: `deals list`, `show`, `add`, `set`, `move`, `delete`, `import`, `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowrun.cli.frame import Group, format_option
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.cli.values import how_many
from flowrun.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowrun.flow.model import Flow
    from flowrun.store.deals import Deal

_ROWS = 1000
"""How many deals `list` prints as text without --limit."""


@click.group(
    cls=Group,
    epilog="""
    flowrun deals add --at sales.new title="Acme wants 20 seats" amount=4800
    flowrun deals list --stage sales.new
    """,
)
def deals() -> None:
    """List, add, change, import and export deals.

    Any other program may do the same with SQL: the deals are a table of the store.
    """


def _selecting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which deals a command is about."""
    for option in (
        click.option("--where", metavar="EXPR", help="Only deals for which this condition of the format holds."),
        click.option("--stage", metavar="P.S", help="Only deals in this stage."),
        click.option("--pipeline", metavar="ID", help="Only deals in this pipeline."),
    ):
        command = option(command)
    return command


@deals.command(
    name="list",
    epilog="""
    flowrun deals list --pipeline sales --limit 20
    flowrun deals list --where "deal.amount >= 1000 and deal.owner == 'ann'"
    flowrun deals list --count
    """,
)
@_selecting
@click.option("--limit", type=how_many, metavar="N", help=f"At most so many. Text shows {_ROWS:,} without it.")
@click.option("--count", is_flag=True, help="Only how many there are, by stage.")
@format_option("text", "json")
@click.pass_obj
def list_(
    session: Session,
    pipeline: str | None,
    stage: str | None,
    where: str | None,
    limit: int | None,
    count: bool,
    format_: str,
) -> None:
    """List deals, in the order of their creation."""
    from flowrun.commands import deals_read as read
    from flowrun.commands.deals_select import Wanted
    from flowrun.render import deals as render
    from flowrun.render.json import document

    wanted = Wanted(pipeline, stage, where)
    terminal = session.terminal
    if count:
        if limit is not None:
            raise WrongUsage("--count and --limit exclude each other", "give one of them")
        board = read.board(session.store, session.clock, wanted)
        _note_overflow(session, board.overflowing)
        if format_ == "json":
            terminal.document(document(render.board_content(board.stages)))
        else:
            terminal.result(render.board_text(board.flow, board.stages))
        return
    if limit is None and format_ == "text":
        limit = _ROWS
    found = read.listing(session.store, session.clock, wanted, limit)
    _note_overflow(session, found.overflowing)
    if format_ == "json":
        terminal.document(document(render.listing_content(found.flow, found.deals, found.count)))
    else:
        terminal.result(render.listing_text(found.flow, found.deals, terminal.width))
        if found.count > len(found.deals):
            terminal.note(f"{found.count - len(found.deals):,} more; --limit shows more, 'flowrun deals export' all")


@deals.command(
    epilog="""
    flowrun deals show d1
    """,
)
@click.argument("id_", metavar="ID")
@format_option("text", "json")
@click.pass_obj
def show(session: Session, id_: str, format_: str) -> None:
    """Show all that a deal carries."""
    from flowrun.commands.deals_read import shown

    _print_deal(session, *shown(session.store, session.clock, id_), format_)


@deals.command(
    epilog="""
    flowrun deals add --at sales.new title="Acme wants 20 seats" amount=4800
    flowrun deals add --at sales.new --id d1 source=web tags=vip,fair
    """,
)
@click.argument("values", metavar="[FIELD=VALUE]…", nargs=-1)
@click.option("--at", required=True, metavar="P.S", help="The stage that it starts in.")
@click.option("--id", "id_", metavar="ID", help="Its id. Default: a short random one, which is printed.")
@format_option("text", "json")
@click.pass_obj
def add(session: Session, values: tuple[str, ...], at: str, id_: str | None, format_: str) -> None:
    """Add a deal, and print its id.

    FIELD is a field of the applied flow, title or owner. Dates are written 2026-12-31, moments 2026-12-31T16:00 (in
    the project's zone, or with an offset), decimals 1200.50, booleans true or false, tags as a,b.
    """
    from flowrun.commands.deals_write import add as run

    deal, flow = run(session.store, session.clock, at, id_, values)
    if format_ == "json":
        _print_deal(session, deal, flow, format_)
    else:
        from flowrun.render.ink import line

        session.terminal.result([line(deal.id)])


@deals.command(
    name="set",
    epilog="""
    flowrun deals set d1 amount=5000 owner=ann
    flowrun deals set d1 contract=
    """,
)
@click.argument("id_", metavar="ID")
@click.argument("values", metavar="FIELD=VALUE…", nargs=-1, required=True)
@format_option("text", "json")
@click.pass_obj
def set_(session: Session, id_: str, values: tuple[str, ...], format_: str) -> None:
    """Set fields of a deal; FIELD= empties one, or gives it its default."""
    from flowrun.commands.deals_write import change

    deal, flow = change(session.store, session.clock, id_, values)
    if format_ == "json":
        _print_deal(session, deal, flow, format_)
    else:
        from flowrun.render.deals import set_text

        session.terminal.result(set_text(deal, flow, [value.partition("=")[0] for value in values]))


@deals.command(
    epilog="""
    flowrun deals move d1 sales.won
    """,
)
@click.argument("id_", metavar="ID")
@click.argument("stage", metavar="P.S")
@format_option("text", "json")
@click.pass_obj
def move(session: Session, id_: str, stage: str, format_: str) -> None:
    """Move a deal to a stage, as a person would. It starts a new entry there, unless that is where it stands."""
    from flowrun.commands.deals_write import move as run

    deal, flow = run(session.store, session.clock, id_, stage)
    if format_ == "json":
        _print_deal(session, deal, flow, format_)
    else:
        from flowrun.render.ink import line

        session.terminal.result([line(f"{deal.id} stands in {deal.stage}.")])


@deals.command(
    epilog="""
    flowrun deals delete d1
    """,
)
@click.argument("id_", metavar="ID")
@format_option("text", "json")
@click.pass_obj
def delete(session: Session, id_: str, format_: str) -> None:
    """Delete a deal. What it waited for is void; its journal stays."""
    from flowrun.commands.deals_write import delete as run
    from flowrun.render.ink import line
    from flowrun.render.json import document

    run(session.store, session.clock, id_)
    if format_ == "json":
        session.terminal.document(document({"deleted": id_}))
    else:
        session.terminal.result([line(f"{id_} is deleted.")])


@deals.command(
    name="import",
    epilog="""
    flowrun deals import deals.jsonl
    flowrun deals import deals.csv --map Deal=title --map Value=amount --at sales.new
    flowrun deals import crm.csv --mapping crm.yaml
    """,
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "map_",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="What a column is: a field, id, title, owner or entered_at. Columns that nothing names are left out; the id "
    "is in 'id' by default.",
)
@click.option("--at", metavar="P.S", help="The stage of all rows.")
@click.option("--at-column", metavar="COLUMN", help="The column that says each row's stage.")
@click.option(
    "--stages",
    multiple=True,
    metavar="VALUE=P.S",
    help="Which stage a value of that column means; other values must be stages as they stand.",
)
@click.option(
    "--date-format",
    metavar="FORMAT",
    help="How dates are written, such as %d.%m.%Y; a time of day may follow. Default: 2026-12-31.",
)
@click.option("--delimiter", metavar="SIGN", help="What separates the cells, or 'tab'. Default: a comma.")
@click.option("--decimal", metavar="SIGN", help="The decimal sign. Default: a point.")
@click.option("--entered-at", metavar="INSTANT", help="Since when new deals stand in their stage; never in the future.")
@click.option(
    "--mapping",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML file with these options: map, at, at_column, stages, date_format, delimiter, decimal, entered_at.",
)
@click.option("--restage", is_flag=True, help="Set the stage of every deal, wherever it stands now.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where rows go that don't fit. Default: deals.rejects.csv beside deals.csv.",
)
@format_option("text", "json")
@click.pass_obj
def import_(
    session: Session,
    file: Path,
    map_: tuple[str, ...],
    at: str | None,
    at_column: str | None,
    stages: tuple[str, ...],
    date_format: str | None,
    delimiter: str | None,
    decimal: str | None,
    entered_at: str | None,
    mapping: Path | None,
    restage: bool,
    rejects: Path | None,
    format_: str,
) -> Status:
    """Import deals from a CSV or JSON Lines file.

    New ids become deals. Existing ones have their fields updated; their stage changes only where the file's differs
    from the one last imported, so importing again never fights the tunnels, and the same file twice changes nothing.

    JSON Lines (.jsonl) have an object a line with id, at, title, owner, entered_at and the fields; a key that is left
    out leaves an existing deal's value as it is. Any other file is read as CSV.

    Rows that don't fit go to the rejects file with line and reason; the others are imported, and the exit status is
    1. Rows are written in batches: an import that was interrupted can simply be run again.
    """
    from flowrun.cli.progress import counting
    from flowrun.commands.deals_import import Options, import_deals
    from flowrun.render import deals as render
    from flowrun.render.json import document

    options = Options(mapping, map_, at, at_column, stages, date_format, delimiter, decimal, entered_at)
    with counting("rows") as progress:
        found = import_deals(
            session.store, session.clock, file, options, rejects=rejects, restage=restage, progress=progress
        )
    if format_ == "json":
        session.terminal.document(document(render.imported_content(found)))
    else:
        session.terminal.result(render.imported_text(found))
    session.terminal.tell(render.rejects_text(found))
    return Status.FAILED if found.rejects else Status.FINE


@deals.command(
    epilog="""
    flowrun deals export --out deals.jsonl
    flowrun deals export --format csv --pipeline sales > sales.csv
    """,
)
@_selecting
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file, which appears whole.")
@format_option("jsonl", "csv")
@click.pass_obj
def export(
    session: Session, pipeline: str | None, stage: str | None, where: str | None, out: Path | None, format_: str
) -> None:
    """Export deals as JSON Lines or CSV, in the order of their creation.

    JSON Lines can be imported again: into this store, or into another one, where deals start a new life in their
    stage. Copies made by tunnels (their ids have a '~') are then updated where they exist, and rejected where they
    would be new. CSV is for spreadsheets.
    """
    from flowrun.commands.deals_read import export as run
    from flowrun.commands.deals_select import Wanted

    to = out if out is not None else session.terminal.document
    _note_overflow(session, run(session.store, session.clock, Wanted(pipeline, stage, where), format_, to))


def _print_deal(session: Session, deal: Deal, flow: Flow, format_: str) -> None:
    from flowrun.render.deals import deal_content, deal_text
    from flowrun.render.json import document

    if format_ == "json":
        session.terminal.document(document({"deal": deal_content(deal, flow)}))
    else:
        session.terminal.result(deal_text(deal, flow))


def _note_overflow(session: Session, count: int) -> None:
    if count:
        those = "a deal is" if count == 1 else f"{count:,} deals are"
        session.terminal.note(f"{those} left out: a number of the condition grows beyond 18 digits there")
