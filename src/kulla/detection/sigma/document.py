"""YAML of rules, safely: from a file's text to plain values, document by document.

PyYAML's event parser (libyaml where it is there) reads; the values are built here, without recursion, within
limits, and with these differences to PyYAML's safe loader: aliases and merge keys are refused (a few lines of them
expand without bound), a key that stands twice in a mapping is an error, keys are always text, and dates and
base-60 numbers ("12:30") stay text, as YAML 1.2 has them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kulla.model.errors import RuleError

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

#: Characters of one document.
MAX_CHARACTERS = 1024 * 1024
#: Values and keys of one document.
MAX_NODES = 100_000
#: Lists and mappings inside each other.
MAX_DEPTH = 32
#: Documents of one file.
MAX_DOCUMENTS = 100_000

# A line that begins with a marker ends a document wherever it stands (YAML 1.2.2, section 9.1.2).
_MARKER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DULL_LINES = re.compile(r"(?:[ \t\r]*(?:#[^\n]*)?\n|%[^\n]*\n)*(?:[ \t\r]*(?:#[^\n]*)?\Z)?")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_TAG = "tag:yaml.org,2002:"
_RADIX = {"0b": 2, "0x": 16}
_TRUE = frozenset(("yes", "true", "on"))
_INFINITE = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}


@dataclass(frozen=True, slots=True)
class Piece:
    """The text of one document and the line (from 1) of its file on which its content begins."""

    text: str
    line: int


def decode(data: bytes) -> str:
    """Return the text of a YAML file: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        RuleError: it is neither.
    """
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise RuleError(f"the file is not {encoding.upper()}: byte {error.start} cannot be read") from None


def split(text: str) -> Iterator[Piece]:
    """Yield the documents of a file that have any content; one that cannot be parsed does not spoil the others.

    Raises:
        RuleError: there are more than MAX_DOCUMENTS.
    """
    place, line = 0, 1
    for number, marker in enumerate(_MARKER.finditer(text)):
        if number >= MAX_DOCUMENTS:
            raise RuleError(f"the file has more than {MAX_DOCUMENTS} documents")
        yield from _piece(text[place : marker.start()], line)
        line += text.count("\n", place, marker.end())
        place = marker.end()
    yield from _piece(text[place:], line)


def _piece(text: str, line: int) -> Iterator[Piece]:
    dull = _DULL_LINES.match(text)
    start = dull.end() if dull else 0
    if start < len(text) and not text.isspace():
        yield Piece(text[start:], line + text.count("\n", 0, start))


def parse(piece: Piece) -> Any:
    """Return the value of one document: dicts with text keys, lists, text, numbers, booleans, None.

    Raises:
        RuleError: no YAML, or beyond the limits; the message has the line in the file.
    """
    import yaml

    if len(piece.text) > MAX_CHARACTERS:
        raise RuleError(f"the document is longer than {MAX_CHARACTERS} characters")
    builder = _Builder(piece.line)
    try:
        for event in yaml.parse(piece.text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" (line {piece.line + mark.line})" if mark else ""
        raise RuleError(f"not valid YAML: {error.problem or error.context}{where}") from None
    except yaml.YAMLError as error:
        raise RuleError(f"not valid YAML: {' '.join(str(error).split())}") from None
    return builder.result


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read; a mapping's key waits for its value."""

    value: list[Any] | dict[str, Any]
    key: str | None = None


@dataclass(slots=True)
class _Builder:
    """Builds one document from events."""

    line: int
    result: Any = None
    _open: list[_Open] = field(default_factory=list)
    _nodes: int = 0
    _documents: int = 0

    def take(self, event: Event) -> None:
        """Use one event."""
        from yaml import events

        match event:
            case events.ScalarEvent():
                self._scalar(event)
            case events.MappingStartEvent():
                self._begin({}, event)
            case events.SequenceStartEvent():
                self._begin([], event)
            case events.MappingEndEvent() | events.SequenceEndEvent():
                self._open.pop()
            case events.AliasEvent():
                raise self._error("aliases are refused, since few of them expand without bound", event)
            case events.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._error("a second document without a line of its own for its marker", event)

    def _begin(self, value: list[Any] | dict[str, Any], event: Any) -> None:
        if event.tag is not None and event.tag not in ("!", _TAG + "map", _TAG + "seq"):
            raise self._error(f"the tag {event.tag} is refused", event)
        if len(self._open) >= MAX_DEPTH:
            raise self._error(f"lists and mappings are nested more than {MAX_DEPTH} deep", event)
        self._put(value, event)
        self._open.append(_Open(value))

    def _scalar(self, event: ScalarEvent) -> None:
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            top.key = self._new_key(top.value, event)
        else:
            self._put(_value(event) if _known_tag(event) else self._refuse(event), event)

    def _new_key(self, mapping: dict[str, Any], event: ScalarEvent) -> str:
        key = event.value
        if key == "<<" and event.implicit[0]:
            raise self._error("merge keys are refused", event)
        if key in mapping:
            raise self._error(f'the key "{key}" stands twice in one mapping', event)
        self._count(event)
        return key

    def _put(self, value: Any, event: Event) -> None:
        self._count(event)
        if not self._open:
            self.result = value
            return
        top = self._open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            raise self._error("a list or mapping cannot be a key", event)
        else:
            top.value[top.key] = value
            top.key = None

    def _count(self, event: Event) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._error(f"the document has more than {MAX_NODES} values", event)

    def _refuse(self, event: ScalarEvent) -> Any:
        raise self._error(f"the tag {event.tag} is refused", event)

    def _error(self, message: str, event: Event) -> RuleError:
        place = f" (line {self.line + event.start_mark.line})" if event.start_mark else ""
        return RuleError(message + place)


def _known_tag(event: ScalarEvent) -> bool:
    return event.tag in (None, "!", _TAG + "str", _TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null")


def _value(event: ScalarEvent) -> Any:
    """Return a scalar's value: by its tag, or by its form if it is plain (YAML 1.1, as PyYAML resolves it)."""
    text = event.value
    if event.tag is not None:
        return _converted(text, event.tag.removeprefix(_TAG))
    return _converted(text, _implicit(text)) if event.implicit[0] else text


def _implicit(text: str) -> str:
    from yaml.resolver import Resolver

    for tag, pattern in Resolver.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag).removeprefix(_TAG)
    return "str"


def _converted(text: str, tag: str) -> Any:
    """Return the value of a tag's text; text that the tag does not fit stays text."""
    match tag:
        case "null":
            return None
        case "bool":
            return text.lower() in _TRUE
        case "int" | "float" if ":" not in text:
            try:
                return _integer(text) if tag == "int" else _float(text)
            except ValueError:
                return text
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if digits[:2] in _RADIX:
        return sign * int(digits[2:], _RADIX[digits[:2]])
    return sign * int(digits, 8 if digits.startswith("0") and digits != "0" else 10)


def _float(text: str) -> float:
    digits = text.replace("_", "").lower()
    return _INFINITE[digits] if digits in _INFINITE else float(digits)
