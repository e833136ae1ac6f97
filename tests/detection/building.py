"""Short ways to rules, trees and fields for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent, indent

from kulla.detection.ir import Node
from kulla.detection.sigma.document import Piece, parse
from kulla.detection.sigma.load import RuleSet, load_rules
from kulla.detection.sigma.translate import Translator
from kulla.telemetry.flatten import Fields, flatten


def detection(text: str) -> dict[str, object]:
    """Return a detection section; without a condition, it is its only definition."""
    section = parse(Piece(text, 1))
    assert isinstance(section, dict)
    return section if "condition" in section else {**section, "condition": next(iter(section))}


def tree(text: str, placeholders: Mapping[str, tuple[str, ...]] | None = None) -> Node:
    """Return the tree of a detection section written as YAML."""
    return Translator(placeholders or {}).tree(detection(text))


def fields(event: str) -> Fields:
    """Return the fields of an event written as JSON."""
    return flatten(event.encode())


def rule_text(section: str, **attributes: str) -> str:
    """Return a whole rule with the given detection section."""
    given = {"title": "A rule", "logsource": "{product: windows}", **attributes}
    head = "\n".join(f"{key}: {value}" for key, value in given.items())
    return f"{head}\ndetection:\n{indent(dedent(section).strip(), '  ')}\n"


def loaded(folder: Path, *texts: str, **options: Mapping[str, tuple[str, ...]]) -> RuleSet:
    """Write each text into a file of its own (1.yml, 2.yml, ...) and load the folder."""
    for number, text in enumerate(texts, start=1):
        (folder / f"{number}.yml").write_text(text, encoding="utf-8")
    return load_rules([str(folder)], **options)
