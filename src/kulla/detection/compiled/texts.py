"""The fixed pieces of a detection's line."""

from __future__ import annotations

import orjson

from kulla.detection.ir import Rule


def opening() -> bytes:
    """Return what every line begins with."""
    return b'{"schema":"kulla.detection/1","time":'


def rule_json(rule: Rule) -> bytes:
    """Return the ``rule`` object of kulla.detection/1."""
    return orjson.dumps(
        {"id": rule.id, "title": rule.title, "level": rule.level, "status": rule.status, "tags": list(rule.tags), "kind": rule.kind}
    )
