"""A detection as the report shows it: flat, cut to a bounded size, with the values that matched marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from kulla.model.detection import Detection, Matched, Record

#: Fields shown of one event, characters shown of one value and of all values of an event together.
MAX_FIELDS, VALUE_CHARS, EVENT_CHARS = 200, 2_000, 20_000
#: Matched values and records shown of one detection.
MAX_MATCHED, MAX_RECORDS = 16, 20


@dataclass(frozen=True, slots=True)
class Shown:
    """One detection in bounded size.

    Attributes:
        time, host: as in the detection.
        source: product, category and service in one line.
        records: where it stands, ``(path, number, id, channel)`` each.
        matched: ``(field, value)``.
        fields: ``(name, value, matched?)`` of the event.
        hidden: how many fields are not shown.
        further: how many records are not shown.
    """

    time: str | None
    host: str | None
    source: str
    records: list[tuple[str, int | None, str | None, str | None]]
    matched: list[tuple[str, str]]
    fields: list[tuple[str, str, bool]]
    hidden: int = 0
    further: int = 0

    def to_json(self) -> bytes:
        """Return the form in which the spool keeps it."""
        return orjson.dumps(self)

    @classmethod
    def from_json(cls, data: bytes) -> Shown:
        """Read what ``to_json`` wrote."""
        return cls(**orjson.loads(data))


def shown_of(detection: Detection) -> Shown:
    """Return what the report shows of a detection."""
    source = detection.logsource
    fields, hidden = _bounded(detection)
    return Shown(
        time=detection.time,
        host=_cut(detection.host, 200) if detection.host else None,
        source=" / ".join(part for part in (source.product, source.category, source.service) if part),
        records=[_record(record) for record in detection.records[:MAX_RECORDS]],
        matched=[_matched(matched) for matched in detection.matched[:MAX_MATCHED]],
        fields=fields,
        hidden=hidden,
        further=max(len(detection.records) - MAX_RECORDS, 0),
    )


def _record(record: Record) -> tuple[str, int | None, str | None, str | None]:
    number = record.number if record.number is not None and abs(record.number) < 2**63 else None
    return (
        _cut(record.path, 500),
        number,
        _cut(record.id, 100) if record.id else None,
        _cut(record.channel, 200) if record.channel else None,
    )


def _matched(matched: Matched) -> tuple[str, str]:
    name = matched.field or (matched.observable.type if matched.observable else "")
    return _cut(name, 200), _cut(matched.value, VALUE_CHARS)


def _bounded(detection: Detection) -> tuple[list[tuple[str, str, bool]], int]:
    """Return the event's fields within the bounds, the matched ones first to be kept, and how many are left out."""
    names = {_key(matched.field) for matched in detection.matched if matched.field}
    rows = [(name, value, _key(name) in names or _key(name.rpartition(".")[2]) in names) for name, value in flat(detection.event)]
    order = sorted(range(len(rows)), key=lambda index: not rows[index][2])
    kept, room = [], EVENT_CHARS
    for index in order[:MAX_FIELDS]:
        name, value, hit = rows[index]
        if room <= 0:
            break
        room -= min(len(value), VALUE_CHARS) + min(len(name), VALUE_CHARS)
        kept.append((index, (_cut(name, 200), _cut(value, VALUE_CHARS), hit)))
    return [row for _, row in sorted(kept)], len(rows) - len(kept)


def _key(name: str) -> str:
    return name.replace(" ", "").lower()


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield (dotted name, text) for every value of an event; lists repeat the name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from flat(inner, name)
    elif value is not None or name:
        yield name, value if isinstance(value, str) else orjson.dumps(value).decode()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"
