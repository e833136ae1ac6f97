"""The options for output, alone and on a real terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import orjson
import pytest
from click.testing import CliRunner, Result

from kulla.cli.output import OutputOptions, echo_error, echo_problem_summary, open_writer, output_options
from kulla.model.errors import KullaError
from kulla.model.problem import Problems
from tests.reporting.samples import HOSTILE, detection, lines, summary


@click.command()
@click.argument("word", default="")
@output_options("table", "jsonl", "json", "csv", "html")
def command(word: str, output: OutputOptions) -> None:
    """A command as others write it."""
    with open_writer(output, Problems()) as writer:
        writer.write(lines(detection(host=word or None)))
        writer.finish(summary())


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=True)


@click.command()
@output_options("json", "csv")
def probe(output: OutputOptions) -> None:
    """Print what arrived."""
    click.echo(repr(output))


def probed(*arguments: str) -> str:
    return CliRunner().invoke(probe, arguments).output.strip()


def test_defaults_and_every_option() -> None:
    assert probed() == repr(OutputOptions(format="json"))
    given = OutputOptions("csv", "x", force=True, color="never", quiet=True, verbose=2, progress=False)
    assert probed("-f", "csv", "-o", "x", "--force", "--color", "never", "-q", "-vv", "--no-progress") == repr(given)


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [(("-o", "a.CSV"), "csv"), (("-o", "a.txt"), "json"), (("-o", "a.html"), "json"), (("-o", "a.csv", "-f", "json"), "json")],
)
def test_the_ending_chooses_the_format_where_none_is_given(arguments: tuple[str, ...], chosen: str) -> None:
    assert f"format='{chosen}'" in probed(*arguments)


def test_the_help_names_every_option() -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    for option in ("--format", "table|jsonl|json|csv|html", "--output", "--force", "--color", "--quiet", "--verbose", "--no-progress"):
        assert option in text


def test_a_table_is_the_default_and_plain_without_a_terminal() -> None:
    result = invoke("PRINT01")
    assert result.exit_code == 0
    assert "HIGH      Shadow copies removed" in result.output
    assert "\x1b" not in result.output


def test_color_can_be_demanded() -> None:
    assert "\x1b[1;31mHIGH" in invoke("PRINT01", "--color", "always").output


def test_a_file_is_written_and_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "found.jsonl"
    assert invoke("A", "-o", str(target)).exit_code == 0
    assert orjson.loads(target.read_bytes())["host"] == "A"
    refused = invoke("B", "-o", str(target))
    assert isinstance(refused.exception, KullaError)
    assert "--force" in str(refused.exception)
    assert invoke("B", "-o", str(target), "--force").exit_code == 0
    assert orjson.loads(target.read_bytes())["host"] == "B"


def test_an_unknown_format_is_a_usage_error() -> None:
    assert invoke("-f", "xml").exit_code == 2


PROGRAM = """
    import sys
    from kulla.cli.output import open_writer, OutputOptions
    from kulla.cli.progress import ProgressLine
    from kulla.model.problem import Problems
    from tests.reporting.samples import detection, lines, summary
    progress = ProgressLine(sys.stderr, 100)
    with progress, open_writer(OutputOptions(color=sys.argv[1]), Problems(), before_write=progress.clear) as writer:
        progress.update(50, 1, 0)
        writer.write(lines(detection()))
        writer.finish(summary())
"""


def on_a_terminal(color: str, **environment: str) -> str:
    """Run PROGRAM with stdout and stderr on a pseudo-terminal and return what a person would have received."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    variables = (
        {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "120"} | environment
    )
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM), color]
    subprocess.run(program, stdout=theirs, stderr=theirs, env=variables, check=True, cwd=Path(__file__).parents[2])
    os.close(theirs)
    received = os.read(ours, 65536).decode()
    os.close(ours)
    return received


def test_a_terminal_gets_colors_rows_and_a_line_that_goes_away() -> None:
    text = on_a_terminal("auto")
    progress, rows = text.split("\r\x1b[K")[1:]
    assert progress.startswith("[##########..........]  50%")
    assert rows.startswith("\x1b[1mTIME (UTC)")
    assert "\x1b[1;31mHIGH\x1b[0m" in rows


@pytest.mark.parametrize(("color", "environment"), [("auto", {"NO_COLOR": "1"}), ("never", {}), ("auto", {"TERM": "dumb"})])
def test_colors_can_be_refused(color: str, environment: dict[str, str]) -> None:
    assert "\x1b[1;31m" not in on_a_terminal(color, **environment)


def test_the_flag_is_stronger_than_no_color() -> None:
    assert "\x1b[1;31m" in on_a_terminal("always", NO_COLOR="1")


def test_problems_are_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    problems = Problems()
    echo_problem_summary(problems)
    problems.add("a.evtx", "truncated-file", "ends in chunk 3", count=2)
    problems.add(HOSTILE, "unreadable-file", HOSTILE)
    echo_problem_summary(problems)
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("Warning: 3 problems\n  truncated-file ×2\n    a.evtx: ends in chunk 3\n")
    assert "\x1b" not in told.err
    echo_problem_summary(problems, quiet=True)
    assert capsys.readouterr().err == "Warning: 3 problems\n"


def test_errors_are_told_with_place_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    echo_error(KullaError("cannot be read\x1b[2J", place="rules/a.yml line 3", fix="check the indentation"))
    told = capsys.readouterr()
    assert told.err == "Error: rules/a.yml line 3: cannot be read\\u{1b}[2J (check the indentation)\n"
    assert not told.out
