"""``kulla completion``: the script that teaches a shell Kulla's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from kulla.cli.lazy import COMPLETE

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Examples:
      kulla completion bash > ~/.local/share/bash-completion/completions/kulla
      kulla completion zsh > "${fpath[1]}/_kulla"
      kulla completion fish > ~/.config/fish/completions/kulla.fish
    """
    script = SHELLS[shell](ctx.find_root().command, {}, "kulla", COMPLETE).source()
    click.echo(script, nl=False)
