"""One detection: a rule matched an event or a window (schema ``kulla.detection/1``).

The engine writes detections as JSON Lines; this is their form for everything that reads them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kulla.model.logsource import LogSource

SCHEMA = "kulla.detection/1"

#: Integers beyond this many digits stay text: no consumer can compute with them and Python refuses very long ones.
_INTEGER_DIGITS = 19
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RuleRef:
    """The rule that matched; ``kind`` is sigma, correlation, indicator, yara or water."""

    id: str
    title: str
    level: str = "informational"
    status: str = "unsupported"
    tags: tuple[str, ...] = ()
    kind: str = "sigma"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RuleRef:
        """Read the ``rule`` object of a detection."""
        return cls(
            id=_text(data.get("id")) or "",
            title=_text(data.get("title")) or "",
            level=_text(data.get("level")) or "informational",
            status=_text(data.get("status")) or "unsupported",
            tags=tuple(_text(tag) or "" for tag in _list(data.get("tags"))),
            kind=_text(data.get("kind")) or "sigma",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the ``rule`` object of a detection."""
        return {
            "id": self.id,
            "title": self.title,
            "level": self.level,
            "status": self.status,
            "tags": list(self.tags),
            "kind": self.kind,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """Where an event stands.

    Attributes:
        path: the file as given or found.
        number: zero-based position in that file; None for a whole file (YARA).
        id: the source's own record id (EventRecordID), None where there is none.
        channel: the Windows channel, None elsewhere.
    """

    path: str
    number: int | None = None
    id: str | None = None
    channel: str | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        """Read one ``record`` object."""
        number = data.get("number")
        return cls(
            path=_text(data.get("path")) or "",
            number=number if isinstance(number, int) else None,
            id=_text(data.get("id")),
            channel=_text(data.get("channel")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return one ``record`` object."""
        return {"path": self.path, "number": self.number, "id": self.id, "channel": self.channel}


@dataclass(frozen=True, slots=True)
class ObservableRef:
    """An observable as a detection names it: STIX 2.1 type (``ipv4-addr``) and value."""

    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Matched:
    """One value that made the rule match; ``field`` is None where it was sought anywhere (keywords)."""

    field: str | None
    value: str
    observable: ObservableRef | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Matched:
        """Read one entry of ``matched``."""
        named = data.get("observable")
        observable = ObservableRef(_text(named.get("type")) or "", _text(named.get("value")) or "") if isinstance(named, dict) else None
        return cls(field=_text(data.get("field")), value=_text(data.get("value")) or "", observable=observable)

    def to_dict(self) -> dict[str, Any]:
        """Return one entry of ``matched``; ``observable`` only where there is one."""
        plain: dict[str, Any] = {"field": self.field, "value": self.value}
        if self.observable:
            plain["observable"] = {"type": self.observable.type, "value": self.observable.value}
        return plain


@dataclass(frozen=True, slots=True)
class Detection:
    """One detection of ``kulla.detection/1``.

    Attributes:
        rule: what matched.
        time: RFC 3339 UTC, None where the event has none.
        host: None where the event names none.
        logsource: what kind of event it is.
        records: where it stands; one for a single event, several for a correlation.
        matched: the values that made it match.
        event: the event itself; None for correlations and whole files.
    """

    rule: RuleRef
    time: str | None = None
    host: str | None = None
    logsource: LogSource = LogSource()
    records: tuple[Record, ...] = ()
    matched: tuple[Matched, ...] = ()
    event: Mapping[str, Any] | None = None

    @property
    def record(self) -> Record | None:
        """The first place, None where there is none."""
        return self.records[0] if self.records else None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Detection:
        """Read one detection; unknown keys are ignored, missing ones take their defaults.

        Raises:
            ValueError: another schema, or no rule.
        """
        if data.get("schema", SCHEMA) != SCHEMA:
            raise ValueError(f"schema {data.get('schema')!r} is not {SCHEMA}")
        if not isinstance(data.get("rule"), dict):
            raise ValueError("a detection without a rule")
        event = data.get("event")
        return cls(
            rule=RuleRef.from_dict(data["rule"]),
            time=_text(data.get("time")),
            host=_text(data.get("host")),
            logsource=_logsource(data.get("logsource")),
            records=_records(data),
            matched=tuple(Matched.from_dict(item) for item in _list(data.get("matched")) if isinstance(item, dict)),
            event=event if isinstance(event, dict) else None,
        )

    @classmethod
    def from_json(cls, line: bytes) -> Detection:
        """Parse one line of JSON Lines, also where the event inside stretches JSON (lone surrogates, numbers of any size).

        Raises:
            ValueError: not a JSON object of this schema.
        """
        data = _loads(line)
        if not isinstance(data, dict):
            raise ValueError("a detection is a JSON object")
        return cls.from_dict(data)

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``kulla.detection/1``, keys in the documented order."""
        plain: dict[str, Any] = {
            "schema": SCHEMA,
            "time": self.time,
            "rule": self.rule.to_dict(),
            "host": self.host,
            "logsource": self.logsource.to_dict(),
        }
        if self.rule.kind == "correlation":
            plain["records"] = [record.to_dict() for record in self.records]
        else:
            plain["record"] = self.record.to_dict() if self.record else None
        plain["matched"] = [matched.to_dict() for matched in self.matched]
        if self.rule.kind != "correlation":
            plain["event"] = self.event
        return plain

    def to_json(self) -> bytes:
        """Return one line of JSON Lines, without the newline."""
        return orjson.dumps(self.to_dict())


def _records(data: Mapping[str, Any]) -> tuple[Record, ...]:
    found = _list(data.get("records")) or [data.get("record")]
    return tuple(Record.from_dict(record) for record in found if isinstance(record, dict))


def _logsource(data: Any) -> LogSource:
    if not isinstance(data, dict):
        return LogSource()
    return LogSource(_text(data.get("product")), _text(data.get("category")), _text(data.get("service")))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _loads(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return _lenient(line)


def _lenient(line: bytes) -> Any:
    """Parse what orjson refuses and logs contain: unpaired surrogates, numbers beyond 64 bits."""
    try:
        parsed = json.loads(line.decode("utf-8", "replace"), parse_int=_integer, parse_float=_number, parse_constant=str)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return _clean(parsed)


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _INTEGER_DIGITS else digits


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if abs(value) != float("inf") else digits


def _clean(value: Any) -> Any:
    """Replace unpaired surrogates, which UTF-8 cannot carry, by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
