"""How the program starts, ends and helps, tried on commands made for the test and on real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from kulla import __version__
from kulla.cli import main
from kulla.cli.lazy import Lazy, LazyGroup
from kulla.model.errors import KullaError, PolicyError, UsageError

KULLA = [sys.executable, "-m", "kulla"]


def process(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*KULLA, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=60)


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """Run a program of one command that ends with the given error."""

    def run(error: BaseException) -> int:
        @click.command()
        def command() -> None:
            """Fail."""
            raise error

        monkeypatch.setattr(Lazy, "load", lambda _: command)
        return main.run(["scan"])

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KullaError("no"), 1),
        (UsageError("no"), 2),
        (PolicyError("no"), 4),
        (click.UsageError("no"), 2),
        (click.BadParameter("no"), 2),
        (click.ClickException("no"), 1),
        (click.exceptions.Exit(3), 3),
        (click.exceptions.Exit(0), 0),
        (OSError(28, "No space left on device"), 1),
        (FileNotFoundError(2, "No such file or directory", "x.log"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
)
def test_exit_codes(ending: Callable[[BaseException], int], error: BaseException, code: int) -> None:
    assert ending(error) == code


def test_an_error_names_place_and_fix_on_stderr_only(ending: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]) -> None:
    ending(KullaError("no such field", place="a.yml line 3", fix="remove it"))
    assert capsys.readouterr() == ("", "Error: a.yml line 3: no such field (remove it)\n")


def test_an_error_cannot_act_on_the_terminal(ending: Callable[[BaseException], int], capsys: pytest.CaptureFixture[str]) -> None:
    ending(KullaError("\x1b[2J\u202egone"))
    ending(OSError(2, "No such file", "\x1b[31mred"))
    assert capsys.readouterr().err == "Error: \\u{1b}[2J\\u{202e}gone\nError: \\u{1b}[31mred: No such file\n"


def test_an_error_in_kulla_itself_is_not_hidden(ending: Callable[[BaseException], int]) -> None:
    with pytest.raises(ZeroDivisionError):
        ending(ZeroDivisionError())


def test_every_command_is_there_and_its_summary_is_its_own() -> None:
    for lazy in main.COMMANDS.values():
        assert (lazy.load().help or "").splitlines()[0].strip() == lazy.summary


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], []])
def test_help_shows_examples_before_options_and_every_command(arguments: list[str]) -> None:
    text = CliRunner().invoke(main.kulla, arguments).output
    assert text.index("Examples:") < text.index("Options:") < text.index("Commands:")
    assert all(f"\n  {name} " in text for name in main.COMMANDS)
    assert len(text.splitlines()) <= 40


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = "import sys; from kulla.cli.main import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "numba", "orjson", "sigma", "yaml", "evtx", "re2", "regex", "zstandard", "rich", "asyncio", "kulla.cli.scan"}
    assert not heavy & set(eval(done.stderr))


def test_version() -> None:
    assert process("--version").stdout == f"kulla {__version__}\n"


@pytest.mark.parametrize(
    ("name", "hint"), [("scam", " Did you mean 'scan'?"), ("rule", " Did you mean 'rules'?"), ("zzz", ""), ("\x1b]0;", "")]
)
def test_an_unknown_command_suggests_the_near_one(name: str, hint: str) -> None:
    done = process(name)
    assert (done.returncode, done.stdout) == (2, "")
    shown = name.replace("\x1b", "\\u{1b}")
    assert f"Error: There is no command '{shown}'.{hint}\n" in done.stderr


def test_an_unknown_option_is_a_usage_error() -> None:
    done = process("--frobnicate")
    assert done.returncode == 2
    assert "No such option" in done.stderr


def test_a_broken_pipe_is_quiet() -> None:
    with subprocess.Popen([*KULLA, "completion", "bash"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_ctrl_c_ends_with_130() -> None:
    code = (
        "import os, signal, click; from kulla.cli import lazy, main\n"
        "stop = click.Command('scan', callback=lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "lazy.Lazy.load = lambda self: stop\n"
        "import sys; sys.argv = ['kulla', 'scan']; main.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (main.INTERRUPTED, "", "")
    assert signal.SIGINT + 128 == main.INTERRUPTED


def test_what_the_terminal_cannot_show_is_escaped() -> None:
    code = (
        "import sys, click; from kulla.cli import lazy, main\n"
        "lazy.Lazy.load = lambda self: click.Command('scan', callback=lambda: click.echo('\\u062d \\udcff'))\n"
        "sys.exit(main.run(['scan']))"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1:strict", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "\\u062d \\udcff\n"


def test_nothing_listens_at_the_end_of_a_pipe_even_for_help() -> None:
    with subprocess.Popen([*KULLA, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_an_output_that_cannot_be_written_is_an_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*KULLA, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device\n")


def test_python_m_kulla_and_kulla_are_the_same() -> None:
    program = Path(sys.executable).with_name("kulla")
    assert subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout == process("--help").stdout


def test_a_group_with_an_empty_table() -> None:
    group = LazyGroup("empty", table={})
    result = CliRunner().invoke(group, ["x"])
    assert result.exit_code == 2
    assert "There is no command 'x'." in result.output
