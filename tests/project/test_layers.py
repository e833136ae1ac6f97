"""The layers that import-linter checks are all the rooms there are, in the order of the data."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ORDER = [
    "model", "telemetry", "detection", "history", "cases", "intelligence", "sharing", "protection", "water", "reporting", "exercise",
    "node", "cli", "web", "__main__",
]  # fmt: skip


def contracts() -> list[dict[str, object]]:
    linter: dict[str, list[dict[str, object]]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]
    return linter["contracts"]


def layers() -> list[str]:
    (contract,) = (contract for contract in contracts() if contract["type"] == "layers")
    assert isinstance(contract["layers"], list)
    return [name.strip(" ()").removeprefix("kulla.") for layer in reversed(contract["layers"]) for name in layer.split("|")]


def test_the_order_is_the_way_of_the_data() -> None:
    assert layers() == ORDER


def test_every_room_has_its_layer() -> None:
    package = ROOT / "src" / "kulla"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")} | {path.stem for path in package.glob("*.py")}
    assert rooms - {"__init__"} <= set(ORDER)


def test_every_room_below_the_skins_is_free_of_click() -> None:
    (contract,) = (contract for contract in contracts() if contract.get("forbidden_modules") == ["click"])
    package = ROOT / "src" / "kulla"
    rooms = {f"kulla.{path.parent.name}" for path in package.glob("*/__init__.py")} - {"kulla.cli", "kulla.web"}
    assert isinstance(contract["source_modules"], list)
    assert rooms <= set(contract["source_modules"])


def test_no_import_goes_forward() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
