"""A click group whose commands are imported when they are called, and not before."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from kulla.model.errors import KullaError
from kulla.model.text import visible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: The environment variable by which a completion script asks the program.
COMPLETE = "_KULLA_COMPLETE"


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is, and what ``kulla --help`` says about it.

    Attributes:
        target: ``module:attribute`` of a ``click.Command``.
        summary: one sentence, the same as the first sentence of the command's own help (a test compares them).
    """

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


class LazyGroup(click.Group):
    """A group over an explicit table of commands; errors of Kulla become messages here, at one place."""

    def __init__(self, *args: Any, table: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table: daily work first."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, None when there is none of that name."""
        lazy = self.table.get(cmd_name)
        return lazy.load() if lazy else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that ``args`` starts with; a wrong name is answered with the nearest right one."""
        name = args[0]
        if name in self.table or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(name, self.table, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise click.UsageError(f"There is no command '{visible(name, 80)}'.{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.summary) for name, lazy in self.table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any of them."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=lazy.summary) for name, lazy in self.table.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a KullaError becomes a message and an exit code."""
        try:
            return super().invoke(ctx)
        except KullaError as error:
            click.echo(f"Error: {visible(str(error))}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error
