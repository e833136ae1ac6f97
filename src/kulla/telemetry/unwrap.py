"""An event as people see it: its JSON without the wrappers that only group."""

from __future__ import annotations

from typing import Any

import orjson

from kulla.telemetry import flatten
from kulla.telemetry.flatten import Way, parse, step_into


def unwrap(event: bytes) -> bytes:
    """Return one JSON object with the members of transparent wrappers lifted to the top.

    Everything else stays as it is: nesting, repeated keys, the text of numbers.

    Raises:
        ValueError: not one JSON object.
    """
    return b"{" + b",".join(_lifted(parse(event), ())) + b"}"


def _lifted(node: Any, way: Way) -> list[bytes]:
    if isinstance(node, flatten.Object):
        return [text for key, value in node for text in _member(key, value, way)]
    return [text for item in node if isinstance(item, list) for text in _lifted(item, way)]


def _member(key: str, value: Any, way: Way) -> list[bytes]:
    step = step_into(way, key) if isinstance(value, list) else None
    return [_pair(key, value)] if step is None else _lifted(value, step)


def _pair(key: str, value: Any) -> bytes:
    return orjson.dumps(flatten.clean(key)) + b":" + _text(value)


def _text(value: Any) -> bytes:
    if isinstance(value, flatten.Object):
        return b"{" + b",".join(_pair(key, item) for key, item in value) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(_text, value)) + b"]"
    if isinstance(value, flatten.Number):
        return value.encode()
    return orjson.dumps(flatten.clean(value) if isinstance(value, str) else value)
