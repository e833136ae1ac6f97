"""JSON bytes to a tape of fields, in one pass; the fast twin of ``kulla.telemetry.flatten``.

The tape is an int32 array with one row a value: field id (-1 for a field no rule and no
indicator asks for), start and end of the value in the data (without quotes), kind, start and end of
its own key. ``members`` lists the byte ranges that make up the event as people see it: the
members of transparent wrappers, key and value together.
"""

from __future__ import annotations

import numpy as np

from kulla.detection.kernel.hashing import look_up, step
from kulla.detection.kernel.jit import inlined, kernel
from kulla.detection.kernel.tables import I32, I64, U8, U64, Names, Ways
from kulla.detection.kernel.types import Int, Truth

# Columns of the tape.
FIELD, START, END, KIND, KEY_START, KEY_END = 0, 1, 2, 3, 4, 5
TAPE_COLUMNS = 6
# Kinds of values.
TEXT, ESCAPED, NUMBER, BOOLEAN, NULL, CONTAINER = 0, 1, 2, 3, 4, 5
# Outcomes: read; not JSON, or nested too deeply; valid but only the slow path can read it exactly.
READ, UNREADABLE, SLOW = 0, 1, 2

#: Deepest nesting, the same as flatten.MAX_DEPTH.
MAX_DEPTH = 64
# Columns of the stack: 1 for an object and 0 for an array; transparent way or -1; whether the path has a name; tape key.
_IS_OBJECT, _WAY, _NAMED, _KEY_START, _KEY_END = 0, 1, 2, 3, 4
STACK_COLUMNS = 5
_KEY, _VALUE, _AFTER = 0, 1, 2

_QUOTE, _BACKSLASH, _COMMA, _COLON, _DOT, _BLANK = 0x22, 0x5C, 0x2C, 0x3A, 0x2E, 0x20
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 0x7B, 0x7D, 0x5B, 0x5D
_MINUS, _PLUS, _ZERO, _NINE = 0x2D, 0x2B, 0x30, 0x39
_DOT_BYTE = np.uint8(_DOT)


@inlined
def skip_blanks(data: U8, place: Int, end: Int) -> Int:
    """Return the place of the next byte that is not JSON white space."""
    while place < end:
        byte = data[place]
        if byte > 0x20 or (byte != 0x20 and byte != 0x0A and byte != 0x0D and byte != 0x09):
            break
        place += 1
    return place


@inlined
def _is_hex(byte: Int) -> Truth:
    return 0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x46 or 0x61 <= byte <= 0x66


@inlined
def _escape(data: U8, place: Int, end: Int) -> Int:
    """Return the length of the escape at ``place``, 0 if it is none, -1 for a surrogate that has no partner."""
    if place + 1 >= end:
        return 0
    byte = data[place + 1]
    if byte != 0x75:
        known = byte == 0x22 or byte == 0x5C or byte == 0x2F or byte == 0x62 or byte == 0x66 or byte == 0x6E or byte == 0x72 or byte == 0x74
        return 2 if known else 0
    if place + 6 > end:
        return 0
    for offset in range(2, 6):
        if not _is_hex(data[place + offset]):
            return 0
    if (data[place + 2] | 0x20) == 0x64 and data[place + 3] >= 0x38:
        return _surrogate(data, place, end)
    return 6


@inlined
def _surrogate(data: U8, place: Int, end: Int) -> Int:
    """Return 12 for a pair of surrogate escapes; -1 for one alone, which only the slow path repairs."""
    high = data[place + 3] == 0x38 or data[place + 3] == 0x39 or (data[place + 3] | 0x20) == 0x61 or (data[place + 3] | 0x20) == 0x62
    if not high or place + 12 > end or data[place + 6] != _BACKSLASH or data[place + 7] != 0x75:
        return -1
    for offset in range(8, 12):
        if not _is_hex(data[place + offset]):
            return -1
    low = data[place + 9] | 0x20
    if (data[place + 8] | 0x20) == 0x64 and (0x63 <= low <= 0x66):
        return 12
    return -1


@inlined
def _string(data: U8, place: Int, end: Int) -> tuple[Int, Int, Int]:
    """Read a string whose opening quote is before ``place``.

    Returns (place of the closing quote, 1 if there was an escape, outcome).
    """
    escaped = 0
    while place < end:
        byte = data[place]
        if byte == _QUOTE:
            return place, escaped, READ
        if byte == _BACKSLASH:
            length = _escape(data, place, end)
            if length <= 0:
                return place, escaped, SLOW if length < 0 else UNREADABLE
            escaped = 1
            place += length
        elif byte < 0x20:
            return place, escaped, SLOW
        else:
            place += 1
    return place, escaped, UNREADABLE


@inlined
def _digits(data: U8, place: Int, end: Int) -> Int:
    while place < end and _ZERO <= data[place] <= _NINE:
        place += 1
    return place


@inlined
def _number(data: U8, place: Int, end: Int) -> Int:
    """Return the place after a JSON number (RFC 8259, section 6), or -1."""
    if place < end and data[place] == _MINUS:
        place += 1
    whole = _digits(data, place, end)
    if whole == place or (data[place] == _ZERO and whole > place + 1):
        return -1
    place = whole
    if place < end and data[place] == _DOT:
        fraction = _digits(data, place + 1, end)
        if fraction == place + 1:
            return -1
        place = fraction
    if place < end and (data[place] | 0x20) == 0x65:
        place += 1
        if place < end and (data[place] == _PLUS or data[place] == _MINUS):
            place += 1
        power = _digits(data, place, end)
        if power == place:
            return -1
        place = power
    return place


@inlined
def _word(data: U8, place: Int, end: Int) -> tuple[Int, Int]:
    """Return (place after true, false or null, kind), or (-1, 0)."""
    byte = data[place]
    if byte == 0x74 and place + 4 <= end and data[place + 1] == 0x72 and data[place + 2] == 0x75 and data[place + 3] == 0x65:
        return place + 4, BOOLEAN
    if byte == 0x6E and place + 4 <= end and data[place + 1] == 0x75 and data[place + 2] == 0x6C and data[place + 3] == 0x6C:
        return place + 4, NULL
    if (
        byte == 0x66
        and place + 5 <= end
        and data[place + 1] == 0x61
        and data[place + 2] == 0x6C
        and data[place + 3] == 0x73
        and data[place + 4] == 0x65
    ):
        return place + 5, BOOLEAN
    return np.int64(-1), 0


@inlined
def _is_text_key(data: U8, start: Int, end: Int) -> bool:
    return (
        end - start == 5
        and data[start] == 0x23
        and data[start + 1] == 0x74
        and data[start + 2] == 0x65
        and data[start + 3] == 0x78
        and data[start + 4] == 0x74
    )


@inlined
def _hash_name(data: U8, start: Int, end: Int, state: np.uint64) -> np.uint64:
    """Continue a path's hash over a key, in the form of ``fields.name_key``: ASCII lower case, no blanks."""
    for place in range(start, end):
        byte = data[place]
        if byte == _BLANK:
            continue
        if 0x41 <= byte <= 0x5A:
            byte = byte | np.uint8(0x20)
        state = step(state, byte)
    return state


@inlined
def _longer_path(data: U8, start: Int, end: Int, path: np.uint64, named: Int) -> np.uint64:
    """Return the hash of a path that goes on with a key."""
    return _hash_name(data, start, end, step(path, _DOT_BYTE) if named else path)


@inlined
def _hash_exact(data: U8, start: Int, end: Int, state: np.uint64) -> np.uint64:
    for place in range(start, end):
        state = step(state, data[place])
    return state


@inlined
def _transparent(data: U8, start: Int, end: Int, way: Int, ways: Ways, seed: np.uint64) -> Int:
    """Return the transparent way after a key, or -1 where the key names a field."""
    state = _hash_exact(data, start, end, step(seed, np.uint8(way)))
    found = look_up(ways.keys, ways.values, state)
    return found if found >= 0 else np.int64(ways.any_child[way])


@inlined
def _put(tape: I32, count: Int, field: Int, start: Int, end: Int, kind: Int, key_start: Int, key_end: Int) -> None:
    tape[count, FIELD] = field
    tape[count, START] = start
    tape[count, END] = end
    tape[count, KIND] = kind
    tape[count, KEY_START] = key_start
    tape[count, KEY_END] = key_end


@inlined
def _key_of(data: U8, place: Int, end: Int) -> tuple[Int, Int, Int]:
    """Read a member's key, whose opening quote is at ``place``, and its colon.

    Returns (place of the closing quote, place of the value, outcome).
    """
    if data[place] != _QUOTE:
        return place, place, UNREADABLE
    stop, escaped, outcome = _string(data, place + 1, end)
    if outcome != READ:
        return stop, place, outcome
    if escaped or stop == place + 1:
        return stop, place, SLOW
    place = skip_blanks(data, stop + 1, end)
    if place >= end or data[place] != _COLON:
        return stop, place, UNREADABLE
    place = skip_blanks(data, place + 1, end)
    return stop, place, READ if place < end else UNREADABLE


@inlined
def _scalar(data: U8, place: Int, end: Int, tape: I32, count: Int, field: Int, key_start: Int, key_end: Int) -> tuple[Int, Int]:
    """Put a string, number or word on the tape; return (place after it, outcome)."""
    byte = data[place]
    if byte == _QUOTE:
        stop, escaped, outcome = _string(data, place + 1, end)
        if outcome == READ:
            _put(tape, count, field, place + 1, stop, ESCAPED if escaped else TEXT, key_start, key_end)
        return stop + 1, outcome
    if byte == _MINUS or _ZERO <= byte <= _NINE:
        stop, kind = _number(data, place, end), NUMBER
    else:
        stop, kind = _word(data, place, end)
    if stop < 0:
        return place, UNREADABLE
    _put(tape, count, field, place, stop, kind, key_start, key_end)
    return stop, READ


@inlined
def _push(stack: I64, depth: Int, is_object: bool, way: Int, named: Int, key_start: Int, key_end: Int) -> None:
    stack[depth, _IS_OBJECT] = 1 if is_object else 0
    stack[depth, _WAY], stack[depth, _NAMED] = way, named
    stack[depth, _KEY_START], stack[depth, _KEY_END] = key_start, key_end


@kernel
def tokenise(
    data: U8, place: Int, end: Int, names: Names, ways: Ways, tape: I32, members: I32, stack: I64, paths: U64
) -> tuple[Int, Int, Int, Int]:
    """Read one event.

    Args:
        data, place, end: the batch's bytes, and the event's range in them.
        names, ways: path hash -> field id; the transparent wrappers.
        tape, members: int32 outputs, rows to spare make an event SLOW.
        stack, paths: int64 and uint64 scratch, MAX_DEPTH + 1 rows.

    Returns:
        (outcome, values on the tape, members, place where reading stopped).
    """
    seed = names.seed[0]
    count, member_count = 0, 0
    depth, state = 0, _VALUE
    way, named, path, field = np.int64(0), 0, seed, np.int64(-1)
    key_start, key_end = place, place
    member_depth = -1
    root = True
    while True:
        place = skip_blanks(data, place, end)
        if place >= end:
            return READ if depth == 0 and state == _AFTER else UNREADABLE, count, member_count, place
        byte = data[place]
        if state == _AFTER:
            if depth == member_depth:
                members[member_count, 1] = place
                member_count += 1
                member_depth = -1
            if depth == 0:
                return UNREADABLE, count, member_count, place
            in_object = stack[depth - 1, _IS_OBJECT] == 1
            if byte == _COMMA:
                place = skip_blanks(data, place + 1, end)
                if place >= end:
                    return UNREADABLE, count, member_count, place
                byte = data[place]
                state = _KEY if in_object else _VALUE
                if not in_object:
                    way, named, path = stack[depth - 1, _WAY], stack[depth - 1, _NAMED], paths[depth - 1]
                    key_start, key_end = stack[depth - 1, _KEY_START], stack[depth - 1, _KEY_END]
                    field = look_up(names.keys, names.values, path) if named else np.int64(-1)
            elif byte == (_CLOSE if in_object else _CLOSE_LIST):
                depth -= 1
                place += 1
                continue
            else:
                return UNREADABLE, count, member_count, place
        if state == _KEY:
            key_start = place + 1
            key_end, place, outcome = _key_of(data, place, end)
            if outcome != READ:
                return outcome, count, member_count, place
            byte = data[place]
            parent_way, named, path = stack[depth - 1, _WAY], stack[depth - 1, _NAMED], paths[depth - 1]
            container = byte == _OPEN or byte == _OPEN_LIST
            way = np.int64(-1)
            if container and parent_way >= 0:
                way = _transparent(data, key_start, key_end, parent_way, ways, seed)
            fresh = way < 0 and not (named and _is_text_key(data, key_start, key_end))
            if fresh:
                path, named = _longer_path(data, key_start, key_end, path, named), 1
            field = look_up(names.keys, names.values, path) if way < 0 else np.int64(-1)
            if fresh and ((parent_way >= 0 and member_count >= members.shape[0]) or (container and count >= tape.shape[0])):
                return SLOW, count, member_count, place
            if fresh and parent_way >= 0:
                members[member_count, 0] = key_start - 1
                member_depth = depth
            if fresh and container:
                _put(tape, count, field, place, place, CONTAINER, key_start, key_end)
                count += 1
            state = _VALUE
        if byte == _OPEN or byte == _OPEN_LIST:
            is_object = byte == _OPEN
            if depth >= MAX_DEPTH or (root and not is_object):
                return UNREADABLE, count, member_count, place
            root = False
            _push(stack, depth, is_object, way, named, key_start, key_end)
            paths[depth] = path
            depth += 1
            place = skip_blanks(data, place + 1, end)
            if place >= end:
                return UNREADABLE, count, member_count, place
            byte = data[place]
            if byte == (_CLOSE if is_object else _CLOSE_LIST):
                depth -= 1
                place += 1
                state = _AFTER
            else:
                state = _KEY if is_object else _VALUE
            continue
        if root or count >= tape.shape[0]:
            return UNREADABLE if root else SLOW, count, member_count, place
        place, outcome = _scalar(data, place, end, tape, count, field, key_start, key_end)
        if outcome != READ:
            return outcome, count, member_count, place
        count += 1
        state = _AFTER
