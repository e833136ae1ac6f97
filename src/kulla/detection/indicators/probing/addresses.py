"""Compiled: addresses of both families, in every prefix length that the set has."""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators.layout import COUNT4, COUNT6, LENGTHS4, LENGTHS6, SEED
from kulla.detection.indicators.probing.constants import (
    CLOSE,
    COLON,
    DOT,
    LETTER_A,
    NINE,
    NONE,
    OPEN,
    PERCENT,
    STEP,
    T_IPV4,
    T_IPV6,
    TAGS,
    ZERO,
    Bytes,
    Hits,
    Int,
    Table,
)
from kulla.detection.indicators.probing.keys import finish, probe
from kulla.detection.kernel.jit import inlined, kernel


@inlined
def hex_digit(byte: Int) -> Int:
    """Return the value of a lower-case hexadecimal digit, -1 for anything else."""
    if ZERO <= byte <= NINE:
        return np.int64(byte) - ZERO
    return np.int64(byte) - (LETTER_A - 10) if LETTER_A <= byte <= LETTER_A + 5 else np.int64(-1)


@kernel
def ipv4(buffer: Bytes, start: Int, end: Int) -> Int:
    """Return the dotted address as a number, -1 if it is none."""
    if end - start > 15 or end - start < 7:
        return np.int64(-1)
    total, part, digits, dots = np.int64(0), np.int64(0), 0, 0
    for place in range(start, end):
        digit = np.int64(buffer[place]) - ZERO
        if buffer[place] == DOT and digits:
            total, part, digits, dots = (total << 8) | part, np.int64(0), 0, dots + 1
        elif 0 <= digit <= 9 and not (digits and part == 0):
            part = part * 10 + digit
            digits += 1
            if part > 255:
                return np.int64(-1)
        else:
            return np.int64(-1)
    return (total << 8) | part if dots == 3 and digits else np.int64(-1)


@kernel
def ipv6(buffer: Bytes, start: Int, end: Int) -> tuple[np.uint64, np.uint64, Int]:
    """Return (high half, low half, 1), or zeros if it is no IPv6 address."""
    head_high, head_low, high, low = NONE, NONE, NONE, NONE
    count, gap, place = 0, -1, start
    if end - start >= 2 and buffer[start] == COLON and buffer[start + 1] == COLON:
        gap, place = 0, start + 2
    while place < end:
        group_start, group, digits = place, np.int64(0), 0
        while place < end and digits < 5 and hex_digit(buffer[place]) >= 0:
            group = (group << 4) | hex_digit(buffer[place])
            place += 1
            digits += 1
        if place < end and buffer[place] == DOT:
            tail = ipv4(buffer, group_start, end)
            if tail < 0:
                return NONE, NONE, 0
            high, low = (high << np.uint64(32)) | (low >> np.uint64(32)), (low << np.uint64(32)) | np.uint64(tail)
            count += 2
            place = end
            break
        if digits == 0 or digits > 4 or count >= 8:
            return NONE, NONE, 0
        high, low = (high << np.uint64(16)) | (low >> np.uint64(48)), (low << np.uint64(16)) | np.uint64(group)
        count += 1
        if place == end:
            break
        if buffer[place] != COLON or place + 1 == end:
            return NONE, NONE, 0
        place += 1
        if buffer[place] == COLON:
            if gap >= 0:
                return NONE, NONE, 0
            gap, place = count, place + 1
            head_high, head_low, high, low = high, low, NONE, NONE
    if (gap < 0 and count != 8) or (gap >= 0 and count > 7):
        return NONE, NONE, 0
    if gap < 0:
        return high, low, 1
    for _ in range(8 - gap):
        head_high, head_low = (head_high << np.uint64(16)) | (head_low >> np.uint64(48)), head_low << np.uint64(16)
    return head_high | high, head_low | low, 1


@kernel
def probe_networks(high: np.uint64, low: np.uint64, number: Int, width: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Ask for an address in every prefix length that the set has; ``width`` is 32 or 128 bits."""
    seed = table[SEED]
    start = LENGTHS4 if width == 32 else LENGTHS6
    for index in range(start, start + np.int64(table[COUNT4 if width == 32 else COUNT6])):
        length = np.int64(table[index])
        spare = width - length  # bits to clear
        masked_high, masked_low = high, NONE
        if spare < 64:
            cut = np.uint64(spare)
            masked_low = (low >> cut) << cut
        elif spare < 128:
            cut = np.uint64(spare - 64)
            masked_high = (high >> cut) << cut
        else:
            masked_high = NONE
        state = finish(((seed ^ TAGS[number] ^ np.uint64(length)) * STEP) ^ masked_high)
        count = probe(finish((state ^ masked_low) * STEP), table, out, first, count)
    return count


@kernel
def probe_plain_address(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for an address without port or brackets."""
    number = ipv4(buffer, start, end)
    if number >= 0:
        return probe_networks(NONE, np.uint64(number), T_IPV4, 32, table, out, first, count)
    high, low, good = ipv6(buffer, start, end)
    if not good:
        return count
    if high == NONE and (low >> np.uint64(32)) == np.uint64(0xFFFF):
        return probe_networks(NONE, low & np.uint64(0xFFFFFFFF), T_IPV4, 32, table, out, first, count)
    return probe_networks(high, low, T_IPV6, 128, table, out, first, count)


@kernel
def probe_address(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for an address, perhaps in brackets, with a port or a zone."""
    if end <= start or (hex_digit(buffer[start]) < 0 and buffer[start] != COLON and buffer[start] != OPEN):
        return count
    colons, dots, colon = 0, 0, end
    for place in range(start, min(end, start + 128)):
        byte = buffer[place]
        if byte == COLON:
            colons += 1
            colon = place
        elif byte == DOT:
            dots += 1
        elif byte == PERCENT or byte == CLOSE:
            end = place
            break
    if buffer[start] == OPEN:
        start += 1
    elif colons == 1:
        end = colon
    if end - start > 45 or (colons < 2 and dots != 3):
        return count
    return probe_plain_address(buffer, start, end, table, out, first, count)
