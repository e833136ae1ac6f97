"""The compiled form on disk: one file, read in some milliseconds, made anew whenever rules or code change.

Layout: a magic line, the length of the header (8 bytes, little endian), the header (JSON), then arrays and texts, each aligned
to 64 bytes, at the places that the header states. Rules and predicates are lines of JSON
that are parsed when somebody asks for one: a scan looks at few of its 3,700 rules.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import numpy as np
import orjson

from kulla.detection.compiled.build import Compiled
from kulla.detection.compiled.codec import plain, value_of
from kulla.detection.kernel import tables
from kulla.model.logsource import LogSource

_MAGIC = b"KULLA COMPILED RULES 1\n"
_ALIGN = 64
T = TypeVar("T")


@dataclass(slots=True)
class Shelf(Sequence[T], Generic[T]):
    """Values kept as lines of JSON, each parsed when it is first asked for."""

    text: memoryview
    ends: np.ndarray
    parse: Callable[[bytes], T]
    _taken: dict[int, T] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        place %= len(self)
        if place not in self._taken:
            start = int(self.ends[place - 1]) if place else 0
            self._taken[place] = self.parse(bytes(self.text[start : int(self.ends[place])]))
        return self._taken[place]

    def __iter__(self) -> Iterator[T]:
        return (self[place] for place in range(len(self)))


def save(path: Path, compiled: Compiled, shelves: dict[str, Sequence[Any]], meta: dict[str, Any]) -> None:
    """Write a compiled form beside ``path`` and rename it, so that a reader finds a whole file or none.

    Args:
        shelves: name -> values of listed classes, each kept as a line of its own.
        meta: further values that ``codec.plain`` or JSON can hold.

    Raises:
        OSError: the folder cannot be written.
    """
    sections = dict(_arrays(compiled.tables)) | {"leaf_fields": compiled.leaf_fields}
    header: dict[str, Any] = {"meta": meta, "compiled": _names(compiled), "sections": {}}
    blobs: list[bytes] = []
    place = 0
    for name, content in _all_sections(sections, {"leaves": compiled.leaves, **shelves}):
        kind, shape, raw = _raw(content)
        header["sections"][name] = [kind, shape, place, len(raw)]
        padding = -len(raw) % _ALIGN
        blobs.append(raw + b"\0" * padding)
        place += len(raw) + padding
    _write(path, orjson.dumps(header), blobs)


def _all_sections(arrays: dict[str, Any], shelves: dict[str, Sequence[Any]]) -> Iterator[tuple[str, Any]]:
    yield from arrays.items()
    for name, values in shelves.items():
        lines = [orjson.dumps(plain(value)) for value in values]
        yield f"{name}.text", b"".join(lines)
        yield f"{name}.ends", np.cumsum([len(line) for line in lines], dtype=np.int64)


def _raw(content: Any) -> tuple[str, list[int], bytes]:
    if isinstance(content, bytes):
        return "bytes", [len(content)], content
    return content.dtype.str, list(content.shape), np.ascontiguousarray(content).tobytes()


def _names(compiled: Compiled) -> dict[str, Any]:
    return {
        "fields": compiled.fields,
        "asked_fields": compiled.asked_fields,
        "classes": compiled.classes,
        "bases": [plain(base) for base in compiled.bases],
    }


def _arrays(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, array) of nested named tuples."""
    for name, item in zip(value._fields, value, strict=True):
        if isinstance(item, tuple):
            yield from _arrays(item, f"{prefix}{name}.")
        else:
            yield prefix + name, item


def _write(path: Path, header: bytes, blobs: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            start = _MAGIC + len(header).to_bytes(8, "little") + header
            file.write(start + b"\0" * (-len(start) % _ALIGN))
            file.writelines(blobs)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def load(path: Path) -> tuple[Compiled, dict[str, Shelf[Any]], dict[str, Any]] | None:
    """Return what ``save`` kept, None where there is no usable file."""
    try:
        with path.open("rb") as file:
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return _unpacked(memoryview(whole))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _unpacked(whole: memoryview) -> tuple[Compiled, dict[str, Shelf[Any]], dict[str, Any]]:
    start = len(_MAGIC) + 8
    if bytes(whole[: len(_MAGIC)]) != _MAGIC:
        raise ValueError("not a file of compiled rules")
    length = int.from_bytes(whole[len(_MAGIC) : start], "little")
    header = orjson.loads(whole[start : start + length])
    body = whole[start + length + (-(start + length) % _ALIGN) :]
    sections = {name: _section(body, *place) for name, place in header["sections"].items()}
    names = sorted({name.removesuffix(".text") for name in sections if name.endswith(".text") and name + ".ends" not in sections})
    shelves = {name: Shelf(sections[f"{name}.text"], sections[f"{name}.ends"], _parse) for name in names if f"{name}.ends" in sections}
    kept = header["compiled"]
    compiled = Compiled(
        tables=_nested(tables.Tables, sections),
        fields=tuple(kept["fields"]),
        leaves=shelves.pop("leaves"),
        asked_fields=tuple(kept["asked_fields"]),
        leaf_fields=sections["leaf_fields"],
        classes=tuple(kept["classes"]),
        bases=tuple(_base(each) for each in kept["bases"]),
    )
    return compiled, shelves, header["meta"]


def _parse(line: bytes) -> Any:
    return value_of(orjson.loads(line))


def _base(kept: list[Any]) -> LogSource:
    return LogSource(*kept[1:])


def _section(body: memoryview, kind: str, shape: list[int], place: int, length: int) -> Any:
    part = body[place : place + length]
    if len(part) != length:
        raise ValueError("cut short")
    return part if kind == "bytes" else np.frombuffer(part, np.dtype(kind)).reshape(shape)


def _nested(kind: Any, sections: dict[str, Any], prefix: str = "") -> Any:
    """Return a named tuple of arrays, or of the named tuples that ``tables`` calls by the same names."""
    parts = []
    for name in kind._fields:
        array = sections.get(prefix + name)
        parts.append(_nested(getattr(tables, name.capitalize()), sections, f"{name}.") if array is None else array)
    return kind(*parts)
