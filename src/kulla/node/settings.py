"""Where Kulla keeps its data on this machine, and settings with their precedence: option, environment, file, default."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kulla.model.errors import UsageError

#: A configuration file is small; anything larger is not one.
_MAX_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and where it came from: ``option``, an environment variable, a file, or ``default``."""

    value: str
    origin: str


def data_home(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder of Kulla's data: KULLA_HOME, else the platform's folder for a user's data (XDG Base Directory)."""
    env = os.environ if environment is None else environment
    if env.get("KULLA_HOME"):
        return Path(env["KULLA_HOME"]).expanduser()
    return _platform_folder(env, "XDG_DATA_HOME", Path(".local") / "share") / "kulla"


def cache_home(environment: Mapping[str, str] | None = None) -> Path:
    """Return the folder for what can be made anew: KULLA_HOME/cache, else the platform's folder for caches (XDG Base Directory)."""
    env = os.environ if environment is None else environment
    if env.get("KULLA_HOME"):
        return Path(env["KULLA_HOME"]).expanduser() / "cache"
    return _platform_folder(env, "XDG_CACHE_HOME", Path(".cache")) / "kulla"


def config_file(environment: Mapping[str, str] | None = None) -> Path:
    """Return the configuration file: KULLA_CONFIG, else ``kulla/kulla.toml`` in the user's folder of configurations."""
    env = os.environ if environment is None else environment
    if env.get("KULLA_CONFIG"):
        return Path(env["KULLA_CONFIG"]).expanduser()
    return _platform_folder(env, "XDG_CONFIG_HOME", Path(".config")) / "kulla" / "kulla.toml"


def _platform_folder(env: Mapping[str, str], variable: str, fallback: Path) -> Path:
    given = env.get(variable, "")
    if Path(given).is_absolute():  # a relative path is to be ignored, says the XDG specification
        return Path(given)
    if sys.platform == "win32" and env.get("LOCALAPPDATA"):
        return Path(env["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / fallback


def setting(option: str | None, variable: str, key: str, default: str, environment: Mapping[str, str] | None = None) -> Setting:
    """Return a setting.

    Args:
        option: what the command line says, None where it says nothing.
        variable: of the environment.
        key: in the configuration file, ``table.name``.
        default: where nobody says anything.
        environment: of the process.

    Raises:
        UsageError: the configuration file cannot be read, or the value is no text.
    """
    env = os.environ if environment is None else environment
    if option is not None:
        return Setting(option, "option")
    if env.get(variable):
        return Setting(env[variable], variable)
    value = _from_file(config_file(env), key)
    return Setting(default, "default") if value is None else Setting(value, str(config_file(env)))


def switched_on(variable: str, environment: Mapping[str, str] | None = None) -> bool:
    """Return whether an environment variable says yes: anything but empty, 0, no, false, off."""
    env = os.environ if environment is None else environment
    return env.get(variable, "").strip().lower() not in ("", "0", "no", "false", "off")


def _from_file(file: Path, key: str) -> str | None:
    value: Any = _parsed(file)
    for name in key.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{key} must be text", place=str(file))


def _parsed(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"the configuration cannot be read: {error.strerror or error}", place=str(file)) from error
    if len(content) > _MAX_FILE:
        raise UsageError("the configuration file is too large", place=str(file))
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"the configuration is not valid TOML: {error}", place=str(file)) from error
