"""Moments: integer microseconds since 1970-01-01T00:00:00Z, written as RFC 3339 UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: "No time known": the smallest 64-bit integer, so that it never collides with a real moment.
UNKNOWN = -(2**63)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def to_text(moment: int) -> str | None:
    """Return RFC 3339 in UTC with six digits, or None for UNKNOWN or a year outside 1..9999."""
    if moment == UNKNOWN:
        return None
    try:
        return (_EPOCH + timedelta(microseconds=moment)).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    except OverflowError:
        return None


def from_datetime(value: datetime) -> int:
    """Return microseconds since the epoch; a naive value is taken as UTC."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def from_text(text: str) -> int:
    """Parse RFC 3339 or ISO 8601 (space for T, up to 9 digits, any offset; none means UTC).

    Raises:
        ValueError: the text is no such time.
    """
    return from_datetime(datetime.fromisoformat(text.strip()))


def from_option(text: str, now: datetime) -> int:
    """Parse a ``--since``/``--until`` value: RFC 3339, or an age such as ``7d`` or ``12h`` before ``now``.

    Raises:
        ValueError: neither a time nor an age.
    """
    age = _AGO.fullmatch(text.strip())
    if age:
        return from_datetime(now - timedelta(seconds=int(age[1]) * _UNIT[age[2]]))
    return from_text(text)
