"""Completion: the scripts are what their shells accept, and completing gives commands, shells and options."""

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kulla.cli.completion import SHELLS
from kulla.cli.main import COMMANDS, kulla


def complete(words: str) -> list[str]:
    """Complete the last word as bash would ask for it."""
    environment = {"_KULLA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    code = "from kulla.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=60
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def script(shell: str) -> str:
    result = CliRunner().invoke(kulla, ["completion", shell])
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_kulla(shell: str) -> None:
    assert f"_KULLA_COMPLETE={shell}_complete" in script(shell)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_accepts_the_script(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([program, "-n"], input=script(shell), text=True, check=True, timeout=60)


def test_commands_are_completed_without_importing_them() -> None:
    assert complete("kulla ") == list(COMMANDS)
    assert complete("kulla compl") == ["completion"]


def test_arguments_and_options_are_completed() -> None:
    assert complete("kulla completion ") == list(SHELLS)
    assert complete("kulla --ver") == ["--version"]


def test_another_shell_is_refused() -> None:
    result = CliRunner().invoke(kulla, ["completion", "tcsh"])
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr
