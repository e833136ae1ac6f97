"""Values: unescaping, case folding, and reading numbers, addresses and times out of bytes."""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.tables import I32, U8
from kulla.detection.kernel.tokenise import ESCAPED, NUMBER
from kulla.detection.kernel.types import Int

#: "No time": moment.UNKNOWN.
NO_TIME = np.int64(-(2**63))
_DAY = np.int64(86_400_000_000)
_SECOND = np.int64(1_000_000)


@inlined
def _hex(byte: Int) -> Int:
    return np.int64(byte - 0x30 if byte <= 0x39 else (byte | 0x20) - 0x57)


@inlined
def _hex4(data: U8, place: Int) -> Int:
    return (_hex(data[place]) << 12) | (_hex(data[place + 1]) << 8) | (_hex(data[place + 2]) << 4) | _hex(data[place + 3])


@inlined
def _short_escape(byte: np.uint8) -> np.uint8:
    """Return the byte that a two-character escape stands for."""
    if byte == 0x6E:
        return np.uint8(0x0A)
    if byte == 0x72:
        return np.uint8(0x0D)
    if byte == 0x74:
        return np.uint8(0x09)
    if byte == 0x62:
        return np.uint8(0x08)
    if byte == 0x66:
        return np.uint8(0x0C)
    return byte


@inlined
def put_code(out: U8, place: Int, code: Int) -> Int:
    """Write one code point as UTF-8; return the place after it. Needs 4 bytes of room."""
    if code < 0x80:
        out[place] = code
        return place + 1
    if code < 0x800:
        out[place] = 0xC0 | (code >> 6)
        out[place + 1] = 0x80 | (code & 0x3F)
        return place + 2
    if code < 0x10000:
        out[place] = 0xE0 | (code >> 12)
        out[place + 1] = 0x80 | ((code >> 6) & 0x3F)
        out[place + 2] = 0x80 | (code & 0x3F)
        return place + 3
    out[place] = 0xF0 | (code >> 18)
    out[place + 1] = 0x80 | ((code >> 12) & 0x3F)
    out[place + 2] = 0x80 | ((code >> 6) & 0x3F)
    out[place + 3] = 0x80 | (code & 0x3F)
    return place + 4


@inlined
def get_code(data: U8, place: Int, end: Int) -> tuple[Int, Int]:
    """Read one code point of UTF-8; return (code, place after it). Cut sequences give the lead byte alone."""
    lead = np.int64(data[place])
    if lead < 0xC0 or place + 1 >= end:
        return lead, place + 1
    if lead < 0xE0:
        return ((lead & 0x1F) << 6) | np.int64(data[place + 1] & 0x3F), place + 2
    if lead < 0xF0:
        if place + 2 >= end:
            return lead, end
        return ((lead & 0x0F) << 12) | np.int64(data[place + 1] & 0x3F) << 6 | np.int64(data[place + 2] & 0x3F), place + 3
    if place + 3 >= end:
        return lead, end
    head = ((lead & 0x07) << 18) | np.int64(data[place + 1] & 0x3F) << 12
    return head | np.int64(data[place + 2] & 0x3F) << 6 | np.int64(data[place + 3] & 0x3F), place + 4


@inlined
def fold_code(code: Int, pages: I32, folds: I32) -> Int:
    """Return the folded code point; ``pages`` (one for 256 code points) point into ``folds``."""
    if code >= 0x110000:
        return code
    page = np.int64(pages[code >> 8])
    return code if page < 0 else np.int64(folds[(page << 8) | (code & 0xFF)])


@kernel
def _fold_wide(data: U8, start: Int, end: Int, out: U8, place: Int, escaped: bool, pages: I32, folds: I32) -> Int:
    """Unescape and fold text that is not all ASCII; return the place after it."""
    while start < end:
        byte = data[start]
        if byte == 0x5C and escaped:
            if data[start + 1] == 0x75:
                code = _hex4(data, start + 2)
                start += 6
                if 0xD800 <= code < 0xDC00:
                    code = 0x10000 + ((code - 0xD800) << 10) + (_hex4(data, start + 2) - 0xDC00)
                    start += 6
            else:
                code = np.int64(_short_escape(data[start + 1]))
                start += 2
        else:
            code, start = get_code(data, start, end)
        place = put_code(out, place, fold_code(code, pages, folds))
    return place


@kernel
def unescape_into(data: U8, start: Int, end: Int, out: U8) -> Int:
    """Write a JSON string's text as UTF-8 from 0 on; return the place after it. Text never grows by unescaping."""
    place = np.int64(0)
    while start < end:
        byte = data[start]
        if byte != 0x5C:
            out[place] = byte
            place, start = place + 1, start + 1
        elif data[start + 1] != 0x75:
            out[place] = _short_escape(data[start + 1])
            place, start = place + 1, start + 2
        else:
            code = _hex4(data, start + 2)
            start += 6
            if 0xD800 <= code < 0xDC00:
                code = 0x10000 + ((code - 0xD800) << 10) + (_hex4(data, start + 2) - 0xDC00)
                start += 6
            place = put_code(out, place, code)
    return place


@inlined
def fold_into(data: U8, start: Int, end: Int, kind: Int, out: U8, pages: I32, folds: I32, lower: U8) -> Int:
    """Write a value, unescaped and folded, into ``out`` between two pairs of 0xFF.

    0xFF never occurs in UTF-8, so that "starts with" and "ends with" are "contains" with a sentinel.
    ``out`` must have room for ``2 * (end - start) + 8`` bytes: folding may lengthen a character.

    Returns:
        the place after the last byte of the value; the value begins at 2.
    """
    out[0] = 0xFF
    out[1] = 0xFF
    place = np.int64(2)
    at = start
    while at < end:
        byte = data[at]
        if byte >= 0x80:
            break
        if byte == 0x5C and kind == ESCAPED:
            if data[at + 1] == 0x75:
                break
            byte = _short_escape(data[at + 1])
            at += 1
        out[place] = lower[byte]
        place += 1
        at += 1
    if at < end:
        place = _fold_wide(data, at, end, out, place, kind == ESCAPED, pages, folds)
    out[place] = 0xFF
    out[place + 1] = 0xFF
    return place


@inlined
def whole_number(buffer: U8, start: Int, end: Int) -> tuple[Int, Int]:
    """Read a decimal whole number of at most 15 digits; return (number, 1), or (0, 0) for anything else."""
    place = start
    negative = place < end and buffer[place] == 0x2D
    if negative:
        place += 1
    if place >= end or end - place > 15:
        return np.int64(0), 0
    total = np.int64(0)
    while place < end:
        digit = np.int64(buffer[place]) - 0x30
        if digit < 0 or digit > 9:
            return np.int64(0), 0
        total = total * 10 + digit
        place += 1
    return (-total if negative else total), 1


@inlined
def ipv4(buffer: U8, start: Int, end: Int) -> tuple[Int, Int]:
    """Read a dotted IPv4 address; return (number, 1), (0, 0) if it is none."""
    total, part, digits, dots = np.int64(0), np.int64(0), 0, 0
    if end - start > 15 or end - start < 7:
        return np.int64(0), 0
    for place in range(start, end):
        byte = np.int64(buffer[place])
        if byte == 0x2E:
            if digits == 0:
                return np.int64(0), 0
            total = (total << 8) | part
            part, digits, dots = np.int64(0), 0, dots + 1
        elif 0x30 <= byte <= 0x39:
            if digits and part == 0:
                return np.int64(0), 0
            part = part * 10 + (byte - 0x30)
            digits += 1
            if part > 255:
                return np.int64(0), 0
        else:
            return np.int64(0), 0
    if dots != 3 or digits == 0:
        return np.int64(0), 0
    return (total << 8) | part, 1


@inlined
def _two(data: U8, place: Int) -> Int:
    """Read two digits, -1 if they are not."""
    high, low = np.int64(data[place]) - 0x30, np.int64(data[place + 1]) - 0x30
    return high * 10 + low if 0 <= high <= 9 and 0 <= low <= 9 else np.int64(-1)


@inlined
def _days(year: Int, month: Int, day: Int) -> Int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "days from civil")."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@inlined
def _month_days(year: Int, month: Int) -> Int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@inlined
def _fraction(data: U8, place: Int, end: Int) -> tuple[Int, Int]:
    """Read digits after the point as microseconds; return (microseconds, place after all digits)."""
    total, scale = np.int64(0), np.int64(100_000)
    while place < end and 0x30 <= data[place] <= 0x39:
        total += (np.int64(data[place]) - 0x30) * scale
        scale //= 10
        place += 1
    return total, place


@inlined
def _offset(data: U8, place: Int, end: Int) -> tuple[Int, Int]:
    """Read Z, +hh:mm, +hhmm, " UTC" or nothing; return (seconds east, 1), or (0, 0) for anything else."""
    if place == end or (place + 1 == end and (data[place] | 0x20) == 0x7A):
        return np.int64(0), 1
    if place + 4 == end and data[place] == 0x20 and data[place + 1] == 0x55 and data[place + 2] == 0x54 and data[place + 3] == 0x43:
        return np.int64(0), 1
    if place < end and data[place] == 0x20:
        place += 1
    if place + 5 > end or (data[place] != 0x2B and data[place] != 0x2D):
        return np.int64(0), 0
    minute_at = place + 3 + (data[place + 3] == 0x3A)
    if minute_at + 2 != end:
        return np.int64(0), 0
    hours, minutes = _two(data, place + 1), _two(data, minute_at)
    if hours < 0 or minutes < 0 or hours > 23 or minutes > 59:
        return np.int64(0), 0
    seconds = hours * 3600 + minutes * 60
    return (-seconds if data[place] == 0x2D else seconds), 1


@inlined
def iso_time(data: U8, start: Int, end: Int) -> Int:
    """Read RFC 3339 / ISO 8601 (blank for T, comma for point, no zone means UTC) as microseconds, or NO_TIME."""
    if end - start < 19 or data[start + 4] != 0x2D or data[start + 7] != 0x2D or data[start + 13] != 0x3A or data[start + 16] != 0x3A:
        return NO_TIME
    if data[start + 10] != 0x54 and data[start + 10] != 0x20 and data[start + 10] != 0x74:
        return NO_TIME
    high, low = _two(data, start), _two(data, start + 2)
    month, day = _two(data, start + 5), _two(data, start + 8)
    hour, minute, second = _two(data, start + 11), _two(data, start + 14), _two(data, start + 17)
    if high < 0 or low < 0 or hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return NO_TIME
    year = high * 100 + low
    if year < 1 or month < 1 or month > 12 or day < 1 or day > _month_days(year, month):
        return NO_TIME
    place, micros = start + 19, np.int64(0)
    if place < end and (data[place] == 0x2E or data[place] == 0x2C):
        micros, place = _fraction(data, place + 1, end)
    offset, good = _offset(data, place, end)
    if not good:
        return NO_TIME
    return (_days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset) * _SECOND + micros


@inlined
def epoch_time(data: U8, start: Int, end: Int) -> Int:
    """Read seconds (with a fraction), milli-, micro- or nanoseconds since 1970, told apart by size; or NO_TIME."""
    total, last, place = np.int64(0), np.int64(0), start
    while place < end and 0x30 <= data[place] <= 0x39 and place - start < 19:
        # The last of 19 digits may not fit any more; it is a nanosecond that falls away.
        total, last = total * 10 + last, np.int64(data[place]) - 0x30
        place += 1
    digits, micros = place - start, np.int64(0)
    if digits < 9:
        return NO_TIME
    if place < end and data[place] == 0x2E:
        micros, place = _fraction(data, place + 1, end)
    if place != end:
        return NO_TIME
    if digits > 16:
        return total // 100
    total = total * 10 + last
    if digits <= 10:
        return total * _SECOND + micros
    return total * 1000 if digits <= 13 else total


@inlined
def time_of(data: U8, start: Int, end: Int, kind: Int) -> Int:
    """Return the moment that a value names, in microseconds UTC, or NO_TIME."""
    if kind == NUMBER:
        return epoch_time(data, start, end)
    moment = iso_time(data, start, end)
    return epoch_time(data, start, end) if moment == NO_TIME else moment
