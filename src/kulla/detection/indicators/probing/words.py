"""Compiled: whatever stands in free text, in one pass over it."""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators.classes import ATOM, LOCAL, SIX, STOP
from kulla.detection.indicators.layout import PRESENT, SEED
from kulla.detection.indicators.probing.addresses import hex_digit, ipv4, probe_networks, probe_plain_address
from kulla.detection.indicators.probing.constants import (
    AT,
    B_DOMAIN,
    B_EMAIL,
    B_HASH,
    B_IP,
    B_NAME,
    B_URL,
    CLASSES,
    CLOSE,
    COLON,
    DASH,
    DOT,
    EMAIL,
    HASHES,
    IMPHASH,
    LETTER_A,
    LETTER_Z,
    NINE,
    NONE,
    QUESTION,
    SCAN,
    SLASH,
    STEP,
    T_EMAIL,
    T_IMPHASH,
    T_IPV4,
    T_MD5,
    T_NAME,
    T_SHA1,
    T_SHA256,
    T_SHA512,
    ZERO,
    Bytes,
    Hits,
    Int,
    Table,
)
from kulla.detection.indicators.probing.keys import probe_state, probe_text
from kulla.detection.indicators.probing.names import probe_domain, probe_url_from
from kulla.detection.kernel.jit import inlined, kernel
from kulla.model.observable import MAX_BYTES


@kernel
def probe_hash(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for a hash: 32, 40, 64 or 128 hexadecimal digits."""
    while start < end and (buffer[start] == DASH or buffer[start] == DOT):
        start += 1
    while start < end and (buffer[end - 1] == DASH or buffer[end - 1] == DOT):
        end -= 1
    size = end - start
    if size != 32 and size != 40 and size != 64 and size != 128:
        return count
    state = table[SEED]
    for place in range(start, end):
        if hex_digit(buffer[place]) < 0:
            return count
        state = (state ^ np.uint64(buffer[place])) * STEP
    if size == 32:
        count = probe_state(state, T_IMPHASH, table, out, first, count)
        return probe_state(state, T_MD5, table, out, first, count)
    number = T_SHA1 if size == 40 else T_SHA256 if size == 64 else T_SHA512
    return probe_state(state, number, table, out, first, count)


@kernel
def probe_dotted(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for an IPv4 address, a domain or a file name."""
    while start < end and (buffer[start] == DASH or buffer[start] == DOT):
        start += 1
    while start < end and (buffer[end - 1] == DASH or buffer[end - 1] == DOT):
        end -= 1
    if end - start < 3 or end - start > MAX_BYTES:
        return count
    present = np.int64(table[PRESENT])
    if ZERO <= buffer[end - 1] <= NINE and ZERO <= buffer[start] <= NINE:
        number = ipv4(buffer, start, end)
        if number >= 0:
            return probe_networks(NONE, np.uint64(number), T_IPV4, 32, table, out, first, count)
    if present & B_NAME:
        count = probe_text(buffer, start, end, T_NAME, table, out, first, count)
    return probe_domain(buffer, start, end, table, out, first, count) if present & B_DOMAIN else count


@kernel
def probe_address6(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for an IPv6 address in a run of its characters."""
    while start < end and buffer[end - 1] == DOT:
        end -= 1
    if end - start >= 2 and buffer[end - 1] == COLON and buffer[end - 2] != COLON:
        end -= 1
    if end - start > 45 or end - start < 2:
        return count
    return probe_plain_address(buffer, start, end, table, out, first, count)


@kernel
def probe_mail(buffer: Bytes, start: Int, at: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for an address of electronic mail around an ``@``."""
    begin, stop = at, at + 1
    while begin > start and at - begin < 64 and CLASSES[buffer[begin - 1]] & LOCAL:
        begin -= 1
    while stop < end and stop - at <= 1024 and CLASSES[buffer[stop]] & ATOM:
        stop += 1
    while stop > at + 1 and (buffer[stop - 1] == DASH or buffer[stop - 1] == DOT):
        stop -= 1
    return probe_text(buffer, begin, stop, T_EMAIL, table, out, first, count) if begin < at and stop > at + 1 else count


@inlined
def is_scheme(buffer: Bytes, start: Int, end: Int) -> bool:
    """Return whether a word is a scheme: a letter and one to fifteen letters or digits."""
    if end - start < 2 or end - start > 16 or not LETTER_A <= buffer[start] <= LETTER_Z:
        return False
    for place in range(start, end):
        byte = buffer[place]
        if not (LETTER_A <= byte <= LETTER_Z or ZERO <= byte <= NINE):
            return False
    return True


@inlined
def slashes(buffer: Bytes, place: Int, end: Int) -> bool:
    """Return whether two slashes stand here."""
    return bool(place + 1 < end and buffer[place] == SLASH and buffer[place + 1] == SLASH)


@kernel
def probe_link(buffer: Bytes, word: Int, colon: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> tuple[Int, Int]:
    """Look for a URL in free text; return (count, where it ends)."""
    stop = colon + 3
    while stop < end and not CLASSES[buffer[stop]] & STOP:
        stop += 1
    tail = stop
    while tail > colon + 3 and ends_link(buffer[tail - 1]):
        tail -= 1
    return probe_url_from(buffer, word, colon, tail, table, out, first, count), stop


@inlined
def ends_link(byte: Int) -> bool:
    """Return whether a byte at the end of a URL belongs to the sentence around it: one of ``.,:!?]``."""
    return byte == DOT or byte == 0x2C or byte == COLON or byte == 0x21 or byte == QUESTION or byte == CLOSE


@kernel
def probe_words(buffer: Bytes, start: Int, end: Int, mode: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Go once over a text, word by word."""
    present = np.int64(table[PRESENT])
    free = mode & SCAN
    dotted = free and present & (B_IP | B_DOMAIN | B_NAME)
    links = free and present & (B_URL | B_IP | B_DOMAIN)
    sixes = free and present & B_IP
    hashes = mode & (SCAN | HASHES | IMPHASH) and present & B_HASH
    mails = mode & (SCAN | EMAIL) and present & B_EMAIL
    place, word, link_end, six_end = start, start, start, start
    while place < end:
        byte = buffer[place]
        if CLASSES[byte] & ATOM:
            word = place
            dots = 0
            while place < end and CLASSES[buffer[place]] & ATOM:
                dots += buffer[place] == DOT
                place += 1
            if dots and dotted:
                count = probe_dotted(buffer, word, place, table, out, first, count)
            if hashes and place - word >= 32:
                count = probe_hash(buffer, word, place, table, out, first, count)
            continue
        if byte == COLON:
            if links and word >= link_end and slashes(buffer, place + 1, end) and is_scheme(buffer, word, place):
                count, link_end = probe_link(buffer, word, place, end, table, out, first, count)
            if sixes and place >= six_end:
                count, six_end = probe_six(buffer, start, place, end, six_end, table, out, first, count)
        elif byte == AT and mails:
            count = probe_mail(buffer, start, place, end, table, out, first, count)
        place += 1
        word = place
    return count


@kernel
def probe_six(
    buffer: Bytes, start: Int, colon: Int, end: Int, after: Int, table: Table, out: Hits, first: Int, count: Int
) -> tuple[Int, Int]:
    """Look for an IPv6 address around the first colon of a run of its characters; return (count, where the run ends)."""
    begin, stop = colon, colon
    while begin > after and begin > start and CLASSES[buffer[begin - 1]] & SIX:
        begin -= 1
    while stop < end and CLASSES[buffer[stop]] & SIX:
        stop += 1
    left = begin > start and CLASSES[buffer[begin - 1]] & (ATOM | SIX)
    right = stop < end and CLASSES[buffer[stop]] & (ATOM | SIX)
    if not left and not right:
        count = probe_address6(buffer, begin, stop, table, out, first, count)
    return count, stop
