"""The program ``kulla``: the table of its commands, and how each way of ending becomes an exit code.

Exit codes (docs/reference/exit-codes.md): 0 finished, 1 failed, 2 usage or configuration, 3 finished but
incomplete, 4 refused, 130 interrupted, 143 terminated. A command ends with another code than 0 by ``ctx.exit(code)`` or a KullaError.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from kulla import __version__
from kulla.cli.lazy import COMPLETE, Lazy, LazyGroup
from kulla.model.text import visible

INTERRUPTED = 130
#: Exit code of a shell for what a signal ended, less the signal's number.
KILLED = 128
FAILED = 1

#: Every command, in the order in which ``kulla --help`` lists them.
COMMANDS = {
    "scan": Lazy("kulla.cli.scan:scan", "Find what rules and indicators match in log files."),
    "rules": Lazy("kulla.cli.rules:rules", "Import, check, test and explain detection rules."),
    "completion": Lazy("kulla.cli.completion:completion", "Print the completion script for a shell."),
}


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def kulla() -> None:
    """Read the logs that exist, and say what in them is known to be bad.

    \b
    Examples:
      kulla scan examples/evidence              detections as a table
      kulla scan logs/ -r sigma.zip -f jsonl    with SigmaHQ's rules, for other tools
      kulla rules list                          which rules there are
      kulla COMMAND --help                      more about one command
    """


def main() -> None:
    """Run the program with the arguments of this process, and end it."""
    for ending in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, ending):
            signal.signal(getattr(signal, ending), _end)
    sys.exit(run(sys.argv[1:]))


def _end(number: int, _frame: object) -> NoReturn:
    """End as the system asks, but on the way out of every block, so that no half-written file is left."""
    sys.exit(KILLED + number)


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code; nothing but an error in Kulla itself raises."""
    _show_what_the_terminal_cannot()
    try:
        _invoke(arguments)
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _leave_quietly()
    except OSError as error:
        return _tell(error)
    return 0


def _invoke(arguments: Sequence[str]) -> None:
    """Do what ``click.Command.main`` does, which would end a broken pipe with 1 and hide an ``OSError``'s file name."""
    instruction = os.environ.get(COMPLETE)
    if instruction:
        from click.shell_completion import shell_complete

        raise click.exceptions.Exit(shell_complete(kulla, {}, "kulla", COMPLETE, instruction))
    with kulla.make_context("kulla", list(arguments)) as context:
        kulla.invoke(context)


def _show_what_the_terminal_cannot() -> None:
    """Write characters outside the terminal's encoding as escapes instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _leave_quietly() -> int:
    """Keep Python from complaining at exit that the reader of stdout (``head``, a pager) has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _tell(error: OSError) -> int:
    """Say which file the system refused, and why."""
    place = f"{error.filename}: " if error.filename else ""
    click.echo(f"Error: {visible(f'{place}{error.strerror or error}')}", err=True)
    return FAILED
