"""A site's own log sources, read from a small TOML file (docs/reference/logsources.md, "Your own log sources")."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from kulla.detection.eventclass import ANY, Aliases, EventClass, Match, Probe
from kulla.model.errors import UsageError
from kulla.model.logsource import LogSource
from kulla.telemetry.fields import name_key

SCHEMA = "kulla.logsources/1"
MAX_BYTES = 1024 * 1024

_SOURCE_KEYS = {"product", "category", "service"}
_MATCH_KEYS = {"field", "value", "second_field", "second"}
_CLASS_KEYS = {"name", "sources", "match", "requires", "aliases"}


def load_logsources(path: Path) -> tuple[EventClass, ...]:
    """Read a site's classes; they take precedence over Kulla's own.

    Raises:
        UsageError: the file cannot be read, is no TOML, or something in it is not of this form; the place says what.
    """
    table = _read(path)
    _only(table, {"schema", "class"}, str(path))
    if table.get("schema") != SCHEMA:
        raise UsageError(f'not a table of log sources of this version: schema is not "{SCHEMA}"', place=str(path))
    classes = tuple(_class(item, f"{path}: class {number}") for number, item in enumerate(_tables(table, "class", str(path)), 1))
    names = [each.name for each in classes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f'two classes are called "{twice}"', place=str(path))
    return classes


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"longer than {MAX_BYTES} bytes", place=str(path))
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", place=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"is no TOML: {error}", place=str(path)) from error


def _class(item: dict[str, Any], place: str) -> EventClass:
    _only(item, _CLASS_KEYS, place)
    sources = tuple(_source(each, place) for each in _tables(item, "sources", place))
    if not sources:
        raise UsageError("sources is missing", place=place, fix='sources = [{ product = "...", service = "..." }]')
    return EventClass(
        name=_text(item, "name", place),
        sources=sources,
        matches=tuple(_match(each, place) for each in _tables(item, "match", place)),
        aliases=_aliases(item.get("aliases", {}), place),
        requires=_source(item["requires"], place) if "requires" in item else LogSource(),
    )


def _source(item: Any, place: str) -> LogSource:
    if not isinstance(item, dict) or not item:
        raise UsageError("a log source has at least one of product, category and service", place=place)
    _only(item, _SOURCE_KEYS, place)
    return LogSource(**{key: _text(item, key, place).lower() for key in item})


def _match(item: dict[str, Any], place: str) -> Match:
    _only(item, _MATCH_KEYS, place)
    value = _text(item, "value", place)
    if "second_field" not in item:
        if "second" in item:
            raise UsageError("second without second_field", place=place)
        return Match(Probe(name_key(_text(item, "field", place))), value)
    second = _text(item, "second", place)
    if value == ANY and second != ANY:
        raise UsageError('"*" as value wants "*" as second', place=place, fix="exchange field and second_field")
    return Match(Probe(name_key(_text(item, "field", place)), name_key(_text(item, "second_field", place))), value, second)


def _aliases(item: Any, place: str) -> Aliases:
    if not isinstance(item, dict):
        raise UsageError("aliases is a table: the rule's field = one of the event's fields, or a list of them", place=place)
    return tuple((field, tuple(_names(item, field, place))) for field in item)


def _names(item: dict[str, Any], field: str, place: str) -> list[str]:
    names = item[field] if isinstance(item[field], list) else [item[field]]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f'the alias of "{field}" is not a name or a list of names', place=place)
    return names


def _tables(item: dict[str, Any], key: str, place: str) -> list[dict[str, Any]]:
    tables = item.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise UsageError(f"{key} is not a list of tables", place=place)
    return tables


def _text(item: dict[str, Any], key: str, place: str) -> str:
    text = item.get(key)
    if not isinstance(text, str) or not text:
        raise UsageError(f"{key} is missing or no text", place=place)
    return text


def _only(item: dict[str, Any], allowed: set[str], place: str) -> None:
    unknown = sorted(item.keys() - allowed)
    if unknown:
        raise UsageError(f'"{unknown[0]}" is not known here', place=place, fix="one of " + ", ".join(sorted(allowed)))
