"""Times as text logs write them, to microseconds UTC.

Every function returns ``moment.UNKNOWN`` for text that is no time, and remembers recent answers: log lines repeat their second.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from kulla.model import moment

#: English month names of syslog (RFC 3164, section 4.1.2) and of web servers, whatever the locale here.
MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip

# Linear: digits and separators of fixed places.
_DATE = re.compile(
    r"(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})[ T,]{1,2}(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?([AP]M))?", re.IGNORECASE
)
_EPOCH = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
#: Digits of a number of seconds, milliseconds, microseconds and nanoseconds since 1970 for the years 2001 to 2286.
_EPOCH_SCALE = {9: 1_000_000, 10: 1_000_000, 13: 1_000, 16: 1}
_NANOSECONDS = 19
_YEAR_DIGITS = 4
_MONTHS_A_YEAR = 12


@lru_cache(maxsize=4096)
def iso(text: str) -> int:
    """Parse RFC 3339 or ISO 8601; no offset means UTC."""
    try:
        return moment.from_text(text)
    except ValueError:
        return moment.UNKNOWN


@lru_cache(maxsize=4096)
def clf(text: str) -> int:
    """Parse the time of the Common Log Format, ``22/Dec/2016:16:30:52 +0300``."""
    day, _, rest = text.partition("/")
    month, _, rest = rest.partition("/")
    if month not in MONTHS:
        return moment.UNKNOWN
    return iso(f"{rest[:4]}-{MONTHS[month]:02}-{day:>02}T{rest[5:13]}{rest[14:]}")


@lru_cache(maxsize=4096)
def any_text(text: str) -> int:
    """Parse what spreadsheets and viewers write: ISO, seconds to nanoseconds since 1970, or a date with clock in the usual orders.

    ``7/15/2022 9:14:03 AM`` is month first, ``15.07.2022 09:14:03`` day first; with slashes the month is taken to be
    first unless it cannot be.
    """
    text = text.strip()
    if _EPOCH.fullmatch(text):
        return _epoch(text)
    found = iso(text)
    if found != moment.UNKNOWN and not text.isdigit():
        return found
    match = _DATE.match(text)
    return _dated(match) if match else moment.UNKNOWN


def _epoch(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if len(whole) == _NANOSECONDS:
        return int(whole) // 1000
    scale = _EPOCH_SCALE.get(len(whole))
    if scale is None:
        return moment.UNKNOWN
    return int(whole) * scale + int(f"{fraction:0<6}"[:6]) * scale // 1_000_000


def _dated(match: re.Match[str]) -> int:
    first, separator, second, third, hour, minute, clock, fraction, half = match.groups()
    if len(first) == _YEAR_DIGITS:
        year, month, day = int(first), int(second), int(third)
    else:
        day_first = separator != "/" or int(first) > _MONTHS_A_YEAR
        month, day = (int(second), int(first)) if day_first else (int(first), int(second))
        year = int(third)
    hours = int(hour) % 12 + 12 * (half.upper() == "PM") if half else int(hour)
    try:
        value = datetime(year, month, day, hours, int(minute), int(clock or 0))  # noqa: DTZ001 - from_datetime takes it as UTC
    except ValueError:
        return moment.UNKNOWN
    return moment.from_datetime(value) + int(f"{fraction or '':0<6}"[:6])
