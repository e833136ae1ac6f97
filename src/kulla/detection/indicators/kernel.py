"""The compiled way from one value to the indicators that may match it; finds at least what the oracle finds.

``probe_value`` takes a value that is unescaped, folded UTF-8 and writes the numbers of index groups whose key
occurs in it. It allocates nothing, raises nothing, reads nothing outside ``buffer[start:end]`` and takes time
linear in the value's length, whatever it holds. The forms are those of
``kulla.model.observable`` and ``kulla.detection.observables``; the keys those of ``hashing``.
"""

from __future__ import annotations

import numpy as np

from kulla.detection.indicators import hashing
from kulla.detection.indicators.classes import ATOM, LOCAL, SIX, STOP, byte_classes
from kulla.detection.indicators.layout import (
    BITMAP,
    COUNT4,
    COUNT6,
    LENGTHS4,
    LENGTHS6,
    PRESENT,
    SEED,
    SLOT_MASK,
    SLOTS,
    WORD_MASK,
    root_spellings,
)
from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.observables import Mode
from kulla.model.observable import MAX_BYTES, ObservableType

_STEP = np.uint64(hashing.STEP)
_FINISH_A = np.uint64(hashing.FINISH_A)
_FINISH_B = np.uint64(hashing.FINISH_B)
_SHIFT = np.uint64(33)
_NONE = np.uint64(0)
_ONE = np.uint64(1)
_SIX_BITS = np.uint64(63)

_IP, _DOMAIN, _URL, _EMAIL = int(Mode.IP), int(Mode.DOMAIN), int(Mode.URL), int(Mode.EMAIL)
_PATH, _HASHES, _IMPHASH, _USER = int(Mode.PATH), int(Mode.HASHES), int(Mode.IMPHASH), int(Mode.USER)
_REGISTRY, _MUTEX, _COMMAND, _SCAN = int(Mode.REGISTRY), int(Mode.MUTEX), int(Mode.COMMAND), int(Mode.SCAN)
_WORDS = _EMAIL | _HASHES | _IMPHASH | _SCAN

_T = hashing.NUMBERS
_T_IPV4, _T_IPV6, _T_DOMAIN = _T[ObservableType.IPV4], _T[ObservableType.IPV6], _T[ObservableType.DOMAIN]
_T_URL, _T_EMAIL, _T_NAME = _T[ObservableType.URL], _T[ObservableType.EMAIL], _T[ObservableType.FILE_NAME]
_T_PATH, _T_DIRECTORY, _T_USER = _T[ObservableType.FILE_PATH], _T[ObservableType.DIRECTORY], _T[ObservableType.USER]
_T_MUTEX, _T_KEY, _T_COMMAND = _T[ObservableType.MUTEX], _T[ObservableType.REGISTRY_KEY], _T[ObservableType.COMMAND_LINE]
_T_MD5, _T_SHA1, _T_SHA256 = _T[ObservableType.MD5], _T[ObservableType.SHA1], _T[ObservableType.SHA256]
_T_SHA512, _T_IMPHASH, _T_TREE = _T[ObservableType.SHA512], _T[ObservableType.IMPHASH], hashing.TREE
_CLASSES = byte_classes()
_SPELLINGS, _ROOTS = root_spellings()
_TAGS = np.array([hashing.tag(number) for number in range(hashing.TREE + 1)], dtype=np.uint64)

# What the set holds, one bit for each type.
_B_IP = (1 << _T_IPV4) | (1 << _T_IPV6)
_B_DOMAIN = (1 << _T_DOMAIN) | (1 << _T_TREE)
_B_URL = 1 << _T_URL
_B_EMAIL = 1 << _T_EMAIL
_B_NAME = 1 << _T_NAME
_B_HASH = (1 << _T_MD5) | (1 << _T_SHA1) | (1 << _T_SHA256) | (1 << _T_SHA512) | (1 << _T_IMPHASH)

# Bytes with a meaning of their own.
_TAB, _LF, _CR, _SPACE = 0x09, 0x0A, 0x0D, 0x20
_QUOTE, _APOSTROPHE, _HASH, _PERCENT = 0x22, 0x27, 0x23, 0x25
_DASH, _DOT, _SLASH, _COLON = 0x2D, 0x2E, 0x2F, 0x3A
_QUESTION, _AT, _OPEN, _BACKSLASH, _CLOSE = 0x3F, 0x40, 0x5B, 0x5C, 0x5D
_ZERO, _NINE, _LETTER_A, _LETTER_Z = 0x30, 0x39, 0x61, 0x7A

_HTTP, _HTTP_PORT = np.frombuffer(b"http", np.uint8), np.frombuffer(b"80", np.uint8)
_HTTPS, _HTTPS_PORT = np.frombuffer(b"https", np.uint8), np.frombuffer(b"443", np.uint8)
_FTP, _FTP_PORT = np.frombuffer(b"ftp", np.uint8), np.frombuffer(b"21", np.uint8)


# -- the ends of a value


@inlined
def _is_edge(byte):
    return byte == _SPACE or byte == _TAB or byte == _CR or byte == _LF or byte == _QUOTE or byte == _APOSTROPHE


@inlined
def _trimmed(buffer, start, end):
    """Return (start, end) without blanks and quotation marks."""
    while start < end and _is_edge(buffer[start]):
        start += 1
    while end > start and _is_edge(buffer[end - 1]):
        end -= 1
    return start, end


# -- the table


@inlined
def _finish(state):
    state ^= state >> _SHIFT
    state *= _FINISH_A
    state ^= state >> _SHIFT
    state *= _FINISH_B
    state ^= state >> _SHIFT
    return state if state != _NONE else _ONE


@kernel
def _look_up(key, table, out, first, count):
    """Add the group of ``key``, once for each value; ``count`` runs on beyond the end of ``out``."""
    mask, slots = np.int64(table[SLOT_MASK]), np.int64(table[SLOTS])
    place = np.int64(key >> np.uint64(8)) & mask
    while table[slots + 2 * place] != _NONE:
        if table[slots + 2 * place] == key:
            group = np.int64(table[slots + 2 * place + 1])
            for seen in range(first, min(count, out.shape[0])):
                if out[seen] == group:
                    return count
            if count < out.shape[0]:
                out[count] = group
            return count + 1
        place = (place + 1) & mask
    return count


@inlined
def _probe(key, table, out, first, count):
    """Ask the bitmap, which fits the second-level cache, and only then the table."""
    word = table[BITMAP + np.int64((key >> np.uint64(40)) & table[WORD_MASK])]
    wanted = (_ONE << (key & _SIX_BITS)) | (_ONE << ((key >> np.uint64(6)) & _SIX_BITS))
    if (word & wanted) != wanted:
        return count
    return _look_up(key, table, out, first, count)


@inlined
def _probe_state(state, number, table, out, first, count):
    return _probe(_finish(state ^ _TAGS[number]), table, out, first, count)


@inlined
def _run(state, buffer, start, end):
    """Return the state after some more bytes."""
    for place in range(start, end):
        state = (state ^ np.uint64(buffer[place])) * _STEP
    return state


@inlined
def _whole(buffer, start, end, number, table, out, first, count):
    if end - start > MAX_BYTES:
        return count
    return _probe_state(_run(table[SEED], buffer, start, end), number, table, out, first, count)


# -- addresses


@inlined
def _hex_digit(byte):
    """Return the value of a lower-case hexadecimal digit, -1 for anything else."""
    if _ZERO <= byte <= _NINE:
        return np.int64(byte) - _ZERO
    return np.int64(byte) - (_LETTER_A - 10) if _LETTER_A <= byte <= _LETTER_A + 5 else np.int64(-1)


@kernel
def _ipv4(buffer, start, end):
    """Return the dotted address as a number, -1 if it is none."""
    if end - start > 15 or end - start < 7:
        return np.int64(-1)
    total, part, digits, dots = np.int64(0), np.int64(0), 0, 0
    for place in range(start, end):
        digit = np.int64(buffer[place]) - _ZERO
        if buffer[place] == _DOT and digits:
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
def _ipv6(buffer, start, end):
    """Return (high half, low half, 1), or zeros if it is no IPv6 address."""
    head_high, head_low, high, low = _NONE, _NONE, _NONE, _NONE
    count, gap, place = 0, -1, start
    if end - start >= 2 and buffer[start] == _COLON and buffer[start + 1] == _COLON:
        gap, place = 0, start + 2
    while place < end:
        group_start, group, digits = place, np.int64(0), 0
        while place < end and digits < 5 and _hex_digit(buffer[place]) >= 0:
            group = (group << 4) | _hex_digit(buffer[place])
            place += 1
            digits += 1
        if place < end and buffer[place] == _DOT:
            tail = _ipv4(buffer, group_start, end)
            if tail < 0:
                return _NONE, _NONE, 0
            high, low = (high << np.uint64(32)) | (low >> np.uint64(32)), (low << np.uint64(32)) | np.uint64(tail)
            count += 2
            place = end
            break
        if digits == 0 or digits > 4 or count >= 8:
            return _NONE, _NONE, 0
        high, low = (high << np.uint64(16)) | (low >> np.uint64(48)), (low << np.uint64(16)) | np.uint64(group)
        count += 1
        if place == end:
            break
        if buffer[place] != _COLON or place + 1 == end:
            return _NONE, _NONE, 0
        place += 1
        if buffer[place] == _COLON:
            if gap >= 0:
                return _NONE, _NONE, 0
            gap, place = count, place + 1
            head_high, head_low, high, low = high, low, _NONE, _NONE
    if (gap < 0 and count != 8) or (gap >= 0 and count > 7):
        return _NONE, _NONE, 0
    if gap < 0:
        return high, low, 1
    for _ in range(8 - gap):
        head_high, head_low = (head_high << np.uint64(16)) | (head_low >> np.uint64(48)), head_low << np.uint64(16)
    return head_high | high, head_low | low, 1


@kernel
def _networks(high, low, number, width, table, out, first, count):
    """Ask for an address in every prefix length that the set has; ``width`` is 32 or 128 bits."""
    seed = table[SEED]
    start = LENGTHS4 if width == 32 else LENGTHS6
    for index in range(start, start + np.int64(table[COUNT4 if width == 32 else COUNT6])):
        length = np.int64(table[index])
        spare = width - length  # bits to clear
        masked_high, masked_low = high, _NONE
        if spare < 64:
            cut = np.uint64(spare)
            masked_low = (low >> cut) << cut
        elif spare < 128:
            cut = np.uint64(spare - 64)
            masked_high = (high >> cut) << cut
        else:
            masked_high = _NONE
        state = _finish(((seed ^ _TAGS[number] ^ np.uint64(length)) * _STEP) ^ masked_high)
        count = _probe(_finish((state ^ masked_low) * _STEP), table, out, first, count)
    return count


@kernel
def _plain_address(buffer, start, end, table, out, first, count):
    """Look for an address without port or brackets."""
    number = _ipv4(buffer, start, end)
    if number >= 0:
        return _networks(_NONE, np.uint64(number), _T_IPV4, 32, table, out, first, count)
    high, low, good = _ipv6(buffer, start, end)
    if not good:
        return count
    if high == _NONE and (low >> np.uint64(32)) == np.uint64(0xFFFF):
        return _networks(_NONE, low & np.uint64(0xFFFFFFFF), _T_IPV4, 32, table, out, first, count)
    return _networks(high, low, _T_IPV6, 128, table, out, first, count)


@kernel
def _address(buffer, start, end, table, out, first, count):
    """Look for an address, perhaps in brackets, with a port or a zone."""
    if end <= start or (_hex_digit(buffer[start]) < 0 and buffer[start] != _COLON and buffer[start] != _OPEN):
        return count
    colons, dots, colon = 0, 0, end
    for place in range(start, min(end, start + 128)):
        byte = buffer[place]
        if byte == _COLON:
            colons += 1
            colon = place
        elif byte == _DOT:
            dots += 1
        elif byte == _PERCENT or byte == _CLOSE:
            end = place
            break
    if buffer[start] == _OPEN:
        start += 1
    elif colons == 1:
        end = colon
    if end - start > 45 or (colons < 2 and dots != 3):
        return count
    return _plain_address(buffer, start, end, table, out, first, count)


# -- names


@inlined
def _without_port(buffer, start, end):
    """Return the end without ``:`` and one to five digits."""
    place = end
    while place > start and end - place < 6 and _ZERO <= buffer[place - 1] <= _NINE:
        place -= 1
    return place - 1 if place < end and end - place < 6 and place > start and buffer[place - 1] == _COLON else end


@kernel
def _domain(buffer, start, end, table, out, first, count):
    """Look for a host name and its parents, from the end; no port."""
    if end > start and buffer[end - 1] == _DOT:
        end -= 1
    if end - start > 1012 or end - start < 3:  # 253 characters of up to 4 bytes
        return count
    tree = (np.int64(table[PRESENT]) >> _T_TREE) & 1
    state = table[SEED]
    for back in range(end - start):
        byte = buffer[end - 1 - back]
        if tree and byte == _DOT:
            count = _probe_state(state, _T_TREE, table, out, first, count)
        state = (state ^ np.uint64(byte)) * _STEP
    if tree:
        count = _probe_state(state, _T_TREE, table, out, first, count)
    return _probe_state(state, _T_DOMAIN, table, out, first, count)


@inlined
def _host(buffer, start, end, table, out, first, count):
    """Look for a host as an address and as a name."""
    start, end = _trimmed(buffer, start, end)
    present = np.int64(table[PRESENT])
    if present & _B_IP:
        count = _address(buffer, start, end, table, out, first, count)
    if present & _B_DOMAIN:
        count = _domain(buffer, start, _without_port(buffer, start, end), table, out, first, count)
    return count


@inlined
def _spells(buffer, start, end, text):
    """Return whether ``buffer[start:end]`` is ``text``."""
    if end - start != len(text):
        return False
    for place in range(len(text)):
        if buffer[start + place] != text[place]:
            return False
    return True


@inlined
def _default_port(buffer, start, colon, port, end):
    """Return whether the port (digits only) is the scheme's own."""
    if _spells(buffer, start, colon, _HTTP):
        return _spells(buffer, port, end, _HTTP_PORT)
    if _spells(buffer, start, colon, _HTTPS):
        return _spells(buffer, port, end, _HTTPS_PORT)
    return _spells(buffer, start, colon, _FTP) and _spells(buffer, port, end, _FTP_PORT)


@kernel
def _url_from(buffer, start, colon, end, table, out, first, count):
    """Look for a URL whose scheme ends at ``colon``, and for its host."""
    begin = colon + 3
    stop = begin
    while stop < end and buffer[stop] != _SLASH and buffer[stop] != _QUESTION and buffer[stop] != _HASH:
        if buffer[stop] == _AT:
            begin = stop + 1
        stop += 1
    host_end = _without_port(buffer, begin, stop)
    port = host_end + 1
    if host_end > begin and buffer[host_end - 1] == _DOT:
        host_end -= 1
    count = _host(buffer, begin, host_end, table, out, first, count)
    if not np.int64(table[PRESENT]) & _B_URL:
        return count
    state = _run(table[SEED], buffer, start, colon + 3)
    state = _run(state, buffer, begin, host_end)
    if port < stop and not _default_port(buffer, start, colon, port, stop):
        state = _run(state, buffer, port - 1, stop)
    if stop == end or buffer[stop] != _SLASH:
        state = (state ^ np.uint64(_SLASH)) * _STEP
    place = stop
    while place < end and buffer[place] != _HASH and place - stop <= MAX_BYTES:
        state = (state ^ np.uint64(buffer[place])) * _STEP
        place += 1
    return _probe_state(state, _T_URL, table, out, first, count)


@kernel
def _url(buffer, start, end, table, out, first, count):
    """Look at a whole value as a URL, or as host and port where it has no scheme."""
    for place in range(start, min(end - 2, start + 32)):
        byte = buffer[place]
        if byte == _COLON and buffer[place + 1] == _SLASH and buffer[place + 2] == _SLASH:
            return _url_from(buffer, start, place, end, table, out, first, count)
        if byte == _SLASH:
            break
    return _host(buffer, start, end, table, out, first, count)


@kernel
def _path(buffer, start, end, table, out, first, count):
    """Look for a path, its last component and its parent directory."""
    if end - start >= 4 and buffer[start] == _BACKSLASH and buffer[start + 1] == 0x3F and buffer[start + 2] == 0x3F:
        start += 4 * (buffer[start + 3] == _BACKSLASH)
    if end - start >= 4 and buffer[start] == _BACKSLASH and buffer[start + 1] == _BACKSLASH and buffer[start + 2] == 0x3F:
        start += 4 * (buffer[start + 3] == _BACKSLASH)
    seed = table[SEED]
    whole, name, parent = seed, seed, seed
    separated, parents = False, False
    for place in range(start, end):
        byte = buffer[place]
        if byte == _SLASH or byte == _BACKSLASH:
            if not separated and place > start:
                parent, parents = whole, True
            separated = True
            whole = (whole ^ np.uint64(byte)) * _STEP
            name = seed
        else:
            separated = False
            whole = (whole ^ np.uint64(byte)) * _STEP
            name = (name ^ np.uint64(byte)) * _STEP
    count = _probe_state(name, _T_NAME, table, out, first, count)
    count = _probe_state(whole, _T_PATH, table, out, first, count)
    return _probe_state(parent, _T_DIRECTORY, table, out, first, count) if parents else count


@kernel
def _user(buffer, start, end, table, out, first, count):
    """Look for an account with and without its domain."""
    count = _whole(buffer, start, end, _T_USER, table, out, first, count)
    place = end
    while place > start and end - place <= MAX_BYTES and buffer[place - 1] != _BACKSLASH:
        place -= 1
    return _whole(buffer, place, end, _T_USER, table, out, first, count) if place > start else count


@inlined
def _root(buffer, start, end):
    """Return (place after the root's spelling, where its short form begins, where it ends); a short root stands for itself."""
    for index in range(_ROOTS.shape[0]):
        begin, stop = _ROOTS[index, 0], _ROOTS[index, 1]
        if end - start >= stop - begin:
            same = True
            for place in range(stop - begin):
                if buffer[start + place] != _SPELLINGS[begin + place]:
                    same = False
                    break
            if same:
                return start + stop - begin, _ROOTS[index, 2], _ROOTS[index, 3]
    return start, np.int64(0), np.int64(0)


@kernel
def _registry(buffer, start, end, table, out, first, count):
    """Look for a key of the registry and for its parent."""
    while end > start and buffer[end - 1] == _BACKSLASH:
        end -= 1
    place, short, short_end = _root(buffer, start, end)
    if short_end - short == 4 and _SPELLINGS[short + 2] == 0x75 and end - place >= 4:  # hku\
        sid = buffer[place] == 0x73 and buffer[place + 1] == _DASH and buffer[place + 2] == 0x31 and buffer[place + 3] == _DASH
        cut = place
        while sid and cut < end and buffer[cut] != _BACKSLASH:
            cut += 1
        if sid and cut < end:
            place, short, short_end = cut + 1, _ROOTS[0, 4], _ROOTS[0, 5]  # hkcu\
    state = _run(table[SEED], _SPELLINGS, short, short_end)
    parent = _run(table[SEED], _SPELLINGS, short, max(short, short_end - 1))
    for index in range(place, end):
        if buffer[index] == _BACKSLASH:
            parent = state
        state = (state ^ np.uint64(buffer[index])) * _STEP
    count = _probe_state(state, _T_KEY, table, out, first, count)
    return _probe_state(parent, _T_KEY, table, out, first, count)


# -- free text


@kernel
def _hash_word(buffer, start, end, table, out, first, count):
    """Look for a hash: 32, 40, 64 or 128 hexadecimal digits."""
    while start < end and (buffer[start] == _DASH or buffer[start] == _DOT):
        start += 1
    while start < end and (buffer[end - 1] == _DASH or buffer[end - 1] == _DOT):
        end -= 1
    size = end - start
    if size != 32 and size != 40 and size != 64 and size != 128:
        return count
    state = table[SEED]
    for place in range(start, end):
        if _hex_digit(buffer[place]) < 0:
            return count
        state = (state ^ np.uint64(buffer[place])) * _STEP
    if size == 32:
        count = _probe_state(state, _T_IMPHASH, table, out, first, count)
        return _probe_state(state, _T_MD5, table, out, first, count)
    number = _T_SHA1 if size == 40 else _T_SHA256 if size == 64 else _T_SHA512
    return _probe_state(state, number, table, out, first, count)


@kernel
def _dotted_word(buffer, start, end, table, out, first, count):
    """Look for an IPv4 address, a domain or a file name."""
    while start < end and (buffer[start] == _DASH or buffer[start] == _DOT):
        start += 1
    while start < end and (buffer[end - 1] == _DASH or buffer[end - 1] == _DOT):
        end -= 1
    if end - start < 3 or end - start > MAX_BYTES:
        return count
    present = np.int64(table[PRESENT])
    if _ZERO <= buffer[end - 1] <= _NINE and _ZERO <= buffer[start] <= _NINE:
        number = _ipv4(buffer, start, end)
        if number >= 0:
            return _networks(_NONE, np.uint64(number), _T_IPV4, 32, table, out, first, count)
    if present & _B_NAME:
        count = _whole(buffer, start, end, _T_NAME, table, out, first, count)
    return _domain(buffer, start, end, table, out, first, count) if present & _B_DOMAIN else count


@kernel
def _address6_word(buffer, start, end, table, out, first, count):
    """Look for an IPv6 address in a run of its characters."""
    while start < end and buffer[end - 1] == _DOT:
        end -= 1
    if end - start >= 2 and buffer[end - 1] == _COLON and buffer[end - 2] != _COLON:
        end -= 1
    if end - start > 45 or end - start < 2:
        return count
    return _plain_address(buffer, start, end, table, out, first, count)


@kernel
def _mail(buffer, start, at, end, table, out, first, count):
    """Look for an address of electronic mail around an ``@``."""
    begin, stop = at, at + 1
    while begin > start and at - begin < 64 and _CLASSES[buffer[begin - 1]] & LOCAL:
        begin -= 1
    while stop < end and stop - at <= 1024 and _CLASSES[buffer[stop]] & ATOM:
        stop += 1
    while stop > at + 1 and (buffer[stop - 1] == _DASH or buffer[stop - 1] == _DOT):
        stop -= 1
    return _whole(buffer, begin, stop, _T_EMAIL, table, out, first, count) if begin < at and stop > at + 1 else count


@inlined
def _is_scheme(buffer, start, end):
    """Return whether a word is a scheme: a letter and one to fifteen letters or digits."""
    if end - start < 2 or end - start > 16 or not _LETTER_A <= buffer[start] <= _LETTER_Z:
        return False
    for place in range(start, end):
        byte = buffer[place]
        if not (_LETTER_A <= byte <= _LETTER_Z or _ZERO <= byte <= _NINE):
            return False
    return True


@kernel
def _link(buffer, word, colon, end, table, out, first, count):
    """Look for a URL in free text; return (count, where it ends)."""
    stop = colon + 3
    while stop < end and not _CLASSES[buffer[stop]] & STOP:
        stop += 1
    tail = stop
    while tail > colon + 3 and _ends_link(buffer[tail - 1]):
        tail -= 1
    return _url_from(buffer, word, colon, tail, table, out, first, count), stop


@inlined
def _ends_link(byte):
    """Return whether a byte at the end of a URL belongs to the sentence around it: one of ``.,:!?]``."""
    return byte == _DOT or byte == 0x2C or byte == _COLON or byte == 0x21 or byte == _QUESTION or byte == _CLOSE


@kernel
def _words(buffer, start, end, mode, table, out, first, count):
    """Go once over a text, word by word."""
    present = np.int64(table[PRESENT])
    free = mode & _SCAN
    dotted = free and present & (_B_IP | _B_DOMAIN | _B_NAME)
    links = free and present & (_B_URL | _B_IP | _B_DOMAIN)
    sixes = free and present & _B_IP
    hashes = mode & (_SCAN | _HASHES | _IMPHASH) and present & _B_HASH
    mails = mode & (_SCAN | _EMAIL) and present & _B_EMAIL
    place, word, link_end, six_end = start, start, start, start
    while place < end:
        byte = buffer[place]
        if _CLASSES[byte] & ATOM:
            word = place
            dots = 0
            while place < end and _CLASSES[buffer[place]] & ATOM:
                dots += buffer[place] == _DOT
                place += 1
            if dots and dotted:
                count = _dotted_word(buffer, word, place, table, out, first, count)
            if hashes and place - word >= 32:
                count = _hash_word(buffer, word, place, table, out, first, count)
            continue
        if byte == _COLON:
            if links and place + 2 < end and buffer[place + 1] == _SLASH and buffer[place + 2] == _SLASH and word >= link_end:
                if _is_scheme(buffer, word, place):
                    count, link_end = _link(buffer, word, place, end, table, out, first, count)
            if sixes and place >= six_end:
                count, six_end = _six(buffer, start, place, end, six_end, table, out, first, count)
        elif byte == _AT and mails:
            count = _mail(buffer, start, place, end, table, out, first, count)
        place += 1
        word = place
    return count


@kernel
def _six(buffer, start, colon, end, after, table, out, first, count):
    """Look for an IPv6 address around the first colon of a run of its characters; return (count, where the run ends)."""
    begin, stop = colon, colon
    while begin > after and begin > start and _CLASSES[buffer[begin - 1]] & SIX:
        begin -= 1
    while stop < end and _CLASSES[buffer[stop]] & SIX:
        stop += 1
    left = begin > start and _CLASSES[buffer[begin - 1]] & (ATOM | SIX)
    right = stop < end and _CLASSES[buffer[stop]] & (ATOM | SIX)
    if not left and not right:
        count = _address6_word(buffer, begin, stop, table, out, first, count)
    return count, stop


# -- the entry


@kernel
def probe_value(buffer, start, end, mode, table, out_hits, n_hits):
    """Write the index groups that may match one value.

    Args:
        buffer: uint8; ``buffer[start:end]`` is the value, unescaped and folded UTF-8.
        start, end: where the value stands.
        mode: ``Mode`` of the value's field, as a number.
        table: ``IndicatorIndex.table``.
        out_hits: int64; groups are written from ``n_hits`` on.
        n_hits: how many groups ``out_hits`` holds.

    Returns:
        ``n_hits`` plus the groups found in this value, each once. A result greater than ``len(out_hits)`` tells how many had no room.
    """
    full_start, full_end, first, count = start, end, n_hits, n_hits
    start, end = _trimmed(buffer, start, end)
    if start == end:
        return count
    if mode & _IP:
        count = _address(buffer, start, end, table, out_hits, first, count)
    if mode & _DOMAIN:
        count = _domain(buffer, start, _without_port(buffer, start, end), table, out_hits, first, count)
    if mode & _URL:
        count = _url(buffer, start, end, table, out_hits, first, count)
    if mode & _PATH:
        count = _path(buffer, start, end, table, out_hits, first, count)
    if mode & _USER:
        count = _user(buffer, start, end, table, out_hits, first, count)
    if mode & _REGISTRY:
        count = _registry(buffer, start, end, table, out_hits, first, count)
    if mode & _MUTEX:
        count = _whole(buffer, start, end, _T_MUTEX, table, out_hits, first, count)
    if mode & _COMMAND:
        count = _whole(buffer, start, end, _T_COMMAND, table, out_hits, first, count)
    if mode & _WORDS:
        count = _words(buffer, full_start, full_end, mode, table, out_hits, first, count)
    return count
