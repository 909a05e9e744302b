"""The frame of every command: the lazy root group, shared options, the layout of help.

The options of the whole (`--flows`, `--store`, …) are taken before the command and after it. Each is declared twice:
on the root, where it also reads its environment variable, and on every command; what comes last wins. Their values
go to the session, never to a command's parameters.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from flowrun import __version__
from flowrun.cli.catalogue import COMMANDS
from flowrun.cli.session import Session
from flowrun.cli.status import Status
from flowrun.diagnostics import did_you_mean

_SETTINGS = {"max_content_width": 100, "help_option_names": ["--help", "-h"]}


class GlobalOption(click.Option):
    """An option of the whole; see the module's docstring."""


def _remember(context: click.Context, option: click.Parameter, value: object) -> None:
    if value is not None and option.name:
        session = context.ensure_object(Session)
        setattr(session, option.name, value)
        session.given.add(option.name)


def _remember_variables(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> None:
    variables = context.ensure_object(Session).variables
    for text in (*(option.value_from_envvar(context) or ()), *values):
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"expected NAME=VALUE, found '{text}'", context, option)
        variables[name] = value


def _global_options(*, root: bool) -> list[click.Parameter]:
    """The options of the whole, for the root (which reads the environment) or for a command."""

    def option(flag: str, name: str, help: str, **more: Any) -> click.Parameter:  # noqa: A002
        variable = f"FLOWRUN_{flag.removeprefix('--').upper()}"
        more = {"callback": _remember, "help": f"{help} [{variable}]", **more}
        return GlobalOption([flag, name], envvar=variable if root else None, expose_value=False, **more)

    return [
        option(
            "--flows", "flows", "The project's folder. Default: flows", type=click.Path(path_type=Path), metavar="DIR"
        ),
        option("--store", "store", "The deals' database. Default: sqlite:///flowrun.db", metavar="URL"),
        option("--env", "environment", "An environment that the flows declare.", metavar="NAME"),
        option(
            "--var",
            "variables",
            "Set a variable, for this command.",
            metavar="NAME=VALUE",
            multiple=True,
            callback=_remember_variables,
        ),
        option("--color", "color", "Use colours.", type=click.Choice(["auto", "always", "never"])),
    ]


class _Helped:
    """Help with the command's own options first, the shared ones apart, and an example at the end."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for parameter in ctx.command.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and not isinstance(parameter, click.Argument):
                (shared if isinstance(parameter, GlobalOption) else own).append(record)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        with formatter.section("Options"):
            formatter.write_dl(own)
        with formatter.section("Options of every command"):
            if isinstance(ctx.command, Root):
                formatter.write_dl(shared)
            else:
                formatter.write_text(f"{' '.join(name.split()[0] for name, _ in shared)}: see flowrun --help")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if ctx.command.epilog:
            with formatter.section("Example"):
                for text in inspect.cleandoc(ctx.command.epilog).splitlines():
                    formatter.write(f"  {text}\n" if text else "\n")


class Command(_Helped, click.Command):
    """A command. Its `epilog` is the example in its help, shown as it is written."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        more.setdefault("context_settings", _SETTINGS)
        super().__init__(*arguments, **more)
        self.params += _global_options(root=False)

    def invoke(self, ctx: click.Context) -> Any:
        ctx.ensure_object(Session).begin(ctx.command_path)
        return super().invoke(ctx)


class Group(_Helped, click.Group):
    """A command with commands of its own, such as `deals`."""

    command_class = Command

    def __init__(self, *arguments: Any, **more: Any) -> None:
        more.setdefault("context_settings", _SETTINGS)
        more.setdefault("no_args_is_help", False)
        more.setdefault("subcommand_metavar", "COMMAND …")
        super().__init__(*arguments, **more)
        self.params += _global_options(root=isinstance(self, Root))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(Status.USAGE)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            hint = did_you_mean(name, self.list_commands(ctx))
            ctx.fail(f"there is no command '{name}'" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)


class Root(Group):
    """`flowrun` itself: its commands are those of the catalogue, imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.at.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.at} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            with formatter.section(section):
                rows = [(name, entry.help) for name, entry in COMMANDS.items() if entry.section == section]
                formatter.write_dl(rows)


def format_option(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--format`, the first of the formats by default; also remembered by the session, for the report of errors."""

    def remember(context: click.Context, _option: click.Parameter, value: str) -> str:
        context.ensure_object(Session).format = value
        return value

    return click.option(
        "--format",
        "format_",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        callback=remember,
        help="How to write the result.",
    )


@click.group(
    cls=Root,
    name="flowrun",
    epilog="""
    flowrun init acme && cd acme
    flowrun validate
    """,
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def root() -> None:
    """Sales funnels and tunnels as code.

    Deals stand in stages, stages form pipelines, and tunnels move or copy deals between them, by themselves. All of
    it is YAML in git: checked, previewed, applied.
    """
