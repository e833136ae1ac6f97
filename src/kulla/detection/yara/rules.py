"""YARA rule files, compiled; a rule that does not compile is left out and told, the others work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kulla.detection.sigma.outcome import RejectedRule
from kulla.model.errors import UsageError
from kulla.model.problem import Problems
from kulla.model.text import visible

#: Endings of rule files in a folder; a file named directly may have any.
ENDINGS = (".yar", ".yara")
#: Bytes of a rule file at the most.
MAX_RULE_FILE = 64 * 1024 * 1024
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class YaraRules:
    """Compiled rules.

    Attributes:
        compiled: ``yara_x.Rules``.
        count: how many rules work.
        rejected: those that do not.
    """

    compiled: Any
    count: int
    rejected: tuple[RejectedRule, ...]


def yara_x() -> ModuleType:
    """Return the YARA-X module.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import yara_x as module
    except ImportError as error:
        raise UsageError("YARA rules need YARA-X", fix="pip install 'kulla[yara]'") from error
    return module


def compile_rules(paths: Sequence[str], problems: Problems) -> YaraRules:
    """Compile rule files and folders of them; each file has a namespace of its own, ``include`` is not followed.

    Args:
        paths: as the user gave them.
        problems: rules and files that cannot be used are counted here too.

    Raises:
        UsageError: a path does not exist, or YARA-X is not installed.
    """
    compiler = yara_x().Compiler()
    compiler.enable_includes(False)  # noqa: FBT003 - no keyword there; a rule file from elsewhere must not read this machine's files
    compiler.ignore_invalid_rules(True)  # noqa: FBT003 - the same
    rejected: list[RejectedRule] = []
    for path in _files(paths):
        source = _source(path, problems)
        if source is not None:
            rejected += _add(compiler, source, str(path))
    for rule in rejected:
        problems.add(rule.path, "invalid-rule", rule.reason, place=f"line {rule.line}")
    compiled = compiler.build()
    return YaraRules(compiled, sum(1 for _ in compiled), tuple(rejected))


def _add(compiler: Any, source: str, path: str) -> list[RejectedRule]:
    """Add one file; return its errors, which the compiler counts over all files."""
    before = len(compiler.errors())
    compiler.new_namespace(path)
    try:
        compiler.add_source(source, origin=path)
    except yara_x().CompileError:
        pass  # the first error of the file; it is among ``errors()``
    return [
        RejectedRule("", "", path, int(error.get("line", 0)), "invalid", visible(str(error.get("title", "")), _SHOWN))
        for error in compiler.errors()[before:]
    ]


def _source(path: Path, problems: Problems) -> str | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_RULE_FILE + 1)
        if len(data) <= MAX_RULE_FILE:
            return data.decode("utf-8-sig")
        message = f"longer than {MAX_RULE_FILE} bytes"
    except UnicodeDecodeError:
        message = "no UTF-8 text"
    except OSError as error:
        message = error.strerror or str(error)
    problems.add(str(path), "unreadable-rules", message)
    return None


def _files(paths: Sequence[str]) -> Iterator[Path]:
    for name in paths:
        path = Path(name)
        if not path.exists():
            raise UsageError("there is no such file or folder of YARA rules", place=name)
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file() and one.suffix.lower() in ENDINGS)
        else:
            yield path
