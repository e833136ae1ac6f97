"""The command under test: a home of its own for the session, with the machine code that earlier runs have made."""

from __future__ import annotations

from pathlib import Path

import pytest

from kulla.node.settings import cache_home
from tests.cli.command import Command


@pytest.fixture(scope="session")
def kulla_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a KULLA_HOME whose compiled kernel is the user's, so that it is compiled at most once; compiled rules are its own."""
    kernel = cache_home() / "kernel"
    kernel.mkdir(parents=True, exist_ok=True)
    home = tmp_path_factory.mktemp("kulla-home")
    (home / "cache").mkdir()
    (home / "cache" / "kernel").symlink_to(kernel)
    return home


@pytest.fixture
def kulla(tmp_path: Path, kulla_home: Path) -> Command:
    """Return the command, to be run in an empty folder."""
    return Command(tmp_path, kulla_home)
