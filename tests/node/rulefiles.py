"""Small rule sets for tests."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path


def rule_text(
    number: int, title: str = "", value: str = "evil.exe", level: str = "high", logsource: str = "category: process_creation"
) -> str:
    """One Sigma rule whose id ends in ``number``."""
    return f"""title: {title or f"Rule {number}"}
id: 00000000-0000-4000-8000-{number:012d}
status: test
level: {level}
tags: [attack.t1059]
logsource:
    {logsource}
    product: windows
detection:
    selection:
        Image|endswith: '\\{value}'
    condition: selection
"""


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def rule_zip(*numbers: int) -> bytes:
    return zipped({f"rules/r{number}.yml": rule_text(number) for number in numbers})


def write_rules(folder: Path, *numbers: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"r{number}.yml").write_text(rule_text(number))
    return folder
