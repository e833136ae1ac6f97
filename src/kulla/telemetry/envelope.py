"""What stands around every event: its time, host, record id and channel; the slow twin of ``kernel.values`` and ``kernel.scan``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from kulla.model.moment import UNKNOWN, from_datetime
from kulla.telemetry.fields import CHANNEL_FIELDS, HOST_FIELDS, ID_FIELDS, TIME_FIELDS
from kulla.telemetry.flatten import Fields, Kind, Value

# Bounded repetitions of single classes: linear.
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d*))?(?:[Zz]| UTC| ?([+-])(\d\d):?(\d\d))?", re.ASCII)
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d*))?|(\d{11,19})(?:\.\d*)?", re.ASCII)
_LONGEST_SECOND = 60
_LAST_HOUR, _LAST_MINUTE = 23, 59
#: Digits of milliseconds and of microseconds since 1970; more are nanoseconds.
_MILLI_DIGITS, _MICRO_DIGITS = 13, 16


@dataclass(frozen=True, slots=True)
class Envelope:
    """Time in microseconds UTC (or UNKNOWN) and, as text or None, host, the source's own record id, and channel."""

    time: int
    host: str | None
    record_id: str | None
    channel: str | None


def envelope(fields: Fields) -> Envelope:
    """Return the envelope that an event's own fields give."""
    return Envelope(_time(fields), _first(fields, HOST_FIELDS), _first(fields, ID_FIELDS), _first(fields, CHANNEL_FIELDS))


def _first(fields: Fields, names: tuple[str, ...]) -> str | None:
    return next((text for text in map(fields.text, names) if text is not None), None)


def _time(fields: Fields) -> int:
    for name in TIME_FIELDS:
        value = next((v for v in fields.get(name) if v.kind not in (Kind.NULL, Kind.CONTAINER)), None)
        moment = UNKNOWN if value is None else time_of(value)
        if moment != UNKNOWN:
            return moment
    return UNKNOWN


def time_of(value: Value) -> int:
    """Return the moment a value names, in microseconds UTC, or UNKNOWN.

    RFC 3339 and ISO 8601 (blank for T, comma for point, no zone means UTC); numbers, also as text, are seconds with a
    fraction, milli-, micro- or nanoseconds since 1970, told apart by their length.
    """
    if value.kind is Kind.NUMBER:
        return _epoch(value.text)
    iso = _iso(value.text)
    return _epoch(value.text) if iso == UNKNOWN else iso


def _iso(text: str) -> int:
    match = _ISO.fullmatch(text)
    if match is None:
        return UNKNOWN
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    east = (int(match[9]) * 60 + int(match[10])) * 60 if match[8] else 0
    if second > _LONGEST_SECOND or (match[8] and (int(match[9]) > _LAST_HOUR or int(match[10]) > _LAST_MINUTE)):
        return UNKNOWN
    try:
        start = from_datetime(datetime(year, month, day, hour, minute, tzinfo=UTC))
    except ValueError:
        return UNKNOWN
    return start + (second + (east if match[8] == "-" else -east)) * 1_000_000 + _micros(match[7])


def _epoch(text: str) -> int:
    match = _EPOCH.fullmatch(text)
    if match is None:
        return UNKNOWN
    if match[1]:
        return int(match[1]) * 1_000_000 + _micros(match[2])
    return _scaled(match[3])


def _scaled(digits: str) -> int:
    number = int(digits)
    if len(digits) <= _MILLI_DIGITS:
        return number * 1000
    return number if len(digits) <= _MICRO_DIGITS else number // 1000


def _micros(fraction: str | None) -> int:
    return int((fraction or "0")[:6].ljust(6, "0"))
