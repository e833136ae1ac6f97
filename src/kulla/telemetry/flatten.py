"""The slow, plain way from an event's JSON to its fields; the kernel's tokeniser must agree with it.

Used by the oracle, by ``kulla rules explain``, by correlations and by the fallback where numba is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from kulla.telemetry.fields import TEXT_KEY, TRANSPARENT, name_key

#: Objects and arrays nested deeper make a record unreadable.
MAX_DEPTH = 64

_SURROGATE = re.compile("[\ud800-\udfff]")
_Edge = tuple[str, ...]
_TRANSPARENT = frozenset(TRANSPARENT)


class Kind(Enum):
    """What JSON says a value is."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    CONTAINER = "container"  # an object or array: the field exists but has no value of its own


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field: its text (numbers as written in the JSON) and what JSON says it is."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Fields:
    """An event by field: ``values[name_key(name)]`` lists its values in the order of the JSON."""

    values: dict[str, list[Value]]

    def get(self, name: str) -> list[Value]:
        """Return the values of the field that a rule calls ``name``; empty when it is missing."""
        return self.values.get(name_key(name), [])

    def text(self, name: str) -> str | None:
        """Return the first text, number or boolean of a field, None where there is none."""
        return next((v.text for v in self.get(name) if v.kind not in (Kind.NULL, Kind.CONTAINER)), None)


class _Number(str):
    """A JSON number by its text."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """A JSON object with its keys as they stand, repeated ones included."""

    __slots__ = ()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number, parse_constant=_refuse, strict=False
)


def flatten(event: bytes) -> Fields:
    """Return the fields of one JSON object.

    Unpaired surrogates become U+FFFD; a repeated key gives several values.

    Raises:
        ValueError: not one JSON object, or nested deeper than MAX_DEPTH.
    """
    try:
        parsed = _DECODER.decode(event.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, _Object):
        raise ValueError("not a JSON object")
    values: dict[str, list[Value]] = {}
    for name, value in _walk(parsed, (), "", 1):
        values.setdefault(name_key(name), []).append(value)
    return Fields(values)


def _walk(node: Any, edge: _Edge | None, path: str, depth: int) -> Iterator[tuple[str, Value]]:
    """Yield (joined path, value) for all of ``node``; ``edge`` is the transparent way so far, None once left."""
    if not isinstance(node, list):
        yield path, _leaf(node)
        return
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(node, _Object):
        for raw, value in node:
            yield from _walk_member(_clean(raw), value, edge, path, depth)
    else:
        for item in node:
            yield from _walk(item, edge, path, depth + 1)


def _walk_member(key: str, value: Any, edge: _Edge | None, path: str, depth: int) -> Iterator[tuple[str, Value]]:
    step = _step(edge, key) if isinstance(value, list) else None
    named = step is None and not (key == TEXT_KEY and path)
    inner = (f"{path}.{key}" if path else key) if named else path
    if named and isinstance(value, list):
        yield inner, Value("", Kind.CONTAINER)
    yield from _walk(value, step, inner, depth + 1)


def _step(edge: _Edge | None, key: str) -> _Edge | None:
    """Return the transparent way after ``key``, or None where the key names a field."""
    if edge is None:
        return None
    return next((way for way in ((*edge, key), (*edge, "*")) if way in _TRANSPARENT), None)


def _leaf(node: Any) -> Value:
    if isinstance(node, _Number):
        return Value(str(node), Kind.NUMBER)
    if isinstance(node, str):
        return Value(_clean(node), Kind.TEXT)
    if node is None:
        return Value("", Kind.NULL)
    return Value("true" if node else "false", Kind.BOOLEAN)


def _clean(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text)
