"""Write docs/reference/cli.md from the commands themselves: ``python -m tools.cli_reference``.

A test compares the page with the program, so that it cannot fall behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from kulla.cli.main import kulla

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """# Command line

*Made from the program by `python -m tools.cli_reference`; do not edit.* Exit codes: [exit-codes.md](exit-codes.md).
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *map(section, commands(program()))])


def program() -> click.Context:
    """Return the context of the whole program."""
    return click.Context(kulla, info_name="kulla", **kulla.context_settings)


def commands(context: click.Context) -> Iterator[click.Context]:
    """Yield a context for a command and, if it is a group, for all below it, in the order of its help."""
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None and not command.hidden:
                yield from commands(click.Context(command, info_name=name, parent=context))


def section(context: click.Context) -> str:
    """Return the part of the page for one command: usage, text, arguments and options."""
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"```\n{usage}\n```", *_paragraphs(command.help or "")]
    rows = [row for parameter in command.get_params(context) if (row := parameter.get_help_record(context)) and row[1]]
    if rows:
        parts.append("\n".join(["| option | meaning |", "|---|---|", *(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in rows)]))
    return "\n\n".join(parts) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; one that click keeps as it is (``\\b``) becomes code."""
    for paragraph in cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            yield f"```\n{paragraph[1:].strip(chr(10))}\n```"
        else:
            yield paragraph


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
