"""Compiled: host names, URLs, paths, accounts and keys of the registry."""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators.layout import PRESENT, SEED
from kulla.detection.indicators.probing.addresses import probe_address
from kulla.detection.indicators.probing.constants import (
    AT,
    B_DOMAIN,
    B_IP,
    B_URL,
    BACKSLASH,
    COLON,
    DASH,
    DOT,
    FTP,
    FTP_PORT,
    HASH,
    HTTP,
    HTTP_PORT,
    HTTPS,
    HTTPS_PORT,
    NINE,
    QUESTION,
    ROOTS,
    SLASH,
    SPELLINGS,
    STEP,
    T_DIRECTORY,
    T_DOMAIN,
    T_KEY,
    T_NAME,
    T_PATH,
    T_TREE,
    T_URL,
    T_USER,
    ZERO,
    Bytes,
    Hits,
    Int,
    Table,
)
from kulla.detection.indicators.probing.keys import hashed, probe_state, probe_text, trimmed
from kulla.detection.kernel.jit import inlined, kernel
from kulla.model.observable import MAX_BYTES


@inlined
def without_port(buffer: Bytes, start: Int, end: Int) -> Int:
    """Return the end without ``:`` and one to five digits."""
    place = end
    while place > start and end - place < 6 and ZERO <= buffer[place - 1] <= NINE:
        place -= 1
    return place - 1 if place < end and end - place < 6 and place > start and buffer[place - 1] == COLON else end


@kernel
def probe_domain(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for a host name and its parents, from the end; no port."""
    if end > start and buffer[end - 1] == DOT:
        end -= 1
    if end - start > 1012 or end - start < 3:  # 253 characters of up to 4 bytes
        return count
    tree = (np.int64(table[PRESENT]) >> T_TREE) & 1
    state = table[SEED]
    for back in range(end - start):
        byte = buffer[end - 1 - back]
        if tree and byte == DOT:
            count = probe_state(state, T_TREE, table, out, first, count)
        state = (state ^ np.uint64(byte)) * STEP
    if tree:
        count = probe_state(state, T_TREE, table, out, first, count)
    return probe_state(state, T_DOMAIN, table, out, first, count)


@inlined
def probe_host(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for a host as an address and as a name."""
    start, end = trimmed(buffer, start, end)
    present = np.int64(table[PRESENT])
    if present & B_IP:
        count = probe_address(buffer, start, end, table, out, first, count)
    if present & B_DOMAIN:
        count = probe_domain(buffer, start, without_port(buffer, start, end), table, out, first, count)
    return count


@inlined
def spells(buffer: Bytes, start: Int, end: Int, text: Bytes) -> bool:
    """Return whether ``buffer[start:end]`` is ``text``."""
    if end - start != len(text):
        return False
    for place in range(len(text)):
        if buffer[start + place] != text[place]:
            return False
    return True


@inlined
def default_port(buffer: Bytes, start: Int, colon: Int, port: Int, end: Int) -> bool:
    """Return whether the port (digits only) is the scheme's own."""
    if spells(buffer, start, colon, HTTP):
        return spells(buffer, port, end, HTTP_PORT)
    if spells(buffer, start, colon, HTTPS):
        return spells(buffer, port, end, HTTPS_PORT)
    return spells(buffer, start, colon, FTP) and spells(buffer, port, end, FTP_PORT)


@kernel
def probe_url_from(buffer: Bytes, start: Int, colon: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for a URL whose scheme ends at ``colon``, and for its host."""
    begin = colon + 3
    stop = begin
    while stop < end and buffer[stop] != SLASH and buffer[stop] != QUESTION and buffer[stop] != HASH:
        if buffer[stop] == AT:
            begin = stop + 1
        stop += 1
    host_end = without_port(buffer, begin, stop)
    port = host_end + 1
    if host_end > begin and buffer[host_end - 1] == DOT:
        host_end -= 1
    count = probe_host(buffer, begin, host_end, table, out, first, count)
    if not np.int64(table[PRESENT]) & B_URL:
        return count
    state = hashed(table[SEED], buffer, start, colon + 3)
    state = hashed(state, buffer, begin, host_end)
    if port < stop and not default_port(buffer, start, colon, port, stop):
        state = hashed(state, buffer, port - 1, stop)
    if stop == end or buffer[stop] != SLASH:
        state = (state ^ np.uint64(SLASH)) * STEP
    place = stop
    while place < end and buffer[place] != HASH and place - stop <= MAX_BYTES:
        state = (state ^ np.uint64(buffer[place])) * STEP
        place += 1
    return probe_state(state, T_URL, table, out, first, count)


@kernel
def probe_url(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look at a whole value as a URL, or as host and port where it has no scheme."""
    for place in range(start, min(end - 2, start + 32)):
        byte = buffer[place]
        if byte == COLON and buffer[place + 1] == SLASH and buffer[place + 2] == SLASH:
            return probe_url_from(buffer, start, place, end, table, out, first, count)
        if byte == SLASH:
            break
    return probe_host(buffer, start, end, table, out, first, count)


@kernel
def probe_path(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for a path, its last component and its parent directory."""
    if end - start >= 4 and buffer[start] == BACKSLASH and buffer[start + 1] == 0x3F and buffer[start + 2] == 0x3F:
        start += 4 * (buffer[start + 3] == BACKSLASH)
    if end - start >= 4 and buffer[start] == BACKSLASH and buffer[start + 1] == BACKSLASH and buffer[start + 2] == 0x3F:
        start += 4 * (buffer[start + 3] == BACKSLASH)
    seed = table[SEED]
    whole, name, parent = seed, seed, seed
    separated, parents = False, False
    for place in range(start, end):
        byte = buffer[place]
        if byte == SLASH or byte == BACKSLASH:
            if not separated and place > start:
                parent, parents = whole, True
            separated = True
            whole = (whole ^ np.uint64(byte)) * STEP
            name = seed
        else:
            separated = False
            whole = (whole ^ np.uint64(byte)) * STEP
            name = (name ^ np.uint64(byte)) * STEP
    count = probe_state(name, T_NAME, table, out, first, count)
    count = probe_state(whole, T_PATH, table, out, first, count)
    return probe_state(parent, T_DIRECTORY, table, out, first, count) if parents else count


@kernel
def probe_user(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for an account with and without its domain."""
    count = probe_text(buffer, start, end, T_USER, table, out, first, count)
    place = end
    while place > start and end - place <= MAX_BYTES and buffer[place - 1] != BACKSLASH:
        place -= 1
    return probe_text(buffer, place, end, T_USER, table, out, first, count) if place > start else count


@inlined
def root(buffer: Bytes, start: Int, end: Int) -> tuple[Int, Int, Int]:
    """Return (place after the root's spelling, where its short form begins, where it ends); a short root stands for itself."""
    for index in range(ROOTS.shape[0]):
        begin, stop = ROOTS[index, 0], ROOTS[index, 1]
        if end - start >= stop - begin:
            same = True
            for place in range(stop - begin):
                if buffer[start + place] != SPELLINGS[begin + place]:
                    same = False
                    break
            if same:
                return start + stop - begin, ROOTS[index, 2], ROOTS[index, 3]
    return start, np.int64(0), np.int64(0)


@kernel
def probe_registry(buffer: Bytes, start: Int, end: Int, table: Table, out: Hits, first: Int, count: Int) -> Int:
    """Look for a key of the registry and for its parent."""
    while end > start and buffer[end - 1] == BACKSLASH:
        end -= 1
    place, short, short_end = root(buffer, start, end)
    if short_end - short == 4 and SPELLINGS[short + 2] == 0x75 and end - place >= 4:  # hku\
        sid = buffer[place] == 0x73 and buffer[place + 1] == DASH and buffer[place + 2] == 0x31 and buffer[place + 3] == DASH
        cut = place
        while sid and cut < end and buffer[cut] != BACKSLASH:
            cut += 1
        if sid and cut < end:
            place, short, short_end = cut + 1, ROOTS[0, 4], ROOTS[0, 5]  # hkcu\
    state = hashed(table[SEED], SPELLINGS, short, short_end)
    parent = hashed(table[SEED], SPELLINGS, short, max(short, short_end - 1))
    for index in range(place, end):
        if buffer[index] == BACKSLASH:
            parent = state
        state = (state ^ np.uint64(buffer[index])) * STEP
    count = probe_state(state, T_KEY, table, out, first, count)
    return probe_state(parent, T_KEY, table, out, first, count)
