"""Write docs/reference/content.md, the list of the rules that come with Kulla: ``python -m tools.rules_reference``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "content.md"
HEAD = """# Rules that come with Kulla

*Made from `src/kulla/content/rules` by `python -m tools.rules_reference`; do not edit.*

A starter set of our own, part of every scan unless `--no-content` is given. It is no replacement for
[SigmaHQ's rules](../how-to/use-sigmahq-offline.md). ATT&CK ids are those of version 18.1. A rule of level informational only feeds
the correlation in the same file.
"""


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file name, rule) for every rule and correlation, by file name."""
    folder = files("kulla") / "content" / "rules"
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        yield from ((path.name, document) for document in yaml.safe_load_all(path.read_text(encoding="utf-8")))


def page() -> str:
    """Return the whole page."""
    lines = [HEAD, "| rule | level | looks at | ATT&CK | file |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(_row(name, rule) for name, rule in documents()), ""])


def _row(name: str, rule: dict[str, Any]) -> str:
    techniques = ", ".join(tag.removeprefix("attack.").upper() for tag in rule["tags"] if tag.startswith("attack.t1"))
    source = " ".join(rule.get("logsource", {"": "correlation"}).values())
    return f"| {rule['title']} | {rule['level']} | {source} | {techniques} | [{name}](../../src/kulla/content/rules/{name}) |"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
