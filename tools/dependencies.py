"""Write docs/reference/dependencies.md, the list of what Kulla is built on: ``python -m tools.dependencies``.

Version ranges come from pyproject.toml, licences from the metadata of what is installed, reasons from here.
A test compares the page with both.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "dependencies.md"

#: What each dependency is for; docs/adr/0002-dependencies.md says why this one and not another.
REASONS = {
    "click": "command line, completion",
    "evtx": "reads Windows event log files; a compiled, memory-safe parser",
    "google-re2": "regular expressions of rules in linear time, whatever their author wrote",
    "hypothesis": "tests of parsers and of the engine against its oracle with generated input",
    "import-linter": "checks that imports go only back along the way of the data",
    "mypy": "types",
    "numba": "compiles the matching kernel",
    "numpy": "the kernel's tables and the columns of a batch",
    "orjson": "reads and writes JSON",
    "pysigma": "parses Sigma rules; the specification's reference implementation",
    "pytest": "tests",
    "pytest-cov": "coverage of tests",
    "pytest-randomly": "tests in random order",
    "pyyaml": "reads rules safely and finds their line numbers",
    "regex": "regular expressions that RE2 refuses (look-around), with a time limit",
    "ruff": "style",
    "stix2": "an independent parser to test indicators against",
    "types-pyyaml": "types of PyYAML",
    "yara-x": "YARA rules over files; only with the extra",
    "zstandard": "zstd streams",
}
HEAD = """# Dependencies

*Made by `python -m tools.dependencies` from pyproject.toml and installed metadata; do not edit.*

The exact versions that CI tests with are in [constraints.txt](../../constraints.txt), with all they need in turn. Kulla contains no copy of
another project's code, and no front-end files.
"""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One line of pyproject.toml: the name in normal form, the version range, and the extra it belongs to ("" for the core)."""

    name: str
    versions: str
    extra: str


def dependencies() -> Iterator[Dependency]:
    """Yield what pyproject.toml asks for, the core first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra, lines in {"": project["dependencies"], **project["optional-dependencies"]}.items():
        for line in lines:
            name, versions = re.fullmatch(r"([\w.-]+)(.*)", line).groups()  # type: ignore[union-attr]
            yield Dependency(normal(name), versions.replace(",", ", "), extra)


def normal(name: str) -> str:
    """Return a package's name in the normal form of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(name: str) -> str:
    """Return the licence that the installed package states, as short as it states it."""
    about = metadata(name).json
    stated = about.get("license_expression") or _classified(about.get("classifier", []))
    return str(stated or about.get("license") or "not stated").splitlines()[0]


def _classified(classifiers: str | list[str]) -> str:
    lines = [classifiers] if isinstance(classifiers, str) else classifiers
    return ", ".join(line.rpartition(" :: ")[2] for line in lines if line.startswith("License :: "))


def page() -> str:
    """Return the whole page."""
    rows = list(dependencies())
    extras = list(dict.fromkeys(row.extra for row in rows))
    return "\n".join([HEAD, *(_table(extra, [row for row in rows if row.extra == extra]) for extra in extras)])


def _table(extra: str, rows: list[Dependency]) -> str:
    title = f"## With the extra `[{extra}]`" if extra else "## Always installed"
    lines = (f"| {row.name} | {row.versions} | {licence(row.name)} | {REASONS[row.name]} |" for row in rows)
    return "\n".join([title, "", "| package | versions | licence | what for |", "|---|---|---|---|", *lines, ""])


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
