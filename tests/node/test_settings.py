"""Where settings come from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kulla.model.errors import UsageError
from kulla.node.settings import Setting, config_file, data_home, setting, switched_on

linux = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="folders of Linux")


@linux
@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"KULLA_HOME": "/srv/kulla", "XDG_DATA_HOME": "/data"}, Path("/srv/kulla")),
        ({"XDG_DATA_HOME": "/data"}, Path("/data/kulla")),
        ({"XDG_DATA_HOME": "relative"}, Path.home() / ".local/share/kulla"),
        ({"KULLA_HOME": ""}, Path.home() / ".local/share/kulla"),
    ],
)
def test_the_data_folder(environment: dict[str, str], folder: Path):
    assert data_home(environment) == folder


@linux
def test_the_configuration_file():
    assert config_file({"XDG_CONFIG_HOME": "/etc/x"}) == Path("/etc/x/kulla/kulla.toml")
    assert config_file({"KULLA_CONFIG": "/k.toml", "XDG_CONFIG_HOME": "/etc/x"}) == Path("/k.toml")


def test_option_before_environment_before_file_before_default(tmp_path: Path):
    file = tmp_path / "kulla.toml"
    env = {"KULLA_CONFIG": str(file)}
    assert setting(None, "KULLA_RULES_URL", "rules.url", "https://default", env) == Setting("https://default", "default")
    file.write_text('[rules]\nurl = "https://file"\n')
    assert setting(None, "KULLA_RULES_URL", "rules.url", "https://default", env) == Setting("https://file", str(file))
    env["KULLA_RULES_URL"] = "https://env"
    assert setting(None, "KULLA_RULES_URL", "rules.url", "https://default", env) == Setting("https://env", "KULLA_RULES_URL")
    assert setting("https://option", "KULLA_RULES_URL", "rules.url", "https://default", env) == Setting("https://option", "option")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[rules\n", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        (b"[rules]\nurl = 7\n", "rules.url must be text"),
        (b"#" * 1_100_000, "too large"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path: Path, content: bytes, message: str):
    file = tmp_path / "kulla.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        setting(None, "KULLA_RULES_URL", "rules.url", "", {"KULLA_CONFIG": str(file)})
    assert caught.value.place == str(file)


def test_a_table_that_is_none(tmp_path: Path):
    file = tmp_path / "kulla.toml"
    file.write_text('rules = "text"\n')
    assert setting(None, "X", "rules.url", "default", {"KULLA_CONFIG": str(file)}).value == "default"


def test_a_configuration_that_is_a_folder(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        setting(None, "X", "rules.url", "", {"KULLA_CONFIG": str(tmp_path)})


@pytest.mark.parametrize(
    ("value", "on"), [("1", True), ("yes", True), ("", False), ("0", False), ("No", False), ("off", False), ("false", False)]
)
def test_switches(value: str, on: bool):
    assert switched_on("KULLA_OFFLINE", {"KULLA_OFFLINE": value}) is on
    assert not switched_on("KULLA_OFFLINE", {})
