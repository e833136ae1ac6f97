"""MISP events as JSON: attributes and the attributes of objects (MISP core format, "misp-core-format" Internet draft)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kulla.detection.indicators.forms import is_type_word, refang, terms_by_form, terms_by_word
from kulla.detection.indicators.indicator_set import DEFAULT_LEVEL, Header, IndicatorBuilder, Term
from kulla.detection.indicators.jsonstream import CLOSED, Path
from kulla.model import moment
from kulla.model.text import visible

#: Composite types -> the types of the parts that are used, in order; "" is not used. A file's name with a hash
#: is the hash: the name alone would match more than was said. Ports are left out.
COMPOSITES: dict[str, tuple[str, str]] = {
    **{f"filename|{word}": ("", word) for word in ("md5", "sha1", "sha256", "sha512", "imphash")},
    "domain|ip": ("domain", "ip"),
    "hostname|port": ("hostname", ""),
    "ip-src|port": ("ip-src", ""),
    "ip-dst|port": ("ip-dst", ""),
    "regkey|value": ("regkey", ""),
}
#: Threat level of an event -> level (1 high, 2 medium, 3 low, 4 undefined).
LEVELS = {"1": "high", "2": "medium", "3": "low"}
#: A domain's names below it are meant too; a host's are not.
_TREE_TYPES = frozenset(("domain",))
_MAX_TAGS = 32
#: Digits of the seconds since 1970 until the year 5138.
_SECONDS_DIGITS = 11
_MAX_TAG = 100
_SHOWN = 80


@dataclass(slots=True)
class EventHeader:
    """What an event says of all its attributes; in MISP's JSON part of it stands behind them."""

    title: str = ""
    level: str = DEFAULT_LEVEL
    tags: tuple[str, ...] = field(default=())

    def take(self, key: str, value: Any) -> None:
        """Read one member of the event."""
        if key == "info" and isinstance(value, str):
            self.title = value
        elif key == "threat_level_id":
            self.level = LEVELS.get(str(value), DEFAULT_LEVEL)
        elif key == "Tag":
            self.tags = _tags(value)


def event_headers(found: Iterator[tuple[Path, Any]]) -> Iterator[EventHeader]:
    """Yield the header of each event of a file, in order (the first pass over it)."""
    header = EventHeader()
    for path, value in found:
        if value is CLOSED:
            if _is_event(path):
                yield header
                header = EventHeader()
        elif len(path) and _is_event(path[:-1]):
            header.take(path[-1], value)


def _is_event(path: Path) -> bool:
    """Return whether members of this path are an event's: ``{"Event": {...}}``, or the event itself."""
    return path[-1] == "Event" if path else True


def add_misp_members(found: Iterator[tuple[Path, Any]], headers: list[EventHeader], path: str, builder: IndicatorBuilder) -> int:
    """Add the attributes of a file (the second pass); return how many attributes it has."""
    events = attributes = 0
    for keys, value in found:
        if value is CLOSED:
            events += _is_event(keys)
        elif keys and keys[-1] in ("Attribute", "Object"):
            header = headers[events] if events < len(headers) else EventHeader()
            for item in _attributes(value):
                attributes += 1
                _add_attribute(item, header, path, builder, f"attribute {attributes}")
    return attributes


def _attributes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the attribute that ``value`` is, or those of the object that it is."""
    if not isinstance(value, dict):
        return
    inner = value.get("Attribute")
    if not isinstance(inner, list):
        yield value
    elif not _true(value.get("deleted")):
        yield from (item for item in inner if isinstance(item, dict))


def _add_attribute(item: dict[str, Any], event: EventHeader, path: str, builder: IndicatorBuilder, number: str) -> None:
    word, value, name = item.get("type"), item.get("value"), item.get("uuid")
    place = visible(f"attribute {name}", _SHOWN) if isinstance(name, str) else number
    if _true(item.get("deleted")):
        return
    if not isinstance(word, str) or not isinstance(value, str):
        builder.problem(path, "invalid-indicator", "an attribute without type or value", place)
        return
    if not _true(item.get("to_ids")):
        builder.problem(path, "left-out-indicator", "not for detection (to_ids is off)", "attributes")
        return
    terms = _terms(word, value)
    if terms is None:
        builder.problem(
            path, "unsupported-indicator", f"attributes of type {visible(word, _SHOWN)} are not supported here", visible(word, _SHOWN)
        )
    elif not terms:
        builder.problem(path, "invalid-indicator", f"{visible(word, _SHOWN)}: {visible(value, _SHOWN)!r} is no such value", place)
    else:
        builder.add(_header(item, event), terms, path, place)


def _terms(word: str, value: str) -> tuple[Term, ...] | None:
    """Return the terms of a value; None for a type that is not supported."""
    if word in COMPOSITES:
        parts = zip(COMPOSITES[word], value.split("|", 1), strict=False)
        return tuple(term for kind, part in parts if kind for term in terms_by_word(kind, part, tree=kind in _TREE_TYPES))
    if "|" in word or not is_type_word(word):
        return None
    if word in ("link", "host", "file", "user", "path"):  # words of lists, not types of MISP
        return None
    if word in ("url", "uri") and "://" not in value:
        return tuple(Term(term.observable) for term in terms_by_form(refang(value)))
    return terms_by_word(word, value, tree=word in _TREE_TYPES)


def _header(item: dict[str, Any], event: EventHeader) -> Header:
    name, comment = item.get("uuid"), item.get("comment")
    return Header(
        id=f"indicator--{name}" if isinstance(name, str) and name else "",
        title=f"{event.title} - {comment}" if isinstance(comment, str) and comment else event.title,
        level=event.level,
        tags=tuple(dict.fromkeys((*event.tags, *_tags(item.get("Tag")))))[:_MAX_TAGS],
        valid_from=moment.UNKNOWN,
        modified=_seconds(item.get("timestamp")),
    )


def _seconds(value: Any) -> int:
    text = str(value)
    return int(text) * 1_000_000 if text.isascii() and text.isdigit() and len(text) <= _SECONDS_DIGITS else 0


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    names = (tag.get("name") for tag in value if isinstance(tag, dict))
    return tuple(name.lower().replace("tlp:white", "tlp:clear")[:_MAX_TAG] for name in names if isinstance(name, str))[:_MAX_TAGS]


def _true(value: Any) -> bool:
    """Return a truth of MISP's JSON, which writes true, 1 and "1"."""
    return value is True or str(value).lower() in ("1", "true")
