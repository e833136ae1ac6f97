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
Way = tuple[str, ...]
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


class Number(str):
    """A JSON number by its text."""

    __slots__ = ()


class Object(list[tuple[str, Any]]):
    """A JSON object with its keys as they stand, repeated ones included."""

    __slots__ = ()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=Object, parse_int=Number, parse_float=Number, parse_constant=_refuse, strict=False)


def parse(event: bytes) -> Object:
    """Return one JSON object with repeated keys kept and numbers as their text.

    Raises:
        ValueError: not one JSON object.
    """
    try:
        parsed = _DECODER.decode(event.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(parsed, Object):
        raise ValueError("not a JSON object")
    return parsed


def flatten(event: bytes) -> Fields:
    """Return the fields of one JSON object.

    Unpaired surrogates become U+FFFD; a repeated key gives several values.

    Raises:
        ValueError: not one JSON object, or nested deeper than MAX_DEPTH.
    """
    values: dict[str, list[Value]] = {}
    for name, value in _walk(parse(event), (), "", 1):
        values.setdefault(name_key(name), []).append(value)
    return Fields(values)


def _walk(node: Any, way: Way | None, path: str, depth: int) -> Iterator[tuple[str, Value]]:
    """Yield (joined path, value) for all of ``node``; ``way`` is the transparent way so far, None once left."""
    if not isinstance(node, list):
        yield path, _leaf(node)
        return
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(node, Object):
        for raw, value in node:
            yield from _walk_member(clean(raw), value, way, path, depth)
    else:
        for item in node:
            yield from _walk(item, way, path, depth + 1)


def _walk_member(key: str, value: Any, way: Way | None, path: str, depth: int) -> Iterator[tuple[str, Value]]:
    step = step_into(way, key) if isinstance(value, list) else None
    named = step is None and not (key == TEXT_KEY and path)
    inner = (f"{path}.{key}" if path else key) if named else path
    if named and isinstance(value, list):
        yield inner, Value("", Kind.CONTAINER)
    yield from _walk(value, step, inner, depth + 1)


def step_into(way: Way | None, key: str) -> Way | None:
    """Return the transparent way after ``key``, or None where the key names a field."""
    if way is None:
        return None
    return next((longer for longer in ((*way, key), (*way, "*")) if longer in _TRANSPARENT), None)


def _leaf(node: Any) -> Value:
    if isinstance(node, Number):
        return Value(str(node), Kind.NUMBER)
    if isinstance(node, str):
        return Value(clean(node), Kind.TEXT)
    if node is None:
        return Value("", Kind.NULL)
    return Value("true" if node else "false", Kind.BOOLEAN)


def clean(text: str) -> str:
    """Return ``text`` with unpaired surrogates replaced by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)
