"""A detection's JSON line (kulla.detection/1) made of ready pieces and of the event's own bytes."""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.match import SERIAL
from kulla.detection.kernel.settle import settle
from kulla.detection.kernel.tables import I32, I64, U8, Folding, Settling, Texts
from kulla.detection.kernel.tokenise import CONTAINER, END, ESCAPED, KIND, NULL, START
from kulla.detection.kernel.types import Int, Work
from kulla.detection.kernel.values import NO_TIME

# Columns of Texts.rules.
RULE_START, RULE_END, SOURCE_START, SOURCE_END, FIRST_LEAF, LAST_LEAF, SILENT, BY_HAND = 0, 1, 2, 3, 4, 5, 6, 7
RULE_COLUMNS = 8
#: Values named in "matched" at the most by compiled code; a rule that matches more is rendered by hand.
MATCHED = 64
_FULL = np.int64(-1)

_OPENING = np.frombuffer(b'{"schema":"kulla.detection/1","time":', dtype=np.uint8)
_HOST = np.frombuffer(b',"host":', dtype=np.uint8)
_RECORD = np.frombuffer(b',"record":{"path":', dtype=np.uint8)
_ID = np.frombuffer(b',"id":', dtype=np.uint8)
_CHANNEL = np.frombuffer(b',"channel":', dtype=np.uint8)
_MATCHED = np.frombuffer(b'},"matched":[', dtype=np.uint8)
_VALUE = np.frombuffer(b',"value":', dtype=np.uint8)
_EVENT = np.frombuffer(b'],"event":{', dtype=np.uint8)
_CLOSING = np.frombuffer(b"}}\n", dtype=np.uint8)
_NULL = np.frombuffer(b"null", dtype=np.uint8)
#: Bytes of a line beside the rule, the source, the event and the matched values.
_FIXED = 512


@inlined
def _copy(out: U8, place: Int, text: U8, start: Int, end: Int) -> Int:
    for offset in range(end - start):
        out[place + offset] = text[start + offset]
    return place + (end - start)


@inlined
def _copy_flat(out: U8, place: Int, text: U8, start: Int, end: Int) -> Int:
    """Copy JSON, its white space between values as blanks: a line of JSON Lines has no line break."""
    for offset in range(end - start):
        byte = text[start + offset]
        out[place + offset] = byte if byte >= 0x20 else np.uint8(0x20)
    return place + (end - start)


@inlined
def _all(out: U8, place: Int, text: U8) -> Int:
    return _copy(out, place, text, 0, text.shape[0])


@inlined
def _digits(out: U8, place: Int, number: Int, width: Int) -> Int:
    """Write a number with leading zeros."""
    for offset in range(width):
        out[place + width - 1 - offset] = 0x30 + number % 10
        number //= 10
    return place + width


@inlined
def _whole(out: U8, place: Int, number: Int) -> Int:
    width, rest = 1, number // 10
    while rest:
        width += 1
        rest //= 10
    return _digits(out, place, number, width)


@inlined
def _civil(days: Int) -> tuple[Int, Int, Int]:
    """Return (year, month, day) of days since 1970 (Hinnant, "civil from days")."""
    days += 719_468
    era = days // 146_097
    of_era = days - era * 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (1 if month <= 2 else 0), month, day


@inlined
def _time(out: U8, place: Int, moment: Int) -> Int:
    """Write a moment as quoted RFC 3339, or null where there is none or its year has not four digits."""
    seconds, micros = moment // 1_000_000, moment % 1_000_000
    days, second = seconds // 86_400, seconds % 86_400
    if moment == NO_TIME or days < -719_162 or days > 2_932_896:
        return _all(out, place, _NULL)
    year, month, day = _civil(days)
    out[place] = 0x22
    place = _digits(out, place + 1, year, 4)
    out[place] = 0x2D
    place = _digits(out, place + 1, month, 2)
    out[place] = 0x2D
    place = _digits(out, place + 1, day, 2)
    out[place] = 0x54
    place = _digits(out, place + 1, second // 3600, 2)
    out[place] = 0x3A
    place = _digits(out, place + 1, second // 60 % 60, 2)
    out[place] = 0x3A
    place = _digits(out, place + 1, second % 60, 2)
    out[place] = 0x2E
    place = _digits(out, place + 1, micros, 6)
    out[place] = 0x5A
    out[place + 1] = 0x22
    return place + 2


@inlined
def _text_of(out: U8, place: Int, data: U8, tape: I32, token: Int) -> Int:
    """Write a value of the tape as a JSON string; null where there is no such token."""
    if token < 0 or tape[token, KIND] == NULL or tape[token, KIND] == CONTAINER:
        return _all(out, place, _NULL)
    out[place] = 0x22
    place = _copy(out, place + 1, data, tape[token, START], tape[token, END])
    out[place] = 0x22
    return place + 1


@inlined
def _same_value(data: U8, tape: I32, left: Int, right: Int) -> bool:
    length = tape[left, END] - tape[left, START]
    if tape[right, END] - tape[right, START] != length:
        return False
    for offset in range(length):
        if data[tape[left, START] + offset] != data[tape[right, START] + offset]:
            return False
    return True


@inlined
def _named_before(data: U8, tape: I32, shown: I32, count: Int, name: Int, token: Int) -> Int:
    """Return 1 if (field name, value) is among those written already, 0 if not, 2 if only unescaping would tell."""
    for place in range(count):
        other = shown[place, 1]
        if shown[place, 0] != name:
            continue
        if other == token or _same_value(data, tape, other, token):
            return 1
        if tape[other, KIND] == ESCAPED or tape[token, KIND] == ESCAPED:
            return 2
    return 0


@inlined
def _collect(data: U8, tape: I32, work: Work, texts: Texts, rule: Int, shown: I32) -> Int:
    """List the rule's positive leaves that were hit as (name, name end, token); return how many, MATCHED + 1 if too many."""
    count = 0
    for row in range(texts.rules[rule, FIRST_LEAF], texts.rules[rule, LAST_LEAF]):
        leaf = texts.leaves[row, 0]
        if work.hit[leaf] != work.counters[SERIAL]:
            continue
        token = work.hit_token[leaf]
        if tape[token, KIND] == NULL or tape[token, KIND] == CONTAINER or work.mixed[leaf] == work.counters[SERIAL]:
            return MATCHED + 1
        before = _named_before(data, tape, shown, count, texts.leaves[row, 1], token)
        if before == 1:
            continue
        if before == 2 or count == MATCHED:
            return MATCHED + 1
        shown[count, 0], shown[count, 1], shown[count, 2] = texts.leaves[row, 1], token, texts.leaves[row, 2]
        count += 1
    return count


@inlined
def open_leaf(data: U8, work: Work, texts: Texts, rule: Int, settling: Settling, folding: Folding) -> bool:
    """Return whether one of the rule's positive leaves is open: what matched is then decided outside the kernel."""
    for row in range(texts.rules[rule, FIRST_LEAF], texts.rules[rule, LAST_LEAF]):
        leaf = texts.leaves[row, 0]
        if work.open[leaf] != work.counters[SERIAL]:
            continue
        if work.hit[leaf] == work.counters[SERIAL]:
            return True  # true for one value, open for another, which may be the first
        settle(data, work, leaf, settling, folding)
        if work.open[leaf] == work.counters[SERIAL]:
            return True
    return False


@inlined
def _room(tape: I32, members: I32, member_count: Int, texts: Texts, rule: Int, shown: I32, count: Int, source: U8) -> Int:
    """Return the bytes that a line takes at the most."""
    size = _FIXED + (texts.rules[rule, RULE_END] - texts.rules[rule, RULE_START]) + source.shape[0]
    size += texts.rules[rule, SOURCE_END] - texts.rules[rule, SOURCE_START]
    for place in range(count):
        token = shown[place, 1]
        size += shown[place, 2] - shown[place, 0] + tape[token, END] - tape[token, START] + 16
    for place in range(member_count):
        size += members[place, 1] - members[place, 0] + 1
    return size


@kernel
def render(
    data: U8,
    tape: I32,
    members: I32,
    member_count: Int,
    work: Work,
    texts: Texts,
    rule: Int,
    moment: Int,
    tokens: I64,
    source: U8,
    host: U8,
    number: Int,
    out: U8,
    place: Int,
) -> tuple[Int, Int]:
    """Write one detection's line.

    Args:
        tokens: rows of the tape for host, record id and channel, -1 where missing.
        source: the record's path as JSON, then ``,"number":``.
        host: JSON for events that name no host.
        out, place: where to write.

    Returns:
        (place after the line, 0), (place, 1) if there is no room, (place, 2) if it must be made by hand.
    """
    shown = work.shown
    count = _collect(data, tape, work, texts, rule, shown)
    if count > MATCHED:
        return place, 2
    room = _room(tape, members, member_count, texts, rule, shown, count, source)
    for which in range(3):
        if tokens[which] >= 0:
            room += tape[tokens[which], END] - tape[tokens[which], START]
    if place + room + host.shape[0] > out.shape[0]:
        return place, 1
    place = _time(out, _all(out, place, _OPENING), moment)
    place = _copy(out, place, texts.blob, texts.rules[rule, RULE_START], texts.rules[rule, RULE_END])
    place = _all(out, place, _HOST)
    place = _all(out, place, host) if tokens[0] < 0 else _text_of(out, place, data, tape, tokens[0])
    place = _copy(out, place, texts.blob, texts.rules[rule, SOURCE_START], texts.rules[rule, SOURCE_END])
    place = _all(out, _all(out, place, _RECORD), source)
    place = _whole(out, place, number)
    place = _text_of(out, _all(out, place, _ID), data, tape, tokens[1])
    place = _text_of(out, _all(out, place, _CHANNEL), data, tape, tokens[2])
    place = _all(out, place, _MATCHED)
    for row in range(count):
        if row:
            out[place] = 0x2C
            place += 1
        place = _copy(out, place, texts.blob, shown[row, 0], shown[row, 2])
        place = _text_of(out, _all(out, place, _VALUE), data, tape, shown[row, 1])
        out[place] = 0x7D
        place += 1
    place = _all(out, place, _EVENT)
    for row in range(member_count):
        if row:
            out[place] = 0x2C
            place += 1
        place = _copy_flat(out, place, data, members[row, 0], members[row, 1])
    return _all(out, place, _CLOSING), 0
